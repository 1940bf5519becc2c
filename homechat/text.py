"""Short texts that people type: names, room names, notes."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn"})
# A name must not turn the direction of the text around it.
_BIDI_CONTROLS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str) -> str:
    """Return `text` in NFC on one line: single spaces, no controls, nothing that turns the direction of writing."""
    kept = (
        character if character not in _BIDI_CONTROLS else ""
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or unicodedata.category(character) not in _UNSEEN
    )
    return " ".join("".join(kept).split())
