"""HomeChat as it is measured: a process of its own over a house with 100 people and many messages."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from benchmarks import socket_io
from benchmarks.crowd import Client
from benchmarks.processes import calm_down, on_server_cpu
from benchmarks.socket_io import SocketIoClient
from homechat import clock
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, create_person
from homechat.actor import Actor, Role
from homechat.connection import OFFLINE_GRACE_SECONDS
from homechat.database import transaction
from homechat.messages.models import Message
from homechat.rooms.membership import welcome_home
from homechat.rooms.models import Room
from homechat.security import passwords
from tests.house import PASSWORD, House, build_cast
from tests.server_process import ServerProcess

PEOPLE = 100
STORED = 100_000
ROOMS = 50
"""How many rooms there are beside the one that everybody is in; number 3 belongs to person 3 alone."""
# What one person may do in a minute would end most measurements after a second.
GENEROUS = {
    "HOMECHAT_MESSAGES_PER_MINUTE": "10000",
    "HOMECHAT_SOCKETS_PER_PERSON": "100",
    "HOMECHAT_SIGN_IN_LIMIT": "10000/minute",
    "HOMECHAT_SIGN_IN_ADDRESS_LIMIT": "10000/minute",
    "HOMECHAT_PAGE_LIMIT": "100000/minute",
    "HOMECHAT_API_LIMIT": "100000/minute",
}
_numbers = itertools.count(1)


class Server(Protocol):
    """Something that stores messages, says so, and tells who is in the room.

    started_in: seconds until it took connections.  grace_seconds: for how long it keeps to itself that somebody left.
    Rooms: 0 is everybody's, 1 to `ROOMS` are there besides.
    """

    name: str
    pid: int
    started_in: float
    grace_seconds: float

    def client(self, number: int, *, room: int = 0) -> Client:
        """Return a connected client that hears what is said in the room; each number is a person."""

    def message(self, number: int, *, room: int = 0) -> bytes:
        """Return the packet that sends a new message with this number in it."""

    def is_news(self, packet: bytes) -> bool:
        """Return whether a packet tells of a new message."""

    def is_receipt(self, client: Client, packet: bytes) -> bool:
        """Return whether a packet says to its client that the message it sent is stored."""

    def close(self) -> None: ...


class HomeChat:
    """HomeChat over SQLite, as `bin/run` serves it.

    settings: HOMECHAT_* that differ from what they are by default.  module: what is run instead of the server itself.
    """

    name = "HomeChat"
    grace_seconds = OFFLINE_GRACE_SECONDS

    def __init__(
        self,
        *,
        people: int = PEOPLE,
        stored: int = STORED,
        settings: dict[str, str],
        module: str = "homechat.server",
    ) -> None:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        build_cast(folder)
        self.house = House(folder)
        self.names = ["ada", *_move_in(self.house, people - 1)]
        self.rooms = [self.house.home().id, *self._make_rooms()]
        _fill(self.house, self.rooms[0], [self.house.id_of(name) for name in self.names], stored)
        self._cookies: dict[int, str] = {}
        self.process = ServerProcess(folder, settings, module=module)
        with on_server_cpu():
            began = time.perf_counter()
            self.process.start()
            self.started_in = time.perf_counter() - began
        self._stack.callback(self.process.kill)
        assert self.process.process is not None
        self.pid = self.process.process.pid

    @property
    def url(self) -> str:
        return self.process.url

    def cookie(self, number: int) -> str:
        """Return the cookie of a device of the person with this number."""
        person = number % len(self.names)
        if person not in self._cookies:
            name = self.names[person]
            secret = self.house.act(sessions.open_session, self.house.actor(name), self.house.person(name))
            self._cookies[person] = f"{self.house.settings.session_cookie_name}={secret}"
        return self._cookies[person]

    def client(self, number: int, *, room: int = 0) -> SocketIoClient:
        return SocketIoClient(self.url, self.cookie(number))

    def message(self, number: int, *, room: int = 0) -> bytes:
        return self.long_message(words(number), room=room)

    def long_message(self, body: str, *, room: int = 0) -> bytes:
        """Return the packet that sends this."""
        data = {"room_id": self.rooms[room], "body": body, "client_id": new_id()}
        return f'421["message:send",{json.dumps(data, ensure_ascii=False)}]'.encode()

    def is_news(self, packet: bytes) -> bool:
        return socket_io.is_news(packet)

    def is_receipt(self, client: Client, packet: bytes) -> bool:
        return socket_io.is_receipt(packet)

    def close(self) -> None:
        self._stack.close()

    def _make_rooms(self) -> list[int]:
        owners = self.names[1 : ROOMS + 1]
        return [self.house.room(name, name=f"Room {number}") for number, name in enumerate(owners)]


def let_settle(server: Server) -> None:
    """Wait until a server has done all that it has to do after a crowd has left."""
    calm_down(server.pid)
    time.sleep(server.grace_seconds)
    calm_down(server.pid)


def words(number: int) -> str:
    """Return what is written in each message: 90 to 100 characters, with a little of what is marked up."""
    return (
        f"Message {number}: my train is on time, for once. Home in **twenty minutes**. Shall I get the milk?"
    )


def new_id() -> str:
    """Return an id that no other message of this run has."""
    return f"bench-{next(_numbers):08d}"


def _move_in(house: House, people: int) -> list[str]:
    """Let more members move in, who are in "home"; return their names."""
    names = [f"person_{number:03d}" for number in range(people)]
    with house.app.app_context():
        password_hash = passwords.hash_password(PASSWORD)
        for name in names:
            with transaction():
                new = NewPerson(name, name.replace("_", " ").title(), PASSWORD)
                person = create_person(Actor.operator(), new, role=Role.MEMBER, password_hash=password_hash)
                welcome_home(person)
    return names


def _fill(house: House, room_id: int, author_ids: list[int], messages: int) -> None:
    """Put messages into a room, as if they had been written over the last months, one each minute."""
    began = clock.now() - timedelta(minutes=messages + 1)
    with house.rows(), transaction() as session:
        room = session.get_one(Room, room_id)
        stored = [
            {
                "room_id": room.id,
                "seq": room.last_seq + number,
                "changed_seq": room.last_seq + number,
                "author_id": author_ids[number % len(author_ids)],
                "client_id": f"stored-{number:08d}",
                "body": f"Number {number}: the **plumber** comes on Thursday, will somebody be there?",
                "created_at": began + timedelta(minutes=number),
            }
            for number in range(1, messages + 1)
        ]
        if stored:
            session.execute(sa.insert(Message), stored)
        room.last_seq += messages
