"""The languages HomeChat speaks, which one somebody hears, and the time zones there are."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

LOCALES: dict[str, str] = {"en": "English", "de": "Deutsch"}
"""Code → the language's own name for itself. English is in the code; the others are in homechat/translations."""

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


@cache
def timezones() -> tuple[str, ...]:
    """Return the names of all time zones, sorted. The first time takes 60 ms: it goes through the system's files."""
    return tuple(sorted(available_timezones()))


def direction_of(locale: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if locale.split("_")[0].split("-")[0] in RIGHT_TO_LEFT else "ltr"
