"""JSON log lines on stdout, one per request, and nothing secret in them.

A request line has its id, method, path, status, time and person; never a query string, header, cookie or
body, and a path's secret part (`/join/<token>`) is replaced. JSON escapes control characters, so that nothing
can forge a line.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from pythonjsonlogger.json import JsonFormatter
from werkzeug.wsgi import ClosingIterator

from homechat.config import Settings
from homechat.request_counts import RequestCounts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("homechat.request")

NOTE = "homechat.request_note"
_HEALTH_CHECKS = {"/up", "/health", "/metrics"}
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SECRET_PART = re.compile(r"(?<=/)((?<=/setup/)|(?<=/join/)|(?<=/reset/)|(?=[A-Za-z0-9_-]{32}))[^/]+")
# Lines in which databases repeat the values that they were given.
_VALUES_IN_ERRORS = re.compile(r"^(\[parameters: |DETAIL: ).*$", re.MULTILINE)

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def configure(settings: Settings) -> None:
    """Send all log lines of this process to stdout as JSON, from `settings.log_level` upwards."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter())
    handler.addFilter(_add_request_id)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.captureWarnings(True)
    for name in ("socketio.server", "engineio.server", "socketio", "engineio"):
        library = logging.getLogger(name)
        # A level of its own also keeps these libraries from adding a handler to stderr.
        library.setLevel(logging.ERROR)
        library.addFilter(_Quieter())
    for name in ("werkzeug", "alembic", "urllib3", "flask-limiter"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def init_app(app: Flask) -> None:
    """Have Flask tell the request line who the person is: `g.person_id`, else whom Flask-Login has found."""

    @app.after_request
    def note_person(response: Response) -> Response:
        note = request.environ.get(NOTE)
        if note is not None:
            note.person_id = g.get("person_id") or getattr(g.get("_login_user"), "id", None)
        return response


@dataclass
class Note:
    """What is known of the request at hand; passed along in the WSGI environment."""

    request_id: str
    person_id: int | None = None
    status: int = 101  # A WebSocket's server answers by itself and never calls `start_response`.


class RequestLog:
    """WSGI: give each request an id, which its reply and log lines carry; when it ends, count it and write its line."""

    def __init__(self, app: "WSGIApplication", settings: Settings, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts
        self._trusts_ids = settings.trusted_proxy_count > 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        note = environ[NOTE] = Note(self._id_of(environ))
        started = time.monotonic()

        def start(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            note.status = int(line[:3])
            return start_response(line, [*headers, ("X-Request-ID", note.request_id)], *exc_info)

        def finish() -> None:
            seconds = time.monotonic() - started
            self._counts.add(note.status, seconds)
            with _known_as(note.request_id):
                _write_line(environ, note, seconds)

        with _known_as(note.request_id):
            try:
                body = self._app(environ, start)
            except ConnectionError:  # how simple-websocket leaves when a connection has ended
                finish()
                raise
            except Exception:
                log.exception("a request broke before Flask could answer it")
                start("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
                body = [b"Something went wrong here. Try again in a moment.\n"]
        return ClosingIterator(body, [finish])

    def _id_of(self, environ: "WSGIEnvironment") -> str:
        given = str(environ.get("HTTP_X_REQUEST_ID", ""))
        if self._trusts_ids and _SANE_REQUEST_ID.fullmatch(given):
            return given
        return secrets.token_hex(8)


def shown_path(path: str) -> str:
    """Return a path fit for a log: whatever may be a token becomes "…", and 300 characters are enough."""
    return _SECRET_PART.sub("…", path)[:300]


def _write_line(environ: "WSGIEnvironment", note: Note, seconds: float) -> None:
    path = str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
    extra: dict[str, object] = {
        "method": str(environ.get("REQUEST_METHOD", ""))[:20],
        "path": shown_path(path),
        "status": note.status,
        "duration_ms": round(seconds * 1000, 1),
        "address": environ.get("REMOTE_ADDR", ""),
    }
    if note.person_id is not None:
        extra["person_id"] = note.person_id
    level = logging.DEBUG if path in _HEALTH_CHECKS and note.status == 200 else logging.INFO
    log.log(level, "request", extra=extra)


@contextmanager
def _known_as(request_id: str) -> Iterator[None]:
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def _add_request_id(record: logging.LogRecord) -> bool:
    request_id = _request_id.get()
    if request_id is not None:
        record.request_id = request_id
    return True


class _Formatter(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )

    def formatException(self, exc_info: Any) -> str:  # noqa: N802
        return _VALUES_IN_ERRORS.sub(r"\1…", str(super().formatException(exc_info)))


class _Quieter(logging.Filter):
    """Make a library's errors one line each, 20 a minute at most: any stranger's garbage can cause one."""

    LINES_A_MINUTE = 20

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        minute = int(record.created // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += 1
        if record.exc_info and record.exc_info[0]:
            record.msg = f"{record.getMessage()}: {record.exc_info[0].__name__}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return self._lines <= self.LINES_A_MINUTE
