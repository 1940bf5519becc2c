"""Finding in the audit log, handing it out, forgetting what is old, and forgetting a person."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from homechat import audit, clock, settings
from homechat.actor import Actor, Door
from homechat.audit import Action, AuditLog, Filters, Found, chain, finding
from homechat.database import transaction
from homechat.errors import Conflict, NotFound
from homechat.operations import retention
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import House, copy_house
from tests.postgres import empty_house, move_in
from tests.server_process import ServerProcess, prepare_house

SECRETIVE = {"address": "198.51.100.7", "user_agent": "Firefox on Android"}


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house with Ada, Ben and Cleo in it, on each kind of database."""
    if request.param == "sqlite":
        house = House(copy_house(request.getfixturevalue("cast_folder"), tmp_path / "data"))
    else:
        house = move_in(empty_house(request.getfixturevalue("postgres_url"), tmp_path / "data"))
    yield house
    close(house)


def write(house: House, who: str | Actor, action: Action = Action.ROOM_CHANGED, **more: Any) -> int:
    """Write an entry and return its number."""
    actor = house.actor(who) if isinstance(who, str) else who
    house.act(audit.record, actor, action, **more)
    return newest(house)


def write_days_ago(house: House, days: float, *, count: int = 1) -> None:
    with clock.moved(timedelta(days=-days)):
        for _ in range(count):
            write(house, "ben")


def newest(house: House) -> int:
    return house.act(finding.newest_id)


def ids(house: House) -> list[int]:
    with house.rows() as session:
        return list(session.scalars(sa.select(AuditLog.id).order_by(AuditLog.id)))


def search(house: House, filters: Filters | None = None, **more: Any) -> Found:
    return house.act(audit.search, house.actor("ada"), filters, **more)


def found(house: House, filters: Filters, **more: Any) -> list[int]:
    return [row.id for row in search(house, filters, **more).entries]


# who may


def test_only_admins_and_the_operator_find_anything(house: House) -> None:
    readers = [house.actor("ada"), Actor.operator(), Actor.system()]
    strangers = [house.actor(name) for name in ("ben", "gus", "rex", "olga")]
    for actor in readers:
        assert house.act(audit.search, actor).entries
        assert house.act(lambda who=actor: list(_exported(who)))
    for actor in [*strangers, Actor.stranger(door=Door.PAGE)]:
        before = ids(house)
        with pytest.raises(NotFound):
            house.act(audit.search, actor)
        with pytest.raises(NotFound):
            house.act(_exported, actor)
        assert ids(house) == before


# finding


def test_each_filter_finds_what_it_says_and_nothing_else(either: House) -> None:
    ada, ben = either.id_of("ada"), either.id_of("ben")
    room = write(either, "ben", subject="room:77", about=ada)
    login = write(either, "ben", Action.LOGIN, subject=f"user:{ben}")
    lock = write(either, "ada", Action.ACCOUNT_LOCKED, subject=f"user:{ben}")
    stranger = Actor.stranger(door=Door.API, address="203.0.113.9")
    failed = write(either, stranger, Action.LOGIN_FAILED, subject=f"user:{ben}")

    assert found(either, Filters(action=Action.ACCOUNT_LOCKED)) == [lock]
    assert found(either, Filters(actor_id=ben)) == [login, room]
    assert found(either, Filters(about_id=ben))[:4] == [failed, lock, login, room]
    assert found(either, Filters(about_id=ada))[:2] == [lock, room]
    assert found(either, Filters(door=Door.API)) == [failed]
    assert found(either, Filters(address="203.0.113.9")) == [failed]
    assert found(either, Filters(subject="room:77")) == [room]
    assert found(either, Filters(subject="oom:7"))[:1] == [room]
    assert found(either, Filters(subject="room_77")) == [], "an underscore is an underscore"
    assert found(either, Filters(actor_id=0))[0] == failed
    assert not {room, login, lock} & set(found(either, Filters(actor_id=0)))
    assert found(either, Filters(about_id=ben, door=Door.PAGE, action=Action.LOGIN)) == [login]
    assert found(either, Filters(about_id=999)) == []


