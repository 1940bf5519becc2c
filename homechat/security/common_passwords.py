"""The words that come first in every guessing attack: leaked passwords, words and names, kept offline."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from homechat.offload import in_native_thread

WORD_CHARACTERS_MIN = 3


def is_common(word: str) -> bool:
    """Return whether `word`, in small letters, is on the list (94,000 entries that come with zxcvbn)."""
    return len(word) >= WORD_CHARACTERS_MIN and "," not in word and f",{word}," in _list()


@cache
def _list() -> str:
    return in_native_thread(_read_list)


def _read_list() -> str:
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
    words = (word for words in module.FREQUENCY_LISTS.values() for word in words)
    return f",{','.join(word for word in words if len(word) >= WORD_CHARACTERS_MIN)},"
