"""Who may knock at `/socket.io/`, decided before there is a WebSocket and before Socket.IO hears of it.

Socket.IO accepts the connection first and asks who it is afterwards, lets pages of any origin in that name none, and
eventlet still speaks the WebSocket of 2010. The connect handler looks at the cookie again: much can happen in between.
"""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_cookie

from homechat.config import Settings
from homechat.doors.bearers import bearer_in

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PATH = "/socket.io/"


class SocketGate:
    """WSGI: refuse what is no WebSocket of RFC 6455, comes from a foreign page, or shows no live credentials.

    is_alive: whether the secret of a cookie belongs to a device that is signed in. May raise SQLAlchemyError.
    may_listen: whether an API token is live and may be used for listening; None where it is live, and may not.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        settings: Settings,
        is_alive: Callable[[str], bool],
        may_listen: Callable[[str], bool | None] = lambda text: False,
    ) -> None:
        self._app = app
        self._is_alive = is_alive
        self._may_listen = may_listen
        self._is_https = settings.is_https
        self._cookie = settings.session_cookie_name
        self._origins = {settings.origin, *settings.allowed_origins}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(PATH):
            return self._app(environ, start_response)
        refusal = self._refusal(environ)
        if refusal:
            start_response(refusal, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")])
            return []
        # Compression would let a small frame grow large, and costs memory for every connection.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return self._app(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment") -> str | None:
        if environ["REQUEST_METHOD"] != "GET":
            return "405 Method Not Allowed"
        if not _is_websocket(environ):
            return "400 Bad Request"
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin not in self._origins:
            return "403 Forbidden"
        try:
            return self._refusal_of_caller(environ, has_origin=origin is not None)
        except SQLAlchemyError:
            log.exception("a connection could not be checked")
            return "503 Service Unavailable"

    def _refusal_of_caller(self, environ: "WSGIEnvironment", *, has_origin: bool) -> str | None:
        text = bearer_in(environ.get("HTTP_AUTHORIZATION", ""))
        if text:
            if self._is_https and environ["wsgi.url_scheme"] != "https":
                return "403 Forbidden"  # Whoever is on the way could read the token.
            may_listen = self._may_listen(text)
            return None if may_listen else "403 Forbidden" if may_listen is None else "401 Unauthorized"
        # Browsers always name the origin, so a cookie without one is no browser of ours.
        secret = parse_cookie(environ).get(self._cookie) if has_origin else None
        return None if secret and self._is_alive(secret) else "401 Unauthorized"


def _is_websocket(environ: "WSGIEnvironment") -> bool:
    connection = {word.strip().lower() for word in environ.get("HTTP_CONNECTION", "").split(",")}
    return (
        "upgrade" in connection
        and environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and environ.get("HTTP_SEC_WEBSOCKET_VERSION") == "13"
        and bool(environ.get("HTTP_SEC_WEBSOCKET_KEY"))
    )
