"""Secrets that the house reads again: all of them under the newest encryption key."""

from __future__ import annotations

from homechat import audit
from homechat.accounts import two_factor
from homechat.actor import Actor
from homechat.bots import actions as bots
from homechat.database import transaction


def reseal_secrets(actor: Actor) -> int:
    """Put every stored secret under the newest encryption key; return how many there were."""
    with transaction():
        count = two_factor.reseal_secrets() + bots.reseal_secrets()
        audit.record(actor, audit.Action.SECRETS_ROTATED, detail={"count": count})
    return count
