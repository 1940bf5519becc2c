"""Codes of authenticator apps (TOTP, RFC 6238): pure functions."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp

STEP_SECONDS = 30
SECRET_CHARACTERS = 32  # Of base32: 160 bits, as RFC 4226 recommends.


def new_secret() -> str:
    """Return a random secret of 160 bits in base32."""
    return pyotp.random_base32(SECRET_CHARACTERS)


def address_for_app(secret: str, *, username: str, house_name: str) -> str:
    """Return the `otpauth://` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=house_name)


def matching_step(secret: str, code: str, *, at: datetime, drift_steps: int = 1) -> int | None:
    """Return the time step that `code` proves, or None if it proves none.

    secret: base32.  code: six digits, blanks ignored.  drift_steps: how many steps either side of now are taken, for
    clocks that differ (RFC 6238, section 5.2). The caller stores the step, and takes only later ones from then on.
    """
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    now = int(at.timestamp()) // STEP_SECONDS
    steps = range(now - drift_steps, now + drift_steps + 1)
    # All are compared, so that the time taken does not tell which one it was.
    matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), digits)]
    return matching[-1] if matching else None


def spelled(secret: str) -> str:
    """Return the secret as people type it: in groups of four."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
