"""Long computations step back: whoever chats is served first."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from homechat.security.passwords import HASHES_AT_ONCE_MAX
from homechat.serving.calm_threads import NICENESS, CalmThreads
from tests.server_process import ServerProcess
from tests.talkers import Talker


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def niceness_of_threads(pid: int) -> list[int]:
    """Return the niceness of each thread of a process (proc(5), field 19 of stat)."""
    stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return [int(stat.rpartition(")")[2].split()[16]) for stat in stats]


@pytest.mark.skipif(sys.platform != "linux", reason="needs priorities of threads")
def test_it_runs_at_a_low_priority_and_whoever_waits_keeps_theirs() -> None:
    calm, before = CalmThreads(threading, queue, at_most=2), niceness()
    assert calm.run(niceness) == NICENESS
    assert niceness() == before


def test_where_the_system_refuses_it_the_work_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    calm = CalmThreads(threading, queue, at_most=1)
    done: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    threading.Thread(target=lambda: done.put(calm.run(divmod, 17, 5)), daemon=True).start()
    assert done.get(timeout=10) == (3, 2)


def test_it_returns_what_is_returned_and_raises_what_is_raised() -> None:
    calm = CalmThreads(threading, queue, at_most=1)
    assert calm.run(divmod, 17, 5) == (3, 2)
    assert calm.run(int, "11", base=2) == 3
    with pytest.raises(ZeroDivisionError):
        calm.run(divmod, 1, 0)
    assert calm.run(divmod, 17, 5) == (3, 2), "the thread goes on"


def test_no_more_threads_than_it_may_have_and_all_work_is_done() -> None:
    calm = CalmThreads(threading, queue, at_most=3)
    seen: set[int] = set()

    def work(number: int) -> int:
        seen.add(threading.get_native_id())
        time.sleep(0.01)
        return number

    with ThreadPoolExecutor(12) as callers:
        done = list(callers.map(lambda number: calm.run(work, number), range(40)))

    assert done == list(range(40))
    assert 1 <= len(seen) <= 3


@pytest.mark.sockets
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_server_hashes_passwords_in_such_threads_and_serves_in_others(server: ServerProcess) -> None:
    assert server.process is not None
    before = niceness_of_threads(server.process.pid)
    assert NICENESS not in before

    for _ in range(2):
        Talker(server.url, "ben").sign_in()

    calm = [each for each in niceness_of_threads(server.process.pid) if each == NICENESS]
    assert 1 <= len(calm) <= HASHES_AT_ONCE_MAX
    assert niceness_of_threads(server.process.pid)[0] == before[0]
