"""What both kinds of films are made of: pieces with a length in front, some of which are blanked where they stand."""

from __future__ import annotations

from typing import IO

PIECES_MAX = 100_000
ZEROS = bytes(65_536)


class CannotCleanError(Exception):
    """It is not built as it should be, or in a way that we do not understand well enough."""


class Counter:
    """Counts the pieces of one film: a real one has thousands, and each costs time."""

    def __init__(self) -> None:
        self._count = 0

    def one(self) -> None:
        """Count one. Raises CannotCleanError past 100,000."""
        self._count += 1
        if self._count > PIECES_MAX:
            raise CannotCleanError


def read_at(file: IO[bytes], place: int, size: int) -> bytes:
    """Return exactly `size` bytes from `place` on. Raises CannotCleanError where the file ends before."""
    file.seek(place)
    data = file.read(size)
    if len(data) < size:
        raise CannotCleanError
    return data


def write_zeros(file: IO[bytes], place: int, size: int) -> None:
    """Overwrite `size` bytes from `place` on."""
    file.seek(place)
    while size > 0:
        file.write(ZEROS[:size])
        size -= len(ZEROS)


def length_of(file: IO[bytes]) -> int:
    """Return how many bytes the file has."""
    return file.seek(0, 2)
