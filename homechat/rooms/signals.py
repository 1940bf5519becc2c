"""What rooms tell the features above them, which they must not import; sent inside the transaction."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

room_entered = _signals.signal("room-entered")
"""Sent with `room` and `user_id`: this person is in the room from now on."""
