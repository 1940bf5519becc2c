"""Somebody sits on the line between one page and the server: holds words back, loses them, says things in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.browser.conversation import wait_until

Frame = str
Loses = Callable[[Frame], bool]


def nothing(frame: Frame) -> bool:
    return False


class Wire:
    """The WebSocket of `page`, opened from now on. Everything passes, until a test says otherwise.

    `loses_going` and `loses_coming` say which frames to and from the server are lost.  `opened`: how often the page
    has connected.  `greetings`: how often the server has said hello to it.
    """

    def __init__(self, page: Page) -> None:
        self.opened = 0
        self.greetings = 0
        self.loses_going: Loses = nothing
        self.loses_coming: Loses = nothing
        self._page_side: WebSocketRoute | None = None
        self._server_side: WebSocketRoute | None = None
        self._held: list[Frame] | None = None
        self._page = page
        page.route_web_socket("**/socket.io/**", self._open)

    def enter(self, room_id: int) -> Page:
        """Open a room, and wait until the page is live."""
        before = self.greetings
        self._page.goto(f"/rooms/{room_id}")
        wait_until(self._page, lambda: self.greetings > before)
        return self._page

    def hold(self) -> None:
        """Keep what the page says, until `release`."""
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for frame in held:
            self._to_server(frame)

    def say_to_page(self, frame: Frame) -> None:
        """Let the page hear something that the server has not said."""
        assert self._page_side is not None
        self._page_side.send(frame)

    def tell(self, event: str, **data: Any) -> None:
        """The same for an event."""
        self.say_to_page("42" + json.dumps([event, data]))

    def cut(self) -> None:
        """Break the connection."""
        assert self._page_side is not None
        self._page_side.close()

    def _open(self, page_side: WebSocketRoute) -> None:
        self.opened += 1
        self._page_side = page_side
        self._server_side = page_side.connect_to_server()
        page_side.on_message(self._going)
        self._server_side.on_message(self._coming)

    def _going(self, frame: Any) -> None:
        if self.loses_going(frame):
            return
        if self._held is not None and is_event(frame):
            self._held.append(frame)
        else:
            self._to_server(frame)

    def _coming(self, frame: Any) -> None:
        self.greetings += is_event(frame, "server:hello")
        if not self.loses_coming(frame):
            assert self._page_side is not None
            self._page_side.send(frame)

    def _to_server(self, frame: Frame) -> None:
        assert self._server_side is not None
        self._server_side.send(frame)


def impossible(page: Page) -> None:
    """Make WebSocket impossible for `page`: whatever it opens is closed at once."""
    page.route_web_socket("**/socket.io/**", lambda socket: socket.close())


def is_event(frame: Frame, name: str = "") -> bool:
    """Whether a frame carries an event: Engine.IO's "message", Socket.IO's "event", perhaps an id, then JSON."""
    return frame.startswith("42") and f'["{name}' in frame


def id_of(frame: Frame) -> str:
    """Return the number under which an event wants to be acknowledged."""
    return frame[2 : frame.index("[")]


def is_ack_of_message(frame: Frame) -> bool:
    """Whether a frame acknowledges a message that was sent."""
    return frame.startswith("43") and '"client_id"' in frame


def first(count: int, matches: Loses) -> Loses:
    """Lose the first `count` frames that match."""
    left = [count]

    def loses(frame: Frame) -> bool:
        if not matches(frame) or left[0] == 0:
            return False
        left[0] -= 1
        return True

    return loses
