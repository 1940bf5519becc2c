"""A family's first evening: from an empty house to two people talking, one at the desk and one on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WindowsAt
from tests.browser.conversation import (
    TEXT,
    badge,
    bodies,
    delivery,
    expect_message,
    go_live,
    has_keyboard,
    say,
)
from tests.conftest import ASYNC_MODE
from tests.house import PASSWORD
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SET_UP_LINK = re.compile(r"http://localhost:\d+/setup/\S+")
IN_A_ROOM = re.compile(r"/rooms/\d+$")
ON_THE_LIST = re.compile(r":\d+/$")


@pytest.fixture
def empty_house(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server as it stands after the first `bin/run`, with the limits of a real house."""
    with ServerProcess(tmp_path / "data", {"HOMECHAT_ASYNC_MODE": ASYNC_MODE}) as server:
        yield server


def test_a_household_is_founded_and_two_people_talk(empty_house: ServerProcess, people_at: WindowsAt) -> None:
    window = people_at(empty_house)
    ada = window(None, size="wide")
    ben = window(None, size="phone")

    found_the_house(ada, set_up_link(empty_house))
    move_in(ben, invite(ada, "Come in, the kettle is on"))

    they_talk_at_home(ada, ben)
    they_talk_in_a_public_room(ada, ben)
    they_talk_in_a_private_room(ada, ben)
    they_talk_just_the_two_of_them(ada, ben)
    what_is_read_on_one_device_is_read_on_all(ada, ben, sign_in(window(None, size="wide"), "ben"))
    signing_out_ends_it(ada, ben)


def set_up_link(server: ServerProcess) -> str:
    found = SET_UP_LINK.search(server.log())
    assert found, f"no set-up link in what the server printed:\n{server.log()}"
    return found[0]


