"""Serve a house: `python -m homechat.server`. The one file that knows eventlet.

eventlet must patch the standard library before anything else is imported, so this module imports only the
settings at first, and nothing else may import this module. The CLI and the migrations run unpatched, in
processes of their own.
"""

import functools
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homechat.config import CannotStartError, Settings, load

if TYPE_CHECKING:
    from homechat.serving.lifecycle import House

BACKLOG = 512
URL_CHARACTERS_MAX = 4096
FLUSH_SECONDS = 0.2
# What eventlet must find untouched: these make locks and thread-local storage while they are imported.
_TOO_EARLY = ("flask", "sqlalchemy", "socketio", "werkzeug")
# What engineio imports wherever it is installed, for its clients alone.
_FOR_CLIENTS = ("aiohttp", "requests", "websocket")


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code: 0, or 2 after a sentence on why not."""
    try:
        settings = load()
        if settings.async_mode == "threading":
            _import_socketio()
            from homechat.serving import threads

            threads.serve(settings)
        else:
            _patch_standard_library()
            _import_socketio()
            _serve(settings)
    except CannotStartError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _patch_standard_library() -> None:
    early = [name for name in _TOO_EARLY if name in sys.modules]
    if early:
        raise RuntimeError(f"{', '.join(early)} must not be imported before eventlet has patched the library")
    # eventlet's own resolver knows neither mDNS (`.local`) nor nsswitch.conf, and costs memory. The few names
    # that we look up on the loop (PostgreSQL, Redis) are answered at once or the house is down anyway.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It says on import that it is not for new projects. We know.
        import eventlet
    eventlet.monkey_patch()


def _import_socketio() -> None:
    """Import socketio as if what only its clients need were not installed: on a small box those 14 MB are missed.

    Everybody else in this process finds them as ever; the shell and the tests are processes of their own.
    """
    hidden = [name for name in _FOR_CLIENTS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's "not installed".
    import socketio  # noqa: F401

    for name in hidden:
        del sys.modules[name]


def _serve(settings: Settings) -> None:
    import eventlet
    from eventlet import patcher, tpool, websocket, wsgi

    from homechat import offload
    from homechat.security.passwords import HASHES_AT_ONCE_MAX
    from homechat.serving import lifecycle, websocket_repairs
    from homechat.serving.calm_threads import CalmThreads

    websocket_repairs.repair_eventlet(websocket)
    listener = _listen(settings)
    calm = CalmThreads(patcher.original("threading"), patcher.original("queue"), at_most=HASHES_AT_ONCE_MAX)
    # Twice handed over: the loop's own threads know how to wake it, and wait for those that step back.
    offload.install(tpool.execute, calm=functools.partial(tpool.execute, calm.run))
    house = lifecycle.open_house(settings, async_mode="eventlet")
    stop_asked = eventlet.Event()
    _on_signals(stop_asked.send)
    lifecycle.greet(house)
    server = eventlet.spawn(
        wsgi.server,
        listener,
        house.app,
        debug=False,  # else tracebacks go out to the client
        log_output=False,
        keepalive=False,  # one request per connection leaves nothing to smuggle
        socket_timeout=settings.request_seconds,
        max_size=settings.max_connections,
        url_length_limit=URL_CHARACTERS_MAX,
        protocol=_protocol(settings),
    )
    server.link(lambda _: None if stop_asked.ready() else stop_asked.send())
    _watch_loop(house)
    lifecycle.start_background(house, eventlet.spawn, eventlet.sleep)
    stop_asked.wait()
    if server.dead:
        server.wait()  # raises what ended it
    _stop(house, server, listener)


def _watch_loop(house: "House") -> None:
    """Add the watchdog to what runs in the background; `/metrics` finds its count in `app.extensions`."""
    import eventlet
    from eventlet import patcher

    from homechat.serving.watchdog import Watchdog

    watchdog = Watchdog(patcher.original("threading"), patcher.original("time").sleep)
    house.app.extensions["homechat_watchdog"] = watchdog
    house.app.extensions["homechat_background"].append(lambda: watchdog.watch_for_ever(eventlet.sleep))


def _stop(house: "House", server: Any, listener: Any) -> None:
    """Tell everybody, close their sockets, stop accepting, let requests under way finish, close the database."""
    import eventlet

    from homechat.serving import lifecycle

    until = lifecycle.end_at_last()
    lifecycle.say_goodbye(house)
    eventlet.sleep(FLUSH_SECONDS)
    lifecycle.close_sockets(house)
    eventlet.sleep(FLUSH_SECONDS)
    with eventlet.Timeout(max(FLUSH_SECONDS, until - time.monotonic()), False):
        # SystemExit is how eventlet's server is asked to accept no more; it then waits for what is under way.
        server.kill(SystemExit)
        listener.close()
        server.wait()
    lifecycle.close_database(house)


def _listen(settings: Settings) -> Any:
    import eventlet

    from homechat.serving import lifecycle

    family, address = lifecycle.address_of(settings)
    try:
        # Without `reuse_port` a second server on this port is refused rather than given half of the visitors.
        listener = eventlet.listen(address, family=family, backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise lifecycle.cannot_listen(settings, error) from error
    lifecycle.send_at_once(listener)
    _take_turns(listener)
    return listener


def _take_turns(listener: Any) -> None:
    """Let one newcomer in per turn of the loop: a crowd of them waits outside and not between members and answers."""
    import eventlet

    accept = listener.accept

    def accept_in_turn() -> Any:
        eventlet.sleep(0)
        return accept()

    listener.accept = accept_in_turn


def _on_signals(callback: Callable[[], object]) -> None:
    """Call `callback` in a green thread of its own at the first SIGTERM or SIGINT.

    A signal handler may run inside any green thread, a request's too, and cannot wake the loop from its wait.
    So it does nothing: the interpreter writes the signal's number to a socket that a green thread reads.
    """
    import eventlet

    ours, interpreters = socket.socketpair()
    interpreters.setblocking(False)
    signal.set_wakeup_fd(interpreters.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        ours.recv(1)
        signal.set_wakeup_fd(-1)  # before its number can become somebody else's
        ours.close()
        interpreters.close()
        callback()

    eventlet.spawn(wait)


def _protocol(settings: Settings) -> type[Any]:
    """Return eventlet's HTTP protocol with a deadline for headers and with refusals that name no software."""
    import eventlet
    from eventlet import wsgi

    from homechat.security.headers import refusal
    from homechat.serving import request_bodies

    class Protocol(wsgi.HttpProtocol):  # type: ignore[misc]
        def setup(self) -> None:
            super().setup()
            self.wfile = _Replies(self.wfile, functools.partial(refusal, settings))  # type: ignore[has-type]

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client went away or was too slow
                self.close_connection = True

        def handle_one_request(self) -> None:
            # The socket's own time-out starts anew with every byte that drips in.
            self._patience = eventlet.Timeout(settings.request_seconds, TimeoutError())
            try:
                super().handle_one_request()
            finally:
                self._patience.cancel()

        def parse_request(self) -> bool:
            understood: bool = super().parse_request()
            self._patience.cancel()
            return understood

        def get_environ(self) -> dict[str, Any]:
            environ: dict[str, Any] = super().get_environ()
            body = environ["wsgi.input"]
            # Its own `read` waits until all is there; this one also asks for the body ("100 Continue").
            read1 = functools.partial(body._do_read, body.rfile.read1)
            environ[request_bodies.READER] = request_bodies.reader(self.connection, read1)
            return environ

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            self.close_connection = True
            self.wfile.write(refusal(settings, code))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The request log is ours."""

    return Protocol


class _Replies:
    """What goes out. eventlet writes some refusals by itself, in HTTP/1.0 and without a single header of ours.

    refusal: makes the reply of a status.
    """

    def __init__(self, file: Any, refusal: Callable[[int], bytes]) -> None:
        self._file = file
        self._refusal = refusal

    def write(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.0 4"):
            data = self._refusal(int(data[9:12]))
        self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is closed; threads that still hang must not hold up the end
