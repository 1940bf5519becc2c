"""Signing in and out, and one's own account: pages."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat import pages
from homechat.accounts import actions, sessions
from homechat.accounts.devices import device_name
from homechat.accounts.models import COLOR_COUNT, LoginSession
from homechat.doors.forms import errors_of, form_number, form_text
from homechat.doors.people import current_actor, forget_session, remember_session
from homechat.errors import HomeChatError, Unavailable
from homechat.locales import LOCALES
from homechat.offload import in_native_thread
from homechat.security.common_passwords import shortlist

blueprint = Blueprint("accounts", __name__)

Page = str | Response | tuple[str, int]


@dataclass(frozen=True)
class Device:
    """One line of the list of devices."""

    id: int
    name: str
    address: str
    last_seen_at: datetime
    is_current: bool


@blueprint.app_context_processor
def _help_with_passwords() -> dict[str, Any]:
    return {"common_passwords_url": lambda: url_for("accounts.common_passwords", version=shortlist().version)}


@blueprint.get("/sign-in")
def sign_in() -> Page:
    if current_user.is_authenticated:
        return redirect(url_for("messages.index"))
    return render_template("accounts/sign_in.html", form={}, errors={}, next=_safe_next())


@blueprint.post("/sign-in")
def sign_in_now() -> Page:
    try:
        user, token = actions.sign_in(
            current_actor(), username=form_text("username"), password=form_text("password")
        )
    except HomeChatError as error:
        form = {"username": request.form.get("username", "")}
        page = render_template("accounts/sign_in.html", form=form, errors=errors_of(error), next=_safe_next())
        return page, error.status
    session.clear()  # A new form token for the new person.
    return remember_session(redirect(_safe_next() or url_for("messages.index")), token, user)


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
    return _me(saved=request.args.get("saved", ""))


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
        return _me(errors=errors_of(error), form=request.form.to_dict()), error.status
    return redirect(url_for("accounts.me", saved="profile"))


@blueprint.post("/me/password")
def change_password() -> Page:
    try:
        token = actions.change_password(
            current_actor(), current=form_text("current_password"), new=form_text("password")
        )
    except HomeChatError as error:
        return _me(errors=errors_of(error)), error.status
    return remember_session(redirect(url_for("accounts.me", saved="password")), token, current_user.person)


@blueprint.post("/me/devices/<int:device_id>/revoke")
def revoke_device(device_id: int) -> Page:
    sessions.revoke_device(current_actor(), device_id)
    return redirect(url_for("accounts.me", saved="device"))


@cache
def _packed_shortlist() -> pages.Packed:
    return in_native_thread(pages.packed, shortlist().words)


def _me(*, errors: dict[str, str] | None = None, form: dict[str, Any] | None = None, saved: str = "") -> str:
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
        devices=[_device(row) for row in sessions.devices_of(person.id)],
        timezones=sorted(available_timezones()),
        locales=list(LOCALES.items()),
        colors=range(COLOR_COUNT),
        form={**known, **(form or {})},
        errors=errors or {},
        saved=saved,
    )


def _device(row: LoginSession) -> Device:
    return Device(
        id=row.id,
        name=device_name(row.user_agent),
        address=row.address,
        last_seen_at=row.last_seen_at,
        is_current=row.id == current_user.session.id,
    )


def _safe_next() -> str:
    """Return where to go after signing in, if it is a path of this house; an address elsewhere is ignored."""
    wanted = request.values.get("next", "")
    is_path = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if is_path and wanted.isprintable() else ""
