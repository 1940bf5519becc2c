"""Sending, reading and typing."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from homechat import clock
from homechat.accounts.cards import card_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.config import Settings
from homechat.database import Base, db, on_commit, transaction
from homechat.errors import Conflict, Invalid
from homechat.messages import typing
from homechat.messages.formatting import clean_body, format_body, is_blank
from homechat.messages.models import TEXT, Message
from homechat.messages.rendering import posted
from homechat.messages.unread import unread_in
from homechat.realtime.events import (
    MessagePosted,
    RoomRead,
    UnreadChanged,
    announce,
    person_audience,
    room_audience,
)
from homechat.rooms.queries import RoomInHand, find_room
from homechat.security import limits
from homechat.security.policy import RoomRight

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

# Made once: to make them anew for each message costs as much as to run them.
_SENT_BEFORE = sa.select(Message).where(
    Message.author_id == sa.bindparam("author_id"), Message.client_id == sa.bindparam("client_id")
)
# Tables rather than classes: the unit of work would cost more than all of SQLite.
_rooms, _messages, _memberships = (
    Base.metadata.tables[name] for name in ("rooms", "messages", "memberships")
)
_NEXT_SEQ = (
    sa.update(_rooms)
    .where(_rooms.c.id == sa.bindparam("in_room"))
    .values(last_seq=_rooms.c.last_seq + 1)
    .returning(_rooms.c.last_seq)
)
_INSERT = sa.insert(_messages).returning(_messages.c.id)
_READ_BY_AUTHOR = (
    sa.update(_memberships)
    .where(_memberships.c.id == sa.bindparam("membership_id"))
    .values(last_read_seq=sa.bindparam("seq"))
)


def send_message(actor: Actor, *, room_id: int, body: str, client_id: str) -> MessagePosted:
    """Store a message once, tell the room, and return what it was told; a retry with the same `client_id` changes
    nothing and returns the first one.

    body: 1 to 10,000 characters of small Markdown.  client_id: 8 to 64 of A-Z a-z 0-9 _ -, unique per author.
    Raises NotFound or Forbidden for the room, Invalid for the text, TooMany past 60 a minute over all doors,
    Conflict when the id was used in another room.
    """
    find_room(actor, room_id, RoomRight.POST)
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid(_("This message has no usable id."), fields={"client_id": "8-64 of A-Z a-z 0-9 _ -"})
    body = _checked(body)
    first = _sent_before(actor, client_id)
    if first is None:
        limits.spend(limits.MESSAGES, actor.person_id)
        format_body(body)  # Here, so that it is at hand in the transaction, where nothing may be slow.
        try:
            return _store(actor, room_id, body, client_id)
        except IntegrityError:  # The same one came twice at once.
            first = _sent_before(actor, client_id)
            if first is None:
                raise
    if first.room_id != room_id:
        raise Conflict(_("This message was already sent to another conversation."))
    return posted(first)


def mark_read(actor: Actor, *, room_id: int, seq: int) -> int:
    """Note that the actor has read a room up to `seq`, on all devices, and return what is left unread.

    Never goes back: an older `seq` changes nothing.  seq: 0 or more; beyond the newest counts as the newest.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    if not found.is_member:
        raise Conflict(_("Join this room first."))
    if min(seq, found.last_seq) <= found.last_read_seq:
        return unread_in(actor.person_id, room_id)
    with transaction():
        found = find_room(actor, room_id, RoomRight.READ)
        return _read_up_to(found, min(seq, found.last_seq))


def start_typing(actor: Actor, *, room_id: int) -> None:
    """Tell the room that the actor is writing; clients forget it after TYPING_TIMEOUT_SECONDS."""
    find_room(actor, room_id, RoomRight.POST)
    person = card_of(db.session.get_one(User, actor.person_id), is_online=True)
    typing.started(person, room_id, actor.socket_id)


def stop_typing(actor: Actor, *, room_id: int) -> None:
    """Tell the room that the actor stopped writing."""
    find_room(actor, room_id, RoomRight.POST)
    typing.stopped(actor.person_id, room_id, actor.socket_id)


def _store(actor: Actor, room_id: int, body: str, client_id: str) -> MessagePosted:
    author = card_of(db.session.get_one(User, actor.person_id))
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.POST)  # Again, now that nobody can change it under us.
        database = session.connection()
        seq = database.execute(_NEXT_SEQ, {"in_room": room_id}).scalar_one()
        values = {
            "room_id": room_id,
            "seq": seq,
            "changed_seq": seq,
            "author_id": actor.person_id,
            "client_id": client_id,
            "kind": TEXT,
            "body": body,
            "created_at": clock.now(),
        }
        message_id = database.execute(_INSERT, values).scalar_one()
        told = posted(Message(id=message_id, **values), author=author)
        announce(told, room_audience(room_id))
        if found.is_member:  # Whoever writes has read what stands above, as all know who get it.
            database.execute(_READ_BY_AUTHOR, {"membership_id": found.membership_id, "seq": seq})
        on_commit(lambda: typing.said(actor.person_id, room_id))
    return told


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


def _checked(body: str) -> str:
    most = _settings().message_characters
    # Far too long is refused before any work; whatever cleaning takes away, it is not that much.
    cleaned = clean_body(body) if len(body) <= 2 * most else body
    if len(body) <= 2 * most and is_blank(cleaned):
        sentence = _("Write something first.")
    elif len(cleaned) > most:
        sentence = _(
            "A message takes up to %(most)d characters; this one has %(has)d.", most=most, has=len(cleaned)
        )
    else:
        return cleaned
    raise Invalid(sentence, fields={"body": sentence})


def _settings() -> Settings:
    settings: Settings = current_app.extensions["homechat_settings"]
    return settings