def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(either: House) -> None:
    write_days_ago(either, 2)
    old = newest(either)
    at = next(row.at for row in search(either).entries if row.id == old)
    young = write(either, "ben")

    just_after = at + timedelta(microseconds=1)
    assert old in found(either, Filters(since=at))
    assert old not in found(either, Filters(since=just_after))
    assert young in found(either, Filters(since=just_after))
    assert found(either, Filters(until=just_after)) == [old]
    assert found(either, Filters(until=at)) == []


@pytest.mark.parametrize("filters", [Filters(), Filters(action=Action.ROOM_CHANGED), Filters(subject="room")])
def test_pages_follow_each_other_without_gap_or_double(
    house: House, filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "ROWS_AT_ONCE", 7)
    for number in range(25):
        write(house, "ben", subject=f"room:{number}")
        write(house, "ben", Action.LOGIN, subject="user:2")
    everything = found(house, filters, limit=100)
    assert len(everything) >= 25
    assert everything == sorted(everything, reverse=True)

    older, before = [], None
    while True:
        page = search(house, filters, before=before, limit=10)
        older += [row.id for row in page.entries]
        if not page.has_more:
            break
        before = page.entries[-1].id
    newer, after = [], everything[-1] - 1
    while True:
        page = search(house, filters, after=after, limit=10)
        newer[:0] = [row.id for row in page.entries]
        if not page.has_more:
            break
        after = page.entries[0].id

    assert older == newer == everything


def test_a_page_has_fifty_entries_and_never_more_than_a_hundred(house: House) -> None:
    for _ in range(110):
        write(house, "ben")
    for asked, given in ((None, 50), (1, 1), (0, 1), (-5, 1), (100, 100), (1000, 100)):
        page = search(house, **({} if asked is None else {"limit": asked}))
        assert (len(page.entries), page.has_more) == (given, True)
    assert search(house, before=1).entries == []
    assert search(house, after=newest(house)).entries == []
    assert not search(house, before=4).has_more


def test_everyone_finds_what_they_did_and_what_was_done_to_them_once_each(either: House) -> None:
    ben, cleo = either.id_of("ben"), either.id_of("cleo")
    before = newest(either)
    mine = [
        write(either, "ben", subject="room:1"),
        write(either, "ben", subject=f"user:{ben}", about=None),
        write(either, "ada", subject=f"user:{ben}"),
        write(either, "ada", subject="token:4", about=ben),
    ]
    write(either, "ada", subject=f"user:{cleo}")
    write(either, "cleo", subject=f"user:{ben}9")

    page = either.act(audit.entries_about, ben)

    assert [row.id for row in page.entries if row.id > before] == mine[::-1]


# handing it out


def _exported(actor: Actor, filters: Filters | None = None, form: str = "jsonl") -> Iterator[str]:
    return audit.export(actor, filters or Filters(), form=form, names={1: "ada", 2: "ben"})


def exported(house: House, filters: Filters | None = None, form: str = "jsonl") -> str:
    return house.act(lambda: "".join(_exported(house.actor("ada"), filters, form)))


def test_an_export_has_every_entry_the_oldest_first_and_is_an_entry_itself(either: House) -> None:
    for number in range(5):
        write(either, "ben", subject=f"room:{number}")
    before = ids(either)

    rows = [json.loads(line) for line in exported(either).splitlines()]

    assert [row["id"] for row in rows] == before
    assert (rows[-1]["actor"], rows[-1]["subject"]) == ("ben", "room:4")
    (entry,) = search(either, after=before[-1]).entries
    assert (entry.action, entry.detail) == ("export", {"what": "audit_log", "rows": len(before)})
    assert entry.actor_id == either.id_of("ada")


def test_a_long_log_is_handed_out_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(finding, "BATCH", 4)
    for number in range(30):
        write(house, "ben", subject=f"room:{number}")

    def pieces() -> list[str]:
        return list(_exported(house.actor("ada"), Filters(actor_id=house.id_of("ben"))))

    texts = house.act(pieces)

    assert max(text.count("\n") for text in texts) == 4
    assert "".join(texts).count("\n") == 30
    assert search(house).entries[0].detail == {"what": "audit_log", "rows": 30}


