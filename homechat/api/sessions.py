"""Signing in and out without a browser, and who one is."""

from __future__ import annotations

from homechat.accounts import api_sign_in, api_tokens
from homechat.accounts.cards import cards_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, Who, endpoint
from homechat.api.people import person_as_json
from homechat.database import db
from homechat.doors.shapes import Text


class SignIn(Body):
    """otp_code: of the authenticator app, or a recovery code; where the account asks for one."""

    username = Text(required=True)
    password = Text(required=True)
    otp_code = Text(load_default="", allow_none=True)


@endpoint("POST", "/signin", needs=Who.ANYBODY, takes=SignIn, refusals_carry={"success": False})
def sign_in(actor: Actor, data: Json) -> Json:
    user, token = api_sign_in.sign_in(
        actor, username=data["username"], password=data["password"], code=data["otp_code"] or ""
    )
    known = {"id": user.id, "username": user.username, "role": user.role}
    return {"success": True, "user": known, "token": token}


@endpoint("DELETE", "/signout", needs=Who.ANY_TOKEN)
def sign_out(actor: Actor, data: Json) -> Json:
    api_tokens.sign_out(actor)
    return {"success": True}


@endpoint("GET", "/me", needs=Who.ANY_TOKEN)
def me(actor: Actor, data: Json) -> Json:
    user = db.session.get_one(User, actor.person_id)
    return {
        "user": {**person_as_json(cards_of([user])[0]), "role": user.role},
        "token": {
            "scopes": sorted(actor.scopes or ()),
            "room_ids": None if actor.room_ids is None else sorted(actor.room_ids),
        },
    }
