"""Rooms, who is in them, and finding people: pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from homechat.accounts.cards import cards_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.doors.forms import errors_of, form_numbers, form_text
from homechat.doors.people import current_actor
from homechat.errors import Forbidden, HomeChatError, Invalid
from homechat.rooms import actions, membership
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.finding import RoomInHand, find_room
from homechat.rooms.models import Room
from homechat.rooms.queries import (
    archived_rooms,
    belongs_here_always,
    may_browse,
    may_create_room,
    members_of,
    public_rooms,
)
from homechat.rooms.sight import people_in_sight, people_to_write_to
from homechat.security.policy import RoomKind, RoomRight, RoomRole

blueprint = Blueprint("rooms", __name__)

Page = str | Response | tuple[str, int]


@dataclass(frozen=True)
class MemberLine:
    """One person in the list of a room's members: a card and their role here."""

    id: int
    username: str
    display_name: str
    initials: str
    color: int
    role: str
    is_online: bool
    last_seen_at: datetime | None
    room_role: str
    is_removable: bool
    may_become_owner: bool


@blueprint.app_context_processor
def _rights_for_every_page() -> dict[str, Any]:
    return {
        "may_browse": lambda: may_browse(current_actor()),
        "may_create_room": lambda: may_create_room(current_actor()),
    }


@blueprint.get("/rooms")
def browse() -> Page:
    actor = current_actor()
    return render_template("rooms/browse.html", rooms=public_rooms(actor), archived=archived_rooms(actor))


@blueprint.get("/rooms/new")
def new() -> Page:
    return _new_page(current_actor())


@blueprint.post("/rooms/new")
def create() -> Page:
    actor = current_actor()
    try:
        room = actions.create_room(
            actor,
            name=form_text("name"),
            description=form_text("description"),
            kind=_kind(),
            from_arrival=form_text("newcomers_see") == "from_arrival",
            owners_add_only=_owners_add_only() is True,
            member_ids=form_numbers("member_ids"),
        )
    except HomeChatError as error:
        return _new_page(actor, form=request.form, errors=errors_of(error)), error.status
    return redirect(url_for("messages.conversation", room_id=room.id))


@blueprint.post("/rooms/<int:room_id>/join")
def join(room_id: int) -> Page:
    membership.join_room(current_actor(), room_id)
    return redirect(url_for("messages.conversation", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/leave")
def leave(room_id: int) -> Page:
    membership.leave_room(current_actor(), room_id)
    return redirect(url_for("messages.index"))


@blueprint.post("/rooms/<int:room_id>/archive")
def archive(room_id: int) -> Page:
    actions.archive_room(current_actor(), room_id)
    return redirect(url_for("messages.index"))


@blueprint.get("/rooms/<int:room_id>/details")
def details(room_id: int) -> Page:
    return _details_page(current_actor(), room_id)


@blueprint.post("/rooms/<int:room_id>/details")
def rename(room_id: int) -> Page:
    actor = current_actor()
    try:
        actions.change_room(
            actor,
            room_id,
            name=form_text("name"),
            description=form_text("description"),
            owners_add_only=_owners_add_only(),
        )
    except HomeChatError as error:
        if error.status in (403, 404):
            raise
        return _details_page(actor, room_id, form=request.form, errors=errors_of(error)), error.status
    return redirect(url_for("rooms.details", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/members")
def add_member(room_id: int) -> Page:
    membership.add_members(current_actor(), room_id, form_numbers("user_id"))
    return redirect(url_for("rooms.details", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/members/<int:user_id>/remove")
def remove_member(room_id: int, user_id: int) -> Page:
    membership.remove_member(current_actor(), room_id, user_id)
    return redirect(url_for("rooms.details", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/members/<int:user_id>/owner")
def make_owner(room_id: int, user_id: int) -> Page:
    membership.make_owner(current_actor(), room_id, user_id)
    return redirect(url_for("rooms.details", room_id=room_id))


@blueprint.get("/people")
def people() -> Page:
    return render_template("rooms/people.html", people=cards_of(people_to_write_to(current_actor())))


@blueprint.post("/direct")
def start_direct() -> Page:
    room = actions.start_direct(current_actor(), form_numbers("user_id"))
    return redirect(url_for("messages.conversation", room_id=room.id))


def _kind() -> RoomKind:
    """Return what kind of room was chosen; a slip of the pen must not make a private room public."""
    kind = form_text("kind") or RoomKind.PUBLIC
    if kind not in (RoomKind.PUBLIC, RoomKind.PRIVATE):
        raise Invalid.at("kind", _("Choose who can find it."))
    return RoomKind(kind)


def _owners_add_only() -> bool | None:
    """Return what was chosen about who adds people, None when the form does not say."""
    chosen = form_text("who_adds")
    if chosen not in ("", "everyone", "owners"):
        raise Invalid.at("who_adds", _("Choose who may add people."))
    return chosen == "owners" if chosen else None


def _new_page(
    actor: Actor, *, form: MultiDict[str, str] | None = None, errors: dict[str, str] | None = None
) -> str:
    if not may_create_room(actor):
        raise Forbidden(_("You can't make rooms here. Ask whoever runs the house."))
    return render_template(
        "rooms/new.html",
        form=form or MultiDict(),
        errors=errors or {},
        people=cards_of(_acquaintances(actor)),
    )


def _details_page(
    actor: Actor,
    room_id: int,
    *,
    form: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    found = find_room(actor, room_id, RoomRight.SEE)
    members = _members(found)
    here = {member.id for member in members}
    may_add = RoomRight.ADD in found.rights
    return render_template(
        "rooms/details.html",
        room=cards_of_rooms(actor.person_id, [found.room])[0],
        members=members,
        candidates=cards_of(user for user in _acquaintances(actor) if user.id not in here) if may_add else [],
        may=found.rights,
        form=form or _as_form(found.room),
        errors=errors or {},
    )


def _as_form(room: Room) -> dict[str, str]:
    return {
        "name": room.name,
        "description": room.description,
        "who_adds": "owners" if room.owners_add_only else "everyone",
    }


def _members(found: RoomInHand) -> list[MemberLine]:
    """Return who is in a room, for those who can see that it is there."""
    rows = members_of(found.room.id)
    cards = cards_of(user for _, user in rows)
    return [
        MemberLine(
            **vars(card),
            room_role=membership.role,
            is_removable=RoomRight.REMOVE in found.rights and not belongs_here_always(found.room, user),
            may_become_owner=RoomRight.NAME_OWNERS in found.rights
            and membership.role != RoomRole.OWNER
            and user.belongs_to_house,
        )
        for card, (membership, user) in zip(cards, rows, strict=True)
    ]


def _acquaintances(actor: Actor) -> list[User]:
    """Return the people and bots that the actor may know of, without the actor, by name."""
    return [user for user in people_in_sight(actor) if user.id != actor.user_id]
