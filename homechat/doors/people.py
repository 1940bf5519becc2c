"""Who is behind a request, and the cookie that says so."""

from __future__ import annotations

from flask import Flask, current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from homechat.accounts import sessions
from homechat.accounts.models import LoginSession, User
from homechat.actor import Actor, Door, Role
from homechat.config import Settings
from homechat.doors.replies import wants_json
from homechat.errors import Unauthenticated

PUBLIC_ENDPOINTS = frozenset(
    {
        "accounts.common_passwords",
        "accounts.sign_in",
        "accounts.sign_in_now",
        "household.found",
        "household.found_now",
        "household.join",
        "household.join_now",
        "health.up",
        "health.health",
        "pages.static_file",
        "pages.service_worker",
        "pages.manifest",
    }
)


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
    address, user_agent = client_address(), client_user_agent()
    if not current_user.is_authenticated:
        return Actor.stranger(door=Door.PAGE, address=address, user_agent=user_agent)
    person: User = current_user.person
    return Actor(
        user_id=person.id,
        role=Role(person.role),
        door=Door.PAGE,
        address=address,
        user_agent=user_agent,
        session_id=current_user.session.id,
    )


def client_address() -> str:
    """Return the address of the far end; behind a trusted proxy ProxyFix has put the real one there."""
    return request.remote_addr or ""


def client_user_agent() -> str:
    """Return what the far end calls itself, without what a database may refuse to store."""
    return "".join(character for character in request.user_agent.string if character.isprintable())


def load_session_from_cookie() -> SignedIn | None:
    """Return who the session cookie belongs to, or None."""
    token = request.cookies.get(settings().session_cookie_name)
    row = sessions.find_session(token) if token else None
    if row is None:
        return None
    g.person_id = row.user_id
    return SignedIn(row)


def remember_session(response: BaseResponse, token: str, user: User) -> BaseResponse:
    """Put the session's secret into its cookie."""
    _, life = sessions.lifetimes(user)
    response.set_cookie(
        settings().session_cookie_name,
        token,
        max_age=int(life.total_seconds()),
        path=_cookie_path(),
        secure=settings().is_secure_context,
        httponly=True,
        samesite="Lax",
    )
    return response


def forget_session(response: BaseResponse) -> BaseResponse:
    """Take the session cookie back."""
    response.delete_cookie(
        settings().session_cookie_name,
        path=_cookie_path(),
        secure=settings().is_secure_context,
        httponly=True,
        samesite="Lax",
    )
    return response


def settings() -> Settings:
    """Return the settings of the current app."""
    found: Settings = current_app.extensions["homechat_settings"]
    return found


def deny_by_default(app: Flask) -> None:
    """Let strangers see the public endpoints and nothing else, whatever a view forgets."""
    app.before_request(_strangers_wait_outside)


def _strangers_wait_outside() -> BaseResponse | None:
    if request.endpoint is None or request.endpoint in PUBLIC_ENDPOINTS:
        return None
    if current_user.is_authenticated:
        sessions.touch(current_user.session)
        return None
    if request.method != "GET" or wants_json():
        raise Unauthenticated(_("Please sign in first."))
    here = request.full_path if request.query_string else request.path
    return redirect(url_for("accounts.sign_in", next=None if here == "/" else request.script_root + here))


def _cookie_path() -> str:
    return settings().path_prefix or "/"
