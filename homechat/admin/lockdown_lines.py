"""Lockdowns as pages of the panel show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.accounts.models import User
from homechat.database import db
from homechat.lockdown import InForce, Kind, Lockdown, in_force
from homechat.operations.lockdown import past_lockdowns


@dataclass(frozen=True)
class LockdownLine:
    """One lockdown. starter: "" for the operator.  lifted_at: None when it is in force, or ended by the clock."""

    words: str
    reason: str
    starter: str
    started_at: datetime
    expires_at: datetime
    lifted_at: datetime | None


def lockdown_lines() -> list[LockdownLine]:
    """Return what is in force now, the oldest first."""
    return _lines(in_force(clock.now()))


def past_lockdown_lines() -> list[LockdownLine]:
    """Return the last lockdowns that are over, the newest first."""
    return _lines(past_lockdowns())


def kind_words() -> dict[Kind, str]:
    """Return what each kind closes, in a few words."""
    return {
        Kind.USERS: _("Everybody but those who run it"),
        Kind.TOKENS: _("Programs"),
        Kind.ADMIN_ONLY: _("Everybody, and nobody moves in"),
        Kind.ALL: _("Everything"),
    }


def _lines(rows: Iterable[Lockdown | InForce]) -> list[LockdownLine]:
    found, words = list(rows), kind_words()
    starters = {row.started_by_id for row in found} - {None}
    query = sa.select(User.id, User.display_name).where(User.id.in_(starters))
    names = {user_id: name for user_id, name in db.session.execute(query)}
    return [
        LockdownLine(
            words=words[Kind(row.kind)],
            reason=row.reason,
            starter=names.get(row.started_by_id or 0, ""),
            started_at=row.started_at,
            expires_at=row.expires_at,
            lifted_at=row.lifted_at if isinstance(row, Lockdown) else None,
        )
        for row in found
    ]
