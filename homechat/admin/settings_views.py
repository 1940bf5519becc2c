"""The settings of the household."""

from __future__ import annotations

from flask import redirect, request, url_for

from homechat import settings as household
from homechat.admin.panel import Page, blueprint, page
from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import current_actor
from homechat.errors import HomeChatError
from homechat.household.house_settings import change_settings, settings_shown
from homechat.locales import LOCALES, timezones


@blueprint.get("/settings")
def settings() -> Page:
    return _settings_page()


@blueprint.post("/settings")
def save_settings() -> Page:
    wanted = {each.key: _typed(each.key) for each in household.PUBLIC_SETTINGS if each.key in request.form}
    try:
        change_settings(current_actor(), wanted)
    except HomeChatError as error:
        return _settings_page(typed=wanted, errors=errors_of(error)), error.status
    return redirect(url_for("admin.settings", done="saved"))


def _settings_page(*, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> str:
    present = {setting.key: value for setting, value in settings_shown()}
    return page(
        "settings",
        form={**present, **(typed or {})},
        errors=errors,
        locales=list(LOCALES.items()),
        timezones=timezones(),
        audit_days=household.AUDIT_DAYS,
    )


def _typed(key: str) -> str:
    """Return what was typed. A box that is not ticked sends nothing, so an "off" stands before it in the form."""
    form_text(key)  # Raises Invalid for what cannot be stored.
    return request.form.getlist(key)[-1].strip()
