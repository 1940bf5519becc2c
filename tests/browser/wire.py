"""Somebody sits on the line between one page and the server: holds words back, loses them, says things in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.browser.conversation import wait_until

Frame = str
Loses = Callable[[Frame], bool]


def nothing(frame: Frame) -> bool:
    return False


def unharmed(frame: Frame) -> list[Frame]:
    return [frame]


class Wire:
    """The WebSocket of `page`, opened from now on. Everything passes, until a test says otherwise.

    `loses_going` and `loses_coming` say which frames to and from the server are lost, `comes` what becomes of one that
    came from the server.  `opened`: how often the page
    has connected.  `greetings`: how often the server has said hello to it.
    """

    def __init__(self, page: Page) -> None:
        self.opened = 0
        self.greetings = 0
        self.loses_going: Loses = nothing
        self.loses_coming: Loses = nothing
        self.comes: Callable[[Frame], list[Frame]] = unharmed
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
        if self.loses_coming(frame):
            return
        assert self._page_side is not None
        for arriving in self.comes(frame):
            self._page_side.send(arriving)

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


class RoughAir:
    """For `Wire.comes`: one in seven of the messages told is lost, one in seven comes twice, one in seven too late."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._late: list[Frame] = []

    def __call__(self, frame: Frame) -> list[Frame]:
        if not is_event(frame, "message:"):
            return [frame]
        late, self._late = self._late, []
        match self._random.randrange(7):
            case 0:
                return late
            case 1:
                return [frame, frame, *late]
            case 2:
                self._late = [frame]
                return late
            case _:
                return [frame, *late]


def first(count: int, matches: Loses) -> Loses:
    """Lose the first `count` frames that match."""
    left = [count]

    def loses(frame: Frame) -> bool:
        if not matches(frame) or left[0] == 0:
            return False
        left[0] -= 1
        return True

    return loses
