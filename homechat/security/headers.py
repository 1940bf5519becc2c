"""The one table of security headers, on every reply: Flask's through Talisman, the others in WSGI.

A view's own value of a header is kept, except that Talisman overwrites its share: a view that needs another
policy says so with `use_policy`.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from homechat.config import Settings
from homechat.extensions import talisman

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HSTS_SECONDS = 63_072_000  # two years
PERMISSIONS = {"camera": "()", "geolocation": "()", "microphone": "(self)"}
# Whoever writes the reply may add these; they would only tell a stranger what runs here.
_UNWANTED = {"server", "x-powered-by"}
ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def table(settings: Settings) -> dict[str, str]:
    """Return every header that every reply carries."""
    headers = {
        "Content-Security-Policy": content_security_policy(settings),
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        # Our guides ask for the old filter; no current browser has it, and the setting turns it off.
        "X-XSS-Protection": "1; mode=block" if settings.legacy_xss_header else "0",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": ", ".join(f"{feature}={allowed}" for feature, allowed in PERMISSIONS.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if settings.is_https:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}; includeSubDomains"
    return headers


def content_security_policy(settings: Settings) -> str:
    """Return the policy: everything from this very origin, nothing inline, and the live connection home."""
    scheme = "wss" if settings.is_https else "ws"
    own_host = urlsplit(settings.origin).netloc
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            f"connect-src 'self' {scheme}://{own_host}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
            "object-src 'none'",
        )
    )


def use_policy(policy: str) -> None:
    """Have the reply to this request carry `policy` in place of the house's: for what is not ours, such as a file."""
    g.content_security_policy = policy


def refusal(settings: Settings, status: int) -> bytes:
    """Return a whole HTTP reply for a request that was no HTTP; for web servers that refuse by themselves."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close", "Content-Length: 0"]
    lines += [f"{name}: {value}" for name, value in table(settings).items()]
    return "\r\n".join([*lines, "Cache-Control: no-store", "", ""]).encode("ascii")


def init_headers(app: Flask, settings: Settings) -> None:
    """Have `app` send the table with every reply, and `Cache-Control: no-store` unless a view said otherwise.

    Talisman redirects nothing (the proxy in front does) and leaves the cookies alone to `create_app`.
    """
    headers = table(settings)
    app.session_interface = FormCookie()

    # Registered before Talisman, so it runs after it (Flask calls these in reverse order) and fills the gaps.
    @app.after_request
    def complete(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        if "content_security_policy" in g:
            response.headers["Content-Security-Policy"] = g.content_security_policy
        return response

    talisman.init_app(
        app,
        force_https=False,
        frame_options=headers["X-Frame-Options"],
        content_security_policy=headers["Content-Security-Policy"],
        permissions_policy=PERMISSIONS,
        referrer_policy=headers["Referrer-Policy"],
        strict_transport_security=settings.is_https,
        strict_transport_security_max_age=HSTS_SECONDS,
        strict_transport_security_include_subdomains=True,
        x_xss_protection=settings.legacy_xss_header,
        session_cookie_secure=False,
        session_cookie_http_only=False,
        session_cookie_samesite=app.config.get("SESSION_COOKIE_SAMESITE") or "Lax",
    )


class FormCookie(SecureCookieSessionInterface):
    """Flask's cookie. Flask-Login looks into it after each request, which alone makes no reply depend on it."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if response.cache_control.no_store or request.blueprint == "pages":
            # Else Flask says `Vary: Cookie`, of what nobody keeps or what everybody may.
            session.accessed = False
        super().save_session(app, session, response)


class HeadersMiddleware:
    """The same table for replies that Flask never sees: `/socket.io/`, refusals at the front door."""

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._headers = [*table(settings).items(), ("Cache-Control", "no-store")]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            present = {name.lower() for name, _ in headers}
            kept = [header for header in headers if header[0].lower() not in _UNWANTED]
            added = [header for header in self._headers if header[0].lower() not in present]
            arguments: tuple[Any, ...] = (exc_info,) if exc_info else ()
            return start_response(status, kept + added, *arguments)

        return self._app(environ, start)
