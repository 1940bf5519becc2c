"""One POST to somebody else's server, in a time that is bounded whatever that server does.

The name is looked up once, each answer is judged (`outgoing.py`), and the connection goes to an address that was
judged, with the name for TLS and in `Host`. No redirect is followed, no proxy of the environment is used, and little is
read: of everything that comes back, head and handshake included, HEARD_BYTES_MAX bytes.

Every wait has what is left of one deadline, so that an answer that drips in a byte at a time ends in time, too; TLS is
spoken over our own socket for the same reason. Ordinary sockets only: green ones where eventlet has replaced them.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from homechat import offload
from homechat.security.outgoing import PrivateHosts, Refused, Target, addresses_to_call, is_literal, target_of
from homechat.turns import NoTurnError, TooManyWaitError, Turns

SECONDS = 10.0
HEARD_BYTES_MAX = 131_072
"""Of one call, everything that comes back. Whoever talks without end is soon talking to nobody."""
ANSWER_BYTES_MAX = 65_536
INTERIM_ANSWERS_MAX = 10
"""How often the other end may say "100 Continue" before it answers (RFC 9110, section 15.2: any number)."""
ADDRESSES_MAX = 3
# Each holds a native thread, for as long as the resolver likes; those threads do other things, too.
LOOKUPS_AT_ONCE_MAX, LOOKUPS_OF_ONE_PERSON = 4, 2
LOOKUPS_WAITING_MAX = 100

T = TypeVar("T")

lookups = Turns(LOOKUPS_AT_ONCE_MAX, of_one_person=LOOKUPS_OF_ONE_PERSON, waiting_max=LOOKUPS_WAITING_MAX)


class NotSent(Exception):
    """There was no answer. problem: a word for why: refused, unknown_host, unreachable, timeout, tls or broken."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class LookupsBusy(NotSent):
    """So many other names were being looked up all the time that it did not even begin."""

    def __init__(self) -> None:
        super().__init__("timeout")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    listed: PrivateHosts,
    person_id: int,
    seconds: float = SECONDS,
) -> int:
    """Send `body` to `url` and return the status of the answer, whatever it says besides.

    listed: the internal hosts that may be called.  person_id: who wants it; people take turns at looking names up.
    seconds: for all of it, the look-up included.
    Raises NotSent, and LookupsBusy of these. Waits: never within a transaction or with a database connection in hand.
    """
    until = time.monotonic() + seconds
    try:
        target = target_of(url)
        addresses = addresses_to_call(target, _look_up(target, person_id, until), listed)
        with _connect(addresses, target.port, until) as plain:
            return _ask(plain, target, body, headers, until)
    except Refused as error:
        raise NotSent("refused") from error
    except TimeoutError as error:
        raise NotSent("timeout") from error
    except ssl.SSLError as error:
        raise NotSent("tls") from error
    except socket.gaierror as error:
        raise NotSent("unknown_host") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotSent("broken") from error


def _look_up(target: Target, person_id: int, until: float) -> list[str]:
    if is_literal(target.host):
        return [target.host]
    try:
        with lookups.one(person_id, seconds=_left(until)):
            found = offload.in_native_thread(
                socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM
            )
    except (NoTurnError, TooManyWaitError) as error:
        raise LookupsBusy from error
    return [str(answer[4][0]) for answer in found]


def _connect(addresses: list[str], port: int, until: float) -> socket.socket:
    """Return a connection to the first address that takes one; a dead one does not use up the time of the next."""
    tried = addresses[:ADDRESSES_MAX]
    for number, address in enumerate(tried):
        plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            plain.settimeout(_left(until) / (len(tried) - number))
            plain.connect((address, port))
        except OSError as error:
            plain.close()
            if number == len(tried) - 1:
                raise error if isinstance(error, TimeoutError) else NotSent("unreachable") from error
        else:
            return plain
    raise NotSent("unreachable")


def _ask(plain: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], until: float) -> int:
    wire = _TlsWire(plain, until, target.host) if target.is_https else _Wire(plain, until)
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.response_class = _Answer
    connection.sock = wire
    connection.request(
        "POST", target.path, body, {"Host": target.authority, "Connection": "close", **headers}
    )
    answer = connection.getresponse()
    with suppress(OSError, http.client.HTTPException):
        answer.read(ANSWER_BYTES_MAX)  # For good manners; the status is all that we want.
    return answer.status


class TooMuch(OSError):
    """The other end does not come to its end."""


class _Answer(http.client.HTTPResponse):
    """An answer with a bounded number of others before it; `http.client` skips those for as long as they come."""

    _status_lines = 0

    def _read_status(self) -> tuple[str, int, str]:
        self._status_lines += 1
        if self._status_lines > INTERIM_ANSWERS_MAX + 1:
            raise TooMuch
        line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        return line


class _Wire:
    """What `http.client` needs of a socket, with one deadline and one measure over everything."""

    def __init__(self, plain: socket.socket, until: float) -> None:
        self._socket = plain
        self._until = until
        self._heard_bytes = 0

    def sendall(self, data: bytes) -> None:
        """Send all of `data`. Raises TimeoutError."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(_left(self._until))
            rest = rest[self._socket.send(rest) :]

    def receive(self, size: int) -> bytes:
        """Return what has come, `size` bytes at most, b"" at the end. Raises TimeoutError, TooMuch."""
        left = HEARD_BYTES_MAX - self._heard_bytes
        if left <= 0:
            raise TooMuch
        self._socket.settimeout(_left(self._until))
        data = self._socket.recv(min(size, left))
        self._heard_bytes += len(data)
        return data

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self.receive))

    def close(self) -> None:
        """Whoever opened the socket closes it."""


class _TlsWire(_Wire):
    """The same, encrypted: OpenSSL works on memory, and every byte goes by the deadline."""

    def __init__(self, plain: socket.socket, until: float, host: str) -> None:
        super().__init__(plain, until)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _trust().wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._run(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            piece = rest
            rest = rest[self._run(lambda piece=piece: self._tls.write(piece)) :]  # type: ignore[misc]

    def receive(self, size: int) -> bytes:
        try:
            return self._run(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                if data := super().receive(ANSWER_BYTES_MAX):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if pending := self._outgoing.read():
            super().sendall(pending)


class _Incoming(io.RawIOBase):
    """A file over what is received."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@cache
def _trust() -> ssl.SSLContext:
    """Return whose certificates we believe: those of the system. Reading them takes 30 ms, the first time."""
    return offload.in_native_thread(ssl.create_default_context)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
