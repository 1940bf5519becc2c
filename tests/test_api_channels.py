"""Rooms at the API: which of them show to whom, and what programs do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from homechat.database import transaction
from homechat.household.people import lock_person
from homechat.messages.changes import delete_message
from homechat.messages.models import Message
from homechat.messages.sidebar import conversations, sidebar
from homechat.realtime import presence
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from homechat.realtime.models import ServerProcess
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import remove_member
from homechat.rooms.models import Membership
from homechat.security.policy import RoomKind
from tests.api_client import Program, app_of, program_of
from tests.house import House
from tests.test_indexes import statements

pytestmark = pytest.mark.api

SHAPE = {
    "id",
    "name",
    "description",
    "type",
    "member_count",
    "online_member_count",
    "last_message",
    "unread_count",
    "is_member",
    "created_at",
}
PERSON = {
    "id",
    "username",
    "display_name",
    "is_online",
    "status",
    "last_seen_at",
    "avatar_url",
    "avatar_initials",
    "avatar_color_index",
}


def names(program: Program, path: str = "/channels") -> set[str]:
    return {channel["name"] for channel in program.get(path).json["channels"]}


def channel(program: Program, room_id: int) -> Any:
    (found,) = [each for each in program.get("/channels").json["channels"] if each["id"] == room_id]
    return found


def members(house: House, room_id: int) -> set[int]:
    with house.rows() as session:
        return set(session.scalars(sa.select(Membership.user_id).where(Membership.room_id == room_id)))


def come_online(house: House, name: str) -> None:
    person = house.person(name)
    with house.rows() as session, transaction():
        if session.get(ServerProcess, live_sockets().process_id) is None:
            presence.register_process()
        assert presence.opened(LiveSocket(f"of-{name}", person.id, None, person.role))


# the list


def test_a_list_has_the_rooms_that_one_can_see_and_no_others(house: House) -> None:
    house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    house.room("cleo", name="Secret")
    house.room("cleo", "ben", name="Ours")
    house.room("cleo", "gus", name="With guests")
    house.say("cleo", house.direct("cleo", "ada"), "Only for you")
    expected = {
        "ada": {"home", "Open", "Cleo"},
        "ben": {"home", "Open", "Ours"},
        "cleo": {"home", "Open", "Secret", "Ours", "With guests", "Ada"},
        "gus": {"home", "With guests"},
        "olga": set(),
    }
    assert {name: names(app_of(house, name)) for name in expected} == expected
    assert names(program_of(house, "ada", as_bot=True)) == {"home", "Open"}


def test_rooms_that_one_is_in_come_first(house: House) -> None:
    for number in range(6):
        house.room("cleo", name=f"Open {number}", kind=RoomKind.PUBLIC)
    house.room("ben", name="Workshop")
    listed = program_of(house, "ben").get("/channels").json["channels"]
    assert [room["name"] for room in listed[:3]] == ["home", "Workshop", "Open 0"]
    assert [room["is_member"] for room in listed] == [True, True, *[False] * 6]


def test_a_channel_has_everything_in_the_spelling_of_the_contract(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours", description="For two")
    house.say("cleo", room, "One")
    house.say("cleo", room, "**Two**")
    come_online(house, "cleo")

    found = channel(program_of(house, "ben"), room)

    assert set(found) == SHAPE
    assert found["description"] == "For two"
    assert (found["type"], found["is_member"]) == ("private", True)
    assert (found["member_count"], found["online_member_count"], found["unread_count"]) == (2, 1, 2)
    assert found["last_message"]["content"] == "**Two**"
    assert found["last_message"]["user"] == {"id": house.id_of("cleo"), "username": "cleo"}
    assert found["last_message"]["created_at"].endswith("Z")
    assert found["created_at"].endswith("Z")
    assert program_of(house, "ben").get(f"/channels/{room}").json == {"channel": found}


def test_rooms_are_public_private_or_dm(house: House) -> None:
    public = house.room("ben", name="Open", kind=RoomKind.PUBLIC)
    private, direct = house.room("ben", name="Closed"), house.direct("ben", "cleo")
    mine = program_of(house, "ben")
    types = [mine.get(f"/channels/{room}").json["channel"]["type"] for room in (public, private, direct)]
    assert types == ["public", "private", "dm"]


def test_what_is_read_in_the_browser_is_read_here(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    seq = house.say("cleo", room, "One")
    mine = program_of(house, "ben")
    assert channel(mine, room)["unread_count"] == 1

    house.client("ben").post(f"/rooms/{room}/read", {"seq": seq})

    assert channel(mine, room)["unread_count"] == 0


def test_of_a_room_that_one_may_not_read_the_last_words_do_not_show(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    house.say("cleo", room, "Among us")

    assert channel(program_of(house, "cleo"), room)["last_message"]["content"] == "Among us"
    outside = channel(program_of(house, "ben"), room)
    assert (outside["last_message"], outside["is_member"], outside["unread_count"]) == (None, False, 0)
    assert channel(program_of(house, "cleo", "channels:read"), room)["last_message"] is None


def test_a_newcomer_does_not_see_what_was_said_before_they_came(house: House) -> None:
    room = house.room("cleo", name="Ours", from_arrival=True)
    house.say("cleo", room, "Before")
    house.add("cleo", room, "ben")
    assert channel(program_of(house, "ben"), room)["last_message"] is None
    house.say("cleo", room, "Since")
    assert channel(program_of(house, "ben"), room)["last_message"]["content"] == "Since"


def test_a_conversation_shows_to_the_other_once_something_was_said(house: House) -> None:
    room = house.direct("ben", "cleo")
    assert (names(program_of(house, "ben")), names(program_of(house, "cleo"))) == ({"home", "Cleo"}, {"home"})
    house.say("ben", room, "hi")
    assert names(program_of(house, "cleo")) == {"home", "Ben"}


def test_a_conversation_stays_in_every_list_when_all_that_was_said_is_deleted(house: House) -> None:
    room = house.direct("ben", "cleo")
    house.say("ben", room, "hi")
    with house.rows() as session:
        message_id = session.scalar(sa.select(Message.id).where(Message.room_id == room))
    house.act(delete_message, house.actor("ben"), message_id=message_id)
    assert names(program_of(house, "cleo")) == {"home", "Ben"}
    assert {line.room.name for line in house.act(sidebar, house.id_of("cleo"))} == {"home", "Ben"}


def test_an_archived_room_leaves_the_list_and_can_be_looked_up(house: House) -> None:
    room = house.room("ben", name="Old")
    house.act(archive_room, house.actor("ben"), room)
    mine = program_of(house, "ben")
    assert names(mine) == {"home"}
    assert mine.get(f"/channels/{room}").json["channel"]["name"] == "Old"


def test_two_hundred_rooms_are_listed_with_as_many_questions_as_two(house: House) -> None:
    mine = program_of(house, "ben")
    house.direct("ben", "cleo")

    def asked() -> int:
        mine.get("/channels")  # The first time after a while notes that the token is in use.
        with statements(house) as seen:
            assert mine.get("/channels").status_code == 200
        return len(seen)

    for number in range(2):
        house.say("cleo", house.room("cleo", "ben", name=f"Room {number}"), "hi")
    before = asked()
    house.app.extensions["homechat_budgets"].storage.reset()
    for number in range(2, 52):
        house.say("cleo", house.room("cleo", "ben", name=f"Room {number}"), "hi")
    assert len(mine.get("/channels").json["channels"]) == 54, "guard: they are all there"
    assert asked() == before
    assert before < 20


# one room: what may not be known is not there


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/channels/{}", None),
        ("GET", "/channels/{}/members", None),
        ("POST", "/channels/{}/join", None),
        ("DELETE", "/channels/{}/leave", None),
        ("POST", "/channels/{}/leave", None),
        ("POST", "/channels/{}/mark_as_read", {}),
        ("POST", "/channels/{}/messages", {"message": "hi"}),
        ("GET", "/messages?channel_id={}", None),
    ],
)
def test_a_room_that_may_not_be_known_answers_like_one_that_does_not_exist(
    house: House, method: str, path: str, body: Any
) -> None:
    secret, direct = house.room("cleo", name="Secret"), house.direct("cleo", "ada")
    open_to_others = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    home = house.home().id
    outsiders = {
        "member": (program_of(house, "ben"), [secret, direct]),
        "guest": (app_of(house, "gus"), [secret, direct, open_to_others]),
        "bot": (program_of(house, "cleo", as_bot=True), [secret, direct]),
        "bound to another room": (
            program_of(house, "cleo", room_ids=[home]),
            [secret, direct, open_to_others],
        ),
    }
    for kind, (program, hidden) in outsiders.items():
        missing = program.ask(method, path.format(999_999), json=body)
        assert missing.status_code == 404, kind
        for room in hidden:
            reply = program.ask(method, path.format(room), json=body)
            assert (reply.status_code, reply.json) == (404, missing.json), kind
            assert headers(reply) == headers(missing), kind


def headers(reply: Any) -> dict[str, str]:
    """Return what a reply says of itself, but for what differs from any request to the next."""
    changing = {"Date", "X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    return {name: value for name, value in reply.headers.items() if name not in changing}


# making, joining, leaving


def test_a_room_is_made(house: House) -> None:
    mine = program_of(house, "ben")

    reply = mine.post("/channels", {"name": "Workshop", "description": "Tools"})

    assert reply.status_code == 201
    made = reply.json["channel"]
    assert set(made) == SHAPE
    assert (made["name"], made["description"], made["type"]) == ("Workshop", "Tools", "public")
    assert (made["is_member"], made["member_count"]) == (True, 1)
    assert reply.json["data"]["channel"] == made
    assert names(program_of(house, "cleo")) == {"home", "Workshop"}


@pytest.mark.parametrize("private", [{"private": True}, {"channel_type": "private"}])
def test_a_private_room_is_made_in_either_spelling(house: House, private: dict[str, Any]) -> None:
    made = program_of(house, "ben").post("/channels", {"name": "Workshop", **private}).json["channel"]
    assert made["type"] == "private"
    assert names(program_of(house, "cleo")) == {"home"}


@pytest.mark.parametrize(
    "wrong", [{}, {"name": "x"}, {"name": "x" * 51}, {"name": 7}, {"name": "ok", "private": "yes"}]
)
def test_what_makes_no_room_is_refused(house: House, wrong: dict[str, Any]) -> None:
    mine = program_of(house, "ben")
    reply = mine.post("/channels", wrong)
    assert (reply.status_code, list(reply.json["fields"])) == (
        422,
        ["private" if "private" in wrong else "name"],
    )
    assert names(mine) == {"home"}


def test_a_taken_name_is_a_conflict_and_a_private_one_is_not_taken(house: House) -> None:
    house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    house.room("cleo", name="Secret")
    mine = program_of(house, "ben")
    assert mine.post("/channels", {"name": "OPEN"}).status_code == 409
    assert mine.post("/channels", {"name": "Secret"}).status_code == 201


def test_guests_and_those_bound_to_rooms_make_none_and_bots_make_public_ones(house: House) -> None:
    bound = program_of(house, "ben", room_ids=[house.home().id])
    for program in (app_of(house, "gus"), bound):
        assert program.post("/channels", {"name": "Workshop"}).status_code == 403
    bot = program_of(house, "ben", as_bot=True)
    assert bot.post("/channels", {"name": "Hidden", "private": True}).status_code == 403
    assert bot.post("/channels", {"name": "Workshop"}).status_code == 201
    assert names(program_of(house, "cleo")) == {"home", "Workshop"}


def test_joining_and_leaving_may_be_said_again(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    mine, ben = program_of(house, "ben"), house.id_of("ben")
    for _time in range(2):
        reply = mine.post(f"/channels/{room}/join")
        assert (reply.status_code, reply.json["success"]) == (200, True)
        assert reply.json["message"]
        assert ben in members(house, room)
    for _time in range(2):
        reply = mine.delete(f"/channels/{room}/leave")
        assert (reply.status_code, reply.json["success"]) == (200, True)
        assert reply.json["message"]
        assert ben not in members(house, room)


def test_a_private_room_that_one_has_left_is_none_of_ones_business_any_more(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    mine = program_of(house, "ben")
    replies = [mine.delete(f"/channels/{room}/leave") for _time in range(2)]
    assert [reply.status_code for reply in replies] == [200, 404]


def test_home_is_not_left_and_a_bot_joins_nothing(house: House) -> None:
    home = house.home().id
    assert program_of(house, "ben").delete(f"/channels/{home}/leave").status_code == 409
    bot = program_of(house, "ben", as_bot=True)
    before = members(house, home)
    assert bot.post(f"/channels/{home}/join").status_code == 403
    assert bot.delete(f"/channels/{home}/leave").status_code == 200, "It was not in there before either."
    assert members(house, home) == before


# who is in it


def test_members_are_people_as_the_contract_spells_them(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    come_online(house, "cleo")

    found = {
        each["username"]: each
        for each in program_of(house, "ben").get(f"/channels/{room}/members").json["members"]
    }

    assert set(found) == {"ben", "cleo"}
    assert all(set(person) == PERSON for person in found.values())
    assert (found["cleo"]["is_online"], found["cleo"]["status"]) == (True, "online")
    assert (found["ben"]["is_online"], found["ben"]["status"]) == (False, "offline")
    assert found["ben"]["avatar_initials"] == "B"


def test_those_who_can_see_a_room_see_who_is_in_it(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    for program in (program_of(house, "ben"), program_of(house, "ben", as_bot=True)):
        found = program.get(f"/channels/{room}/members")
        assert [person["username"] for person in found.json["members"]] == ["cleo"]
    assert app_of(house, "gus").get(f"/channels/{room}/members").status_code == 404
    page = house.client("ben").get(f"/rooms/{room}/details").text
    assert "Cleo" in page


# reading


def test_a_room_is_marked_as_read_up_to_a_message_and_as_a_whole(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    mine, other = program_of(house, "ben"), program_of(house, "cleo")
    first, _second = (
        other.post(f"/channels/{room}/messages", {"message": text}).json["message"]["id"]
        for text in ("One", "Two")
    )

    def mark(**body: Any) -> Any:
        return mine.post(f"/channels/{room}/mark_as_read", body)

    assert mark(up_to_message_id=first).json["unread_count"] == 1
    assert channel(mine, room)["unread_count"] == 1
    assert mark().json == {"success": True, "message": "Marked as read.", "unread_count": 0}
    assert channel(mine, room)["unread_count"] == 0


def test_a_message_of_another_room_marks_nothing(house: House) -> None:
    room, other = house.room("cleo", "ben", name="Ours"), house.room("cleo", name="Secret")
    house.say("cleo", room, "One")
    hers = (
        program_of(house, "cleo").post(f"/channels/{other}/messages", {"message": "x"}).json["message"]["id"]
    )
    mine = program_of(house, "ben")
    for message_id in (hers, 999_999):
        assert (
            mine.post(f"/channels/{room}/mark_as_read", {"up_to_message_id": message_id}).status_code == 404
        )
    assert channel(mine, room)["unread_count"] == 1


# rights that end


def test_whoever_was_taken_out_of_a_room_sees_it_no_more(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    mine = program_of(house, "ben")
    assert names(mine) == {"home", "Ours"}
    house.act(remove_member, house.actor("cleo"), room, house.id_of("ben"))
    assert names(mine) == {"home"}
    assert mine.get(f"/messages?channel_id={room}").status_code == 404
    assert mine.get("/messages?channel=Ours").status_code == 404


def test_people_are_looked_up_by_those_who_may_know_of_them(house: House) -> None:
    def statuses(program: Program) -> dict[str, int]:
        people = ("ada", "ben", "gus", "olga", "rex")
        return {name: program.get(f"/users/{house.id_of(name)}").status_code for name in people}

    everybody = dict.fromkeys(("ada", "ben", "gus", "olga", "rex"), 200)
    assert statuses(program_of(house, "ben")) == everybody
    around = {**dict.fromkeys(("ada", "ben", "gus"), 200), "olga": 404, "rex": 404}
    assert statuses(app_of(house, "gus")) == around
    assert statuses(program_of(house, "ben", as_bot=True)) == around
    assert statuses(app_of(house, "olga")) == {**dict.fromkeys(everybody, 404), "olga": 200}
    room = house.room("ben", "gus", name="Two of us")
    bound = statuses(program_of(house, "ben", room_ids=[room]))
    assert bound == {"ada": 404, "ben": 200, "gus": 200, "olga": 404, "rex": 404}

    found = program_of(house, "ben").get(f"/users/{house.id_of('gus')}").json["user"]
    assert set(found) == PERSON
    nobody = program_of(house, "ben").get("/users/999999")
    unknown = app_of(house, "olga").get(f"/users/{house.id_of('ada')}")
    assert (nobody.status_code, nobody.json) == (404, unknown.json)


def test_who_is_locked_is_still_known_and_who_waits_is_not(house: House) -> None:
    mine, gus = program_of(house, "ben"), house.id_of("gus")
    house.act(lock_person, house.actor("ada"), gus)
    assert mine.get(f"/users/{gus}").status_code == 200
    with house.rows() as session, transaction():
        session.execute(sa.text("UPDATE users SET standing = 'pending' WHERE id = :id"), {"id": gus})
    assert mine.get(f"/users/{gus}").status_code == 404


def test_a_token_that_is_bound_to_rooms_hears_of_nobody_else_being_online(house: House) -> None:
    room = house.room("ben", "gus", name="Two of us")
    for name in ("ada", "gus"):
        come_online(house, name)
    gus, ada = house.id_of("gus"), house.id_of("ada")
    for bound_to, expected in ((None, {gus, ada}), (frozenset({room}), {gus})):
        actor = replace(house.actor("ben"), room_ids=bound_to)
        assert set(house.act(conversations, actor)["online"]) == expected
