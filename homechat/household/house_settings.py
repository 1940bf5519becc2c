"""The settings of the household as every door shows and changes them: by name, as text or as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from homechat import settings
from homechat.actor import Actor
from homechat.database import transaction
from homechat.errors import Forbidden, Invalid, NotFound
from homechat.household.founding import checked_house_name
from homechat.locales import LOCALES, timezones
from homechat.security.outgoing import private_hosts
from homechat.security.policy import HouseRight, may_in_house
from homechat.settings import Setting

YES_AND_NO = {
    "on": True,
    "yes": True,
    "true": True,
    "1": True,
    "off": False,
    "no": False,
    "false": False,
    "0": False,
}


def settings_as_values() -> dict[str, str | bool | int]:
    """Return every setting that people may see by its name, with its present value."""
    return {setting.key: settings.value_of(setting) for setting in settings.PUBLIC_SETTINGS}


def change_settings(actor: Actor, wanted: Mapping[str, str | bool | int]) -> None:
    """Change all of these settings, or none; what is so already is left as it is.

    Raises Invalid naming each that does not do, Forbidden.
    """
    fields: dict[str, str] = {}
    with transaction():
        present = {setting.key: value for setting, value in settings_shown()}
        for key, value in wanted.items():
            try:
                if _as_text(value) != present.get(key):
                    set_from_text(actor, key, _as_text(value))
            except (Invalid, NotFound) as error:
                fields[key] = error.message
        if fields:
            raise Invalid(_("Some of these settings can't be changed like that."), fields=fields)


def settings_shown() -> list[tuple[Setting[Any], str]]:
    """Return every setting that people may see, with its present value as one would type it ("on", "off", "")."""
    return [(setting, _as_text(settings.value_of(setting))) for setting in settings.PUBLIC_SETTINGS]


def set_from_text(actor: Actor, key: str, text: str) -> str:
    """Change the setting `key` to what `text` says, and return the new value as one would type it.

    Raises NotFound where there is no such setting, or it is not for people to change, Invalid for a value that does
    not do, and Forbidden without the right, and for hosts at home where a token asks: it cannot show who it is.
    """
    if not may_in_house(actor, HouseRight.CHANGE_SETTINGS):
        raise Forbidden(_("Only those who run the house may do that."))
    setting = next((each for each in settings.PUBLIC_SETTINGS if each.key == key), None)
    if setting is None:
        raise NotFound(_("There is no setting of this name. docs/settings.md has them all."))
    if setting is settings.WEBHOOK_PRIVATE_HOSTS and actor.token_id is not None:
        raise Forbidden(_("A token can't say where at home bots are called. An admin does so in a browser."))
    value = _value(setting, text.strip())
    settings.change(actor, setting, value)
    return _as_text(value)


def _value(setting: Setting[Any], text: str) -> str | bool | int:
    if isinstance(setting.default, bool):
        if text.lower() not in YES_AND_NO:
            raise Invalid(_("Say on or off."))
        return YES_AND_NO[text.lower()]
    if isinstance(setting.default, int):
        least, most = setting.at_least, setting.at_most
        if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
            raise Invalid(_("Say a number from %(least)d to %(most)d.", least=least, most=most))
        return int(text)
    if setting.choices and text not in setting.choices:
        raise Invalid(_("Choose one of: %(choices)s", choices=", ".join(setting.choices)))
    if setting is settings.HOUSE_LOCALE and text not in ("", *LOCALES):
        raise Invalid(
            _("HomeChat does not speak that language. Choose one of: %(codes)s", codes=", ".join(LOCALES))
        )
    if setting is settings.HOUSE_TIMEZONE and text and text not in timezones():
        raise Invalid(_("There is no such time zone. Write it like Europe/Berlin."))
    if setting is settings.WEBHOOK_PRIVATE_HOSTS:
        return _checked_hosts(text)
    return checked_house_name(text) if setting is settings.HOUSE_NAME else text


def _checked_hosts(text: str) -> str:
    try:
        private_hosts(text)
    except ValueError as error:
        raise Invalid(
            _(
                "This is no host at home: %(entry)s. Write a name, an address such as 192.168.1.20 or a network.",
                entry=str(error)[:100],
            )
        ) from error
    return " ".join(text.replace(",", " ").split())


def _as_text(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
