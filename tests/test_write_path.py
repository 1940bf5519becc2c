"""How HomeChat writes: one door to the database, which blocks nobody, and one place that tells people of it."""

from __future__ import annotations

import ast
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from homechat.accounts.models import User
from homechat.connection import OFFLINE_GRACE_SECONDS
from homechat.database import LOCK_DEADLINE_SECONDS, db, on_commit, transaction
from homechat.database import sqlite_driver as sqlite3
from homechat.errors import Invalid
from homechat.messages.models import Message
from homechat.rooms.models import Room
from tests.conftest import GENEROUS_LIMITS
from tests.devices import devices, live_people, wait_until
from tests.house import House
from tests.server_process import ROOT, ServerProcess
from tests.talkers import Talker

PACKAGE = ROOT / "homechat"


# transaction() and on_commit()


def test_a_block_within_a_block_is_stored_with_the_outer_one(house: House) -> None:
    with house.app.app_context(), transaction():
        with transaction():
            _rename("ada", "Inner")
        assert _name_outside(house, "ada") == "Ada", "guard: not stored before the outer block ends"

    assert _name_outside(house, "ada") == "Inner"


def test_what_raises_is_forgotten_with_all_that_was_done_in_it(house: House) -> None:
    told: list[str] = []
    with house.app.app_context(), contextlib.suppress(Invalid), transaction():
        with transaction():
            _rename("ada", "Inner")
            on_commit(lambda: told.append("inner"))
        on_commit(lambda: told.append("outer"))
        raise Invalid("Something was wrong.")

    assert _name_outside(house, "ada") == "Ada"
    assert told == []
    with house.app.app_context(), transaction():
        _rename("ada", "Afterwards")
    assert told == [], "nothing of it is left for the next one"
    assert _name_outside(house, "ada") == "Afterwards"


def test_people_are_told_after_it_is_stored_and_in_order(house: House) -> None:
    told: list[tuple[str, str]] = []
    with house.app.app_context(), transaction():
        on_commit(lambda: told.append(("first", _name_outside(house, "ada"))))
        _rename("ada", "Stored")
        with transaction():
            on_commit(lambda: told.append(("second", _name_outside(house, "ada"))))
        assert told == []

    assert told == [("first", "Stored"), ("second", "Stored")]


def test_a_callback_cannot_write(house: House) -> None:
    refused: list[str] = []

    def rename_ben() -> None:
        with pytest.raises(RuntimeError, match="a task of its own") as error, transaction():
            _rename("ben", "Never stored")
        refused.append(str(error.value))

    with house.app.app_context(), transaction():
        _rename("ada", "Stored")
        on_commit(rename_ben)

    assert len(refused) == 1
    assert (_name_outside(house, "ada"), _name_outside(house, "ben")) == ("Stored", "Ben")


