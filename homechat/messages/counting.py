"""How much is written in the house: numbers, never where or by whom."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from homechat.database import db
from homechat.messages.models import Message


def messages_since(moment: datetime) -> int:
    """Return how many messages were written from `moment` on, wherever that was, private rooms included."""
    return db.session.scalar(sa.select(sa.func.count(Message.id)).where(Message.created_at >= moment)) or 0


def messages_ever() -> int:
    """Return how many messages were ever written, by the number of the newest one: that is read at once.

    On PostgreSQL, numbers of what was not stored after all are left out, so there are a few fewer messages than that.
    """
    return db.session.scalar(sa.select(sa.func.max(Message.id))) or 0
