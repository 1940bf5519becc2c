"""The watchdog of the loop: what it counts, what it forgives, and that the tests of a server that stalls fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.devices import wait_until
from tests.server_process import ServerProcess
from tests.stalling_server import STALL_SECONDS, WAYS

STALLING = "tests.stalling_server"
EVENTLET = {"HOMECHAT_ASYNC_MODE": "eventlet"}

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs schedstat")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("watched") / "house", EVENTLET, module=STALLING)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(served: ServerProcess) -> ServerProcess:
    """Start each test with a log in which nothing is left to come."""
    ask(served, "/up")
    return served


def ask(server: ServerProcess, path: str) -> str:
    return requests.get(f"http://127.0.0.1:{server.port}{path}", timeout=60).text


def long_stalls(server: ServerProcess, *, since: int) -> list[dict[str, Any]]:
    return [line for line in server.stalls()[since:] if line["stall_ms"] > STALL_SECONDS * 1000 / 2]


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"yield_often"}))
def test_what_holds_up_the_loop_is_logged_with_its_name(server: ServerProcess, way: str) -> None:
    before, counted = len(server.stalls()), int(ask(server, "/stalls"))

    ask(server, f"/stall/{way}")

    assert wait_until(lambda: long_stalls(server, since=before) != [])
    (line,) = long_stalls(server, since=before)
    assert line["level"] == "WARNING"
    assert line["stall_ms"] < 3 * STALL_SECONDS * 1000, "guard: milliseconds"
    has_worked = line["worked_ms"] > STALL_SECONDS * 1000 / 2
    assert has_worked is way.startswith("compute"), "the others waited in a call"
    assert line["stack"][0].startswith("homechat/serving/"), "our own frames come first"
    assert any(f"tests/stalling_server.py:{number} {way}" in line["stack"] for number in range(200)), line
    assert int(ask(server, "/stalls")) > counted


def test_what_lets_the_others_go_on_is_no_stall(server: ServerProcess) -> None:
    before = len(server.stalls())
    ask(server, "/stall/yield_often")
    time.sleep(0.5)
    assert long_stalls(server, since=before) == []


def test_a_process_that_is_stopped_is_not_blamed(server: ServerProcess) -> None:
    before = len(server.stalls())
    server.send_signal(signal.SIGSTOP)
    time.sleep(2 * STALL_SECONDS)
    server.send_signal(signal.SIGCONT)
    ask(server, "/up")
    time.sleep(0.5)
    assert long_stalls(server, since=before) == []

    def is_seen() -> bool:
        ask(server, "/stall/compute")  # Again, if the machine itself stood still at the same time.
        return long_stalls(server, since=before) != []

    assert wait_until(is_seen), "guard: it still watches"


def test_a_process_that_gets_no_cpu_is_not_blamed(server: ServerProcess) -> None:
    def is_blamed() -> bool:
        before, waited = len(server.stalls()), seconds_without_cpu(server)
        with starved(server):
            until = time.monotonic() + 2
            while time.monotonic() < until:
                ask(server, "/up")
        assert seconds_without_cpu(server) - waited > STALL_SECONDS, "guard: it had to wait"
        time.sleep(0.5)
        return long_stalls(server, since=before) != []

    # A machine that itself gets no CPU from another does not always know it.
    assert not all(is_blamed() for _ in range(4))


def test_a_test_whose_server_stalls_fails(tmp_path: Path) -> None:
    stalling = ServerProcess(tmp_path / "house", EVENTLET, module=STALLING)

    def hold_everybody_up() -> None:
        with stalling:
            ask(stalling, "/stall/compute")
            wait_until(lambda: long_stalls(stalling, since=0) != [])

    with pytest.raises(AssertionError, match=r"held everybody up(.|\n)*stalling_server\.py:\d+ compute"):
        hold_everybody_up()


def test_with_ordinary_threads_there_is_nothing_to_watch(tmp_path: Path) -> None:
    variables = {"HOMECHAT_ASYNC_MODE": "threading"}
    with ServerProcess(tmp_path / "house", variables, module=STALLING) as server:
        ask(server, "/stall/wait_with_the_lock")
        assert ask(server, "/stalls") == "nobody counts"
        assert server.stalls() == []


@contextmanager
def starved(server: ServerProcess) -> Iterator[None]:
    """Leave the server next to nothing of one CPU, on which somebody else is at work and comes first."""
    assert server.process is not None
    cpus = os.sched_getaffinity(0)
    cpu = min(cpus)
    tasks = [int(task.name) for task in Path(f"/proc/{server.process.pid}/task").iterdir()]
    for task in tasks:
        os.sched_setaffinity(task, {cpu})
        os.sched_setscheduler(task, os.SCHED_IDLE, os.sched_param(0))
    code = f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    hog = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        hog.kill()
        hog.wait()
        for task in tasks:
            os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(task, cpus)


def seconds_without_cpu(server: ServerProcess) -> float:
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/schedstat").read_text().split()[1]) / 1e9
