"""Signing in and out without a browser, and who you are."""

from __future__ import annotations

from flask_babel import gettext as _
from marshmallow import fields

from homechat.accounts import api_sign_in, api_tokens
from homechat.accounts.actions import NewPerson
from homechat.accounts.api_sign_in import open_app
from homechat.accounts.cards import cards_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, Who, endpoint
from homechat.api.people import person_as_json
from homechat.api.shapes import Author, Error, Shape, Success
from homechat.api.shapes import User as Person
from homechat.database import db
from homechat.doors.shapes import Number, Text, YesOrNo
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.household.joining import join_house

DOTS = "…"


class SignIn(Body):
    ABOUT = {
        "username": "The name that one signs in with.",
        "otp_code": "Six digits of the authenticator app, or a recovery code; where the account asks for one.",
    }

    username = Text(required=True)
    password = Text(required=True, metadata={"description": "The password."})
    otp_code = Text(load_default="", allow_none=True)


class SignUp(Body):
    ABOUT = {
        "username": "3 to 30 of a-z 0-9 _",
        "display_name": "How they want to be called; left out: like the username.",
        "invite": "The secret at the end of an invitation's link; left out: where the house is open.",
    }

    username = Text(required=True)
    display_name = Text(load_default="")
    password = Text(required=True, metadata={"description": "8 characters at least."})
    password_confirmation = Text(required=True, metadata={"description": "The same once more."})
    invite = Text(load_default="", allow_none=True)


class Known(Author):
    ABOUT = {
        "role": "`admin`, `member`, `guest` or `bot`.",
    }

    role = Text()


class SignedIn(Success):
    """You are in."""

    user = fields.Nested(Known)
    token = Text(
        metadata={"description": "Show it from now on as `Authorization: Bearer …`; it is told this once."}
    )


class Waiting(Success):
    """You have joined, and are not in yet."""

    ABOUT = {
        "pending": "`true`: an admin has to say yes; `false`: set up a second step first, in a browser.",
        "message": "The same in a sentence.",
    }

    pending = YesOrNo()
    message = Text()


class SignUpRefused(Error):
    """You have not joined."""

    ABOUT = {
        "errors": "A sentence for each thing that does not do.",
    }

    errors = fields.List(Text())


class Self(Person):
    ABOUT = {
        "role": "`admin`, `member`, `guest` or `bot`.",
    }

    role = Text()


class TokenPowers(Shape):
    """What your token may be used for."""

    ABOUT = {
        "scopes": "What it may do.",
        "room_ids": "The numbers of the only rooms there are for it; null: all that you see.",
    }

    scopes = fields.List(Text())
    room_ids = fields.List(Number(), allow_none=True)


class Me(Self):
    """Oneself, twice over: older clients do not look into `user`."""

    user = fields.Nested(Self)
    token = fields.Nested(TokenPowers)


@endpoint(
    "POST",
    "/signin",
    needs=Who.ANYBODY,
    takes=SignIn,
    gives=SignedIn,
    refusals_carry={"success": False},
    example={"username": "ben", "password": DOTS},
)
def sign_in(actor: Actor, data: Json) -> Json:
    """Sign in with name and password, and get a token."""
    user, token = api_sign_in.sign_in(
        actor, username=data["username"], password=data["password"], code=data["otp_code"] or ""
    )
    return {"success": True, "user": _known(user), "token": token}


@endpoint(
    "POST",
    "/signup",
    needs=Who.ANYBODY,
    takes=SignUp,
    gives={201: SignedIn, 202: Waiting, 422: SignUpRefused},
    refusals_carry={"success": False, "errors": []},
    example={"username": "nora", "password": DOTS, "password_confirmation": DOTS, "invite": DOTS},
)
def sign_up(actor: Actor, data: Json) -> tuple[Json, int]:
    """Join the house, by an invitation or where it is open."""
    new = NewPerson(data["username"], data["display_name"], data["password"])
    try:
        if data["password"] != data["password_confirmation"]:
            raise Invalid.at("password_confirmation", _("The two passwords differ."))
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


@endpoint("DELETE", "/signout", needs=Who.ANY_TOKEN, gives=Success)
def sign_out(actor: Actor, data: Json) -> Json:
    """End the token."""
    api_tokens.sign_out(actor)
    return {"success": True}


@endpoint("GET", "/me", needs=Who.ANY_TOKEN, gives=Me)
def me(actor: Actor, data: Json) -> Json:
    """Who you are, and what the token may do."""
    user = db.session.get_one(User, actor.person_id)
    person = {**person_as_json(cards_of([user])[0]), "role": user.role}
    return {
        **person,  # Older clients look for it here.
        "user": person,
        "token": {
            "scopes": sorted(actor.scopes or ()),
            "room_ids": None if actor.room_ids is None else sorted(actor.room_ids),
        },
    }


def _known(user: User) -> Json:
    return {"id": user.id, "username": user.username, "role": user.role}
