"""What the house forgets by itself, when its time has come."""

from __future__ import annotations

from datetime import timedelta

from homechat import audit, clock, settings
from homechat.actor import Actor

# Then it is done once a day, whichever process looks first, and no process has to remember when it did.
OVERDUE = timedelta(days=1)


def prune_audit_log(actor: Actor) -> int:
    """Delete the entries of the audit log that are older than the house keeps them; return how many.

    Raises Conflict where the log is broken.
    """
    return audit.prune(actor, older_than=clock.now() - _kept())


def prune_audit_log_if_overdue() -> int:
    """The same for the house itself, once the oldest entry is a day over its time; return how many went."""
    oldest = audit.oldest_at()
    if oldest is None or oldest > clock.now() - _kept() - OVERDUE:
        return 0
    return prune_audit_log(Actor.system())


def _kept() -> timedelta:
    return timedelta(days=settings.value_of(settings.AUDIT_DAYS))
