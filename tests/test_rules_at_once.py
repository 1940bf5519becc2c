"""Rules hold when two people act at the same moment, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import flask_migrate
import pytest

from homechat import audit, paths, settings
from homechat.accounts.actions import NewPerson
from homechat.accounts.queries import person_named
from homechat.accounts.recovery import make_reset_link, use_reset_link
from homechat.actor import Actor, Door, Role
from homechat.errors import Forbidden, NotFound
from homechat.household.founding import create_person_from_shell
from homechat.household.invitations import invite
from homechat.household.joining import approve, how_many_wait, join_house, refuse_newcomer
from homechat.household.people import change_role, lock_person
from homechat.rooms.actions import create_room
from homechat.rooms.membership import add_members, join_room, leave_room, remove_member
from homechat.rooms.queries import member_count, room_ids_of
from homechat.security.policy import RoomKind
from tests.attempts import somebody_waiting
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


def test_of_two_admins_locked_at_once_one_stays(house: House) -> None:
    operator = Actor.operator()
    ada, ben = house.id_of("ada"), house.id_of("ben")
    house.act(change_role, operator, ben, Role.ADMIN)
    by_ada, by_ben = house.actor("ada"), house.actor("ben")

    results = at_once(
        partial(house.act, lock_person, by_ada, ben),
        partial(house.act, lock_person, by_ben, ada),
        partial(house.act, lock_person, operator, ada),
        partial(house.act, lock_person, operator, ben),
    )

    assert any(type(result) is Forbidden for result in results)
    assert sorted(house.person(name).standing for name in ("ada", "ben")) == ["active", "locked"]


def test_somebody_let_in_and_turned_away_at_once_is_one_of_the_two(house: House) -> None:
    for number in range(3):
        name = f"nora_{number}"
        nora = somebody_waiting(house, name)

        results = at_once(
            partial(house.act, approve, house.actor("ada"), nora),
            partial(house.act, refuse_newcomer, Actor.operator(), nora),
            partial(house.act, approve, Actor.operator(), nora),
        )

        assert sum(type(result) is NotFound for result in results) == 2
        is_in = house.act(person_named, name) is not None
        assert is_in == (type(results[1]) is NotFound)
        assert (house.home().id in house.act(room_ids_of, nora)) == is_in
    assert house.act(how_many_wait) == 0


def test_of_those_who_take_the_last_use_at_once_one_waits(house: House) -> None:
    house.act(settings.change, Actor.operator(), settings.NEWCOMERS_WAIT, True)
    token = house.act(invite, house.actor("ada"), role=Role.GUEST)[1]
    stranger = Actor.stranger(door=Door.PAGE, address="192.0.2.9")

    def take(number: int) -> object:
        new = NewPerson(f"kid_{number}", "", PASSWORD)
        return house.act(join_house, stranger, new, invitation=token)

    results = at_once(*[partial(take, number) for number in range(4)])

    assert sorted(type(result) is NotFound for result in results) == [False, True, True, True]
    assert house.act(how_many_wait) == 1


def test_of_those_who_use_a_reset_link_at_once_one_sets_the_password(house: House) -> None:
    token = house.act(make_reset_link, house.actor("ada"), house.id_of("ben"))
    stranger = Actor.stranger(door=Door.PAGE, address="192.0.2.9")
    hash_before = house.person("ben").password_hash

    results = at_once(
        *[partial(house.act, use_reset_link, stranger, token, f"{number} calm herons") for number in range(4)]
    )

    assert sorted(type(result) is NotFound for result in results) == [False, True, True, True]
    assert house.person("ben").password_hash != hash_before
    assert len(house.act(audit.entries, action=audit.Action.PASSWORD_RESET)) == 1


def test_of_reset_links_made_at_once_one_works(house: House) -> None:
    ben = house.id_of("ben")
    tokens = at_once(
        *[partial(house.act, make_reset_link, actor, ben) for actor in (house.actor("ada"), Actor.operator())]
    )
    assert sorted(house.client().get(f"/reset/{token}").status_code for token in tokens) == [200, 404]


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
