"""What the system knows of a process that is measured: its processor time, its memory, where it may run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_CPU, LOAD_CPU = 0, 1


class Missing(Exception):
    """Something that is compared with cannot be had on this machine; says why."""


def pin(pid: int, cpu: int) -> None:
    """Keep a process and all its threads on one processor, where there are several."""
    if (os.cpu_count() or 1) < 2:
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cpu})


@contextmanager
def on_server_cpu() -> Iterator[None]:
    """Have what is started in the block run where servers run, from its first moment."""
    pin(os.getpid(), SERVER_CPU)
    try:
        yield
    finally:
        pin(os.getpid(), LOAD_CPU)


def cpu_seconds(pid: int) -> float:
    """Return how much processor time a process has used so far, its own and the system's for it.

    Linux has a clock for each process, exact to the nanosecond; its number is made of the process's
    (MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED in the kernel's posix-timers.h). /proc/…/stat has hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


def busy_seconds(cpu: int) -> float:
    """Return how long a processor has worked for processes so far, whosever they are, to a hundredth of a second."""
    (line,) = re.findall(rf"^cpu{cpu} (.*)$", Path("/proc/stat").read_text(), re.MULTILINE)
    user, nice, system, *_ = map(int, line.split())
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def calm_down(pid: int) -> None:
    """Wait until a process has nothing left to do: whoever has gone is still being told of."""
    used = 1.0
    while used > 0.02:
        before = cpu_seconds(pid)
        time.sleep(0.25)
        used = cpu_seconds(pid) - before


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
