"""Pages of other web sites that may ask the API from within a browser: those of a list, with a token, never a cookie.

What browsers ask and are told: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from flask import Flask, Response, request

from homechat.api.idempotency import HEADER, REPLAYED
from homechat.config import Settings
from homechat.doors.bearers import is_for_the_api

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
HEADERS = f"Authorization, X-API-Key, Content-Type, {HEADER}, If-None-Match"
EXPOSED = f"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, ETag, {REPLAYED}"
REMEMBERED_SECONDS = 600


def let_pages_in(app: Flask, settings: Settings) -> None:
    """Have `app` tell browsers that pages of `settings.cors_origins` may ask the API. To all others it says nothing."""
    origins = frozenset(settings.cors_origins)
    if not origins:
        return

    @app.before_request
    def _answer_preflight() -> Response | None:
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not (is_preflight and is_for_the_api() and request.headers.get("Origin") in origins):
            return None
        reply = Response(status=204)
        reply.headers["Access-Control-Allow-Methods"] = METHODS
        reply.headers["Access-Control-Allow-Headers"] = HEADERS
        reply.headers["Access-Control-Max-Age"] = str(REMEMBERED_SECONDS)
        return reply

    @app.after_request
    def _name_the_page(reply: Response) -> Response:
        if not is_for_the_api():
            return reply
        reply.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            reply.headers["Access-Control-Allow-Origin"] = origin
            reply.headers["Access-Control-Expose-Headers"] = EXPOSED
        return reply
