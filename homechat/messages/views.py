"""Conversations: pages, and the same by plain requests where WebSocket is impossible."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from homechat.accounts.cards import cards_of
from homechat.doors.forms import errors_of, form_number, form_text, query_number
from homechat.doors.people import current_actor
from homechat.doors.replies import wants_json
from homechat.errors import Invalid
from homechat.messages import actions
from homechat.messages.changes import EDITABLE_FOR
from homechat.messages.emoji import COMMON, USUAL
from homechat.messages.files import send_files
from homechat.messages.history import (
    PAGE_MESSAGES,
    changes_after,
    first_unread_seq,
    page_around,
    page_before,
    reads_of,
)
from homechat.messages.letters import Letter
from homechat.messages.rendering import cards_of_messages
from homechat.messages.search import What
from homechat.messages.search import search as search_house
from homechat.messages.sidebar import conversations, sidebar
from homechat.realtime.events import MessagePosted
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.finding import find_room
from homechat.rooms.queries import members_of
from homechat.rooms.sight import people_to_write_to
from homechat.security import limits
from homechat.security.policy import RoomRight
from homechat.uploads.receiving import received_files

blueprint = Blueprint("messages", __name__)

Page = str | Response | tuple[str, int]


@blueprint.app_context_processor
def _sidebar_for_every_page() -> dict[str, Any]:
    return {"sidebar": lambda: sidebar(current_user.person.id)}


@blueprint.get("/")
def index() -> Page:
    return render_template("messages/index.html")


@blueprint.get("/rooms/<int:room_id>")
def conversation(room_id: int) -> Page:
    actor = current_actor()
    found = find_room(actor, room_id, RoomRight.SEE)
    mine = {room_id} if found.is_member else set()
    room = cards_of_rooms(actor.person_id, [found.room], mine=mine)[0]
    if RoomRight.READ not in found.rights:
        return render_template("messages/doorstep.html", room=room, may=found.rights)
    around = query_number("around")
    if around is None:
        page = page_before(actor, room_id, before=query_number("before"))
    else:
        page = page_around(actor, room_id, around)
    return render_template(
        "messages/conversation.html",
        room=room,
        messages=cards_of_messages(page.messages),
        has_more=page.has_more,
        has_newer=page.has_newer,
        around_seq=around,
        oldest_seq=page.oldest_seq,
        last_seq=page.last_seq,
        first_unread_seq=first_unread_seq(actor, found),
        reads=reads_of(room_id, actor.person_id),
        members=cards_of(user for _, user in members_of(room_id)),
        may=found.rights,
        client_id=secrets.token_urlsafe(16),
        usual_emoji=USUAL,
        common_emoji=COMMON,
        editable_seconds=int(EDITABLE_FOR.total_seconds()),
    )


@blueprint.get("/search")
def search() -> Page:
    actor = current_actor()
    q, before = request.args.get("q", ""), query_number("before")
    found, errors, status = None, {}, 200
    try:
        if q.strip():
            found = search_house(actor, q, what=What.ALL if before is None else What.MESSAGES, before=before)
    except Invalid as error:
        errors, status = errors_of(error), error.status
    page = render_template(
        "messages/search.html",
        q=q,
        found=found,
        errors=errors,
        is_first_page=before is None,
        writable={user.id for user in people_to_write_to(actor)} if found and found.people else set(),
    )
    return page, status


@blueprint.post("/rooms/<int:room_id>/messages")
def post(room_id: int) -> Page:
    actor = current_actor()
    limits.spend(limits.SENDS, actor.person_id)
    message = actions.send_message(
        actor,
        room_id=room_id,
        body=form_text("body"),
        client_id=form_text("client_id"),
        reply_to_id=form_number("reply_to_id") or None,
        upload_ids=request.form.getlist("upload_ids"),
    )
    return _sent(message)


@blueprint.post("/rooms/<int:room_id>/files")
def post_files(room_id: int) -> Page:
    actor = current_actor()
    limits.spend(limits.SENDS, actor.person_id)
    letter = Letter(body=form_text("body"), client_id=form_text("client_id"))
    return _sent(send_files(actor, letter, room_id=room_id, files=received_files()))


def _sent(message: MessagePosted) -> Page:
    if wants_json():
        return jsonify(ok=True, message=message.payload())
    return redirect(
        url_for("messages.conversation", room_id=message.room_id, _anchor=f"message-{message.id}")
    )


@blueprint.get("/rooms/<int:room_id>/messages")
def history(room_id: int) -> Page:
    actor = current_actor()
    limits.spend(limits.HISTORY, actor.person_id)
    limit = query_number("limit", PAGE_MESSAGES) or PAGE_MESSAGES
    page = page_before(actor, room_id, before=query_number("before"), limit=limit)
    return jsonify(ok=True, **page.as_dict())


@blueprint.get("/rooms/<int:room_id>/changes")
def changes(room_id: int) -> Page:
    actor = current_actor()
    limits.spend(limits.HISTORY, actor.person_id)
    return jsonify(ok=True, **changes_after(actor, room_id, after=query_number("after", 0) or 0))


@blueprint.post("/rooms/<int:room_id>/read")
def mark_read(room_id: int) -> Page:
    actor = current_actor()
    limits.spend(limits.READ, actor.person_id)
    unread = actions.mark_read(actor, room_id=room_id, seq=form_number("seq"))
    if wants_json():
        return jsonify(ok=True, unread=unread)
    return redirect(url_for("messages.conversation", room_id=room_id))


@blueprint.get("/sidebar")
def sidebar_state() -> Page:
    actor = current_actor()
    limits.spend(limits.HISTORY, actor.person_id)
    return jsonify(ok=True, **conversations(actor))
