"""`GET /api/v1/audit`: the log page by page and by the filters of the panel, without what is nobody's business."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from homechat import audit, clock
from homechat.actor import Actor, Door
from homechat.audit import Action, AuditLog
from homechat.security.policy import RoomKind, Scope
from tests.api_client import Program, new_token
from tests.house import House
from tests.test_api import is_json_refusal

pytestmark = pytest.mark.api

STRANGER = Actor.stranger(door=Door.API, address="203.0.113.9")


@pytest.fixture
def ada(house: House) -> Program:
    return Program(house, new_token(house, "ada", Scope.ADMIN_READ)[1])


def look(program: Program, **asked: object) -> dict[str, Any]:
    reply = program.get(f"/audit?{urlencode(asked)}")
    assert reply.status_code == 200, reply.text
    page: dict[str, Any] = reply.json
    return page


def ids(page: dict[str, Any]) -> list[int]:
    return [entry["id"] for entry in page["entries"]]


def write(house: House, who: str | Actor, action: Action = Action.ROOM_CHANGED, **more: Any) -> int:
    """Write an entry and return its number."""
    actor = house.actor(who) if isinstance(who, str) else who
    house.act(audit.record, actor, action, **more)
    with house.rows() as session:
        return int(session.scalar(sa.select(sa.func.max(AuditLog.id))))


def open_entries(house: House) -> list[int]:
    """Return the numbers of all entries that admins may read, the newest first."""
    with house.rows() as session:
        closed = session.scalars(sa.text("SELECT id FROM rooms WHERE kind <> 'public'")).all()
        rows = session.execute(sa.select(AuditLog.id, AuditLog.subject).order_by(AuditLog.id.desc())).all()
    return [number for number, subject in rows if subject not in {f"room:{room}" for room in closed}]


def pages(program: Program, **asked: object) -> Iterator[dict[str, Any]]:
    """Walk from the newest entry to the oldest, as docs/api.md says."""
    page = look(program, **asked)
    yield page
    while page["has_more"]:
        page = look(program, **asked, before=page["oldest_id"])
        yield page


@pytest.fixture
def lived_in(house: House) -> House:
    """A house with entries of every kind of reader: of all, and of private rooms, one after the other."""
    for number in range(8):
        house.room("ben", "cleo", name=f"Private {number}")
        house.room("ben", "cleo", name=f"Public {number}", kind=RoomKind.PUBLIC)
    return house


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_the_pages_hold_each_entry_once_the_newest_first(lived_in: House, ada: Program, limit: int) -> None:
    expected = open_entries(lived_in)
    with lived_in.rows() as session:
        assert len(expected) < session.scalar(sa.select(sa.func.count(AuditLog.id))), "guard: some are hidden"

    found = list(pages(ada, limit=limit))

    assert [number for page in found for number in ids(page)] == expected
    assert [len(page["entries"]) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert all(page["oldest_id"] == ids(page)[-1] for page in found)
    assert len(found) == -(-len(expected) // limit), "no page too many"


def test_from_an_entry_on_one_reads_what_is_newer(lived_in: House, ada: Program) -> None:
    expected = open_entries(lived_in)
    seen, after, has_more = [], 0, True
    while has_more:
        page = look(ada, after=after, limit=5)
        assert ids(page) == sorted(ids(page), reverse=True)
        seen += ids(page)[::-1]
        after, has_more = ids(page)[0], page["has_more"]

    assert seen == expected[::-1]
    assert look(ada, after=after) == {"entries": [], "has_more": False, "oldest_id": None}
    newer = write(lived_in, "ben")
    assert ids(look(ada, after=after)) == [newer]
    assert ids(look(ada, after=expected[6], before=expected[3])) == expected[4:6]


def test_a_page_has_fifty_unless_told_and_a_hundred_at_most(house: House, ada: Program) -> None:
    for _number in range(101):
        write(house, "ben")
    assert len(look(ada)["entries"]) == 50
    assert len(look(ada, limit=1000)["entries"]) == 100


def test_each_filter_finds_what_it_says_on_every_page(house: House, ada: Program) -> None:
    anna, ben = house.id_of("ada"), house.id_of("ben")
    with clock.moved(timedelta(days=-3)):
        old = write(house, "ben", subject="room:77", about=anna)
    moment = clock.as_iso(clock.now() - timedelta(days=1))
    login = write(house, "ben", Action.LOGIN, subject=f"user:{ben}")
    lock = write(house, "ada", Action.ACCOUNT_LOCKED, subject=f"user:{ben}")
    failed = write(house, STRANGER, Action.LOGIN_FAILED, subject=f"user:{ben}")
    mine = {old, login, lock, failed}

    def found(**asked: object) -> list[int]:
        at_once = [number for number in ids(look(ada, **asked)) if number in mine]
        one_by_one = [number for page in pages(ada, limit=1, **asked) for number in ids(page)]
        assert [number for number in one_by_one if number in mine] == at_once, asked
        return at_once

    assert found() == [failed, lock, login, old], "guard: all are there"
    assert found(action="account_locked") == [lock]
    assert found(user_id=ben) == [login, old]
    assert found(user_id=0) == [failed]
    assert found(about_id=ben) == [failed, lock, login, old]
    assert found(about_id=anna) == [lock, old]
    assert found(door="api") == [failed]
    assert found(address="203.0.113.9") == [failed]
    assert found(subject="room:77") == [old]
    assert found(since=moment) == [failed, lock, login]
    assert found(until=moment) == [old]
    assert found(until=f"{clock.now():%Y-%m-%d}") == [old], "before the day begins"
    assert found(since=moment.replace("Z", "+00:00"), about_id=anna, door="page") == [lock]
    assert found(since="2126-01-01") == []


def test_an_entry_says_whom_it_concerns(house: House, ada: Program) -> None:
    ben, cleo = house.id_of("ben"), house.id_of("cleo")
    write(house, "ada", Action.API_TOKEN_REVOKED, subject="token:4", about=ben)
    write(house, "ada", Action.ACCOUNT_LOCKED, subject=f"user:{cleo}")
    write(house, "ada", Action.SETTINGS_CHANGE, subject="setting:house_name")

    assert [entry["about_id"] for entry in look(ada, limit=3)["entries"]] == [None, cleo, ben]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("before=0", "before"),
        ("before=-1", "before"),
        ("before=x", "before"),
        ("before=", "before"),
        ("before=99999999999999999999", "before"),
        ("after=-1", "after"),
        ("after=1.5", "after"),
        ("about_id=0", "about_id"),
        ("about_id=ben", "about_id"),
        ("door=window", "door"),
        ("since=yesterday", "since"),
        ("since=2026-13-01", "since"),
        ("since=", "since"),
        ("until=0001-01-01T00:00%2B14:00", "until"),
        ("until=9999-12-31T23:59-14:00", "until"),
        ("until=2026-01-01T00:00:00+02:00", "until"),
        ("address=%00", "address"),
        ("subject=%00", "subject"),
    ],
)
def test_what_makes_no_sense_is_named_rather_than_left_out(ada: Program, asked: str, field: str) -> None:
    reply = ada.get(f"/audit?{asked}")
    assert is_json_refusal(reply, 422, "invalid")
    assert set(reply.json["fields"]) == {field}


def test_a_time_is_asked_for_in_the_language_of_who_asks(house: House, ada: Program) -> None:
    german = ada.get("/audit?since=gestern", headers={"Accept-Language": "de"}).json["fields"]["since"]
    assert german == "Schreib es so: 2026-11-21 oder 2026-11-21T18:42:00Z."
