"""Keys as people write them down: fourteen groups of four letters and digits, which notice a slip of the pen.

A key is 32 random bytes. Written, it is base32 (RFC 4648) of these and of the first three bytes of their SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

KEY_BYTES = 32
CHECK_BYTES = 3
GROUP_CHARACTERS = 4
# What the alphabet leaves out, because it is taken for these.
_MISREAD = str.maketrans("018", "OIB")


def new_key() -> bytes:
    """Return a random key of 256 bits."""
    return secrets.token_bytes(KEY_BYTES)


def written(key: bytes) -> str:
    """Return `key` as it is written down, such as `ABCD-EFGH-…`."""
    text = base64.b32encode(key + _check(key)).decode("ascii")
    return "-".join(text[at : at + GROUP_CHARACTERS] for at in range(0, len(text), GROUP_CHARACTERS))


def read(text: str) -> bytes:
    """Return the key that somebody typed: in capitals or not, with `-` and blanks wherever they like.

    Raises ValueError where it is none, or has a mistake in it; a mistake passes once in 16 million times.
    """
    letters = "".join(text.upper().replace("-", "").split()).translate(_MISREAD)
    try:
        raw = base64.b32decode(letters)
    except ValueError as error:  # Letters of no alphabet of ours, or too few of them.
        raise ValueError("is no key as HomeChat prints it") from error
    key, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if len(key) != KEY_BYTES or check != _check(key):
        raise ValueError("is not quite the key that HomeChat printed; compare it letter by letter")
    return key


def checked(text: str) -> str:
    """Return a setting that holds one or more written keys, with blanks between. Raises ValueError."""
    for each in text.split():
        read(each)
    return text


def _check(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:CHECK_BYTES]
