"""How API tokens are spelled, `hc_<prefix>_<secret>`: the row is found by the prefix, and the secret proves it."""

from __future__ import annotations

import re
import secrets
import string

PREFIX_CHARACTERS = 8
_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_SPELLING = re.compile(rf"hc_([{_PREFIX_ALPHABET}]{{{PREFIX_CHARACTERS}}})_([A-Za-z0-9_-]{{43}})")


def new_prefix() -> str:
    """Return a prefix at random; another token may have it."""
    return "".join(secrets.choice(_PREFIX_ALPHABET) for _place in range(PREFIX_CHARACTERS))


def spelled(prefix: str, secret: str) -> str:
    """Return the token as its owner gets it."""
    return f"hc_{prefix}_{secret}"


def read(text: str) -> tuple[str, str] | None:
    """Return prefix and secret of what is spelled like a token, else None."""
    found = _SPELLING.fullmatch(text)
    return (found[1], found[2]) if found else None
