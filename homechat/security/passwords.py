"""Passwords: which ones will do, how they are kept, and whether one is right."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

from homechat.errors import Invalid
from homechat.offload import Bounded
from homechat.security.common_passwords import is_common

HASHES_AT_ONCE_MAX = 2
NEAR_NAME_CHARACTERS_MIN = 3
DISTINCT_CHARACTERS_MIN = 4

# OWASP's recommendation for Argon2id where memory is scarce: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Waits here, before a native thread is taken: 20 sign-ins at once need 38 MiB and not 380. That the C library gives
# those back afterwards, whichever thread had them, is seen to by serving/lifecycle.py.
calmly = Bounded(HASHES_AT_ONCE_MAX)
# Of random bytes that nobody kept. Names that do not exist must cost as much as those that do.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$abGyjF0MsJfaByfy+i+X0w$hJ0S+fpAuINp591Nl0ACJQeMTNRK8k+ZiYOc9c/XTWo"
# Longer input is no password of ours and must not reach NFC, which is quadratic for long runs of marks.
_CHARACTERS_READ_MAX = 4_096

_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LOOKALIKES = (str.maketrans("01345789@$!|", "oieastbgasii"), str.maketrans("01345789@$!|", "oleastbgasll"))


def hash_password(password: str) -> str:
    """Return the Argon2id hash to store, with its salt and parameters. Slow by design, off the event loop."""
    return calmly(_hasher.hash, _as_bytes(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Return whether `password` is the one behind `stored`.

    stored: from `hash_password`; None when there is no such person, which takes as long and is never right.
    """
    is_readable = len(password) <= _CHARACTERS_READ_MAX
    try:
        calmly(_hasher.verify, stored or _NOBODY, _as_bytes(password if is_readable else ""))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and is_readable


def needs_rehash(stored: str) -> bool:
    """Return whether `stored` was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def check_password_rules(
    password: str, *, username: str, house_name: str, at_least: int = 8, at_most: int = 128
) -> None:
    """Raise Invalid, saying what to do instead, if `password` is among the first that somebody would guess.

    at_least, at_most: code points after NFC. There are no rules about kinds of characters (NIST SP 800-63B).
    """
    if len(password) > _CHARACTERS_READ_MAX or len(_nfc(password)) > at_most:
        raise Invalid(_("Use at most %(number)d characters.", number=at_most))
    password = _nfc(password)
    if len(password) < at_least:
        raise Invalid(
            _(
                "Use at least %(number)d characters. A few words in a row are easy to remember.",
                number=at_least,
            )
        )
    if _is_a_pattern(password.casefold()):
        raise Invalid(_("That password is a simple pattern. Use a few words in a row instead."))
    if _is_near_a_name(password.casefold(), username=username, house_name=house_name):
        raise Invalid(
            _("That password is too close to a name that others know. Use a few words in a row instead.")
        )
    if _is_common_with_trimmings(password.casefold()):
        raise Invalid(
            _("That password is one of the first that others would try. Use a few words in a row instead.")
        )


def _as_bytes(password: str) -> bytes:
    return _nfc(password).encode("utf-8", "surrogatepass")


def _nfc(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _is_a_pattern(password: str) -> bool:
    """Few different characters, one short piece over and over, or a run such as abcdefgh or 87654321."""
    steps = {ord(after) - ord(before) for before, after in pairwise(password)}
    return len(set(password)) < DISTINCT_CHARACTERS_MIN or steps in ({1}, {-1}) or len(_unit(password)) < 4


def _unit(text: str) -> str:
    """The piece that `text` consists of: "abc" for "abcabc"; `text` itself where nothing repeats."""
    return text[: (text + text).find(text, 1)]


def _is_near_a_name(password: str, *, username: str, house_name: str) -> bool:
    """A name others know with next to nothing around it: digits only, or up to three letters and digits."""
    squeezed = {_squeezed(spelling) for spelling in _spellings(password)}
    names = {username, house_name, "homechat", *(word for word in house_name.split() if len(word) > 3)}
    for name in (_squeezed(name.casefold()) for name in names):
        for text in squeezed:
            rest = text.replace(name, "") if len(name) >= NEAR_NAME_CHARACTERS_MIN else text
            if rest != text and (len(rest) < 4 or rest.isdigit()):
                return True
    return False


def _is_common_with_trimmings(password: str) -> bool:
    """A common word: as such, with digits and signs around it, with lookalikes (p4ssw0rd!), or repeated."""
    return any(is_common(word) or is_common(_unit(word)) for word in _spellings(password))


def _spellings(password: str) -> set[str]:
    bare = _EDGES.sub("", password)
    return {password, bare} | {
        _EDGES.sub("", text.translate(table)) for text in (password, bare) for table in _LOOKALIKES
    }


def _squeezed(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
