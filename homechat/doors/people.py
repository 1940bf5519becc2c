"""Who is behind a request, and the cookie that says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import Flask, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from homechat import lockdown
from homechat.accounts import challenges, sessions
from homechat.accounts.models import LoginSession, User
from homechat.actor import Actor, Door, Role
from homechat.doors.bearers import is_for_the_api
from homechat.doors.replies import wants_json
from homechat.errors import Unauthenticated
from homechat.extensions import current_settings
from homechat.security.tokens import digest_of, new_token

BROWSER_COOKIE_LIFE = timedelta(days=400)  # Longer than which browsers keep no cookie (RFC 6265bis).

PUBLIC_ENDPOINTS = frozenset(
    {
        "accounts.common_passwords",
        "accounts.sign_in",
        "accounts.sign_in_now",
        "accounts.second_step",
        "accounts.second_step_now",
        "accounts.enrol",
        "accounts.enrol_now",
        "accounts.passkey_to_sign_in",
        "accounts.sign_in_with_passkey",
        "accounts.passkey_to_answer",
        "accounts.answer_with_passkey",
        "accounts.passkey_to_enrol",
        "accounts.enrol_with_passkey",
        "household.found",
        "household.found_now",
        "household.join",
        "household.join_now",
        "household.sign_up",
        "household.sign_up_now",
        "household.waiting",
        "accounts.reset",
        "accounts.reset_now",
        "health.up",
        "health.health",
        "health.metrics",
        "pages.static_file",
        "pages.service_worker",
        "pages.manifest",
    }
)
OPEN_IN_LOCKDOWN = frozenset(
    {
        "accounts.sign_out",
        "health.up",
        "health.health",
        "health.metrics",
        "pages.static_file",
        "pages.service_worker",
        "pages.manifest",
    }
)
"""What somebody who is signed in reaches while they have to wait."""


class SignedIn:
    """What Flask-Login calls the user: a live device session and the person it belongs to."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, session: LoginSession) -> None:
        self.session = session
        self.person: User = session.user

    def get_id(self) -> str:
        return str(self.session.id)


def current_actor() -> Actor:
    """Return who is behind the current request: a person on one of their devices, or a stranger."""
    stranger = Actor(
        user_id=None,
        role=None,
        door=Door.PAGE,
        address=client_address(),
        user_agent=client_user_agent(),
        browser_digest=digest_of(_browser_secret()),
    )
    if not current_user.is_authenticated:
        return stranger
    person: User = current_user.person
    return replace(stranger, user_id=person.id, role=Role(person.role), session_id=current_user.session.id)


def client_address() -> str:
    """Return the address of the far end; behind a trusted proxy ProxyFix has put the real one there."""
    return request.remote_addr or ""


def client_user_agent() -> str:
    """Return what the far end calls itself, without what a database may refuse to store."""
    return "".join(character for character in request.user_agent.string if character.isprintable())


def load_session_from_cookie() -> SignedIn | None:
    """Return who the session cookie belongs to, or None."""
    # There, a page of somebody else's could ride the cookie: there is no form token.
    if is_for_the_api():
        return None
    token = request.cookies.get(current_settings().session_cookie_name)
    row = sessions.find_session(token) if token else None
    if row is None:
        return None
    g.person_id = row.user_id
    return SignedIn(row)


def remember_session(response: BaseResponse, token: str, user: User) -> BaseResponse:
    """Put the session's secret into its cookie, and into another the one by which this browser is known from now on."""
    _, life = sessions.lifetimes(user)
    _set_cookie(response, current_settings().session_cookie_name, token, life)
    _set_cookie(response, _browser_cookie(), _browser_secret(), BROWSER_COOKIE_LIFE)
    return forget_challenge(response)


def forget_session(response: BaseResponse) -> BaseResponse:
    """Take the session cookie back. The browser stays known: its owner may be back, and not be locked out."""
    return _delete_cookie(response, current_settings().session_cookie_name)


def remember_challenge(response: BaseResponse, secret: str) -> BaseResponse:
    """Put the secret of somebody who is half-way in into a cookie of its own."""
    return _set_cookie(response, _challenge_cookie(), secret, challenges.LIFE)


def challenge_secret() -> str:
    """Return the secret of whoever is half-way in; empty where nobody is."""
    return request.cookies.get(_challenge_cookie(), "")


def forget_challenge(response: BaseResponse) -> BaseResponse:
    """Take the cookie of somebody who was half-way in back, if there is one."""
    return _delete_cookie(response, _challenge_cookie()) if challenge_secret() else response


def deny_by_default(app: Flask) -> None:
    """Let strangers see the public endpoints and nothing else, whatever a view forgets; and nobody in a lockdown.

    The API looks for itself.
    """
    app.before_request(_most_wait_in_lockdown)
    app.before_request(_strangers_wait_outside)


def _most_wait_in_lockdown() -> None:
    if request.endpoint is None or request.endpoint in OPEN_IN_LOCKDOWN:
        return
    if current_user.is_authenticated:
        lockdown.refuse(Role(current_user.person.role))


def _strangers_wait_outside() -> BaseResponse | None:
    if request.endpoint is None or request.endpoint in PUBLIC_ENDPOINTS or is_for_the_api():
        return None
    if current_user.is_authenticated:
        sessions.touch(current_user.session)
        return None
    if request.method != "GET" or wants_json():
        raise Unauthenticated(_("Please sign in first."))
    here = request.full_path if request.query_string else request.path
    return redirect(url_for("accounts.sign_in", next=None if here == "/" else request.script_root + here))


def _set_cookie(response: BaseResponse, name: str, value: str, life: timedelta) -> BaseResponse:
    response.set_cookie(
        name,
        value,
        max_age=int(life.total_seconds()),
        path=_cookie_path(),
        secure=current_settings().is_secure_context,
        httponly=True,
        samesite="Lax",
    )
    return response


def _delete_cookie(response: BaseResponse, name: str) -> BaseResponse:
    response.delete_cookie(
        name, path=_cookie_path(), secure=current_settings().is_secure_context, httponly=True, samesite="Lax"
    )
    return response


def _browser_secret() -> str:
    """Return the secret by which this browser is known, or will be once somebody has signed in here."""
    if "browser_secret" not in g:
        g.browser_secret = request.cookies.get(_browser_cookie()) or new_token()
    secret: str = g.browser_secret
    return secret


def _browser_cookie() -> str:
    return f"{current_settings().session_cookie_name}-browser"


def _challenge_cookie() -> str:
    return f"{current_settings().session_cookie_name}-step"


def _cookie_path() -> str:
    return current_settings().path_prefix or "/"
