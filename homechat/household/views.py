"""Founding, inviting and joining, and one's own history: pages. Tokens are in token_views.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from homechat import clock, lockdown
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import Standing, User
from homechat.accounts.sign_in import begin_enrolment
from homechat.actor import Actor, Role
from homechat.doors.forms import errors_of, form_number, form_numbers, form_text, query_number
from homechat.doors.people import current_actor, remember_challenge, remember_session
from homechat.errors import Forbidden, HomeChatError, Invalid, LockedDown, NotFound, StepUpNeeded
from homechat.extensions import current_settings
from homechat.household import founding, invitations, joining
from homechat.household.account_history import own_history
from homechat.household.models import Invitation
from homechat.household.newcomer_lines import newcomer_lines
from homechat.rooms.queries import rooms_to_open
from homechat.security.policy import HouseRight, house_right

blueprint = Blueprint("household", __name__)

Page = str | Response | tuple[str, int]


@dataclass(frozen=True)
class InvitationLine:
    """One line of the list of invitations."""

    id: int
    role: str
    note: str
    room_names: list[str]
    expires_at: datetime
    uses: int
    max_uses: int
    state: str
    inviter_name: str
    arrivals: list[str]


@dataclass(frozen=True)
class Welcome:
    """What a guest sees of their invitation."""

    inviter_name: str
    note: str
    role: str


@blueprint.app_context_processor
def _rights_for_every_page() -> dict[str, Any]:
    return {
        "may_invite": lambda: invitations.may_invite(current_actor()),
        "may_approve": lambda: joining.may_approve(current_actor()),
        "newcomers_waiting": joining.how_many_wait,
        "sign_up_is_open": joining.is_sign_up_open,
    }


@blueprint.get("/setup/<token>")
def found(token: str) -> Page:
    founding.check_setup_token(token)
    return render_template("household/found.html", form={}, errors={})


@blueprint.post("/setup/<token>")
def found_now(token: str) -> Page:
    try:
        admin, secret = founding.found_house(
            current_actor(), token, house_name=form_text("house_name"), new=_new_person()
        )
    except NotFound:
        raise
    except HomeChatError as error:
        return render_template(
            "household/found.html", form=request.form, errors=errors_of(error)
        ), error.status
    session.clear()
    return remember_session(redirect(url_for("messages.index")), secret, admin)


@blueprint.get("/join")
def sign_up() -> Page:
    return _join_page(None, form=MultiDict(), errors={})


@blueprint.post("/join")
def sign_up_now() -> Page:
    return _join(None)


@blueprint.get("/join/<token>")
def join(token: str) -> Page:
    return _join_page(token, form=MultiDict(), errors={})


@blueprint.post("/join/<token>")
def join_now(token: str) -> Page:
    return _join(token)


@blueprint.get("/waiting")
def waiting() -> Page:
    return render_template("household/waiting.html")


@blueprint.get("/invites")
def invites() -> Page:
    return _invites_page(current_actor())


@blueprint.post("/invites")
def invite() -> Page:
    actor = current_actor()
    try:
        _row, token = invitations.invite(
            actor,
            role=_role(),
            room_ids=form_numbers("room_ids"),
            hours=form_number("hours", default=invitations.DEFAULT_HOURS),
            max_uses=form_number("max_uses", default=1),
            note=form_text("note"),
        )
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _invites_page(actor, form=request.form, errors=errors_of(error)), error.status
    return _invites_page(actor, new_token=token)


@blueprint.post("/invites/<int:invitation_id>/again")
def invite_again(invitation_id: int) -> Page:
    actor = current_actor()
    _row, token = invitations.invite_again(actor, invitation_id)
    return _invites_page(actor, new_token=token)


@blueprint.post("/invites/<int:invitation_id>/revoke")
def revoke_invite(invitation_id: int) -> Page:
    invitations.revoke_invitation(current_actor(), invitation_id)
    return redirect(url_for("household.invites"))


@blueprint.post("/newcomers/<int:user_id>/approve")
def approve(user_id: int) -> Page:
    joining.approve(current_actor(), user_id)
    return redirect(url_for("household.invites", done="approved"))


@blueprint.post("/newcomers/<int:user_id>/refuse")
def refuse(user_id: int) -> Page:
    joining.refuse_newcomer(current_actor(), user_id)
    return redirect(url_for("household.invites", done="refused"))


@blueprint.get("/me/history")
def history() -> Page:
    before = query_number("before")
    page = own_history(current_actor(), before=before)
    return render_template("household/history.html", history=page, is_newest=before is None)


def _join(token: str | None) -> Page:
    try:
        joined = joining.join_house(current_actor(), _new_person(), invitation=token)
    except (NotFound, LockedDown):
        raise
    except HomeChatError as error:
        return _join_page(token, form=request.form, errors=errors_of(error), status=error.status)
    session.clear()
    if joined.must_enrol:
        half_way = begin_enrolment(joined.user)
        return remember_challenge(redirect(url_for("accounts.enrol")), half_way.secret)
    if joined.secret is None:
        return redirect(url_for("household.waiting"))
    return remember_session(redirect(url_for("messages.index")), joined.secret, joined.user)


def _join_page(
    token: str | None, *, form: MultiDict[str, str], errors: dict[str, str], status: int = 200
) -> Page:
    lockdown.refuse_joining()
    if token is None and not joining.is_sign_up_open():
        return render_template("household/by_invitation.html"), 403
    welcome = None
    if token is not None:
        invitation = invitations.open_invitation(token)
        welcome = Welcome(invitation.created_by.display_name, invitation.note, invitation.role)
    page = render_template(
        "household/join.html",
        invitation=welcome,
        waits=joining.newcomers_wait(),
        form=form,
        errors=errors,
    )
    return page, status


def _invites_page(
    actor: Actor,
    *,
    form: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    new_token: str | None = None,
) -> str:
    if not invitations.may_invite(actor):
        raise Forbidden(_("You can't invite people. Ask whoever runs the house."))
    rows = invitations.invitations_for(actor)
    arrivals = invitations.arrivals_by_invitation(rows)
    new_link = current_settings().origin + url_for("household.join", token=new_token) if new_token else None
    return render_template(
        "household/invites.html",
        newcomers=newcomer_lines(actor) if joining.may_approve(actor) else [],
        invitations=[_line(row, arrivals[row.id]) for row in rows],
        rooms=rooms_to_open(actor),
        may_invite_admin=house_right(actor.role, HouseRight.INVITE_ADMIN),
        form=form or MultiDict({"hours": str(invitations.DEFAULT_HOURS), "max_uses": "1"}),
        errors=errors or {},
        new_link=new_link,
        done=request.args.get("done", ""),
    )


def _line(row: Invitation, arrivals: list[User]) -> InvitationLine:
    return InvitationLine(
        id=row.id,
        role=row.role,
        note=row.note,
        room_names=[room.name for room in row.rooms if room.kind == "public"],
        expires_at=row.expires_at,
        uses=row.uses,
        max_uses=row.max_uses,
        state=row.state(clock.now()),
        inviter_name=row.created_by.display_name,
        arrivals=[_arrival(user) for user in arrivals],
    )


def _arrival(user: User) -> str:
    if user.standing == Standing.PENDING:
        return _("%(name)s, who waits", name=user.display_name)
    return user.display_name


def _new_person() -> NewPerson:
    return NewPerson(
        username=form_text("username"), display_name=form_text("display_name"), password=form_text("password")
    )


def _role() -> Role:
    try:
        return Role(form_text("role") or Role.MEMBER)
    except ValueError as error:
        raise Invalid.at("role", _("Choose one of the roles.")) from error
