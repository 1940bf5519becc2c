"""What every template knows: who is looking, in which language and time zone, and the house's name."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, has_request_context, request
from flask_babel import get_locale
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from homechat import qr, settings
from homechat.accounts.actions import DISPLAY_NAME_MAX_CHARACTERS, USERNAME_CHARACTERS
from homechat.accounts.cards import card_of
from homechat.accounts.ceremonies import passkey_host
from homechat.accounts.devices import DEVICE_NAME_MAX_CHARACTERS
from homechat.accounts.passkeys import PASSKEY_NAME_MAX_CHARACTERS
from homechat.extensions import current_settings
from homechat.household.founding import HOUSE_NAME_CHARACTERS
from homechat.household.invitations import INVITATION_MAX_USES, NOTE_MAX_CHARACTERS
from homechat.locales import LOCALES, direction_of
from homechat.messages.emoji import EMOJI_UNITS_MAX
from homechat.messages.search_query import QUERY_CHARACTERS_MAX
from homechat.realtime.events import CONTRACT_VERSION
from homechat.rooms.models import (
    DESCRIPTION_MAX_CHARACTERS,
    DIRECT_MAX_PEOPLE,
    NAME_MAX_CHARACTERS,
    NAME_MIN_CHARACTERS,
)
from homechat.translations import HouseBabel
from homechat.uploads.actions import FILES_MAX
from homechat.words import words


def init_app(app: Flask, babel: HouseBabel) -> None:
    """Set up languages and the variables of every page."""
    babel.init_app(
        app,
        locale_selector=locale_of_viewer,
        timezone_selector=lambda: timezone_of_viewer() or "UTC",
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


def timezone_of_viewer() -> str | None:
    """Return the IANA name of the time zone of whoever is looking: their own, else the house's, else None.

    None: what their device says, which only scripts know. What the server writes is in UTC then, and says so.
    """
    person = _person() if has_request_context() else None
    return (person.timezone if person is not None else None) or _house(settings.HOUSE_TIMEZONE) or None


def _variables() -> dict[str, Any]:
    person = _person()
    locale = str(get_locale() or "en").replace("_", "-")
    return {
        "person": person,
        "person_card": card_of(person, is_online=True).as_dict() if person is not None else None,
        "house_name": _house(settings.HOUSE_NAME),
        "locale": locale,
        "timezone": timezone_of_viewer() or "",
        "house_timezone": _house(settings.HOUSE_TIMEZONE),
        "direction": direction_of(locale),
        "passkey_host": passkey_host(current_settings()),
        "contract_version": CONTRACT_VERSION,
        "words": words,
        "qr_svg": qr.svg,
        "form_limits": _form_limits(),
    }


def _form_limits() -> dict[str, int]:
    """Return how long, or how many, what people type into forms may be: the numbers that the actions go by."""
    configured = current_settings()
    return {
        "message_max": configured.message_characters,
        "query_max": QUERY_CHARACTERS_MAX,
        "emoji_max": EMOJI_UNITS_MAX,
        "file_max_bytes": configured.upload_bytes,
        "files_max": FILES_MAX,
        "password_min": configured.password_characters_min,
        "password_max": configured.password_characters_max,
        "username_min": USERNAME_CHARACTERS[0],
        "username_max": USERNAME_CHARACTERS[1],
        "display_name_max": DISPLAY_NAME_MAX_CHARACTERS,
        "device_name_max": DEVICE_NAME_MAX_CHARACTERS,
        "passkey_name_max": PASSKEY_NAME_MAX_CHARACTERS,
        "house_name_min": HOUSE_NAME_CHARACTERS[0],
        "house_name_max": HOUSE_NAME_CHARACTERS[1],
        "note_max": NOTE_MAX_CHARACTERS,
        "invitation_uses_max": INVITATION_MAX_USES,
        "room_name_min": NAME_MIN_CHARACTERS,
        "room_name_max": NAME_MAX_CHARACTERS,
        "room_description_max": DESCRIPTION_MAX_CHARACTERS,
        "direct_others_max": DIRECT_MAX_PEOPLE - 1,
    }


def _person() -> Any:
    return current_user.person if current_user and current_user.is_authenticated else None


def _house(setting: settings.Setting[str]) -> str:
    """Return a setting, read once per request."""
    known: dict[str, str] = g.setdefault("house_settings", {})
    if setting.key not in known:
        known[setting.key] = settings.value_of(setting)
    return known[setting.key]
