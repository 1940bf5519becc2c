"""Writers who queue are stored together, yet each of them succeeds or fails alone."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import g
from sqlalchemy import event

from homechat import write_queue
from homechat.accounts.models import User
from homechat.database import db, on_commit, transaction, writers
from homechat.errors import Invalid, Unavailable
from homechat.rooms.actions import start_direct
from homechat.rooms.models import Membership, Room
from tests.devices import wait_until
from tests.house import House
from tests.server_process import ROOT

Write = Callable[[], object]


@pytest.fixture
def house(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose groups take in whoever queues, however slow the machine is today."""
    monkeypatch.setattr(write_queue, "PATIENCE_SECONDS", (60.0, 60.0))
    return house


@pytest.fixture
def commits(house: House) -> Iterator[list[str]]:
    """What has been committed so far."""
    found: list[str] = []
    with house.app.app_context():
        event.listen(db.engine, "commit", lambda connection: found.append("commit"))
        yield found


def test_whoever_queues_is_stored_with_the_others_in_one_commit(house: House, commits: list[str]) -> None:
    before = house.home().last_seq

    done = _in_a_queue(house, [_raise_seq] * 9)

    assert [task.result() for task in done] == [None] * 9
    assert house.home().last_seq == before + 9
    assert commits == ["commit"]


def test_whoever_is_alone_waits_for_nobody(house: House, commits: list[str]) -> None:
    for _ in range(3):
        with transaction():
            _raise_seq()

    assert commits == ["commit"] * 3


def test_whoever_fails_fails_alone(house: House, commits: list[str]) -> None:
    told: list[str] = []

    def mistake() -> None:
        _rename("cleo")
        on_commit(lambda: told.append("cleo"))
        raise Invalid("Something was wrong.")

    def right() -> None:
        _rename("ben")
        on_commit(lambda: told.append("ben"))

    def wrong_statement() -> None:
        db.session.execute(sa.insert(Membership).values(room_id=999, user_id=999))

    done = _in_a_queue(house, [_raise_seq, mistake, wrong_statement, right, mistake])

    assert [_outcome(task) for task in done] == [None, "Invalid", "IntegrityError", None, "Invalid"]
    assert (house.person("cleo").display_name, house.person("ben").display_name) == ("Cleo", "Renamed")
    assert told == ["ben"]
    assert commits == ["commit"]


def test_whoever_collides_with_one_of_the_same_commit_finds_what_that_one_made(house: House) -> None:
    has_begun, is_open = threading.Event(), threading.Event()

    def begin_and_end(*, holds: bool) -> None:
        with house.app.app_context(), transaction():
            if holds:
                has_begun.set()
                assert is_open.wait(30)
            _raise_seq()
            time.sleep(0 if holds else 0.5)  # So long the group is not stored.

    def start() -> int:
        return house.act(start_direct, house.actor("ben"), [house.id_of("cleo")]).id

    with house.app.app_context():
        queue = writers()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(begin_and_end, holds=True)
        assert has_begun.wait(30)
        started = [pool.submit(start), pool.submit(start)]
        assert wait_until(lambda: queue.waiting == 2)
        last = pool.submit(begin_and_end, holds=False)
        assert wait_until(lambda: queue.waiting == 3)
        is_open.set()
        assert started[0].result() == started[1].result()
        first.result()
        last.result()


def test_where_all_fail_nothing_is_stored(house: House, commits: list[str]) -> None:
    def mistake() -> None:
        _rename("ada")
        raise Invalid("Something was wrong.")

    done = _in_a_queue(house, [mistake, mistake])

    assert [_outcome(task) for task in done] == ["Invalid", "Invalid"]
    assert house.person("ada").display_name == "Ada"
    with transaction():
        _raise_seq()
    assert commits == ["commit"]


def test_what_cannot_be_stored_was_promised_to_nobody(house: House) -> None:
    told: list[str] = []
    before, ada = house.home().last_seq, house.id_of("ada")

    def spoil_the_commit() -> None:
        db.session.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        nobodys = sa.update(Membership).where(Membership.user_id == ada).values(user_id=999)
        db.session.execute(nobodys)

    def tell() -> None:
        _raise_seq()
        on_commit(lambda: told.append("stored"))

    done = _in_a_queue(house, [tell, spoil_the_commit, tell])

    assert [_outcome(task) for task in done] == ["Unavailable"] * 3
    assert told == []
    assert house.home().last_seq == before
    with house.app.app_context(), transaction():
        tell()
    assert told == ["stored"], "the next one is not hurt by it"


def test_what_the_database_gave_up_by_itself_was_promised_to_nobody(house: House) -> None:
    before = house.home().last_seq
    with house.app.app_context(), transaction():
        db.session.execute(
            sa.text(
                "CREATE TRIGGER give_up BEFORE UPDATE OF display_name ON users"
                " BEGIN SELECT RAISE(ROLLBACK, 'given up'); END"
            )
        )

    done = _in_a_queue(house, [_raise_seq, lambda: _rename("ben"), _raise_seq])

    first, second, third = map(_outcome, done)
    assert first == "Unavailable"
    assert second is not None
    # Where it came before the second it is lost with the first; else it began anew.
    assert third in (None, "Unavailable")
    assert house.home().last_seq == before + (third is None)


