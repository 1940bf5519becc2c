"""Many clients that are listened to together, in one loop, cheap enough not to be what is measured."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

READ_BYTES = 262_144
PATIENCE_SECONDS = 60.0


class Client(Protocol):
    """A connection that has been let in. connected_in: how many seconds that took."""

    wire: socket.socket
    connected_in: float

    def say(self, packet: bytes) -> None:
        """Send one packet."""

    def packets(self) -> list[bytes]:
        """Return what has come, without waiting, having answered pings. Raises EOFError at the end."""

    def close(self) -> None: ...


Heard = Callable[[Client, bytes, float], None]


class Crowd:
    """Clients that are listened to together."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = clients
        self._selector = selectors.DefaultSelector()
        for client in clients:
            self._selector.register(client.wire, selectors.EVENT_READ, client)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen(self, heard: Heard, is_over: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Hand on each packet with the moment it came, until `is_over()`; return False when that took too long."""
        until = time.perf_counter() + seconds
        while not is_over():
            ready = self._selector.select(0.05)
            # One moment for all: what is ready now was there by now, however long we take to read it.
            now = time.perf_counter()
            if now > until:
                return False
            for key, _ in ready:
                client: Client = key.data
                for packet in client.packets():
                    heard(client, packet, now)
        return True

    def rest(self, seconds: float) -> None:
        """Listen for some time and pass over what comes."""
        until = time.perf_counter() + seconds
        self.listen(lambda *_: None, lambda: time.perf_counter() > until, seconds=seconds + 1)

    def close(self) -> None:
        self._selector.close()
        for client in self.clients:
            client.close()
