"""Nothing leaks, whatever people do in whatever order: hypothesis drives a real server beside a model of the rights.

Five people on real connections found rooms, join, leave, are put in and taken out, write, edit, delete, react, type,
read and look around. After each act everybody must have heard exactly what tests/rights_model.py says, and nobody
anything else; but for a change of role, after which everybody comes back. HOMECHAT_FUZZ_HOUSES and HOMECHAT_FUZZ_STEPS
make it longer: 100 houses of 100 acts are the 10,000 that a release takes.
"""

from __future__ import annotations

import html
import itertools
import os
import re
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from homechat.actor import Actor, Role
from homechat.household.people import change_role
from homechat.messages.search import PAGE_HITS
from tests import secrets_used
from tests.conftest import GENEROUS_LIMITS, close
from tests.devices import new_device, window_of
from tests.house import CAST, House, copy_house
from tests.rights_model import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    Heard,
    ModelHouse,
    ModelRoom,
    Told,
)
from tests.server_process import ServerProcess
from tests.talkers import WAIT_SECONDS, Talker

pytestmark = pytest.mark.sockets

HOUSES = int(os.environ.get("HOMECHAT_FUZZ_HOUSES", "6"))
STEPS = int(os.environ.get("HOMECHAT_FUZZ_STEPS", "50"))
STATUS = {OK: (200, 302), NOT_FOUND: (404,), FORBIDDEN: (403,), CONFLICT: (409,)}
NOBODYS_ROOM = 999_999
UNKNOWN_EVENT = "fuzz:settle"

people = st.sampled_from(["ada", "ben", "cleo", "gus", "olga"])
some_people = st.sets(people, max_size=3)
which = st.integers(0, 9)
"""Which room: counted from the newest and around again; 9 is one that is not there."""
somebody = people | st.integers(0, 4)
"""By name, or by number among those who are in the room of the act: else most acts would only be refused."""


