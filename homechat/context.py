"""What every template knows: who is looking, in which language and time zone, and the house's name."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, has_request_context, request
from flask_babel import get_locale
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from homechat import settings
from homechat.accounts.cards import card_of
from homechat.locales import LOCALES, direction_of
from homechat.realtime.events import CONTRACT_VERSION
from homechat.translations import HouseBabel
from homechat.words import words


def init_app(app: Flask, babel: HouseBabel) -> None:
    """Set up languages and the variables of every page."""
    babel.init_app(
        app,
        locale_selector=locale_of_viewer,
        timezone_selector=timezone_of_viewer,
    )
    app.context_processor(_variables)


def locale_of_viewer() -> str:
    """Return the language of whoever is looking: their own, else the house's, else what the browser asks for."""
    if not has_request_context():
        return "en"
    try:
        person = _person()
        chosen = (person.locale if person is not None else None) or _house(settings.HOUSE_LOCALE)
    except SQLAlchemyError:  # The sentence that says so must not need the database.
        chosen = None
    return chosen or request.accept_languages.best_match(list(LOCALES)) or "en"


def timezone_of_viewer() -> str:
    """Return the IANA name of the time zone of whoever is looking: their own, else the house's."""
    person = _person() if has_request_context() else None
    return (person.timezone if person is not None else None) or _house(settings.HOUSE_TIMEZONE)


def _variables() -> dict[str, Any]:
    person = _person()
    locale = str(get_locale() or "en").replace("_", "-")
    return {
        "person": person,
        "person_card": card_of(person, is_online=True).as_dict() if person is not None else None,
        "house_name": _house(settings.HOUSE_NAME),
        "locale": locale,
        "timezone": timezone_of_viewer(),
        "direction": direction_of(locale),
        "contract_version": CONTRACT_VERSION,
        "words": words,
    }


def _person() -> Any:
    return current_user.person if current_user and current_user.is_authenticated else None


def _house(setting: settings.Setting[str]) -> str:
    """Return a setting, read once per request."""
    known: dict[str, str] = g.setdefault("house_settings", {})
    if setting.key not in known:
        known[setting.key] = settings.value_of(setting)
    return known[setting.key]
