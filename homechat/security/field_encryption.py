"""Secrets that have to be read again, such as those of 2FA: encrypted in the database under a key of their own.

AES-128 in CBC mode with HMAC-SHA256 (Fernet, from `cryptography`). The first key encrypts, each of them decrypts. They
come from the setting `encryption_key`, or else from a file in the data folder that is looked at again when it changed:
the operator may put a new key there while the server runs.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from homechat import data_folder
from homechat.config import Settings


class Unreadable(RuntimeError):
    """None of the keys opens what is stored: it was sealed under a key that is gone."""


def seal(secret: str) -> str:
    """Return `secret` encrypted under the newest key, as ASCII text for a column."""
    return _box().fernet().encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """Return what `seal` was given. Raises Unreadable when no key of ours fits."""
    try:
        return _box().fernet().decrypt(sealed.encode("ascii")).decode()
    except InvalidToken as error:
        raise Unreadable("a secret in the database was encrypted under a key that is not here") from error


def reseal(sealed: str) -> str:
    """Return `sealed` under the newest key. Raises Unreadable."""
    return seal(unseal(sealed))


@dataclass
class Box:
    """The keys of one house, read again when their file changes."""

    settings: Settings
    _changed_at: int = -1
    _fernet: MultiFernet | None = field(default=None, repr=False)

    def fernet(self) -> MultiFernet:
        """Return the keys in the order of their use. Raises Unreadable when there is none."""
        given = self.settings.encryption_key.split()
        if given:
            return self._fernet or self._made(given)
        file = data_folder.encryption_key_file(self.settings.data_dir)
        try:
            changed_at = file.stat().st_mtime_ns
            if self._fernet is None or changed_at != self._changed_at:
                self._made(file.read_text(encoding="ascii").split())
                self._changed_at = changed_at
        except (OSError, ValueError) as error:
            raise Unreadable(f"the encryption key {file} cannot be read; restore it from a backup") from error
        if self._fernet is None:
            raise Unreadable(f"the encryption key {file} is empty; restore it from a backup")
        return self._fernet

    def _made(self, keys: list[str]) -> MultiFernet:
        self._fernet = MultiFernet([Fernet(_as_fernet_key(key)) for key in keys])
        return self._fernet


def _as_fernet_key(key: str) -> bytes:
    """Keys are random text of 32 characters or more: a plain hash spreads them over what Fernet wants."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"homechat field encryption\0" + key.encode()).digest())


def _box() -> Box:
    box: Box = current_app.extensions["homechat_field_encryption"]
    return box
