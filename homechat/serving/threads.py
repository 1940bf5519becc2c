"""Serve a house with ordinary threads (HOMECHAT_ASYNC_MODE=threading): Werkzeug's server, made fit for it.

One thread a connection. Meant for a house of a few people and for machines on which eventlet does not run;
the reverse proxy in front keeps slow strangers away from it.
"""

import logging
import queue
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from homechat import offload
from homechat.config import Settings
from homechat.security.headers import refusal
from homechat.security.passwords import HASHES_AT_ONCE_MAX
from homechat.serving import lifecycle, request_bodies, websocket_repairs
from homechat.serving.calm_threads import CalmThreads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
LEFTOVER_BYTES = 1_048_576


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotStartError with a sentence."""
    family, address = lifecycle.address_of(settings)
    try:
        listener = socket.create_server(address, family=family, backlog=512)
    except OSError as error:
        raise lifecycle.cannot_listen(settings, error) from error
    lifecycle.send_at_once(listener)
    offload.install(None, calm=CalmThreads(threading, queue, at_most=HASHES_AT_ONCE_MAX).run)
    house = lifecycle.open_house(settings, async_mode="threading")
    websocket_repairs.bound_simple_websocket(house.app.extensions["socketio"].server.eio)
    server = _Server(listener, house)
    listener.close()  # Werkzeug has its own copy
    stop_asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_asked.set())
    lifecycle.greet(house)
    accepting = _spawn(server.serve_forever, 0.1)
    lifecycle.start_background(house, _spawn, time.sleep)
    while not stop_asked.wait(1) and accepting.is_alive():
        pass
    until = lifecycle.end_at_last()
    lifecycle.say_goodbye(house)
    server.shutdown()
    server.server_close()
    time.sleep(FLUSH_SECONDS)
    lifecycle.close_sockets(house)
    server.finish(max(FLUSH_SECONDS, until - time.monotonic()))
    lifecycle.close_database(house)


def _spawn(function: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


class _Server(ThreadedWSGIServer):
    """Counts its connections: no more than allowed, and a stop can wait for those under way."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, house: lifecycle.House) -> None:
        self.settings = house.settings
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, house.app, handler=_Handler, fd=listener.fileno())
        self._places = threading.BoundedSemaphore(house.settings.max_connections)
        self._under_way = 0
        self._changed = threading.Condition()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._places.acquire()
        with self._changed:
            self._under_way += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait for the connections under way, `seconds` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, timeout=seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("a connection broke")

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """The request log is ours; what else Werkzeug has to say is an error."""
        if type == "error":
            log.error(message, *args)


class _Handler(WSGIRequestHandler):
    """One request per connection, with a time-out, and no word of the software."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.settings.request_seconds)
        self.rfile = _Reads(self.rfile)  # type: ignore[assignment]

    def make_environ(self) -> "WSGIEnvironment":
        environ = super().make_environ()
        environ[request_bodies.READER] = request_bodies.reader(self.connection, self.rfile.read1)
        if "websocket" in environ.get("HTTP_UPGRADE", "").lower():
            self.connection.settimeout(2 * self.server.settings.ping_seconds + 5)
            environ["werkzeug.socket"] = _WholeSends(self.connection)
            # It has no reply to say so; the next bytes would be another request.
            self.close_connection = True
        return environ

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self.wfile.write(refusal(self.server.settings, code))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The request log is ours."""


class _Reads:
    """What a client sends. Werkzeug calls `read` after the reply only, to throw away what is still coming.

    Waiting there for more would hold the thread for as long as bytes drip in, and an error would keep Werkzeug from
    closing the reply.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """Return some of what has come already, b"" if there is nothing more to have."""
        try:
            data: bytes = self._file.read1(min(size, LEFTOVER_BYTES))
        except OSError:
            return b""
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _WholeSends:
    """A socket whose `send` sends all, one caller at a time; simple-websocket counts on both."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def send(self, data: bytes) -> int:
        with self._turn:
            self._connection.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
