"""What a person does in a conversation, and what they see of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.browser.windows import SIZES, WAIT_MILLISECONDS

TEXT = "message-composer textarea"
SCROLLER = ".message-list__scroller"


def enter(page: Page, room_id: int) -> Page:
    """Open a room, and wait until the page is live: the server has said hello."""
    go_live(page, f"/rooms/{room_id}")
    expect(page.locator("message-list.is-ready")).to_be_attached()
    return page


def go_live(page: Page, path: str) -> Page:
    """Open a page, and wait until the server has said hello to it."""
    greetings: list[str] = []

    def opened(socket: WebSocket) -> None:
        socket.on(
            "framereceived", lambda frame: greetings.append("hello") if "server:hello" in frame else None
        )

    page.on("websocket", opened)
    page.goto(path)
    wait_until(page, lambda: bool(greetings))
    page.remove_listener("websocket", opened)
    return page


def say(page: Page, text: str) -> None:
    """Write a message and send it as one does there: with Enter, or with the button where Enter begins a line."""
    page.fill(TEXT, text)
    send(page)


def send(page: Page) -> None:
    if has_keyboard(page):
        page.press(TEXT, "Enter")
    else:
        page.tap(".composer__send")


def has_keyboard(page: Page) -> bool:
    """Whether the window is one with a keyboard and a mouse, and no phone."""
    return page.viewport_size == SIZES["wide"]["viewport"]


def message(page: Page, text: str) -> Locator:
    """The messages that contain `text`, whether they have been sent or not."""
    return page.locator(".messages > .message").filter(has=page.locator(".message__body", has_text=text))


def expect_message(page: Page, text: str) -> Locator:
    """Wait until a message with `text` is there, once, and on the server; return it."""
    found = message(page, text)
    expect(found).to_have_count(1)
    expect(page.locator(".message--pending").filter(has_text=text)).to_have_count(0)
    return found


def delivery(message: Locator) -> Locator:
    """The sign that tells how far one's own message has come: `data-delivery` is waiting, sent, read or failed."""
    return message.locator(".message__status")


def bodies(page: Page) -> list[str]:
    """Return the texts of all messages on the page, from top to bottom."""
    texts: list[str] = page.locator(".messages > .message .message__body").all_inner_texts()
    return [text.strip() for text in texts]


def pill(page: Page) -> Locator:
    return page.locator("connection-pill")


def room_line(page: Page, room_id: int) -> Locator:
    """A room's line in the list of conversations."""
    return page.locator(f'.room-item[data-room-id="{room_id}"]')


def badge(page: Page, room_id: int) -> Locator:
    return room_line(page, room_id).locator(".room-item__badge")


def from_bottom(page: Page) -> float:
    """Return how many pixels of the conversation are below the view."""
    pixels: float = page.locator(SCROLLER).evaluate("it => it.scrollHeight - it.clientHeight - it.scrollTop")
    return pixels


def wait_until(page: Page, is_so: Callable[[], bool], *, seconds: float = WAIT_MILLISECONDS / 1000) -> None:
    """Let the page go on until `is_so`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "this did not come true in time"
        page.wait_for_timeout(25)
