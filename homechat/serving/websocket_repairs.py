"""What the WebSocket libraries get wrong and a stranger could use, put right at run time.

eventlet 0.41 unmasks in a Python loop (a third of a second for 1 MB, and nobody else is served meanwhile), keeps an
unfinished message of any length, and serves one client as long as there is something of theirs to read. engineio 4.15
leaves a connection half open when a frame makes no sense. Both are pinned in pyproject.toml, and the server does not
start with other versions (`lifecycle.py`).
"""

import functools
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from engineio import socket as engineio_socket

log = logging.getLogger(__name__)


def repair_engineio() -> None:
    """Have a connection whose frame makes no sense end like any other that breaks."""
    original = engineio_socket.Socket._websocket_handler
    if getattr(original, "is_repaired", False):
        return

    @functools.wraps(original)
    def handler(self: Any, ws: Any) -> list[Any]:
        try:
            original(self, ws)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            log.info("a live connection sent nonsense: %s", type(error).__name__)
        finally:
            # Without this its writer and its presence would stay until the ping time-out.
            self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        return []

    handler.is_repaired = True  # type: ignore[attr-defined]
    engineio_socket.Socket._websocket_handler = handler


def repair_eventlet(websocket: Any) -> None:
    """Bound a message over all its fragments, unmask as one big number, and let others have their turn.

    websocket: the module of eventlet.
    """
    protocol = websocket.RFC6455WebSocket
    if not all(map(callable, (protocol.Message.push, protocol._apply_mask, protocol._recv_frame))):
        raise RuntimeError("this eventlet is not the one that is repaired here")
    original: Any = protocol.Message
    receive: Callable[..., Any] = protocol._recv_frame

    def receive_in_turn(wire: Any, message: Any = None) -> Any:
        # Reading from a full buffer yields to nobody; whoever has sent a thousand frames would be all there is.
        time.sleep(0)
        return receive(wire, message=message)

    class Message(original):  # type: ignore[misc]
        received = 0

        def push(self, data: bytes, final: bool = False) -> None:
            self.received += len(data)
            if self.received > self.max_frame_length:
                raise websocket.FailedConnectionError(1009, "This message is too long.")
            super().push(data, final)

    protocol.Message = Message
    protocol._recv_frame = receive_in_turn
    protocol._apply_mask = staticmethod(unmasked)


def unmasked(data: bytes, mask: Sequence[int], length: int | None = None, offset: int = 0) -> bytes:
    """Return `data` XORed with the four bytes of `mask` over and over, from its byte `offset` on (RFC 6455, 5.3)."""
    if length is not None:
        data = data[:length]
    turned = bytes(mask[(offset + index) % 4] for index in range(4))
    pattern = (turned * (len(data) // 4 + 1))[: len(data)]
    number = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
    return number.to_bytes(len(data), "little")


def bound_simple_websocket(eio: Any) -> None:
    """In threading mode, bound a message over all its fragments, too, and let both sides hang up at once."""
    original: Any = eio._async["websocket"]

    class WebSocket(original):  # type: ignore[misc]
        def close(self) -> None:
            with suppress(OSError):  # The other side, or our own guard, was quicker.
                super().close()

    limited = functools.partial(WebSocket, max_message_size=eio.max_http_buffer_size)
    eio._async = {**eio._async, "websocket": limited}
