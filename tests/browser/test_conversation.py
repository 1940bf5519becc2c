"""A conversation as people see it: their words at once, everybody's in order, and nothing that jumps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect

from homechat.rooms.membership import remove_member
from tests.browser.conversation import (
    SCROLLER,
    TEXT,
    badge,
    bodies,
    delivery,
    enter,
    expect_message,
    from_bottom,
    has_keyboard,
    message,
    say,
    send,
    wait_until,
)
from tests.browser.history import Line, write_history
from tests.browser.windows import Windows, windows_of
from tests.browser.wire import Wire, id_of, is_event
from tests.devices import MakeDevice, devices
from tests.server_process import ServerProcess
from tests.talkers import Talker

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
RED = re.compile(r"rgb\((1[5-9]\d|2\d\d), \d{1,2}, \d{1,2}\)")
MOVES_WITHOUT_INPUT = """
() => {
  window.moves = 0;
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.moves += shift.value;
  }).observe({ type: "layout-shift" });
}
"""
# Scrolls to the very top, and returns how far a message in view has moved at most while pages came in above it.
SCROLL_TO_THE_TOP = """
async () => {
  const scroller = document.querySelector(".message-list__scroller");
  const messages = document.querySelectorAll.bind(document, ".messages > .message");
  let furthest = 0, pages = 0, known = messages().length;
  for (let steps = 0; steps < 500; steps += 1) {
    await new Promise(setTimeout);  // As a wheel would: not in the middle of painting.
    scroller.scrollTop -= 1100;
    const edge = scroller.getBoundingClientRect().top;
    const seen = [...messages()].find((it) => it.getBoundingClientRect().bottom > edge);
    const top = seen.getBoundingClientRect().top;
    for (let frames = 0; frames < 5; frames += 1) {
      await new Promise(requestAnimationFrame);
      furthest = Math.max(furthest, Math.abs(seen.getBoundingClientRect().top - top));
    }
    if (messages().length > known) pages += 1;
    known = messages().length;
    if (scroller.scrollTop <= 0 && !document.querySelector(".message-list__older")) return { furthest, pages };
  }
  throw new Error("never reached the top");
}
"""
numbers = count(1)


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


def tell(talker: Talker, room_id: int, text: str) -> int:
    """Have somebody say something, and return its place in the room."""
    answer = talker.say(room_id, text, f"told-{next(numbers):06}")
    assert answer["ok"], answer
    return int(answer["message"]["seq"])


# One's own message


def test_a_message_is_there_at_once_then_sent_then_read(
    person: Windows, device: MakeDevice, size: str
) -> None:
    room = person.house.room("ada", "ben")
    ben = device("ben").connect()
    wire = Wire(ada := person("ada", size=size))
    wire.enter(room)

    wire.hold()
    say(ada, "Is *anybody* there?")
    mine = message(ada, "Is *anybody* there?")
    expect(delivery(mine)).to_have_attribute("data-delivery", "waiting")
    expect(ada.locator(TEXT)).to_have_value("")
    assert ben.heard("message:posted") == []

    wire.release()
    mine = expect_message(ada, "Is anybody there?")
    expect(delivery(mine)).to_have_attribute("data-delivery", "sent")

    seq = ben.hear("message:posted")["seq"]
    assert ben.send("room:read", {"room_id": room, "seq": seq})["ok"]
    expect(delivery(mine)).to_have_attribute("data-delivery", "read")
    expect(delivery(mine)).to_have_text("Read")


def test_a_refused_message_is_red_and_its_words_are_kept(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ben", "ada")
    ada = enter(person("ada", size=size), room)
    ada.context.set_offline(True)
    house.act(remove_member, house.actor("ben"), room, house.id_of("ada"))
    say(ada, "I will bring the *cake*")
    ada.context.set_offline(False)

    mine = message(ada, "I will bring the *cake*")
    expect(delivery(mine)).to_have_attribute("data-delivery", "failed")
    expect(mine.get_by_role("alert")).to_have_text("There is no such conversation, or you are not in it.")
    expect(mine.locator(".message__bubble")).to_have_css("border-top-color", RED)

    house.add("ben", room, "ada")
    ada.reload()
    mine.get_by_role("button", name="Try again").click()
    expect(delivery(expect_message(ada, "I will bring the cake"))).to_have_attribute("data-delivery", "sent")
    assert bodies(ada) == ["I will bring the cake"]


def test_what_was_written_while_a_room_was_archived_can_be_read_and_thrown_away(
    person: Windows, device: MakeDevice, size: str
) -> None:
    room = person.house.room("ben", "ada")
    wire = Wire(ada := person("ada", size=size))
    wire.enter(room)
    wire.hold()
    say(ada, "One more thing")
    device("ben").post(f"/rooms/{room}/archive")
    expect(ada.locator(".composer--closed")).to_be_visible()
    expect(ada.locator("message-composer")).to_have_count(0)
    expect(ada.locator(f'.room-item[data-room-id="{room}"]')).to_have_count(0)
    wire.release()

    mine = message(ada, "One more thing")
    expect(delivery(mine)).to_have_attribute("data-delivery", "failed")
    mine.get_by_role("button", name="Delete").click()
    expect(mine).to_have_count(0)
    ada.reload()
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    expect(mine).to_have_count(0)


def test_a_message_that_came_too_fast_waits_and_is_sent_by_itself(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    wire = Wire(ada := person("ada", size=size))
    wire.enter(room)
    refused: list[str] = []

    def too_fast(frame: str) -> bool:
        if refused or not is_event(frame, "message:send"):
            return False
        refused.append(frame)
        answer = {"ok": False, "code": "rate_limited", "error": "A little slower.", "retry_after": 1}
        wire.say_to_page(f"43{id_of(frame)}{json.dumps([answer])}")
        return True

    wire.loses_going = too_fast
    say(ada, "first")
    say(ada, "second")
    expect(delivery(message(ada, "first"))).to_have_attribute("data-delivery", "waiting")

    expect_message(ada, "first")
    expect_message(ada, "second")
    assert refused
    assert bodies(ada) == ["first", "second"]


# How messages look


def test_messages_of_one_person_stand_together_and_days_apart(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    noon = (NOW - timedelta(days=3)).replace(hour=12, minute=0, second=0)
    yesterday = noon + timedelta(days=2)
    lines = [
        Line("ben", "one", noon),
        Line("ben", "two", noon + timedelta(minutes=4)),
        Line("ben", "three", noon + timedelta(minutes=10)),
        Line("ada", "four", noon + timedelta(minutes=11)),
        Line("ben", "five", yesterday),
    ]
    write_history(person.house, room, lines)
    ada = enter(person("ada", size=size), room)

    groups = ada.locator(".messages > .message").evaluate_all(
        "all => all.map(it => it.classList.contains('message--grouped') ? 'goes on' : 'begins')"
    )
    assert groups == ["begins", "goes on", "begins", "begins", "begins"]
    expect(message(ada, "two").locator(".message__author")).to_be_hidden()
    expect(message(ada, "three").locator(".message__author")).to_be_visible()
    dividers = ada.locator(".day-divider").all_inner_texts()
    assert dividers == [f"{noon:%A, %B} {noon.day}", "Yesterday"]
    assert is_left_of(ada, "three", "four"), "own messages stand on the other side"


def test_a_line_stands_above_what_is_new(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    lines = [
        Line("ben", f"message {number}", NOW - timedelta(minutes=60 - number)) for number in range(1, 41)
    ]
    write_history(person.house, room, lines, unread=15)
    ada = enter(person("ada", size=size), room)

    line = ada.locator(".new-line")
    expect(line).to_be_in_viewport()
    below: str = line.evaluate("it => it.nextElementSibling.querySelector('.message__body').innerText")
    assert below.strip() == "message 26"
    expect(message(ada, "message 26")).to_be_in_viewport()

    say(ada, "I am back")
    expect(line).to_have_count(0)


def test_what_people_write_is_dressed_and_harmless(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben")
    house.say("ben", room, "plain")
    house.say("ben", room, "🎉❤️")
    house.say("ben", room, "<script>document.title = 'gone'</script><img src=x onerror=alert(1)>")
    house.say("ben", room, "see https://example.org/a?b=1 and **this**")
    house.say("ben", room, "[press](javascript:alert(1))")
    ada = enter(person("ada", size=size), room)

    assert text_size(ada, "🎉❤️") > 2 * text_size(ada, "plain")
    typed = message(ada, "<script>document.title = 'gone'</script><img src=x onerror=alert(1)>")
    expect(typed).to_have_count(1)
    expect(ada.locator(".message__body script, .message__body img")).to_have_count(0)
    expect(ada).to_have_title(re.compile("Garden"))
    link = ada.get_by_role("link", name="https://example.org/a?b=1")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    expect(message(ada, "see").locator("strong")).to_have_text("this")
    expect(ada.locator(".message__body a")).to_have_count(1)


def test_long_words_and_long_messages_stay_in_their_bubbles(person: Windows, size: str) -> None:
    house = person.house
    room = house.room("ada", "ben", name="W" * 50)
    words = "We took the long way round. " * 107
    house.say("ben", room, LONG_WORD)
    house.say("ada", room, LONG_WORD)
    house.say("ben", room, words[:3000].strip())
    house.say("ben", room, f"`{LONG_WORD}`\n\n- {LONG_WORD}\n\n> {LONG_WORD}")
    ada = enter(person("ada", size=size), room)

    assert sideways(ada) == []
    whole = message(ada, "We took the long way round.").locator(".message__body").inner_text()
    assert len(whole.strip()) == len(words[:3000].strip())


# Moving through a conversation


def test_history_comes_to_the_very_first_message_without_a_jump(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    write_history(person.house, room, long_talk(437))
    ada = enter(person("ada", size=size), room)
    assert len(bodies(ada)) == 50
    assert from_bottom(ada) <= 1

    walk = ada.evaluate(SCROLL_TO_THE_TOP)

    assert walk["pages"] >= 7  # Of 50 each; it is no proof if they all came before the first step.
    assert walk["furthest"] <= 1
    assert [int(body.split()[0]) for body in bodies(ada)] == list(range(1, 438))
    expect(ada.get_by_text("This is where it all began.")).to_be_visible()


def test_the_button_counts_what_came_and_leads_to_it(person: Windows, device: MakeDevice, size: str) -> None:
    room = person.house.room("ada", "ben")
    write_history(person.house, room, long_talk(40))
    ada = enter(person("ada", size=size), room)
    ben = device("ben").connect()
    jump = ada.locator(".jump-to-latest")
    expect(jump).to_be_hidden()

    scroll_up(ada, 900)
    expect(jump).to_be_visible()
    expect(jump).not_to_contain_text(re.compile(r"\d"))
    view = top_of(ada, "20 ")
    for number in range(3):
        tell(ben, room, f"news {number}")
    expect(jump).to_contain_text("3")
    assert abs(top_of(ada, "20 ") - view) <= 1, "the view stays where it was"
    expect(badge(ada, room)).to_have_text("3")

    jump.click()
    expect(message(ada, "news 2")).to_be_in_viewport()
    expect(jump).to_be_hidden()
    expect(badge(ada, room)).to_have_text("")
    expect(ada.locator(".new-line")).to_have_count(1)


def test_nothing_moves_by_itself_when_messages_arrive(person: Windows, device: MakeDevice, size: str) -> None:
    room = person.house.room("ada", "ben")
    write_history(person.house, room, long_talk(40))
    ada = enter(person("ada", size=size), room)
    ben = device("ben").connect()
    tell(ben, room, "first")  # Now the room is at the top of the list.
    expect(message(ada, "first")).to_be_in_viewport()
    ada.wait_for_timeout(600)  # Chromium forgives moves within 500 ms of any input.
    ada.evaluate(MOVES_WITHOUT_INPUT)

    for text in ("short", "long " * 200, "🎉", "- a\n- b\n- c"):
        assert ben.send("typing:start", {"room_id": room})["ok"]
        expect(ada.locator("typing-line")).not_to_be_empty()
        tell(ben, room, text)
        expect(ada.locator("typing-line")).to_be_empty()
    expect(ada.locator(".messages > .message")).to_have_count(45)
    assert from_bottom(ada) <= 1
    assert ada.evaluate("window.moves") <= 0.001

    ada.locator(".conversation__header").evaluate("it => it.remove()")  # It would have been noticed.
    wait_until(ada, lambda: ada.evaluate("window.moves") > 0.001)


def test_whoever_leaves_at_once_has_read_what_they_saw(
    person: Windows, device: MakeDevice, size: str
) -> None:
    house = person.house
    room = house.room("ada", "ben")
    ada = enter(person("ada", size=size), room)
    ben = device("ben").connect()

    seq = tell(ben, room, "One last thing")
    expect(message(ada, "One last thing")).to_be_in_viewport()
    ada.goto("/people")

    assert ben.hear("room:read", lambda read: read["person_id"] == house.id_of("ada"))["last_read_seq"] == seq


# Writing


def test_the_composer_grows_and_the_talk_stays_at_its_end(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    write_history(person.house, room, long_talk(40))
    ada = enter(person("ada", size=size), room)
    low = height(ada, TEXT)

    ada.fill(TEXT, "\n".join("line" for _ in range(6)))
    high = height(ada, TEXT)
    ada.fill(TEXT, "\n".join("line" for _ in range(200)))
    assert low < high < height(ada, TEXT) <= 0.4 * height(ada, "body")
    wait_until(ada, lambda: from_bottom(ada) <= 1)

    ada.fill(TEXT, "")
    assert height(ada, TEXT) == low
    wait_until(ada, lambda: from_bottom(ada) <= 1)


def test_enter_sends_where_there_is_a_keyboard_and_begins_a_line_where_there_is_none(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada", "ben")
    ada = enter(person("ada", size=size), room)
    ada.press(TEXT, "Enter")
    ada.fill(TEXT, "")
    assert bodies(ada) == [], "there is nothing to send"

    new_line = "Shift+Enter" if has_keyboard(ada) else "Enter"
    ada.locator(TEXT).press_sequentially("milk")
    ada.press(TEXT, new_line)
    ada.locator(TEXT).press_sequentially("bread")
    expect(ada.locator(TEXT)).to_have_value("milk\nbread")
    send(ada)

    expect_message(ada, "bread")
    assert bodies(ada) == ["milk\nbread"]
    expect(ada.locator(TEXT)).to_have_value("")
    expect(ada.locator(TEXT)).to_be_focused()


def test_a_draft_outlives_the_page_and_ends_when_it_is_sent(person: Windows, size: str) -> None:
    room, other = person.house.room("ada", "ben"), person.house.room("ada", "ben")
    ada = enter(person("ada", size=size), room)
    ada.locator(TEXT).press_sequentially("Not yet fin")

    enter(ada, other)
    expect(ada.locator(TEXT)).to_have_value("")
    enter(ada, room)
    expect(ada.locator(TEXT)).to_have_value("Not yet fin")
    send(ada)
    expect_message(ada, "Not yet fin")
    ada.reload()
    expect(ada.locator(TEXT)).to_have_value("")


def test_a_counter_warns_before_a_message_is_too_long(person: Windows, size: str) -> None:
    room = person.house.room("ada", "ben")
    ada = enter(person("ada", size=size), room)
    counter = ada.locator(".composer__counter")

    ada.fill(TEXT, "x" * 5_000)
    expect(counter).to_be_hidden()
    ada.fill(TEXT, "x" * 9_800)
    expect(counter).to_have_text("200 characters left")
    ada.fill(TEXT, "👍" * 10_003)
    expect(counter).to_have_text("3 characters too many")
    expect(ada.locator(TEXT)).to_have_attribute("aria-invalid", "true")
    send(ada)
    assert bodies(ada) == []
    assert len(ada.input_value(TEXT)) == 10_003, "nothing is cut off"

    ada.fill(TEXT, "👍" * 10_000)
    send(ada)
    wait_until(ada, lambda: [len(body) for body in bodies(ada)] == [10_000])
    expect(ada.locator(".message--pending")).to_have_count(0)


# Measuring


def long_talk(messages: int) -> Iterator[Line]:
    """A talk of numbered messages of one to seven lines, an hour apart."""
    for number in range(1, messages + 1):
        body = f"{number} " + "on and on " * (number * 7 % 31)
        yield Line("ada" if number % 3 else "ben", body, NOW - timedelta(hours=messages - number))


def is_left_of(page: Page, text: str, other: str) -> bool:
    boxes = [message(page, it).locator(".message__bubble").bounding_box() for it in (text, other)]
    return bool(boxes[0] and boxes[1] and boxes[0]["x"] < boxes[1]["x"])


def text_size(page: Page, text: str) -> float:
    size = message(page, text).locator(".message__body").evaluate("it => getComputedStyle(it).fontSize")
    return float(size.removesuffix("px"))


def sideways(page: Page) -> list[str]:
    """Return what reaches out of the window to the side, or would have to be scrolled sideways."""
    found: list[str] = page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll(".message-list *, .conversation__header")]
          .filter((it) => !it.matches(".visually-hidden, svg *"))
          .filter((it) => it.getBoundingClientRect().right > innerWidth + 1
            || (it.scrollWidth > it.clientWidth + 1 && getComputedStyle(it).overflowX !== "visible"))
          .map((it) => it.className || it.tagName)"""
    )
    return found


def height(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["height"]


def scroll_up(page: Page, pixels: int) -> None:
    page.locator(SCROLLER).evaluate(f"it => {{ it.scrollTop -= {pixels}; }}")


def top_of(page: Page, text: str) -> float:
    box = message(page, text).first.bounding_box()
    assert box is not None
    return box["y"]
