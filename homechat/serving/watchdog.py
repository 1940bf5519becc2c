"""Notices when the loop stands still, and says what held it up.

On a loop everybody waits for whoever is at work. A ticker on it asks to be woken many times a second; when it is
woken late, somebody was at work for too long. By then nobody can tell who, so a native thread looks at the ticker, and
while that is late it notes where the loop's thread is.

What counts is what the process did itself: computing, and waiting in a call that does not yield. What others did to
it is taken off: waiting for a CPU, and standing still altogether (SIGSTOP, a frozen container, a paused machine).
Linux tells the first in `schedstat`; the second shows in the native thread, which did not get to run either. Where
there is no `schedstat`, all of it counts.

Nothing here knows eventlet: the server hands in what it takes. With ordinary threads nobody waits, and there is no
watchdog.
"""

import logging
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple

from homechat import paths

log = logging.getLogger(__name__)

STALL_SECONDS = 0.1
TICK_SECONDS = 0.05  # A stall may have lasted for up to this much longer than is said.
LOOK_SECONDS = 0.075
OVERDUE_SECONDS = STALL_SECONDS - LOOK_SECONDS  # so that no stall ends between two looks
SAMPLES_MAX = 50
OUR_FRAMES = 6
FOREIGN_FRAMES = 3

Stack = tuple[str, ...]


class Watchdog:
    """Watches the loop on which `watch_for_ever` runs. `stalls` is how many there were.

    threading: the module as it is without a loop.  native_sleep: takes seconds and holds up the native thread alone.
    """

    def __init__(self, threading: Any, native_sleep: Callable[[float], object]) -> None:
        self.stalls = 0
        self._threading = threading
        self._native_sleep = native_sleep
        self._due = time.monotonic() + TICK_SECONDS
        self._looked = 0.0
        self._stood_still = 0.0
        self._seen: deque[tuple[float, Stack]] = deque(maxlen=SAMPLES_MAX)

    def watch_for_ever(self, sleep: Callable[[float], object]) -> None:
        """Run for ever in a task of the loop. sleep: takes seconds and lets the others go on."""
        loop = _Times(self._threading.get_native_id())
        arguments = (self._threading.get_ident(), loop)
        self._threading.Thread(target=self._look_for_ever, args=arguments, daemon=True).start()
        while True:
            before, stood_still = loop.read(), self._stood_still
            late = self._tick(sleep, TICK_SECONDS)
            if late < STALL_SECONDS:
                continue
            spent = loop.read().since(before)
            stacks = [stack for due, stack in list(self._seen) if due == self._due]
            woken = time.monotonic()
            while self._looked < woken:  # It alone knows of a time in which everything stood still.
                self._tick(sleep, LOOK_SECONDS)
            excused = min(late, spent.waited + self._stood_still - stood_still)
            if late - excused >= STALL_SECONDS:
                self._tell(late - excused, excused, spent.worked, stacks)

    def _tick(self, sleep: Callable[[float], object], seconds: float) -> float:
        """Sleep; return how many seconds too late it ended."""
        self._due = time.monotonic() + seconds
        sleep(seconds)
        return time.monotonic() - self._due

    def _tell(self, stall: float, excused: float, worked: float, stacks: list[Stack]) -> None:
        self.stalls += 1
        most_seen = Counter(stacks).most_common(1)
        extra = {
            "stall_ms": round(stall * 1000),
            "waited_for_cpu_ms": round(excused * 1000),
            # The rest was spent in a call that does not yield. 0 where nobody tells, see above.
            "worked_ms": round(worked * 1000),
            "stack": list(most_seen[0][0]) if most_seen else [],
        }
        log.warning("the loop stood still", extra=extra)

    def _look_for_ever(self, thread_id: int, loop: "_Times") -> None:
        """Run for ever in the native thread, which must not log: the locks of `logging` are the loop's."""
        own = _Times(self._threading.get_native_id())
        before = (time.monotonic(), loop.read(), own.read())
        while True:
            self._native_sleep(LOOK_SECONDS)
            # First of all: to read a file lets the loop's thread go on.
            self._note_if_late(thread_id)
            now = (time.monotonic(), loop.read(), own.read())
            self._stood_still += _unexplained(before, now) if loop.are_known else 0.0
            self._looked = now[0]
            before = now

    def _note_if_late(self, thread_id: int) -> None:
        due = self._due
        if time.monotonic() - due > OVERDUE_SECONDS:
            stack = _shown(sys._current_frames()[thread_id])
            if due == self._due:  # else it ticked meanwhile, and this is somebody else
                self._seen.append((due, stack))


class _Reading(NamedTuple):
    """What the kernel has counted for a thread: seconds at work, seconds of waiting for a CPU, turns on one."""

    worked: float
    waited: float
    turns: int

    def since(self, before: "_Reading") -> "_Reading":
        """Return what was spent between two readings."""
        return _Reading(self.worked - before.worked, self.waited - before.waited, self.turns - before.turns)


class _Times:
    """Reads what one thread of this process has spent. It costs 5 µs."""

    def __init__(self, native_id: int) -> None:
        try:
            self._file = os.open(f"/proc/self/task/{native_id}/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1
        self.are_known = self._file >= 0

    def read(self) -> _Reading:
        if not self.are_known:
            return _Reading(0.0, 0.0, 0)
        worked, waited, turns = os.pread(self._file, 64, 0).split()
        return _Reading(int(worked) / 1e9, int(waited) / 1e9, int(turns))


def _unexplained(before: tuple[float, _Reading, _Reading], now: tuple[float, _Reading, _Reading]) -> float:
    """Return for how long, between two looks, neither the loop's thread nor the one that looks had any life.

    A look that comes late has a reason: the loop's thread worked and held the interpreter's lock, one of the two waited
    for a CPU, or ours asked for the lock in vain, which takes a turn on a CPU each time.
    """
    late = now[0] - before[0] - LOOK_SECONDS
    loop_was, loop_is, own_was, own_is = before[1], now[1], before[2], now[2]
    explained = loop_is.worked - loop_was.worked + loop_is.waited - loop_was.waited
    explained += own_is.waited - own_was.waited + (own_is.turns - own_was.turns) * sys.getswitchinterval()
    return max(0.0, late - explained)


def _shown(innermost: FrameType) -> Stack:
    """Return "file:line function" for some frames, the innermost first: ours, then those that are not ours."""
    package = f"{paths.PACKAGE}{os.sep}"
    frames = list(_outwards(innermost))
    ours = [frame for frame in frames if frame.f_code.co_filename.startswith(package)]
    foreign = [frame for frame in frames if not frame.f_code.co_filename.startswith(package)]
    return tuple(_line(frame) for frame in (*ours[:OUR_FRAMES], *foreign[:FOREIGN_FRAMES]))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _line(frame: FrameType) -> str:
    """Nothing of what is in the frame's variables, and no more of the path than it takes to find the file."""
    file = frame.f_code.co_filename
    folders = [f"{folder}{os.sep}" for folder in sys.path if folder and file.startswith(f"{folder}{os.sep}")]
    shown = file.removeprefix(max(folders, key=len)) if folders else os.path.basename(file)
    return f"{shown}:{frame.f_lineno} {frame.f_code.co_name}"
