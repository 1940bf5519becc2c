"""Finding what was said, and going there; on a phone and wide."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conversation import bodies, enter, go_live, message, say
from tests.browser.history import Line, write_history
from tests.browser.windows import Windows
from tests.devices import devices
from tests.house import House

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["phone", "wide"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write_many(house: House) -> int:
    room = house.room("ada", "ben", name="Letters")
    lines = [Line("ben", f"letter {number}", NOW - timedelta(hours=200 - number)) for number in range(1, 161)]
    lines[59] = Line("ben", "The boat of Frau **Müller**", lines[59].at)
    write_history(house, room, lines)
    return room


def look_for(page: Page, words: str) -> None:
    """Type into the field above the list of conversations."""
    page.goto("/")
    field = page.get_by_label("Search messages, people and rooms")
    field.fill(words)
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q="))


def test_what_was_said_long_ago_is_found_and_shown_in_its_place(person: Windows, size: str) -> None:
    room = write_many(person.house)
    ada = person("ada", size=size)
    look_for(ada, "muller boat")
    newest = ada.locator(".hit").first
    expect(newest.locator("mark")).to_have_text(["boat", "Müller"])

    newest.locator(".hit__link").click()

    sought = message(ada, "The boat of Frau Müller")
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    expect(sought).to_be_in_viewport(ratio=1)
    expect(sought.locator(".message__bubble")).to_have_css("outline-style", "solid")
    assert ada.evaluate("document.scrollingElement.scrollTop") == 0
    expect(message(ada, "letter 160")).to_have_count(0)

    ada.get_by_role("link", name="Back to the newest messages").click()
    expect(message(ada, "letter 160")).to_be_in_viewport()
    expect(ada).to_have_url(re.compile(f"/rooms/{room}$"))


def test_meanwhile_nothing_is_put_where_it_does_not_belong(person: Windows) -> None:
    room = write_many(person.house)
    with devices(person.server.url, person.house) as make:
        ben = make("ben").connect()
        ada = person("ada", size="phone")
        go_live(ada, f"/rooms/{room}?around=60")
        expect(ada.locator("message-list.is-ready")).to_be_attached()
        before = bodies(ada)
        ben.say(room, "brand new", "search-live-1")
        expect(ada.locator(".room-item--unread", has_text="brand new")).to_be_attached()

        scroller = ada.locator(".message-list__scroller")
        scroller.evaluate("it => { it.scrollTop = 0; }")
        expect(message(ada, "letter 1").first).to_be_attached()
        after = bodies(ada)
        assert after[-len(before) :] == before
        assert "brand new" not in after

        scroller.evaluate("it => { it.scrollTop = it.scrollHeight; }")
        expect(ada.get_by_role("button", name="Jump to the newest message")).to_be_visible()
        say(ada, "my answer")
        expect(message(ada, "my answer")).to_be_in_viewport()
        assert bodies(ada)[-2:] == ["brand new", "my answer"]


def test_without_scripts_it_all_works(person: Windows, size: str) -> None:
    write_many(person.house)
    ada = person("ada", size=size, javascript=False)
    look_for(ada, "muller")
    ada.locator(".hit__link").first.click()
    expect(message(ada, "The boat of Frau Müller")).to_be_in_viewport()
    ada.get_by_role("link", name="Back to the newest messages").click()
    expect(message(ada, "letter 160")).to_be_in_viewport()


def test_from_a_name_to_a_conversation(person: Windows) -> None:
    ada = person("ada")
    look_for(ada, "cleo")
    ada.get_by_role("button", name="Write Cleo").click()
    expect(ada).to_have_url(re.compile(r"/rooms/\d+$"))
    enter(ada, int(ada.url.rsplit("/", 1)[1]))
