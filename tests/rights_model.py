"""Who may do what and who hears of it, told a second time: docs/permissions.md as a small house in memory.

The oracle of test_authorisation_fuzz.py. Nothing of the product is used here, so that a mistake in its policy cannot
repeat itself. Each act returns what the actor is answered and everything that anybody's devices are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

OK, NOT_FOUND, FORBIDDEN, CONFLICT = "ok", "not_found", "forbidden", "conflict"
OF_THE_HOUSE = ("admin", "member")

Heard = tuple[object, ...]


@dataclass
class Told:
    """What comes of an act. heard: what each person's devices are told, by name."""

    outcome: str = OK
    heard: dict[str, Counter[Heard]] = field(default_factory=dict)

    def tell(self, people: Iterable[str], *what: object) -> None:
        for person in people:
            self.heard.setdefault(person, Counter())[what] += 1


@dataclass
class Place:
    """Where a person stands in a room."""

    is_owner: bool = False
    joined_seq: int = 0
    last_read_seq: int = 0


@dataclass
class ModelRoom:
    """A room.

    people: in the order in which they came.  messages: author and text, by place; of a deleted one without text.
    changed: the number of each one's last change.  reactions: who gave the one emoji that there is here.
    """

    id: int
    kind: str
    name: str = ""
    creator: str = ""
    is_home: bool = False
    is_archived: bool = False
    from_arrival: bool = False
    owners_add_only: bool = False
    people: dict[str, Place] = field(default_factory=dict)
    messages: dict[int, tuple[str, str]] = field(default_factory=dict)
    last_seq: int = 0
    ids: dict[int, int] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    reactions: dict[int, set[str]] = field(default_factory=dict)


