"""Badges go away without scripts, too."""

from __future__ import annotations

from homechat.messages.unread import unread_in
from tests.house import House


def test_answering_counts_as_having_read(house: House) -> None:
    home = house.home().id
    house.say("ada", home, "hello")
    assert house.act(unread_in, house.id_of("ben"), home) == 1

    house.client("ben").post(f"/rooms/{home}/messages", {"body": "hi", "client_id": "answer-001"})

    assert house.act(unread_in, house.id_of("ben"), home) == 0


def test_a_plain_form_marks_a_conversation_as_read(house: House) -> None:
    home = house.home().id
    last = house.say("ada", home, "hello")
    browser = house.client("ben")
    assert f'action="/rooms/{home}/read"' in browser.get(f"/rooms/{home}").get_data(as_text=True)

    reply = browser.post(f"/rooms/{home}/read", {"seq": last})

    assert (reply.status_code, reply.headers["Location"]) == (302, f"/rooms/{home}")
    assert house.act(unread_in, house.id_of("ben"), home) == 0
    assert f'action="/rooms/{home}/read"' not in browser.get(f"/rooms/{home}").get_data(as_text=True)
