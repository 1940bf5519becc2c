"""For each route that changes something, one request that works: take something away from it and it must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from homechat.accounts.models import LoginSession
from homechat.actor import Role
from homechat.database import Base
from homechat.household.actions import invite, new_setup_token
from homechat.security.policy import RoomKind
from tests.conftest import close
from tests.house import PASSWORD, House, copy_house
from tests.server_process import prepare_house

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Attempt:
    """A form that is sent.

    who: the member of the cast, or None for a stranger.  form_on: a page on which this form's token stands.
    """

    who: str | None
    path: str
    form: dict[str, Any] = field(default_factory=dict)
    form_on: str = "/me"


def sign_in(house: House) -> Attempt:
    return Attempt(None, "/sign-in", {"username": "ben", "password": PASSWORD}, "/sign-in")


def sign_out(house: House) -> Attempt:
    return Attempt("ben", "/sign-out")


def update_profile(house: House) -> Attempt:
    form = {"display_name": "Benny", "color": 3, "locale": "de", "timezone": "Europe/Vienna", "theme": "dark"}
    return Attempt("ben", "/me/profile", form)


def change_password(house: House) -> Attempt:
    return Attempt("ben", "/me/password", {"current_password": PASSWORD, "password": "three calm herons"})


def revoke_device(house: House) -> Attempt:
    house.client("ben")
    with house.rows() as session:
        device = session.scalars(sa.select(LoginSession.id).filter_by(user_id=house.id_of("ben"))).first()
    return Attempt("ben", f"/me/devices/{device}/revoke")


def found(house: House) -> Attempt:
    token = house.act(new_setup_token)
    form = {"house_name": "Ours", "username": "ada", "display_name": "Ada", "password": PASSWORD}
    return Attempt(None, f"/setup/{token}", form, f"/setup/{token}")


def join_house(house: House) -> Attempt:
    token = house.act(invite, house.actor("ada"), role=Role.MEMBER)[1]
    form = {"username": "nora", "display_name": "Nora", "password": PASSWORD}
    return Attempt(None, f"/join/{token}", form, f"/join/{token}")


def invite_somebody(house: House) -> Attempt:
    form = {"role": "guest", "room_ids": house.home().id, "hours": 1, "max_uses": 2, "note": "Hello"}
    return Attempt("ada", "/invites", form)


def revoke_invite(house: House) -> Attempt:
    made = house.act(invite, house.actor("ada"), role=Role.MEMBER)[0]
    return Attempt("ada", f"/invites/{made.id}/revoke")


def post_message(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.home().id}/messages", {"body": "hi", "client_id": "attempt-1"})


def mark_read(house: House) -> Attempt:
    home = house.home().id
    return Attempt("ben", f"/rooms/{home}/read", {"seq": house.say("ada", home, "news")})


def create_room(house: House) -> Attempt:
    return Attempt(
        "ben", "/rooms/new", {"name": "Kites", "kind": "private", "member_ids": house.id_of("cleo")}
    )


def join_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ada', kind=RoomKind.PUBLIC)}/join")


def leave_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ada', 'ben')}/leave")


def archive_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/archive")


def rename_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/details", {"name": "Shed", "description": "Tools"})


def add_member(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/members", {"user_id": house.id_of("cleo")})


def remove_member(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben', 'cleo')}/members/{house.id_of('cleo')}/remove")


def make_owner(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben', 'cleo')}/members/{house.id_of('cleo')}/owner")


def start_direct(house: House) -> Attempt:
    return Attempt("ben", "/direct", {"user_id": house.id_of("cleo")})


ATTEMPTS: dict[str, Callable[[House], Attempt]] = {
    "accounts.sign_in_now": sign_in,
    "accounts.sign_out": sign_out,
    "accounts.update_profile": update_profile,
    "accounts.change_password": change_password,
    "accounts.revoke_device": revoke_device,
    "household.found_now": found,
    "household.join_now": join_house,
    "household.invite": invite_somebody,
    "household.revoke_invite": revoke_invite,
    "messages.post": post_message,
    "messages.mark_read": mark_read,
    "rooms.create": create_room,
    "rooms.join": join_room,
    "rooms.leave": leave_room,
    "rooms.archive": archive_room,
    "rooms.rename": rename_room,
    "rooms.add_member": add_member,
    "rooms.remove_member": remove_member,
    "rooms.make_owner": make_owner,
    "rooms.start_direct": start_direct,
}


@contextmanager
def house_for(endpoint: str, cast_folder: Path, folder: Path) -> Iterator[House]:
    """A house in which the attempt on `endpoint` works: with the cast in it, or one to be founded."""
    if ATTEMPTS[endpoint] is found:
        prepare_house(folder)
    else:
        copy_house(cast_folder, folder)
    house = House(folder)
    yield house
    close(house)


def changing_endpoints(app: Flask) -> set[str]:
    """Return the endpoints that take a method which may change something."""
    return {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) & CHANGING}


def everything_in(house: House) -> dict[str, list[Any]]:
    """Return all rows of all tables, to see whether anything changed."""
    with house.rows() as session:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table)).all()))
            for table in Base.metadata.sorted_tables
        }
