"""What stands between the web server and Flask, from the outside in.

    ProxyFix → security headers → request log → no chunked bodies → whole bodies → path prefix → socket gate
        → Socket.IO → Flask

It must be put up after `socketio.init_app(app)`: only then does Socket.IO see the client's own address, too.
"""

import functools
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_cookie
from werkzeug.middleware.proxy_fix import ProxyFix

from homechat import clock, lockdown, logs
from homechat.accounts import bearers, sessions
from homechat.accounts.token_models import ApiToken
from homechat.actor import Role
from homechat.config import Settings
from homechat.doors.bearers import token_in
from homechat.request_counts import RequestCounts
from homechat.security.headers import HeadersMiddleware
from homechat.security.policy import LISTENING_SCOPE, Scope
from homechat.serving.refusals import refuse
from homechat.serving.request_bodies import SENDER, UNREAD, Refusal, WholeBodies
from homechat.serving.socket_gate import SocketGate
from homechat.uploads.files import has_room

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)


def install(app: Flask, settings: Settings) -> None:
    """Put the front up before `app.wsgi_app`, once."""
    if "homechat_front" in app.extensions:
        return
    app.extensions["homechat_front"] = True
    logs.init_app(app)

    def is_alive(secret: str) -> bool:
        with app.app_context():
            return sessions.is_live(secret)

    def may_listen(text: str) -> bool | None:
        with app.app_context():
            row = bearers.find(text)
            return None if row is not None and LISTENING_SCOPE not in bearers.scopes_now(row) else bool(row)

    def who_sends(secret: str, token: str) -> Sender | None:
        with app.app_context():
            if token:
                row = bearers.find(token)
                return None if row is None else _sender_by_token(row)
            session = sessions.find_session(secret)
            if session is None:
                return None
            return Sender(session.user_id)

    inner: WSGIApplication = SocketGate(app.wsgi_app, settings, is_alive, may_listen)
    inner = PathPrefix(inner, settings)
    sender_of = functools.partial(_sender_of, settings, who_sends)
    refusal_of_files = functools.partial(_refusal_of_files, settings, sender_of)
    inner = WholeBodies(inner, settings, refusal_of_files, lambda environ: _id_of(sender_of(environ)))
    inner = RefuseChunkedBodies(inner)
    counts = app.extensions.setdefault("homechat_request_counts", RequestCounts())
    inner = logs.RequestLog(inner, settings, counts)
    inner = HeadersMiddleware(inner, settings)
    if settings.trusted_proxy_count:
        # Host and prefix come from our own settings, so nobody can talk us into another one.
        hops = settings.trusted_proxy_count
        inner = ProxyFix(inner, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0)
    app.wsgi_app = inner  # type: ignore[method-assign]


class Sender(NamedTuple):
    """Who sends a body, as far as they are known.

    person_id: on whose account it goes: of a bot, whose token it is, so that nobody has as many places as bots.
    may_send_files: whether the token is good for that, and works at all now.
    """

    person_id: int
    may_send_files: bool = True


def _sender_by_token(row: ApiToken) -> Sender:
    closed = lockdown.refusal(Role(row.user.role), lockdown.in_force(clock.now()), has_token=True)
    may_send_files = closed is None and Scope.MEDIA_WRITE in bearers.scopes_now(row)
    return Sender(row.created_by_id, may_send_files)


def _id_of(sender: Sender | None) -> int | None:
    return None if sender is None else sender.person_id


def _sender_of(
    settings: Settings, who_sends: Callable[[str, str], Sender | None], environ: "WSGIEnvironment"
) -> Sender | None:
    """Return who is behind the token or the cookie of a request, None for a stranger."""
    token = token_in(environ)
    secret = parse_cookie(environ).get(settings.session_cookie_name, "")
    return who_sends(secret, token) if token or secret else None


def _refusal_of_files(
    settings: Settings,
    sender_of: Callable[["WSGIEnvironment"], Sender | None],
    environ: "WSGIEnvironment",
    for_bytes: Callable[[], int],
) -> Refusal | None:
    """Return why no file may come in: strangers shall not fill the disk, and nobody the last of it.

    for_bytes: tells how many are spoken for with it.
    """
    try:
        sender = sender_of(environ)
    except SQLAlchemyError:
        log.exception("it could not be checked who sends a file")
        return 503, "Please try again in a moment."
    if sender is None:
        return 401, "Please sign in first."
    if not sender.may_send_files:
        return UNREAD
    environ[SENDER] = sender.person_id
    if not has_room(settings.data_dir, free_percent=settings.disk_free_percent, for_bytes=for_bytes()):
        return 507, "The house has hardly any room left for files."
    return None


class RefuseChunkedBodies:
    """Answer 411 to any Transfer-Encoding: to Flask the body would look empty (RFC 9110, 15.5.12)."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" not in environ:
            return self._app(environ, start_response)
        return refuse(environ, start_response, 411, "Please send a body with a Content-Length.")


class PathPrefix:
    """Move the prefix of the public address from PATH_INFO to SCRIPT_NAME; routes match, `url_for` adds it.

    A proxy may pass the path as it is, or strip the prefix. One that strips should send X-Forwarded-Prefix:
    without, a path such as `/rooms/rooms/7` under the prefix `/rooms` can be read in two ways.
    """

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._prefix = settings.path_prefix
        self._trusts_proxy = settings.trusted_proxy_count > 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self._prefix:
            environ["SCRIPT_NAME"] = self._prefix
            path = environ.get("PATH_INFO", "")
            if f"{path}/".startswith(f"{self._prefix}/") and not self._is_stripped(environ):
                environ["PATH_INFO"] = path[len(self._prefix) :] or "/"
        return self._app(environ, start_response)

    def _is_stripped(self, environ: "WSGIEnvironment") -> bool:
        return self._trusts_proxy and environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/") == self._prefix
