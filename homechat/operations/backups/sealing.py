"""Encrypted streams of any length: no piece can be changed, moved, left out or added without its being noticed.

AES-256-GCM in segments of 1 MiB, put together as in STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated
Encryption and its Nonce-Reuse Misuse-Resistance", 2015): the nonce of each holds its number and whether it is the last.
Each stream has a key of its own, derived (HKDF-SHA256) from the given one and a random salt, so that no two streams can
meet in a nonce. The header is authenticated along with each segment.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"HomeChat backup 1\n"
SEGMENT_BYTES = 1_048_576
KEY_BYTES = 32
_SALT_BYTES, _PREFIX_BYTES, _ID_BYTES, _TAG_BYTES = 32, 7, 8, 16
_SEGMENTS_MAX = 2**32
HEADER_BYTES = len(MAGIC) + _ID_BYTES + _SALT_BYTES + _PREFIX_BYTES


class NotOurs(Exception):
    """This is no stream of ours, or one of a version that is not known here."""


class Damaged(Exception):
    """Something in it is not as it was written, or its end is missing."""


class NoKeyFits(Exception):
    """It was encrypted under a key that is not among those given."""


@dataclass(frozen=True)
class _Header:
    """What stands before the segments: by which key, and what its own key and nonces are made of."""

    key_id: bytes
    salt: bytes
    prefix: bytes

    def as_bytes(self) -> bytes:
        return MAGIC + self.key_id + self.salt + self.prefix

    def cipher(self, key: bytes) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=self.salt, info=b"homechat backup stream")
        return AESGCM(derived.derive(key))

    def nonce(self, number: int, *, is_last: bool) -> bytes:
        return self.prefix + number.to_bytes(4, "big") + bytes([is_last])


def key_id(key: bytes) -> bytes:
    """Return by what a stream says under which key it is, and nothing else about that."""
    return hashlib.sha256(b"homechat backup key\0" + key).digest()[:_ID_BYTES]


class Sealer:
    """Writes a stream to `target`; it is whole after `close()`, and worth nothing without.

    key: 32 random bytes.
    """

    def __init__(self, target: IO[bytes], key: bytes) -> None:
        header = _Header(key_id(key), os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES))
        self._target, self._header, self._cipher = target, header, header.cipher(key)
        self._waiting = bytearray()
        self._number = 0
        target.write(header.as_bytes())

    def write(self, data: bytes) -> int:
        """Take some more. The last full segment waits, for it may turn out to be the last of all."""
        self._waiting += data
        while len(self._waiting) > SEGMENT_BYTES:
            self._put(bytes(self._waiting[:SEGMENT_BYTES]), is_last=False)
            del self._waiting[:SEGMENT_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the end. Does not close `target`."""
        self._put(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _put(self, segment: bytes, *, is_last: bool) -> None:
        if self._number >= _SEGMENTS_MAX:
            raise OverflowError("a stream ends at 4 PiB")
        nonce = self._header.nonce(self._number, is_last=is_last)
        self._target.write(self._cipher.encrypt(nonce, segment, self._header.as_bytes()))
        self._number += 1


class Opener:
    """Reads a stream from `source`; no byte is given out that was not found to be as it was written.

    keys: any of which may be the one. Raises NotOurs, NoKeyFits.
    """

    def __init__(self, source: IO[bytes], keys: list[bytes]) -> None:
        self._source = source
        self._header = _read_header(source)
        key = next((key for key in keys if key_id(key) == self._header.key_id), None)
        if key is None:
            raise NoKeyFits
        self._cipher = self._header.cipher(key)
        self._ahead = source.read(SEGMENT_BYTES + _TAG_BYTES)
        self._ready = memoryview(b"")
        self._number = 0
        self._is_over = False

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that is left for -1; fewer at the end only. Raises Damaged."""
        pieces = []
        while size != 0:
            if not self._ready and not self._next():
                break
            piece = self._ready if size < 0 else self._ready[:size]
            self._ready = self._ready[len(piece) :]
            pieces.append(bytes(piece))
            size -= len(piece) if size > 0 else 0
        return b"".join(pieces)

    def drain(self) -> None:
        """Read what is left, so that a cut-off end does not pass unseen. Raises Damaged."""
        while self.read(SEGMENT_BYTES):
            pass

    def _next(self) -> bool:
        if self._is_over:
            return False
        segment, self._ahead = self._ahead, self._source.read(SEGMENT_BYTES + _TAG_BYTES)
        self._is_over = not self._ahead
        nonce = self._header.nonce(self._number, is_last=self._is_over)
        try:
            plain = self._cipher.decrypt(nonce, segment, self._header.as_bytes())
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"segment {self._number}") from error
        self._number += 1
        self._ready = memoryview(plain)
        return bool(plain) or not self._is_over


def _read_header(source: IO[bytes]) -> _Header:
    raw = source.read(HEADER_BYTES)
    if len(raw) != HEADER_BYTES or not raw.startswith(MAGIC):
        raise NotOurs
    rest = raw[len(MAGIC) :]
    key_part, salt = rest[:_ID_BYTES], rest[_ID_BYTES : _ID_BYTES + _SALT_BYTES]
    return _Header(key_part, salt, rest[_ID_BYTES + _SALT_BYTES :])
