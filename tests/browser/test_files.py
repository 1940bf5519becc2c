"""Sharing files as people do: chosen, pasted or dropped, seen before they go, looked at when they are there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from homechat.errors import Invalid
from homechat.messages.models import Message
from tests import corpus
from tests.browser.conversation import (
    TEXT,
    delivery,
    enter,
    expect_message,
    from_bottom,
    has_keyboard,
    send,
    wait_until,
)
from tests.browser.windows import Windows, windows_of
from tests.house import House
from tests.server_process import ServerProcess
from tests.sharing import send as send_files
from tests.sharing import share

pytestmark = pytest.mark.browser

OTTER = corpus.encoded("JPEG", corpus.picture(1200, 800))
TALL = corpus.encoded("PNG", corpus.picture(300, 1500))
# As a browser makes it of what somebody copied or drags along.
OFFER = """
(target, [event, name, type, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(window.offered)], name, { type }));
  if (text) data.items.add(text, "text/plain");
  const more = event === "paste" ? { clipboardData: data } : { dataTransfer: data };
  const made = event === "paste" ? new ClipboardEvent(event, { ...more, bubbles: true, cancelable: true })
    : new DragEvent(event, { ...more, bubbles: true, cancelable: true });
  target.dispatchEvent(made);
  return made.defaultPrevented;
}
"""


@pytest.fixture(params=["phone", "wide"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def all_windows(chromium: Browser, shared_server: ServerProcess) -> Iterator[Windows]:
    with windows_of(chromium, shared_server, keeps_devices=True) as windows:
        yield windows


@pytest.fixture
def person(all_windows: Windows) -> Iterator[Windows]:
    yield all_windows
    all_windows.close_pages()
    assert not all_windows.troubles()


def choose(page: Page, *files: tuple[str, str, bytes]) -> None:
    """Choose files in the dialog behind "Attach files"."""
    chosen: list[Any] = [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
    page.locator(".composer__files").set_input_files(chosen)


def tiles(page: Page) -> Locator:
    return page.locator(".attachment")


def press_send(page: Page) -> None:
    send(page)


def offer(page: Page, place: str, event: str, name: str, data: bytes, text: str = "") -> bool:
    """Paste a file, or drop it somewhere; return whether the page took it."""
    page.evaluate("data => { window.offered = data; }", list(data))
    taken: bool = page.locator(place).evaluate(OFFER, [event, name, "image/png", text])
    return taken


def test_chosen_files_are_seen_sent_with_their_words_and_shown_to_everybody(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada", "ben")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben", size=size), room)

    choose(ada, ("otter.jpg", "image/jpeg", OTTER), ("letter.txt", "text/plain", b"Dear all"))
    expect(tiles(ada)).to_have_count(2)
    expect(tiles(ada).first.locator("img")).to_be_visible()
    for tile in (tiles(ada).nth(0), tiles(ada).nth(1)):
        expect(tile).to_have_attribute("data-state", "ready")
    ada.fill(TEXT, "At the lake")
    press_send(ada)

    for page in (ada, ben):
        message = expect_message(page, "At the lake")
        picture = message.get_by_role("img", name="otter.jpg")
        expect(picture).to_be_visible()
        wait_until(page, lambda picture=picture: picture.evaluate("it => it.complete && it.naturalWidth > 0"))
        expect(message.locator(".file")).to_contain_text("letter.txt")
        expect(message.locator(".file__size")).to_have_text("8 bytes")
    expect(tiles(ada)).to_have_count(0)
    expect(ada.locator(TEXT)).to_have_value("")


def test_a_picture_needs_no_words(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben", name=f"Pictures only, {size}")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben", size=size), room)

    choose(ada, ("otter.jpg", "image/jpeg", OTTER))
    press_send(ada)

    for page in (ada, ben):
        expect(
            page.locator(".message:not(.message--pending)").get_by_role("img", name="otter.jpg")
        ).to_be_visible()
    if size == "wide":
        line = ben.locator(".room-item", has_text=f"Pictures only, {size}")
        expect(line.locator(".room-item__preview")).to_have_text("Ada: 1 file")
    expect(ben.get_by_role("log", name="News in this conversation")).to_contain_text("Ada: 1 file")


def test_a_file_can_be_pasted_or_dropped_but_words_are_pasted_as_words(person: Windows) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada"), room)

    assert offer(ada, TEXT, "paste", "shot.png", TALL)
    expect(tiles(ada)).to_have_count(1)
    assert not offer(ada, TEXT, "paste", "cells.png", TALL, text="what was copied out of a table")
    assert offer(ada, ".message-list__scroller", "dragover", "drop.png", TALL)
    expect(ada.locator(".conversation")).to_have_class(re.compile("is-offered-files"))
    assert offer(ada, ".message-list__scroller", "drop", "drop.png", TALL)
    expect(tiles(ada)).to_have_count(2)
    expect(ada.locator(".conversation")).not_to_have_class(re.compile("is-offered-files"))

    press_send(ada)
    expect(ada.locator(".message:not(.message--pending) .picture__image")).to_have_count(2)


def test_a_file_can_be_taken_back_before_it_goes(person: Windows, size: str) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada", size=size), room)
    choose(ada, ("a.txt", "text/plain", b"no"), ("b.txt", "text/plain", b"yes"))
    expect(tiles(ada).first).to_have_attribute("data-state", "ready")

    ada.get_by_role("button", name="Remove a.txt").click()
    expect(tiles(ada)).to_have_count(1)
    press_send(ada)

    expect(ada.locator(".message .file__name")).to_have_text("b.txt")


def test_a_refused_file_says_why_and_nothing_else_is_lost(person: Windows, size: str) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada", size=size), room)
    ada.fill(TEXT, "Both of them")
    choose(
        ada,
        ("broken.png", "image/png", b"\x89PNG\r\n\x1a\nbroken"),
        ("empty.txt", "text/plain", b""),
        ("good.txt", "text/plain", b"good"),
    )
    broken, empty = tiles(ada).nth(0), tiles(ada).nth(1)
    expect(broken.get_by_role("alert")).to_have_text("This picture can't be read. It may be damaged.")
    expect(empty.get_by_role("alert")).to_have_text("This file is empty.")

    press_send(ada)
    expect(ada.get_by_role("alert").filter(has_text="2 files can't be sent.")).to_be_visible()
    expect(ada.locator(TEXT)).to_be_focused()
    expect(ada.locator(".message")).to_have_count(0)
    expect(ada.locator(TEXT)).to_have_value("Both of them")
    ada.get_by_role("button", name="Remove broken.png").click()
    ada.get_by_role("button", name="Remove empty.txt").click()
    expect(ada.locator(".composer__trouble")).to_be_hidden()
    press_send(ada)

    expect(expect_message(ada, "Both of them").locator(".file__name")).to_have_text("good.txt")


def test_too_large_and_too_many_are_told_before_anything_travels(person: Windows) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada"), room)
    ada.locator("message-composer").evaluate("it => it.remove()")
    ada.reload()
    ada.wait_for_selector(".message-list.is-ready")
    sent: list[str] = []
    ada.on("request", lambda request: sent.append(request.url) if request.url.endswith("/uploads") else None)

    choose(ada, ("large.bin", "application/octet-stream", bytes(10_485_761)))
    expect(tiles(ada).get_by_role("alert")).to_have_text("This file is larger than 10.5 MB.")
    assert sent == []


def held_uploads(page: Page) -> list[Route]:
    """Keep back every file that a page sends from now on."""
    held: list[Route] = []
    page.route("**/uploads", lambda route: held.append(route))
    return held


def pending(page: Page, text: str) -> Locator:
    return page.locator(".message--pending").filter(has_text=text)


def sent(person: Windows, room: int) -> list[str]:
    """Return what the server has of a room, each message with the number of its files."""
    with person.house.rows() as session:
        query = sa.select(Message).where(Message.room_id == room).order_by(Message.seq)
        return [f"{it.body} + {(it.payload or {}).get('files', 0)}" for it in session.scalars(query)]


def test_a_message_is_there_as_soon_as_send_is_pressed_and_what_is_typed_then_is_another(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada", size=size), room)
    held = held_uploads(ada)
    ada.fill(TEXT, "Patience")
    choose(ada, ("otter.jpg", "image/jpeg", OTTER), ("a.txt", "text/plain", b"slow"))
    wait_until(ada, lambda: len(held) == 2)

    press_send(ada)
    waiting = pending(ada, "Patience")
    expect(waiting.get_by_role("status")).to_have_text("Sending 2 files…")
    expect(waiting.get_by_role("progressbar")).to_be_visible()
    picture = waiting.get_by_role("img", name="otter.jpg")
    wait_until(ada, lambda: picture.evaluate("it => it.naturalWidth") == 1200)
    expect(delivery(waiting)).to_have_attribute("data-delivery", "waiting")
    expect(tiles(ada)).to_have_count(0)
    ada.locator(TEXT).press_sequentially("Something else")
    for route in held:
        route.continue_()

    expect(expect_message(ada, "Patience").locator(".file__name")).to_have_text("a.txt")
    expect(ada.locator(TEXT)).to_have_value("Something else")
    assert sent(person, room) == ["Patience + 2"]
    assert len(held) == 2  # Each has travelled once.


@pytest.mark.parametrize("leaves_to", ["/", ""])
def test_a_message_with_a_file_goes_though_its_page_is_left_in_between(
    person: Windows, size: str, leaves_to: str
) -> None:
    room = person.house.room("ada", "ben")
    ada, ben = enter(person("ada", size=size), room), enter(person("ben"), room)
    held = held_uploads(ada)
    ada.fill(TEXT, "From the train")
    choose(ada, ("otter.jpg", "image/jpeg", OTTER))
    wait_until(ada, lambda: bool(held))
    press_send(ada)
    expect(pending(ada, "From the train")).to_be_visible()
    wait_until(ada, lambda: kept_files(ada) == 1)

    if leaves_to:
        ada.goto(leaves_to)
    else:
        ada.reload()
    wait_until(ada, lambda: len(held) == 2)
    if not leaves_to:
        picture = pending(ada, "From the train").get_by_role("img", name="otter.jpg")
        wait_until(ada, lambda: picture.evaluate("it => it.naturalWidth") == 1200)
    held[1].continue_()

    expect(expect_message(ben, "From the train").get_by_role("img", name="otter.jpg")).to_be_visible()
    wait_until(ada, lambda: kept_files(ada) == 0)
    assert sent(person, room) == ["From the train + 1"]
    enter(ada, room)
    expect(ada.locator(TEXT)).to_have_value("")


def kept_files(page: Page) -> int:
    """Return how many files the browser keeps for messages that wait."""
    count: int = page.evaluate(
        """() => new Promise((done, fail) => {
          const asked = indexedDB.open("homechat", 1);
          asked.onerror = fail;
          asked.onupgradeneeded = () => asked.result.createObjectStore("files");
          asked.onsuccess = () => {
            const count = asked.result.transaction("files").objectStore("files").count();
            count.onsuccess = () => { asked.result.close(); done(count.result); };
          };
        })"""
    )
    return count


def test_where_the_browser_keeps_no_files_it_is_asked_before_they_are_lost(person: Windows) -> None:
    room = person.house.room("ada")
    ada = person("ada", size="phone")
    ada.add_init_script("IDBFactory.prototype.open = () => { throw new Error('private'); }")
    enter(ada, room)
    held = held_uploads(ada)
    questions: list[str] = []

    def stay(dialog: Dialog) -> None:
        questions.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    ada.on("dialog", stay)
    ada.fill(TEXT, "Only here")
    choose(ada, ("a.txt", "text/plain", b"slow"))
    press_send(ada)
    expect(pending(ada, "Only here")).to_be_visible()

    ada.locator(".conversation a[href='/']").first.click()
    wait_until(ada, lambda: len(questions) == 1)
    ada.evaluate("() => { setTimeout(() => location.reload()); }")
    wait_until(ada, lambda: len(questions) == 2)
    assert questions[0] == (
        "confirm: The files of your message are not sent yet, and would be lost. Leave anyway?"
    )
    assert questions[1].startswith("beforeunload")
    expect(pending(ada, "Only here")).to_be_visible()
    held[0].continue_()

    expect_message(ada, "Only here")
    ada.locator(".conversation a[href='/']").first.click()
    expect(ada).to_have_url(re.compile(r"/$"))
    assert len(questions) == 2


def test_a_message_is_taken_back_with_its_words_and_files_while_they_travel(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada", size=size), room)
    held = held_uploads(ada)
    ada.fill(TEXT, "Wrong picture")
    choose(ada, ("wrong.txt", "text/plain", b"wrong"), ("right.txt", "text/plain", b"right"))
    wait_until(ada, lambda: len(held) == 2)
    press_send(ada)

    pending(ada, "Wrong picture").get_by_role("button", name="Take back").click()
    expect(ada.locator(".message")).to_have_count(0)
    expect(ada.locator(TEXT)).to_have_value("Wrong picture")
    ada.get_by_role("button", name="Remove wrong.txt").click()
    held[1].continue_()
    expect(tiles(ada)).to_have_attribute("data-state", "ready")
    assert sent(person, room) == []
    press_send(ada)

    expect(expect_message(ada, "Wrong picture").locator(".file__name")).to_have_text("right.txt")
    assert sent(person, room) == ["Wrong picture + 1"]
    assert len(held) == 2


def test_a_file_that_is_refused_after_send_leaves_words_and_files_to_mend(person: Windows) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada"), room)
    held = held_uploads(ada)
    ada.fill(TEXT, "Look")
    choose(ada, ("IMG_1.heic", "image/heic", corpus.HEIC), ("a.txt", "text/plain", b"fine"))
    wait_until(ada, lambda: len(held) == 2)
    press_send(ada)
    for route in held:
        route.continue_()

    failed = ada.locator(".message--failed")
    expect(failed.get_by_role("alert")).to_contain_text("IMG_1.heic: HomeChat can't take this kind of iPhone")
    failed.get_by_role("button", name="Take back").click()
    expect(tiles(ada)).to_have_count(2)
    ada.get_by_role("button", name="Remove IMG_1.heic").click()
    press_send(ada)

    expect(expect_message(ada, "Look").locator(".file__name")).to_have_text("a.txt")


def test_a_lost_upload_can_be_tried_again(person: Windows) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada"), room)
    ada.route("**/uploads", lambda route: route.abort(), times=1)
    choose(ada, ("a.txt", "text/plain", b"again"))
    expect(tiles(ada).get_by_role("alert")).to_have_text("This file didn't arrive.")

    tiles(ada).get_by_role("button", name="Try again").click()
    expect(tiles(ada)).to_have_attribute("data-state", "ready")
    press_send(ada)

    expect(ada.locator(".message .file__name")).to_have_text("a.txt")


def test_pressing_send_leads_to_what_can_be_tried_again(person: Windows) -> None:
    ada = enter(person("ada"), person.house.room("ada"))
    full = {"ok": False, "error": "The house has hardly any room left."}
    ada.route("**/uploads", lambda route: route.fulfill(status=507, json=full), times=1)
    choose(ada, ("a.txt", "text/plain", b"again"))
    expect(tiles(ada).get_by_role("alert")).to_have_text("The house has hardly any room left.")
    ada.fill(TEXT, "Look")

    press_send(ada)
    expect(tiles(ada).get_by_role("button", name="Try again")).to_be_focused()
    expect(ada.get_by_role("alert").filter(has_text="1 file can't be sent.")).to_be_visible()
    ada.keyboard.press("Enter")
    expect(tiles(ada)).to_have_attribute("data-state", "ready")
    expect(ada.locator(".composer__trouble")).to_be_hidden()


def test_a_file_chosen_without_a_network_waits_for_it_and_then_goes_by_itself(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada")
    ada = enter(person("ada", size=size), room)
    ada.context.set_offline(True)
    choose(ada, ("a.txt", "text/plain", b"later"))
    expect(tiles(ada)).to_have_attribute("data-state", "waiting")
    expect(tiles(ada)).to_contain_text("Waits for the network.")
    expect(ada.get_by_role("status").filter(has_text="1 file, waits for the network")).to_be_visible()

    ada.context.set_offline(False)
    expect(tiles(ada)).to_have_attribute("data-state", "ready")
    expect(ada.get_by_role("status").filter(has_text="1 file, ready to send")).to_be_visible()
    ada.context.set_offline(True)
    choose(ada, ("b.txt", "text/plain", b"even later"))
    ada.fill(TEXT, "From the cellar")
    press_send(ada)
    expect(pending(ada, "From the cellar")).to_be_visible()
    ada.context.set_offline(False)

    expect(expect_message(ada, "From the cellar").locator(".file")).to_have_count(2)


def test_a_message_that_is_edited_takes_no_files(person: Windows, size: str) -> None:
    room = person.house.room("ada")
    person.house.say("ada", room, "as it is")
    ada = enter(person("ada", size=size), room)
    choose(ada, ("a.txt", "text/plain", b"for the next one"))
    expect(tiles(ada)).to_have_attribute("data-state", "ready")
    ada.locator(".message__more").evaluate("it => it.click()")
    ada.get_by_role("button", name="Edit").click()
    expect(ada.locator(TEXT)).to_have_value("as it is")

    expect(ada.locator(".composer__attach")).to_be_hidden()
    expect(tiles(ada)).to_be_hidden()
    assert offer(ada, TEXT, "paste", "shot.png", TALL)
    assert offer(ada, ".message-list__scroller", "drop", "drop.png", TALL)
    ada.press(TEXT, "Escape")

    expect(ada.locator(".composer__attach")).to_be_visible()
    expect(tiles(ada)).to_have_count(1)
    expect(tiles(ada)).to_be_visible()


def test_choosing_a_file_opens_no_keyboard_on_glass(person: Windows, size: str) -> None:
    ada = enter(person("ada", size=size), person.house.room("ada"))
    choose(ada, ("a.txt", "text/plain", b"a"))
    expect(tiles(ada)).to_have_count(1)
    if has_keyboard(ada):
        expect(ada.locator(TEXT)).to_be_focused()
        assert ada.locator(TEXT).get_attribute("placeholder", timeout=0).startswith("Write to ")  # type: ignore[union-attr]
    else:
        expect(ada.locator(TEXT)).not_to_be_focused()
        expect(ada.locator(TEXT)).to_have_attribute("placeholder", "Message")


def test_pictures_open_large_one_after_the_other_and_close(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    cards = [share(house, "ben", room, f"{number}.jpg", OTTER) for number in (1, 2)]
    send_files(house, "ben", room, *cards)
    ada = enter(person("ada", size=size), room)

    ada.get_by_role("img", name="1.jpg").click()
    viewer = ada.get_by_role("dialog", name="Picture")
    expect(viewer.get_by_role("img", name="1.jpg")).to_be_visible()
    wait_until(ada, lambda: viewer.locator("img").evaluate("it => it.naturalWidth") == 1200)
    viewer.get_by_role("button", name="Next picture").click()
    expect(viewer.get_by_role("img", name="2.jpg")).to_be_visible()
    expect(viewer.get_by_role("button", name="Next picture")).to_be_hidden()
    expect(viewer.get_by_text("2 of 2")).to_be_visible()
    assert viewer.get_by_role("link", name="Save").get_attribute("download") == "2.jpg"
    if has_keyboard(ada):
        ada.keyboard.press("ArrowLeft")
        expect(viewer.get_by_role("img", name="1.jpg")).to_be_visible()
        ada.keyboard.press("Escape")
    else:
        viewer.get_by_role("button", name="Close").click()
    expect(viewer).to_be_hidden()


def test_a_finger_goes_from_picture_to_picture_and_back_closes(person: Windows) -> None:
    house = person.house
    room = house.room("ada", "ben")
    cards = [share(house, "ben", room, f"{number}.jpg", OTTER) for number in (1, 2)]
    send_files(house, "ben", room, *cards)
    ada = enter(person("ada", size="phone"), room)
    viewer = ada.get_by_role("dialog", name="Picture")
    ada.get_by_role("img", name="1.jpg").tap()
    expect(viewer.get_by_text("1 of 2")).to_be_visible()

    swipe(ada, 300, 100)
    expect(viewer.get_by_role("img", name="2.jpg")).to_be_visible()
    swipe(ada, 100, 300)
    expect(viewer.get_by_role("img", name="1.jpg")).to_be_visible()
    ada.go_back()
    expect(viewer).to_be_hidden()
    expect(ada.locator(TEXT)).to_be_visible()

    before = ada.evaluate("history.length")
    ada.get_by_role("img", name="1.jpg").tap()
    viewer.get_by_role("button", name="Close").tap()
    expect(viewer).to_be_hidden()
    wait_until(ada, lambda: ada.evaluate("history.state") is None)
    assert ada.evaluate("history.length") == before
    assert ada.url.endswith(f"/rooms/{room}")


def swipe(page: Page, start: int, end: int) -> None:
    fingers = page.context.new_cdp_session(page)
    for kind, points in (("touchStart", [start]), ("touchMove", [end]), ("touchEnd", [])):
        touches = [{"x": x, "y": 400} for x in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    fingers.detach()


def test_a_small_picture_is_not_blown_up_and_a_flat_one_can_be_touched(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    for name, width, height in (("dot.png", 24, 24), ("flat.png", 3000, 100)):
        picture = corpus.encoded("PNG", corpus.picture(width, height))
        send_files(house, "ben", room, share(house, "ben", room, name, picture))
    ada = enter(person("ada", size=size), room)

    dot, flat = (ada.get_by_role("img", name=name).bounding_box() for name in ("dot.png", "flat.png"))

    assert dot is not None
    assert flat is not None
    assert (dot["width"], dot["height"]) == (96, 96)
    assert flat["height"] == 44
    assert 240 < flat["width"] <= 320


def test_a_sound_is_one_card_and_a_long_name_shows_its_ending(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    name = f"{'Minutes_of_the_meeting_' * 4}FINAL(2).pdf"
    shared = [share(house, "ben", room, *it) for it in (("hello.wav", corpus.wav()), (name, b"%PDF-1.4"))]
    send_files(house, "ben", room, *shared, body="Both")
    message = expect_message(enter(person("ada", size=size), room), "Both")

    expect(message.locator("audio")).to_have_count(1)
    expect(message.locator(".sound > .file")).to_contain_text("hello.wav")
    expect(message.get_by_text("hello.wav")).to_have_count(1)
    file = message.locator(".message__files > .file")
    expect(file.locator(".file__name")).to_have_text("Minutes_of_the_meeting_M…ng_FINAL(2).pdf")
    assert (file.get_attribute("title"), file.get_attribute("download")) == (name, name)


def test_a_film_is_seen_as_it_was_filmed_and_moves_nobody_away(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    ada = person("ada", size=size)
    ada.goto("/")
    for name, sides in (("broad.webm", [640, 360]), ("upright.webm", [360, 640])):
        film = base64.b64decode(ada.evaluate(FILM, sides))
        # Of her own: she comes to what is new otherwise, and stays there.
        send_files(house, "ada", room, share(house, "ada", room, name, film), body=name)
    enter(ada, room)
    for name, shape in (("broad.webm", 16 / 9), ("upright.webm", 9 / 16)):
        film = expect_message(ada, name).locator("video")
        wait_until(ada, lambda film=film: film.evaluate("it => it.videoWidth > 0"))
        box, bubble = (
            film.bounding_box(),
            expect_message(ada, name).locator(".message__bubble").bounding_box(),
        )
        assert box is not None
        assert bubble is not None
        assert abs(box["width"] / box["height"] - shape) < 0.02
        assert box["width"] + 24 <= bubble["width"] <= box["width"] + 30
    assert from_bottom(ada) < 1


FILM = """
async ([width, height]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const drawing = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const done = new Promise((end) => { recorder.onstop = end; });
  recorder.start();
  for (let step = 0; step < 25; step += 1) {
    drawing.fillStyle = step % 2 ? "#fff" : "#000";
    drawing.fillRect(0, 0, width, height);
    await new Promise((end) => setTimeout(end, 50));
  }
  recorder.stop();
  await done;
  return btoa(String.fromCharCode(...new Uint8Array(await new Blob(parts).arrayBuffer())));
}
"""


def test_a_picture_has_its_place_before_it_is_there(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    for name, data in (("wide.png", OTTER_PNG), ("tall.png", TALL)):
        send_files(house, "ben", room, share(house, "ben", room, name, data))
    ada = person("ada", size=size)
    held: list[Route] = []
    ada.route("**/uploads/**", lambda route: held.append(route))
    enter(ada, room)

    wide, tall = (ada.get_by_role("img", name=name).bounding_box() for name in ("wide.png", "tall.png"))

    assert ada.locator(".picture__image").evaluate_all("all => all.map((it) => it.naturalWidth)") == [0, 0]
    assert wide is not None
    assert tall is not None
    assert abs(wide["width"] - 1.5 * wide["height"]) < 1
    assert (tall["width"], tall["height"]) == (min(300, wide["width"]), 384)  # As tall as any may be.
    for route in held:
        route.continue_()


OTTER_PNG = corpus.encoded("PNG", corpus.picture(1200, 800))


def test_without_scripts_files_are_sent_and_seen(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    ada = person("ada", size=size, javascript=False)
    ada.goto(f"/rooms/{room}")
    field = ada.get_by_label("Attach files")
    expect(field).to_be_visible()
    field.set_input_files([{"name": "otter.jpg", "mimeType": "image/jpeg", "buffer": OTTER}])
    ada.get_by_role("textbox").fill("Without a script")
    ada.get_by_role("button", name="Send").click()

    message = expect_message(ada, "Without a script")
    expect(message.get_by_role("img", name="otter.jpg")).to_be_visible()
    ada.get_by_role("button", name="Send").click()
    expect(ada.get_by_text("Write something first.")).to_be_visible()


def everything_shared(house: House, room: int) -> list[str]:
    """Share the whole corpus; return the addresses of what was taken."""
    urls = []
    for name, data in {**corpus.POLYGLOTS, **corpus.DISGUISED}.items():
        try:
            card = share(house, "ben", room, name, data)
        except Invalid:
            continue
        urls += [url for url in (card.url, card.thumbnail_url) if url]
    return urls


def is_shown(page: Page, url: str) -> bool:
    """Open an address; return whether there is anything to see, rather than to save."""
    try:
        page.goto(url)
    except PlaywrightError as error:
        if "Download is starting" in str(error):
            return False
        raise
    return True


def test_no_file_runs_anything_wherever_it_is_opened(
    chromium: Browser, server: ServerProcess, tmp_path: Path
) -> None:
    """Opened as a page, in a frame, as a script and as a style: nothing of it ever runs in our origin."""
    with windows_of(chromium, server) as windows:
        room = windows.house.room("ben", "ada")
        urls = everything_shared(windows.house, room)
        assert len(urls) > 40
        ben = windows("ben")
        for url in (it for it in urls if is_shown(ben, it)):
            assert ben.evaluate("document.title") != "owned", url
            assert ben.evaluate("self.origin") == "null", url
        page = enter(windows("ben"), room)
        page.evaluate(INCLUDE_ALL, urls)
        assert page.title() != "owned"
        page.wait_for_timeout(1000)  # What is stopped is told a little later.
        windows.close_pages()
        for watch in windows.watches.values():
            assert [it for it in watch.troubles if not STOPPED.search(it)] == []
            watch.troubles.clear()


# What Chromium says where it has stopped one of them.
STOPPED = re.compile("Content Security Policy|Content-Security-Policy|MIME type|sandbox")
INCLUDE_ALL = """
async (urls) => {
  const tried = urls.flatMap((url) => ["iframe", "script", "link", "object"].map((tag) => {
    const element = document.createElement(tag);
    if (tag === "link") Object.assign(element, { rel: "stylesheet", href: url });
    else if (tag === "object") element.data = url;
    else element.src = url;
    const done = new Promise((end) => { element.onload = end; element.onerror = end; setTimeout(end, 1000); });
    document.head.append(element);
    return done;
  }));
  await Promise.all(tried);
}
"""
