"""With JavaScript switched off, everything but the live part works as plain pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conversation import SCROLLER, TEXT, bodies, message
from tests.browser.history import Line, write_history
from tests.browser.windows import Windows
from tests.house import PASSWORD

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC)
IN_A_ROOM = re.compile(r"/rooms/\d+")
ON_THE_LIST = re.compile(r":\d+/$")


@pytest.fixture(params=["phone", "wide"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_signing_in_reading_writing_and_signing_out(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben", name="Letters")
    person.house.say("ben", room, "Dear **Ada**")
    ada = person(None, size=size, javascript=False)
    ada.goto(f"/rooms/{room}")
    ada.get_by_label("Sign-in name").fill("ada")
    ada.get_by_label("Password").fill("not this one")
    ada.get_by_role("button", name="Come in").click()
    expect(ada.get_by_role("alert")).to_be_visible()
    expect(ada.get_by_label("Sign-in name")).to_have_value("ada")

    ada.get_by_label("Password").fill(PASSWORD)
    ada.get_by_role("button", name="Come in").click()
    expect(ada).to_have_url(re.compile(f"/rooms/{room}$"))
    expect(message(ada, "Dear Ada")).to_be_in_viewport()
    written_at = message(ada, "Dear Ada").locator("time").evaluate("it => it.innerText")
    assert re.fullmatch(r"[\d-]+ \d\d:\d\d UTC", written_at)

    ada.get_by_role("textbox").fill("Dear Ben,\n\nthank you")
    ada.get_by_role("button", name="Send").click()
    expect(message(ada, "thank you")).to_be_in_viewport()
    ada.reload()
    assert bodies(ada) == ["Dear Ada", "Dear Ben,\n\nthank you"]

    ada.goto("/me")
    ada.get_by_role("button", name="Sign out on this device").click()
    expect(ada).to_have_url(re.compile("/sign-in"))
    ada.goto(f"/rooms/{room}")
    expect(ada.get_by_label("Sign-in name")).to_be_visible()


def test_reading_back_to_the_first_message_and_forth(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    lines = [Line("ben", f"letter {number}", NOW - timedelta(days=121 - number)) for number in range(1, 121)]
    write_history(person.house, room, lines)
    ada = person("ada", size=size, javascript=False)
    ada.goto(f"/rooms/{room}")
    expect(message(ada, "letter 120")).to_be_in_viewport()

    read = bodies(ada)
    while (older := ada.get_by_role("link", name="Show older messages")).count():
        older.click()
        read = bodies(ada) + read
    assert read == [f"letter {number}" for number in range(1, 121)]
    expect(ada.get_by_text("This is where it all began.")).to_be_attached()

    ada.get_by_role("link", name="Back to the newest messages").click()
    expect(message(ada, "letter 120")).to_be_in_viewport()


def test_making_a_room_joining_it_and_changing_who_is_in(person: Windows) -> None:
    ada = person("ada", javascript=False)
    ben = person("ben", size="phone", javascript=False)
    ada.goto("/")
    ada.get_by_role("link", name="New room").click()
    ada.get_by_label("Name").fill("x")
    ada.get_by_label("Everyone in the family").check()
    ada.get_by_role("button", name="Make the room").click()  # A name of one letter: the browser says no.
    expect(ada).to_have_url(re.compile("/rooms/new"))
    ada.get_by_label("Name").fill("Reading circle")
    ada.get_by_role("button", name="Make the room").click()
    expect(ada.locator(".conversation__title")).to_have_text("Reading circle")

    ben.goto("/")
    ben.get_by_role("link", name="Rooms", exact=True).click()
    ben.get_by_role("button", name="Join Reading circle").click()
    expect(ben).to_have_url(IN_A_ROOM)
    ben.fill(TEXT, "What do we read?")
    ben.get_by_role("button", name="Send").click()
    expect(message(ben, "What do we read?")).to_be_visible()

    details = f"{ada.url}/details"
    ada.goto(details)
    ada.get_by_label("What it is for").fill("One book a month")
    ada.get_by_role("button", name="Save").click()
    ada.get_by_role("checkbox", name="Cleo").check()
    ada.get_by_role("button", name="Add them").click()
    expect(ada.locator("#members-title")).to_have_text("3 people")
    remove(ada, "Ben")
    expect(ada.locator("#members-title")).to_have_text("2 people")
    expect(ada.get_by_text("One book a month").first).to_be_visible()

    ben.goto("/")
    expect(ben.locator(".room-item", has_text="Reading circle")).to_have_count(0)
    ada.get_by_text("Archive", exact=True).click()
    ada.get_by_role("button", name="Yes, archive").click()
    expect(ada).to_have_url(ON_THE_LIST)


def test_writing_to_one_and_to_several(person: Windows) -> None:
    cleo = person("cleo", size="phone", javascript=False)
    cleo.goto("/people")
    cleo.get_by_role("button", name="Write Ben").click()
    expect(cleo.locator(".conversation__title")).to_have_text("Ben")

    cleo.goto("/people")
    cleo.get_by_text("Write to several at once").click()
    for name in ("Ada", "Ben"):
        cleo.get_by_role("checkbox", name=name).check()
    cleo.get_by_role("button", name="Start talking").click()
    expect(cleo.locator(".conversation__title")).to_have_text(re.compile("Ada.*Ben|Ben.*Ada"))


def test_inviting_and_moving_in(person: Windows) -> None:
    ada = person("ada", javascript=False)
    ada.goto("/invites")
    ada.get_by_label("A line from you").fill("Welcome to the family")
    ada.get_by_role("button", name="Make the link").click()
    link = ada.get_by_label("The link is ready").get_by_role("textbox").input_value()

    nora = person(None, size="phone", javascript=False)
    nora.goto(link)
    nora.get_by_label("Your name").fill("Nora")
    nora.get_by_label("Sign-in name").fill("nora")
    nora.get_by_label("Password").fill(PASSWORD)
    nora.get_by_role("button", name="Move in").click()
    expect(nora).to_have_url(ON_THE_LIST)
    expect(nora.locator(".room-item__name", has_text="home")).to_be_visible()

    ada.reload()
    expect(ada.get_by_text("1 of 1 moved in")).to_be_visible()
    ada.goto("/invites")
    ada.get_by_role("button", name="Make the link").click()
    ada.get_by_role("button", name="Take back").first.click()
    expect(ada.locator(".tag--revoked")).to_have_count(1)


def test_changing_ones_profile_and_password(person: Windows) -> None:
    gus = person("gus", javascript=False)
    gus.goto("/me")
    gus.get_by_label("Your name").fill("Grandpa Gus")
    gus.get_by_label("Dark").check()
    gus.get_by_label("Time zone").select_option("Europe/Vienna")
    gus.get_by_role("button", name="Save").click()
    expect(gus.get_by_text("Saved.")).to_be_visible()
    expect(gus.get_by_label("Your name")).to_have_value("Grandpa Gus")
    expect(gus.locator("html")).to_have_attribute("data-theme", "dark")

    gus.get_by_label("The one you use now").fill("not this one")
    gus.get_by_label("The new one").fill("seven calm herons")
    gus.get_by_role("button", name="Change the password").click()
    expect(gus.locator("#current_password-error")).to_be_visible()
    gus.get_by_label("The one you use now").fill(PASSWORD)
    gus.get_by_label("The new one").fill("seven calm herons")
    gus.get_by_role("button", name="Change the password").click()
    expect(gus.get_by_text("Saved.")).to_be_visible()


def test_a_long_talk_begins_at_its_newest_message(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    lines = [Line("ben", "on and on " * 40, NOW - timedelta(minutes=41 - n)) for n in range(40)]
    write_history(person.house, room, [*lines, Line("ben", "the end", NOW)])
    ada = person("ada", size=size, javascript=False)
    ada.goto(f"/rooms/{room}")

    expect(message(ada, "the end")).to_be_in_viewport()
    expect(ada.locator(SCROLLER)).to_be_visible()
    expect(ada.get_by_role("button", name="Send")).to_be_in_viewport()


def remove(page: Page, name: str) -> None:
    line = page.locator("li.person", has_text=name)
    line.locator("summary", has_text="Remove").click()
    line.get_by_role("button", name="Yes, remove").click()
