"""The languages HomeChat speaks, and which one somebody hears."""

from __future__ import annotations

LOCALES: dict[str, str] = {"en": "English", "de": "Deutsch"}
"""Code → the language's own name for itself. English is in the code; the others are in homechat/translations."""

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


def direction_of(locale: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if locale.split("_")[0].split("-")[0] in RIGHT_TO_LEFT else "ltr"
