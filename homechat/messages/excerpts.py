"""A few words of a message around what was looked for, to be shown with it lit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homechat.messages.plain_text import belongs_together
from homechat.messages.search_key import KEY_CHARACTERS_MAX, search_key
from homechat.messages.search_query import Phrase, hits, says_any

CHARACTERS_MAX = 180
CHARACTERS_BEFORE = 50
STRETCH_CHARACTERS = 400
OVERLAP_CHARACTERS = 150
"""What stands across the ends of two stretches is whole in one of them."""
WORD_CHARACTERS_MAX = 64
MARKS_MAX = 32  # More are on no letter, see `clean_body`.


@dataclass(frozen=True)
class Piece:
    """A stretch of text. is_hit: it is what was looked for."""

    text: str
    is_hit: bool = False


def excerpt(text: str, phrases: list[Phrase]) -> list[Piece]:
    """Return the words around the first of `phrases` in `text`, on one line of at most 180 characters, hits apart.

    text: plain, in NFC. It is never cut inside of what a reader takes for one character, and between words where
    that is possible; an ellipsis stands for what was left out. Its beginning, where none of the phrases is in it.
    However long and strange the text, no more than 700 characters of it are looked at one by one.
    """
    line = " ".join(text.split())
    offset = _stretch_with_a_hit(line, phrases)
    near = line[offset : _after_word(line, offset + STRETCH_CHARACTERS) + CHARACTERS_MAX]
    found = hits(near, phrases)
    first = _whole(near, *found[0]) if found else (0, 0)
    start = _begin(near, first[0])
    end = _end(near, start, first[1])
    pieces = [Piece("…")] if offset + start else []
    pieces += _lit(near[start:end], [(hit_start - start, hit_end - start) for hit_start, hit_end in found])
    pieces.append(Piece("…" if offset + end < len(line) else ""))
    return [piece for piece in pieces if piece.text]


def _stretch_with_a_hit(line: str, phrases: list[Phrase]) -> int:
    """Return where the first stretch begins that has any of `phrases` in it; 0 where none has."""
    letters = 0
    for start, end in _stretches(line):
        key = search_key(line[start:end])
        if says_any(key, phrases):
            return start
        letters += len(key)
        if letters > 2 * KEY_CHARACTERS_MAX:  # Nobody finds it by what comes later.
            break
    return 0


def _stretches(line: str) -> Iterator[tuple[int, int]]:
    """Yield stretches of `line` that overlap. They begin and end between words, where words have an end."""
    start = 0
    while start < len(line):
        end = start + STRETCH_CHARACTERS
        yield start, _after_word(line, end)
        blank = line.rfind(" ", start + OVERLAP_CHARACTERS, end - OVERLAP_CHARACTERS)
        start = (
            blank + 1
            if blank >= 0
            else start + _between_characters(line[start : end - OVERLAP_CHARACTERS + 1])
        )


def _between_characters(stretch: str) -> int:
    """Return a place near the end of `stretch` that is inside of nothing which a reader takes for one character."""
    end = max(1, len(stretch) - 1)
    for at in range(min(end, len(stretch) - 1), max(1, end - MARKS_MAX), -1):
        if not belongs_together(stretch, at):
            return at
    return end


def _after_word(line: str, at: int) -> int:
    blank = line.find(" ", at, at + WORD_CHARACTERS_MAX)
    return blank if blank >= 0 else at


def _lit(shown: str, found: list[tuple[int, int]]) -> list[Piece]:
    """Return all of `shown` in pieces. found: where the hits are, in order; what is outside of it does not count."""
    pieces: list[Piece] = []
    at = 0
    for hit_start, hit_end in found:
        if hit_start >= len(shown):
            break
        hit_start, hit_end = _whole(shown, max(0, hit_start), min(hit_end, len(shown)))
        pieces += [
            Piece(shown[at : max(at, hit_start)]),
            Piece(shown[max(at, hit_start) : hit_end], is_hit=True),
        ]
        at = max(at, hit_end)
    return [*pieces, Piece(shown[at:])]


def _whole(line: str, start: int, end: int) -> tuple[int, int]:
    """Return the place of a hit with all that belongs to its first and last character."""
    while start > 0 and belongs_together(line, start):
        start -= 1
    while end < len(line) and belongs_together(line, end):
        end += 1
    return start, end


def _begin(line: str, hit_start: int) -> int:
    start = max(0, hit_start - CHARACTERS_BEFORE)
    if not start:
        return 0
    blank = line.find(" ", start, hit_start)
    if blank >= 0:
        return blank + 1
    while start < hit_start and belongs_together(line, start):
        start += 1
    return start


def _end(line: str, start: int, hit_end: int) -> int:
    end = start + CHARACTERS_MAX
    if end >= len(line):
        return len(line)
    blank = line.rfind(" ", hit_end, end + 1)
    if blank >= 0:
        return blank
    while end > start + 1 and belongs_together(line, end):
        end -= 1
    return end
