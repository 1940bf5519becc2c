"""The words that come first in every guessing attack: leaked passwords, words and names, kept offline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path

from homechat.offload import in_native_thread

WORD_CHARACTERS_MIN = 3
# What fits into 60 kB on its way to a browser: so many of the leaked passwords, so many of each list of words.
SHORTLIST_PASSWORDS = 10_000
SHORTLIST_WORDS = 2_000


@dataclass(frozen=True)
class Shortlist:
    """The first of the first, for browsers to tell people while they type.

    words: in small letters, sorted, one a line.  version: of 16 characters, another one for other words.
    """

    words: bytes
    version: str


def is_common(word: str) -> bool:
    """Return whether `word`, in small letters, is on the list (94,000 entries that come with zxcvbn)."""
    return len(word) >= WORD_CHARACTERS_MIN and "," not in word and f",{word}," in _list()


def shortlist() -> Shortlist:
    """Return the entries that browsers get. Whatever is on it, `is_common` knows too."""
    return _lists()[1]


def _list() -> str:
    return _lists()[0]


@cache
def _lists() -> tuple[str, Shortlist]:
    return in_native_thread(_read_lists)


def _read_lists() -> tuple[str, Shortlist]:
    # One string of 0.8 MB, searched in a millisecond; a set of the same words would hold 8 MB for good. All
    # lists, because each word is only in the one where it ranks highest: "elizabeth" is a name there, and no
    # password. The file is read by itself, as importing the package builds tables that we never use.
    package = find_spec("zxcvbn")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("zxcvbn is not installed; it brings the list of common passwords")
    file = Path(package.submodule_search_locations[0]) / "frequency_lists.py"
    spec = spec_from_file_location("homechat_common_passwords", file)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"the list of common passwords is not at {file}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    lists: dict[str, list[str]] = module.FREQUENCY_LISTS
    words = (word for words in lists.values() for word in words)
    return f",{','.join(word for word in words if len(word) >= WORD_CHARACTERS_MIN)},", _shortened(lists)


def _shortened(lists: dict[str, list[str]]) -> Shortlist:
    chosen: set[str] = set()
    for name, words in lists.items():
        chosen.update(islice(words, SHORTLIST_PASSWORDS if name == "passwords" else SHORTLIST_WORDS))
    kept = (word for word in chosen if len(word) >= WORD_CHARACTERS_MIN and "," not in word)
    # Sorted, because neighbours that begin alike compress to half.
    text = "\n".join(sorted(kept)).encode()
    return Shortlist(words=text, version=hashlib.sha256(text).hexdigest()[:16])
