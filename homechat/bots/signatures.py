"""Signatures of calls in both directions: HMAC-SHA256 over the exact bytes of the body, as `sha256=<hex>`. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

HEADERS = ("X-Hub-Signature-256", "X-Signature-256", "X-HomeChat-Signature")
"""Where a call to us may carry its signature."""


def signature_of(secret: str, body: bytes) -> str:
    """Return what whoever knows `secret` writes beside `body`: "sha256=" and 64 lower-case hex digits."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def are_right(signatures: Sequence[str], secret: str, body: bytes) -> bool:
    """Whether there is a signature, and each of `signatures` is that of `body`; in constant time."""
    expected = signature_of(secret, body).encode()
    right = [hmac.compare_digest(given.encode("utf-8", "replace"), expected) for given in signatures]
    return bool(right) and all(right)
