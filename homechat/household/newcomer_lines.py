"""Those who wait to be let in, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homechat.accounts.cards import PersonCard, card_of
from homechat.actor import Actor
from homechat.household.joining import newcomers
from homechat.household.models import Newcomer


@dataclass(frozen=True)
class NewcomerLine:
    """One line of the list of those who wait to be let in. inviter_name, note: None and "" without an invitation."""

    person: PersonCard
    asked_at: datetime
    inviter_name: str | None
    note: str


def newcomer_lines(actor: Actor) -> list[NewcomerLine]:
    """Return who waits, whoever came first first. Raises Forbidden without the right."""
    return [_line(row) for row in newcomers(actor)]


def _line(row: Newcomer) -> NewcomerLine:
    invitation = row.invitation
    return NewcomerLine(
        person=card_of(row.user),
        asked_at=row.asked_at,
        inviter_name=invitation.created_by.display_name if invitation is not None else None,
        note=invitation.note if invitation is not None else "",
    )
