"""Signing in: pages."""

from __future__ import annotations

from flask import redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat import qr
from homechat.accounts import sign_in as signing
from homechat.accounts import two_factor
from homechat.accounts.proof_models import Purpose
from homechat.accounts.views import Page, asked, blueprint
from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import challenge_secret, current_actor, remember_challenge, remember_session
from homechat.doors.replies import safe_path
from homechat.errors import HomeChatError, LockedDown, Unauthenticated, Waiting

NEXT_STEPS = {Purpose.SECOND_STEP: "accounts.second_step", Purpose.ENROLMENT: "accounts.enrol"}


@blueprint.get("/sign-in")
def sign_in() -> Page:
    if current_user.is_authenticated:
        return redirect(url_for("messages.index"))
    return render_template("accounts/sign_in.html", form={}, errors={}, next=_wanted())


@blueprint.post("/sign-in")
def sign_in_now() -> Page:
    try:
        how_far = signing.sign_in(
            current_actor(), username=form_text("username"), password=form_text("password")
        )
    except Waiting as error:
        return render_template("accounts/waiting.html", sentence=error.message), error.status
    except LockedDown:
        raise
    except HomeChatError as error:
        form = {"username": request.form.get("username", "")}
        page = render_template("accounts/sign_in.html", form=form, errors=errors_of(error), next=_wanted())
        return page, error.status
    if isinstance(how_far, signing.HalfWay):
        next_step = redirect(url_for(NEXT_STEPS[how_far.purpose], next=_wanted() or None))
        return remember_challenge(next_step, how_far.secret)
    return _come_in(how_far, redirect(_wanted() or url_for("messages.index")))


@blueprint.post("/sign-in/passkey/options")
def passkey_to_sign_in() -> Page:
    return asked(signing.ask_for_passkey(current_actor()))


@blueprint.post("/sign-in/passkey")
def sign_in_with_passkey() -> Page:
    try:
        admitted = signing.sign_in_with_passkey(current_actor(), challenge_secret(), form_text("passkey"))
    except Waiting as error:
        return render_template("accounts/waiting.html", sentence=error.message), error.status
    except LockedDown:
        raise
    except HomeChatError as error:
        page = render_template("accounts/sign_in.html", form={}, errors=errors_of(error), next=_wanted())
        return page, error.status
    return _come_in(admitted, redirect(_wanted() or url_for("messages.index")))


@blueprint.get("/sign-in/code")
def second_step() -> Page:
    if not challenge_secret():
        return redirect(url_for("accounts.sign_in"))
    return _second_step_page()


@blueprint.post("/sign-in/code")
def second_step_now() -> Page:
    try:
        admitted = signing.second_step(current_actor(), challenge_secret(), form_text("code"))
    except LockedDown:
        raise
    except HomeChatError as error:
        return _second_step_page(errors_of(error)), error.status
    return _come_in(admitted, redirect(_wanted() or url_for("messages.index")))


@blueprint.post("/sign-in/code/passkey/options")
def passkey_to_answer() -> Page:
    return asked(signing.ask_for_second_passkey(current_actor(), challenge_secret()))


@blueprint.post("/sign-in/code/passkey")
def answer_with_passkey() -> Page:
    try:
        admitted = signing.second_step_with_passkey(current_actor(), challenge_secret(), form_text("passkey"))
    except LockedDown:
        raise
    except HomeChatError as error:
        return _second_step_page(errors_of(error)), error.status
    return _come_in(admitted, redirect(_wanted() or url_for("messages.index")))


@blueprint.get("/sign-in/set-up")
def enrol() -> Page:
    try:
        return _enrol_page()
    except Unauthenticated:
        return redirect(url_for("accounts.sign_in"))


@blueprint.post("/sign-in/set-up")
def enrol_now() -> Page:
    try:
        admitted = signing.enrol(
            current_actor(), challenge_secret(), form_text("code"), sealed=form_text("setup")
        )
    except Unauthenticated:
        return redirect(url_for("accounts.sign_in"))
    except LockedDown:
        raise
    except HomeChatError as error:
        return _enrol_page(errors_of(error)), error.status
    return _come_in_with_codes(admitted)


@blueprint.post("/sign-in/set-up/passkey/options")
def passkey_to_enrol() -> Page:
    return asked(signing.ask_to_make_passkey(current_actor(), challenge_secret()))


@blueprint.post("/sign-in/set-up/passkey")
def enrol_with_passkey() -> Page:
    try:
        admitted = signing.enrol_with_passkey(current_actor(), challenge_secret(), form_text("passkey"))
    except Unauthenticated:
        return redirect(url_for("accounts.sign_in"))
    except LockedDown:
        raise
    except HomeChatError as error:
        return _enrol_page(errors_of(error)), error.status
    return _come_in_with_codes(admitted)


def _second_step_page(errors: dict[str, str] | None = None) -> str:
    ways = signing.ways_on(challenge_secret())
    return render_template("accounts/second_step.html", ways=ways, errors=errors or {}, next=_wanted())


def _enrol_page(errors: dict[str, str] | None = None) -> str:
    user = signing.whose_enrolment(challenge_secret())
    setup = two_factor.setup_for(user, request.form.get("setup", ""))
    return render_template(
        "accounts/enrol.html",
        setup=setup,
        qr_code=qr.svg(setup.address, label=_("QR code for your authenticator app")),
        errors=errors or {},
        next=_wanted(),
    )


def _come_in_with_codes(admitted: signing.Admitted) -> Response:
    page = render_template(
        "accounts/recovery_codes.html",
        codes=admitted.codes,
        onward=_wanted() or url_for("messages.index"),
    )
    return _come_in(admitted, Response(page, mimetype="text/html"))


def _come_in(admitted: signing.Admitted, response: Response) -> Response:
    session.clear()  # A new form token for the new person.
    return remember_session(response, admitted.secret, admitted.user)


def _wanted() -> str:
    """Return where to go after signing in, if it is a path of this house; an address elsewhere is ignored."""
    return safe_path(request.values.get("next", ""))
