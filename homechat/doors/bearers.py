"""Tokens at the doors: where a request carries one, and what it has to be good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from flask_babel import gettext as _

from homechat import lockdown
from homechat.actor import Actor
from homechat.config import API_PREFIX
from homechat.errors import ScopeNeeded
from homechat.security.policy import Scope, has_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SCHEME = "bearer "


def is_for_the_api() -> bool:
    """Whether the current request came to the API: tokens count there, cookies do not, and all answers are JSON."""
    return request.path == API_PREFIX or request.path.startswith(f"{API_PREFIX}/")


def bearer_in(authorization: str) -> str:
    """Return the token in an `Authorization` header, or "" where it carries none."""
    is_bearer = authorization[: len(_SCHEME)].lower() == _SCHEME
    return authorization[len(_SCHEME) :].strip() if is_bearer else ""


def token_in(environ: WSGIEnvironment) -> str:
    """Return the token of a request, or "": only from its headers, for addresses end up in logs."""
    return bearer_in(environ.get("HTTP_AUTHORIZATION", "")) or environ.get("HTTP_X_API_KEY", "").strip()


def token_of_request() -> str:
    """Return the token of the current request, or ""."""
    return token_in(request.environ)


def require_scope(actor: Actor, scope: Scope) -> None:
    """Raise ScopeNeeded unless the actor's token is good for `scope`."""
    if not has_scope(actor, scope):
        raise ScopeNeeded(_("This token lacks the scope %(scope)s.", scope=scope.value), scope=scope.value)


def refuse_in_lockdown(actor: Actor) -> None:
    """Raise LockedDown while the house is closed to whoever comes with a token."""
    if actor.token_id is not None:
        lockdown.refuse_token(actor.role)
