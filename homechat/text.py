"""Short texts that people type: names, room names, notes, numbers; and showing what anybody sent, harmlessly."""

from __future__ import annotations

import unicodedata

CHARACTERS_READ = 1_000

# Controls, format characters (they turn the direction of writing, or hide), and what is no character at all.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
# Inside words of many scripts and inside emoji they change what is shown; elsewhere they only hide.
_JOINERS = frozenset("\u200c\u200d")


def one_line(text: str) -> str:
    """Return `text` in NFC on one line: single spaces, nothing unseen, nothing that turns the direction of writing.

    Of a longer text only the first 1,000 characters are read: every limit is far below, and NFC is quadratic.
    """
    line = unicodedata.normalize("NFC", text[:CHARACTERS_READ])
    kept = "".join(
        character
        for place, character in enumerate(line)
        if character.isspace() or _is_seen(character) or _joins(line, place)
    )
    return " ".join(kept.split())


def escaped(text: str) -> str:
    """Return `text` with whatever is not seen written out (`\\n`, `\\x1b`), so that it stays in its line and column."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def is_number(text: str) -> bool:
    """Whether `text` is a whole number in digits, and small enough for the database."""
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_seen(character: str) -> bool:
    return character not in _FILLERS and unicodedata.category(character) not in _UNSEEN


def _joins(line: str, place: int) -> bool:
    if line[place] not in _JOINERS or not 0 < place < len(line) - 1:
        return False
    return all(
        not neighbour.isascii() and _is_seen(neighbour) for neighbour in (line[place - 1], line[place + 1])
    )