def test_an_export_that_cannot_be_written_down_hands_out_nothing(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'no'); END")
        )
    with pytest.raises(DatabaseError):
        house.act(_exported, house.actor("ada"))


EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1+1", "\n=1", "＝1+1"]


@pytest.mark.parametrize("evil", EVIL)
def test_a_spreadsheet_calculates_nothing_that_anybody_sent(house: House, evil: str) -> None:
    actor = replace(house.actor("ben"), user_agent=evil + '","x\r\n"=2', address=evil)
    number = write(house, actor)

    text = exported(house, form="csv")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == text.count("\r\n") - 1 == len(ids(house)) - 1
    (row,) = [row for row in rows if row["id"] == str(number)]
    assert row["user_agent"].startswith("'")
    assert row["address"].startswith("'")
    assert '"' + evil.strip()[:1] not in text.replace('""', "")


def test_nobody_begins_a_line_of_their_own_in_an_export(house: House) -> None:
    write(house, replace(house.actor("ben"), user_agent='x\n{"id": 1}\u2028\x85\x1b[2J\u202e'))
    count = len(ids(house))
    lines, table = exported(house), exported(house, form="csv")
    assert len(lines.splitlines()) == count
    assert len(table.splitlines()) == 1 + count + 1, "a heading, and the export before"
    assert not set("\u2028\x85\x1b\u202e") & set(lines + table)


# forgetting what is old


