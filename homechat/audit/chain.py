"""The chain: writing, proving that nothing was changed, forgetting what is old, and forgetting a person.

Each row's hash covers the row before it. What is personal (address, user agent, detail) enters the hash only as a
salted digest, so that erasing a person can blank those columns and their salt, and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from homechat import clock
from homechat.actor import Actor
from homechat.audit.models import Action, AuditChain, AuditLog
from homechat.database import db, is_sqlite, transaction
from homechat.errors import Conflict

VERIFY_AT_ONCE = 500
PRUNE_AT_ONCE = 1000
BEFORE_ALL = -(2**31)
# The triggers of the database refuse anything younger than 90 days, by its own clock, which may be behind ours.
SHORTEST_KEPT = timedelta(days=90, hours=1)

_ROW = (
    AuditLog.id,
    AuditLog.at,
    AuditLog.action,
    AuditLog.actor_id,
    AuditLog.door,
    AuditLog.subject,
    AuditLog.about_id,
    AuditLog.address,
    AuditLog.user_agent,
    AuditLog.detail,
    AuditLog.salt,
    AuditLog.personal_digest,
    AuditLog.previous_hash,
    AuditLog.hash,
)
_ENDS = sa.select(AuditChain.anchor_hash, AuditChain.head_hash)


@dataclass(frozen=True)
class Break:
    """Where the chain is broken, and how."""

    row_id: int | None
    why: str

    @property
    def sentence(self) -> str:
        """The same for whoever has to look into it."""
        where = f"entry {self.row_id}" if self.row_id else "the end"
        return f"The audit log is broken at {where}: {self.why}."


NO_ENDS = Break(None, "the chain's ends are missing")
CUT_OFF = Break(None, "the newest rows are missing")


def record(
    actor: Actor,
    action: Action,
    *,
    subject: str = "",
    about: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one row within the surrounding transaction; when it fails, the act it describes fails too.

    about: the id of the person whom it concerns, where `subject` is not that person: whose token, who left the room.
    detail: small JSON of plain values; never a secret, a code or what somebody wrote.
    """
    with transaction() as session:
        chain = _locked_chain(session)
        row = AuditLog(
            at=clock.now(),
            action=action.value,
            actor_id=actor.user_id,
            door=actor.door.value,
            subject=subject,
            about_id=about,
            address=actor.address[:64],
            user_agent=actor.user_agent[:300],
            detail=detail or {},
            salt=secrets.token_hex(16),
            previous_hash=chain.head_hash,
        )
        row.personal_digest = _personal_digest(row)
        row.hash = chain.head_hash = _row_hash(row)
        session.add(row)
        session.flush()


def verify() -> Break | None:
    """Walk the whole chain and return the first break, or None when every row is as it was written.

    A batch of rows at a time, all as of one moment: what others write meanwhile is none of its business.
    """
    with _one_moment() as connection:
        ends = connection.execute(_ENDS).first()
        if ends is None:
            return NO_ENDS
        expected = ends.anchor_hash
        last_id = BEFORE_ALL
        while rows := _rows_after(connection, last_id, VERIFY_AT_ONCE):
            broken = _first_break(rows, expected)
            if broken is not None:
                return broken
            last_id, expected = rows[-1].id, rows[-1].hash
            time.sleep(0)  # Lets the others of a serving process on.
    return None if expected == ends.head_hash else CUT_OFF


def verify_newest(count: int) -> Break | None:
    """Return the first break among the newest rows, `count` at most, or None: quick, and no proof of what is older."""
    with _one_moment() as connection:
        ends = connection.execute(_ENDS).first()
        newest_id = connection.scalar(sa.select(sa.func.max(AuditLog.id))) or 0
        rows = _rows_after(connection, newest_id - count, count)
    if ends is None:
        return NO_ENDS
    newest = rows[-1].hash if rows else ends.anchor_hash
    broken = _first_break(rows, rows[0].previous_hash) if rows else None
    return broken or (None if newest == ends.head_hash else CUT_OFF)


def prune(actor: Actor, *, older_than: datetime) -> int:
    """Delete the oldest rows up to the first that is not older; return how many went. None younger than 90 days goes.

    The chain's anchor moves with them, so that the rest still verifies. A thousand rows at a time, each written down.
    Raises Conflict, and deletes nothing more, where the chain is broken: that is for people to look at.
    """
    limit = min(older_than, clock.now() - SHORTEST_KEPT)
    total = 0
    while count := _prune_some(actor, limit):
        total += count
        time.sleep(0)
    return total


