"""Reading the audit log as a person: all of it but what concerns rooms that are nobody's business outside of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from homechat import audit
from homechat.accounts.queries import usernames
from homechat.actor import Actor
from homechat.audit import Filters, Found
from homechat.database import db
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind


def read_log(
    actor: Actor,
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = audit.PAGE,
) -> Found:
    """Return a page of what happened, the newest first; see `audit.search`.

    Who made a private room, or is in it, is not for those who run the house either: such entries are left out for
    everybody but the operator, who has the whole file.
    """
    return audit.search(actor, _for_eyes_of(actor, filters), before=before, after=after, limit=limit)


def export_log(actor: Actor, filters: Filters, *, form: str) -> Iterator[str]:
    """Return the text of all entries that the actor may read and that fit, piece by piece; see `audit.export`."""
    return audit.export(actor, _for_eyes_of(actor, filters), form=form, names=usernames())


def _for_eyes_of(actor: Actor, filters: Filters) -> Filters:
    if actor.is_trusted_operator:
        return filters
    query = sa.select(Room.id).where(Room.kind != RoomKind.PUBLIC)
    return replace(filters, without=frozenset(f"room:{room_id}" for room_id in db.session.scalars(query)))
