"""Messages at the API: page by page, and sent to a room by its name or id, to home, or to a person."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock, settings
from homechat.actor import Actor
from homechat.api.refusals import fields_as_sent
from homechat.database import transaction
from homechat.errors import InProgress
from homechat.messages.actions import send_message
from homechat.messages.listing import Stretch, messages_everywhere, messages_in
from homechat.messages.models import Message
from homechat.messages.sidebar import sidebar
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import leave_room
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind
from tests.api_client import app_of, program_of
from tests.conftest import close
from tests.house import House, copy_house
from tests.test_api_channels import headers

pytestmark = pytest.mark.api

SHAPE = {
    "id",
    "content",
    "created_at",
    "edited_at",
    "message_type",
    "channel_id",
    "user",
    "files",
    "reactions",
    "reply_to",
    "title",
    "sender",
    *("actions", "answered", "ack_required", "acks", "waiting_for", "expires_at"),
}


def contents(reply: Any) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [message["content"] for message in reply.json["messages"]]


def said_in(house: House, room_id: int) -> list[str]:
    with house.rows() as session:
        query = sa.select(Message.body).where(Message.room_id == room_id).order_by(Message.seq)
        return list(session.scalars(query))


def everything_said(house: House) -> list[str]:
    with house.rows() as session:
        return list(session.scalars(sa.select(Message.body)))


def rooms_called(house: House, name: str) -> list[Room]:
    with house.rows() as session:
        return list(session.scalars(sa.select(Room).where(Room.name == name).order_by(Room.id)))


def is_in(house: House, name: str, room_id: int) -> bool:
    with house.rows() as session:
        query = sa.select(Membership.id).filter_by(room_id=room_id, user_id=house.id_of(name))
        return session.scalar(query) is not None


# reading


def test_a_message_has_everything_in_the_spelling_of_the_contract(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    sent = program_of(house, "cleo").post(
        "/messages", {"message": "**Dinner**\nat six", "room": "Ours", "title": "Kitchen", "sender": "Oven"}
    )
    reply = program_of(house, "ben").get(f"/messages?channel_id={room}")

    (message,) = reply.json["messages"]
    assert set(message) == SHAPE
    assert message == sent.json["message"] == sent.json["data"]["message"]
    assert sent.json["success"] is True
    assert message["content"] == "**Dinner**\nat six"
    assert message["user"] == {"id": house.id_of("cleo"), "username": "cleo"}
    assert (message["channel_id"], message["message_type"]) == (room, "text")
    assert (message["title"], message["sender"]) == ("Kitchen", "Oven")
    assert (message["files"], message["reactions"], message["reply_to"], message["edited_at"]) == (
        [],
        [],
        None,
        None,
    )
    assert message["created_at"].endswith("Z")
    assert (reply.json["has_more"], reply.json["oldest_id"]) == (False, message["id"])


@pytest.mark.parametrize("where", ["channel=Ours", "channel=ours", "channel_id={}", "channel={}", ""])
def test_pages_lead_from_the_newest_to_the_oldest_and_back(house: House, where: str) -> None:
    room = house.room("cleo", "ben", name="Ours")
    for number in range(1, 8):
        house.say("cleo", room, str(number))
        if where:
            house.say("ada", house.home().id, "In between")
    mine, where = program_of(house, "ben"), where.format(room)

    first = mine.get(f"/messages?{where}&limit=3")
    assert contents(first) == ["7", "6", "5"]
    second = mine.get(f"/messages?{where}&limit=3&before={first.json['oldest_id']}")
    assert contents(second) == ["4", "3", "2"]
    third = mine.get(f"/messages?{where}&limit=3&before={second.json['oldest_id']}")
    assert (contents(third), third.json["has_more"]) == (["1"], False)
    assert [first.json["has_more"], second.json["has_more"]] == [True, True]

    newer = mine.get(f"/messages?{where}&limit=3&after={third.json['oldest_id']}")
    assert (contents(newer), newer.json["has_more"]) == (["4", "3", "2"], True)
    between = mine.get(f"/messages?{where}&after={third.json['oldest_id']}&before={first.json['oldest_id']}")
    assert contents(between) == ["4", "3", "2"]
    nothing = mine.get(f"/messages?{where}&after={first.json['messages'][0]['id']}")
    assert nothing.json == {"messages": [], "has_more": False, "oldest_id": None}
    assert contents(mine.get(f"/messages?{where}&after=0&limit=2")) == ["2", "1"]
    assert len(contents(mine.get(f"/messages?{where}&before=999999999"))) == 7


def test_ids_of_other_rooms_are_ends_too(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    mine, hers = program_of(house, "ben"), program_of(house, "cleo")
    house.say("cleo", room, "Before")
    end = hers.post("/messages", {"message": "Elsewhere"}).json["message"]["id"]
    house.say("cleo", room, "After")
    assert contents(mine.get(f"/messages?channel_id={room}&before={end}")) == ["Before"]
    assert contents(mine.get(f"/messages?channel_id={room}&after={end}")) == ["After"]


def test_a_page_has_fifty_messages_and_a_hundred_at_most(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    for number in range(103):
        house.say("cleo", room, str(number))
    mine = program_of(house, "ben")
    for where in ("", f"channel_id={room}"):
        assert len(contents(mine.get(f"/messages?{where}"))) == 50
        assert len(contents(mine.get(f"/messages?{where}&limit=1000"))) == 100


@pytest.mark.parametrize(
    "wrong", ["limit=0", "limit=x", "before=-1", "before=0", "after=1.5", "channel_id=Ours"]
)
def test_ends_that_make_no_sense_are_refused(house: House, wrong: str) -> None:
    reply = program_of(house, "ben").get(f"/messages?{wrong}")
    assert (reply.status_code, list(reply.json["fields"])) == (422, [wrong.split("=")[0]])


def test_bare_it_is_the_newest_of_all_rooms_that_one_is_in(house: House) -> None:
    ours, newcomers = (
        house.room("cleo", "ben", name="Ours"),
        house.room("cleo", name="New", from_arrival=True),
    )
    house.say("cleo", ours, "one")
    house.say("ada", house.home().id, "two")
    house.say("cleo", house.room("cleo", name="Secret"), "nobody hears this")
    house.say("cleo", house.room("cleo", name="Open", kind=RoomKind.PUBLIC), "not joined")
    house.say("cleo", newcomers, "before Ben came")
    house.add("cleo", newcomers, "ben")
    house.say("cleo", newcomers, "three")
    house.say("cleo", house.direct("cleo", "ada"), "between us")
    house.say("cleo", house.direct("cleo", "ben"), "four")

    assert contents(program_of(house, "ben").get("/messages")) == ["four", "three", "two", "one"]
    assert contents(program_of(house, "ben", room_ids=[ours]).get("/messages")) == ["one"]
    assert contents(app_of(house, "gus").get("/messages")) == ["two"]
    assert contents(program_of(house, "ben", as_bot=True).get("/messages")) == []
    assert contents(app_of(house, "olga").get("/messages")) == []


def test_one_busy_room_does_not_push_the_others_off_the_page_and_pages_leave_nothing_out(
    house: House,
) -> None:
    quiet, busy = house.room("cleo", "ben", name="Quiet"), house.room("cleo", "ben", name="Busy")
    house.say("cleo", quiet, "first")
    for number in range(9):
        house.say("cleo", busy, str(number))
    house.say("cleo", quiet, "last")
    mine, seen, before = program_of(house, "ben"), [], ""
    while True:
        page = mine.get(f"/messages?limit=4{before}")
        seen += contents(page)
        if not page.json["has_more"]:
            break
        before = f"&before={page.json['oldest_id']}"
    assert seen == ["last", *map(str, range(8, -1, -1)), "first"]


def test_what_was_deleted_does_not_show(house: House) -> None:
    room = house.room("cleo", "ben", name="Ours")
    for text in ("one", "two", "three"):
        house.say("cleo", room, text)
    with house.rows() as session, transaction():
        session.execute(sa.update(Message).where(Message.body == "two").values(deleted_at=clock.now()))
    mine = program_of(house, "ben")
    assert (
        contents(mine.get("/messages"))
        == contents(mine.get(f"/messages?channel_id={room}"))
        == ["three", "one"]
    )


def test_a_public_room_is_read_after_joining_and_by_bots_without(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    house.say("cleo", room, "hi")
    mine = program_of(house, "ben")
    assert mine.get(f"/messages?channel_id={room}").status_code == 403
    assert mine.get("/messages?channel=Open").status_code == 403
    bot = program_of(house, "ben", as_bot=True)
    assert contents(bot.get("/messages?channel=open")) == ["hi"]
    assert (
        program_of(house, "ben", "messages:write", as_bot=True).get("/messages?channel=Open").status_code
        == 403
    )
    mine.post(f"/channels/{room}/join")
    assert contents(mine.get(f"/messages?channel_id={room}")) == ["hi"]


# names and ids


@pytest.mark.parametrize("field", ["room", "room_id", "channel", "channel_id"])
@pytest.mark.parametrize("spelled", ["Ours", " OURS ", 0, "id"])
def test_a_room_is_found_by_name_and_by_id_in_every_spelling(house: House, field: str, spelled: Any) -> None:
    room = house.room("cleo", "ben", name="Ours")
    place = {0: room, "id": str(room)}.get(spelled, spelled)
    reply = program_of(house, "ben").post("/messages", {"message": "hi", field: place})
    assert (reply.status_code, reply.json["message"]["channel_id"]) == (200, room)
    assert said_in(house, room) == ["hi"]


def test_text_is_a_name_before_it_is_an_id_and_a_number_is_an_id(house: House) -> None:
    for number in range(8):
        house.room("ben", name=f"Room {number}")  # A name has two characters at least.
    room = house.room("ben", name="Ours")
    called_so = house.room("ben", name=str(room))
    mine = program_of(house, "ben")
    mine.post("/messages", {"message": "by name", "room": str(room)})
    mine.post("/messages", {"message": "by id", "room": room})
    assert (said_in(house, called_so), said_in(house, room)) == (["by name"], ["by id"])
    assert contents(mine.get(f"/messages?channel={room}")) == ["by name"]
    assert contents(mine.get(f"/messages?channel_id={room}")) == ["by id"]


def test_a_name_that_several_rooms_have_is_refused_and_tells_nobody(house: House) -> None:
    house.room("cleo", "ben", name="Plans")
    house.room("cleo", name="PLANS", kind=RoomKind.PUBLIC)
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "room": "plans"})
    assert (reply.status_code, reply.json["code"]) == (409, "conflict")
    assert everything_said(house) == []
    assert program_of(house, "ada").post("/messages", {"message": "hi", "room": "plans"}).status_code == 200


@pytest.mark.parametrize("nowhere", [{}, {"room": ""}, {"room_id": None}, {"room": "  "}])
def test_where_no_room_is_named_it_is_home(house: House, nowhere: dict[str, Any]) -> None:
    reply = program_of(house, "ben").post("/messages", {"message": "hi", **nowhere})
    assert reply.json["message"]["channel_id"] == house.home().id


def test_home_is_not_there_for_who_is_not_in_it(house: House) -> None:
    bound = program_of(house, "ben", room_ids=[house.room("ben", name="Ours")])
    for program in (app_of(house, "olga"), bound):
        assert program.post("/messages", {"message": "hi"}).status_code == 404


def test_the_first_room_that_is_given_counts(house: House) -> None:
    ours, home = house.room("ben", name="Ours"), house.home().id
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "channel_id": home, "room": "Ours"})
    assert reply.json["message"]["channel_id"] == ours
    blank = program_of(house, "ben").post("/messages", {"message": "hi", "channel": "Ours", "room": "  "})
    assert blank.json["message"]["channel_id"] == ours


def test_a_room_may_be_named_with_a_sign_in_front(house: House) -> None:
    ours, ben = house.room("ben", name="Ours"), program_of(house, "ben")

    def room_of(name: str) -> int:
        return int(ben.post("/messages", {"message": "hi", "room": name}).json["message"]["channel_id"])

    assert (room_of("#Ours"), room_of(" \u200b#Ours"), room_of(f"#{ours}")) == (ours, ours, ours)
    assert room_of("#") == house.home().id
    made = room_of("#Workshop")
    assert ben.get(f"/channels/{made}").json["channel"]["name"] == "Workshop"
    assert room_of("Workshop") == made


@pytest.mark.parametrize("name", ["#Secret", " #Secret", "\u200b#secret", "##Secret"])
def test_no_spelling_of_a_private_rooms_name_makes_a_public_one(house: House, name: str) -> None:
    secret = house.room("cleo", "ben", name="Secret")
    ben, cleo = program_of(house, "ben"), program_of(house, "cleo")
    assert cleo.post("/messages", {"message": "hi", "room": name}).json["message"]["channel_id"] == secret
    house.act(leave_room, house.actor("ben"), secret)
    assert ben.post("/messages", {"message": "for those in there", "room": name}).status_code == 404
    squatted = ben.post("/channels", {"name": name}).json["channel"]
    assert squatted["name"].lower() == "secret", "no room is called what stands before names"


def test_what_is_left_blank_is_left_out_but_never_who_is_to_read_it(house: House) -> None:
    ben = program_of(house, "ben")
    reply = ben.post("/messages", {"message": "hi", "reply_to": "", "room": ""})
    assert reply.json["message"]["channel_id"] == house.home().id
    refused = ben.post("/messages", {"message": "for one person", "user_id": ""})
    assert (refused.status_code, list(refused.json["fields"])) == (422, ["user_id"])


@pytest.mark.parametrize("wrong", [True, 0, -1, 2**70, 1.5, [], {}, "a\x00"])
def test_what_is_no_name_and_no_id_is_refused(house: House, wrong: Any) -> None:
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "room_id": wrong})
    assert (reply.status_code, list(reply.json["fields"])) == (422, ["room_id"])


def test_a_refusal_that_names_fields_stays_what_it_is() -> None:
    with pytest.raises(InProgress) as refused, fields_as_sent():
        raise InProgress("Wait.", fields={"body": "why", "title": "why not"})
    assert refused.value.fields == {"message": "why", "title": "why not"}


# rooms that are not there


def test_an_unknown_name_makes_a_public_room_with_the_scope_for_it(house: House) -> None:
    reply = program_of(house, "ben").post("/messages", {"message": "Rain", "room_id": "Weather"})
    (made,) = rooms_called(house, "Weather")
    assert (made.kind, reply.json["message"]["channel_id"]) == ("public", made.id)
    again = program_of(house, "cleo").post("/messages", {"message": "Sun", "room_id": "weather"})
    assert again.json["message"]["channel_id"] == made.id
    assert said_in(house, made.id) == ["Rain", "Sun"]
    by_bot = program_of(house, "ben", as_bot=True).post("/messages", {"message": "x", "room": "Of bots"})
    assert by_bot.status_code == 200
    assert rooms_called(house, "Of bots")[0].kind == "public"


def test_nobody_else_makes_a_room_by_writing_and_all_are_told_the_same(house: House) -> None:
    house.room("cleo", name="Secret")
    house.room("cleo", "gus", name="Garden")
    not_theirs = {
        "no scope": program_of(house, "ben", "messages:write"),
        "bot without": program_of(house, "ben", "messages:write", as_bot=True),
        "guest": app_of(house, "gus"),
        "bound": program_of(house, "ben", room_ids=[house.home().id]),
    }
    house.act(settings.change, Actor.operator(), settings.MEMBERS_CREATE_ROOMS, False)
    not_theirs["not by the house"] = program_of(house, "ben")
    for kind, program in not_theirs.items():
        unknown = program.post("/messages", {"message": "hi", "room": "Weather"})
        private = program.post("/messages", {"message": "hi", "room": "Secret"})
        number = program.post("/messages", {"message": "hi", "room": "999999"})
        assert [it.status_code for it in (unknown, private, number)] == [404] * 3, kind
        assert unknown.json == private.json == number.json, kind
        assert headers(unknown) == headers(private), kind
        may_read = kind not in ("no scope", "bot without")
        assert program.get("/messages?channel=Secret").status_code == (404 if may_read else 403), kind
    assert rooms_called(house, "Weather") == []
    assert len(rooms_called(house, "Secret")) == 1
    assert everything_said(house) == []


def test_no_public_room_is_made_of_a_private_ones_name_nor_of_a_number(house: House) -> None:
    house.room("cleo", name="Secret")
    mine = program_of(house, "ben")
    for room in ("Secret", "secret", "999999"):
        assert mine.post("/messages", {"message": "hi", "room": room}).status_code == 404
    assert (len(rooms_called(house, "Secret")), everything_said(house)) == (1, [])


def test_what_can_not_be_sent_makes_no_room_and_joins_none(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    mine = program_of(house, "ben")
    for wrong in ({"message": " "}, {"message": "x" * 10_001}, {"message": "x", "title": "x" * 201}):
        assert mine.post("/messages", {**wrong, "room": "Weather"}).status_code == 422
        assert mine.post("/messages", {**wrong, "room": room}).status_code == 422
        assert mine.post("/messages", {**wrong, "user_id": house.id_of("cleo")}).status_code == 422
    assert rooms_called(house, "Weather") == []
    assert not is_in(house, "ben", room)
    with house.rows() as session:
        assert session.scalar(sa.select(Room.id).where(Room.kind == "direct")) is None


# joining by writing


def test_writing_to_a_public_room_joins_it_first_and_a_bot_writes_without(house: House) -> None:
    room = house.room("cleo", name="Open", kind=RoomKind.PUBLIC)
    bot = program_of(house, "ben", as_bot=True, called="Doorbell")
    assert bot.post(f"/channels/{room}/messages", {"message": "from the bot"}).status_code == 200
    assert not is_in(house, "doorbell", room)
    assert not is_in(house, "ben", room)
    assert (
        program_of(house, "ben").post("/messages", {"message": "from Ben", "room": "open"}).status_code == 200
    )
    assert is_in(house, "ben", room)
    assert said_in(house, room) == ["from the bot", "from Ben"]


def test_an_archived_room_takes_nothing(house: House) -> None:
    room = house.room("ben", name="Old")
    house.act(archive_room, house.actor("ben"), room)
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "room": room})
    assert (reply.status_code, reply.json["code"]) == (403, "forbidden")


# what is sent


def test_message_and_content_say_the_same_and_nothing_is_refused(house: House) -> None:
    mine = program_of(house, "ben")
    for body in (
        {"message": "hi"},
        {"content": "hi"},
        {"message": None, "content": "hi", "message_type": "chat"},
    ):
        for path in (
            "/messages",
            f"/channels/{house.home().id}/messages",
            f"/users/{house.id_of('cleo')}/messages",
        ):
            assert mine.post(path, body).json["message"]["content"] == "hi"
    for body in ({}, {"message": ""}, {"content": "  "}, {"message": None}):
        reply = mine.post("/messages", body)
        assert (reply.status_code, reply.json["fields"]) == (422, {"message": "Write something first."})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"message": "x" * 10_001}, "message"),
        ({"message": 7}, "message"),
        ({"message": {"content": "x"}}, "message"),
        ({"title": "x" * 201}, "title"),
        ({"sender": "x" * 61}, "sender"),
        ({"client_id": "short"}, "client_id"),
        ({"user_id": "cleo"}, "user_id"),
    ],
)
def test_what_can_not_be_sent_is_named_as_it_was_sent(
    house: House, wrong: dict[str, Any], field: str
) -> None:
    reply = program_of(house, "ben").post("/messages", {"message": "hi", **wrong})
    assert (reply.status_code, list(reply.json["fields"])) == (422, [field])
    assert everything_said(house) == []


def test_the_same_again_is_the_same_message(house: House) -> None:
    mine, body = program_of(house, "ben"), {"message": "hi", "client_id": "retry-0001", "room": "Weather"}
    first, again = mine.post("/messages", body), mine.post("/messages", body)
    assert first.json == again.json
    elsewhere = mine.post("/messages", {**body, "room": None})
    assert (elsewhere.status_code, elsewhere.json["code"]) == (409, "conflict")
    mine.post("/messages", {"message": "hi"})
    mine.post("/messages", {"message": "hi"})
    assert (len(rooms_called(house, "Weather")), len(everything_said(house))) == (1, 3)


def test_sixty_messages_a_minute_by_all_ways_together(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), messages_per_minute=60)
    mine, home = program_of(house, "ben"), house.home().id
    cleo = house.id_of("cleo")
    browser = house.client("ben")
    for number in range(15):
        assert mine.post("/messages", {"message": "hi"}).status_code == 200
        assert mine.post(f"/channels/{home}/messages", {"message": "hi"}).status_code == 200
        assert mine.post(f"/direct_messages/{cleo}", {"message": "hi"}).status_code == 200
        form = {"body": "hi", "client_id": f"by-page-{number:04d}"}
        assert browser.post(f"/rooms/{home}/messages", form).status_code == 302
    for path in ("/messages", f"/channels/{home}/messages", f"/users/{cleo}/messages"):
        refused = mine.post(path, {"message": "hi"})
        assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert len(everything_said(house)) == 60
    with clock.moved(timedelta(seconds=61)):
        assert mine.post("/messages", {"message": "hi"}).status_code == 200
    close(house)


# title and label


def test_a_title_and_a_label_are_one_line_each_and_harmless(house: House) -> None:
    mine = program_of(house, "ben")
    found = mine.post(
        "/messages",
        {"message": "hi", "title": " Front\ndoor <b>\u202e", "sender": "Home\n Assistant<script>"},
    ).json["message"]
    assert (found["title"], found["sender"]) == ("Front door <b>", "Home Assistant<script>")
    assert found["user"]["username"] == "ben"
    page = house.client("cleo").get(f"/rooms/{house.home().id}").text
    assert '<p class="message__title" dir="auto"><strong>Front door &lt;b&gt;</strong></p>' in page
    assert '<p class="message__label" dir="auto">Home Assistant&lt;script&gt;</p>' in page
    assert 'class="message__author" data-color' in page


def test_without_them_nothing_stands_above_a_message(house: House) -> None:
    found = (
        program_of(house, "ben")
        .post("/messages", {"message": "hi", "title": " ", "sender": "\n"})
        .json["message"]
    )
    assert (found["title"], found["sender"]) == (None, None)
    page = house.client("cleo").get(f"/rooms/{house.home().id}").text
    assert "message__title" not in page
    assert "message__from" not in page
    with house.rows() as session:
        assert session.scalar(sa.select(Message.payload)) is None


def test_every_door_tells_title_and_label_and_the_list_shows_the_title(house: House) -> None:
    told = house.act(
        send_message,
        house.actor("ben"),
        room_id=house.home().id,
        body="Somebody *rings*",
        client_id="title-0001",
        title="Front door",
        label="Doorbell",
    )
    assert (told.title, told.label, told.author["username"]) == ("Front door", "Doorbell", "ben")
    assert "Front door" in told.html
    (line,) = house.act(sidebar, house.id_of("cleo"))
    assert line.last_message is not None
    assert line.last_message.preview == "Front door: Somebody rings"


def test_large_emoji_stay_small_below_a_title(house: House) -> None:
    mine, home = program_of(house, "ben"), house.home().id
    mine.post("/messages", {"message": "🎉"})
    assert "data-emoji-only" in house.client("cleo").get(f"/rooms/{home}").text
    with house.rows() as session, transaction():
        session.execute(sa.update(Message).values(payload={"title": "Party"}))
    assert "data-emoji-only" not in house.client("cleo").get(f"/rooms/{home}").text


def test_what_was_deleted_has_no_title_and_no_label_any_more(house: House) -> None:
    home = house.home().id
    program_of(house, "ben").post("/messages", {"message": "hi", "title": "Front door", "sender": "Doorbell"})
    with house.rows() as session, transaction():
        session.execute(sa.update(Message).values(deleted_at=clock.now()))
    page = house.client("cleo").get(f"/rooms/{home}").text
    assert "data-deleted" in page
    assert "Front door" not in page
    assert "Doorbell" not in page


# the queries behind


def test_pages_are_within_their_bounds_whatever_is_asked_of_the_queries(house: House) -> None:
    room = house.room("ben", name="Ours")
    for number in range(3):
        house.say("ben", room, str(number))
    ben = house.actor("ben")
    for limit in (-5, 0, 1):
        assert len(house.act(messages_in, ben, room, Stretch(limit=limit)).messages) == 1
        assert len(house.act(messages_everywhere, ben, Stretch(limit=limit)).messages) == 1


def test_a_program_without_the_scope_reads_and_writes_nothing(house: House) -> None:
    reads, writes = program_of(house, "ben", "messages:read"), program_of(house, "ben", "messages:write")
    assert reads.post("/messages", {"message": "hi"}).json["scope"] == "messages:write"
    assert writes.get("/messages").json["scope"] == "messages:read"


def test_a_conversation_is_reached_by_the_name_that_lists_show_and_no_room_is_made_of_it(
    house: House,
) -> None:
    conversation = house.direct("ben", "cleo")
    house.direct("ada", "gus")
    mine = program_of(house, "ben", "messages:write", "channels:read")
    assert "Cleo" in [each["name"] for each in mine.get("/channels").json["channels"]]

    assert (
        mine.post("/messages", {"message": "hi", "room": "cleo"}).json["message"]["channel_id"]
        == conversation
    )

    for others in ("Gus", "Ada", "Ada, Gus"):
        assert mine.post("/messages", {"message": "hi", "room": others}).status_code == 404
    room = house.room("ben", name="Cleo")
    reply = mine.post("/messages", {"message": "hi", "room": "Cleo"})
    assert reply.json["message"]["channel_id"] == room, "A room's own name comes first."
