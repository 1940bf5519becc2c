"""What is the same to whoever looks for it: one folding, of what was said and of what is asked.

Case and marks go ("MÜLLER" is "muller"), and so does what shows nothing. Where a script puts no spaces between words,
and in Korean, which puts many words into one, each character is a word of its own: a part is found when its characters
stand in a row. An emoji is a word, too. What is folded is never shown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

KEY_CHARACTERS_MAX = 20_000
"""10,000 characters of Chinese, each a word. What writing falls into when it is folded, ﷺ for one, is cut off there."""
WORD_CHARACTERS_MAX = 64

# Marks that people leave out when they type: of Latin, Greek, Cyrillic, Hebrew and Arabic letters; and what only says
# how an emoji looks. In other scripts they are as good as letters: は is not ば, and ปู not ปี.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u08d3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff]"
)
# Thai and Lao, Myanmar, Hangul, Khmer, Chinese and Japanese.
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\u1780-\u17ff"
    "\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3040-\u31ff\u3400-\u9fff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
)
# Letters of which Unicode says nothing, though people type the one for the other.
_SPELLINGS = {
    **dict(zip("ıøłđðħŧ", "iolddht", strict=True)),
    **dict(zip("\u0649\u06cc\u06a9\u0629", "\u064a\u064a\u0643\u0647", strict=True)),  # ى ی ک ة
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "\u0640": "",  # The last only makes an Arabic word longer.
}
_KNOWN_MAX = 20_000


class Place(NamedTuple):
    """A word of a key, and where it stands in the text: from `start` to before `end`."""

    word: str
    start: int
    end: int


def search_key(text: str) -> str:
    """Return the words of `text` as they are looked for: folded, in their order, one space between two.

    Nothing but letters, digits, marks and emoji is in them. text: cleaned, as `clean_body` does, or short.
    """
    words = unicodedata.normalize("NFC", text).translate(_folds).split()
    return " ".join(word[:WORD_CHARACTERS_MAX] for word in words)[:KEY_CHARACTERS_MAX]


def places(text: str) -> list[Place]:
    """Return the words of the key of `text`, which is in NFC, with where each stands in it."""
    found: list[Place] = []
    letters, start, end = "", 0, 0
    for at, character in enumerate(text):
        for letter in _folds[ord(character)]:
            if letter != " ":
                start = start if letters else at
                letters, end = letters + letter, at + 1
            elif letters:
                found.append(Place(letters[:WORD_CHARACTERS_MAX], start, end))
                letters = ""
    if letters:
        found.append(Place(letters[:WORD_CHARACTERS_MAX], start, end))
    return found


def stands_alone(word: str) -> bool:
    """Whether a word of a key is one character that says something by itself: 猫, 개, 🦦."""
    return len(word) == 1 and (_ALONE.match(word) is not None or unicodedata.category(word) == "So")


class _Folds(dict[int, str]):
    """What becomes of a character: letters, nothing, or a space where a word ends. Found out when first asked."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if len(self) < _KNOWN_MAX:
            self[code] = folded
        return folded


_folds = _Folds()


def _folded(character: str) -> str:
    # Apart before case and after: ﬁ has none, and what İ becomes has a mark.
    letters = _apart(_apart(character).casefold())
    kept = "".join(_SPELLINGS.get(letter, letter) for letter in letters if not _MARKS.match(letter))
    return "".join(map(_placed, unicodedata.normalize("NFC", kept)))


def _apart(letters: str) -> str:
    return unicodedata.normalize("NFKD", letters)


def _placed(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category[0] in "LMN":
        return f" {letter} " if _ALONE.match(letter) else letter
    if category == "So":
        return f" {letter} "
    return "" if category == "Cf" else " "
