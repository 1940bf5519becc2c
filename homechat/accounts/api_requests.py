"""What tokens do, for the audit log: each write is a row, and so are all reads of one hour from one address.

A row for every read would be most of the log. They are counted in memory, at most a minute long, then in `api_reads`;
when the hour is over, each count becomes an entry. A stop in good order loses none, a power cut those of a minute.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from flask import current_app

from homechat import audit, clock
from homechat.accounts.token_models import ApiReads, ApiToken
from homechat.actor import Actor, Door, Role
from homechat.database import db, transaction
from homechat.errors import Unavailable

FLUSH_EVERY = timedelta(seconds=60)
KINDS_MAX = 1_000
HOUR_ENDS_AFTER = timedelta(minutes=2)  # Other servers of the house store what they counted a little later.


class Reads(NamedTuple):
    """What is counted together. address: empty where there were too many at once to tell them apart."""

    token_id: int
    address: str
    hour: datetime


class ReadCounts:
    """The reads of this process that are not stored yet."""

    def __init__(self) -> None:
        self._counts: Counter[Reads] = Counter()
        self._lock = threading.Lock()

    def add(self, reads: Reads, number: int = 1) -> None:
        """Count a read. Beyond KINDS_MAX different ones, addresses are told apart no more."""
        with self._lock:
            if reads not in self._counts and len(self._counts) >= KINDS_MAX:
                reads = reads._replace(address="")
            self._counts[reads] += number

    def take(self) -> dict[Reads, int]:
        """Return all counts, and begin anew."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return dict(taken)


def note_write(actor: Actor, *, method: str, route: str) -> None:
    """Write down that a token is about to change something; where that can't be written, it does not happen."""
    audit.record(
        actor,
        audit.Action.API_REQUEST,
        subject=f"token:{actor.token_id}",
        about=_maker_of(actor),
        detail={"method": method, "route": route},
    )


def note_refused(actor: Actor, *, method: str, route: str, why: str) -> None:
    """Write down that a token was shown where it must not be."""
    audit.record(
        actor,
        audit.Action.API_REQUEST,
        subject=f"token:{actor.token_id}",
        about=_maker_of(actor),
        detail={"method": method, "route": route, "refused": why},
    )


def note_read(actor: Actor) -> None:
    """Count that a token was used to read."""
    if actor.token_id is not None:
        _counted().add(Reads(actor.token_id, actor.address[:64], _hour_of(clock.now())))


def flush() -> None:
    """Store what was counted, and write down the hours that are over. Nothing is lost when nothing can be stored."""
    counted = _counted()
    taken = counted.take()
    end = _hour_of(clock.now() - HOUR_ENDS_AFTER)
    is_over = sa.select(ApiReads.id).where(ApiReads.hour < end).limit(1)
    try:
        if not taken and db.session.scalar(is_over) is None:
            return
        with transaction():
            for reads, number in taken.items():
                _add(reads, number)
            _close_hours(before=end)
    except Exception as error:
        for reads, number in taken.items():
            counted.add(reads, number)
        if not isinstance(error, Unavailable):
            raise


def _add(reads: Reads, number: int) -> None:
    session = db.session
    row = session.scalar(sa.select(ApiReads).filter_by(**reads._asdict()))
    if row is None:
        row = ApiReads(**reads._asdict(), count=0)
        session.add(row)
    row.count += number
    session.flush()


def _close_hours(*, before: datetime) -> None:
    session = db.session
    rows = session.execute(
        sa.select(ApiReads, ApiToken)
        .join(ApiToken, ApiToken.id == ApiReads.token_id)
        .where(ApiReads.hour < before)
        .order_by(ApiReads.id)
    )
    for row, token in rows.all():
        audit.record(
            Actor(
                user_id=token.user_id,
                role=Role(token.user.role),
                door=Door.API,
                address=row.address,
                token_id=token.id,
            ),
            audit.Action.API_REQUEST,
            subject=f"token:{token.id}",
            about=token.created_by_id,
            detail={"reads": row.count, "hour": clock.as_iso(row.hour)},
        )
        session.delete(row)
    session.flush()


def _maker_of(actor: Actor) -> int | None:
    """Return whose token it is; where it acts as a bot, that is somebody else."""
    row = db.session.get(ApiToken, actor.token_id)
    return row.created_by_id if row is not None else None


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _counted() -> ReadCounts:
    counts: ReadCounts = current_app.extensions["homechat_api_reads"]
    return counts
