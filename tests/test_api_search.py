"""Searching at the API: the same rules as on the page, in the shapes that programs know."""

from __future__ import annotations

import pytest

from homechat.rooms.actions import archive_room
from homechat.security.policy import RoomKind
from tests.api_client import Program, app_of, program_of
from tests.house import CAST, House

pytestmark = pytest.mark.api


def test_what_was_said_is_found_with_where_and_by_whom(house: House) -> None:
    room = house.room("ben", "cleo", name="Garden")
    house.say("ben", room, "The **tomatoes** need water")

    reply = app_of(house, "cleo").get("/search?q=tomato")

    assert reply.status_code == 200, reply.text
    (found,) = reply.json["messages"]
    assert (found["content"], found["channel"]) == (
        "The **tomatoes** need water",
        {"id": room, "name": "Garden"},
    )
    assert found["user"] == {"id": house.id_of("ben"), "username": "ben"}
    assert (reply.json["totalResults"], reply.json["has_more"]) == (1, False)


def test_rooms_and_people_are_found_by_name_and_type_really_filters(house: House) -> None:
    house.room("ben", name="Cleo's party", kind=RoomKind.PUBLIC)
    program = app_of(house, "ben")
    house.say("ben", house.home().id, "Where is Cleo?")

    found = program.get("/search?q=cleo").json
    assert [person["username"] for person in found["users"]] == ["cleo"]
    assert [room["name"] for room in found["channels"]] == ["Cleo's party"]
    assert [message["content"] for message in found["messages"]] == ["Where is Cleo?"]
    assert found["totalResults"] == 3

    for kind in ("users", "channels", "messages"):
        only = program.get(f"/search?q=cleo&type={kind}").json
        assert {name for name in ("users", "channels", "messages") if only[name]} == {kind}
        assert only["totalResults"] == 1


def test_nobody_finds_what_is_not_theirs_to_see(house: House) -> None:
    room = house.room("ben", name="Surprise party", kind=RoomKind.PRIVATE)
    house.say("ben", room, "A surprise for Cleo")

    for name in ("ada", "cleo", "gus"):
        found = app_of(house, name).get("/search?q=surprise").json
        assert (found["channels"], found["messages"], found["totalResults"]) == ([], [], 0), name


def test_a_token_that_is_bound_to_rooms_finds_nothing_elsewhere(house: House) -> None:
    garden, kitchen = (house.room("ben", name=name) for name in ("Garden", "Kitchen"))
    for room in (garden, kitchen):
        house.say("ben", room, "Where is the key?")

    found = program_of(house, "ben", "search", room_ids=[garden]).get("/search?q=key").json

    assert [message["channel"]["id"] for message in found["messages"]] == [garden]


@pytest.mark.parametrize(("address", "scope"), [("/search", "search"), ("/users/search", "users:read")])
def test_a_token_for_something_else_finds_nothing(address: str, scope: str, house: House) -> None:
    reply = program_of(house, "ben", "messages:read").get(f"{address}?q=cleo")

    assert (reply.status_code, reply.json["scope"]) == (403, scope)


@pytest.mark.parametrize("address", ["/search", "/users/search"])
@pytest.mark.parametrize("query", ["", "?q=", "?q=a", f"?q={'a' * 300}"])
def test_what_nothing_can_be_found_by_is_refused_with_a_sentence(
    address: str, query: str, house: House
) -> None:
    reply = app_of(house, "ben").get(f"{address}{query}")

    assert (reply.status_code, reply.json["code"]) == (422, "invalid")
    assert "q" in reply.json["fields"]


def test_people_are_found_by_either_name_as_far_as_one_may_know_of_them(house: House) -> None:
    assert [it["username"] for it in app_of(house, "ben").get("/users/search?q=ol").json["users"]] == ["olga"]
    assert app_of(house, "gus").get("/users/search?q=ol").json["users"] == []


def test_who_is_found_by_name_is_who_is_found_by_id(house: House) -> None:
    open_room = house.room("ada", "gus", name="Open", kind=RoomKind.PUBLIC)
    closed_room = house.room("cleo", name="Closed", kind=RoomKind.PUBLIC)
    house.act(archive_room, house.actor("cleo"), closed_room)
    programs = {
        "a bot": program_of(house, "ben", as_bot=True, called="Doorbell"),
        "a bot, in one room": program_of(house, "ben", as_bot=True, called="Lamp", room_ids=[open_room]),
        "a bot, in an archived room": program_of(
            house, "ben", as_bot=True, called="Clock", room_ids=[closed_room]
        ),
        "a person": program_of(house, "ben"),
        "a person, in one room": program_of(house, "ada", room_ids=[open_room]),
        "a guest": app_of(house, "gus"),
    }
    cast = {name: house.id_of(name) for name in CAST}
    found = {who: {name for name in cast if finds(program, name)} for who, program in programs.items()}
    by_id = {
        who: {name for name, id_ in cast.items() if program.get(f"/users/{id_}").status_code == 200}
        for who, program in programs.items()
    }
    assert found == by_id
    assert found == {
        "a bot": {"ada", "ben", "cleo", "gus"},
        "a bot, in one room": {"ada", "gus"},
        "a bot, in an archived room": set(),
        "a person": {*cast},
        "a person, in one room": {"ada", "gus"},
        "a guest": {"ada", "ben", "cleo", "gus"},
    }


def finds(program: Program, name: str) -> bool:
    """Whether both searches find somebody of this name, or neither does."""
    several = [program.get(f"{path}?q={name}").json["users"] for path in ("/users/search", "/search")]
    here, everywhere = (name in [person["username"] for person in people] for people in several)
    assert here == everywhere
    return here


def test_older_messages_come_a_page_at_a_time(house: House) -> None:
    room = house.room("ben", name="Counting")
    for number in range(5):
        house.say("ben", room, f"apple number {number}")
    program = app_of(house, "ben")

    first = program.get("/search?q=apple&limit=3").json
    then = program.get(f"/search?q=apple&limit=3&before={first['messages'][-1]['id']}").json

    assert [it["content"][-1] for it in first["messages"] + then["messages"]] == ["4", "3", "2", "1", "0"]
    assert (first["has_more"], then["has_more"]) == (True, False)
