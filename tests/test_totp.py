"""Codes of authenticator apps against the vectors of RFC 6238, and the window of time in which they are taken."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from homechat.accounts import totp

# RFC 6238, appendix B, SHA-1: seconds since 1970 and the last six of its eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
NOON = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.matching_step(SECRET, code, at=at, drift_steps=0) == seconds // 30


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_code_is_taken_one_step_early_or_late_and_no_further(seconds: int, is_taken: bool) -> None:
    code = pyotp.TOTP(SECRET).at(NOON + timedelta(seconds=seconds))
    step = totp.matching_step(SECRET, code, at=NOON)
    assert step == ((int(NOON.timestamp()) + seconds) // 30 if is_taken else None)


@pytest.mark.parametrize("seconds", [-30, 30])
def test_without_drift_only_the_present_code_is_taken(seconds: int) -> None:
    code = pyotp.TOTP(SECRET).at(NOON + timedelta(seconds=seconds))
    assert totp.matching_step(SECRET, code, at=NOON, drift_steps=0) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    code = pyotp.TOTP(SECRET).at(NOON)
    assert totp.matching_step(SECRET, f" {code[:3]} {code[3:]}\n", at=NOON) is not None


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12345\u0660", "-12345", "1e5"]
)
def test_what_is_no_code_proves_nothing(code: str) -> None:
    assert totp.matching_step(SECRET, code, at=NOON) is None


def test_a_new_secret_has_160_bits_and_is_not_the_last_one() -> None:
    first, second = totp.new_secret(), totp.new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20


def test_the_address_for_the_app_names_the_house_and_the_person() -> None:
    address = totp.address_for_app(SECRET, username="ben", house_name="The Otters & Co")
    parsed = pyotp.parse_uri(address)
    assert (parsed.secret, parsed.name, parsed.issuer) == (SECRET, "ben", "The Otters & Co")
    assert address.startswith("otpauth://totp/")


def test_a_secret_is_spelled_in_groups_of_four() -> None:
    assert totp.spelled("ABCDEFGHIJ") == "ABCD EFGH IJ"
