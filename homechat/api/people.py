"""People: how the API shows them, and what those who run the house do to their accounts."""

from __future__ import annotations

from flask import url_for
from marshmallow import fields

from homechat import clock
from homechat.accounts.cards import PersonCard
from homechat.accounts.models import User
from homechat.accounts.queries import everyone
from homechat.accounts.recovery import RESET_LINK_LIFE, make_reset_link
from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.paging import PagedIfAsked, part
from homechat.api.shapes import Moment, Page, Shape, Success
from homechat.doors.shapes import Number, Text, YesOrNo
from homechat.extensions import current_settings
from homechat.household.people import lock_person, unlock_person
from homechat.security.policy import Scope


class Reset(Body):
    ABOUT = {
        "clears_two_factor": "`true`: using the link takes their second step away, too.",
    }

    clears_two_factor = YesOrNo(load_default=False)


class Account(Shape):
    """Somebody as those who run the house see them."""

    ABOUT = {
        "id": "Their number.",
        "username": "What they sign in with.",
        "display_name": "How they want to be called.",
        "role": "`admin`, `member`, `guest` or `bot`.",
        "standing": "`active`, `pending` (waits to be let in) or `locked`.",
        "two_factor": "Whether they have a second step.",
        "created_at": "When they came.",
        "last_seen_at": "When they were last here; null: never.",
    }

    id = Number()
    username = Text()
    display_name = Text()
    role = Text()
    standing = Text()
    two_factor = YesOrNo()
    created_at = Moment()
    last_seen_at = Moment(allow_none=True)


class Accounts(Page):
    users = fields.List(fields.Nested(Account))


class Unlocked(Success):
    ABOUT = {
        "was_locked": "Whether there was anything to unlock.",
    }

    was_locked = YesOrNo()


class ResetLink(Success):
    """A link that opens the house for whoever has it: give it to nobody else."""

    ABOUT = {
        "link": "Where they choose a new password.",
        "expires_at": "Until when it works.",
    }

    link = Text()
    expires_at = Moment()


@endpoint("GET", "/users", needs=Scope.ADMIN_READ, takes=PagedIfAsked, gives=Accounts)
def users(actor: Actor, data: Json) -> Json:
    """All accounts."""
    return part("users", [_account(user) for user in everyone()], data)


@endpoint("POST", "/users/<int:user_id>/lock", needs=Scope.ADMIN_WRITE, gives=Success)
def lock(actor: Actor, data: Json, user_id: int) -> Json:
    """Keep somebody out."""
    lock_person(actor, user_id)
    return {"success": True}


@endpoint("POST", "/users/<int:user_id>/unlock", needs=Scope.ADMIN_WRITE, gives=Unlocked)
def unlock(actor: Actor, data: Json, user_id: int) -> Json:
    """Let somebody in again."""
    return {"success": True, "was_locked": unlock_person(actor, user_id)}


@endpoint(
    "POST", "/users/<int:user_id>/reset", needs=Scope.ADMIN_WRITE, takes=Reset, gives=ResetLink, creates=True
)
def reset(actor: Actor, data: Json, user_id: int) -> Json:
    """A link, for half an hour, with which somebody sets a new password."""
    secret = make_reset_link(actor, user_id, clears_two_factor=data["clears_two_factor"])
    return {
        "success": True,
        "link": current_settings().origin + url_for("accounts.reset", token=secret),
        "expires_at": clock.as_iso(clock.now() + RESET_LINK_LIFE),
    }


def person_as_json(card: PersonCard) -> Json:
    """Return what clients of the API know a person by."""
    return {
        "id": card.id,
        "username": card.username,
        "display_name": card.display_name,
        "is_online": card.is_online,
        "status": "online" if card.is_online else "offline",
        "last_seen_at": clock.as_iso(card.last_seen_at) if card.last_seen_at else None,
        "avatar_url": None,
        "avatar_initials": card.initials,
        "avatar_color_index": card.color,
    }


def _account(user: User) -> Json:
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role,
        "standing": user.standing,
        "two_factor": user.two_factor_since is not None,
        "created_at": clock.as_iso(user.created_at),
        "last_seen_at": clock.as_iso(user.last_seen_at) if user.last_seen_at else None,
    }
