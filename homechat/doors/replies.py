"""Errors as pages for people and as JSON for scripts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from flask import Flask, Response, g, jsonify, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from homechat.accounts import passkey_answers
from homechat.errors import (
    Broken,
    HomeChatError,
    InProgress,
    LockedDown,
    StepUpNeeded,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from homechat.locales import LOCALES

log = logging.getLogger(__name__)

Reply = tuple[Response | str, int, dict[str, str]]

CARRIED: dict[str, Mapping[str, object]] = {}
"""What each refusal at an address of the API has in it beside the error, by its path; for those in front of Flask."""


def give_errors_words(app: Flask) -> None:
    """Give every error the form its reader understands."""
    app.register_error_handler(HomeChatError, _error_reply)
    app.register_error_handler(HTTPException, _http_error_reply)
    app.register_error_handler(CSRFError, _http_error_reply)
    app.register_error_handler(RateLimitExceeded, _limit_reply)
    app.register_error_handler(PoolTimeoutError, _crowded_reply)
    app.register_error_handler(Exception, _crash_reply)


def answer_as_json(**more: object) -> None:
    """Have every refusal of this request be JSON with `more` in it, whatever the caller says that it accepts.

    errors: becomes all that is wrong, a sentence each.
    """
    g.refusals_carry = more


def wants_json() -> bool:
    """Whether the caller is a program rather than a person looking at pages."""
    if "refusals_carry" in g:
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


def safe_path(wanted: str) -> str:
    """Return `wanted` if it is a path of this house, else ""; an address elsewhere is ignored."""
    is_path = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if is_path and wanted.isprintable() else ""


def _error_reply(error: HomeChatError) -> Reply:
    headers = {}
    if isinstance(error, TooMany | Unavailable | InProgress):
        g.retry_after = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    if wants_json():
        return _as_json(error.as_dict()), error.status, headers
    if isinstance(error, StepUpNeeded):
        return _ask_who_it_is(error)
    if isinstance(error, Unauthenticated):
        return "", 303, {"Location": url_for("accounts.sign_in")}
    if isinstance(error, LockedDown):
        return _closed_page(error), error.status, headers
    return (
        render_template(
            "errors/error.html", code=error.status, title=_title(error.status), sentence=error.message
        ),
        error.status,
        headers,
    )


def _closed_page(error: LockedDown) -> str:
    """Return the page of somebody who has to wait; it goes on to where they wanted to when the house opens."""
    here = request.full_path if request.query_string else request.path
    onward = request.script_root + here if request.method == "GET" else url_for("messages.index")
    return render_template(
        "errors/locked_down.html",
        title=_title(error.status),
        sentence=error.message,
        reason=error.reason,
        until=error.until,
        onward=onward,
    )


def _ask_who_it_is(error: StepUpNeeded) -> Reply:
    """Ask for the password, and go on from here afterwards; what was typed into a form comes along."""
    if request.method == "GET":
        here = request.full_path if request.query_string else request.path
        return "", 303, {"Location": url_for("accounts.confirm", next=request.script_root + here)}
    kept = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    page = render_template(
        "accounts/confirm.html",
        errors={},
        then=request.script_root + request.path,
        next="",
        kept=kept,
        has_passkeys=passkey_answers.has_passkeys(current_user.person.id),
    )
    return page, error.status, {}


def _http_error_reply(error: HTTPException) -> BaseResponse | Reply:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    sentence = _SENTENCES.get(status, _SENTENCES[400 if status < 500 else 500])()
    code = CODES.get(status, "invalid")
    if isinstance(error, CSRFError):
        code = "stale_page"  # Not "invalid": the same may be sent again once the page is fresh.
        sentence = _(
            "This page was open for too long. Go back, reload it and try again; what you typed is still there."
        )
    if wants_json():
        return _as_json({"error": sentence, "code": code}), status, headers
    return (
        render_template("errors/error.html", code=status, title=_title(status), sentence=sentence),
        status,
        headers,
    )


def _limit_reply(error: RateLimitExceeded) -> Reply:
    return _error_reply(TooMany(_("That was a lot at once. Wait a moment and try again."), retry_after=60))


def _crowded_reply(error: PoolTimeoutError) -> Reply:
    """Too many are at the database at once. No template and no chosen language: they would have to ask it, too."""
    log.error("nobody gave a database connection back in time")
    with force_locale(request.accept_languages.best_match(list(LOCALES)) or "en"):
        refusal = Unavailable(_("A lot is going on here right now. Please try again in a moment."))
    headers = {"Retry-After": str(refusal.retry_after)}
    if wants_json():
        return _as_json(refusal.as_dict()), refusal.status, headers
    return Response(refusal.message, mimetype="text/plain"), refusal.status, headers


def _crash_reply(error: Exception) -> Reply:
    log.exception("a request failed", exc_info=error)
    return _error_reply(Broken(_("Something went wrong on our side. Please try again.")))


def _as_json(body: dict[str, object]) -> Response:
    return jsonify(carrying(g.get("refusals_carry", {"ok": False}), body))


def carrying(carried: Mapping[str, object], body: dict[str, object]) -> dict[str, object]:
    """Return a refusal with what those at its address carry; where `errors` is among that, all that is wrong there."""
    if "errors" not in carried:
        return {**carried, **body}
    fields = body.get("fields")
    sentences = list(fields.values()) if isinstance(fields, dict) else [body["error"]]
    return {**carried, **body, "errors": sentences}


def _title(status: int) -> str:
    return {
        401: _("Please sign in"),
        403: _("Not allowed"),
        404: _("Not here"),
        409: _("That changed"),
        423: _("Closed for now"),
        429: _("A little slower"),
    }.get(status, _("That didn't work"))


_SENTENCES: dict[int, Callable[[], str]] = {
    400: lambda: _("That request made no sense to us. Go back and try again."),
    404: lambda: _("There is nothing at this address."),
    405: lambda: _("That is not how this address is used. Go back and try again."),
    411: lambda: _("The length of what you sent is missing."),
    413: lambda: _("That is too big to send."),
    415: lambda: _("Please send JSON, and say so: Content-Type: application/json"),
    500: lambda: _("Something went wrong on our side. Please try again."),
}
CODES = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
    507: "no_space",
}
