"""Sending, reading and typing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from homechat import clock
from homechat.accounts.cards import card_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.database import Base, db, on_commit, transaction
from homechat.errors import Conflict, Invalid, NotFound
from homechat.messages import typing
from homechat.messages.action_cards import CARD, ActionCard, checked_card
from homechat.messages.answers import states_of
from homechat.messages.around import NOTHING, Surroundings, quotes_of, surroundings_of
from homechat.messages.bodies import checked_body
from homechat.messages.finding import find_message
from homechat.messages.formatting import format_body
from homechat.messages.headings import heading
from homechat.messages.models import FILES, TEXT, Message
from homechat.messages.numbers import take_number
from homechat.messages.rendering import posted
from homechat.messages.search_index import index_message, words_of
from homechat.messages.signals import message_sent
from homechat.messages.unread import unread_in
from homechat.realtime.events import (
    MessagePosted,
    RoomRead,
    UnreadChanged,
    announce,
    person_audience,
    room_audience,
)
from homechat.rooms.finding import RoomInHand, find_room
from homechat.security import limits
from homechat.security.policy import RoomRight
from homechat.uploads.actions import claim_uploads

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

# Made once: to make them anew for each message costs as much as to run them.
_SENT_BEFORE = sa.select(Message).where(
    Message.author_id == sa.bindparam("author_id"), Message.client_id == sa.bindparam("client_id")
)
# Tables rather than classes: the unit of work would cost more than all of SQLite.
_messages, _memberships = (Base.metadata.tables[name] for name in ("messages", "memberships"))
_INSERT = sa.insert(_messages).returning(_messages.c.id)
_READ_BY_AUTHOR = (
    sa.update(_memberships)
    .where(_memberships.c.id == sa.bindparam("membership_id"))
    .values(last_read_seq=sa.bindparam("seq"))
)


def send_message(
    actor: Actor,
    *,
    room_id: int,
    body: str,
    client_id: str,
    title: str = "",
    label: str = "",
    reply_to_id: int | None = None,
    upload_ids: Sequence[str] = (),
    card: ActionCard | None = None,
) -> MessagePosted:
    """Store a message once, tell the room, and return what it was told; a retry with the same `client_id` changes
    nothing and returns the first one.

    body: 1 to 10,000 characters of small Markdown; may be blank where there are files.
    client_id: 8 to 64 of A-Z a-z 0-9 _ -, unique per author.
    title, label: above it and beside its author, see `headings`.
    reply_to_id: the message of this room that it answers.
    upload_ids: up to 20 files of the actor's that wait in this room for a message.
    card: what people are asked with it, see `action_cards`.
    Raises NotFound or Forbidden for the room, Invalid for the text or a file, TooMany past 60 a minute over all doors,
    Conflict when the id was used in another room, or when what it answers is not there (any more).
    """
    find_room(actor, room_id, RoomRight.POST)
    body, above = checked_message(
        body=body, client_id=client_id, title=title, label=label, has_files=bool(upload_ids), card=card
    )
    first = _sent_before(actor, client_id)
    if first is None:
        if reply_to_id is not None:
            require_answerable(actor, room_id, reply_to_id)
        limits.spend(limits.MESSAGES, actor.person_id)
        format_body(body)  # Here, so that it is at hand in the transaction, where nothing may be slow.
        try:
            payload = {**(above or {}), **({FILES: len(upload_ids)} if upload_ids else {})}
            if asked := checked_card(card):
                payload[CARD] = replace(asked, token_id=actor.token_id).as_payload()
            return _store(actor, room_id, body, client_id, payload, reply_to_id, upload_ids)
        except IntegrityError:  # The same one came twice at once.
            first = _sent_before(actor, client_id)
            if first is None:
                raise
    if first.room_id != room_id:
        raise Conflict(_("This message was already sent to another conversation."))
    return posted(first, surroundings_of([first])[first.id])


def checked_message(
    *,
    body: str,
    client_id: str,
    title: str = "",
    label: str = "",
    has_files: bool = False,
    card: ActionCard | None = None,
) -> tuple[str, dict[str, str] | None]:
    """Return a message's text and what stands above it as they are stored. Raises Invalid naming the fields.

    card: is looked at as well.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid(_("This message has no usable id."), fields={"client_id": "8-64 of A-Z a-z 0-9 _ -"})
    checked_card(card)
    return checked_body(body, may_be_blank=has_files), heading(title, label) if title or label else None


