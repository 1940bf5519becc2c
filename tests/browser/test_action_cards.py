"""Buttons that programs send, as people see them: in two windows, in a race, with a question before, at their end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from homechat import clock
from homechat.messages.answering import answer_card
from homechat.security.policy import Scope
from tests.api_client import new_token
from tests.browser.conversation import SCROLLER, enter, expect_message, wait_until
from tests.browser.every_page import found_by_axe
from tests.browser.windows import Windows

pytestmark = pytest.mark.browser

BUTTONS = [
    {"id": "let_in", "label": "Let in", "style": "primary"},
    {"id": "away", "label": "Send away", "style": "danger", "confirm": "Really send them away?"},
]


@pytest.fixture(params=["phone", "wide"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(person: Windows, room: int, **asked: Any) -> int:
    """Have a program of Ben's ask something, and return the message's id."""
    token = new_token(person.house, "ben", Scope.MESSAGES_WRITE.value)[1]
    reply = requests.post(
        f"{person.server.url}/api/v1/channels/{room}/messages",
        json={"message": "Somebody rings", "actions": BUTTONS, **asked},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert reply.status_code == 200, reply.text
    message: int = reply.json()["message"]["id"]
    return message


def button(message: Locator, name: str) -> Locator:
    return message.get_by_role("button", name=name, exact=True)


def outcome(message: Locator) -> Locator:
    return message.locator(".action-card__answer")


def question(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Are you sure?")


def test_the_first_tap_is_seen_in_every_window(person: Windows, size: str) -> None:
    room = person.house.room("ada", "cleo", "ben", name="Door")
    ada, cleo = enter(person("ada", size=size), room), enter(person("cleo"), room)
    ask(person, room, expires_at=clock.as_iso(clock.now() + timedelta(minutes=10)))
    here, there = expect_message(ada, "Somebody rings"), expect_message(cleo, "Somebody rings")
    box = button(here, "Let in").bounding_box()
    assert box
    assert box["height"] >= 44
    expect(button(there, "Send away")).to_be_enabled()
    expect(here.get_by_text("The first tap counts for everybody.")).to_be_visible()
    expect(here.locator(".action-card__end")).to_be_visible()
    assert found_by_axe(ada) == []

    button(here, "Let in").click()

    for message in (here, there):
        expect(outcome(message)).to_have_text(re.compile(r"Ada: Let in, \d\d?:\d\d"))
        expect(message.get_by_role("button", name="Let in")).to_have_count(0)
        expect(message.get_by_role("button", name="Send away")).to_have_count(0)
        expect(message.locator(".action-card__hint, .action-card__end")).to_have_count(0)
    expect(cleo.locator("message-list > [role=log].visually-hidden")).to_contain_text("Ada: Let in")
    assert found_by_axe(ada) == []
    ada.reload()
    expect(outcome(expect_message(ada, "Somebody rings"))).to_contain_text("Ada: Let in")


def test_what_cannot_be_taken_back_is_asked_about_first(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben", name="Door")
    ada = enter(person("ada", size=size), room)
    ask(person, room)
    message = expect_message(ada, "Somebody rings")

    button(message, "Send away").click()
    expect(question(ada)).to_contain_text("Really send them away?")
    assert found_by_axe(ada) == []
    expect(question(ada).get_by_role("button", name="Cancel")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(question(ada)).to_be_hidden()
    expect(outcome(message)).to_have_count(0)

    button(message, "Send away").click()
    question(ada).get_by_role("button", name="Send away").click()
    expect(outcome(message)).to_contain_text("Ada: Send away")


def test_who_loses_the_race_is_told_who_was_first(person: Windows) -> None:
    room = person.house.room("ada", "cleo", "ben", name="Door")
    ada = enter(person("ada"), room)
    asked = ask(person, room)
    message = expect_message(ada, "Somebody rings")
    # In another process, without a bus between: this window does not hear of it.
    person.house.act(answer_card, person.house.actor("cleo"), message_id=asked, action_id="let_in")

    button(message, "Let in").click()

    expect(message.get_by_role("alert")).to_have_text("Cleo was first: Let in")
    expect(outcome(message)).to_contain_text("Cleo: Let in")
    expect(message.get_by_role("button", name="Let in")).to_have_count(0)


def test_everybody_sees_who_has_seen_it_and_who_has_not(person: Windows, size: str) -> None:
    room = person.house.room("ada", "cleo", "ben", name="Door")
    ada, cleo = enter(person("ada", size=size), room), enter(person("cleo"), room)
    ask(person, room, actions=[], ack_required=True)
    if size == "wide":
        expect(expect_message(ben := enter(person("ben"), room), "Somebody rings")).to_contain_text(
            "Waiting for"
        )
        expect(ben.get_by_role("button", name="Got it")).to_have_count(0)
    here, there = expect_message(ada, "Somebody rings"), expect_message(cleo, "Somebody rings")
    people = ".action-card__people"
    expect(here.locator(people)).to_have_text(re.compile("Waiting for .?you, .?Cleo"))

    button(here, "Got it").click()

    expect(here.locator(people)).to_have_text(re.compile("Seen by you; waiting for .?Cleo"))
    expect(there.locator(people)).to_have_text(re.compile("Seen by .?Ada.?; waiting for you"))
    expect(here.get_by_role("button", name="Got it")).to_have_count(0)
    button(there, "Got it").click()
    expect(here.locator(people)).to_have_text(re.compile("Seen by you, .?Cleo"))


def test_when_the_time_comes_the_buttons_grey_out_by_themselves(person: Windows) -> None:
    room = person.house.room("ada", "ben", name="Door")
    ada = person("ada")
    ada.clock.install(time=datetime.now(UTC))
    enter(ada, room)
    ask(person, room, ack_required=True, expires_at=clock.as_iso(clock.now() + timedelta(minutes=10)))
    message = expect_message(ada, "Somebody rings")
    expect(message.locator(".action-card__people")).to_have_text("Waiting for you")
    end = message.locator(".action-card__end")
    expect(end).to_have_text(re.compile(r"Open until \d\d?:\d\d"))
    expect(button(message, "Let in")).to_be_enabled()

    ada.clock.fast_forward("10:01")

    expect(end).to_have_text(re.compile(r"Expired \d\d?:\d\d.* · Nobody answered\."))
    expect(message.locator(".action-card__people")).to_have_text("Not seen by you")
    expect(message.locator(".action-card__hint")).to_be_hidden()
    expect(button(message, "Let in")).to_be_disabled()
    expect(button(message, "Send away")).to_be_disabled()


def test_the_way_to_the_newest_message_does_not_lie_on_buttons(person: Windows) -> None:
    room = person.house.room("ada", "ben", name="Door")
    for number in range(40):
        if number == 20:
            ask(person, room, message="Somebody rings, and would very much like to come in")
        person.house.say("ben", room, f"line {number}")
    ada = enter(person("ada", size="phone"), room)
    jump = ada.locator(".jump-to-latest")
    ada.locator(SCROLLER).evaluate("it => { it.scrollTop = it.scrollHeight / 2; }")
    expect(jump).to_be_visible()

    ada.locator(SCROLLER).evaluate(LAST_BUTTON_TO_THE_END)
    expect(button(expect_message(ada, "Somebody rings"), "Send away")).to_be_in_viewport()
    expect(jump).to_be_hidden()


LAST_BUTTON_TO_THE_END = """
it => {
  const { bottom } = it.getBoundingClientRect();
  it.scrollTop += [...it.querySelectorAll(".action-card__choice")].at(-1).getBoundingClientRect().bottom - bottom + 16;
}
"""


def test_without_network_it_says_so_and_can_be_tried_again(person: Windows) -> None:
    room = person.house.room("ada", "ben", name="Door")
    ada = enter(person("ada"), room)
    ask(person, room)
    message = expect_message(ada, "Somebody rings")
    ada.context.set_offline(True)
    button(message, "Let in").click()
    expect(message.get_by_role("alert")).to_contain_text("can't be reached")
    expect(button(message, "Let in")).to_be_enabled()
    ada.context.set_offline(False)
    wait_until(ada, lambda: ada.evaluate("fetch('/up').then((reply) => reply.ok, () => false)"))
    button(message, "Let in").click()
    expect(outcome(message)).to_contain_text("Ada: Let in")


def test_without_javascript_the_page_of_the_message_has_the_buttons(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben", name="Door")
    ask(person, room, ack_required=True)
    ada = person("ada", size=size, javascript=False)
    ada.goto(f"/rooms/{room}")

    ada.get_by_role("link", name="Send away").click()
    ada.locator(".ask > summary", has_text="Send away").click()
    expect(ada.get_by_text("Really send them away?")).to_be_visible()
    ada.locator(".ask[open]").get_by_role("button", name="Send away").click()

    expect(outcome(ada.locator(".message"))).to_contain_text("Ada: Send away")
    ada.get_by_role("button", name="Got it").click()
    expect(ada.get_by_role("button", name="Got it")).to_have_count(0)
