"""The only source of time, so that tests can move it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset = timedelta(0)


def now() -> datetime:
    """Return the current moment as an aware UTC datetime with microseconds."""
    return datetime.now(UTC) + _offset


def as_iso(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with milliseconds and `Z`, as every payload carries it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Return the moment that ISO 8601 text names: a day or a time, in UTC unless it says otherwise.

    Raises ValueError where there is no such moment.
    """
    moment = datetime.fromisoformat(text)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:  # The first or the last day there is, elsewhere on earth.
        raise ValueError(f"{text} is out of range") from error


@contextmanager
def moved(by: timedelta) -> Iterator[None]:
    """Move the clock of this process by `by` for the length of the block."""
    global _offset
    before = _offset
    _offset = before + by
    try:
        yield
    finally:
        _offset = before