def test_nothing_goes_from_behind_a_younger_entry(either: House) -> None:
    write_days_ago(either, 400, count=3)  # As if the clock had been put right after they were written.
    assert either.act(retention.prune_audit_log, Actor.operator()) == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def aged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house that was founded 500 days ago; since then somebody did something every 50 days."""
    with clock.moved(timedelta(days=-500)):
        if request.param == "sqlite":
            house = House(copy_house(request.getfixturevalue("empty_folder"), tmp_path / "data"))
        else:
            house = empty_house(request.getfixturevalue("postgres_url"), tmp_path / "data")
        move_in(house)
    for days in range(450, 0, -50):
        write_days_ago(house, days)
    yield house
    close(house)


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "data"
    prepare_house(folder)
    return folder


def age_of_oldest(house: House) -> int:
    oldest = house.act(audit.oldest_at)
    assert oldest is not None
    return round((clock.now() - oldest) / timedelta(days=1))


def test_old_entries_go_and_the_chain_begins_after_them(aged: House) -> None:
    before = ids(aged)
    assert age_of_oldest(aged) == 500

    count = aged.act(retention.prune_audit_log, Actor.operator())

    after = ids(aged)
    assert age_of_oldest(aged) == 350
    assert after[:-1] == before[count:]
    entry = search(aged).entries[0]
    assert (entry.action, entry.door, entry.actor_id) == ("audit_pruned", "cli", None)
    assert entry.detail == {"count": count, "last": before[count - 1]}
    assert aged.act(audit.verify) is None
    assert aged.act(retention.prune_audit_log, Actor.operator()) == 0
    assert ids(aged) == after, "nothing to do is nothing to write down"
    write(aged, "ada")
    assert aged.act(audit.verify) is None


def test_the_house_says_for_how_long(aged: House) -> None:
    aged.act(settings.change, aged.actor("ada"), settings.AUDIT_DAYS, 90)
    aged.act(retention.prune_audit_log, Actor.operator())
    assert age_of_oldest(aged) == 50


def test_nothing_younger_than_ninety_days_goes_whatever_is_asked_for(aged: House) -> None:
    aged.act(audit.prune, Actor.operator(), older_than=clock.now())
    assert age_of_oldest(aged) == 50
    assert aged.act(audit.verify) is None


def test_many_old_entries_go_in_pieces_each_written_down(
    aged: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "PRUNE_AT_ONCE", 3)
    count = aged.act(retention.prune_audit_log, Actor.operator())
    pieces = [row.detail["count"] for row in search(aged, Filters(action=Action.AUDIT_PRUNED)).entries]
    assert (sum(pieces), max(pieces)) == (count, 3)
    assert aged.act(audit.verify) is None


def test_tampering_is_not_washed_away_by_pruning(aged: House) -> None:
    if not aged.settings.database_url.startswith("sqlite"):
        drop = "DROP TRIGGER audit_logs_no_change ON audit_logs"
    else:
        drop = "DROP TRIGGER audit_logs_no_change"
    with aged.rows() as session, transaction():
        session.execute(sa.text(drop))
        session.execute(sa.text("UPDATE audit_logs SET door = 'api' WHERE id = 2"))
    before = ids(aged)
    with pytest.raises(Conflict, match="broken at entry 2"):
        aged.act(retention.prune_audit_log, Actor.operator())
    assert ids(aged) == before


def test_the_house_does_it_once_the_oldest_is_a_day_over_its_time(aged: House) -> None:
    aged.act(settings.change, aged.actor("ada"), settings.AUDIT_DAYS, 500)
    with clock.moved(timedelta(hours=23)):
        assert aged.act(retention.prune_audit_log_if_overdue) == 0
    with clock.moved(timedelta(hours=25)):
        assert aged.act(retention.prune_audit_log_if_overdue) > 0
        assert search(aged).entries[0].door == "system"
        assert aged.act(retention.prune_audit_log_if_overdue) == 0


def test_a_serving_process_does_it_by_itself(cast_folder: Path, tmp_path: Path, empty_folder: Path) -> None:
    folder = copy_house(empty_folder, tmp_path / "data")
    house = House(folder)
    with clock.moved(timedelta(days=-400)):
        move_in(house)
    assert age_of_oldest(house) == 400
    with ServerProcess(folder, GENEROUS_LIMITS) as server:
        wait_until(lambda: bool(search(house, Filters(action=Action.AUDIT_PRUNED)).entries))
        assert server.is_up()
    assert house.act(audit.verify) is None
    assert [row.action for row in search(house).entries if row.action == "audit_pruned"] == ["audit_pruned"]
    close(house)


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    while not is_so():
        assert datetime.now(UTC) < until, "it did not happen"


# forgetting a person


def test_erasing_a_person_blanks_all_by_and_about_them_and_the_chain_verifies(either: House) -> None:
    ben = either.id_of("ben")
    actors = {name: replace(either.actor(name), **SECRETIVE) for name in ("ada", "ben", "cleo")}
    theirs = [
        write(either, actors["ben"], subject="room:1", detail={"n": 1}),
        write(either, actors["ada"], Action.ROLE_CHANGE, subject=f"user:{ben}", detail={"to": "guest"}),
        write(either, actors["ada"], Action.API_TOKEN_REVOKED, subject="token:4", about=ben),
    ]
    others = write(either, actors["cleo"], subject="room:1", detail={"n": 2})
    assert either.act(audit.erase_person, ben) >= 3

    rows = {row.id: row for row in search(either, limit=100).entries}
    for number in theirs:
        row = rows[number]
        assert (row.address, row.user_agent, row.detail, row.salt) == (None,) * 4
    assert rows[theirs[1]].subject == f"user:{ben}", "that it happened stays"
    assert (rows[others].address, rows[others].detail) == (SECRETIVE["address"], {"n": 2})
    assert either.act(audit.verify) is None
    assert either.act(audit.erase_person, ben) == 0, "and once is enough"
    exported(either)
    assert either.act(audit.verify) is None


def test_rows_from_before_there_was_a_person_beside_the_subject_verify_as_they_are(house: House) -> None:
    """What `about_id` adds to the hash of a row that has it, it adds to no other."""
    number = write(house, "ben", subject="room:1")
    with house.rows() as session:
        row = session.get(AuditLog, number)
        at = row.at.isoformat(timespec="microseconds")
        parts = [row.previous_hash, at, row.action, row.actor_id, row.door, row.subject, row.personal_digest]
        text = json.dumps(parts, separators=(",", ":"))
        assert row.hash == hashlib.sha256(text.encode()).hexdigest()
