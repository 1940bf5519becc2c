"""Sending, reading and typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from homechat import clock
from homechat.accounts.cards import card_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.database import Base, db, on_commit, transaction
from homechat.errors import Conflict, NotFound
from homechat.messages import typing
from homechat.messages.action_cards import ActionCard
from homechat.messages.answers import states_of
from homechat.messages.around import Surroundings, quotes_of, surroundings_of
from homechat.messages.finding import find_message, sent_before
from homechat.messages.formatting import format_body
from homechat.messages.letters import CheckedLetter, Letter, checked_letter
from homechat.messages.models import TEXT, Message
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
from homechat.uploads.cards import FileCard

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
    again = sent_again(actor, room_id=room_id, client_id=client_id)
    if again is not None:
        return again
    letter = Letter(body, client_id, title, label, reply_to_id, upload_ids, card)
    checked = checked_letter(actor, letter)
    if reply_to_id is not None:
        require_answerable(actor, room_id, reply_to_id)
    limits.spend(limits.MESSAGES, actor.person_id)
    format_body(checked.body)  # Here, so that it is at hand in the transaction, where nothing may be slow.
    try:
        return _store(actor, room_id, letter, checked)
    except IntegrityError:  # The same one came twice at once.
        again = sent_again(actor, room_id=room_id, client_id=client_id)
        if again is None:
            raise
        return again


def sent_again(actor: Actor, *, room_id: int, client_id: str) -> MessagePosted | None:
    """Return what the actor sent to this room by this id, as it is now, or None.

    Raises NotFound or Forbidden for the room, Conflict when it went to another one.
    """
    find_room(actor, room_id, RoomRight.POST)
    first = sent_before(actor.person_id, client_id)
    if first is None:
        return None
    if first.room_id != room_id:
        raise Conflict(_("This message was already sent to another conversation."))
    return posted(first, surroundings_of([first])[first.id])


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


def _store(actor: Actor, room_id: int, letter: Letter, checked: CheckedLetter) -> MessagePosted:
    author = card_of(db.session.get_one(User, actor.person_id))
    words = words_of(checked.body)
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.POST)  # Again, now that nobody can change it under us.
        quote = None
        if letter.reply_to_id is not None:
            require_answerable(actor, room_id, letter.reply_to_id)
            quote = quotes_of([letter.reply_to_id])[letter.reply_to_id]
        database = session.connection()
        message = _insert(database, actor, room_id, letter, checked)
        index_message(database, message.id, words)
        files: Sequence[FileCard] = ()
        if letter.upload_ids:
            files = claim_uploads(actor, room_id=room_id, message_id=message.id, upload_ids=letter.upload_ids)
        around = Surroundings(reply_to=quote, files=tuple(files), asked=states_of([message]).get(message.id))
        told = posted(message, around, author=author)
        announce(told, room_audience(room_id))
        labelled_by = actor.token_id if checked.payload.get("label") else None
        message_sent.send(
            message_id=message.id, room_id=room_id, author=author, body=message.body, labelled_by=labelled_by
        )
        if found.is_member:  # Whoever writes has read what stands above, as all know who get it.
            seen = {"membership_id": found.membership_id, "seq": message.seq}
            database.execute(_READ_BY_AUTHOR, seen)
        on_commit(lambda: typing.said(actor.person_id, room_id))
    return told


def _insert(
    database: sa.Connection, actor: Actor, room_id: int, letter: Letter, checked: CheckedLetter
) -> Message:
    """Give the message the room's next number and put it into its table. Return it with no author loaded."""
    seq = take_number(database, room_id)
    values: dict[str, Any] = {
        "room_id": room_id,
        "seq": seq,
        "changed_seq": seq,
        "author_id": actor.person_id,
        "client_id": letter.client_id,
        "kind": TEXT,
        "body": checked.body,
        "reply_to_id": letter.reply_to_id,
        "created_at": clock.now(),
    }
    if checked.payload:
        values["payload"] = checked.payload
    return Message(id=database.execute(_INSERT, values).scalar_one(), **values)


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
    raise Conflict.at("reply_to_id", sentence)


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