def oldest_at() -> datetime | None:
    """Return when the oldest row was written, or None when there is none."""
    first = sa.select(sa.func.min(AuditLog.id)).scalar_subquery()
    return db.session.scalar(sa.select(AuditLog.at).where(AuditLog.id == first))


def erase_person(person_id: int) -> int:
    """Within the surrounding transaction, blank what is personal in each row by or about somebody; return how many.

    Address, device, detail and salt go at once, as the triggers demand. That something happened, and to whose account
    by its number, stays; and the chain still verifies.
    """
    count = 0
    with transaction() as session:
        for concerns in by_or_about(person_id):  # One index each; a single OR would read the whole table.
            blanked = session.execute(
                sa.update(AuditLog)
                .where(concerns, AuditLog.salt.is_not(None))
                .values(address=None, user_agent=None, detail=sa.null(), salt=None)
                .execution_options(synchronize_session=False)
            )
            count += blanked.rowcount  # type: ignore[attr-defined]
        session.expire_all()
    return count


def by_or_about(person_id: int) -> list[sa.ColumnElement[bool]]:
    """Return the ways in which a row may have to do with somebody: each has an index of its own."""
    return [
        AuditLog.actor_id == person_id,
        AuditLog.subject == f"user:{person_id}",
        AuditLog.about_id == person_id,
    ]


def _prune_some(actor: Actor, limit: datetime) -> int:
    with transaction() as session:
        chain = _locked_chain(session)
        rows = _rows_after(session.connection(), BEFORE_ALL, PRUNE_AT_ONCE)
        old = _leading(rows, limit)
        if not old:
            return 0
        # Or pruning would wash away that somebody had tampered with what it deletes.
        broken = _first_break(old, chain.anchor_hash)
        if broken is not None:
            raise Conflict(broken.sentence)
        gone = sa.delete(AuditLog).where(AuditLog.id <= old[-1].id)
        session.execute(gone.execution_options(synchronize_session=False))
        chain.anchor_hash = old[-1].hash
        session.flush()
        record(actor, Action.AUDIT_PRUNED, detail={"count": len(old), "last": old[-1].id})
        return len(old)


def _leading(rows: Sequence[Any], limit: datetime) -> Sequence[Any]:
    """Return the rows up to the first one that is not older than `limit`: the chain is cut at one place only."""
    kept = next((place for place, row in enumerate(rows) if row.at >= limit), len(rows))
    return rows[:kept]


@contextmanager
def _one_moment() -> Iterator[Connection]:
    """A connection that sees the database as it is now, whatever is written meanwhile; on SQLite each does."""
    with db.engine.connect() as connection:
        if not is_sqlite():
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _rows_after(connection: Connection, last_id: int, at_most: int) -> Sequence[Any]:
    query = sa.select(*_ROW).where(AuditLog.id > last_id).order_by(AuditLog.id).limit(at_most)
    return connection.execute(query).all()


def _first_break(rows: Sequence[Any], expected: str) -> Break | None:
    """Return the first break in a piece of the chain. expected: the hash of the row before it."""
    for row in rows:
        if row.previous_hash != expected:
            return Break(row.id, "a row before this one is missing")
        if not _is_blank(row) and not hmac.compare_digest(row.personal_digest, _personal_digest(row)):
            return Break(row.id, "its address, device or detail was changed")
        if not hmac.compare_digest(row.hash, _row_hash(row)):
            return Break(row.id, "it was changed")
        expected = row.hash
    return None


def _locked_chain(session: Session) -> AuditChain:
    """Return the one row of the chain's ends; nobody else writes until this transaction ends."""
    return session.get_one(AuditChain, 1)


def _is_blank(row: Any) -> bool:
    """Whether the row was stripped of what is personal: of all of it, or somebody could write in what they like."""
    return all(value is None for value in (row.salt, row.address, row.user_agent, row.detail))


def _personal_digest(row: Any) -> str:
    return _sha256([row.salt, row.address, row.user_agent, row.detail])


def _row_hash(row: Any) -> str:
    at = row.at.isoformat(timespec="microseconds")
    parts = [row.previous_hash, at, row.action, row.actor_id, row.door, row.subject, row.personal_digest]
    # Rows from before there was this column are hashed as they always were.
    return _sha256(parts if row.about_id is None else [*parts, row.about_id])


def _sha256(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
