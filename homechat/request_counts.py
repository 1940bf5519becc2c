"""How many requests this process has answered, how, and how fast: counted where their log lines are written."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

BUCKET_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PEAK_WITHIN_SECONDS = 300
SWITCHED = 101


@dataclass(frozen=True)
class Answered:
    """What was counted up to one moment.

    by_class: how many there were of 1xx to 5xx, by their first digit.
    at_most: how many took at most as long as each of BUCKET_SECONDS.
    timed, seconds: how many were timed, and how long all of these took together.
    """

    by_class: dict[int, int]
    at_most: tuple[int, ...]
    timed: int
    seconds: float


class RequestCounts:
    """The counts of one process. started: when it began, of `time.time()`; up_seconds: for how long it has run."""

    def __init__(self) -> None:
        self.started = time.time()
        self._began = time.monotonic()
        self._by_class: Counter[int] = Counter()
        self._by_bucket = [0] * (len(BUCKET_SECONDS) + 1)
        self._seconds = 0.0
        self._broken: deque[tuple[int, int]] = deque(maxlen=PEAK_WITHIN_SECONDS)
        self._lock = threading.Lock()

    @property
    def up_seconds(self) -> int:
        return int(time.monotonic() - self._began)

    def add(self, status: int, seconds: float) -> None:
        """Count an answer. A live connection counts as an answer that took no time: it may last for days."""
        with self._lock:
            self._by_class[status // 100] += 1
            if status >= 500:
                self._add_broken(int(time.monotonic()))
            if status == SWITCHED:
                return
            self._seconds += seconds
            self._by_bucket[_bucket_of(seconds)] += 1

    def answered(self) -> Answered:
        """Return all counts as of now."""
        with self._lock:
            buckets, total = [], 0
            for count in self._by_bucket:
                total += count
                buckets.append(total)
            return Answered(
                by_class={number: self._by_class[number] for number in range(1, 6)},
                at_most=tuple(buckets[:-1]),
                timed=total,
                seconds=self._seconds,
            )

    def broken_peak(self) -> int:
        """Return how many answers of 500 and above there were in the worst second of the last five minutes."""
        since = int(time.monotonic()) - PEAK_WITHIN_SECONDS
        with self._lock:
            return max((count for second, count in self._broken if second >= since), default=0)

    def _add_broken(self, second: int) -> None:
        before = self._broken[-1][1] if self._broken and self._broken[-1][0] == second else 0
        if before:
            self._broken.pop()
        self._broken.append((second, before + 1))


def _bucket_of(seconds: float) -> int:
    return next((place for place, most in enumerate(BUCKET_SECONDS) if seconds <= most), len(BUCKET_SECONDS))
