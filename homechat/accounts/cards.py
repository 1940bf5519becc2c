"""A person as others see them: the same few fields in templates, events and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homechat import clock
from homechat.accounts.models import User
from homechat.realtime import presence


@dataclass(frozen=True)
class PersonCard:
    """What everyone who may know of a person may see of them."""

    id: int
    username: str
    display_name: str
    initials: str
    color: int
    role: str
    is_online: bool = False
    last_seen_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the card as events and JSON carry it."""
        return {
            "id": self.id,
            "username": self.username,
            "display_name": self.display_name,
            "initials": self.initials,
            "color": self.color,
            "online": self.is_online,
            "last_seen_at": clock.as_iso(self.last_seen_at) if self.last_seen_at else None,
        }


def card_of(user: User, *, is_online: bool = False) -> PersonCard:
    """Return the card of `user`; the caller knows whether they are online, or does not care."""
    return PersonCard(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        initials=user.initials,
        color=user.color,
        role=user.role,
        is_online=is_online,
        last_seen_at=user.last_seen_at,
    )


def cards_of(users: Iterable[User]) -> list[PersonCard]:
    """Return the cards of `users` in their order, with who is online right now."""
    people = list(users)
    online = presence.online_among([person.id for person in people])
    return [card_of(person, is_online=person.id in online) for person in people]
