"""What messages tell the features above them, which they must not import; sent inside the transaction."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

message_sent = _signals.signal("message-sent")
"""Sent with `message_id`, `room_id`, `author` (a card), `body` and `labelled_by` (the id of the token with which a
program sent it under a label, or None): this was stored just now. Each message waits for whoever listens, so that must
be quick."""

card_answered = _signals.signal("card-answered")
"""Sent with `message_id`, `author_id`, `token_id` (of the program that asked) and `answer`: somebody tapped a button of
this message just now."""
