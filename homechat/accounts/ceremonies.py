"""The two ceremonies of WebAuthn, making a passkey and using it: what browsers are asked, and whether they are right.

The library and what it brings along take 0.1 s and 5 MB to load. So it is loaded for the first passkey and not before,
in a native thread as all checking: one at a time, because two such threads must not wait for each other's import.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from flask_babel import gettext as _

from homechat.config import Settings
from homechat.errors import Forbidden
from homechat.offload import Bounded

ANSWER_CHARACTERS_MAX = 20_000
CREDENTIAL_ID_BYTES_MAX = 1023  # WebAuthn level 3, section 4.
TIMEOUT_MILLISECONDS = 300_000
# Ed25519, ECDSA on P-256, RSA with PKCS #1: what the library checks, as numbers of COSE.
ALGORITHMS = (-8, -7, -257)

Options = dict[str, Any]
_one_at_a_time = Bounded(1)


class WrongAnswer(Exception):
    """What the browser sent is not what it was asked for."""


@dataclass(frozen=True)
class Place:
    """Where the passkeys of a house work. host: what they are bound to.  origins: of pages that may ask for them."""

    host: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Credential:
    """One passkey as the browser is told of it. transports: how it can be reached, in the words of WebAuthn."""

    id: bytes
    transports: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewPasskey:
    """What a browser made. public_key: COSE."""

    credential: Credential
    public_key: bytes
    sign_count: int


def passkey_host(settings: Settings) -> str:
    """Return the host that passkeys of this house are bound to; "" where browsers refuse them: without HTTPS."""
    return (urlsplit(settings.public_url).hostname or "") if settings.is_secure_context else ""


def place_of(settings: Settings) -> Place:
    """Return where passkeys of this house work. Raises Forbidden where they do not."""
    host = passkey_host(settings)
    if not host:
        raise Forbidden(_("Passkeys need a house that is reached by https."))
    return Place(host, (settings.origin, *settings.allowed_origins))


def options_to_make(
    place: Place,
    to_sign: bytes,
    *,
    handle: bytes,
    name: str,
    display_name: str,
    house_name: str,
    known: list[Credential],
) -> Options:
    """Return what `navigator.credentials.create` takes, with bytes as base64url.

    handle: by which authenticators know the person; 64 bytes at most, and nothing that tells who it is.
    known: passkeys that they have; the same authenticator makes no second one.
    """
    return {
        "rp": {"id": place.host, "name": house_name},
        "user": {"id": as_base64url(handle), "name": name, "displayName": display_name},
        "challenge": as_base64url(to_sign),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": _descriptors(known),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def options_to_use(
    place: Place, to_sign: bytes, *, needs_verification: bool, known: list[Credential]
) -> Options:
    """Return what `navigator.credentials.get` takes, with bytes as base64url.

    needs_verification: whether the authenticator has to see finger, face or PIN.
    known: the passkeys that will do; none: any of this house, and the authenticator says whose it is.
    """
    return {
        "rpId": place.host,
        "challenge": as_base64url(to_sign),
        "timeout": TIMEOUT_MILLISECONDS,
        "allowCredentials": _descriptors(known),
        "userVerification": "required" if needs_verification else "preferred",
    }


def check_made(place: Place, to_sign: bytes, answer: str) -> NewPasskey:
    """Return the passkey that a browser made, as `toJSON()` gives it. Raises WrongAnswer. Not within a transaction."""
    return _one_at_a_time(_made, place, to_sign, _understood(answer))


def check_used(
    place: Place, to_sign: bytes, answer: str, *, public_key: bytes, needs_verification: bool
) -> int:
    """Return the authenticator's count if it signed `to_sign` with the key. Raises WrongAnswer.

    Whether the count is later than the last one is for the caller to say. Not within a transaction.
    """
    return _one_at_a_time(_used, place, to_sign, _understood(answer), public_key, needs_verification)


def credential_id_in(answer: str) -> bytes:
    """Return which passkey an answer says it is from. Raises WrongAnswer."""
    raw_id = _understood(answer).get("rawId")
    if not isinstance(raw_id, str):
        raise WrongAnswer
    try:
        return base64.urlsafe_b64decode(f"{raw_id}===")
    except ValueError as error:
        raise WrongAnswer from error


def as_base64url(raw: bytes) -> str:
    """Return bytes as WebAuthn writes them in JSON: base64url without its filling."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _descriptors(known: list[Credential]) -> list[Options]:
    return [
        {"type": "public-key", "id": as_base64url(each.id), "transports": list(each.transports)}
        for each in known
    ]


def _understood(answer: str) -> dict[str, Any]:
    try:
        understood = json.loads(answer) if len(answer) <= ANSWER_CHARACTERS_MAX else None
    except (ValueError, RecursionError) as error:
        raise WrongAnswer from error
    if not isinstance(understood, dict):
        raise WrongAnswer
    return understood


def _made(place: Place, to_sign: bytes, answer: dict[str, Any]) -> NewPasskey:
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=to_sign,
            expected_rp_id=place.host,
            expected_origin=list(place.origins),
            require_user_verification=True,
        )
    except (WebAuthnException, *_NONSENSE) as error:
        raise WrongAnswer from error
    if len(made.credential_id) > CREDENTIAL_ID_BYTES_MAX:
        raise WrongAnswer
    transports = answer["response"].get("transports")
    words = transports if isinstance(transports, list) else []
    credential = Credential(made.credential_id, tuple(word for word in words if word in _TRANSPORTS))
    return NewPasskey(credential, made.credential_public_key, made.sign_count)


def _used(
    place: Place, to_sign: bytes, answer: dict[str, Any], public_key: bytes, needs_verification: bool
) -> int:
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        used = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=to_sign,
            expected_rp_id=place.host,
            expected_origin=list(place.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=needs_verification,
        )
    except (WebAuthnException, *_NONSENSE) as error:
        raise WrongAnswer from error
    return used.new_sign_count


# What the library lets through from parsing what makes no sense.
_NONSENSE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    OverflowError,
    UnsupportedAlgorithm,
)
_TRANSPORTS = ("usb", "nfc", "ble", "internal", "hybrid", "cable", "smart-card")
