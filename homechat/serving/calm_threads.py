"""Threads for long computations that step back: whoever chats is served first, also where there is one processor.

Hashing a password takes a processor for 50 ms. In a thread of the usual priority it takes turns with the loop that
serves everybody, and a few at once leave the loop a fifth of the processor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

NICENESS = 10
"""A tenth of what the loop, at 0, has of a processor that both want. Not the lowest priority, 19: where other programs
fill the machine, such a thread gets next to nothing: nobody comes in, and it is put aside with Python's lock in hand.
"""


class CalmThreads:
    """Runs functions in native threads of a low priority, started as they are needed.

    threading, queue: the standard library's modules, as they were before anybody patched them.  at_most: how many.
    """

    def __init__(self, threading: ModuleType, queue: ModuleType, *, at_most: int) -> None:
        self._threading = threading
        self._jobs: Any = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._left_to_start = threading.Semaphore(at_most)

    def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return `function(*args, **kwargs)`, or raise what it raises. Call it from a native thread: it waits."""
        job = _Job(self._threading.Event(), function, args, kwargs)
        if not self._idle.acquire(blocking=False) and self._left_to_start.acquire(blocking=False):
            self._threading.Thread(target=self._work, name="calm", daemon=True).start()
        self._jobs.put(job)
        return job.result()

    def _work(self) -> None:
        # Elsewhere a thread has no priority of its own, and its number may be that of somebody else's process.
        if sys.platform == "linux":
            with suppress(OSError):  # Refused, as a container may: then it takes turns, as any thread does.
                os.setpriority(os.PRIO_PROCESS, self._threading.get_native_id(), NICENESS)
        while True:
            self._jobs.get().do()
            self._idle.release()


class _Job:
    def __init__(
        self, done: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._done = done
        self._function, self._args, self._kwargs = function, args, kwargs
        self._result: Any = None
        self._error: BaseException | None = None

    def do(self) -> None:
        try:
            self._result = self._function(*self._args, **self._kwargs)
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result
