"""Answers at the API: a program says which message it answers, and they stand in the same room."""

from __future__ import annotations

import io
from typing import Any

import pytest

from homechat.rooms.finding import look_up_room
from homechat.security.policy import RoomKind, RoomRight
from tests.api_client import program_of
from tests.house import House
from tests.test_api_changes import message_of, shown
from tests.test_api_directs import directs
from tests.test_api_messages import everything_said

pytestmark = pytest.mark.api


@pytest.mark.parametrize("field", ["reply_to", "reply_to_id"])
@pytest.mark.parametrize("in_text", [False, True])
def test_an_answer_names_what_it_answers_and_stands_in_its_room(
    field: str, in_text: bool, house: House
) -> None:
    room = house.room("ben", "cleo", name="Plans")
    asked = message_of(house, "cleo", room, "Dinner at seven?")
    answers: Any = str(asked) if in_text else asked

    reply = program_of(house, "ben").post("/messages", {"message": "Yes!", field: answers})

    assert reply.status_code == 200, reply.text
    assert (reply.json["message"]["reply_to"], reply.json["message"]["channel_id"]) == (asked, room)
    (newest, _older) = shown(program_of(house, "cleo"), room)
    assert (newest["content"], newest["reply_to"]) == ("Yes!", asked)


def test_every_way_to_send_takes_an_answer(house: House) -> None:
    room, cleo = house.direct("ben", "cleo"), house.id_of("cleo")
    asked = message_of(house, "cleo", room, "Dinner at seven?")
    mine = program_of(house, "ben")

    ways = [f"/channels/{room}/messages", f"/users/{cleo}/messages", f"/direct_messages/{cleo}"]
    replies = [mine.post(way, {"message": "Yes!", "reply_to": asked}) for way in ways]
    form = {"message": "Like this", "reply_to": str(asked), "files[]": (io.BytesIO(b"at seven"), "table.txt")}
    replies.append(mine.ask("POST", ways[0], data=form))

    assert [reply.json["message"]["reply_to"] for reply in replies] == [asked] * 4


def test_an_answer_to_what_stands_elsewhere_is_refused_before_anything_happens(house: House) -> None:
    elsewhere = message_of(house, "cleo", house.room("ben", "cleo", name="Plans"))
    public = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    mine, gus = program_of(house, "ben"), house.id_of("ada")

    for path, body in (
        ("/messages", {"room": house.home().id}),
        ("/messages", {"room": public}),
        ("/messages", {"user_id": gus}),
        (f"/users/{gus}/messages", {}),
    ):
        reply = mine.post(path, {"message": "Yes!", "reply_to": elsewhere, **body})
        assert (reply.status_code, reply.json["code"]) == (409, "conflict"), path
        assert list(reply.json["fields"]) == ["reply_to"]
    made = mine.post("/messages", {"message": "Yes!", "reply_to": elsewhere, "room": "Nowhere yet"})

    assert made.status_code == 404
    assert everything_said(house) == ["Dinner at seven"]
    assert directs(house) == []
    assert RoomRight.JOIN in house.act(look_up_room, house.actor("ben"), public).rights


def test_what_one_can_not_see_can_not_be_answered(house: House) -> None:
    hidden = message_of(house, "cleo", house.room("cleo", name="Secret"))
    mine = program_of(house, "ben")

    unseen, unknown = (
        mine.post("/messages", {"message": "Yes!", "reply_to": it}) for it in (hidden, 999_999)
    )

    assert (unseen.status_code, unseen.json) == (404, unknown.json)
    wrong = mine.post("/messages", {"message": "Yes!", "reply_to": "the last one"})
    assert (wrong.status_code, list(wrong.json["fields"])) == (422, ["reply_to"])
    assert everything_said(house) == ["Dinner at seven"]
