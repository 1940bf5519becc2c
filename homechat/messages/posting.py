"""Sending as programs do: to a room by its name or id, to home, or to a person; a public room is entered on the way."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.errors import Conflict, Invalid
from homechat.messages.actions import require_answerable, send_message
from homechat.messages.files import send_files
from homechat.messages.finding import find_message
from homechat.messages.letters import Letter, checked_letter
from homechat.realtime.events import MessagePosted
from homechat.rooms.actions import create_room, start_direct
from homechat.rooms.finding import find_room, no_such_room
from homechat.rooms.membership import join_room
from homechat.rooms.naming import is_name_of_private_room, room_called, room_meant
from homechat.rooms.people import direct_with
from homechat.rooms.queries import may_create_room
from homechat.security.policy import RoomRight, Scope, has_scope
from homechat.text import is_number
from homechat.uploads.files import ReceivedFile


def post(actor: Actor, letter: Letter, *, room: str | int | None) -> MessagePosted:
    """Send to a room, see `rooms.naming.room_meant`; home where none is named.

    Somebody of the house enters a public room by this; a bot writes there without. A name that no room has makes a
    public room of that name, for who may make rooms and comes with the scope for it. An answer goes where that stands
    which it answers, unless it names a room.
    Raises NotFound for every other room that the actor can't see; as `send_message`, before anybody enters anything.
    """
    checked_letter(actor, letter)
    room_id = room_meant(actor, room) if room is not None else _room_of_answer(actor, letter)
    if room_id is not None:
        _enter(actor, room_id, letter)
    elif isinstance(room, str) and not is_number(room) and letter.reply_to_id is None:
        room_id = _make_public(actor, room)
    else:
        raise no_such_room()
    return send_message(actor, room_id=room_id, **vars(letter))


def post_files(actor: Actor, letter: Letter, *, room_id: int, files: Sequence[ReceivedFile]) -> MessagePosted:
    """Send files to a room, as one message; the letter's text may be blank. Enters a public room as `post` does.

    Raises NotFound for a room that the actor can't see, Invalid where there is no file; as `send_files`.
    """
    if not files:
        raise Invalid.at("files[]", _("Send at least one file."))
    checked_letter(actor, letter, has_files=True)
    _enter(actor, room_id, letter)
    return send_files(actor, letter, room_id=room_id, files=files)


def post_to_person(actor: Actor, letter: Letter, *, user_id: int) -> MessagePosted:
    """Send to the direct conversation with somebody, which begins now if it has not. Raises as `start_direct`."""
    checked_letter(actor, letter)
    if letter.reply_to_id is not None and direct_with(actor, user_id) is None:
        require_answerable(actor, None, letter.reply_to_id)
    room = start_direct(actor, [user_id])
    return send_message(actor, room_id=room.id, **vars(letter))


def _room_of_answer(actor: Actor, letter: Letter) -> int | None:
    """Return the room of what the letter answers; where it answers nothing, home, or None where there is none."""
    if letter.reply_to_id is None:
        return room_meant(actor, None)
    return find_message(actor, letter.reply_to_id).message.room_id


def _enter(actor: Actor, room_id: int, letter: Letter) -> None:
    found = find_room(actor, room_id, RoomRight.SEE)
    if RoomRight.JOIN in found.rights:
        if letter.reply_to_id is not None:  # Before it is entered for nothing.
            require_answerable(actor, room_id, letter.reply_to_id)
        join_room(actor, room_id)


def _make_public(actor: Actor, name: str) -> int:
    """Return the id of a new public room, or raise NotFound.

    Never of a private room's name: what was meant for those in there must not be told to the house, and whoever was
    taken out of it writes on as before.
    """
    may = may_create_room(actor) and has_scope(actor, Scope.CHANNELS_WRITE)
    if not may or is_name_of_private_room(name):
        raise no_such_room()
    try:
        return create_room(actor, name=name).id
    except Conflict:
        room_id = room_called(actor, name)
        if room_id is None:
            raise
        join_room(actor, room_id)  # Somebody else was a moment quicker.
        return room_id