def test_people_are_told_in_the_order_of_writing_each_as_who_they_are(house: House) -> None:
    told: list[tuple[int, str]] = []

    def write() -> None:
        room = db.session.scalars(sa.select(Room).where(Room.is_home)).one()
        room.last_seq += 1
        db.session.flush()
        seq, name = room.last_seq, g.name
        on_commit(lambda: told.append((seq, name + g.name)))

    _in_a_queue(house, [write] * 6)

    assert [seq for seq, _ in told] == sorted(seq for seq, _ in told)
    assert sorted(name for _, name in told) == sorted(f"{n}{n}" for n in range(6))


def test_nobody_is_told_before_those_whose_commit_came_first(house: House, commits: list[str]) -> None:
    told: list[str] = []
    go_on = threading.Event()

    def write(name: str, *, wait: bool) -> None:
        with house.app.app_context(), transaction():
            _raise_seq()
            on_commit(lambda: (go_on.wait(10) if wait else None, told.append(name)))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write, "First", wait=True)
        assert wait_until(lambda: len(commits) == 1)
        second = threads.submit(write, "Second", wait=False)
        assert wait_until(lambda: len(commits) == 2), "the second one is stored while the first is being told"
        assert told == []
        go_on.set()
        first.result(10)
        second.result(10)

    assert told == ["First", "Second"]


def test_who_does_not_want_to_wait_does_not(house: House) -> None:
    outcomes: list[str | None] = []

    def ask_at_once() -> None:
        with house.app.app_context(), contextlib.suppress(Unavailable), transaction(waits=False):
            outcomes.append("written")

    with house.app.app_context(), transaction():
        asking = threading.Thread(target=ask_at_once)
        asking.start()
        asking.join(10)
        assert not asking.is_alive()
    assert outcomes == []

    ask_at_once()
    assert outcomes == ["written"]


def test_whoever_is_ended_while_waiting_leaves_nobody_waiting() -> None:
    """On the event loop of the server, where a task can be ended at any point at which it waits."""
    script = """
        import eventlet
        eventlet.monkey_patch()
        import sqlalchemy as sa
        from homechat import write_queue

        write_queue.PATIENCE_SECONDS = (60, 60)
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        queue = write_queue.WriteQueue()

        def begin():
            connection = engine.connect()
            connection.exec_driver_sql("BEGIN")
            return connection

        def write(before_leaving):
            with queue.turn(begin, [], waits=True):
                eventlet.sleep(0)
                before_leaving()

        # It ends when the first has left its changes to it, and before it has its turn.
        first = eventlet.spawn(write, lambda: eventlet.spawn_after(0, last.kill))
        last = eventlet.spawn(write, lambda: print("not ended"))
        with eventlet.Timeout(10):
            first.wait()
            write(lambda: None)
        print("nobody waits")
    """
    code = "\n".join(line[8:] for line in script.splitlines())

    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.stdout == "nobody waits\n", result.stderr


def test_whoever_is_ended_while_it_is_stored_leaves_nobody_waiting() -> None:
    script = """
        import eventlet
        eventlet.monkey_patch()
        import logging
        import sqlalchemy as sa
        from homechat.errors import Unavailable
        from homechat.write_queue import WriteQueue

        logging.disable()
        engine, queue = sa.create_engine("sqlite://"), WriteQueue()

        def begin():
            connection = engine.connect()
            connection.exec_driver_sql("BEGIN")
            connection.commit = lambda: eventlet.sleep(5)
            return connection

        def write(number):
            try:
                with queue.turn(begin, [], waits=True):
                    eventlet.sleep(0)
            except Unavailable:
                print(number, "was not told that it is stored")

        first, last = eventlet.spawn(write, 1), eventlet.spawn(write, 2)
        eventlet.sleep(0.5)
        last.kill()
        with eventlet.Timeout(10):
            first.wait()
    """
    code = "\n".join(line[8:] for line in script.splitlines())

    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.stdout == "1 was not told that it is stored\n", result.stderr


def _in_a_queue(house: House, writes: list[Write]) -> list[Future[None]]:
    """Have each of `writes` done in a transaction and a thread of its own, all of them queueing behind the first."""
    has_begun, is_open = threading.Event(), threading.Event()

    def run(number: int, write: Write) -> None:
        with house.app.app_context(), transaction():
            g.name = str(number)
            if number == 0:
                has_begun.set()
                assert is_open.wait(30)
            write()

    with house.app.app_context():
        queue = writers()
    with ThreadPoolExecutor(len(writes)) as pool:
        done = [pool.submit(run, 0, writes[0])]
        assert has_begun.wait(30)
        for number, write in enumerate(writes[1:], start=1):
            done.append(pool.submit(run, number, write))
            assert wait_until(lambda number=number: queue.waiting == number)
        is_open.set()
    return done


def _outcome(task: Future[None]) -> str | None:
    error = task.exception()
    return type(error).__name__ if error else None


def _raise_seq() -> None:
    db.session.execute(sa.update(Room).where(Room.is_home).values(last_seq=Room.last_seq + 1))


def _rename(username: str) -> None:
    db.session.execute(sa.update(User).filter_by(username=username).values(display_name="Renamed"))