def found_the_house(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Name of the house").fill("The Lovelaces")
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("Sign-in name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the house").click()
    expect(page).to_have_url(ON_THE_LIST)
    expect(page.locator(".sidebar__house-name")).to_have_text("The Lovelaces")


def invite(page: Page, note: str) -> str:
    """Make an invitation and return its link."""
    page.get_by_role("link", name="Invite", exact=True).click()
    page.get_by_label("A line from you").fill(note)
    page.get_by_role("button", name="Make the link").click()
    return page.get_by_label("The link is ready").get_by_role("textbox").input_value()


def move_in(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.get_by_text("Ada Lovelace invites you into the house “The Lovelaces”.")).to_be_visible()
    expect(page.get_by_text("Come in, the kettle is on")).to_be_visible()
    page.get_by_label("Your name").fill("Ben")
    page.get_by_label("Sign-in name").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Move in").tap()
    expect(page).to_have_url(ON_THE_LIST)


def they_talk_at_home(ada: Page, ben: Page) -> None:
    go_live(ada, "/")
    open_conversation(ada, "home")
    open_conversation(ben, "home")
    they_talk(ada, ben)


def they_talk_in_a_public_room(ada: Page, ben: Page) -> None:
    make_room(ada, "Garden", "Everyone in the family")
    back_to_the_list(ben)
    expect(in_the_list(ben, "Garden")).to_have_count(0)

    ben.get_by_role("link", name="Rooms").tap()
    ben.get_by_role("button", name="Join Garden").tap()
    expect(ben).to_have_url(IN_A_ROOM)

    they_talk(ada, ben)


def they_talk_in_a_private_room(ada: Page, ben: Page) -> None:
    back_to_the_list(ben)
    make_room(ada, "Surprise party", "Only people who are added")
    expect(in_the_list(ben, "Surprise party")).to_have_count(0)

    ada.locator(".about__summary").click()
    ada.get_by_role("link", name="All details").click()
    ada.get_by_role("checkbox", name="Ben").check()
    ada.get_by_role("button", name="Add them").click()
    expect(ada.locator("#members-title")).to_have_text("2 people")

    open_conversation(ben, "Surprise party")  # It came into the list of an open page by itself.
    open_conversation(ada, "Surprise party")
    they_talk(ada, ben)


def they_talk_just_the_two_of_them(ada: Page, ben: Page) -> None:
    back_to_the_list(ben)
    ada.get_by_role("link", name="People").click()
    ada.get_by_role("button", name="Write Ben").click()
    expect(ada).to_have_url(IN_A_ROOM)
    expect(ada.locator(".conversation__title")).to_have_text("Ben")
    expect(in_the_list(ben, "Ada Lovelace")).to_have_count(0)

    say(ada, "Just for you")

    open_conversation(ben, "Ada Lovelace")
    expect_message(ben, "Just for you")
    they_talk(ada, ben)


def what_is_read_on_one_device_is_read_on_all(ada: Page, ben: Page, bens_desk: Page) -> None:
    room_id = int(ada.url.rsplit("/", 1)[1])
    back_to_the_list(ben)
    go_live(bens_desk, "/")
    for number in (1, 2):
        say(ada, f"Are you there? ({number})")

    expect(badge(ben, room_id)).to_have_text("2")
    expect(badge(bens_desk, room_id)).to_have_text("2")
    expect(bens_desk).to_have_title(re.compile(r"^\(2\) "))

    open_conversation(ben, "Ada Lovelace")
    expect(ben.locator(".new-line")).to_be_visible()
    expect(badge(bens_desk, room_id)).to_be_hidden()
    expect(bens_desk).to_have_title(re.compile(r"^[^(]"))
    back_to_the_list(ben)
    expect(badge(ben, room_id)).to_be_hidden()
    sign_out(bens_desk)


def signing_out_ends_it(ada: Page, ben: Page) -> None:
    dot = ada.locator(".conversation__face .presence-dot")
    expect(dot).to_be_visible()
    old_page = ben.context.new_page()
    go_live(old_page, ada.url)

    sign_out(ben)

    expect(dot).to_be_hidden()
    expect(old_page).to_have_url(re.compile("/sign-in"))
    say(ada, "Good night")
    expect_message(ada, "Good night")
    ben.goto(ada.url)
    expect(ben.get_by_role("button", name="Come in")).to_be_visible()
    assert "Good night" not in ben.content()


# What they do again and again.


def they_talk(ada: Page, ben: Page) -> None:
    """Both write, each sees the other's words as they come, and in the end both see the same."""
    write_until_seen(ben, "Is it l", seen_by=ada, line="Ben is writing…")
    say(ben, "Is it live?")
    expect_message(ada, "Is it live?")
    expect(ada.locator("typing-line")).to_be_empty()

    say(ada, "It is, **really**")
    expect_message(ben, "It is, really")
    expect(delivery(expect_message(ada, "It is, really"))).to_have_attribute("data-delivery", "read")

    for number in range(3):
        say(ada, f"ping {number}")
        say(ben, f"pong {number}")
    for page in (ada, ben):
        expect_message(page, "ping 2")
        expect_message(page, "pong 2")
    assert bodies(ada) == bodies(ben)


def open_conversation(page: Page, name: str) -> None:
    press(page, in_the_list(page, name))
    expect(page.locator(".conversation__title")).to_have_text(name)
    expect(page.locator("message-list.is-ready")).to_be_attached()


def in_the_list(page: Page, name: str) -> Locator:
    return page.locator(".room-item__link").filter(has=page.locator(".room-item__name", has_text=name))


def back_to_the_list(page: Page) -> None:
    press(page, page.get_by_role("link", name="Back to the conversations"))
    expect(page).to_have_url(ON_THE_LIST)


def make_room(page: Page, name: str, kind: str) -> None:
    page.get_by_role("link", name="New room").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label(kind).check()
    page.get_by_role("button", name="Make the room").click()
    expect(page.locator(".conversation__title")).to_have_text(name)


def sign_in(page: Page, name: str) -> Page:
    page.goto("/")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(page).to_have_url(ON_THE_LIST)
    return page


def sign_out(page: Page) -> None:
    press(page, page.get_by_role("link", name="You", exact=True))
    press(page, page.get_by_role("button", name="Sign out on this device"))
    expect(page).to_have_url(re.compile("/sign-in"))


def press(page: Page, target: Locator) -> None:
    if has_keyboard(page):
        target.click()
    else:
        target.tap()


def write_until_seen(writer: Page, text: str, *, seen_by: Page, line: str) -> None:
    """Write until the other one sees it: what is typed before a page is connected is told to nobody."""
    for _ in range(10):
        writer.locator(TEXT).fill("")
        writer.locator(TEXT).press_sequentially(text)
        try:
            expect(seen_by.locator("typing-line")).to_have_text(line, timeout=3_500)
        except AssertionError:
            continue
        return
    raise AssertionError(f"nobody ever saw: {line}")
