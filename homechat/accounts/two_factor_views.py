"""The second step of one's own account, and showing once more who one is: pages."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat import qr
from homechat.accounts import passkey_answers, passkeys, proof, step_up, two_factor
from homechat.accounts.views import Page, blueprint
from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import challenge_secret, current_actor, remember_session
from homechat.doors.replies import safe_path
from homechat.errors import HomeChatError, StepUpNeeded

# Of the page that asks who it is; they are not carried on to where somebody wanted to go.
OWN_FIELDS = ("csrf_token", "current_password", "code", "passkey_proof", "then", "next")


@blueprint.get("/confirm")
def confirm() -> Page:
    return _confirm_page({}, then="", kept=[])


@blueprint.post("/confirm")
def confirm_now() -> Page:
    then = safe_path(request.form.get("then", ""))
    try:
        token = _prove()
    except HomeChatError as error:
        kept = [(name, value) for name, value in request.form.items(multi=True) if name not in OWN_FIELDS]
        return _confirm_page(errors_of(error), then=then, kept=kept), error.status
    # 307 has the browser send the form that was interrupted once more, as it was.
    onward = redirect(then, 307) if then else redirect(_next() or url_for("messages.index"))
    return remember_session(onward, token, current_user.person)


@blueprint.get("/me/two-factor")
def second_factor() -> Page:
    return _page()


@blueprint.post("/me/two-factor")
def turn_on_second_factor() -> Page:
    try:
        codes, token = two_factor.turn_on(current_actor(), form_text("code"), sealed=form_text("setup"))
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _page(errors_of(error)), error.status
    return remember_session(_codes_page(codes), token, current_user.person)


@blueprint.post("/me/two-factor/passkey")
def turn_on_with_passkey() -> Page:
    """With the passkey that the browser has just made, or else with those that are there."""
    response = form_text("passkey")
    try:
        if response:
            codes, token = passkeys.register_as_second_step(current_actor(), challenge_secret(), response)
        else:
            codes, token = passkeys.use_as_second_step(current_actor())
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _page(errors_of(error)), error.status
    return remember_session(_codes_page(codes), token, current_user.person)


@blueprint.post("/me/two-factor/off")
def turn_off_second_factor() -> Page:
    try:
        token = _turn_off()
    except HomeChatError as error:
        return _page(errors_of(error)), error.status
    return remember_session(redirect(url_for("accounts.me", saved="two-factor")), token, current_user.person)


@blueprint.post("/me/two-factor/codes")
def renew_recovery_codes() -> Page:
    return _codes_page(two_factor.renew_codes(current_actor()))


def _prove() -> str:
    response = form_text("passkey_proof")
    if response:
        return proof.prove_with_passkey(current_actor(), challenge_secret(), response)
    return proof.prove(current_actor(), password=form_text("current_password"), code=form_text("code"))


def _turn_off() -> str:
    response = form_text("passkey_proof")
    if response:
        return two_factor.turn_off_with_passkey(current_actor(), challenge_secret(), response)
    return two_factor.turn_off(
        current_actor(), password=form_text("current_password"), code=form_text("code")
    )


def _confirm_page(errors: dict[str, str], *, then: str, kept: list[tuple[str, str]]) -> str:
    return render_template(
        "accounts/confirm.html",
        errors=errors,
        then=then,
        next=_next(),
        kept=kept,
        has_passkeys=passkey_answers.has_passkeys(current_user.person.id),
    )


def _page(errors: dict[str, str] | None = None) -> str:
    state = two_factor.state_of(current_user.person)
    setup = None if state.has_app else two_factor.start(current_actor(), request.form.get("setup", ""))
    return render_template(
        "accounts/two_factor.html",
        state=state,
        setup=setup,
        qr_code=qr.svg(setup.address, label=_("QR code for your authenticator app")) if setup else "",
        errors=errors or {},
        is_fresh=step_up.is_fresh(current_actor()),
    )


def _codes_page(codes: list[str]) -> Response:
    page = render_template("accounts/recovery_codes.html", codes=codes, onward=url_for("accounts.me"))
    return Response(page, mimetype="text/html")


def _next() -> str:
    return safe_path(request.values.get("next", ""))
