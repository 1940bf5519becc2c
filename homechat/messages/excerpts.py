"""A few words of a message around what was looked for, to be shown with it lit."""

from __future__ import annotations

from dataclasses import dataclass

from homechat.messages.plain_text import belongs_together
from homechat.messages.search_query import Phrase, hits

CHARACTERS_MAX = 180
CHARACTERS_BEFORE = 50


@dataclass(frozen=True)
class Piece:
    """A stretch of text. is_hit: it is what was looked for."""

    text: str
    is_hit: bool = False


def excerpt(text: str, phrases: list[Phrase]) -> list[Piece]:
    """Return the words around the first of `phrases` in `text`, on one line of at most 180 characters, hits apart.

    text: plain, in NFC. It is never cut inside of what a reader takes for one character, and between words where
    that is possible; an ellipsis stands for what was left out. Its beginning, where none of the phrases is in it.
    """
    line = " ".join(text.split())
    lit = [_whole(line, *hit) for hit in hits(line, phrases)]
    first = lit[0] if lit else (0, 0)
    start = _begin(line, first[0])
    end = _end(line, start, first[1])
    pieces = [Piece("…")] if start else []
    at = start
    for hit_start, hit_end in lit:
        if hit_start >= end:
            break
        hit_start, hit_end = max(at, hit_start), min(hit_end, end)
        pieces += [Piece(line[at:hit_start]), Piece(line[hit_start:hit_end], is_hit=True)]
        at = hit_end
    pieces += [Piece(line[at:end]), Piece("…" if end < len(line) else "")]
    return [piece for piece in pieces if piece.text]


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
