"""Conversations: socket events. docs/realtime.md describes each."""

from __future__ import annotations

from marshmallow import Schema

from homechat.actor import Actor
from homechat.doors.events import Json, event
from homechat.doors.shapes import Few, Number, Text
from homechat.messages import actions, changes, reactions
from homechat.messages.answering import answer_card
from homechat.messages.history import PAGE_MESSAGES, changes_after, page_before
from homechat.messages.sidebar import conversations
from homechat.security import limits
from homechat.security.policy import RoomRight
from homechat.uploads.actions import FILES_MAX


class InRoom(Schema):
    """Every event about a room names it."""

    room_id = Number(required=True, at_least=1)


class Send(InRoom):
    body = Text(required=True)
    client_id = Text(required=True)
    reply_to_id = Number(load_default=None, allow_none=True, at_least=1)
    upload_ids = Few(Text(), at_most=FILES_MAX, load_default=list)


class OfMessage(Schema):
    """Every event about one message names it."""

    message_id = Number(required=True, at_least=1)


class Edit(OfMessage):
    body = Text(required=True)


class React(OfMessage):
    emoji = Text(required=True)


class Answer(OfMessage):
    action_id = Text(required=True)


class History(InRoom):
    before = Number(load_default=None, allow_none=True)
    limit = Number(load_default=PAGE_MESSAGES, at_least=1)


class Changes(InRoom):
    after = Number(required=True)


class Read(InRoom):
    seq = Number(required=True)


@event("message:send", Send, right=RoomRight.POST, limit=limits.SENDS)
def on_send(actor: Actor, data: Json) -> Json:
    return {"message": actions.send_message(actor, **data).payload()}


@event("message:edit", Edit, right=None, limit=limits.TOUCHES)
def on_edit(actor: Actor, data: Json) -> Json:
    return {"message": changes.edit_message(actor, **data).payload()}


@event("message:delete", OfMessage, right=None, limit=limits.TOUCHES)
def on_delete(actor: Actor, data: Json) -> Json:
    return {"message": changes.delete_message(actor, **data).payload()}


@event("message:react", React, right=None, limit=limits.TOUCHES)
def on_react(actor: Actor, data: Json) -> Json:
    return {"message": reactions.react(actor, **data).payload()}


@event("message:unreact", React, right=None, limit=limits.TOUCHES)
def on_unreact(actor: Actor, data: Json) -> Json:
    return {"message": reactions.unreact(actor, **data).payload()}


@event("message:answer", Answer, right=None, limit=limits.TOUCHES)
def on_answer(actor: Actor, data: Json) -> Json:
    return {"message": answer_card(actor, **data).payload()}


@event("message:history", History, right=RoomRight.READ, limit=limits.HISTORY)
def on_history(actor: Actor, data: Json) -> Json:
    return page_before(actor, data["room_id"], before=data["before"], limit=data["limit"]).as_dict()


@event("message:changes", Changes, right=RoomRight.READ, limit=limits.HISTORY)
def on_changes(actor: Actor, data: Json) -> Json:
    return changes_after(actor, data["room_id"], after=data["after"])


@event("room:read", Read, right=RoomRight.READ, limit=limits.READ)
def on_read(actor: Actor, data: Json) -> Json:
    return {"unread": actions.mark_read(actor, **data)}


@event("room:list", Schema, right=None, limit=limits.HISTORY)
def on_list(actor: Actor, data: Json) -> Json:
    return conversations(actor)


@event("typing:start", InRoom, right=RoomRight.POST, limit=limits.TYPING)
def on_typing_start(actor: Actor, data: Json) -> None:
    actions.start_typing(actor, **data)


@event("typing:stop", InRoom, right=RoomRight.POST, limit=limits.TYPING)
def on_typing_stop(actor: Actor, data: Json) -> None:
    actions.stop_typing(actor, **data)
