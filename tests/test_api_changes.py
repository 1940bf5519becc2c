"""What becomes of a message after it was sent, at the API: other words, nothing, an emoji."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from homechat import clock
from homechat.messages.actions import send_message
from homechat.security.policy import RoomKind
from tests.api_client import app_of, program_of
from tests.house import House

pytestmark = pytest.mark.api


def message_of(house: House, author: str, room_id: int, body: str = "Dinner at seven") -> int:
    sent = house.act(
        send_message, house.actor(author), room_id=room_id, body=body, client_id=f"of-{author}-1"
    )
    return sent.id


def shown(program: Any, room_id: int) -> list[dict[str, Any]]:
    reply = program.ask("GET", f"/messages?channel_id={room_id}")
    assert reply.status_code == 200, reply.text
    return reply.json["messages"]


def test_ones_own_words_are_changed_and_the_reply_has_the_message_as_it_is_now(house: House) -> None:
    room = house.room("ben", "cleo", name="Plans")
    message = message_of(house, "ben", room)

    reply = app_of(house, "ben").ask("PATCH", f"/messages/{message}", json={"content": "Dinner at **eight**"})

    assert reply.status_code == 200, reply.text
    assert reply.json["message"] == reply.json["data"]["message"]
    assert reply.json["message"]["content"] == "Dinner at **eight**"
    assert reply.json["message"]["edited_at"] is not None
    assert [found["content"] for found in shown(app_of(house, "cleo"), room)] == ["Dinner at **eight**"]


@pytest.mark.parametrize(("who", "status"), [("cleo", 403), ("ada", 404)])
def test_others_change_and_delete_nothing(who: str, status: int, house: House) -> None:
    room = house.room("ben", "cleo", name="Plans")
    message = message_of(house, "ben", room)
    program = app_of(house, who)

    assert program.ask("PATCH", f"/messages/{message}", json={"message": "No dinner"}).status_code == status
    assert program.ask("DELETE", f"/messages/{message}").status_code == status

    assert [found["content"] for found in shown(app_of(house, "ben"), room)] == ["Dinner at seven"]


def test_words_that_make_no_message_are_refused_by_the_name_they_were_sent_under(house: House) -> None:
    message = message_of(house, "ben", house.home().id)

    reply = app_of(house, "ben").ask("PATCH", f"/messages/{message}", json={"message": " "})

    assert (reply.status_code, set(reply.json["fields"])) == (422, {"message"})


def test_after_a_day_people_change_nothing_any_more(house: House) -> None:
    message = message_of(house, "ben", house.home().id)

    with clock.moved(timedelta(hours=25)):
        reply = app_of(house, "ben").ask("PATCH", f"/messages/{message}", json={"message": "Later"})

    assert (reply.status_code, reply.json["code"]) == (403, "forbidden")


def test_what_is_deleted_does_not_show_any_more(house: House) -> None:
    room = house.room("ben", "cleo", name="Plans", kind=RoomKind.PUBLIC)
    message = message_of(house, "cleo", room)
    owner = app_of(house, "ben")

    reply = owner.ask("DELETE", f"/messages/{message}")

    assert (reply.status_code, reply.json) == (200, {"success": True})
    assert shown(owner, room) == []
    reply = app_of(house, "cleo").ask("PATCH", f"/messages/{message}", json={"message": "Back"})
    assert (reply.status_code, reply.json["code"]) == (409, "conflict")


def test_a_reaction_is_one_however_often_it_is_sent_and_only_ones_own_is_taken_back(house: House) -> None:
    room = house.room("ben", "cleo", name="Plans")
    message = message_of(house, "ben", room)
    ben, cleo = app_of(house, "ben"), app_of(house, "cleo")
    address = f"/messages/{message}/reactions/👍"

    for program in (ben, cleo, cleo):
        assert program.ask("PUT", address).status_code == 200
    both = [house.id_of("ben"), house.id_of("cleo")]
    assert shown(ben, room)[0]["reactions"] == [{"emoji": "👍", "count": 2, "user_ids": both}]

    reply = cleo.ask("DELETE", address)

    assert reply.json["message"]["reactions"] == [{"emoji": "👍", "count": 1, "user_ids": both[:1]}]
    assert cleo.ask("DELETE", address).json["message"]["reactions"] == reply.json["message"]["reactions"]


def test_only_one_emoji_is_a_reaction(house: House) -> None:
    message = message_of(house, "ben", house.home().id)

    reply = app_of(house, "ben").ask("PUT", f"/messages/{message}/reactions/nice")

    assert (reply.status_code, set(reply.json["fields"])) == (422, {"emoji"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/messages/{}"),
        ("DELETE", "/messages/{}"),
        ("PUT", "/messages/{}/reactions/👍"),
        ("DELETE", "/messages/{}/reactions/👍"),
    ],
)
def test_a_token_that_may_only_read_changes_nothing(method: str, path: str, house: House) -> None:
    message = message_of(house, "ben", house.home().id)
    program = program_of(house, "ben", "messages:read")

    reply = program.ask(method, path.format(message), json={"message": "Changed"})

    assert (reply.status_code, reply.json["scope"]) == (403, "messages:write")
    (found,) = shown(program, house.home().id)
    assert (found["content"], found["edited_at"], found["reactions"]) == ("Dinner at seven", None, [])
