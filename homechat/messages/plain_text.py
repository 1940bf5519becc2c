"""What a message's text is before any markup: cleaned, blank or not, cut without breaking a character."""

from __future__ import annotations

import re
import unicodedata

from flask_babel import gettext as _

from homechat.errors import Invalid

# UAX #15, section 13 (Stream-Safe Text Format): no language stacks more marks than this on one letter.
# Longer stacks paint over the lines around them, and sorting them is quadratic in `unicodedata.normalize`.
_MARKS_IN_A_ROW_MAX = 30
_BIDI_DEPTH_MAX = 60

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_POP_EMBEDDING, _POP_ISOLATE = "\u202c", "\u2069"
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BIDI_CLOSER = {
    **dict.fromkeys("\u202a\u202b\u202d\u202e", _POP_EMBEDDING),
    **dict.fromkeys("\u2066\u2067\u2068", _POP_ISOLATE),
}

# Letters and marks that show nothing: Hangul fillers, the empty Braille cell, joiners, variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))


def clean_body(body: str) -> str:
    """Return `body` as it is stored: NFC, lines ended by \\n, no trailing white space, nothing harmful.

    Control characters other than \\n and \\t go. Direction marks that were left open are closed and stray
    closing ones removed, so that a message cannot turn around the text beside it. Idempotent. May return "".
    Raises Invalid if `body` holds half of a character (a lone surrogate), which no database can store.
    """
    if _SURROGATE.search(body):
        raise Invalid(_("That message holds a broken character. Please type it again."))
    body = _CONTROL.sub("", _LINE_END.sub("\n", body))
    if not body.isascii():
        # Twice, because NFC can take one mark apart into two (U+0344).
        body = _without_towers(unicodedata.normalize("NFC", _without_towers(body)))
    body, closers = _balanced(body)
    return body.rstrip() + closers


def is_blank(body: str) -> bool:
    """Return whether a reader would see nothing: only spaces, joiners, direction marks, fillers."""
    return all(
        character in _INVISIBLE or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs")
        for character in body
    )


def shortened(text: str, limit: int) -> str:
    """Return `text` in at most `limit` code points, the last an ellipsis where something was left out.

    Never cuts inside a letter with its marks, an emoji sequence or a flag. Marks that close a change of
    direction come on top of `limit`.
    """
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and belongs_together(text, end):
        end -= 1
    kept, closers = _balanced(text[: end or limit - 1].rstrip() + "…")
    return kept + closers


def _without_towers(body: str) -> str:
    """Drop what exceeds _MARKS_IN_A_ROW_MAX marks on one letter."""
    kept: list[str] = []
    marks = 0
    for character in body:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MARKS_IN_A_ROW_MAX:
            kept.append(character)
    return "".join(kept)


def _balanced(text: str) -> tuple[str, str]:
    """Return `text` without stray closing direction marks, and the closing marks it still lacks (UAX #9)."""
    open_marks: list[str] = []

    def keep(found: re.Match[str]) -> str:
        mark = found.group()
        if mark in _BIDI_CLOSER:
            if len(open_marks) >= _BIDI_DEPTH_MAX:
                return ""
            open_marks.append(_BIDI_CLOSER[mark])
            return mark
        if mark == _POP_EMBEDDING:
            # Cannot reach past an open isolate (rule X7).
            if not open_marks or open_marks[-1] != _POP_EMBEDDING:
                return ""
            open_marks.pop()
            return mark
        if _POP_ISOLATE not in open_marks:
            return ""
        # Ends the embeddings opened inside the isolate as well (rule X6a).
        while open_marks.pop() != _POP_ISOLATE:
            pass
        return mark

    text = _BIDI.sub(keep, text)
    return text, "".join(reversed(open_marks))


_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA_CLASS = 9


def belongs_together(text: str, at: int) -> bool:
    """Return whether a cut before `text[at]` would split what a reader takes for one character (UAX #29)."""
    before, after = text[at - 1], text[at]
    if _is_flag_letter(before) and _is_flag_letter(after):
        start = at
        while start > 0 and _is_flag_letter(text[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    return (
        before == _ZERO_WIDTH_JOINER
        or unicodedata.combining(before) == _VIRAMA_CLASS
        or after in "\u200c\u200d"
        or unicodedata.category(after) in ("Mn", "Mc", "Me")
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
