"""How safe the house is, in numbers: who can come in and by what, and what failed."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from homechat import clock, lockdown
from homechat.actor import Actor
from homechat.operations.alerts import alerts
from homechat.operations.overview import Overview, overview


@dataclass(frozen=True)
class SecurityNumbers:
    """What the panel shows at a glance, and beside it how many lockdowns are in force and how many alerts there are."""

    overview: Overview
    lockdowns: int
    alerts: int


def security_numbers(actor: Actor) -> SecurityNumbers:
    """Return how safe the house is. Raises NotFound for everybody but admins and the operator."""
    return SecurityNumbers(
        overview=overview(actor, zone=ZoneInfo("UTC")),
        lockdowns=len(lockdown.in_force(clock.now())),
        alerts=len(alerts(actor)),
    )
