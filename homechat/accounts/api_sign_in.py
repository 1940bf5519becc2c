"""Signing in without a browser: a name and a password, and a code where one is asked for, against a token."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat import audit, lockdown
from homechat.accounts import api_tokens, devices, lockout
from homechat.accounts.device_names import known_device
from homechat.accounts.models import User
from homechat.accounts.sign_in import prove_all, still
from homechat.accounts.token_models import TokenKind
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.text import one_line


def sign_in(actor: Actor, *, username: str, password: str, code: str) -> tuple[User, str]:
    """Return who came in and how their new token is spelled; it has all rights of theirs, until 90 days after its use.

    Every sign-in has a token of its own: a second phone does not sign the first one out.
    Raises as `accounts/sign_in.py: prove_all` does, and LockedDown.
    """
    proved = prove_all(actor, username=username, password=password, code=code)
    lockdown.refuse_token(Role(proved.user.role))
    with transaction():
        user = still(proved)
        lockout.forget_failures(actor, user)
        return user, open_app(actor, user)


def open_app(actor: Actor, user: User) -> str:
    """Within a transaction, sign `user` in where the actor stands; return how the new token is spelled.

    Their other devices hear of an app that is new.
    """
    newcomer = actor.acting_as(user.id, Role(user.role))
    api_tokens.end_oldest_apps(newcomer, user.id)
    name = _app_name(actor)
    device = devices.recognise_app(newcomer, user, name)
    row, spelled = api_tokens.issue(
        newcomer, kind=TokenKind.SIGN_IN, name=name, acts_as=user, owner=user, device=device
    )
    audit.record(newcomer, audit.Action.LOGIN, subject=f"token:{row.id}", about=user.id)
    return spelled


def _app_name(actor: Actor) -> str:
    """Return what an app calls itself: a browser by its name, anything else by its first word, such as aiohttp/3.9."""
    if known := known_device(actor.user_agent):
        return known
    words = one_line(actor.user_agent).split()
    return words[0][: api_tokens.NAME_MAX_CHARACTERS] if words else _("An app")
