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