def mark_read(actor: Actor, *, room_id: int, seq: int) -> int:
    """Note that the actor has read a room up to `seq`, on all devices, and return what is left unread.

    Never goes back: an older `seq` changes nothing.  seq: 0 or more; beyond the newest counts as the newest.
    Raises NotFound, Forbidden, Conflict for who is not in the room.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    if not found.is_member:
        raise Conflict(_("Join this room first."))
    if min(seq, found.last_seq) <= found.last_read_seq:
        return unread_in(actor.person_id, room_id)
    with transaction():
        found = find_room(actor, room_id, RoomRight.READ)
        return _read_up_to(found, min(seq, found.last_seq))


def mark_read_to_message(actor: Actor, *, room_id: int, message_id: int | None) -> int:
    """Note that the actor has read a room up to a message, or all of it, and return what is left unread.

    Raises NotFound for a message that is not in this room, or not for the actor to see; as `mark_read`.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    if message_id is None:
        return mark_read(actor, room_id=room_id, seq=found.last_seq)
    message = db.session.get(Message, message_id)
    if message is None or message.room_id != room_id or message.seq <= found.hidden_up_to:
        raise NotFound(_("There is no such message in this room."))
    return mark_read(actor, room_id=room_id, seq=message.seq)


def start_typing(actor: Actor, *, room_id: int) -> None:
    """Tell the room that the actor is writing; clients forget it after TYPING_TIMEOUT_SECONDS."""
    find_room(actor, room_id, RoomRight.POST)
    person = card_of(db.session.get_one(User, actor.person_id), is_online=True)
    typing.started(person, room_id, actor.socket_id)


def stop_typing(actor: Actor, *, room_id: int) -> None:
    """Tell the room that the actor stopped writing."""
    find_room(actor, room_id, RoomRight.POST)
    typing.stopped(actor.person_id, room_id, actor.socket_id)


def _store(
    actor: Actor,
    room_id: int,
    body: str,
    client_id: str,
    payload: dict[str, Any],
    reply_to_id: int | None,
    upload_ids: Sequence[str],
) -> MessagePosted:
    author = card_of(db.session.get_one(User, actor.person_id))
    words = words_of(body)
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.POST)  # Again, now that nobody can change it under us.
        around = NOTHING
        if reply_to_id is not None:
            require_answerable(actor, room_id, reply_to_id)
            around = Surroundings(reply_to=quotes_of([reply_to_id])[reply_to_id])
        database = session.connection()
        seq = take_number(database, room_id)
        values: dict[str, Any] = {
            "room_id": room_id,
            "seq": seq,
            "changed_seq": seq,
            "author_id": actor.person_id,
            "client_id": client_id,
            "kind": TEXT,
            "body": body,
            "reply_to_id": reply_to_id,
            "created_at": clock.now(),
        }
        if payload:
            values["payload"] = payload
        message_id = database.execute(_INSERT, values).scalar_one()
        index_message(database, message_id, words)
        if upload_ids:
            files = claim_uploads(actor, room_id=room_id, message_id=message_id, upload_ids=upload_ids)
            around = replace(around, files=tuple(files))
        message = Message(id=message_id, **values)
        around = replace(around, card=states_of([message]).get(message_id))
        told = posted(message, around, author=author)
        announce(told, room_audience(room_id))
        labelled_by = actor.token_id if payload.get("label") else None
        message_sent.send(
            message_id=message_id, room_id=room_id, author=author, body=body, labelled_by=labelled_by
        )
        if found.is_member:  # Whoever writes has read what stands above, as all know who get it.
            database.execute(_READ_BY_AUTHOR, {"membership_id": found.membership_id, "seq": seq})
        on_commit(lambda: typing.said(actor.person_id, room_id))
    return told


def require_answerable(actor: Actor, room_id: int | None, message_id: int) -> None:
    """Raise Conflict unless the actor can read this message, in this room, and it was not deleted."""
    try:
        message = find_message(actor, message_id).message
    except NotFound:
        message = None
    if message is None or message.room_id != room_id:
        sentence = _("What you answered is not in this conversation. You can send yours without it.")
    elif message.deleted_at is not None:
        sentence = _("What you answered was deleted meanwhile. You can send yours without it.")
    else:
        return
    raise Conflict(sentence, fields={"reply_to_id": sentence})


def _read_up_to(found: RoomInHand, seq: int) -> int:
    """Raise how far somebody has read, tell, and return what is left."""
    mine = found.membership
    if mine is None:
        return 0
    me, room_id = mine.user_id, mine.room_id
    unread_before = unread_in(me, room_id)
    if mine.last_read_seq >= seq:
        return unread_before
    mine.last_read_seq = seq
    if not unread_before:
        return 0
    db.session.flush()
    unread = unread_in(me, room_id)
    announce(RoomRead(room_id=room_id, person_id=me, last_read_seq=seq), room_audience(room_id))
    announce(UnreadChanged(room_id=room_id, unread=unread, last_read_seq=seq), person_audience(me))
    return unread


def _sent_before(actor: Actor, client_id: str) -> Message | None:
    return db.session.scalar(_SENT_BEFORE, {"author_id": actor.person_id, "client_id": client_id})
