"""The house is closed while people look at it: they read why, and come back without doing anything."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from homechat.actor import Actor
from homechat.lockdown import Kind
from homechat.operations.lockdown import lift, start
from tests.browser.windows import Windows

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REASON = "Cleo's phone was stolen. We change the locks."


def look_again(page: Page) -> None:
    """Have the page believe that somebody looks at it anew, which saves half a minute."""
    expect(page.locator("locked-door:defined")).to_be_attached()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def close_house(person: Windows) -> None:
    person.house.act(start, Actor.operator(), Kind.USERS, reason=REASON)


@pytest.fixture(autouse=True)
def _open_again(person: Windows):
    yield
    person.house.act(lift, Actor.operator())


def test_an_open_conversation_is_closed_with_a_word_and_comes_back_by_itself(person: Windows) -> None:
    home = person.house.home().id
    ada, ben = person("ada"), person("ben", size="phone")
    for page in (ada, ben):
        page.goto(f"/rooms/{home}")
        expect(page.locator("message-list.is-ready")).to_be_attached()
    ben.get_by_role("textbox").fill("Half a sentence")

    close_house(person)

    expect(ben.locator("connection-pill")).to_contain_text("The house is closed for a while.")
    expect(ben.get_by_role("heading", name="Closed for now")).to_be_visible()
    expect(ben.get_by_text(REASON)).to_be_visible()
    expect(ben.get_by_text("You stay signed in.")).to_be_visible()
    look_again(ben)
    expect(ben.get_by_role("heading", name="Closed for now")).to_be_visible()

    person.house.act(lift, Actor.operator())
    look_again(ben)

    expect(ben.locator("message-list.is-ready")).to_be_attached()
    assert ben.url.endswith(f"/rooms/{home}")
    expect(ben.get_by_role("textbox")).to_have_value("Half a sentence")
    expect(ada.locator("connection-pill")).to_be_hidden()
    assert ada.url.endswith(f"/rooms/{home}"), "an admin notices nothing"


def test_without_javascript_the_page_says_the_same_and_leads_on(person: Windows) -> None:
    page = person("cleo", javascript=False)
    close_house(person)
    page.goto("/rooms")
    expect(page.get_by_text(REASON)).to_be_visible()
    person.house.act(lift, Actor.operator())
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(f"{person.server.url}/rooms")


def test_who_has_to_wait_can_sign_out(person: Windows) -> None:
    page = person("gus", size="phone")
    close_house(person)
    page.goto("/")
    page.get_by_role("button", name="Sign out on this device").click()
    expect(page.get_by_label("Sign-in name")).to_be_visible()
