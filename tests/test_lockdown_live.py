"""Closing the house from the shell while people talk: with the server running, stopped, hung and started anew."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from socketio.exceptions import ConnectionError as RefusedError

from homechat import audit, clock
from homechat.database import transaction
from homechat.lockdown import Lockdown
from tests.attempts import everything_in
from tests.conftest import GENEROUS_LIMITS, close
from tests.devices import MakeDevice, devices, settle, wait_until, window_of
from tests.house import House, copy_house
from tests.postgres import empty_house, move_in
from tests.raw_socket import CONNECT, REFUSED, RawSocket
from tests.server_process import ServerProcess, run_flask
from tests.talkers import Talker

pytestmark = pytest.mark.sockets

SOON_SECONDS = 5
"""A second is owed; a busy test machine gets more, and the benchmarks hold it to the second."""


@dataclass
class Served:
    """A house, its server, and what gives somebody a device that is signed in."""

    house: House
    server: ServerProcess
    device: MakeDevice
    env: dict[str, str] = field(default_factory=dict)

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_flask(self.server.data_dir, "lockdown", *arguments, env=self.env)

    def lock(self, *arguments: str) -> dict[str, Any]:
        """Run a command that works, in a process of its own, and return what it says."""
        result = self.flask(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        told: dict[str, Any] = json.loads(result.stdout)
        return told


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, cast_folder: Path, tmp_path: Path) -> Iterator[Served]:
    """A real server without Redis, over SQLite and over PostgreSQL."""
    if request.param == "sqlite":
        folder = copy_house(cast_folder, tmp_path / "data")
        house, env = House(folder), {}
    else:
        house, folder, env = _house_on_postgresql(request.getfixturevalue("postgres_url"), tmp_path)
    with Serving(house, folder, env) as it:
        yield it


@pytest.fixture
def on_postgresql(postgres_url: str, tmp_path: Path) -> Iterator[Served]:
    with Serving(*_house_on_postgresql(postgres_url, tmp_path)) as it:
        yield it


@pytest.fixture
def on_sqlite(cast_folder: Path, tmp_path: Path) -> Iterator[Served]:
    folder = copy_house(cast_folder, tmp_path / "data")
    with Serving(House(folder), folder, {}) as it:
        yield it


def _house_on_postgresql(url: str, tmp_path: Path) -> tuple[House, Path, dict[str, str]]:
    folder = tmp_path / "house"
    house = move_in(empty_house(url, folder))
    return house, folder, {"HOMECHAT_DATABASE_URL": url, "HOMECHAT_SECRET_KEY": house.settings.secret_key}


class Serving:
    """Serve for the length of the block. What stood still there was stopped by a test, so nobody asks for stalls."""

    def __init__(self, house: House, folder: Path, env: dict[str, str]) -> None:
        self._stack = ExitStack()
        server = ServerProcess(folder, {**GENEROUS_LIMITS, **env})
        self._served = Served(house, server, lambda name: Talker(server.url, name), env)

    def __enter__(self) -> Served:
        served = self._served
        served.server.start()
        self._stack.callback(close, served.house)
        self._stack.callback(served.server.kill)
        served.device = self._stack.enter_context(devices(served.server.url, served.house))
        return served

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._served.server.assert_no_traceback()


def test_who_has_to_wait_is_told_first_then_cut_and_is_back_when_it_is_lifted(served: Served) -> None:
    room = served.house.room("ada", "ben", "cleo", name="Emergency")
    ada, ben, cleo = (served.device(name).connect() for name in ("ada", "ben", "cleo"))
    windows = [ben, window_of(ben).connect(), cleo]

    done = served.lock("users", "--reason", "A stolen phone.")

    assert (done["people"] >= 2, done["windows"], done["admins"]) == (True, 3, 1)
    for window in windows:
        _assert_told_and_cut(window, "A stolen phone.")
    ada.say(room, "Only for me", "lockdown-0001")
    ada.hear("message:posted", lambda data: data["body"] == "Only for me")
    for window in windows:
        assert window.heard("message:posted") == []
        _assert_waits(window)
    assert ada.heard("session:ended") == []

    assert [each["kind"] for each in served.lock("lift")["lifted"]] == ["users"]

    for window in windows:
        window.forget()
        window.connect()
        assert window.get("/").status_code == 200, "it was signed in all the time"
    assert ben.say(room, "Back again", "lockdown-0002")["ok"] is True
    ada.hear("message:posted", lambda data: data["body"] == "Back again")
    assert served.house.act(audit.verify) is None


def test_what_was_sent_before_the_cut_is_refused_too(on_sqlite: Served) -> None:
    home = on_sqlite.house.home().id
    ben = on_sqlite.device("ben").connect()
    # Written by hand, so that nothing tells the server to look again.
    _write_lockdown(on_sqlite.house, timedelta(hours=1))

    refused = ben.say(home, "Still here?", "lockdown-0003")

    assert (refused["ok"], refused["code"]) == (False, "locked_down")
    assert ben.socket.connected, "guard: this was refused, not cut"


def test_closing_everything_signs_everybody_out_and_lets_admins_in_again(served: Served) -> None:
    ada, ben = served.device("ada").connect(), served.device("ben").connect()

    done = served.lock("all")

    assert done["signed_out"] == 2
    for window, reason in ((ada, "revoked"), (ben, "locked_down")):
        assert window.hear("session:ended", within=SOON_SECONDS)["reason"] == reason
        assert window.ended.wait(SOON_SECONDS)
        with pytest.raises(RefusedError):
            window.connect()
    assert Talker(served.server.url, "ada").sign_in().get("/").status_code == 200
    again = Talker(served.server.url, "ben")
    with pytest.raises(AssertionError, match="Closed for now"):
        again.sign_in()


def test_signing_everybody_out_ends_every_window_once(served: Served) -> None:
    windows = [served.device(name).connect() for name in ("ada", "ben", "cleo")]

    assert served.lock("sessions")["signed_out"] == 3

    for window in windows:
        assert window.hear("session:ended", within=SOON_SECONDS)["reason"] == "revoked"
        assert window.ended.wait(SOON_SECONDS)
    for name in ("ada", "ben"):
        person = Talker(served.server.url, name).sign_in().connect()
        settle(person)
        person.close()


def test_a_lockdown_of_tokens_cuts_nobody(on_sqlite: Served) -> None:
    ben = on_sqlite.device("ben").connect()
    on_sqlite.lock("tokens")
    settle(ben)
    on_sqlite.lock("users")
    ben.hear("session:ended", within=SOON_SECONDS)
    assert [data["reason"] for data in ben.heard("session:ended")] == ["locked_down"]


def test_a_server_that_is_stopped_finds_the_house_closed_when_it_starts(served: Served) -> None:
    ada, ben = served.device("ada"), served.device("ben")
    assert served.server.stop() == 0

    served.lock("users")
    served.server.start()

    _assert_waits(ben)
    assert ada.connect().get("/").status_code == 200
    assert served.server.stop() == 0, "and it stays so"
    served.server.start()
    _assert_waits(ben)
    served.lock("lift")
    assert ben.connect().get("/").status_code == 200


def test_a_server_that_hangs_cuts_everybody_as_soon_as_it_moves_again(served: Served) -> None:
    ada, ben = served.device("ada").connect(), served.device("ben").connect()
    settle(ada, ben)
    served.server.send_signal(signal.SIGSTOP)
    try:
        done = served.lock("users", "--reason", "It hangs.")
        assert done["windows"] == 1
    finally:
        served.server.send_signal(signal.SIGCONT)

    _assert_told_and_cut(ben, "It hangs.")
    _assert_waits(ben)
    settle(ada)
    assert ada.heard("session:ended") == []


def test_a_server_that_died_finds_the_house_closed(on_sqlite: Served) -> None:
    ben = on_sqlite.device("ben").connect()
    on_sqlite.lock("users")
    on_sqlite.server.kill()
    on_sqlite.server.start()
    _assert_waits(ben)


def test_a_process_that_hangs_while_it_writes_is_named_as_the_reason(on_sqlite: Served) -> None:
    hold = (
        "import sys, time\n"
        "from homechat.database import sqlite_driver\n"
        "writer = sqlite_driver.connect(sys.argv[1], isolation_level=None)\n"
        "writer.execute('BEGIN IMMEDIATE')\n"
        "print('holding', flush=True)\n"
        "time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", hold, str(on_sqlite.house.settings.sqlite_file)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as hung:
        assert hung.stdout is not None
        assert hung.stdout.readline() == "holding\n"
        hung.send_signal(signal.SIGSTOP)
        try:
            result = on_sqlite.flask("users")
        finally:
            hung.kill()

    assert result.returncode == 1
    assert "Error: NOTHING WAS CHANGED: the database cannot be written to." in result.stderr
    assert "Traceback" not in result.stderr
    assert on_sqlite.lock("status")["in_force"] == []
    assert on_sqlite.lock("users")["is_new"] is True


def test_it_ends_by_itself_and_nobody_has_to_sign_in_again(served: Served) -> None:
    ben = served.device("ben").connect()
    served.lock("users")
    _assert_told_and_cut(ben)

    with served.house.rows(), transaction() as session:
        session.execute(sa.update(Lockdown).values(expires_at=clock.now() + timedelta(seconds=2)))

    assert ben.get("/").status_code == 423, "guard: not yet"
    assert wait_until(lambda: ben.get("/").status_code == 200)
    settle(ben.connect())


def test_a_drill_beside_a_running_server_disturbs_nobody(on_postgresql: Served) -> None:
    served = on_postgresql
    ben = served.device("ben").connect()
    before = _all_but_the_servers_pulse(served.house)

    result = served.lock("drill")

    assert result["held"] is True
    assert _all_but_the_servers_pulse(served.house) == before
    settle(ben)
    assert ben.heard("session:ended") == []


def _assert_told_and_cut(window: Talker, reason: str = "") -> None:
    """Assert that a connection ended, that its person was told why, and that this was the last they heard."""
    ended = window.hear("session:ended", within=SOON_SECONDS)
    assert ended["reason"] == "locked_down"
    assert ended["sentence"].startswith("The house is closed for a while.")
    assert reason in ended["sentence"]
    assert window.ended.wait(SOON_SECONDS), "told, but not cut"
    assert window.events[-1] == ("session:ended", ended)


def _assert_waits(device: Talker) -> None:
    """Assert that a device that is signed in gets a page that explains, and no live connection."""
    page = device.get("/")
    assert page.status_code == 423
    assert "Closed for now" in page.text
    with RawSocket(device) as wire:
        answer = wire.ask(CONNECT)
        assert answer.startswith(REFUSED), answer
        refusal = json.loads(answer.removeprefix(REFUSED))
        assert refusal["message"].startswith("The house is closed for a while.")
        assert refusal["data"] == {"code": "locked_down"}
        assert wire.heard == []


def _all_but_the_servers_pulse(house: House) -> dict[str, list[Any]]:
    return {name: rows for name, rows in everything_in(house).items() if name != "server_processes"}


def _write_lockdown(house: House, lasts: timedelta) -> None:
    with house.rows(), transaction() as session:
        session.add(Lockdown(kind="users", expires_at=clock.now() + lasts))