class Household(RuleBasedStateMachine):
    """A house of its own for each run, with everybody connected."""

    cast_folder: ClassVar[Path]
    _numbers: ClassVar[itertools.count[int]] = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="homechat-fuzz-"))
        self.server = ServerProcess(
            copy_house(self.cast_folder, self.folder / "data"), GENEROUS_LIMITS
        ).start()
        self.house = House(self.server.data_dir)
        ids = {name: self.house.id_of(name) for name in CAST}
        roles = {name: str(role.value) for name, role in CAST.items() if role is not Role.BOT}
        self.model = ModelHouse(roles, ids)
        self.windows: dict[str, list[Talker]] = {}
        self.form_tokens: dict[str, str] = {}
        self.known_to: dict[str, set[int]] = {}
        self.role_changes = 0

    def teardown(self) -> None:
        for window in self.everybody():
            window.close()
        self.server.kill()
        close(self.house)
        self.server.assert_no_traceback()
        self.server.assert_no_stall()
        secrets_used.read_before_it_goes(self.server.log_file)
        shutil.rmtree(self.folder)

    @initialize()
    def everybody_connects(self) -> None:
        home = ModelRoom(self.house.home().id, "public", name="home", is_home=True)
        self.model.created("ada", home, ["ben", "cleo", "gus"])
        home.people["ada"].is_owner = False
        for name in self.model.roles:
            self.windows[name] = [new_device(self.server.url, self.house, name).connect()]
        self.settle()
        self.forget()

    # rules: rooms

    @rule(
        who=people,
        kind=st.sampled_from(["public", "private"]),
        others=some_people,
        rules=st.tuples(st.booleans(), st.booleans()),
    )
    def create_room(self, who: str, kind: str, others: set[str], rules: tuple[bool, bool]) -> None:
        from_arrival, owners_add_only = (rule and kind == "private" for rule in rules)
        name = f"Room {self.number()}"
        form = {
            "name": name,
            "kind": kind,
            "newcomers_see": "from_arrival" if from_arrival else "everything",
            "who_adds": "owners" if owners_add_only else "everyone",
            "member_ids": [self.model.ids[other] for other in sorted(others)],
        }
        reply = self.post(who, "/rooms/new", form)
        if not self.model.may_create(who):
            self.check(reply, Told(FORBIDDEN))
            return
        room = ModelRoom(
            _room_id(reply), kind, name, who, from_arrival=from_arrival, owners_add_only=owners_add_only
        )
        self.check(reply, self.model.created(who, room, sorted(others)))
        self.send(who, 0)  # So that there is something newcomers may or may not see.

    @rule(who=people, others=some_people)
    def start_direct(self, who: str, others: set[str]) -> None:
        everyone = others | {who}
        reply = self.post(who, "/direct", {"user_id": [self.model.ids[other] for other in sorted(others)]})
        there = self.model.direct_of(everyone)
        if there is not None:
            self.check(reply, Told())
            assert _room_id(reply) == there.id
            return
        outcome = self.model.may_start_direct(who, others)
        if outcome != OK:
            self.check(reply, Told(outcome))
            return
        room = ModelRoom(_room_id(reply), "direct", creator=who)
        self.check(reply, self.model.created(who, room, sorted(others, key=self.model.ids.__getitem__)))

    @rule(who=somebody, at=which)
    def join(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        self.check(self.post(who, f"/rooms/{room}/join"), self.model.join(who, room))

    @rule(who=somebody, at=which)
    def leave(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        self.check(self.post(who, f"/rooms/{room}/leave"), self.model.leave(who, room))

    @rule(who=somebody, at=which, other=somebody)
    def add(self, who: str | int, at: int, other: str | int) -> None:
        room = self.room(at)
        who, other = self.person(who, room), self.person(other, room)
        reply = self.post(who, f"/rooms/{room}/members", {"user_id": self.model.ids[other]})
        self.check(reply, self.model.add(who, room, other))

    @rule(who=somebody, at=which, other=somebody)
    def remove(self, who: str | int, at: int, other: str | int) -> None:
        room = self.room(at)
        who, other = self.person(who, room), self.person(other, room)
        reply = self.post(who, f"/rooms/{room}/members/{self.model.ids[other]}/remove")
        self.check(reply, self.model.remove(who, room, other))

    @rule(who=somebody, at=which, other=somebody)
    def make_owner(self, who: str | int, at: int, other: str | int) -> None:
        room = self.room(at)
        who, other = self.person(who, room), self.person(other, room)
        reply = self.post(who, f"/rooms/{room}/members/{self.model.ids[other]}/owner")
        self.check(reply, self.model.make_owner(who, room, other))

    @rule(who=somebody, at=which)
    def rename(self, who: str | int, at: int) -> None:
        room, name = self.room(at), f"Room {self.number()}"
        who = self.person(who, room)
        reply = self.post(who, f"/rooms/{room}/details", {"name": name, "description": ""})
        self.check(reply, self.model.rename(who, room, name))

    @rule(who=somebody, at=which)
    def archive(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        self.check(self.post(who, f"/rooms/{room}/archive"), self.model.archive(who, room))

    # rules: talking

    @rule(who=somebody, at=which)
    def send(self, who: str | int, at: int) -> None:
        room, number = self.room(at), self.number()
        who = self.person(who, room)
        fields = {"room_id": room, "body": f"word{number}", "client_id": f"fuzz-{number:06d}"}
        ack = self.ask(who, "message:send", fields)
        self.check(ack, self.model.send(who, room, f"word{number}"))
        if ack["ok"]:
            self.note_id(room, ack["message"]["id"])

    @rule(who=somebody, at=which)
    def send_from_the_page(self, who: str | int, at: int) -> None:
        room, number = self.room(at), self.number()
        who = self.person(who, room)
        reply = self.post(
            who, f"/rooms/{room}/messages", {"body": f"word{number}", "client_id": f"fuzz-{number:06d}"}
        )
        self.check(reply, self.model.send(who, room, f"word{number}"))
        if reply.status_code == 302:
            self.note_id(room, int(reply.headers["Location"].rpartition("-")[2]))

    @rule(who=somebody, at=which, place=st.integers(0, 9))
    def edit(self, who: str | int, at: int, place: int) -> None:
        room, body = self.room(at), f"word{self.number()}"
        who, (seq, message) = self.person(who, room), self.message(room, place)
        ack = self.ask(who, "message:edit", {"message_id": message, "body": body})
        self.check(ack, self.model.edit(who, room, seq, body))

    @rule(who=somebody, at=which, place=st.integers(0, 9))
    def delete(self, who: str | int, at: int, place: int) -> None:
        room = self.room(at)
        who, (seq, message) = self.person(who, room), self.message(room, place)
        ack = self.ask(who, "message:delete", {"message_id": message})
        self.check(ack, self.model.delete(who, room, seq))

    @rule(who=somebody, at=which, place=st.integers(0, 9), takes_back=st.booleans())
    def react(self, who: str | int, at: int, place: int, takes_back: bool) -> None:
        room = self.room(at)
        who, (seq, message) = self.person(who, room), self.message(room, place)
        event = "message:unreact" if takes_back else "message:react"
        ack = self.ask(who, event, {"message_id": message, "emoji": "🎉"})
        self.check(ack, self.model.react(who, room, seq, takes_back=takes_back))

    @rule(who=somebody, at=which, place=st.integers(0, 9))
    def open_the_page_about_a_message(self, who: str | int, at: int, place: int) -> None:
        room = self.room(at)
        who, (seq, message) = self.person(who, room), self.message(room, place)
        reply = self.windows[who][0].get(f"/messages/{message}")
        is_in = room in self.model.rooms and who in self.model.rooms[room].people
        is_seen = is_in and seq in self.model.readable(who, self.model.rooms[room])
        self.check(reply, Told(OK if is_seen else NOT_FOUND))
        self.check_words(who, reply.text, room)

    @rule(who=somebody, at=which)
    def type(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        self.check(self.ask(who, "typing:start", {"room_id": room}), self.model.type(who, room))

    @rule(who=somebody, at=which)
    def stop_typing(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        self.check(self.ask(who, "typing:stop", {"room_id": room}), Told(self.model.may_post(who, room)))

    @rule(who=somebody, at=which, seq=st.integers(0, 20))
    def read(self, who: str | int, at: int, seq: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        ack = self.ask(who, "room:read", {"room_id": room, "seq": seq})
        self.check(ack, self.model.read(who, room, seq))
        if ack["ok"]:
            assert ack["unread"] == self.model.unread(who, self.model.rooms[room])

    # rules: looking around

    @rule(who=somebody, at=which, after=st.integers(0, 5))
    def look_back(self, who: str | int, at: int, after: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        outcome = self.model.may_read(who, room)
        history = self.ask(who, "message:history", {"room_id": room})
        changes = self.ask(who, "message:changes", {"room_id": room, "after": after})
        self.check(history, Told(outcome))
        self.check(changes, Told(outcome))
        if outcome == OK:
            visible = self.model.readable(who, self.model.rooms[room])
            assert _said(history) == {seq: body for seq, (_, body) in visible.items()}
            changed = self.model.rooms[room].changed
            assert _said(changes) == {seq: body for seq, (_, body) in visible.items() if changed[seq] > after}
            others = set(self.model.rooms[room].people) - {who}
            assert {int(person) for person in changes["reads"]} == {self.model.ids[other] for other in others}

    @rule(who=somebody, at=which)
    def open_pages(self, who: str | int, at: int) -> None:
        room = self.room(at)
        who = self.person(who, room)
        for path in (f"/rooms/{room}", f"/rooms/{room}/details"):
            reply = self.windows[who][0].get(path)
            self.check(reply, Told(self.model.may_see(who, room)))
            self.check_words(who, reply.text, room)

    @rule(who=people)
    def browse(self, who: str) -> None:
        reply = self.windows[who][0].get("/rooms")
        self.check(reply, Told(OK if self.model.belongs(who) else FORBIDDEN))
        if reply.status_code == 200:
            for room in self.model.browsable():
                assert self.model.rooms[room].name in html.unescape(reply.text)
        self.check_words(who, reply.text)

    @rule(who=people)
    def look_for_people(self, who: str) -> None:
        reply = self.windows[who][0].get("/people")
        self.check(reply, Told())
        found = {int(number) for number in re.findall(r'name="user_id" value="(\d+)"', reply.text)}
        writable = {self.model.ids[other] for other in self.model.writable_people(who)}
        if self.model.roles[who] == "admin":  # Who runs the house writes to any bot; this one is in no room.
            writable.add(self.model.ids["rex"])
        assert found == writable

    @rule(who=people)
    def search(self, who: str) -> None:
        reply = self.windows[who][0].get("/search?q=word")
        self.check(reply, Told())
        self.check_words(who, reply.text)
        hits = {(int(room), int(seq)) for room, seq in re.findall(r"/rooms/(\d+)\?around=(\d+)", reply.text)}
        mine = [room for room in self.model.rooms.values() if who in room.people]
        readable = {(room.id, seq) for room in mine for seq in self.model.readable(who, room)}
        assert hits <= readable
        assert len(hits) == min(len(readable), PAGE_HITS)

    @rule(who=people)
    def list_conversations(self, who: str) -> None:
        answer = self.ask(who, "room:list", {})
        self.check(answer, Told())
        assert {line["room_id"]: line["unread"] for line in answer["rooms"]} == self.model.listed(who)
        assert set(answer["online"]) == {self.model.ids[other] for other in self.model.known_people(who)}
        for line in answer["rooms"]:
            room = self.model.rooms[line["room_id"]]
            assert line["here"] == len(room.people) - 1, "everybody is online"
            last = self.model.last_said(who, room)
            assert (line["last_message"] or {"preview": None})["preview"] == last

    # rules: coming and going

    @rule(who=people)
    def open_another_window(self, who: str) -> None:
        if len(self.windows[who]) < 2:
            self.windows[who].append(window_of(self.windows[who][0]).connect())
        self.check_heard(Told())

    @rule(who=people)
    def reconnect(self, who: str) -> None:
        self.windows[who][0].connect()
        self.check_heard(Told())

    @precondition(lambda self: self.role_changes < 2)
    @rule(
        who=st.sampled_from(["ben", "cleo", "gus", "olga"]),
        role=st.sampled_from(["member", "guest", "admin"]),
    )
    def change_role(self, who: str, role: str) -> None:
        """By the operator, whose process the server's sockets hear nothing from: they look again by themselves."""
        if self.model.roles[who] == role:
            return
        self.role_changes += 1
        self.house.act(change_role, Actor.operator(), self.model.ids[who], Role(role))
        self.model.become(who, role)
        for window in self.windows[who]:
            window.hear("session:ended")
            assert window.ended.wait(WAIT_SECONDS)
        for window in self.windows[who]:
            window.connect()
        self.settle()
        self.forget()

    # what rules are made of

    def number(self) -> int:
        return next(self._numbers)

    def room(self, at: int) -> int:
        rooms = sorted(self.model.rooms, reverse=True)
        return rooms[at % len(rooms)] if at < 9 else NOBODYS_ROOM

    def message(self, room: int, place: int) -> tuple[int, int]:
        """Return the place and the id of one of the last messages of a room, or of none that there is."""
        ids = self.model.rooms[room].ids if room in self.model.rooms else {}
        last = sorted(ids, reverse=True)[:9]
        return (last[place], ids[last[place]]) if place < len(last) else (0, NOBODYS_ROOM)

    def note_id(self, room: int, message: int) -> None:
        """Remember which message the room's newest is."""
        self.model.rooms[room].ids[max(self.model.rooms[room].messages)] = message

    def person(self, who: str | int, room: int) -> str:
        if isinstance(who, str):
            return who
        here = list(self.model.rooms[room].people) if room in self.model.rooms else []
        return here[who % len(here)] if here else "ada"

    def everybody(self) -> list[Talker]:
        return [window for windows in self.windows.values() for window in windows]

    def post(self, who: str, path: str, form: dict[str, Any] | None = None) -> requests.Response:
        window = self.windows[who][0]
        if who not in self.form_tokens:
            found = re.search(r'name="csrf_token" value="([^"]+)"', window.get("/me").text)
            assert found
            self.form_tokens[who] = html.unescape(found[1])
        return window.request("POST", path, data={"csrf_token": self.form_tokens[who], **(form or {})})

    def ask(self, who: str, event: str, fields: dict[str, Any]) -> dict[str, Any]:
        return self.windows[who][-1].send(event, fields)

    def check(self, answer: requests.Response | dict[str, Any], told: Told) -> None:
        """Hold an answer, and what everybody has heard since the last act, against the model."""
        if isinstance(answer, dict):
            outcome = OK if answer["ok"] else answer["code"]
            assert outcome == told.outcome, answer
        else:
            assert answer.status_code in STATUS[told.outcome], (answer.status_code, told.outcome)
        self.check_heard(told)

    def check_heard(self, told: Told) -> None:
        self.settle()
        for who, windows in self.windows.items():
            wanted = told.heard.get(who, Counter())
            for window in windows:
                heard = Counter(what for what in map(self.what, self.events_of(window)) if what)
                assert heard == wanted, f"{who} heard {heard - wanted}, not {wanted - heard}"
        self.forget()

    def what(self, event: tuple[str, dict[str, Any]]) -> Heard | None:
        """Return an event in the words of the model, None for what depends on the clock."""
        name, data = event
        if name == "message:changed":
            count = sum(given["count"] for given in data["reactions"])
            return name, data["room_id"], data["seq"], data["body"], count
        if name == "message:posted":
            return name, data["room_id"], data["seq"], data["body"]
        if name in ("member:joined", "typing:started"):
            return name, data["room_id"], data["person"]["id"]
        if name == "member:left":
            return name, data["room_id"], data["person_id"]
        if name == "room:read":
            return name, data["room_id"], data["person_id"], data["last_read_seq"]
        if name == "unread:changed":
            return name, data["room_id"], data["unread"], data["last_read_seq"]
        if name == "room:entered":
            return name, data["room"]["room_id"]
        if name in ("room:left", "room:updated"):
            return name, data["room_id"]
        return None

    def events_of(self, window: Talker) -> list[tuple[str, dict[str, Any]]]:
        events = list(window.events)
        for name, data in events:
            if name == "typing:stopped":  # Within 6 s of the last word of it.
                assert window.name in self.model.rooms[data["room_id"]].people, (
                    "told of typing in a room of others"
                )
            elif name == "presence:changed":
                assert data["person_id"] in self.ids_around(window.name), (
                    "told of a stranger's coming and going"
                )
            elif name == "newcomer:waiting":  # Who comes is told how it stands.
                assert self.model.roles[window.name] == "admin", "told who waits, and lets nobody in"
            elif name not in KNOWN_EVENTS:
                raise AssertionError(f"{window.name} heard {name}: {data}")
        return events

    def ids_around(self, who: str) -> set[int]:
        return {self.model.ids[other] for other in self.model.around(who) | {who}}

    def check_words(self, who: str, page: str, looked_at: int | None = None) -> None:
        """Check that a page names no room and quotes no word that its reader may not know of."""
        page = html.unescape(page)
        for room in self.model.rooms.values():
            if not self.model.knows_room(who, room):
                assert not re.search(rf"\b{re.escape(room.name)}\b", page) or not room.name, room
            visible = self.model.readable(who, room) if who in room.people else {}
            for seq, (_, body) in room.messages.items():
                assert not body or seq in visible or not re.search(rf"\b{body}\b", page), (room, body)

    def settle(self) -> None:
        """Wait until whatever is on its way has arrived: each window gets an answer after it."""
        answers = []
        for window in self.everybody():
            answered = threading.Event()
            window.socket.emit(UNKNOWN_EVENT, {}, callback=lambda *_, answered=answered: answered.set())
            answers.append(answered)
        assert all(answered.wait(WAIT_SECONDS) for answered in answers)

    def forget(self) -> None:
        for window in self.everybody():
            window.forget()


KNOWN_EVENTS = {
    *("server:hello", "message:posted", "member:joined", "typing:started", "member:left", "room:read"),
    *("unread:changed", "room:entered", "room:left", "room:updated", "message:changed"),
}


def test_everybody_hears_what_the_model_says_and_nothing_else(cast_folder: Path) -> None:
    Household.cast_folder = cast_folder
    run_state_machine_as_test(
        Household,
        settings=settings(
            max_examples=HOUSES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
        ),
    )


def _room_id(reply: requests.Response) -> int:
    assert reply.status_code == 302, (reply.status_code, reply.text[:500])
    found = re.search(r"/rooms/(\d+)", reply.headers["Location"])
    assert found
    return int(found[1])


def _said(answer: dict[str, Any]) -> dict[int, str]:
    return {message["seq"]: message["body"] for message in answer["messages"]}
