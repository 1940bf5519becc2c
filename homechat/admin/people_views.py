"""People: who waits at the door, everyone's account, and what those who run the house do to it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat.accounts.queries import is_last_admin
from homechat.accounts.recovery import RESET_LINK_LIFE, make_reset_link
from homechat.actor import Role
from homechat.admin.log_lines import lines_of
from homechat.admin.panel import Page, blueprint, page
from homechat.audit import Filters
from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import current_actor
from homechat.errors import Invalid
from homechat.extensions import current_settings
from homechat.household import joining
from homechat.household import people as household
from homechat.household.accounts import account, accounts
from homechat.household.log_reading import read_log
from homechat.household.newcomer_lines import newcomer_lines

RECENT = 8
PEOPLES_ROLES = (Role.MEMBER, Role.GUEST, Role.ADMIN)


@dataclass(frozen=True)
class NewLink:
    """A reset link that was made this moment. minutes: for so long it works."""

    url: str
    minutes: int
    clears_two_factor: bool


@blueprint.get("/people")
def people() -> Page:
    actor = current_actor()
    wanted = request.args.get("q", "")
    return page(
        "people", newcomers=newcomer_lines(actor), accounts=accounts(actor, matching=wanted), wanted=wanted
    )


@blueprint.get("/people/<int:user_id>")
def person(user_id: int) -> Page:
    return _person_page(user_id)


@blueprint.post("/people/<int:user_id>/approve")
def approve(user_id: int) -> Page:
    joining.approve(current_actor(), user_id)
    return redirect(url_for("admin.people", done="approved"))


@blueprint.post("/people/<int:user_id>/refuse")
def refuse(user_id: int) -> Page:
    joining.refuse_newcomer(current_actor(), user_id)
    return redirect(url_for("admin.people", done="refused"))


@blueprint.post("/people/<int:user_id>/role")
def change_role(user_id: int) -> Page:
    try:
        household.change_role(current_actor(), user_id, _role())
    except Invalid as error:
        return _person_page(user_id, errors=errors_of(error)), error.status
    return _done(user_id, "role")


@blueprint.post("/people/<int:user_id>/lock")
def lock(user_id: int) -> Page:
    household.lock_person(current_actor(), user_id)
    return _done(user_id, "locked")


@blueprint.post("/people/<int:user_id>/unlock")
def unlock(user_id: int) -> Page:
    household.unlock_person(current_actor(), user_id)
    return _done(user_id, "unlocked")


@blueprint.post("/people/<int:user_id>/sign-out")
def sign_out_everywhere(user_id: int) -> Page:
    household.sign_out_everywhere(current_actor(), user_id)
    return _done(user_id, "signed-out")


@blueprint.post("/people/<int:user_id>/reset-two-factor")
def reset_two_factor(user_id: int) -> Page:
    household.reset_two_factor(current_actor(), user_id)
    return _done(user_id, "second-step")


@blueprint.post("/people/<int:user_id>/reset-link")
def reset_link(user_id: int) -> Page:
    clears = form_text("clears_two_factor") == "on"
    token = make_reset_link(current_actor(), user_id, clears_two_factor=clears)
    url = current_settings().origin + url_for("accounts.reset", token=token)
    return _person_page(user_id, new_link=NewLink(url, RESET_LINK_LIFE.seconds // 60, clears))


def _person_page(
    user_id: int, *, errors: dict[str, str] | None = None, new_link: NewLink | None = None
) -> str:
    actor = current_actor()
    is_oneself = user_id == actor.user_id
    recent = read_log(actor, Filters(about_id=user_id), limit=RECENT)
    return page(
        "person",
        account=account(actor, user_id),
        is_oneself=is_oneself,
        is_last_admin=is_oneself and is_last_admin(current_user.person),
        roles=PEOPLES_ROLES,
        recent=lines_of(recent.entries),
        new_link=new_link,
        errors=errors,
    )


def _done(user_id: int, what: str) -> Response:
    return redirect(url_for("admin.person", user_id=user_id, done=what))


def _role() -> Role:
    try:
        return Role(form_text("role"))
    except ValueError as error:
        raise Invalid.at("role", _("Choose one of the roles.")) from error
