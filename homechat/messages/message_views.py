"""One message: the page about it, and what can be done with it there or by plain request."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from homechat.doors.forms import errors_of, form_text
from homechat.doors.people import current_actor
from homechat.doors.replies import wants_json
from homechat.errors import HomeChatError, NotFound
from homechat.messages import changes, reactions
from homechat.messages.answering import answer_card
from homechat.messages.around import surroundings_of
from homechat.messages.emoji import COMMON, USUAL
from homechat.messages.finding import find_message
from homechat.messages.rendering import card_of_message
from homechat.messages.views import Page, blueprint
from homechat.realtime.events import MessageChanged
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.queries import members_of
from homechat.security import limits
from homechat.security.policy import RoomRight


@blueprint.get("/messages/<int:message_id>")
def about(message_id: int) -> Page:
    return _page(message_id)


@blueprint.post("/messages/<int:message_id>/edit")
def edit(message_id: int) -> Page:
    body = form_text("body")
    act = partial(changes.edit_message, current_actor(), message_id=message_id, body=body)
    return _done(message_id, act)


@blueprint.post("/messages/<int:message_id>/delete")
def delete(message_id: int) -> Page:
    return _done(message_id, partial(changes.delete_message, current_actor(), message_id=message_id))


@blueprint.post("/messages/<int:message_id>/reactions")
def react(message_id: int) -> Page:
    emoji = form_text("emoji")
    act = partial(reactions.react, current_actor(), message_id=message_id, emoji=emoji)
    return _done(message_id, act)


@blueprint.post("/messages/<int:message_id>/reactions/remove")
def unreact(message_id: int) -> Page:
    emoji = form_text("emoji")
    act = partial(reactions.unreact, current_actor(), message_id=message_id, emoji=emoji)
    return _done(message_id, act)


@blueprint.post("/messages/<int:message_id>/answer")
def answer(message_id: int) -> Page:
    action_id = form_text("action_id")
    return _done(
        message_id, partial(answer_card, current_actor(), message_id=message_id, action_id=action_id)
    )


def _done(message_id: int, act: Callable[[], MessageChanged]) -> Page:
    """Do it, and show the message as it is then; or why not, with what was typed still there."""
    limits.spend(limits.TOUCHES, current_actor().person_id)
    try:
        message = act()
    except HomeChatError as error:
        if wants_json() or isinstance(error, NotFound):
            raise
        return _page(message_id, errors=errors_of(error), form=request.form), error.status
    if wants_json():
        return jsonify(ok=True, message=message.payload())
    return redirect(url_for("messages.about", message_id=message_id))


def _page(
    message_id: int, *, errors: dict[str, str] | None = None, form: MultiDict[str, str] | None = None
) -> str:
    actor = current_actor()
    found = find_message(actor, message_id)
    around = surroundings_of([found.message])[message_id]
    return render_template(
        "messages/about.html",
        message=card_of_message(found.message, around),
        room=cards_of_rooms(actor.person_id, [found.room.room])[0],
        names={user.id: user.display_name for _, user in members_of(found.room.room.id)},
        mine={it.emoji for it in around.reactions if actor.person_id in it.person_ids},
        may_write=RoomRight.POST in found.room.rights,
        may_answer=RoomRight.ANSWER in found.room.rights,
        may_edit=changes.may_edit(actor, found),
        may_delete=changes.may_delete(actor, found),
        errors=errors or {},
        form=form or {},
        client_id=secrets.token_urlsafe(16),
        usual_emoji=USUAL,
        common_emoji=COMMON,
    )
