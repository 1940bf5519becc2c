"""Turns at what is dear: so many at once, few of each person, and people take turns."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurnError(Exception):
    """It did not come in time."""


class TooManyWaitError(Exception):
    """So many of one person wait already."""


class Turns:
    """Lets `at_once` go on at a time, `of_one_person` of each; the others wait, `waiting_max` of each person.

    One person's twenty hold up nobody else's one: people take turns, and each one's own come in their order.
    """

    def __init__(self, at_once: int, *, of_one_person: int = 1, waiting_max: int) -> None:
        self._at_once, self._of_one_person, self._waiting_max = at_once, of_one_person, waiting_max
        self._changed = threading.Condition()
        self._waiting: OrderedDict[int, list[object]] = OrderedDict()
        self._at_work: Counter[int] = Counter()

    @contextmanager
    def one(self, person_id: int, *, seconds: float) -> Iterator[None]:
        """Have a turn for the length of the block. Raises TooManyWaitError, and NoTurnError after `seconds`."""
        self._take(person_id, until=time.monotonic() + seconds)
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= Counter((person_id,))
                self._changed.notify_all()

    def waiting(self) -> int:
        """Return how many wait."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def _take(self, person_id: int, *, until: float) -> None:
        place = object()
        with self._changed:
            if len(self._waiting.get(person_id, ())) >= self._waiting_max:
                raise TooManyWaitError
            self._waiting.setdefault(person_id, []).append(place)
            try:
                while self._next() is not place:
                    if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                        raise NoTurnError
                self._at_work[person_id] += 1
            finally:
                self._forget(person_id, place)
                self._changed.notify_all()

    def _next(self) -> object | None:
        """Return the place whose turn it is, if anybody's."""
        if self._at_work.total() >= self._at_once:
            return None
        free = (who for who in self._waiting if self._at_work[who] < self._of_one_person)
        who = next(free, None)
        return None if who is None else self._waiting[who][0]

    def _forget(self, person_id: int, place: object) -> None:
        """Take `place` out; the person's others wait behind everybody else's."""
        places = self._waiting[person_id]
        places.remove(place)
        if places:
            self._waiting.move_to_end(person_id)
        else:
            del self._waiting[person_id]
