"""One's own passkeys: pages, and what the browser asks for while it makes or uses one."""

from __future__ import annotations

from flask import redirect, url_for

from homechat.accounts import passkeys, proof
from homechat.accounts.views import Page, asked, blueprint, me_page
from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import challenge_secret, current_actor, forget_challenge
from homechat.errors import Conflict, Invalid


@blueprint.post("/me/passkeys/options")
def passkey_to_make() -> Page:
    return asked(passkeys.registration(current_actor()))


@blueprint.post("/me/passkeys")
def add_passkey() -> Page:
    try:
        passkeys.register(current_actor(), challenge_secret(), form_text("passkey"))
    except (Invalid, Conflict) as error:
        return me_page(errors=errors_of(error)), error.status
    return forget_challenge(redirect(url_for("accounts.me", saved="passkey")))


@blueprint.post("/me/passkeys/<int:passkey_id>/name")
def rename_passkey(passkey_id: int) -> Page:
    try:
        passkeys.rename(current_actor(), passkey_id, form_text("passkey_name"))
    except Invalid as error:
        return me_page(errors=errors_of(error)), error.status
    return redirect(url_for("accounts.me", saved="passkey"))


@blueprint.post("/me/passkeys/<int:passkey_id>/remove")
def remove_passkey(passkey_id: int) -> Page:
    passkeys.remove(current_actor(), passkey_id)
    return redirect(url_for("accounts.me", saved="passkey"))


@blueprint.post("/confirm/passkey/options")
def passkey_to_confirm() -> Page:
    return asked(proof.ask_for_passkey(current_actor()))
