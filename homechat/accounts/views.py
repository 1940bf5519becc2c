"""One's own account: pages. More of them are in sign_in_views.py, two_factor_views.py and passkey_views.py."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from flask import Blueprint, jsonify, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat import pages
from homechat.accounts import actions, api_tokens, devices, passkeys, recovery, sessions, two_factor
from homechat.accounts.device_names import device_name
from homechat.accounts.models import COLOR_COUNT, LoginSession
from homechat.accounts.passkey_answers import Question
from homechat.doors.forms import errors_of, form_number, form_text
from homechat.doors.people import current_actor, forget_session, remember_challenge, remember_session
from homechat.errors import HomeChatError, Invalid, NotFound, Unavailable
from homechat.locales import LOCALES, timezones
from homechat.offload import in_native_thread
from homechat.security.common_passwords import shortlist

blueprint = Blueprint("accounts", __name__)

Page = str | Response | tuple[str, int]


@dataclass(frozen=True)
class Device:
    """One line of the list of devices."""

    id: int
    name: str
    kind: str
    given_name: str
    address: str
    last_seen_at: datetime
    is_current: bool
    is_new: bool
    device_id: int | None


class NewDevice(NamedTuple):
    """A browser or an app of which its person has not said that it is theirs."""

    device_id: int | None
    name: str


@blueprint.app_context_processor
def _news_for_every_page() -> dict[str, Any]:
    return {"new_devices": _new_devices}


@blueprint.app_context_processor
def _help_with_passwords() -> dict[str, Any]:
    return {"common_passwords_url": lambda: url_for("accounts.common_passwords", version=shortlist().version)}


@blueprint.post("/sign-out")
def sign_out() -> Page:
    with suppress(Unavailable):  # Even where nothing can be stored: this browser forgets who was here.
        sessions.sign_out(current_actor())
    session.clear()
    return forget_session(redirect(url_for("accounts.sign_in")))


@blueprint.get("/common-passwords/<version>.txt")
def common_passwords(version: str) -> Response:
    is_current = version == shortlist().version
    return pages.reply_with(
        _packed_shortlist(),
        media_type=pages.TYPES[".txt"],
        cache_control=pages.FOR_EVER if is_current else "no-cache",
    )


@blueprint.get("/me")
def me() -> Page:
    return me_page(saved=request.args.get("saved", ""))


@blueprint.post("/me/profile")
def update_profile() -> Page:
    try:
        actions.update_profile(
            current_actor(),
            display_name=form_text("display_name"),
            color=form_number("color", default=-1),
            locale=form_text("locale"),
            timezone=form_text("timezone"),
            theme=form_text("theme"),
        )
    except HomeChatError as error:
        return me_page(errors=errors_of(error), form=request.form.to_dict()), error.status
    return redirect(url_for("accounts.me", saved="profile"))


@blueprint.post("/me/password")
def change_password() -> Page:
    try:
        token = actions.change_password(
            current_actor(), current=form_text("current_password"), new=form_text("password")
        )
    except HomeChatError as error:
        return me_page(errors=errors_of(error)), error.status
    return remember_session(redirect(url_for("accounts.me", saved="password")), token, current_user.person)


@blueprint.post("/me/devices/<int:session_id>/revoke")
def revoke_device(session_id: int) -> Page:
    sessions.revoke_device(current_actor(), session_id)
    return redirect(url_for("accounts.me", saved="device"))


@blueprint.post("/me/devices/revoke-others")
def revoke_other_devices() -> Page:
    sessions.revoke_others(current_actor())
    return redirect(url_for("accounts.me", saved="device"))


@blueprint.post("/me/devices/<int:session_id>/name")
def rename_device(session_id: int) -> Page:
    try:
        devices.rename_device(current_actor(), session_id, form_text("device_name"))
    except Invalid as error:
        return me_page(errors=errors_of(error)), error.status
    return redirect(url_for("accounts.me", saved="device"))


@blueprint.post("/me/devices/<int:device_id>/accept")
def accept_device(device_id: int) -> Page:
    devices.accept_device(current_actor(), device_id)
    return redirect(url_for("accounts.me", saved="device"))


@blueprint.get("/reset/<token>")
def reset(token: str) -> Page:
    return _reset_page(token)


@blueprint.post("/reset/<token>")
def reset_now(token: str) -> Page:
    try:
        recovery.use_reset_link(current_actor(), token, form_text("password"))
    except NotFound:
        raise
    except HomeChatError as error:
        return _reset_page(token, errors=errors_of(error)), error.status
    return redirect(url_for("accounts.sign_in", done="reset"))


def _reset_page(token: str, *, errors: dict[str, str] | None = None) -> str:
    link = recovery.reset_link(token)
    return render_template(
        "accounts/reset.html",
        whose=link.user,
        clears=link.clears_two_factor,
        passkeys=len(passkeys.passkeys_of(link.user_id)),
        errors=errors or {},
    )


@cache
def _packed_shortlist() -> pages.Packed:
    return in_native_thread(pages.packed, shortlist().words)


def asked(question: Question) -> Response:
    """Return what a script of ours puts to a passkey, and to the browser the challenge that belongs to it."""
    return remember_challenge(jsonify(ok=True, options=question.options), question.secret)


def me_page(
    *, errors: dict[str, str] | None = None, form: dict[str, Any] | None = None, saved: str = ""
) -> str:
    """Return the page about oneself, with what is wrong in it."""
    person = current_user.person
    known = {
        "display_name": person.display_name,
        "color": person.color,
        "locale": person.locale or "",
        "timezone": person.timezone or "",
        "theme": person.theme,
    }
    return render_template(
        "accounts/me.html",
        two_factor=two_factor.state_of(person),
        passkeys=passkeys.passkeys_of(person.id),
        devices=[_device(row) for row in sessions.devices_of(person.id)],
        apps=api_tokens.apps_of(current_actor()),
        new_apps=devices.new_apps(current_actor()),
        timezones=timezones(),
        locales=list(LOCALES.items()),
        colors=range(COLOR_COUNT),
        form={**known, **(form or {})},
        errors=errors or {},
        saved=saved,
    )


def _new_devices() -> list[NewDevice]:
    actor = current_actor()
    browsers = [NewDevice(row.device_id, _device(row).name) for row in devices.new_devices(actor)]
    return browsers + [NewDevice(app.device_id, app.name) for app in devices.new_apps(actor)]


def _device(row: LoginSession) -> Device:
    return Device(
        id=row.id,
        name=(row.device.name if row.device else "") or device_name(row.user_agent),
        kind=device_name(row.user_agent),
        given_name=row.device.name if row.device else "",
        address=row.address,
        last_seen_at=row.last_seen_at,
        is_current=row.id == current_user.session.id,
        is_new=row.device is not None
        and row.device.accepted_at is None
        and devices.may_answer_for(row.device, current_actor()),
        device_id=row.device_id,
    )
