"""The queue of what is on its way to bots: rows, so that nothing is lost when the server stops, or is killed.

At least once: whoever is about to send a row has a lease on it, and when that ran out without a word somebody else
sends it again, under the same uuid. One at a time for each bot, ten for all bots of one owner, and owners take turns:
those that never answer hold up nobody for long but themselves. While the house is closed to bots everything waits, and
no try is counted. WAITING_MAX messages wait for one bot: what comes then is dead at once, in the log
(`delivery_log.py`). Taps always get in.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from homechat import clock, lockdown
from homechat.bots.models import Bot, DeliveryKind, DeliveryState, WebhookDelivery
from homechat.database import db, is_sqlite, transaction

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""How long after a try that failed the next one comes; after that of the last there is none."""
LEASE = timedelta(minutes=2)
"""Longer than any try: ten seconds, but for looking a name up, which a resolver ends when it likes (`resolv.conf`: five
seconds, twice, for each of three servers and each domain that is searched).
"""
OF_ONE_OWNER_MAX = 10
WAITING_MAX = 1000
KEPT = timedelta(days=30)
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

    A message for a bot for which WAITING_MAX wait already is written down as dead; a replay sends it all the same.
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

    Owners take turns: whoever has least under way is next. Nothing at all while the house is closed to bots.
    """
    now = clock.now()
    if at_most < 1 or db.session.scalar(_due(now).limit(1)) is None or lockdown.stops_bots():
        return []
    with transaction():
        jobs = [Job(delivery_id, secrets.token_hex(16)) for delivery_id in _in_turn(now)[:at_most]]
        for job in jobs:
            _update(job.delivery_id, lease=job.lease, leased_until=now + LEASE)
    return jobs


def next_due(after: datetime) -> datetime | None:
    """Return when the next one is due of a bot to which none is under way, or None when nothing else waits.

    after: a moment; what was due by then and was not taken waits for another one's end.
    """
    is_free = WebhookDelivery.bot_id.not_in(_under_way(clock.now()))
    return db.session.scalar(
        sa.select(WebhookDelivery.next_try_at)
        .where(WAITS, WebhookDelivery.next_try_at > after, is_free)
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


def _with_a_full_queue(bot_ids: list[int]) -> frozenset[int]:
    count = sa.func.count()
    rows = db.session.scalars(
        sa.select(WebhookDelivery.bot_id)
        .where(WebhookDelivery.bot_id.in_(bot_ids), WAITS)
        .group_by(WebhookDelivery.bot_id)
        .having(count >= WAITING_MAX)
    )
    return frozenset(rows)


def _in_turn(now: datetime) -> list[int]:
    """Return the ids of what may go out, that of whose owner has least under way first."""
    under_way = Counter(db.session.scalars(sa.select(Bot.owner_id).where(Bot.id.in_(_under_way(now)))))
    placed = []
    for delivery_id, owner_id in db.session.execute(_due(now)):
        placed.append((under_way[owner_id], delivery_id))
        under_way[owner_id] += 1
    placed.sort(key=lambda it: it[0])
    return [delivery_id for place, delivery_id in placed if place < OF_ONE_OWNER_MAX]


def _due(now: datetime) -> sa.Select[int, int]:
    first = sa.func.min(WebhookDelivery.id)
    return (
        sa.select(first, Bot.owner_id)
        .join(Bot, Bot.id == WebhookDelivery.bot_id)
        .where(WAITS, WebhookDelivery.next_try_at <= now, WebhookDelivery.bot_id.not_in(_under_way(now)))
        .group_by(WebhookDelivery.bot_id, Bot.owner_id)
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
