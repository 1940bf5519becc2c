"""What an emoji is: messages of nothing but a few are shown large, and one is a reaction."""

from __future__ import annotations

import re

EMOJI_MAX = 8
EMOJI_CHARACTERS_MAX = 16
EMOJI_UNITS_MAX = 2 * EMOJI_CHARACTERS_MAX
"""The same as browsers count what is typed into a field: in UTF-16, where most emoji are two."""
USUAL = ("\U0001f44d", "\u2764\ufe0f", "\U0001f602", "\U0001f62e", "\U0001f622", "\U0001f389")
"""What people react with most: thumbs up, heart, tears of joy, open mouth, crying, party."""
COMMON = (
    *("\U0001f44f", "\U0001f64f", "\U0001f64c", "\U0001f4aa", "\U0001f44c", "\U0001f44b", "\U0001f91d"),
    *("\U0001f60a", "\U0001f601", "\U0001f923", "\U0001f609", "\U0001f60d", "\U0001f970", "\U0001f618"),
    *("\U0001f917", "\U0001f914", "\U0001f60e", "\U0001f634", "\U0001f631", "\U0001f62d", "\U0001f621"),
    *("\U0001f4af", "\U0001f525", "\u2728", "\U0001f339", "\U0001f382", "\u2705", "\u274c"),
)
"""Others to choose from, in rows of seven: hands, glad faces, other faces, things."""
_CHARACTERS_MAX = 256

# Shown as pictures by themselves. Below U+10000: the characters with Emoji_Presentation=Yes (UTS #51), and
# the heart, which some keyboards send without its selector. Above: whole blocks, so that the emoji of next
# year count too.
_PICTURE = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be"
    "\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2764\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f21a\U0001f22f\U0001f232-\U0001f236"
    "\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7f0\U0001f900-\U0001f9ff\U0001fa70-\U0001faff"
)
# Ordinary signs, which become pictures through U+FE0F, a skin tone or a joiner behind them.
_SIGN = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u23ed-\u23ef\u23f1\u23f2\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb\u25fc\u2600-\u2775\u2794-\u27bf\u2934\u2935\u2b05-\u2b07\u3030\u303d"
    "\u3297\u3299\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f202\U0001f237"
)
_SKIN_TONE = "[\U0001f3fb-\U0001f3ff]"
_TAGS = "[\U000e0020-\U000e007e]+\U000e007f"  # the flags of England, Scotland and Wales
_DRESS = f"\ufe0f?{_SKIN_TONE}?\ufe0f?(?:{_TAGS})?"
_SEQUENCE = (
    f"(?:[{_PICTURE}]|[{_SIGN}](?=\ufe0f|\u200d|{_SKIN_TONE})){_DRESS}(?:\u200d[{_PICTURE}{_SIGN}]{_DRESS})*"
)
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_ONE = f"(?:{_SEQUENCE}|{_FLAG}|{_KEYCAP})"
_FLAG_OF_A_REGION = "\U0001f3f4"
_ONLY_ONE = re.compile(_ONE)
_FEW = re.compile(rf"\s*{_ONE}(?:\s*{_ONE}){{0,{EMOJI_MAX - 1}}}\s*")


def is_emoji_only(body: str) -> bool:
    """Return whether `body` is 1 to 8 emoji and, white space apart, nothing else. A digit is no emoji."""
    return len(body) <= _CHARACTERS_MAX and _FEW.fullmatch(body) is not None


def is_one_emoji(text: str) -> bool:
    """Return whether `text` is exactly one emoji as people see it: with its skin tone, or several that are joined."""
    if len(text) > EMOJI_CHARACTERS_MAX or _ONLY_ONE.fullmatch(text) is None:
        return False
    # Tags are invisible letters: in a flag they name the region, anywhere else they would carry words.
    return text.startswith(_FLAG_OF_A_REGION) or not re.search(_TAGS, text)


def same_emoji(one: str, other: str) -> bool:
    """Return whether two emoji look the same; some keyboards leave out the sign that asks for the picture."""
    return one.replace("\ufe0f", "") == other.replace("\ufe0f", "")


def with_picture(emoji: str) -> str:
    """Return the emoji with the sign that asks for its picture, where a lone character would be shown as text."""
    return emoji + "\ufe0f" if emoji == "\u2764" else emoji
