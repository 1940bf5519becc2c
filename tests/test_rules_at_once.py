"""Rules hold when two people act at the same moment, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import flask_migrate
import pytest

from homechat import audit, paths
from homechat.accounts.actions import NewPerson
from homechat.actor import Actor, Role
from homechat.errors import Forbidden, NotFound
from homechat.household.founding import create_person_from_shell
from homechat.household.people import change_role
from homechat.rooms.actions import add_members, create_room, join_room, leave_room, remove_member
from homechat.rooms.queries import member_count
from homechat.security.policy import RoomKind
from tests.conftest import close
from tests.house import PASSWORD, House
from tests.server_process import prepare_house
from tests.test_postgresql import at_once


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house with Ada (admin), Ben and Cleo (members) in it, on each database."""
    folder = tmp_path / "data"
    if request.param == "postgresql":
        folder.mkdir(mode=0o700)
        house = House(folder, database_url=request.getfixturevalue("postgres_url"))
        with house.app.app_context():
            flask_migrate.upgrade(directory=str(paths.MIGRATIONS))
    else:
        prepare_house(folder)
        house = House(folder)
    for name, role in (("ada", Role.ADMIN), ("ben", Role.MEMBER), ("cleo", Role.MEMBER)):
        house.act(
            create_person_from_shell, Actor.operator(), NewPerson(name, name.title(), PASSWORD), role=role
        )
    yield house
    close(house)


def test_of_two_admins_demoted_at_once_one_stays(house: House) -> None:
    operator = Actor.operator()
    ada, ben = house.id_of("ada"), house.id_of("ben")
    house.act(change_role, operator, ben, Role.ADMIN)

    results = at_once(
        partial(house.act, change_role, operator, ada, Role.MEMBER),
        partial(house.act, change_role, operator, ben, Role.MEMBER),
    )

    assert sorted(type(result) is Forbidden for result in results) == [False, True]
    assert sorted(house.person(name).role for name in ("ada", "ben")) == ["admin", "member"]


def test_four_taps_on_join_are_one_membership(house: House) -> None:
    room = house.room("ada", name="Open", kind=RoomKind.PUBLIC)

    results = at_once(*[partial(house.act, join_room, house.actor("ben"), room)] * 4)

    assert [result.id for result in results] == [room] * 4
    assert house.act(member_count, room) == 2


def test_somebody_added_and_removed_twice_at_once_is_so_once(house: House) -> None:
    room = house.room("ada", name="Twice")
    ben = house.id_of("ben")

    at_once(*[partial(house.act, add_members, house.actor("ada"), room, [ben])] * 2)
    assert house.act(member_count, room) == 2
    removals = at_once(*[partial(house.act, remove_member, house.actor("ada"), room, ben)] * 2)

    assert sorted(type(result) is NotFound for result in removals) == [False, True]
    assert house.act(member_count, room) == 1


def test_making_and_leaving_rooms_at_once_never_stops_each_other(house: House) -> None:
    rooms = [house.room("ben", "ada", name=f"Room {number}") for number in range(6)]
    leave = [partial(house.act, leave_room, house.actor("ben"), room) for room in rooms]
    make = [partial(house.act, create_room, house.actor("cleo"), name=f"New {number}") for number in range(6)]

    results = at_once(*leave, *make)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert house.act(audit.verify) is None


def test_an_owner_who_becomes_a_guest_hands_their_rooms_on(house: House) -> None:
    room = house.room("ben", "cleo", name="Led by Ben")

    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.GUEST)

    reply = house.client("cleo").post(f"/rooms/{room}/details", {"name": "Led by Cleo", "description": ""})
    assert reply.status_code == 302
    owner = house.act(audit.entries, action=audit.Action.ROOM_CHANGED, subject=f"room:{room}")[-1]
    assert owner.detail == {"owner": house.id_of("cleo")}


def test_somebody_made_an_admin_stays_signed_in_no_longer_than_admins_do(house: House) -> None:
    browser = house.client("ben")
    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.ADMIN)

    with house.rows() as session:
        row = session.connection().exec_driver_sql(
            "SELECT created_at, expires_at FROM login_sessions ORDER BY id DESC LIMIT 1"
        )
        created, expires = row.one()
    days = (_moment(expires) - _moment(created)).days
    assert days <= house.settings.admin_session_days
    assert browser.get("/me").status_code == 200


def _moment(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
