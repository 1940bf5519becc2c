"""People as the API shows them."""

from __future__ import annotations

from homechat import clock
from homechat.accounts.cards import PersonCard
from homechat.api.endpoints import Json


def person_as_json(card: PersonCard) -> Json:
    """Return what clients of the API know a person by."""
    return {
        "id": card.id,
        "username": card.username,
        "display_name": card.display_name,
        "is_online": card.is_online,
        "status": "online" if card.is_online else "offline",
        "last_seen_at": clock.as_iso(card.last_seen_at) if card.last_seen_at else None,
        "avatar_url": None,
        "avatar_initials": card.initials,
        "avatar_color_index": card.color,
    }