class ModelHouse:
    """The house as permissions.md has it. roles: of everyone, by name."""

    def __init__(self, roles: dict[str, str], ids: dict[str, int]) -> None:
        self.roles = roles
        self.ids = ids
        self.rooms: dict[int, ModelRoom] = {}

    # who knows of what

    def belongs(self, who: str) -> bool:
        return self.roles[who] in OF_THE_HOUSE

    def knows_room(self, who: str, room: ModelRoom) -> bool:
        return who in room.people or (room.kind == "public" and self.belongs(who))

    def known_people(self, who: str) -> set[str]:
        """Everyone that `who` may know of, themselves included."""
        if self.belongs(who):
            return set(self.roles)
        return {who} | self.around(who)

    def around(self, who: str) -> set[str]:
        """Everyone who shares a room with `who`."""
        return {other for room in self.rooms.values() if who in room.people for other in room.people} - {who}

    def writable_people(self, who: str) -> set[str]:
        """Everyone to whom `who` may write directly."""
        return {
            other
            for other in self.known_people(who) - {who}
            if self.belongs(other) or self.roles[who] == "admin" or other in self.around(who)
        }

    def readable(self, who: str, room: ModelRoom) -> dict[int, tuple[str, str]]:
        """The messages that somebody in a room may see; deleted ones, too."""
        start = room.people[who].joined_seq if room.from_arrival else 0
        return {seq: message for seq, message in room.messages.items() if seq > start}

    def unread(self, who: str, room: ModelRoom) -> int:
        read = room.people[who].last_read_seq
        return sum(
            seq > read and author != who and seq not in room.deleted
            for seq, (author, _) in room.messages.items()
        )

    def last_said(self, who: str, room: ModelRoom) -> str | None:
        """What stands in the list of `who` below the room's name."""
        said = {seq: body for seq, (_, body) in self.readable(who, room).items() if seq not in room.deleted}
        return said[max(said)] if said else None

    def listed(self, who: str) -> dict[int, int]:
        """The rooms in the list of `who`, with how much is unread."""
        return {
            room.id: self.unread(who, room)
            for room in self.rooms.values()
            if who in room.people
            and not room.is_archived
            and (room.kind != "direct" or room.creator == who or room.last_seq > 0)
        }

    def browsable(self) -> set[int]:
        return {room.id for room in self.rooms.values() if room.kind == "public" and not room.is_archived}

    # rights in one room

    def leads(self, who: str, room: ModelRoom) -> bool:
        """Whether `who` may rename it, archive it, remove people."""
        if room.kind == "direct" or room.is_archived or not self.belongs(who):
            return False
        is_owner = who in room.people and room.people[who].is_owner
        return is_owner or (room.kind == "public" and self.roles[who] == "admin")

    def may_add(self, who: str, room: ModelRoom) -> bool:
        if room.kind == "direct" or room.is_archived or not self.belongs(who) or who not in room.people:
            return False
        return room.people[who].is_owner or not room.owners_add_only

    def may_read(self, who: str, room_id: int) -> str:
        return self._if(who, room_id, lambda room: who in room.people)

    def may_post(self, who: str, room_id: int) -> str:
        return self._if(who, room_id, lambda room: who in room.people and not room.is_archived)

    def may_see(self, who: str, room_id: int) -> str:
        return self._if(who, room_id, lambda room: True)

    # acts

    def may_create(self, who: str) -> bool:
        return self.belongs(who)

    def created(self, who: str, room: ModelRoom, others: Iterable[str]) -> Told:
        """Note a room that was made with `others` in it."""
        told = Told()
        self.rooms[room.id] = room
        self._put_in(told, room, who, is_owner=room.kind != "direct")
        for other in others:
            if other != who:
                self._put_in(told, room, other)
        return told

    def may_start_direct(self, who: str, others: set[str]) -> str:
        if not others - {who} <= self.known_people(who):
            return NOT_FOUND
        return OK if others - {who} <= self.writable_people(who) else FORBIDDEN

    def direct_of(self, people: set[str]) -> ModelRoom | None:
        rooms = (room for room in self.rooms.values() if room.kind == "direct")
        return next((room for room in rooms if set(room.people) == people), None)

    def join(self, who: str, room_id: int) -> Told:
        room = self.rooms.get(room_id)
        told = Told(self.may_see(who, room_id))
        if told.outcome != OK or room is None or who in room.people:
            return told
        if room.is_archived:
            return Told(FORBIDDEN)
        self._put_in(told, room, who)
        return told

    def leave(self, who: str, room_id: int) -> Told:
        room = self.rooms.get(room_id)
        told = Told(self.may_see(who, room_id))
        if told.outcome != OK or room is None or who not in room.people:
            return told
        if room.kind == "direct" or (room.is_home and self.belongs(who)):
            return Told(CONFLICT)
        self._take_out(told, room, who)
        return told

    def add(self, who: str, room_id: int, other: str) -> Told:
        told = Told(self._if(who, room_id, lambda room: self.may_add(who, room)))
        if told.outcome == OK and other not in self.rooms[room_id].people:
            self._put_in(told, self.rooms[room_id], other)
        return told

    def remove(self, who: str, room_id: int, other: str) -> Told:
        told = Told(self._if(who, room_id, lambda room: self.leads(who, room)))
        if told.outcome != OK:
            return told
        room = self.rooms[room_id]
        if other not in room.people:
            return Told(NOT_FOUND)
        if room.is_home and self.belongs(other):
            return Told(CONFLICT)
        self._take_out(told, room, other)
        return told

    def make_owner(self, who: str, room_id: int, other: str) -> Told:
        told = Told(self._if(who, room_id, lambda room: self.leads(who, room) and not room.is_home))
        if told.outcome != OK:
            return told
        room = self.rooms[room_id]
        if other not in room.people:
            return Told(NOT_FOUND)
        if not self.belongs(other):
            return Told(CONFLICT)
        if not room.people[other].is_owner:
            room.people[other].is_owner = True
            told.tell(room.people, "room:updated", room_id)
        return told

    def rename(self, who: str, room_id: int, name: str) -> Told:
        told = Told(self._if(who, room_id, lambda room: self.leads(who, room)))
        if told.outcome == OK:
            self.rooms[room_id].name = name
            told.tell(self.rooms[room_id].people, "room:updated", room_id)
        return told

    def archive(self, who: str, room_id: int) -> Told:
        told = Told(self._if(who, room_id, lambda room: self.leads(who, room) and not room.is_home))
        if told.outcome == OK:
            self._archive(told, self.rooms[room_id])
        return told

    def send(self, who: str, room_id: int, body: str) -> Told:
        told = Told(self.may_post(who, room_id))
        if told.outcome == OK:
            room = self.rooms[room_id]
            seq = room.last_seq + 1
            room.messages[seq] = (who, body)
            room.last_seq = room.changed[seq] = seq
            told.tell(room.people, "message:posted", room_id, seq, body)
            room.people[who].last_read_seq = seq  # As everybody knows who has the message.
        return told

    def edit(self, who: str, room_id: int, seq: int, body: str) -> Told:
        outcome = self._may_change(who, room_id, seq, others=False)
        if outcome != OK:
            return Told(outcome)
        room = self.rooms[room_id]
        if seq in room.deleted:
            return Told(CONFLICT)
        room.messages[seq] = (who, body)
        return self._change(room, seq)

    def delete(self, who: str, room_id: int, seq: int) -> Told:
        may = room_id in self.rooms and self.leads(who, self.rooms[room_id])
        outcome = self._may_change(who, room_id, seq, others=may)
        if outcome != OK or seq in self.rooms[room_id].deleted:
            return Told(outcome)
        room = self.rooms[room_id]
        room.messages[seq] = (room.messages[seq][0], "")
        room.reactions.pop(seq, None)
        room.deleted.add(seq)
        return self._change(room, seq)

    def react(self, who: str, room_id: int, seq: int, *, takes_back: bool) -> Told:
        outcome = self._may_change(who, room_id, seq, others=True)
        if outcome != OK:
            return Told(outcome)
        room = self.rooms[room_id]
        if seq in room.deleted:
            return Told(CONFLICT)
        given = room.reactions.setdefault(seq, set())
        if (who in given) is not takes_back:
            return Told()
        (given.remove if takes_back else given.add)(who)
        return self._change(room, seq)

    def read(self, who: str, room_id: int, seq: int) -> Told:
        told = Told(self.may_read(who, room_id))
        if told.outcome == OK:
            self._read_up_to(told, self.rooms[room_id], who, min(seq, self.rooms[room_id].last_seq))
        return told

    def type(self, who: str, room_id: int) -> Told:
        told = Told(self.may_post(who, room_id))
        if told.outcome == OK:
            told.tell(self.rooms[room_id].people, "typing:started", room_id, self.ids[who])
        return told

    def become(self, who: str, role: str) -> Told:
        """Give somebody another role. Everyone of the house is at home; a guest leads nothing."""
        told = Told()
        was_of_the_house = self.belongs(who)
        self.roles[who] = role
        for room in self.rooms.values():
            if room.is_home and self.belongs(who) and who not in room.people:
                self._put_in(told, room, who)
            elif was_of_the_house and not self.belongs(who) and who in room.people and not room.is_archived:
                self._keep_an_owner(told, room)
        return told

    # what acts are made of

    def _if(self, who: str, room_id: int, may: object) -> str:
        room = self.rooms.get(room_id)
        if room is None or not self.knows_room(who, room):
            return NOT_FOUND
        assert callable(may)
        return OK if may(room) else FORBIDDEN

    def _may_change(self, who: str, room_id: int, seq: int, *, others: bool) -> str:
        room = self.rooms.get(room_id)
        if room is None or who not in room.people or seq not in self.readable(who, room):
            return NOT_FOUND
        is_open = not room.is_archived
        return OK if is_open and (others or room.messages[seq][0] == who) else FORBIDDEN

    def _change(self, room: ModelRoom, seq: int) -> Told:
        """Note a change of a message, and tell those who can see it."""
        told = Told()
        room.last_seq += 1
        room.changed[seq] = room.last_seq
        people = [who for who in room.people if seq in self.readable(who, room)]
        body, count = room.messages[seq][1], len(room.reactions.get(seq, ()))
        told.tell(people, "message:changed", room.id, seq, body, count)
        return told

    def _put_in(self, told: Told, room: ModelRoom, who: str, *, is_owner: bool = False) -> None:
        told.tell(room.people, "member:joined", room.id, self.ids[who])
        room.people[who] = Place(is_owner, joined_seq=room.last_seq, last_read_seq=room.last_seq)
        if room.kind != "direct" or room.creator == who:
            told.tell([who], "room:entered", room.id)
        told.tell(room.people, "room:updated", room.id)

    def _take_out(self, told: Told, room: ModelRoom, who: str) -> None:
        del room.people[who]
        told.tell([who], "room:left", room.id)
        told.tell(room.people, "member:left", room.id, self.ids[who])
        self._keep_an_owner(told, room)
        told.tell(room.people, "room:updated", room.id)

    def _keep_an_owner(self, told: Told, room: ModelRoom) -> None:
        if room.is_home or room.kind == "direct":
            return
        if not room.people:
            self._archive(told, room)
            return
        heirs = [who for who in room.people if self.belongs(who)] or list(room.people)
        if not any(room.people[who].is_owner for who in heirs):
            room.people[heirs[0]].is_owner = True

    def _archive(self, told: Told, room: ModelRoom) -> None:
        room.is_archived = True
        told.tell(room.people, "room:updated", room.id)

    def _read_up_to(self, told: Told, room: ModelRoom, who: str, seq: int) -> None:
        place = room.people[who]
        if seq <= place.last_read_seq:
            return
        had = self.unread(who, room)
        place.last_read_seq = seq
        if had:
            told.tell(room.people, "room:read", room.id, self.ids[who], seq)
            told.tell([who], "unread:changed", room.id, self.unread(who, room), seq)
