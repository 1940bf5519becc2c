"""Signing in and out without a browser, and who one is."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat.accounts import api_sign_in, api_tokens
from homechat.accounts.actions import NewPerson
from homechat.accounts.api_sign_in import open_app
from homechat.accounts.cards import cards_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, Who, endpoint
from homechat.api.people import person_as_json
from homechat.database import db
from homechat.doors.shapes import Text
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.household.joining import join_house


class SignIn(Body):
    """otp_code: of the authenticator app, or a recovery code; where the account asks for one."""

    username = Text(required=True)
    password = Text(required=True)
    otp_code = Text(load_default="", allow_none=True)


class SignUp(Body):
    """invite: the secret at the end of an invitation's link; without one where the house is open."""

    username = Text(required=True)
    display_name = Text(load_default="")
    password = Text(required=True)
    password_confirmation = Text(required=True)
    invite = Text(load_default="", allow_none=True)


@endpoint("POST", "/signin", needs=Who.ANYBODY, takes=SignIn, refusals_carry={"success": False})
def sign_in(actor: Actor, data: Json) -> Json:
    user, token = api_sign_in.sign_in(
        actor, username=data["username"], password=data["password"], code=data["otp_code"] or ""
    )
    return {"success": True, "user": _known(user), "token": token}


@endpoint("POST", "/signup", needs=Who.ANYBODY, takes=SignUp, refusals_carry={"success": False})
def sign_up(actor: Actor, data: Json) -> tuple[Json, int]:
    new = NewPerson(data["username"], data["display_name"], data["password"])
    try:
        if data["password"] != data["password_confirmation"]:
            sentence = _("The two passwords differ.")
            raise Invalid(sentence, fields={"password_confirmation": sentence})
        joined = join_house(actor, new, invitation=data["invite"] or None, let_in=open_app)
    except NotFound as error:
        raise Forbidden(error.message) from error
    except (Invalid, Conflict) as error:
        sentences = list(error.fields.values()) or [error.message]
        return {"success": False, **error.as_dict(), "errors": sentences}, Invalid.status
    if joined.must_enrol:
        return {
            "success": True,
            "pending": False,
            "message": _("Your house wants a second step. Sign in once in a browser to set it up."),
        }, 202
    if joined.secret is None:
        return {
            "success": True,
            "pending": True,
            "message": _("Whoever runs the house has to let you in first."),
        }, 202
    return {"success": True, "user": _known(joined.user), "token": joined.secret}, 201


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


def _known(user: User) -> Json:
    return {"id": user.id, "username": user.username, "role": user.role}
