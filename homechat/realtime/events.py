"""What the server tells clients: one frozen dataclass per event, and the only place that emits.

docs/realtime.md describes each event; a test holds the two together. Payloads are the same for every viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from homechat.database import on_commit
from homechat.extensions import socketio

CONTRACT_VERSION = 1

Json = dict[str, Any]
Audience = str | list[str]


def room_audience(room_id: int) -> str:
    """Everyone who is in this room and connected."""
    return f"room:{room_id}"


def person_audience(person_id: int) -> str:
    """All devices of one person."""
    return f"user:{person_id}"


def session_audience(session_id: int) -> str:
    """All tabs of one device."""
    return f"session:{session_id}"


@dataclass(frozen=True)
class ServerEvent:
    """The base of all events; `event_name` is what travels, the fields are the payload."""

    event_name: ClassVar[str]

    def payload(self) -> Json:
        """Return what is sent."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class ServerHello(ServerEvent):
    """You are connected; reload when `build` or `contract` is not the one your page came with."""

    event_name = "server:hello"
    contract: int
    build: str
    person_id: int
    ping_seconds: int


@dataclass(frozen=True)
class ServerRestarting(ServerEvent):
    """The server stops now and will be back; reconnect with a back-off."""

    event_name = "server:restarting"


@dataclass(frozen=True)
class SessionEnded(ServerEvent):
    """This device may not listen any more; the connection ends after this."""

    event_name = "session:ended"
    reason: str
    sentence: str


@dataclass(frozen=True)
class DeviceAdded(ServerEvent):
    """Somebody signed in to your account on a device that it did not know; told to all of yours."""

    event_name = "device:added"
    device_id: int
    name: str
    address: str
    at: str


@dataclass(frozen=True)
class MessagePosted(ServerEvent):
    """A new message; `html` is it, rendered the same for everybody."""

    event_name = "message:posted"
    id: int
    room_id: int
    seq: int
    changed_seq: int
    client_id: str
    kind: str
    body: str
    html: str
    created_at: str
    edited_at: str | None
    deleted: bool
    author: Json
    title: str | None
    label: str | None
    reply_to: Json | None
    reactions: list[Json]
    files: list[Json]
    actions: list[Json]
    answered: Json | None
    ack_required: bool
    acks: list[Json]
    waiting_for: list[Json]
    expires_at: str | None


@dataclass(frozen=True)
class MessageChanged(MessagePosted):
    """A message is now this: it was edited or deleted, or somebody reacted to it. Whole, as when it was posted."""

    event_name = "message:changed"


@dataclass(frozen=True)
class MessageAnswered(MessageChanged):
    """Somebody tapped a button of a message, or has seen it: `answer` says who, what and when. Whole, as above."""

    event_name = "message:answered"
    answer: Json


@dataclass(frozen=True)
class TypingStarted(ServerEvent):
    """Somebody is writing; forget it after 6 s unless it is said again."""

    event_name = "typing:started"
    room_id: int
    person: Json


@dataclass(frozen=True)
class TypingStopped(ServerEvent):
    """They stopped writing, or sent it."""

    event_name = "typing:stopped"
    room_id: int
    person_id: int


@dataclass(frozen=True)
class PresenceChanged(ServerEvent):
    """Somebody you share a room with came or went, on the first or last of their devices."""

    event_name = "presence:changed"
    person_id: int
    online: bool
    last_seen_at: str | None


@dataclass(frozen=True)
class RoomRead(ServerEvent):
    """Somebody has read this room up to `last_read_seq`."""

    event_name = "room:read"
    room_id: int
    person_id: int
    last_read_seq: int


@dataclass(frozen=True)
class UnreadChanged(ServerEvent):
    """Your own unread count of a room, told to all of your devices."""

    event_name = "unread:changed"
    room_id: int
    unread: int
    last_read_seq: int


@dataclass(frozen=True)
class RoomUpdated(ServerEvent):
    """A room's name, description, size or state is now this."""

    event_name = "room:updated"
    room_id: int
    name: str
    description: str
    archived: bool
    member_count: int


@dataclass(frozen=True)
class RoomEntered(ServerEvent):
    """You are in this room from now on; `room` is its line in the list of conversations."""

    event_name = "room:entered"
    room: Json


@dataclass(frozen=True)
class RoomLeft(ServerEvent):
    """You are no longer in this room."""

    event_name = "room:left"
    room_id: int


@dataclass(frozen=True)
class MemberJoined(ServerEvent):
    """Somebody is now in this room."""

    event_name = "member:joined"
    room_id: int
    person: Json


@dataclass(frozen=True)
class MemberLeft(ServerEvent):
    """Somebody is no longer in this room."""

    event_name = "member:left"
    room_id: int
    person_id: int


@dataclass(frozen=True)
class PersonUpdated(ServerEvent):
    """Somebody you share a room with has a new name or colour."""

    event_name = "person:updated"
    person: Json


@dataclass(frozen=True)
class NewcomerWaiting(ServerEvent):
    """So many people wait now to be let into the house; told to those who may let them in."""

    event_name = "newcomer:waiting"
    count: int


def announce(event: ServerEvent, to: Audience) -> None:
    """Tell `to` once the surrounding transaction is stored, and never when it is not."""
    on_commit(lambda: tell(event, to))


def tell(event: ServerEvent, to: Audience) -> None:
    """Tell `to` now: for what is not stored anywhere, like typing."""
    if to:
        socketio.emit(event.event_name, event.payload(), to=to)
