"""Secrets of links and cookies: made at random, shown once, and stored as digests only."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return a new secret of 256 bits, fit for a link or a cookie: 43 characters of A-Z, a-z, 0-9, - and _."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return what is stored of a random secret of 128 bits or more: its SHA-256 in hex.

    A slow hash buys nothing for a random secret and would cost its time at every request.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
