"""Changes of messages over real WebSocket connections: everybody of the room hears them, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from homechat.messages.changes import edit_message
from homechat.messages.reactions import react
from homechat.security.policy import RoomKind
from tests.api_client import new_token
from tests.devices import settle
from tests.house import House
from tests.talkers import Script, Talker

pytestmark = pytest.mark.sockets

MakeTalker = Callable[..., Talker]
MakeScript = Callable[[str], Script]


def said(talker: Talker, room: int, body: str, client_id: str) -> dict[str, Any]:
    """Have somebody say something, and return the message."""
    ack = talker.say(room, body, client_id)
    assert ack["ok"], ack
    message: dict[str, Any] = ack["message"]
    return message


def test_the_room_hears_every_change_whole_and_nobody_else_hears_any(
    talker: MakeTalker, shared_house: House
) -> None:
    room = shared_house.room("ben", "cleo", name="Changing")
    ben, phone, cleo, ada = talker("ben"), talker("ben"), talker("cleo"), talker("ada")
    message = said(ben, room, "six", "change-001")["id"]

    steps: list[tuple[Talker, str, dict[str, Any]]] = [
        (ben, "message:edit", {"message_id": message, "body": "*seven*"}),
        (cleo, "message:react", {"message_id": message, "emoji": "👍"}),
        (cleo, "message:unreact", {"message_id": message, "emoji": "👍"}),
        (ben, "message:delete", {"message_id": message}),
    ]
    for number, (who, event, fields) in enumerate(steps, start=2):
        ack = who.send(event, fields)
        assert ack["ok"] is True, ack
        assert ack["message"]["changed_seq"] == number
        for listener in (ben, phone, cleo):
            told = listener.hear("message:changed", lambda it, number=number: it["changed_seq"] == number)
            assert told == ack["message"]
    edited, reacted, taken_back, deleted = cleo.heard("message:changed")
    assert (edited["body"], "<em>seven</em>" in edited["html"]) == ("*seven*", True)
    assert reacted["reactions"] == [{"emoji": "👍", "count": 1, "person_ids": [shared_house.id_of("cleo")]}]
    assert taken_back["reactions"] == []
    assert (deleted["deleted"], deleted["body"]) == (True, "")
    settle(ada)
    assert ada.heard("message:changed") == []


def test_what_changes_nothing_is_told_to_nobody(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ben", "cleo", name="Same")
    ben, cleo = talker("ben"), talker("cleo")
    message = said(ben, room, "same", "same-0001")["id"]

    assert ben.send("message:edit", {"message_id": message, "body": "same"})["ok"]
    assert cleo.send("message:unreact", {"message_id": message, "emoji": "🎉"})["ok"]
    for _ in range(2):
        assert cleo.send("message:react", {"message_id": message, "emoji": "🎉"})["ok"]
    settle(ben)
    assert [it["changed_seq"] for it in ben.heard("message:changed")] == [2]


def test_an_answer_is_posted_with_what_it_answers(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ben", "cleo", name="Answers")
    ben, cleo = talker("ben"), talker("cleo")
    question = said(ben, room, "Who has the *key*?", "answer-001")

    fields = {"room_id": room, "body": "me", "client_id": "answer-002", "reply_to_id": question["id"]}
    ack = cleo.send("message:send", fields)

    told = ben.hear("message:posted", lambda it: it["client_id"] == "answer-002")
    assert told == ack["message"]
    assert told["reply_to"] == {
        "id": question["id"],
        "seq": question["seq"],
        "author_name": "Ben",
        "preview": "Who has the key?",
        "deleted": False,
    }
    assert cleo.send("message:send", fields) == ack
    refused = cleo.send("message:send", {**fields, "client_id": "answer-003", "reply_to_id": 999_999})
    assert (refused["code"], set(refused["fields"])) == ("conflict", {"reply_to_id"})


def test_who_was_away_gets_what_changed_when_they_are_back(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ben", "cleo", name="Away")
    ben, cleo = talker("ben"), talker("cleo")
    messages = [said(ben, room, text, f"away-{text}-01") for text in ("one", "two", "three")]
    seen = messages[-1]["changed_seq"]
    cleo.close()
    ben.send("message:edit", {"message_id": messages[0]["id"], "body": "uno"})
    ben.send("message:delete", {"message_id": messages[1]["id"]})
    ben.send("message:react", {"message_id": messages[2]["id"], "emoji": "👍"})
    cleo.connect()

    missed = cleo.send("message:changes", {"room_id": room, "after": seen})

    assert missed["messages"] == ben.heard("message:changed")
    assert [it["body"] for it in missed["messages"]] == ["uno", "", "three"]
    assert (missed["last_seq"], missed["reload"]) == (seen + 3, False)


def test_newcomers_do_not_hear_what_was_said_before_them_change(
    talker: MakeTalker, shared_house: House
) -> None:
    room = shared_house.room("ben", "cleo", name="From arrival", from_arrival=True)
    ben, cleo = talker("ben"), talker("cleo")
    old = said(ben, room, "before Gus", "arrive-001")["id"]
    gus = talker("gus")
    ben.post(f"/rooms/{room}/members", {"user_id": shared_house.id_of("gus")})
    gus.hear("room:entered", lambda data: data["room"]["room_id"] == room)

    changed = ben.send("message:edit", {"message_id": old, "body": "before Gus, anew"})["message"]
    new = said(ben, room, "Hello Gus", "arrive-002")
    later = ben.send("message:react", {"message_id": new["id"], "emoji": "👋"})["message"]

    assert gus.hear("message:changed") == later
    assert cleo.hear("message:changed", lambda it: it["id"] == old) == changed
    assert [it["id"] for it in gus.heard("message:changed")] == [new["id"]]
    missed = gus.send("message:changes", {"room_id": room, "after": 0})
    assert [it["id"] for it in missed["messages"]] == [new["id"]]


@pytest.mark.parametrize("event", ["message:edit", "message:delete", "message:react", "message:unreact"])
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"message_id": None},
        {"message_id": "1"},
        {"message_id": 0},
        {"message_id": True},
        {"message_id": 2**63},
        {"message_id": 1.5},
    ],
)
def test_a_wrong_shape_is_refused(talker: MakeTalker, event: str, wrong: dict[str, Any]) -> None:
    ack = talker("ben").send(event, {"body": "x", "emoji": "👍", **wrong})
    assert (ack["ok"], ack["code"], set(ack["fields"])) == (False, "invalid", {"message_id"})


def test_a_program_changes_messages_with_the_scope_to_write_only(
    talker: MakeTalker, script: MakeScript, shared_house: House
) -> None:
    room = shared_house.room("ben", "cleo", name="By program")
    ben = talker("ben")
    message = said(ben, room, "lights on", "program-01")["id"]
    reads = script(new_token(shared_house, "ben", "messages:read")[1]).connect()
    writes = script(new_token(shared_house, "ben", "messages:read", "messages:write")[1]).connect()
    elsewhere = shared_house.room("ben", name="Elsewhere")
    bound = script(
        new_token(shared_house, "ben", "messages:read", "messages:write", room_ids=[elsewhere])[1]
    ).connect()

    for event, fields in (
        ("message:edit", {"body": "lights off"}),
        ("message:react", {"emoji": "💡"}),
        ("message:unreact", {"emoji": "💡"}),
        ("message:delete", {}),
    ):
        fields = {"message_id": message, **fields}
        assert reads.send(event, fields)["code"] == "scope_needed"
        assert bound.send(event, fields)["code"] == "not_found"
        assert writes.send(event, fields)["ok"] is True
    for hearer in (reads, ben):
        assert len(hearer.hear_many("message:changed", 4)) == 4


def test_no_room_is_told_of_before_it_is_stored(talker: MakeTalker, shared_house: House) -> None:
    """Changes made by another process are found by catching up, as everything that no socket was told of."""
    room = shared_house.room("ben", "cleo", name="Other process", kind=RoomKind.PUBLIC)
    cleo = talker("cleo")
    ben = shared_house.actor("ben")
    message = said(cleo, room, "hello", "process-01")["id"]
    shared_house.act(react, ben, message_id=message, emoji="👍")
    mine = said(talker("ben"), room, "mine", "process-02")
    shared_house.act(edit_message, ben, message_id=mine["id"], body="mine, edited")

    missed = cleo.send("message:changes", {"room_id": room, "after": 1})

    assert [it["body"] for it in missed["messages"]] == ["hello", "mine, edited"]
    assert [it["changed_seq"] for it in missed["messages"]] == [2, 4]
