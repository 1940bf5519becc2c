"""What people do with messages in a conversation: answer, react, edit, copy, delete; by finger, mouse and keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from homechat.database import transaction
from homechat.messages.actions import send_message
from homechat.messages.models import Message
from homechat.messages.reactions import react
from tests import corpus
from tests.browser.conversation import (
    SCROLLER,
    TEXT,
    delivery,
    enter,
    expect_message,
    has_keyboard,
    message,
    pill,
    say,
    send,
)
from tests.browser.every_page import found_by_axe
from tests.browser.history import Line, write_history
from tests.browser.windows import Windows, windows_of
from tests.browser.wire import Wire, impossible
from tests.devices import MakeDevice, devices
from tests.server_process import ServerProcess
from tests.sharing import send as send_files
from tests.sharing import share

pytestmark = pytest.mark.browser

FIRST_IN_VIEW = """
() => {
  const { top } = document.querySelector(".message-list__scroller").getBoundingClientRect();
  return [...document.querySelectorAll(".messages > .message")].find((it) => it.getBoundingClientRect().bottom > top);
}
"""
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["phone", "wide"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def all_windows(chromium: Browser, shared_server: ServerProcess) -> Iterator[Windows]:
    with windows_of(chromium, shared_server, keeps_devices=True) as windows:
        yield windows


@pytest.fixture
def person(all_windows: Windows) -> Iterator[Windows]:
    """As elsewhere, except that it is always the same devices."""
    yield all_windows
    all_windows.close_pages()
    assert not all_windows.troubles()


@pytest.fixture
def device(person: Windows) -> Iterator[MakeDevice]:
    """Signs somebody in without a browser."""
    with devices(person.server.url, person.house) as make:
        yield make


def sheet(page: Page) -> Locator:
    return page.get_by_role("dialog", name="About this message")


def open_menu(page: Page, of: Locator) -> Locator:
    """Open the menu of a message as one does there: with the mouse upon it, or with a finger that rests on it."""
    bubble = of.locator(".message__bubble")
    bubble.scroll_into_view_if_needed()
    if has_keyboard(page):
        bubble.hover()
        of.locator(".message__more").click()
    else:
        rest_on(page, of.locator(".message__body"))
    expect(sheet(page)).to_be_visible()
    return sheet(page)


def rest_on(page: Page, target: Locator) -> None:
    box = target.bounding_box()
    assert box
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    fingers = page.context.new_cdp_session(page)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(sheet(page)).to_be_visible()
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    fingers.detach()


def choose(page: Page, of: Locator, what: str) -> None:
    open_menu(page, of).get_by_role("button", name=what, exact=True).click()


def chip(of: Locator, emoji: str) -> Locator:
    return of.locator(f'.reaction[data-emoji="{emoji}"]')


# Editing


def test_an_edit_is_seen_by_everybody_and_says_so(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben"), room)
    say(ada, "See you at *six*")
    mine = expect_message(ada, "See you at six")
    expect_message(ben, "See you at six")
    ada.fill(TEXT, "what I had begun")

    choose(ada, mine, "Edit")
    expect(ada.locator(TEXT)).to_have_value("See you at *six*")
    expect(ada.locator(TEXT)).to_be_focused()
    expect(ada.get_by_text("Editing your message")).to_be_visible()
    ada.fill(TEXT, "See you at *seven*")
    send(ada)

    for page in (ada, ben):
        edited = expect_message(page, "See you at seven")
        expect(edited.locator("em")).to_have_text("seven")
        expect(edited.locator(".message__edited")).to_have_text("edited")
        expect(message(page, "six")).to_have_count(0)
    expect(delivery(expect_message(ada, "See you at seven"))).to_be_visible()
    expect(ada.get_by_text("Editing your message")).to_be_hidden()
    expect(ada.locator(TEXT)).to_have_value("what I had begun")


def test_escape_and_cancel_leave_the_edit_and_the_message_as_it_was(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ada", room, "as it is")
    ada = enter(person("ada", size=size), room)

    choose(ada, message(ada, "as it is"), "Edit")
    expect(ada.locator(TEXT)).to_have_value("as it is")
    ada.fill(TEXT, "something else")
    ada.press(TEXT, "Escape")
    expect(ada.locator(TEXT)).to_have_value("")
    choose(ada, message(ada, "as it is"), "Edit")
    expect(ada.locator(TEXT)).to_have_value("as it is")
    ada.get_by_role("button", name="Cancel").click()
    expect(ada.get_by_text("Editing your message")).to_be_hidden()
    expect(message(ada, "as it is").locator(".message__edited")).to_have_count(0)


def test_an_edit_that_fails_says_why_and_keeps_the_words(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ada", room, "nearly a day old")
    ada = enter(person("ada", size=size), room)
    choose(ada, message(ada, "nearly a day old"), "Edit")
    expect(ada.locator(TEXT)).to_have_value("nearly a day old")
    ada.fill(TEXT, "too late")

    ada.context.set_offline(True)
    send(ada)
    expect(ada.get_by_role("alert").filter(has_text="can't be reached right now")).to_be_visible()
    expect(ada.locator(TEXT)).to_have_value("too late")
    expect(pill(ada)).to_be_visible()
    ada.context.set_offline(False)
    expect(pill(ada)).to_be_hidden()

    with person.house.rows() as session, transaction():
        yesterday = NOW - timedelta(hours=25)
        session.execute(sa.update(Message).where(Message.room_id == room).values(created_at=yesterday))
    send(ada)
    expect(ada.get_by_role("alert").filter(has_text="24 hours")).to_be_visible()
    expect(ada.locator(TEXT)).to_have_value("too late")
    ada.press(TEXT, "Escape")
    ada.reload()
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    menu = open_menu(ada, message(ada, "nearly a day old"))
    expect(menu.get_by_role("button", name="Delete")).to_be_visible()
    expect(menu.get_by_role("button", name="Edit")).to_have_count(0)


def test_nothing_can_be_written_until_the_words_to_edit_are_here(person: Windows) -> None:
    room = person.house.room("ada")
    person.house.say("ada", room, "mine")
    wire = Wire(ada := person("ada"))
    wire.enter(room)
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    ada.fill(TEXT, "what I had begun")
    wire.hold()

    choose(ada, message(ada, "mine"), "Edit")
    expect(ada.locator(TEXT)).to_have_attribute("aria-busy", "true")
    expect(ada.get_by_text("Editing your message")).to_be_visible()
    ada.keyboard.type("typed too early")
    ada.keyboard.press("Enter")
    wire.release()
    expect(ada.locator(TEXT)).to_have_value("mine")
    ada.keyboard.type(", edited")
    expect(ada.locator(TEXT)).to_have_value("mine, edited")

    wire.hold()
    ada.press(TEXT, "Escape")
    choose(ada, message(ada, "mine"), "Edit")
    ada.press(TEXT, "Escape")
    wire.release()
    expect(ada.get_by_text("Editing your message")).to_be_hidden()
    expect(ada.locator(TEXT)).to_have_value("what I had begun")
    ada.locator(TEXT).press_sequentially(" goes on")
    expect(ada.locator(TEXT)).to_have_value("what I had begun goes on")
    expect(ada.locator(".messages > .message")).to_have_count(1)


# Answering


def test_an_answer_shows_what_it_answers_and_leads_there(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    lines = [Line("ben", f"line {number:03}", NOW - timedelta(minutes=200 - number)) for number in range(120)]
    write_history(house, room, [Line("ben", "Who has the **key**?", NOW - timedelta(hours=9)), *lines])
    ada, ben = enter(person("ada", size=size), room), enter(person("ben"), room)

    choose(ada, message(ada, "line 119"), "Reply")
    expect(ada.get_by_text("Reply to Ben")).to_be_visible()
    expect(ada.locator(TEXT)).to_be_focused()
    say(ada, "me")
    expect(ada.get_by_text("Reply to Ben")).to_be_hidden()
    for page in (ada, ben):
        quote = expect_message(page, "me").locator(".quote")
        expect(quote).to_contain_text("line 119")
        expect(quote).to_contain_text("Ben")

    with house.rows() as session:
        first = sa.select(Message.id).where(Message.room_id == room, Message.seq == 1)
        question = session.scalars(first).one()
    house.act(
        send_message,
        house.actor("ben"),
        room_id=room,
        body="and this one?",
        client_id=f"answer-{size}-1",
        reply_to_id=question,
    )
    ada.reload()
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    expect(message(ada, "Who has the key?")).to_have_count(0)
    message(ada, "and this one?").locator(".quote").click()
    expect(message(ada, "Who has the key?")).to_be_in_viewport()


def test_an_answer_to_what_was_deleted_meanwhile_can_be_sent_without(
    person: Windows, device: MakeDevice, size: str
) -> None:
    room = person.house.room("ada", "ben")
    ben = device("ben").connect()
    told = ben.say(room, "Shall we?", f"gone-{size}-001")["message"]
    ada = enter(person("ada", size=size), room)
    choose(ada, message(ada, "Shall we?"), "Reply")
    ada.context.set_offline(True)
    say(ada, "Yes, let's")
    expect(message(ada, "Yes, let's").locator(".quote")).to_contain_text("Shall we?")
    assert ben.send("message:delete", {"message_id": told["id"]})["ok"]
    ada.context.set_offline(False)

    failed = message(ada, "Yes, let's")
    expect(delivery(failed)).to_have_attribute("data-delivery", "failed")
    expect(failed.get_by_role("alert")).to_contain_text("You can send yours without it.")
    failed.get_by_role("button", name="Try again").click()
    expect(delivery(expect_message(ada, "Yes, let's"))).to_have_attribute("data-delivery", "sent")
    expect(message(ada, "Yes, let's").locator(".quote")).to_have_count(0)


# Reacting


def test_reactions_come_and_go_at_a_tap(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "We won!")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben", size=size), room)
    seen_by_ada, seen_by_ben = message(ada, "We won!"), message(ben, "We won!")

    choose(ada, seen_by_ada, "🎉")
    expect(chip(seen_by_ada, "🎉")).to_have_attribute("aria-pressed", "true")
    expect(chip(seen_by_ben, "🎉")).to_have_attribute("aria-pressed", "false")
    expect(chip(seen_by_ben, "🎉")).to_contain_text("1")
    expect(chip(seen_by_ada, "🎉")).to_have_accessible_name(re.compile("🎉 you"))
    expect(chip(seen_by_ben, "🎉")).to_have_accessible_name(re.compile("🎉 Ada"))

    chip(seen_by_ben, "🎉").click()
    expect(chip(seen_by_ada, "🎉")).to_contain_text("2")
    chip(seen_by_ada, "🎉").click()
    expect(chip(seen_by_ben, "🎉")).to_contain_text("1")
    expect(chip(seen_by_ada, "🎉")).to_have_attribute("aria-pressed", "false")
    chip(seen_by_ben, "🎉").click()
    expect(seen_by_ada.locator(".reaction")).to_have_count(0)


def test_any_emoji_will_do_and_words_are_refused(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "The hedgehog is back")
    ada = enter(person("ada", size=size), room)
    menu = open_menu(ada, message(ada, "The hedgehog is back"))
    menu.get_by_role("button", name="Another emoji").click()
    expect(menu.get_by_role("button", name="👏")).to_be_focused()
    menu.get_by_role("button", name="🔥").click()
    expect(chip(message(ada, "The hedgehog is back"), "🔥")).to_have_attribute("aria-pressed", "true")

    open_menu(ada, message(ada, "The hedgehog is back"))
    menu.get_by_role("button", name="Another emoji").click()
    field = menu.get_by_role("textbox", name="Another emoji")
    field.fill("hedgehog")
    field.press("Enter")
    expect(menu.get_by_role("alert")).to_have_text("Pick one emoji, and nothing else.")
    expect(field).to_have_value("hedgehog")
    field.fill("🦔")
    menu.get_by_role("button", name="React", exact=True).click()
    expect(chip(message(ada, "The hedgehog is back"), "🦔")).to_have_attribute("aria-pressed", "true")
    expect(menu).to_be_hidden()


def test_the_menu_tells_who_reacted_how(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben", "cleo")
    told = send_files(house, "ada", room, body="Shall we?").id
    for who, emoji in (("ben", "❤️"), ("cleo", "❤️"), ("ada", "😂")):
        house.act(react, house.actor(who), message_id=told, emoji=emoji)
    ada = enter(person("ada", size=size), room)

    menu = open_menu(ada, message(ada, "Shall we?"))

    expect(menu.locator(".reacted__one")).to_have_text(["❤️ Ben and Cleo", "😂 you"])


@pytest.mark.parametrize("width", [320, 360])
def test_the_emoji_stand_in_rows_of_seven_on_any_phone(person: Windows, width: int) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "Smile!")
    ada = person("ada", size="phone")
    ada.set_viewport_size({"width": width, "height": 740})
    menu = open_menu(enter(ada, room), message(ada, "Smile!"))
    menu.get_by_role("button", name="Another emoji").click()

    for grid, count in ((menu.locator(".usual").nth(0), 7), (menu.locator(".usual").nth(1), 28)):
        boxes = [box for it in grid.get_by_role("button").all() if (box := it.bounding_box())]
        assert len(boxes) == count
        assert len({box["x"] for box in boxes}) == 7
        assert min(min(box["width"], box["height"]) for box in boxes) >= 44
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_a_picture_alone_and_a_file_have_the_menu_too(person: Windows) -> None:
    """A finger that rests on them means the message; a short tap means them, as ever."""
    house = person.house
    room = house.room("ada", "ben")
    otter = corpus.encoded("JPEG", corpus.picture(1200, 800))
    send_files(house, "ada", room, share(house, "ada", room, "otter.jpg", otter))
    send_files(house, "ben", room, share(house, "ben", room, "a.zip", b"PK\3\4"))
    ada = enter(person("ada", size="phone"), room)
    picture, file = ada.locator(".picture"), ada.locator(".file")
    viewer = ada.get_by_role("dialog", name="Picture")

    rest_on(ada, picture)
    picture.evaluate(CLICK_OF_A_LIFTED_FINGER)
    expect(viewer).to_be_hidden()
    expect(sheet(ada).get_by_role("button", name="Copy the text")).to_have_count(0)
    sheet(ada).get_by_role("button", name="❤️").click()
    expect(chip(ada.locator(".message").first, "❤️")).to_be_visible()

    rest_on(ada, file)
    expect(sheet(ada).get_by_role("button", name="Reply")).to_be_visible()
    ada.keyboard.press("Escape")

    picture.tap()
    expect(viewer).to_be_visible()
    viewer.get_by_role("button", name="About this message").tap()
    expect(viewer).to_be_hidden()
    sheet(ada).get_by_role("button", name="Delete").tap()
    ada.get_by_role("button", name="Yes, delete").tap()
    expect(picture).to_have_count(0)


# Some phones send it, others do not.
CLICK_OF_A_LIFTED_FINGER = (
    "it => it.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, detail: 1 }))"
)


def test_a_reaction_moves_nothing_that_is_looked_at(person: Windows, device: MakeDevice, size: str) -> None:
    room = person.house.room("ada", "ben")
    lines = [Line("ben", f"line {number:03}", NOW - timedelta(minutes=90 - number)) for number in range(45)]
    write_history(person.house, room, lines)
    ada = enter(person("ada", size=size), room)
    ben = device("ben").connect()
    history = ben.send("message:history", {"room_id": room})["messages"]
    for _ in range(20):
        ada.locator(SCROLLER).evaluate("it => { it.scrollTop -= 40; }")
    ada.wait_for_timeout(100)
    watched = ada.evaluate_handle(FIRST_IN_VIEW).as_element()
    assert watched
    before = watched.bounding_box()
    assert before

    for told in history[15:25]:  # Above the view, and in it.
        assert ben.send("message:react", {"message_id": told["id"], "emoji": "👍"})["ok"]
    expect(ada.locator(".reaction")).to_have_count(10)
    after = watched.bounding_box()
    assert after
    assert abs(before["y"] - after["y"]) <= 1


# Deleting and copying


def test_deleting_asks_once_more_and_then_it_is_gone_for_everybody(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ada", room, "oh no, not this one")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben", size=size), room)
    choose(ben, message(ben, "oh no"), "👍")
    expect(chip(message(ada, "oh no"), "👍")).to_be_visible()

    choose(ada, message(ada, "oh no"), "Delete")
    expect(sheet(ada)).to_contain_text("Delete this message for everybody?")
    expect(ada.get_by_role("button", name="Keep it")).to_be_focused()
    ada.get_by_role("button", name="Keep it").click()
    expect(message(ada, "oh no")).to_have_count(1)
    choose(ada, message(ada, "oh no"), "Delete")
    ada.get_by_role("button", name="Yes, delete").click()

    expect(sheet(ada)).to_be_hidden()
    for page in (ada, ben):
        gone = message(page, "This message was deleted.")
        expect(gone).to_have_count(1)
        expect(gone.locator(".reaction, .message__more")).to_have_count(0)
        expect(message(page, "oh no")).to_have_count(0)


def test_only_ones_own_has_edit_and_only_what_one_may_delete_has_delete(person: Windows, size: str) -> None:
    house = person.house
    room = house.direct("ada", "ben")
    house.say("ben", room, f"from Ben, {size}")
    house.say("ada", room, f"from Ada, {size}")
    ada = enter(person("ada", size=size), room)
    assert choices(open_menu(ada, message(ada, f"from Ben, {size}"))) == ["Reply", "Copy the text"]
    ada.keyboard.press("Escape")
    expect(sheet(ada)).to_be_hidden()
    assert choices(open_menu(ada, message(ada, f"from Ada, {size}"))) == [
        "Reply",
        "Edit",
        "Copy the text",
        "Delete",
    ]


def choices(menu: Locator) -> list[str]:
    return [it.strip() for it in menu.locator(".menu-sheet__choice").all_inner_texts()]


def test_copying_takes_the_words_along(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "The **code** is 1234")
    ada = enter(person("ada", size=size), room)
    ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(ada, message(ada, "The code is 1234"), "Copy the text")
    expect(ada.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert ada.evaluate("navigator.clipboard.readText()") == "The code is 1234"
    expect(sheet(ada)).to_be_hidden()


# Being away, and other ways in


def test_whoever_was_away_sees_what_changed_meanwhile(person: Windows, device: MakeDevice, size: str) -> None:
    room = person.house.room("ada", "ben")
    ben = device("ben").connect()
    told = [
        ben.say(room, text, f"{text}-{size}-001")["message"]["id"] for text in ("first", "second", "third")
    ]
    ada = enter(person("ada", size=size), room)
    ada.context.set_offline(True)
    assert ben.send("message:edit", {"message_id": told[0], "body": "first, edited"})["ok"]
    assert ben.send("message:delete", {"message_id": told[1]})["ok"]
    assert ben.send("message:react", {"message_id": told[2], "emoji": "👍"})["ok"]
    ada.context.set_offline(False)

    expect_message(ada, "first, edited")
    expect(message(ada, "This message was deleted.")).to_have_count(1)
    expect(chip(message(ada, "third"), "👍")).to_contain_text("1")
    expect(ada.locator(".messages > .message")).to_have_count(3)


def test_without_websocket_messages_are_changed_by_plain_requests(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "plain")
    person.house.say("ada", room, "mine")
    ada = person("ada")
    impossible(ada)
    ada.goto(f"/rooms/{room}")
    expect(ada.locator("message-list.is-ready")).to_be_attached()

    choose(ada, message(ada, "plain"), "👍")
    expect(chip(message(ada, "plain"), "👍")).to_have_attribute("aria-pressed", "true")
    choose(ada, message(ada, "mine"), "Edit")
    expect(ada.locator(TEXT)).to_have_value("mine")
    ada.fill(TEXT, "mine, edited")
    send(ada)
    expect_message(ada, "mine, edited")
    choose(ada, message(ada, "plain"), "Reply")
    say(ada, "answered")
    expect(expect_message(ada, "answered").locator(".quote")).to_contain_text("plain")
    choose(ada, message(ada, "answered"), "Delete")
    ada.get_by_role("button", name="Yes, delete").click()
    expect(message(ada, "This message was deleted.")).to_have_count(1)


def test_everything_is_done_with_the_keyboard(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    for text in ("one", "two", "three"):
        person.house.say("ada", room, text)
    ada = enter(person("ada", size=size), room)
    ada.locator(SCROLLER).focus()
    ada.keyboard.press("Tab")
    expect(message(ada, "three").locator(".message__more")).to_be_focused()
    ada.keyboard.press("ArrowUp")
    ada.keyboard.press("ArrowUp")
    expect(message(ada, "one").locator(".message__more")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(sheet(ada).get_by_role("button", name="👍")).to_be_focused()
    assert found_by_axe(ada) == []
    ada.keyboard.press("Enter")
    expect(chip(message(ada, "one"), "👍")).to_be_visible()
    expect(message(ada, "one").locator(".message__more")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(sheet(ada)).to_be_visible()
    ada.keyboard.press("Escape")
    expect(sheet(ada)).to_be_hidden()
    expect(message(ada, "one").locator(".message__more")).to_be_focused()
    ada.keyboard.press("Tab")
    expect(chip(message(ada, "one"), "👍")).to_be_focused()
    ada.keyboard.press("Space")
    expect(ada.locator(".reaction")).to_have_count(0)


def test_without_scripts_a_link_leads_to_all_of_it(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    person.house.say("ben", room, "Who cooks?")
    ada = person("ada", size=size, javascript=False)
    ada.goto(f"/rooms/{room}")
    ada.get_by_role("link", name="About this message").click()
    ada.get_by_role("button", name="👍").click()
    expect(ada.locator(".reaction")).to_have_text(re.compile("👍 +1"))
    ada.get_by_label("Your reply").fill("me")
    ada.get_by_role("button", name="Send").click()
    expect(message(ada, "me").locator(".quote")).to_contain_text("Who cooks?")

    message(ada, "me").get_by_role("link", name="About this message").click()
    ada.get_by_label("What it says").fill("I do")
    ada.get_by_role("button", name="Save").click()
    expect(message(ada, "I do")).to_be_visible()
    ada.locator("summary", has_text="Delete").click()
    ada.get_by_role("button", name="Yes, delete").click()
    expect(ada.get_by_text("This message was deleted.")).to_be_visible()
    ada.get_by_role("link", name="Back to the conversation").click()
    expect(ada).to_have_url(re.compile(f"/rooms/{room}#"))
