"""The list of conversations: who, how much is unread, what was said last, who is here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import ngettext

from homechat import clock
from homechat.actor import Actor
from homechat.database import db
from homechat.messages.formatting import preview
from homechat.messages.latest import Latest, latest_in
from homechat.messages.models import file_count
from homechat.messages.unread import unread_by_room
from homechat.rooms.cards import RoomCard, cards_of_rooms
from homechat.rooms.finding import is_within_reach
from homechat.rooms.models import Membership, Room
from homechat.rooms.people import online_people
from homechat.rooms.queries import online_by_room


@dataclass(frozen=True)
class LastMessage:
    """The newest message of a room, in one line."""

    author_name: str
    preview: str
    at: datetime


@dataclass(frozen=True)
class SidebarRoom:
    """One line of the list."""

    room: RoomCard
    unread: int
    last_read_seq: int
    last_seq: int
    here: int
    last_message: LastMessage | None

    def as_dict(self) -> dict[str, Any]:
        """Return the line as events and JSON carry it."""
        last = self.last_message
        return {
            "room_id": self.room.id,
            "kind": self.room.kind,
            "name": self.room.name,
            "unread": self.unread,
            "last_read_seq": self.last_read_seq,
            "last_seq": self.last_seq,
            "muted": False,
            "here": self.here,
            "other": self.room.other.as_dict() if self.room.other else None,
            "last_message": None
            if last is None
            else {"author_name": last.author_name, "preview": last.preview, "at": clock.as_iso(last.at)},
        }


def conversations(actor: Actor) -> dict[str, Any]:
    """Return the list of conversations and who is online, as events and JSON carry them."""
    return {
        "rooms": [
            line.as_dict() for line in sidebar(actor.person_id) if is_within_reach(actor, line.room.id)
        ],
        "online": online_people(actor),
    }


def sidebar(user_id: int, *, room_id: int | None = None) -> list[SidebarRoom]:
    """Return a person's conversations that show to them, the newest message first; all, or only `room_id`."""
    query = (
        sa.select(Room, Membership.last_read_seq)
        .join(Membership, Membership.room_id == Room.id)
        .where(Membership.user_id == user_id)
    )
    query = query.where(Room.archived_at.is_(None)) if room_id is None else query.where(Room.id == room_id)
    rows = [(room, seq) for room, seq in db.session.execute(query) if room.shows_to(user_id)]
    rooms = [room for room, _ in rows]
    read = {room.id: seq for room, seq in rows}
    cards = {card.id: card for card in cards_of_rooms(user_id, rooms)}
    unread = unread_by_room(user_id, room_id=room_id)
    last = latest_in(user_id, [room.id for room in rooms])
    here = online_by_room([room.id for room in rooms], without=user_id)
    lines = [
        SidebarRoom(
            room=cards[room.id],
            unread=unread.get(room.id, 0),
            last_read_seq=read[room.id],
            last_seq=room.last_seq,
            here=here.get(room.id, 0),
            last_message=_in_one_line(last.get(room.id)),
        )
        for room in rooms
    ]
    created = {room.id: room.created_at for room in rooms}
    return sorted(
        lines,
        key=lambda line: line.last_message.at if line.last_message else created[line.room.id],
        reverse=True,
    )


def _in_one_line(latest: Latest | None) -> LastMessage | None:
    if latest is None:
        return None
    line = line_of(latest.body, file_count(latest.payload), title=latest.title)
    return LastMessage(latest.display_name, line, latest.at)


def line_of(body: str, files: int, *, title: str = "") -> str:
    """Return a message as one line: what was written, or how many files it is where nothing was."""
    if body or title or not files:
        return preview(body, title=title)
    return str(ngettext("%(num)s file", "%(num)s files", files))
