"""Refusals of actions, in the words of those who send to the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from homechat.errors import HomeChatError


@contextmanager
def fields_as_sent(*, text: str = "message") -> Iterator[None]:
    """Have refusals name the fields as programs know them. text: what they call what is said."""
    try:
        yield
    except HomeChatError as error:
        names = {"body": text, "label": "sender", "reply_to_id": "reply_to"}
        error.fields = {names.get(field, field): why for field, why in error.fields.items()}
        raise
