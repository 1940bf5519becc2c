"""How many bytes are under way to the house: reserved as they are announced, before the first of them is read."""

from __future__ import annotations

import threading
from collections import Counter
from enum import Enum


class Place(Enum):
    """Whether there is a place for what is announced."""

    FREE = "free"
    TOO_MANY_OF_THEIRS = "too many of theirs"
    TOO_MANY = "too many"


class UnderWay:
    """Counts the bytes of bodies that come in, and of all that becomes of them until they are answered.

    bytes_max: of everybody together.  share_bytes: of one sender, so that nobody takes it all.
    """

    def __init__(self, *, bytes_max: int, share_bytes: int) -> None:
        self._bytes_max, self._share_bytes = bytes_max, share_bytes
        self._by_sender: Counter[object] = Counter()
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """How many there are of everybody."""
        with self._lock:
            return self._by_sender.total()

    def reserve(self, sender: object, size: int) -> Place:
        """Count `size` bytes if there is a place for them; then `give_back` must follow."""
        with self._lock:
            if self._by_sender[sender] + size > self._share_bytes:
                return Place.TOO_MANY_OF_THEIRS
            if self._by_sender.total() + size > self._bytes_max:
                return Place.TOO_MANY
            self._by_sender[sender] += size
            return Place.FREE

    def give_back(self, sender: object, size: int) -> None:
        """Count `size` bytes no more."""
        with self._lock:
            self._by_sender[sender] -= size
            if not self._by_sender[sender]:
                del self._by_sender[sender]
