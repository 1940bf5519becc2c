"""The page about one message, and what is done there: for browsers without scripts or without WebSocket."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.database import transaction
from homechat.messages.changes import delete_message
from homechat.messages.emoji import COMMON, USUAL, is_one_emoji
from homechat.messages.models import Message
from homechat.messages.reactions import react
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import leave_room
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind
from tests.attempts import everything_in
from tests.house import House
from tests.test_accounts import without_tokens

JSON = {"Accept": "application/json"}


@pytest.fixture
def room(house: House) -> int:
    return house.room("ben", "cleo", name="Kitchen", kind=RoomKind.PUBLIC)


def told(house: House, name: str, room: int, body: str = "hello") -> int:
    house.say(name, room, body)
    with house.rows() as session:
        newest: int = session.scalar(sa.select(sa.func.max(Message.id)))
        return newest


def actions_on(reply: Any) -> set[str]:
    """Return what the forms of a page do."""
    return {
        it.rsplit("/", 1)[-1] for it in re.findall(r'action="/(?:messages|rooms)/\d+/([^"]+)"', reply.text)
    }


def test_a_conversation_leads_to_the_page_about_each_message(house: House, room: int) -> None:
    message = told(house, "cleo", room)
    page = house.client("ben").get(f"/rooms/{room}")
    assert f'<a class="message__more" href="../messages/{message}"' in page.text
    assert 'id="words-about-message">About this message<' in page.text
    assert house.client("ben").get(f"/messages/{message}").status_code == 200


def test_the_page_offers_what_one_may_do(house: House, room: int) -> None:
    of_ben, of_cleo = told(house, "ben", room), told(house, "cleo", room)
    everything = {"edit", "delete", "reactions", "messages"}
    for name, message, expected in (
        ("ben", of_ben, everything),
        ("ben", of_cleo, everything - {"edit"}),
        ("cleo", of_cleo, everything),
        ("cleo", of_ben, everything - {"edit", "delete"}),
    ):
        assert actions_on(house.client(name).get(f"/messages/{message}")) == expected, name
    with clock.moved(timedelta(hours=25)):
        assert actions_on(house.client("ben").get(f"/messages/{of_ben}")) == everything - {"edit"}
    house.act(react, house.actor("ben"), message_id=of_cleo, emoji="👍")
    assert "remove" in actions_on(house.client("ben").get(f"/messages/{of_cleo}"))
    house.act(archive_room, house.actor("ben"), room)
    archived = house.client("ben").get(f"/messages/{of_ben}")
    assert (archived.status_code, actions_on(archived)) == (200, set())
    assert "archived" in archived.text


def test_the_page_tells_who_reacted_how(house: House, room: int) -> None:
    message = told(house, "ben", room)
    for who, emoji in (("ben", "❤️"), ("cleo", "❤️"), ("cleo", "😂")):
        house.act(react, house.actor(who), message_id=message, emoji=emoji)

    page = house.client("cleo").get(f"/messages/{message}").text

    line = page.partition('<p class="reacted">')[2].partition("</p>")[0]
    assert re.sub(r"<[^>]+>|\s+", " ", line).split() == ["❤️", "Ben", ",", "you", "😂", "you"]
    house.act(leave_room, house.actor("ben"), room)
    assert "2 people" in house.client("cleo").get(f"/messages/{message}").text


def test_the_page_has_emoji_to_choose_from_and_takes_them_back(house: House, room: int) -> None:
    message = told(house, "ben", room)
    ben = house.client("ben")
    for emoji in COMMON:
        assert f'value="{emoji}"' in ben.get(f"/messages/{message}").text
    fire = "\U0001f525"
    ben.post(f"/messages/{message}/reactions", {"emoji": fire}, form_on=f"/messages/{message}")
    button = rf'value="{fire}"\s+formaction="/messages/{message}/reactions/remove"'
    assert re.search(button, ben.get(f"/messages/{message}").text)


def test_what_can_be_chosen_is_an_emoji_and_stands_there_once() -> None:
    offered = (*USUAL, *COMMON)
    assert all(is_one_emoji(emoji) for emoji in offered)
    assert len(set(offered)) == len(offered)
    assert len(COMMON) % 7 == 0


def test_of_a_deleted_message_the_page_says_that_it_was(house: House, room: int) -> None:
    message = told(house, "ben", room, "something secret")
    house.act(delete_message, house.actor("ben"), message_id=message)
    page = house.client("cleo").get(f"/messages/{message}")
    assert (page.status_code, actions_on(page)) == (200, set())
    assert "This message was deleted." in page.text
    assert "secret" not in page.text
    conversation = house.client("cleo").get(f"/rooms/{room}").text
    assert "message__more" not in conversation.split('class="messages"')[1].split("</ol>")[0]


def test_editing_reacting_answering_and_deleting_by_form(house: House, room: int) -> None:
    message = told(house, "ben", room, "See you at *six*")
    about = f"/messages/{message}"
    ben = house.client("ben")
    assert "See you at *six*</textarea>" in ben.get(about).text

    reply = ben.post(f"{about}/edit", {"body": "See you at *seven*"}, form_on=about)
    assert (reply.status_code, reply.location) == (302, about)
    assert "<em>seven</em>" in ben.get(about).text

    assert ben.post(f"{about}/reactions", {"emoji": "🎉"}, form_on=about).status_code == 302
    assert 'data-emoji="🎉"' in ben.get(f"/rooms/{room}").text
    assert ben.post(f"{about}/reactions/remove", {"emoji": "🎉"}, form_on=about).status_code == 302
    assert 'data-emoji="🎉"' not in ben.get(about).text

    form = {"body": "fine", "client_id": "by-form-01", "reply_to_id": message}
    reply = ben.post(f"/rooms/{room}/messages", form, form_on=about)
    assert reply.status_code == 302
    assert f'data-quoted-id="{message}"' in ben.get(reply.location).text

    assert ben.post(f"{about}/delete", form_on=about).status_code == 302
    assert "seven" not in ben.get(f"/rooms/{room}").text


def test_a_family_fits_into_the_field_for_an_emoji(house: House, room: int) -> None:
    family = "👨🏻\u200d👩🏼\u200d👧🏽\u200d👦🏾"
    message = told(house, "cleo", room)
    page = house.client("ben").get(f"/messages/{message}").text
    found = re.search(r'<input [^>]*name="emoji"[^>]* maxlength="(\d+)"', page)
    assert found is not None
    typed = len(family.encode("utf-16-le")) // 2
    assert typed <= int(found[1]), "browsers count what is typed in UTF-16"
    told_in = house.client("ben").post(f"/messages/{message}/reactions", {"emoji": family}, headers=JSON)
    assert [it["emoji"] for it in told_in.json["message"]["reactions"]] == [family]


def test_scripts_are_told_what_actions_go_by(house: House, room: int) -> None:
    told(house, "ben", room)
    page = house.client("ben").get(f"/rooms/{room}").text
    assert 'data-editable-seconds="86400"' in page
    assert 'data-emoji-max="32"' in page


def test_a_refused_form_says_why_and_keeps_what_was_typed(house: House, room: int) -> None:
    message = told(house, "ben", room, "as it was")
    about = f"/messages/{message}"
    ben = house.client("ben")
    before = everything_in(house)

    reply = ben.post(f"{about}/reactions", {"emoji": "no <emoji>"}, form_on=about)
    assert reply.status_code == 422
    assert "Pick one emoji, and nothing else." in reply.text
    assert 'value="no &lt;emoji&gt;"' in reply.text

    too_long = "word " * 2_001
    reply = ben.post(f"{about}/edit", {"body": too_long}, form_on=about)
    assert reply.status_code == 422
    assert too_long.strip() in reply.text
    assert "A message takes up to 10000 characters" in reply.text
    assert everything_in(house) == before

    with clock.moved(timedelta(hours=25)):
        late = house.client("ben")
        reply = late.post(f"{about}/edit", {"body": "too late"}, form_on=about)
    assert reply.status_code == 403
    assert "24 hours" in reply.text


@pytest.mark.parametrize("act", ["edit", "delete", "reactions", "reactions/remove"])
def test_a_script_gets_the_message_or_the_reason(house: House, room: int, act: str) -> None:
    message = told(house, "ben", room)
    form = {"body": "other", "emoji": "👍"}
    done = house.client("ben").post(f"/messages/{message}/{act}", form, headers=JSON)
    assert (done.status_code, done.json["ok"], done.json["message"]["id"]) == (200, True, message)
    missing = house.client("gus").post(f"/messages/{message}/{act}", form, headers=JSON)
    nothing = house.client("gus").post(f"/messages/999999/{act}", form, headers=JSON)
    assert (missing.status_code, missing.json["code"]) == (404, "not_found")
    assert missing.json == nothing.json


def test_a_script_answers_by_plain_request(house: House, room: int) -> None:
    question = told(house, "ben", room, "Who?")
    form = {"body": "me", "client_id": "plain-001", "reply_to_id": question}
    done = house.client("cleo").post(f"/rooms/{room}/messages", form, headers=JSON)
    assert done.json["message"]["reply_to"]["id"] == question


def test_the_page_of_a_message_that_may_not_be_known_is_like_that_of_none(house: House) -> None:
    message = told(house, "cleo", house.room("cleo", name="Secret plans"))
    ada = house.client("ada")
    for headers in (JSON, {}):
        real, none = (ada.get(f"/messages/{number}", headers=headers) for number in (message, 999_999))
        assert (real.status_code, without_tokens(real.text)) == (404, without_tokens(none.text))


def test_what_newcomers_may_not_see_they_find_no_page_of(house: House) -> None:
    room = house.room("ben", from_arrival=True)
    message = told(house, "ben", room, "before")
    house.add("ben", room, "cleo")
    assert house.client("cleo").get(f"/messages/{message}").status_code == 404
    with house.rows() as session, transaction():
        session.execute(sa.update(Room).where(Room.id == room).values(from_arrival=False))
    assert house.client("cleo").get(f"/messages/{message}").status_code == 200, "guard: that was why"
