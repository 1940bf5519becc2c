"""Connections that are open but not let in yet: few per address, and not for long.

The gate has seen a live session behind each, but none has asked Socket.IO to be let in, or it was refused. Socket.IO
itself would keep them for as long as they answer pings. Who is in is not counted here: a whole family comes from one
address.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from homechat.addresses import address_key

PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 2.0
NAMESPACE = "/"


class Strangers:
    """Watches the connections of one Socket.IO server."""

    def __init__(self, server: Any, *, at_most_per_address: int) -> None:
        self._server = server
        self._at_most = at_most_per_address
        self._since: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Look at each connection before Socket.IO does."""
        accept = self._server.eio.handlers["connect"]

        def connect(eio_sid: str, environ: dict[str, Any]) -> Any:
            if not self._let_in(eio_sid, address_key(str(environ.get("REMOTE_ADDR", "")))):
                return False  # answered with 401, before there is a WebSocket
            return accept(eio_sid, environ)

        self._server.eio.on("connect", connect)

    def send_away_for_ever(self, sleep: Callable[[float], object]) -> None:
        """Run for ever: end the connections that have said nothing of use for 10 s."""
        while True:
            sleep(LOOK_SECONDS)
            self.send_away(before=time.monotonic() - PATIENCE_SECONDS)

    def send_away(self, *, before: float) -> None:
        """End the strangers' connections that are older than `before` (of `time.monotonic()`)."""
        with self._lock:
            for address in list(self._since):
                self._forget_known(address)
            late = [sid for sids in self._since.values() for sid, since in sids.items() if since < before]
        for eio_sid in late:
            connection = self._server.eio.sockets.get(eio_sid)
            if connection is not None:
                connection.close(wait=False)

    def _let_in(self, eio_sid: str, address: str) -> bool:
        with self._lock:
            self._forget_known(address)
            here = self._since.setdefault(address, {})
            if len(here) >= self._at_most:
                return False
            here[eio_sid] = time.monotonic()
            return True

    def _forget_known(self, address: str) -> None:
        """Forget who has signed in or gone."""
        here = self._since.get(address, {})
        for eio_sid in list(here):
            connection = self._server.eio.sockets.get(eio_sid)
            # With threads, those that have ended stay listed for a while.
            is_open = connection is not None and not connection.closed
            if not is_open or self._is_let_in(eio_sid):
                del here[eio_sid]
        if not here:
            self._since.pop(address, None)

    def _is_let_in(self, eio_sid: str) -> bool:
        manager = self._server.manager
        # Whoever asks has one, too, before there is an answer.
        sid = manager.sid_from_eio_sid(eio_sid, NAMESPACE)
        return sid is not None and bool(manager.is_connected(sid, NAMESPACE))
