"""Looking whether the log is whole, and when somebody who runs the house did so last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homechat.actor import Actor
from homechat.audit.chain import Break, record, verify
from homechat.audit.finding import entries, require_reader
from homechat.audit.models import Action


@dataclass(frozen=True)
class Check:
    """When somebody looked, and whether all was as it had been written."""

    at: datetime
    is_whole: bool


def check(actor: Actor) -> Break | None:
    """Return the first break of the chain, or None; that somebody looked, and what they found, is written down.

    Raises NotFound for everybody but admins and the operator.
    """
    require_reader(actor)
    broken = verify()
    record(actor, Action.AUDIT_CHECKED, detail={"whole": broken is None})
    return broken


def last_check() -> Check | None:
    """Return when somebody looked last, or None when nobody has within what is kept."""
    newest = next(iter(entries(action=Action.AUDIT_CHECKED, limit=1)), None)
    if newest is None or not newest.detail:  # What was found goes with the person who is erased.
        return None
    return Check(newest.at, is_whole=bool(newest.detail.get("whole")))