def test_a_callback_that_breaks_hurts_nobody(house: House, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    with house.app.app_context(), transaction():
        _rename("ada", "Stored")
        on_commit(lambda: 1 // 0)
        on_commit(lambda: told.append("the next one"))

    assert _name_outside(house, "ada") == "Stored"
    assert told == ["the next one"]
    assert [record.message for record in caplog.records] == ["something after a commit went wrong"]


def test_there_is_no_telling_without_a_transaction(house: House) -> None:
    with house.app.app_context(), pytest.raises(RuntimeError, match="needs a transaction"):
        on_commit(lambda: None)


def test_a_change_made_outside_is_not_stored_by_the_next_transaction(house: House) -> None:
    with house.app.app_context():
        _rename("ada", "By the way")
        with pytest.raises(RuntimeError, match="outside of transaction"), transaction():
            pass
        db.session.rollback()

    assert _name_outside(house, "ada") == "Ada"


def test_what_was_read_before_is_read_anew_under_the_lock(house: House) -> None:
    with house.app.app_context():
        ada = db.session.scalars(sa.select(User).filter_by(username="ada")).one()
        assert ada.display_name == "Ada"
        _sql(house, "UPDATE users SET display_name = 'Changed elsewhere' WHERE username = 'ada'")
        assert ada.display_name == "Ada", "guard: this reader still sees what it saw"

        with transaction():
            assert ada.display_name == "Changed elsewhere"


def test_writers_side_by_side_lose_nothing(house: House) -> None:
    def raise_by_ten() -> None:
        for _ in range(10):
            with house.app.app_context(), transaction() as session:
                home = session.scalars(sa.select(Room).where(Room.is_home)).one()
                home.last_seq += 1

    before = house.home().last_seq
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(raise_by_ten) for _ in range(4)]:
            done.result()

    assert house.home().last_seq == before + 40


def test_every_connection_stores_for_good_and_checks_what_it_stores(house: House) -> None:
    wanted = {
        "synchronous": 2,  # FULL: what was acknowledged survives a power cut.
        "journal_mode": "wal",
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "busy_timeout": 0,
    }
    with house.app.app_context(), contextlib.ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(db.engine.connect())
            assert {name: connection.scalar(sa.text(f"PRAGMA {name}")) for name in wanted} == wanted


def test_a_message_to_a_room_that_is_not_there_cannot_be_stored(house: House) -> None:
    nowhere = {
        "room_id": 999,
        "seq": 1,
        "changed_seq": 1,
        "author_id": house.id_of("ada"),
        "client_id": "nowhere-1",
    }
    with house.app.app_context(), pytest.raises(IntegrityError), transaction() as session:
        session.execute(sa.insert(Message).values(nowhere))


# Somebody else holds the database


@pytest.mark.sockets
def test_while_another_process_writes_everybody_else_is_served_and_a_message_waits(
    shared_server: ServerProcess, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Waiting")
    with (
        devices(shared_server.url, shared_house) as device,
        ThreadPoolExecutor() as pool,
    ):
        ada, ben = device("ada").connect(), device("ben").connect()
        with _database_held(shared_house):
            sending = pool.submit(ada.say, room, "patience", "waiting-001")
            answers = _served(shared_server, ben, room, for_seconds=2)
            assert not sending.done(), "guard: the message waited"
        ack = sending.result()

    assert ack["ok"] is True
    ben.hear("message:posted", lambda data: data["client_id"] == "waiting-001")
    assert len(answers) >= 3
    assert max(answers) < 1.5, "the server stood still for all of the two seconds"


@pytest.mark.sockets
@pytest.mark.slow
def test_when_another_process_does_not_let_go_people_are_told_and_nothing_breaks(house: House) -> None:
    room = house.room("ada", "ben", "cleo", name="Held")
    with (
        ServerProcess(house.data_dir, GENEROUS_LIMITS) as server,
        devices(server.url, house) as device,
        ThreadPoolExecutor() as pool,
    ):
        talkers = [device(name).connect() for name in ("ada", "ben", "cleo")]
        reader, leaver, newcomer = device("gus"), device("gus").connect(), device("olga")
        _sql(house, "UPDATE login_sessions SET last_seen_at = '2026-01-01 00:00:00.000000'")
        with _database_held(house):
            began = time.monotonic()
            leaver.close()
            sending = [
                pool.submit(person.say, room, "now?", f"held-{n:05d}") for n, person in enumerate(talkers)
            ]
            reading = pool.submit(reader.get, "/")
            connecting = pool.submit(newcomer.connect)
            acks = [task.result() for task in sending]
            took = time.monotonic() - began
            assert reading.result().status_code == 200, "reading goes on"
            assert connecting.result().send("room:list", {})["ok"] is True
            assert talkers[0].send("message:history", {"room_id": room})["messages"] == []
            # Until the server has also tried in vain to write down who left.
            assert wait_until(
                lambda: time.monotonic() - began > OFFLINE_GRACE_SECONDS + LOCK_DEADLINE_SECONDS + 1
            )

        assert {(ack["ok"], ack["code"]) for ack in acks} == {(False, "unavailable")}
        assert acks[0]["error"].startswith("The house can't store anything right now.")
        assert LOCK_DEADLINE_SECONDS <= took < 2 * LOCK_DEADLINE_SECONDS, "those in the queue wait together"

        again = [person.say(room, "now!", f"held-{n:05d}") for n, person in enumerate(talkers)]
        assert [ack["message"]["seq"] for ack in again] == [1, 2, 3]
        here = {house.id_of(name) for name in ("ada", "ben", "cleo", "olga")}
        assert wait_until(lambda: live_people(house) == here), "who came and who went is written down later"
        talkers[0].hear("presence:changed", lambda data: data["person_id"] == house.id_of("gus"))


# The rules that keep it so


def test_one_place_emits_and_it_names_an_audience() -> None:
    emits = [
        (path, call) for path, call in _calls() if _called(call) in ("emit", "send") and _is_socketio(call)
    ]

    assert [path for path, _ in emits] == ["realtime/events.py"]
    for _, call in emits:
        assert "to" in {keyword.arg for keyword in call.keywords}


def test_nothing_is_taken_from_flask_socketio_that_would_emit_by_itself() -> None:
    taken = {name for _, module, names in _imports() if module == "flask_socketio" for name in names}

    assert taken == {"SocketIO", "ConnectionRefusedError"}


def test_only_the_server_knows_eventlet() -> None:
    assert {path for path, module, _ in _imports() if module.split(".")[0] == "eventlet"} == {"server.py"}


def test_nothing_below_the_doors_knows_the_request() -> None:
    doors = {
        *("accounts/views.py", "household/views.py", "messages/views.py", "rooms/views.py"),
        *("doors/forms.py", "doors/people.py", "doors/replies.py", "doors/shown_once.py"),
        *("doors/bearers.py", "api/endpoints.py", "admin/panel.py"),
        *("api/cross_origin.py", "api/idempotency.py", "api/openapi.py", "api/replies.py"),
        *("api/uploads.py", "api/watching.py", "api/webhooks.py"),
        *("operations/views.py", "uploads/receiving.py"),
        "security/headers.py",
        *("connection.py", "context.py", "logs.py", "pages.py"),
        "extensions.py",  # For whom Flask-Limiter counts.
    }
    knowing = {
        path
        for path, module, names in _imports()
        if not path.endswith("_views.py")
        if (module in ("flask", "flask.globals") and names & {"request", "session", "request_ctx"})
        or (module == "flask_login" and names & {"current_user"})
    }

    assert knowing == doors


def test_nothing_commits_but_transaction() -> None:
    commits = {path for path, call in _calls() if _called(call) == "commit"}

    assert commits == {"database.py", "write_queue.py"}


def _imports() -> Iterator[tuple[str, str, set[str]]]:
    """Give each import of the package: the file, the module, and the names taken from it."""
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, alias.name, set()
            elif isinstance(node, ast.ImportFrom):
                yield path, node.module or "", {alias.name for alias in node.names}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, node


def _sources() -> Iterator[tuple[str, ast.Module]]:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 50, "guard: these are the sources"
    for file in files:
        yield str(file.relative_to(PACKAGE)), ast.parse(file.read_text(encoding="utf-8"))


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_socketio(call: ast.Call) -> bool:
    """Whether a call goes to Socket.IO: bare, or on `socketio`, `sio`, a `server` or a `manager`."""
    if isinstance(call.func, ast.Name):
        return True
    assert isinstance(call.func, ast.Attribute)
    return ast.unparse(call.func.value).split(".")[-1] in ("socketio", "sio", "server", "manager")


def _rename(username: str, name: str) -> None:
    db.session.scalars(sa.select(User).filter_by(username=username)).one().display_name = name


def _name_outside(house: House, username: str) -> Any:
    """Return a name as another process sees it."""
    with sqlite3.connect(house.settings.sqlite_file) as connection:
        query = "SELECT display_name FROM users WHERE username = ?"
        return connection.execute(query, [username]).fetchone()[0]


def _sql(house: House, statement: str) -> None:
    with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
        assert connection.execute(statement).rowcount > 0


@contextlib.contextmanager
def _database_held(house: House) -> Iterator[None]:
    """Have another process hold SQLite's write lock for the length of the block."""
    code = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
        "connection.execute('ROLLBACK')\n"
    )
    file = str(house.settings.sqlite_file)
    holder = subprocess.Popen(
        [sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.communicate(timeout=30)


def _served(server: ServerProcess, person: Talker, room: int, *, for_seconds: float) -> list[float]:
    """Ask for a page and for messages over and over, and return how long each round took."""
    took = []
    until = time.monotonic() + for_seconds
    while time.monotonic() < until:
        began = time.monotonic()
        assert requests.get(f"{server.url}/up", timeout=10).text == "OK"
        assert person.send("message:history", {"room_id": room})["ok"] is True
        took.append(time.monotonic() - began)
        time.sleep(0.05)  # Nobody may ask for more than 240 pages of history a minute.
    return took
