"""What accounts tell the features above them, which they must not import; sent inside the transaction."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

person_changed = _signals.signal("person-changed")
"""Sent with `user`: their name or colour changed."""
