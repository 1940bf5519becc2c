"""Serve a house in which anybody can hold up the loop: `python -m tests.stalling_server`, then GET /stall/<way>.

It is the real server, started as ever, around an application with one more layer. GET /stalls says how many the
watchdog has counted.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import homechat
from homechat import server
from homechat.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

STALL_SECONDS = 0.8

make_app = homechat.create_app


def compute() -> None:
    """Take so much of a CPU, however long it takes to get it."""
    until = time.thread_time() + STALL_SECONDS
    while time.thread_time() < until:
        pass


def compute_in_c() -> None:
    """The same, in calls that let nobody else run Python before they end."""
    until = time.thread_time() + STALL_SECONDS
    numbers = range(1_000_000)
    while time.thread_time() < until:
        sum(numbers)


def wait() -> None:
    """Wait as a library does that eventlet cannot reach."""
    ctypes.CDLL(None).usleep(int(STALL_SECONDS * 1e6))


def wait_with_the_lock() -> None:
    """The same, and nobody else can run Python meanwhile."""
    ctypes.PyDLL(None).usleep(int(STALL_SECONDS * 1e6))


def yield_often() -> None:
    """As long, and it holds up nobody."""
    until = time.monotonic() + STALL_SECONDS
    while time.monotonic() < until:
        time.sleep(0.01)


WAYS: dict[str, Callable[[], None]] = {
    way.__name__: way for way in (compute, compute_in_c, wait, wait_with_the_lock, yield_often)
}


class Stalling:
    """WSGI: hold up the loop in the way that the path says."""

    def __init__(self, app: "Flask") -> None:
        self._app: WSGIApplication = app.wsgi_app
        self._extensions = app.extensions

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/stalls":
            start_response("200 OK", [("Content-Type", "text/plain")])
            watchdog = self._extensions.get("homechat_watchdog")
            return [str(watchdog.stalls if watchdog else "nobody counts").encode()]
        if path.startswith("/stall/"):
            WAYS[path.removeprefix("/stall/")]()
        return self._app(environ, start_response)


def create_app(settings: Settings, **how: Any) -> "Flask":
    app = make_app(settings, **how)
    app.wsgi_app = Stalling(app)  # type: ignore[method-assign]
    return app


if __name__ == "__main__":
    homechat.create_app = create_app
    code = server.main()
    sys.stdout.flush()
    os._exit(code)
