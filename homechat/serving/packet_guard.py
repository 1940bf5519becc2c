"""Packets that no client of ours sends, seen before Socket.IO sees them.

HomeChat uses no binary data, and Socket.IO would collect attachments without end. It logs a traceback for each packet
that makes no sense, as often as somebody likes. And it leaves the transport open when a client says goodbye, where it
would count for nobody.
"""

import logging
from typing import Any

log = logging.getLogger(__name__)

MALFORMED_MAX = 5
_DISCONNECT = "1"
_BINARY = ("5", "6")
_KNOWN = ("0", "1", "2", "3", "4")
_COUNT = "malformed"


def watch(server: Any) -> None:
    """Look at each packet before the Socket.IO `server` does."""
    handle = server.eio.handlers["message"]

    def message(eio_sid: str, data: Any) -> None:
        connection = server.eio.sockets.get(eio_sid)
        if connection is None or connection.closed:
            return
        if isinstance(data, bytes) or _kind_of(data) in _BINARY:
            log.info("a live connection sent binary data and ends")
            connection.close(wait=False)
            return
        try:
            if _kind_of(data) not in _KNOWN:
                raise ValueError("unknown packet type")
            handle(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            _count(connection, error)
        if _kind_of(data) == _DISCONNECT:
            connection.close(wait=False)

    server.eio.on("message", message)


def _kind_of(data: Any) -> str:
    # Engine.IO has read it as JSON where it could, so anything may come.
    return data[:1] if isinstance(data, str) else ""


def _count(connection: Any, error: Exception) -> None:
    count = connection.session[_COUNT] = connection.session.get(_COUNT, 0) + 1
    log.info("a live connection sent a packet that makes no sense: %s", type(error).__name__)
    if count >= MALFORMED_MAX:
        connection.close(wait=False)
