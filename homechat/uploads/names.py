"""Names of files: as people gave them, without what could mislead a reader, a header or a disk."""

from __future__ import annotations

import re
import unicodedata

from homechat.uploads.models import NAME_MAX_CHARACTERS

EXTENSION_MAX_CHARACTERS = 12
NAMELESS = "file"
# Characters that turn the direction of what follows: "exe.gpj" would read as a picture.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNWANTED_CATEGORIES = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
# Windows opens a device under these, whatever stands behind the dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*]')


def clean_name(name: str) -> str:
    """Return `name` fit to be shown, sent in a header and saved anywhere: 1 to 120 characters, no folder in it.

    It says nothing of where the file lies: that goes by the file's own bytes.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(it for it in unicodedata.normalize("NFC", last) if _may_stay(it))
    kept = " ".join(_FORBIDDEN.sub("_", kept).split()).strip(". ")
    if _DEVICES.fullmatch(kept):
        kept = f"_{kept}"
    return _short(kept) or NAMELESS


def extension_of(name: str) -> str:
    """Return what stands behind the last dot, in lower case without the dot, or ""."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def with_extension(name: str, extension: str) -> str:
    """Return `name` ending in `extension` in place of its own."""
    old = extension_of(name)
    stem = name[: -len(old) - 1] if old else name
    return f"{stem[: NAME_MAX_CHARACTERS - len(extension) - 1]}.{extension}"


def _may_stay(character: str) -> bool:
    return character not in _TURNS and unicodedata.category(character) not in _UNWANTED_CATEGORIES


def _short(name: str) -> str:
    if len(name) <= NAME_MAX_CHARACTERS:
        return name
    extension = extension_of(name)
    if not extension or len(extension) > EXTENSION_MAX_CHARACTERS:
        return name[:NAME_MAX_CHARACTERS]
    return with_extension(name, extension)
