"""People: how the API shows them, and what those who run the house do to their accounts."""

from __future__ import annotations

from flask import url_for

from homechat import clock
from homechat.accounts.cards import PersonCard
from homechat.accounts.models import User
from homechat.accounts.queries import everyone
from homechat.accounts.recovery import RESET_LINK_LIFE, make_reset_link
from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, endpoint
from homechat.doors.people import settings
from homechat.doors.shapes import YesOrNo
from homechat.household.people import lock_person, unlock_person
from homechat.security.policy import Scope


class Reset(Body):
    """clears_two_factor: whether using the link takes the second step away, too."""

    clears_two_factor = YesOrNo(load_default=False)


@endpoint("GET", "/users", needs=Scope.ADMIN_READ)
def users(actor: Actor, data: Json) -> Json:
    return {"users": [_account(user) for user in everyone()]}


@endpoint("POST", "/users/<int:user_id>/lock", needs=Scope.ADMIN_WRITE)
def lock(actor: Actor, data: Json, user_id: int) -> Json:
    lock_person(actor, user_id)
    return {"success": True}


@endpoint("POST", "/users/<int:user_id>/unlock", needs=Scope.ADMIN_WRITE)
def unlock(actor: Actor, data: Json, user_id: int) -> Json:
    return {"success": True, "was_locked": unlock_person(actor, user_id)}


@endpoint("POST", "/users/<int:user_id>/reset", needs=Scope.ADMIN_WRITE, takes=Reset)
def reset(actor: Actor, data: Json, user_id: int) -> Json:
    secret = make_reset_link(actor, user_id, clears_two_factor=data["clears_two_factor"])
    return {
        "success": True,
        "link": settings().origin + url_for("accounts.reset", token=secret),
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
