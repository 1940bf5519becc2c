"""Finding entries: for whoever runs the house in all of them, for everyone in those about themselves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.actor import Actor, Door
from homechat.audit.chain import by_or_about
from homechat.audit.models import Action, AuditLog
from homechat.database import db
from homechat.errors import NotFound
from homechat.security.policy import HouseRight, may_in_house

PAGE = 50
PAGE_MAX = 100
BATCH = 500
# What no index knows is looked for among so many rows at once: SQLite answers inside C, where nobody else gets on.
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Filters:
    """What entries are wanted; what is left out, any.

    actor_id: whoever did it; 0: nobody who was signed in, that is strangers, the operator and the house itself.
    about_id: a person; what they did themselves and what was done to their account.
    since, until: from this moment on; before this moment.  subject: a piece of it, such as `room:7` or `token`.
    without: subjects that are left out whatever else fits, such as rooms that the reader may know nothing of.
    """

    action: Action | None = None
    actor_id: int | None = None
    about_id: int | None = None
    door: Door | None = None
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None
    subject: str = ""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """A page of entries, the newest first, and whether there are more beyond its far end."""

    entries: list[AuditLog]
    has_more: bool


def search(
    actor: Actor,
    filters: Filters | None = None,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> Found:
    """Return a page of the entries that fit, the newest first: the newest of all, or those next to an entry's number.

    before: those next older than it.  after: those next newer than it.  limit: 1 to 100, taken as the nearest of these.
    Raises NotFound for everybody but admins and the operator.
    """
    require_reader(actor)
    return _page(filters or Filters(), before=before, after=after, limit=limit)


def entries_about(person_id: int, *, before: int | None = None, limit: int = PAGE) -> Found:
    """Return a page of what somebody did and what was done to their account, the newest first.

    For that person's own eyes: whoever calls must have made sure that it is they who ask.
    """
    return _page(Filters(about_id=person_id), before=before, after=None, limit=limit)


def entries(
    *, action: Action | None = None, subject: str | None = None, actor_id: int | None = None, limit: int = 100
) -> list[AuditLog]:
    """Return the newest entries first, at most `limit`, narrowed by what is given exactly; for the house itself."""
    query = sa.select(AuditLog).order_by(AuditLog.id.desc()).limit(limit)
    if action is not None:
        query = query.where(AuditLog.action == action.value)
    if subject is not None:
        query = query.where(AuditLog.subject == subject)
    if actor_id is not None:
        query = query.where(AuditLog.actor_id == actor_id)
    return list(db.session.scalars(query))


def walk(filters: Filters, *, up_to: int) -> Iterator[Sequence[AuditLog]]:
    """Yield all entries that fit, the oldest first, in batches of a bounded size. up_to: the last number looked at."""
    for above, below in _pieces(oldest_id() - 1, up_to + 1, ROWS_AT_ONCE):
        while batch := _some(filters, above=above, below=below, limit=BATCH, newest_first=False):
            yield batch
            above = batch[-1].id
            time.sleep(0)  # Lets the others of a serving process on.


def count(filters: Filters, *, up_to: int) -> int:
    """Return how many entries fit. up_to: the last number looked at."""
    wanted = sa.and_(*_conditions(filters), sa.or_(*_ways(filters)))
    total = 0
    for above, below in _pieces(oldest_id() - 1, up_to + 1, ROWS_AT_ONCE):
        query = sa.select(sa.func.count(AuditLog.id)).where(AuditLog.id > above, AuditLog.id < below, wanted)
        total += db.session.scalar(query) or 0
        time.sleep(0)
    return total


def newest_id() -> int:
    """Return the number of the newest entry, 0 when there is none."""
    return db.session.scalar(sa.select(sa.func.max(AuditLog.id))) or 0


def oldest_id() -> int:
    """Return the number of the oldest entry, 1 when there is none."""
    return db.session.scalar(sa.select(sa.func.min(AuditLog.id))) or 1


def require_reader(actor: Actor) -> None:
    """Raise NotFound unless the actor may read what everybody did: an admin or the operator."""
    if not may_in_house(actor, HouseRight.READ_AUDIT_LOG):
        raise NotFound(_("There is nothing at this address."))


def _page(filters: Filters, *, before: int | None, after: int | None, limit: int) -> Found:
    limit = max(1, min(limit, PAGE_MAX))
    newest_first = after is None
    above = max(after or 0, oldest_id() - 1)
    below = min(before or sys.maxsize, newest_id() + 1)
    size = ROWS_AT_ONCE if _needs_looking(filters) else max(below - above, 1)
    pieces = _pieces(above, below, size)
    found: list[AuditLog] = []
    for low, high in reversed(pieces) if newest_first else pieces:
        wanted = limit + 1 - len(found)
        found += _some(filters, above=low, below=high, limit=wanted, newest_first=newest_first)
        if len(found) > limit:
            break
        time.sleep(0)
    return Found(sorted(found[:limit], key=_id_of, reverse=True), has_more=len(found) > limit)


def _pieces(above: int, below: int, size: int) -> list[tuple[int, int]]:
    """Return the numbers between two in pieces, each again as the two that it lies between."""
    return [(start, min(start + size + 1, below)) for start in range(above, below - 1, size)]


def _some(filters: Filters, *, above: int, below: int, limit: int, newest_first: bool) -> list[AuditLog]:
    """Return what fits between two numbers, at most `limit`, beginning at one end."""
    order = AuditLog.id.desc() if newest_first else AuditLog.id.asc()
    query = sa.select(AuditLog).where(AuditLog.id > above, AuditLog.id < below, *_conditions(filters))
    # One question for each way to be concerned: each has an index in this very order.
    found = {
        row.id: row
        for way in _ways(filters)
        for row in db.session.scalars(query.where(way).order_by(order).limit(limit))
    }
    return sorted(found.values(), key=_id_of, reverse=newest_first)[:limit]


def _ways(filters: Filters) -> list[sa.ColumnElement[bool]]:
    return [sa.true()] if filters.about_id is None else by_or_about(filters.about_id)


def _conditions(filters: Filters) -> Iterator[sa.ColumnElement[bool]]:
    if filters.action is not None:
        yield AuditLog.action == filters.action.value
    if filters.actor_id is not None:
        yield AuditLog.actor_id == filters.actor_id if filters.actor_id else AuditLog.actor_id.is_(None)
    if filters.door is not None:
        yield AuditLog.door == filters.door.value
    if filters.address:
        yield AuditLog.address == filters.address
    if filters.since is not None:
        yield AuditLog.at >= filters.since
    if filters.until is not None:
        yield AuditLog.at < filters.until
    if filters.subject:
        yield AuditLog.subject.contains(filters.subject, autoescape=True)
    if filters.without:
        yield AuditLog.subject.not_in(sorted(filters.without))


def _needs_looking(filters: Filters) -> bool:
    """Whether some of it is in no index in the order of the entries."""
    looked_for = (
        filters.door,
        filters.address,
        filters.since,
        filters.until,
        filters.subject,
        filters.without,
    )
    return any(looked_for)


def _id_of(row: AuditLog) -> int:
    return row.id
