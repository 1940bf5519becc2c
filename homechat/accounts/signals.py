"""What accounts tell the features above them, which they must not import; sent inside the transaction."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

person_changed = _signals.signal("person-changed")
"""Sent with `user`: their name or colour changed."""

bot_asked_for = _signals.signal("bot-asked-for")
"""Sent with `user_id`, by whoever has to know whether a bot may act; a listener says False for one that is off. Asked
at every use of a bot's token, so that must be quick."""
