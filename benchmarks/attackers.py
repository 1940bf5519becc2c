"""What strangers do to a server, in processes of their own; they go on until they are ended.

None has an account, unless said: a cookie that they show is made up, and only looks like one.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

from benchmarks.socket_io import TEXT, frame, handshake, open_wire, read_welcome

AT_ONCE = 64
KNOCKS_A_SECOND = 2000
HALF_OPEN = 1030
FRAGMENT = b"x" * 65_535
CONTINUATION = 0x0
LEAST_URGENT = 19

Count = Callable[[], None]
Attack = Callable[[str, Count], None]


@contextmanager
def under(attack: Attack, url: str, *, peers: int = 1) -> Iterator[Callable[[], int]]:
    """Have so many peers attack while the block runs; give a function that tells how often they have, altogether.

    What they do is for each attack to say. They yield the processor to whoever measures.
    """
    context = get_context("fork")
    counts = [context.Value("L", 0, lock=False) for _ in range(peers)]
    processes = [context.Process(target=_attack, args=(attack, url, count), daemon=True) for count in counts]
    for process in processes:
        process.start()
    try:
        yield lambda: sum(count.value for count in counts)
        assert all(process.is_alive() for process in processes), "an attack ended by itself"
    finally:
        for process in processes:
            process.kill()
            process.join()


def knocking(request: bytes) -> Attack:
    """Return an attack that sends this on one connection after the other and hangs up at any answer.

    2,000 a second where server and machine can, at most 64 at once. Counts answers.
    """

    def attack(url: str, count: Count) -> None:
        allowed, last = 0.0, time.monotonic()
        with selectors.DefaultSelector() as waiting:
            while True:
                now = time.monotonic()
                allowed, last = min(allowed + (now - last) * KNOCKS_A_SECOND, AT_ONCE), now
                while allowed >= 1 and len(waiting.get_map()) < AT_ONCE:
                    allowed -= 1
                    with suppress(OSError):
                        waiting.register(_say(url, request), selectors.EVENT_READ)
                for wire in _answered(waiting):
                    wire.close()
                    count()

    return attack


def half_open(url: str, count: Count) -> None:
    """Hold 1,030 connections that never finish their request. Counts those that were opened."""
    with selectors.DefaultSelector() as held:
        while True:
            while len(held.get_map()) < HALF_OPEN:
                held.register(_say(url, b"GET /up HTTP/1.1\r\nHost: "), selectors.EVENT_READ)
                count()
            for wire in _answered(held):
                wire.close()


def endless_fragments(cookie: str) -> Attack:
    """Return an attack that sends one message in pieces of 64 KB that never ends, and begins anew when cut off.

    cookie: of a device that is signed in, without which there is no WebSocket.  Counts pieces.
    """

    def attack(url: str, count: Count) -> None:
        while True:
            with suppress(OSError, AssertionError), closing(_say(url, handshake(url, cookie))) as wire:
                read_welcome(wire)
                wire.sendall(frame(FRAGMENT, opcode=TEXT, is_last=False))
                while True:
                    wire.sendall(frame(FRAGMENT, opcode=CONTINUATION, is_last=False))
                    count()

    return attack


def legacy_handshake(url: str) -> bytes:
    """Return the handshake of 2010 (draft-hixie-thewebsocketprotocol-76), and the start of a message without an end."""
    lines = [
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Origin: {url}",
        f"Cookie: {made_up_cookie()}",
        "Connection: Upgrade",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
        "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + b"^n:ds[4U\0" + FRAGMENT


def made_up_cookie() -> str:
    """Return a cookie that looks like that of a device, under both names that it may have."""
    secret = os.urandom(32).hex()
    return f"homechat={secret}; __Host-homechat={secret}"


def _attack(attack: Attack, url: str, number: Any) -> None:
    os.nice(LEAST_URGENT)

    def count() -> None:
        number.value += 1

    attack(url, count)


def _say(url: str, words: bytes) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname is not None
    wire = open_wire(address.hostname, address.port or 80)
    wire.sendall(words)
    return wire


def _answered(waiting: selectors.BaseSelector) -> Iterator[socket.socket]:
    """Give those that have got an answer or been cut off, and wait for them no longer."""
    for key, _ in waiting.select(0.01):
        waiting.unregister(key.fileobj)
        assert isinstance(key.fileobj, socket.socket)
        yield key.fileobj
