"""People talk: events over real WebSocket connections to a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.house import House
from tests.talkers import Talker

pytestmark = pytest.mark.sockets

MakeTalker = Callable[..., Talker]


def test_a_message_reaches_everyone_in_the_room_and_nobody_else(
    talker: MakeTalker, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Kitchen talk")
    ada, ben, cleo = talker("ada"), talker("ben"), talker("cleo")

    ack = ada.say(room, "**Soup** is ready", "soup-0001")

    assert ack["ok"] is True
    told = ben.hear("message:posted")
    assert told == ack["message"]
    assert (told["room_id"], told["body"], told["client_id"]) == (room, "**Soup** is ready", "soup-0001")
    assert "<strong>Soup</strong>" in told["html"]
    assert told["author"]["display_name"] == "Ada"
    ada.hear("message:posted", lambda data: data["id"] == told["id"])
    _settle(cleo, shared_house)
    assert [data for data in cleo.heard("message:posted") if data["room_id"] == room] == []


def test_a_retry_with_the_same_id_is_stored_and_told_once(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Twice")
    ada, ben = talker("ada"), talker("ben")

    first = ada.say(room, "once", "retry-001")
    second = ada.say(room, "once", "retry-001")

    assert second == first
    ada.say(room, "after", "retry-002")
    ben.hear("message:posted", lambda data: data["client_id"] == "retry-002")
    assert [data["client_id"] for data in ben.heard("message:posted")] == ["retry-001", "retry-002"]


def test_each_message_of_a_room_has_the_next_place(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Places")
    ada, ben = talker("ada"), talker("ben")

    places = [
        who.say(room, str(n), f"place-{n:03d}")["message"]["seq"] for n, who in enumerate([ada, ben] * 4)
    ]

    assert places == list(range(1, 9))


@pytest.mark.parametrize("stranger", ["ben", "olga"])
def test_a_room_of_others_is_not_found_by_any_event(
    talker: MakeTalker, shared_house: House, stranger: str
) -> None:
    room = shared_house.room("ada", "cleo", name=f"Secret of {stranger}")
    person = talker(stranger)

    acks = [
        person.say(room, "hello?", "stranger-1"),
        person.send("message:history", {"room_id": room}),
        person.send("message:changes", {"room_id": room, "after": 0}),
        person.send("room:read", {"room_id": room, "seq": 1}),
        person.send("typing:start", {"room_id": room}),
        person.send("typing:stop", {"room_id": room}),
    ]
    missing = person.send("message:history", {"room_id": 999_999})

    assert {ack["code"] for ack in acks} == {"not_found"}
    assert {ack["error"] for ack in acks} == {missing["error"]}


def test_a_public_room_can_be_seen_but_not_read_before_joining(
    talker: MakeTalker, shared_house: House
) -> None:
    from homechat.security.policy import RoomKind

    room = shared_house.room("ada", name="Open house", kind=RoomKind.PUBLIC)
    ben = talker("ben")

    assert ben.send("message:history", {"room_id": room})["code"] == "forbidden"
    assert ben.post(f"/rooms/{room}/join").status_code == 302
    ben.hear("room:entered", lambda data: data["room"]["room_id"] == room)
    assert ben.send("message:history", {"room_id": room})["ok"] is True


def test_history_pages_back_to_the_very_first_message(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", name="Long")
    for number in range(120):
        shared_house.say("ada", room, f"message {number}")
    ada = talker("ada")

    pages, before = [], None
    while True:
        page = ada.send("message:history", {"room_id": room, "before": before})
        pages.append([message["body"] for message in page["messages"]])
        before = page["oldest_seq"]
        if not page["has_more"]:
            break

    assert [len(page) for page in pages] == [50, 50, 20]
    assert [body for page in reversed(pages) for body in page] == [f"message {n}" for n in range(120)]


def test_catching_up_returns_what_was_missed_in_order(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Gap")
    ben = talker("ben")
    seen = shared_house.say("ada", room, "seen")
    ben.close()
    for text in ("missed 1", "missed 2"):
        shared_house.say("ada", room, text)
    ben.connect()

    caught = ben.send("message:changes", {"room_id": room, "after": seen})

    assert [message["body"] for message in caught["messages"]] == ["missed 1", "missed 2"]
    assert caught["last_seq"] == seen + 2
    assert caught["reload"] is False


def test_somebody_too_far_behind_is_told_to_reload(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", name="Far behind")
    for number in range(501):
        shared_house.say("ada", room, str(number))

    caught = talker("ada").send("message:changes", {"room_id": room, "after": 0})

    assert (caught["reload"], caught["messages"]) == (True, [])


def test_reading_on_one_device_clears_the_badge_on_the_other(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Badges")
    phone, tablet, ada = talker("ben"), talker("ben"), talker("ada")
    last = [ada.say(room, text, f"badge-{text}-1")["message"]["seq"] for text in ("one", "two", "three")][-1]
    assert _line(phone, room)["unread"] == 3

    ack = phone.send("room:read", {"room_id": room, "seq": last})

    assert ack == {"ok": True, "unread": 0}
    told = tablet.hear("unread:changed", lambda data: data["room_id"] == room)
    assert told == {"room_id": room, "unread": 0, "last_read_seq": last}
    assert ada.hear("room:read") == {
        "room_id": room,
        "person_id": shared_house.id_of("ben"),
        "last_read_seq": last,
    }
    assert _line(tablet, room)["unread"] == 0


def test_reading_never_goes_back(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Forward")
    for text in ("one", "two"):
        shared_house.say("ada", room, text)
    ben = talker("ben")

    ben.send("room:read", {"room_id": room, "seq": 2})
    ack = ben.send("room:read", {"room_id": room, "seq": 1})

    assert ack["unread"] == 0


def test_own_messages_are_never_unread(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Own")
    ada = talker("ada")

    ada.say(room, "mine", "own-00001")

    assert _line(ada, room)["unread"] == 0


def test_typing_is_told_to_members_only(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Typing")
    ada, ben, cleo = talker("ada"), talker("ben"), talker("cleo")

    assert ada.send("typing:start", {"room_id": room}) == {"ok": True}

    told = ben.hear("typing:started")
    assert (told["room_id"], told["person"]["display_name"]) == (room, "Ada")
    ada.send("typing:stop", {"room_id": room})
    assert ben.hear("typing:stopped") == {"room_id": room, "person_id": shared_house.id_of("ada")}
    _settle(cleo, shared_house)
    assert cleo.heard("typing:started") == []


def test_sending_ends_typing(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Typed")
    ada, ben = talker("ada"), talker("ben")
    ada.send("typing:start", {"room_id": room})

    ada.say(room, "done", "typed-0001")

    ben.hear("typing:stopped")
    ben.forget()
    ada.say(room, "pasted and sent", "typed-0002")
    _settle(ben, shared_house)
    assert [name for name, _ in ben.events if name.startswith("typing")] == []


def test_a_direct_conversation_appears_at_the_other_side_with_its_first_message(
    talker: MakeTalker, shared_house: House
) -> None:
    ben, cleo = talker("ben"), talker("cleo")
    reply = ben.post("/direct", {"user_id": shared_house.id_of("cleo")})
    room = int(reply.headers["Location"].rsplit("/", 1)[1])
    assert [line for line in cleo.send("room:list", {})["rooms"] if line["room_id"] == room] == []

    ben.say(room, "hi", "direct-001")

    assert cleo.hear("message:posted", lambda data: data["room_id"] == room)["body"] == "hi"
    line = _line(cleo, room)
    assert (line["name"], line["other"]["username"], line["unread"]) == ("Ben", "ben", 1)


def test_the_list_tells_who_is_online_by_event_and_by_page(talker: MakeTalker, shared_house: House) -> None:
    ada, gus, olga = (talker(name) for name in ("ada", "gus", "olga"))
    ids = {name: shared_house.id_of(name) for name in ("ada", "gus", "olga")}

    for door in (_online_by_event, _online_by_page):
        assert set(ids.values()) <= door(ada)
        assert {ids["ada"], ids["gus"]} <= door(gus)
        assert ids["olga"] not in door(gus), "a guest knows only of those with whom they share a room"
        assert door(olga) == {ids["olga"]}


def test_somebody_added_hears_the_room_at_once(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", name="Grows")
    ada, ben = talker("ada"), talker("ben")

    ada.post(f"/rooms/{room}/members", {"user_id": shared_house.id_of("ben")})

    assert ben.hear("room:entered", lambda data: data["room"]["room_id"] == room)["room"]["name"] == "Grows"
    assert ada.hear("member:joined", lambda data: data["room_id"] == room)["person"]["username"] == "ben"
    ada.say(room, "welcome", "grows-001")
    ben.hear("message:posted", lambda data: data["room_id"] == room)


def test_a_renamed_room_is_told_to_its_members(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Old name")
    ada, ben = talker("ada"), talker("ben")

    ada.post(f"/rooms/{room}/details", {"name": "New name", "description": "what for"})

    told = ben.hear("room:updated", lambda data: data["room_id"] == room)
    assert told == {
        "room_id": room,
        "name": "New name",
        "description": "what for",
        "archived": False,
        "member_count": 2,
    }


def test_a_new_display_name_is_told_to_those_who_share_a_room(talker: MakeTalker) -> None:
    cleo, ben = talker("cleo"), talker("ben")

    cleo.post(
        "/me/profile",
        {"display_name": "Cleo Clever", "color": 3, "locale": "", "timezone": "", "theme": "dark"},
    )

    assert ben.hear("person:updated")["person"]["display_name"] == "Cleo Clever"


def test_messages_of_one_minute_are_limited_over_sockets_and_pages_together(
    cast_folder, tmp_path, house: House
) -> None:
    from tests.conftest import GENEROUS_LIMITS
    from tests.server_process import ServerProcess

    room = house.room("ada", "ben", name="Limited")
    env = {**GENEROUS_LIMITS, "HOMECHAT_MESSAGES_PER_MINUTE": "60"}
    with ServerProcess(house.data_dir, env) as server:
        ada = Talker(server.url, "ada").sign_in().connect()
        for number in range(30):
            assert ada.say(room, "socket", f"socket-{number:03d}")["ok"] is True
            page = ada.post(
                f"/rooms/{room}/messages", {"body": "page", "client_id": f"page-{number:05d}"}, json=True
            )
            assert page.status_code == 200

        refused = ada.say(room, "one too many", "socket-999")
        page = ada.post(f"/rooms/{room}/messages", {"body": "page", "client_id": "page-99999"}, json=True)
        again = ada.say(room, "socket", "socket-000")
        ada.close()

    assert (refused["ok"], refused["code"]) == (False, "rate_limited")
    assert 1 <= refused["retry_after"] <= 60
    assert page.status_code == 429
    assert 1 <= int(page.headers["Retry-After"]) <= 60
    assert again["ok"] is True, "a retry of what was stored costs nothing"


def _line(person: Talker, room: int) -> dict:
    return next(line for line in person.send("room:list", {})["rooms"] if line["room_id"] == room)


def _online_by_event(person: Talker) -> set[int]:
    return set(person.send("room:list", {})["online"])


def _online_by_page(person: Talker) -> set[int]:
    return set(person.get("/sidebar", headers={"Accept": "application/json"}).json()["online"])


def _settle(person: Talker, house: House) -> None:
    """Guard: whatever was on its way to `person` has arrived once their own later round trip is done."""
    home = house.home().id
    ack = person.say(home, "settled", f"settle-{id(person)}-{len(person.events)}")
    person.hear("message:posted", lambda data: data["id"] == ack["message"]["id"])
