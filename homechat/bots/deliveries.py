"""The queue of what is on its way to bots: rows, so that nothing is lost when the server stops, or is killed.

At least once: whoever is about to send a row has a lease on it, and when that ran out without a word somebody else
sends it again, under the same uuid. One at a time for each bot: one that never answers holds up nobody but itself.
While the house is closed to bots everything waits, and no try is counted. WAITING_MAX messages wait for one bot: what
comes then is dead at once, in the log. Taps always get in.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock, lockdown
from homechat.actor import Actor
from homechat.bots.models import Bot, DeliveryKind, DeliveryState, WebhookDelivery
from homechat.bots.queries import is_at_work
from homechat.database import db, is_sqlite, transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.security.policy import HouseRight, may_in_house

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""How long after a try that failed the next one comes; after that of the last there is none."""
LEASE = timedelta(seconds=30)
WAITING_MAX = 1000
KEPT = timedelta(days=30)
PAGE = 50
FORGET_AT_ONCE = 1000

WAITS = WebhookDelivery.state == DeliveryState.WAITING


@dataclass(frozen=True)
class Job:
    """A delivery that is ours to send until the lease runs out."""

    delivery_id: int
    lease: str


@dataclass(frozen=True)
class Outcome:
    """What came of a try. status: of the answer; None: there was none.  problem: a word for what went wrong, or "".

    is_final: nobody shall try again, whatever came of it.
    """

    status: int | None = None
    problem: str = ""
    is_final: bool = False

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Tap:
    """What somebody tapped on a message of a bot's own."""

    kind: DeliveryKind
    action_id: str
    person_id: int
    at: datetime


def put_in_queue(bot_ids: Iterable[int], message_id: int, tap: Tap | None = None) -> None:
    """Within the transaction that stores a message, or a tap on it, have that delivered to these bots.

    A message for a bot for which WAITING_MAX wait already is written down as dead; `replay` sends it all the same.
    """
    bot_ids = list(bot_ids)
    now = clock.now() if tap is None else tap.at
    full = _with_a_full_queue(bot_ids) if tap is None else frozenset()
    rows = [
        {
            "uuid": str(uuid4()),
            "bot_id": bot_id,
            "message_id": message_id,
            "kind": DeliveryKind.MESSAGE.value if tap is None else tap.kind.value,
            "action_id": "" if tap is None else tap.action_id,
            "person_id": None if tap is None else tap.person_id,
            "state": (DeliveryState.DEAD if bot_id in full else DeliveryState.WAITING).value,
            "tries": 0,
            "next_try_at": now,
            "lease": "",
            "problem": "queue_full" if bot_id in full else "",
            "created_at": now,
            "finished_at": now if bot_id in full else None,
        }
        for bot_id in bot_ids
    ]
    with transaction() as session:
        session.connection().execute(sa.insert(WebhookDelivery), rows)


def take(at_most: int) -> list[Job]:
    """Return what is due and was given to nobody else: of each bot the oldest, and nothing while one is under way.

    Nothing at all while the house is closed to bots.
    """
    now = clock.now()
    if at_most < 1 or db.session.scalar(_due(now).limit(1)) is None or lockdown.stops_bots():
        return []
    with transaction() as session:
        ids = session.scalars(_due(now).limit(at_most)).all()
        jobs = [Job(delivery_id, secrets.token_hex(16)) for delivery_id in ids]
        for job in jobs:
            _update(job.delivery_id, lease=job.lease, leased_until=now + LEASE)
    return jobs


def next_due() -> datetime | None:
    """Return when the next one is due of a bot to which none is under way, or None when nothing else waits."""
    return db.session.scalar(
        sa.select(WebhookDelivery.next_try_at)
        .where(WAITS, WebhookDelivery.bot_id.not_in(_under_way(clock.now())))
        .order_by(WebhookDelivery.next_try_at)
        .limit(1)
    )


def put_back(job: Job) -> None:
    """Have a delivery that is ours wait on as if nobody had taken it: no try is counted."""
    with transaction() as session:
        session.execute(
            sa.update(WebhookDelivery)
            .where(WebhookDelivery.id == job.delivery_id, WebhookDelivery.lease == job.lease, WAITS)
            .values(lease="", leased_until=None)
            .execution_options(synchronize_session=False)
        )


def finish(job: Job, outcome: Outcome) -> None:
    """Write down what came of a try; nothing happens when it is not ours any more."""
    with transaction() as session:
        row = session.get(WebhookDelivery, job.delivery_id)
        if row is None or row.lease != job.lease or row.state != DeliveryState.WAITING:
            return
        row.tries += 1
        row.lease, row.leased_until = "", None
        row.response_status, row.problem = outcome.status, outcome.problem
        if outcome.is_delivered:
            _end(row, DeliveryState.DELIVERED)
        elif outcome.is_final or row.tries > len(DELAYS):
            _end(row, DeliveryState.DEAD)
        else:
            row.next_try_at = clock.now() + DELAYS[row.tries - 1]
        session.flush()


