"""Direct conversations at the API: one's own, begun and written to by the other's id or name."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from homechat.messages.models import Message
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind
from tests.api_client import app_of, program_of
from tests.house import House
from tests.test_api_channels import SHAPE, headers
from tests.test_api_messages import contents

pytestmark = pytest.mark.api

WAYS = ["/direct_messages/{}", "/users/{}/messages", "/messages"]


def write(program: Any, way: str, user_id: int, text: str = "hi", **more: Any) -> Any:
    to = {"user_id": user_id} if way == "/messages" else {}
    return program.post(way.format(user_id), {"message": text, **to, **more})


def directs(house: House) -> list[Room]:
    with house.rows() as session:
        return list(session.scalars(sa.select(Room).where(Room.kind == RoomKind.DIRECT)))


@pytest.mark.parametrize("way", WAYS)
def test_a_direct_message_comes_from_whose_token_it_is_and_reaches_that_person_alone(
    house: House, way: str
) -> None:
    reply = write(program_of(house, "ben"), way, house.id_of("cleo"))

    assert reply.status_code == 200, reply.text
    assert reply.json["message"]["user"]["username"] == "ben"
    assert reply.json["data"]["message"] == reply.json["message"]
    (room,) = directs(house)
    assert reply.json["message"]["channel_id"] == room.id
    ids = sorted([house.id_of("ben"), house.id_of("cleo")])
    assert room.direct_key == "-".join(map(str, ids))
    assert contents(program_of(house, "cleo").get(f"/direct_messages/{house.id_of('ben')}")) == ["hi"]
    assert contents(program_of(house, "ada").get("/messages")) == []


@pytest.mark.parametrize("user_id", ["{}", "0{}"])
def test_a_person_is_named_by_digits_in_text_too(house: House, user_id: str) -> None:
    cleo = house.id_of("cleo")
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "user_id": user_id.format(cleo)})
    assert reply.status_code == 200
    assert len(directs(house)) == 1


def test_a_person_counts_before_a_room(house: House) -> None:
    body = {"message": "hi", "user_id": house.id_of("cleo"), "room": "home"}
    room_id = program_of(house, "ben").post("/messages", body).json["message"]["channel_id"]
    assert room_id == directs(house)[0].id


@pytest.mark.parametrize("way", WAYS)
def test_whom_one_may_not_know_is_not_there(house: House, way: str) -> None:
    for program, hidden in (
        (app_of(house, "gus"), house.id_of("olga")),
        (app_of(house, "olga"), house.id_of("ada")),
    ):
        unknown, hidden_reply = write(program, way, 999_999), write(program, way, hidden)
        assert (unknown.status_code, unknown.json) == (404, hidden_reply.json)
        assert headers(unknown) == headers(hidden_reply)
    assert directs(house) == []


def test_a_conversation_is_begun_by_name_and_found_again(house: House) -> None:
    mine = program_of(house, "ben")
    first = mine.post("/dm/start", {"username": "Cleo"})
    assert first.status_code == 200
    assert set(first.json["channel"]) == SHAPE
    assert (first.json["channel"]["type"], first.json["channel"]["name"]) == ("dm", "Cleo")
    assert first.json["data"]["channel"] == first.json["channel"]
    assert mine.post("/dm/start", {"username": "cleo"}).json["channel"]["id"] == first.json["channel"]["id"]
    assert mine.post("/dm/start", {"username": "nobody"}).status_code == 404
    assert mine.post("/dm/start", {}).status_code == 422
    unknown = app_of(house, "olga").post("/dm/start", {"username": "nobody"})
    hidden = app_of(house, "olga").post("/dm/start", {"username": "ada"})
    assert (unknown.status_code, unknown.json) == (404, hidden.json)


@pytest.mark.parametrize("path", ["/dm/channels", "/direct_messages"])
def test_the_list_has_ones_own_conversations_and_nothing_else(house: House, path: str) -> None:
    house.say("ben", house.direct("ben", "cleo"), "hi")
    house.say("cleo", house.direct("cleo", "ada"), "psst")
    house.room("ben", name="Ours")
    found = {
        name: [
            (each["name"], each["unread_count"])
            for each in program_of(house, name).get(path).json["channels"]
        ]
        for name in ("ben", "cleo", "ada")
    }
    assert found == {"ben": [("Cleo", 0)], "cleo": [("Ben", 1), ("Ada", 0)], "ada": [("Cleo", 1)]}
    (channel,) = program_of(house, "ben").get(path).json["channels"]
    assert set(channel) == SHAPE
    assert channel["last_message"]["content"] == "hi"


def test_where_nothing_was_said_there_is_nothing_and_nothing_is_begun(house: House) -> None:
    reply = program_of(house, "ben").get(f"/direct_messages/{house.id_of('cleo')}")
    assert reply.json == {"messages": [], "has_more": False, "oldest_id": None}
    assert directs(house) == []
    assert program_of(house, "ben").get("/direct_messages/999999").status_code == 404
    assert app_of(house, "olga").get(f"/direct_messages/{house.id_of('ada')}").status_code == 404


def test_a_conversation_comes_page_by_page(house: House) -> None:
    room, cleo = house.direct("ben", "cleo"), house.id_of("cleo")
    for number in range(4):
        house.say("ben", room, str(number))
    mine = program_of(house, "ben")
    first = mine.get(f"/direct_messages/{cleo}?limit=3")
    assert (contents(first), first.json["has_more"]) == (["3", "2", "1"], True)
    assert contents(mine.get(f"/direct_messages/{cleo}?before={first.json['oldest_id']}")) == ["0"]


def test_a_token_bound_to_rooms_writes_to_nobody_but_in_its_own_conversation(house: House) -> None:
    cleo = house.id_of("cleo")
    conversation = house.direct("ben", "cleo")
    elsewhere = program_of(house, "ben", room_ids=[house.home().id])
    for way in WAYS:
        assert write(elsewhere, way, cleo).status_code == 403
    assert elsewhere.post("/dm/start", {"username": "cleo"}).status_code == 403
    assert elsewhere.get("/dm/channels").json["channels"] == []
    assert contents(elsewhere.get(f"/direct_messages/{cleo}")) == []
    inside = program_of(house, "ben", room_ids=[conversation])
    assert write(inside, "/messages", cleo).status_code == 200
    assert contents(inside.get(f"/direct_messages/{cleo}")) == ["hi"]


def test_a_bot_answers_and_begins_only_with_the_scope_to_make_rooms(house: House) -> None:
    ben = house.id_of("ben")
    silent = program_of(house, "ben", "messages:write", "messages:read", as_bot=True)
    for way in WAYS:
        assert write(silent, way, ben).status_code == 403
    assert directs(house) == []

    bot = program_of(house, "ben", as_bot=True, called="Doorbell")
    reply = write(bot, "/messages", ben, "Somebody rings")
    assert (reply.status_code, reply.json["message"]["user"]["username"]) == (200, "doorbell")
    assert contents(program_of(house, "ben").get("/messages")) == ["Somebody rings"]
    assert write(bot, "/messages", house.id_of("olga")).status_code == 404
    with house.rows() as session:
        assert set(session.scalars(sa.select(Message.author_id))) == {house.id_of("doorbell")}
