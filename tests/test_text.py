"""Names: what people see is what is stored."""

from __future__ import annotations

import pytest

from homechat.text import CHARACTERS_READ, is_number, one_line


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("e\u0301", "é"),
        ("ho\u200bme", "home"),
        ("Ada\u200b", "Ada"),
        ("\u3164\u3164", ""),
        ("\u202eevil", "evil"),
        ("a\u200db", "ab"),
        ("👩\u200d🚀 crew", "👩\u200d🚀 crew"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\x00b\x1b[31m", "ab[31m"),
    ],
)
def test_a_name_keeps_what_can_be_seen(typed: str, kept: str) -> None:
    assert one_line(typed) == kept


def test_of_a_huge_text_only_the_beginning_is_read() -> None:
    assert len(one_line("a" + "\u0301" * 500_000)) <= CHARACTERS_READ


@pytest.mark.parametrize("text", ["0", "7", "0" * 18, "9" * 18])
def test_what_is_written_in_digits_is_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", " 7", "x", "٧", "²", "9" * 19])
def test_nothing_else_is_one_nor_what_no_database_holds(text: str) -> None:
    assert not is_number(text)