def give_up(bot_id: int) -> None:
    """Within a transaction, have nothing more be delivered of what waits for a bot."""
    with transaction() as session:
        session.execute(
            sa.update(WebhookDelivery)
            .where(WebhookDelivery.bot_id == bot_id, WAITS)
            .values(state=DeliveryState.DEAD.value, problem="switched_off", finished_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def replay(actor: Actor, delivery_id: int) -> WebhookDelivery:
    """Have a delivery be sent once more, now, under the same uuid.

    Raises Forbidden for who does not manage bots, NotFound, Conflict for a bot that is switched off or has no address.
    """
    check_may_manage(actor)
    with transaction() as session:
        row = session.get(WebhookDelivery, delivery_id) if 0 < delivery_id < 2**31 else None
        if row is None:
            raise NotFound(_("There is no such delivery."))
        if not (is_at_work(row.bot) and row.has_somewhere_to_go):
            raise Conflict(_("This bot is switched off, or there is nowhere to deliver to."))
        row.state, row.next_try_at, row.finished_at = DeliveryState.WAITING.value, clock.now(), None
        session.flush()
        detail = {"what": "replay", "delivery": row.id}
        subject = f"bot:{row.bot_id}"
        audit.record(actor, audit.Action.BOT_CHANGED, subject=subject, about=row.bot.owner_id, detail=detail)
    return row


def log_of(
    actor: Actor, *, bot_id: int | None = None, before: int | None = None, limit: int = PAGE
) -> list[WebhookDelivery]:
    """Return what was delivered or is to be, to one bot or to all, the newest first; older than `before`, if given.

    Raises Forbidden for who does not manage bots.
    """
    check_may_manage(actor)
    query = sa.select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(limit)
    if bot_id is not None:
        query = query.where(WebhookDelivery.bot_id == bot_id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    return list(db.session.scalars(query))


def last_of(bot_ids: Iterable[int]) -> dict[int, WebhookDelivery]:
    """Return the newest delivery to each of these bots that has been tried, or is to be, by the bot's id."""
    newest = sa.select(sa.func.max(WebhookDelivery.id)).where(WebhookDelivery.bot_id == Bot.id)
    ids = sa.select(newest.correlate(Bot).scalar_subquery()).where(Bot.id.in_(list(bot_ids)))
    rows = db.session.scalars(sa.select(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
    return {row.bot_id: row for row in rows}


def counts_of(bot_id: int) -> dict[str, int]:
    """Return how many deliveries to a bot are in each state, of those that are kept."""
    return _counted(list(DeliveryState), WebhookDelivery.bot_id == bot_id)


def undelivered() -> dict[str, int]:
    """Return how many deliveries wait, and how many nobody tries any more, of those that are kept."""
    states = [DeliveryState.WAITING, DeliveryState.DEAD]
    return _counted(states, WebhookDelivery.state.in_([state.value for state in states]))


def forget_leases() -> None:
    """Let what a server before us had in hand be sent again at once; for SQLite, where there is but one."""
    leased = sa.select(WebhookDelivery.id).where(WAITS, WebhookDelivery.leased_until.is_not(None)).limit(1)
    if not is_sqlite() or db.session.scalar(leased) is None:
        return
    with transaction() as session:
        session.execute(
            sa.update(WebhookDelivery)
            .where(WAITS, WebhookDelivery.leased_until.is_not(None))
            .values(lease="", leased_until=None)
            .execution_options(synchronize_session=False)
        )


def forget_old() -> int:
    """Delete what is older than KEPT and waits for nothing, and return how many."""
    old = (
        sa.select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < clock.now() - KEPT, ~WAITS)
        .limit(FORGET_AT_ONCE)
    )
    ids = db.session.scalars(old).all()
    if ids:
        with transaction() as session:
            session.execute(
                sa.delete(WebhookDelivery)
                .where(WebhookDelivery.id.in_(ids))
                .execution_options(synchronize_session=False)
            )
    return len(ids)


def check_may_manage(actor: Actor) -> None:
    """Raise Forbidden unless the actor manages everybody's bots."""
    if not may_in_house(actor, HouseRight.MANAGE_BOTS):
        raise Forbidden(_("Only those who run the house may do that."))


def _with_a_full_queue(bot_ids: list[int]) -> frozenset[int]:
    count = sa.func.count()
    rows = db.session.scalars(
        sa.select(WebhookDelivery.bot_id)
        .where(WebhookDelivery.bot_id.in_(bot_ids), WAITS)
        .group_by(WebhookDelivery.bot_id)
        .having(count >= WAITING_MAX)
    )
    return frozenset(rows)


def _counted(states: list[DeliveryState], which: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(WebhookDelivery.state, sa.func.count()).where(which).group_by(WebhookDelivery.state)
    found = {state: count for state, count in db.session.execute(query)}
    return {state.value: found.get(state.value, 0) for state in states}


def _due(now: datetime) -> sa.Select[int]:
    first = sa.func.min(WebhookDelivery.id)
    return (
        sa.select(first)
        .where(WAITS, WebhookDelivery.next_try_at <= now, WebhookDelivery.bot_id.not_in(_under_way(now)))
        .group_by(WebhookDelivery.bot_id)
        .order_by(sa.func.min(WebhookDelivery.next_try_at))
    )


def _under_way(now: datetime) -> sa.Select[int]:
    return sa.select(WebhookDelivery.bot_id).where(WAITS, WebhookDelivery.leased_until > now)


def _update(delivery_id: int, **values: Any) -> None:
    db.session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _end(row: WebhookDelivery, state: DeliveryState) -> None:
    row.state, row.finished_at = state.value, clock.now()
