"""A passkey provider in memory: keys on P-256, answers as a browser sends them, and every way of getting them wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from homechat.accounts import passkeys
from homechat.accounts.proof_models import Passkey
from homechat.actor import Door
from tests.house import House

Json = dict[str, Any]

USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey. Its fields are what it tells, so that a test may have it tell something else.

    count: of its answers so far; it never counts if that is None.
    """

    host: str = "localhost"
    origin: str = "http://localhost"
    is_verified: bool = True
    count: int | None = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: bytes = b""

    def make(self, options: Json) -> str:
        """Return what `navigator.credentials.create` gives for `options`."""
        self.handle = from_base64url(options["user"]["id"])
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor(self._public_key())
        seen = cbor({"fmt": "none", "attStmt": {}, "authData": self._seen(HAS_CREDENTIAL) + credential})
        response = {"attestationObject": base64url(seen), "transports": ["internal", "smoke signals"]}
        return self._answer("webauthn.create", options["challenge"], response)

    def use(self, options: Json) -> str:
        """Return what `navigator.credentials.get` gives for `options`."""
        if self.count is not None:
            self.count += 1
        told = self._client_data("webauthn.get", options["challenge"])
        seen = self._seen()
        signature = self.key.sign(seen + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "authenticatorData": base64url(seen),
            "signature": base64url(signature),
            "userHandle": base64url(self.handle),
        }
        return self._answer("webauthn.get", options["challenge"], response)

    def _answer(self, kind: str, challenge: str, response: Json) -> str:
        told = self._client_data(kind, challenge)
        return json.dumps(
            {
                "id": base64url(self.id),
                "rawId": base64url(self.id),
                "type": "public-key",
                "response": {"clientDataJSON": base64url(told), **response},
            }
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _seen(self, more: int = 0) -> bytes:
        flags = USER_PRESENT | (USER_VERIFIED if self.is_verified else 0) | more
        count = (self.count or 0).to_bytes(4, "big")
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + count

    def _public_key(self) -> dict[int, int | bytes]:
        """As COSE has it: kind EC2, ES256, P-256, and the point."""
        point = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}


def give_passkey(house: House, name: str, **how: Any) -> Authenticator:
    """Add a passkey to the account of `name`, and return it."""
    actor = house.actor(name, Door.API)  # Which is not asked to show once more who it is.
    question = house.act(passkeys.registration, actor)
    made = Authenticator(**how)
    house.act(passkeys.register, actor, question.secret, made.make(question.options))
    return made


def row_of(house: House, authenticator: Authenticator) -> Passkey:
    """Return the house's row of a passkey."""
    with house.rows() as session:
        row: Passkey = session.query(Passkey).filter_by(credential_id=authenticator.id).one()
        return row


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def cbor(value: Any) -> bytes:
    """Return numbers, bytes, texts and dictionaries in CBOR (RFC 8949)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    items = b"".join(cbor(key) + cbor(each) for key, each in value.items())
    return _head(5, len(value)) + items


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    if number < 256:
        return bytes([kind << 5 | 24, number])
    return bytes([kind << 5 | 25]) + number.to_bytes(2, "big")
