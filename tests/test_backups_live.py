"""Backups of a house that is being served, begun at the API: nobody notices, and nothing is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from homechat import data_folder
from homechat.actor import Actor
from homechat.operations.backups import folder, keys, restoring
from homechat.security.policy import Scope
from tests.api_client import new_token
from tests.backups import wait_for_jobs
from tests.conftest import close
from tests.house import House
from tests.server_process import ServerProcess, run_flask
from tests.talkers import Talker

pytestmark = pytest.mark.slow

OPERATOR = Actor.operator()


def ask(server: ServerProcess, token: str, method: str, path: str) -> requests.Response:
    return requests.request(
        method, f"{server.url}/api/v1/backup/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )


def admin_token(house: House) -> str:
    return new_token(house, "ada", Scope.ADMIN_READ, Scope.ADMIN_WRITE)[1]


class Writers:
    """People who write one message after the other until they are told to stop."""

    def __init__(self, server: ServerProcess, room: int, *names: str) -> None:
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._people = [Talker(server.url, name).sign_in().connect() for name in names]
        self._threads = [
            threading.Thread(target=self._write, args=(person, room), daemon=True) for person in self._people
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        for person in self._people:
            person.close()

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.acknowledged) < count:
            assert time.monotonic() < until
            time.sleep(0.02)

    def _write(self, person: Talker, room: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            body = f"{person.name} {number}"
            if person.say(room, body, f"live-{person.name}-{number:06d}")["ok"]:
                self.acknowledged.append(body)


def bodies_in(backup_file: Path, opening: list[bytes], tmp_path: Path) -> list[str]:
    there = House(tmp_path / "restored")
    there.act(restoring.restore, OPERATOR, backup_file, opening, there.settings, replace_house=False)
    with there.rows() as session:
        found = [body for (body,) in session.execute(sa.text("SELECT body FROM messages"))]
    close(there)
    return found


def test_a_backup_is_made_while_everybody_talks(server: ServerProcess, tmp_path: Path) -> None:
    house = House(server.data_dir)
    token, room = admin_token(house), house.home().id
    with Writers(server, room, "ben", "cleo") as writers:
        writers.wait_for(20)
        before = list(writers.acknowledged)
        reply = ask(server, token, "POST", "create")
        assert reply.status_code == 202, reply.text
        wait_for_jobs(server.data_dir)
        during = len(writers.acknowledged)
        writers.wait_for(during + 5)
        assert during > len(before), "nobody could write meanwhile"
        (backup,) = ask(server, token, "GET", "list").json()["backups"]
        assert (backup["status"], backup["problem"]) == ("done", "")
        proven = ask(server, token, "POST", f"test-restore/{backup['id']}")
        assert proven.status_code == 202
        wait_for_jobs(server.data_dir)
    (backup,) = ask(server, token, "GET", "list").json()["backups"]
    assert (backup["test_restore"]["status"], backup["test_restore"]["problem"]) == ("done", "")

    file = folder.file_of(server.data_dir, backup["id"])
    stored = bodies_in(file, keys.own_keys(house.settings), tmp_path)

    assert set(before) <= set(stored), "something that was acknowledged is missing"
    assert len(stored) <= len(writers.acknowledged) + 1
    assert len(stored) < len(writers.acknowledged), "Guard: people wrote on after it."
    server.assert_no_traceback()
    close(house)


def job_of(server: ServerProcess) -> int | None:
    """Return the process of the job that a server has begun, if there is one."""
    assert server.process is not None
    found = subprocess.run(
        ["ps", "--ppid", str(server.process.pid), "-o", "pid=,args="],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in found.stdout.splitlines():
        if "homechat.backup_job" in line:
            return int(line.split()[0])
    return None


def until_there_is(find: Callable[[], int | None]) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if (found := find()) is not None:
            return found
    raise AssertionError("no job was begun")


def test_a_job_that_is_killed_has_failed_and_the_next_one_goes_well(server: ServerProcess) -> None:
    house = House(server.data_dir)
    token = admin_token(house)
    begun = ask(server, token, "POST", "create").json()["backup"]["id"]
    os.kill(until_there_is(lambda: job_of(server)), signal.SIGKILL)
    wait_for_jobs(server.data_dir)

    (backup,) = ask(server, token, "GET", "list").json()["backups"]
    assert (backup["id"], backup["status"]) == (begun, "failed")
    assert backup["problem"] == "It was cut off before its end."
    assert ask(server, token, "POST", "create").status_code == 202
    wait_for_jobs(server.data_dir)

    newest, _older = ask(server, token, "GET", "list").json()["backups"]
    assert newest["status"] == "done"
    left = {path.name for path in data_folder.backups_dir(server.data_dir).iterdir()}
    assert not [name for name in left if name.startswith(".work") or name.endswith(".part")]
    assert "was ended by signal 9" in server.log()
    close(house)


def test_nothing_secret_is_in_the_command_of_a_job(server: ServerProcess) -> None:
    house = House(server.data_dir)
    ask(server, admin_token(house), "POST", "create")
    job = until_there_is(lambda: job_of(server))
    command = Path(f"/proc/{job}/cmdline").read_bytes().split(b"\0")
    wait_for_jobs(server.data_dir)
    assert command[1:] == [b"-m", b"homechat.backup_job", b""]
    close(house)


def test_the_shell_makes_one_while_the_server_runs_and_restores_none(server: ServerProcess) -> None:
    done = run_flask(server.data_dir, "backup", "create")
    assert done.returncode == 0, done.stderr
    backup_id = done.stdout.split()[0]

    refused = run_flask(server.data_dir, "backup", "restore", backup_id, "--replace")

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == "Error: This house is being served. Stop HomeChat first."
    assert server.is_up()
    server.stop()
    restored = run_flask(server.data_dir, "backup", "restore", backup_id, "--replace")
    assert restored.returncode == 0, restored.stderr
    server.start()
