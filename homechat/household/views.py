"""Founding, inviting and joining: pages."""

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
from homechat.actor import Actor, Role
from homechat.doors.forms import errors_of, form_number, form_numbers, form_text
from homechat.doors.people import current_actor, remember_session, settings
from homechat.errors import Forbidden, HomeChatError, Invalid, LockedDown
from homechat.household import actions
from homechat.household.models import Invitation
from homechat.messages.sidebar import sidebar
from homechat.rooms.queries import public_rooms
from homechat.security.policy import HouseRight, house_right

blueprint = Blueprint("household", __name__)

INVITATION_HOURS = 72

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


@dataclass(frozen=True)
class Welcome:
    """What a guest sees of their invitation."""

    inviter_name: str
    note: str
    role: str


@blueprint.app_context_processor
def _rights_for_every_page() -> dict[str, Any]:
    return {"may_invite": lambda: actions.may_invite(current_actor())}


@blueprint.get("/setup/<token>")
def found(token: str) -> Page:
    actions.check_setup_token(token)
    return render_template("household/found.html", form={}, errors={})


@blueprint.post("/setup/<token>")
def found_now(token: str) -> Page:
    try:
        admin, secret = actions.found_house(
            current_actor(), token, house_name=form_text("house_name"), new=_new_person()
        )
    except HomeChatError as error:
        if error.status == 404:
            raise
        return render_template(
            "household/found.html", form=request.form, errors=errors_of(error)
        ), error.status
    session.clear()
    return remember_session(redirect(url_for("messages.index")), secret, admin)


@blueprint.get("/join/<token>")
def join(token: str) -> Page:
    lockdown.refuse_joining()
    return _join_page(token, form=MultiDict(), errors={})


@blueprint.post("/join/<token>")
def join_now(token: str) -> Page:
    try:
        user, secret = actions.join_house(current_actor(), token, _new_person())
    except HomeChatError as error:
        if error.status == 404 or isinstance(error, LockedDown):
            raise
        return _join_page(token, form=request.form, errors=errors_of(error)), error.status
    session.clear()
    return remember_session(redirect(url_for("messages.index")), secret, user)


@blueprint.get("/invites")
def invites() -> Page:
    return _invites_page(current_actor())


@blueprint.post("/invites")
def invite() -> Page:
    actor = current_actor()
    try:
        _row, token = actions.invite(
            actor,
            role=_role(),
            room_ids=form_numbers("room_ids"),
            hours=form_number("hours", default=INVITATION_HOURS),
            max_uses=form_number("max_uses", default=1),
            note=form_text("note"),
        )
    except HomeChatError as error:
        return _invites_page(actor, form=request.form, errors=errors_of(error)), error.status
    return _invites_page(actor, new_link=settings().origin + url_for("household.join", token=token))


@blueprint.post("/invites/<int:invitation_id>/revoke")
def revoke_invite(invitation_id: int) -> Page:
    actions.revoke_invitation(current_actor(), invitation_id)
    return redirect(url_for("household.invites"))


def _join_page(token: str, *, form: MultiDict[str, str], errors: dict[str, str]) -> str:
    invitation = actions.open_invitation(token)
    welcome = Welcome(invitation.created_by.display_name, invitation.note, invitation.role)
    return render_template("household/join.html", invitation=welcome, form=form, errors=errors)


def _invites_page(
    actor: Actor,
    *,
    form: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    new_link: str | None = None,
) -> str:
    if not actions.may_invite(actor):
        raise Forbidden(_("You can't invite people. Ask whoever runs the house."))
    return render_template(
        "household/invites.html",
        invitations=[_line(row) for row in actions.invitations_for(actor)],
        rooms=_rooms_to_open(actor),
        may_invite_admin=house_right(actor.role, HouseRight.INVITE_ADMIN),
        form=form or MultiDict({"hours": str(INVITATION_HOURS), "max_uses": "1"}),
        errors=errors or {},
        new_link=new_link,
    )


def _rooms_to_open(actor: Actor) -> list[object]:
    mine = [line.room for line in sidebar(actor.person_id) if line.room.kind == "private"]
    return [*public_rooms(actor), *mine]


def _line(row: Invitation) -> InvitationLine:
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
    )


def _new_person() -> NewPerson:
    return NewPerson(
        username=form_text("username"), display_name=form_text("display_name"), password=form_text("password")
    )


def _role() -> Role:
    try:
        return Role(form_text("role") or Role.MEMBER)
    except ValueError as error:
        sentence = _("Choose one of the roles.")
        raise Invalid(sentence, fields={"role": sentence}) from error
