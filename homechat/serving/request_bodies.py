"""Bodies of requests, read to their end before anything else of the house is touched.

Whoever sends a byte now and then must hold neither a database connection nor a place among those who write. So nobody
behind this layer ever waits for a client's next byte, and one deadline covers the whole body.
"""

import socket
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from homechat.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORM = "application/x-www-form-urlencoded"
READER = "homechat.read_within"
MEMORY_BYTES = 65_536
PIECE_BYTES = 65_536
FIELDS_MAX = 1000

Reader = Callable[[int, float], bytes]


class WholeBodies:
    """WSGI: hand on a body that is all there; answer 413 before reading too much, 408 when it does not come in time.

    And 400 to a form of more than 1,000 fields: to take half a megabyte of them apart takes a quarter of a second.
    """

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._bytes_max = settings.request_bytes
        self._seconds = settings.request_seconds

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = _length_of(environ)
        if length == 0:
            return self._app(environ, start_response)
        if length is None:
            return _refuse(start_response, "400 Bad Request", "The length of the body makes no sense.")
        if length > self._bytes_max:
            return _refuse(start_response, "413 Content Too Large", "That is too big to send.")
        body: IO[bytes] = BytesIO() if length <= MEMORY_BYTES else TemporaryFile()  # noqa: SIM115 - see `close`
        try:
            separators = _copy(_reader_of(environ), body, length, until=time.monotonic() + self._seconds)
        except (TimeoutError, EOFError, ConnectionError) as error:
            body.close()
            if isinstance(error, TimeoutError):
                return _refuse(start_response, "408 Request Timeout", "That took too long to send.")
            return _refuse(start_response, "400 Bad Request", "The body ends too early.")
        if separators >= FIELDS_MAX and environ.get("CONTENT_TYPE", "").lower().startswith(FORM):
            body.close()
            return _refuse(start_response, "400 Bad Request", "That form has too many fields.")
        body.seek(0)
        environ["wsgi.input"] = body
        return ClosingIterator(self._app(environ, start_response), [body.close])


def reader(connection: socket.socket, read1: Callable[[int], bytes]) -> Reader:
    """Return what a web server puts into the environment as READER: what has come of the body within some seconds.

    read1: gives what has come, so many bytes at most, b"" at the end, and waits for the first of them only.
    """

    def read_within(size: int, seconds: float) -> bytes:
        usual = connection.gettimeout()
        connection.settimeout(seconds)
        try:
            return read1(size)
        finally:
            connection.settimeout(usual)

    return read_within


def _length_of(environ: "WSGIEnvironment") -> int | None:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else None


def _reader_of(environ: "WSGIEnvironment") -> Reader:
    given: Reader = environ.get(READER) or (lambda size, seconds: environ["wsgi.input"].read(size))
    return given


def _copy(read: Reader, body: IO[bytes], length: int, *, until: float) -> int:
    """Copy what comes, and return how often it has what stands between the fields of a form."""
    separators = 0
    while length:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        piece = read(min(length, PIECE_BYTES), left)
        if not piece:
            raise EOFError
        body.write(piece)
        length -= len(piece)
        separators += piece.count(b"&")
    return separators


def _refuse(start_response: "StartResponse", status: str, sentence: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{sentence}\n".encode()]
