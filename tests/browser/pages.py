"""Every page there is, and how to come to it: for tests of looks, and for pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from homechat.actor import Role
from homechat.household.actions import invite, new_setup_token
from tests.browser.busy_house import Rooms, furnish
from tests.browser.windows import Windows, windows_of
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import House
from tests.server_process import ServerProcess


@dataclass(frozen=True)
class Places:
    """A house that is lived in, one that waits for its first person, and windows on both."""

    rooms: Rooms
    house: House
    windows: Windows
    new_house: Windows

    def invitation(self) -> str:
        ada = self.house.actor("ada")
        _row, token = self.house.act(invite, ada, role=Role.GUEST, note="We have a bed for you")
        return f"/join/{token}"

    def set_up(self) -> str:
        return f"/setup/{self.new_house.house.act(new_setup_token)}"


def nothing(page: Page) -> None:
    pass


@dataclass(frozen=True)
class Visit:
    """How to come to a page: who, to which address, and what they do there before it is looked at."""

    endpoint: str
    path: Callable[[Places], str]
    who: str | None = "ada"
    then: Callable[[Page], object] = nothing
    is_refused: bool = False  # Then Chromium says so on the console.


def knock_wrongly(page: Page) -> None:
    page.get_by_label("Sign-in name").fill("ada")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def choose_a_password(page: Page) -> None:
    page.get_by_label("Password").fill("seven calm herons")
    expect(page.locator(".strength__bar[data-step='3']")).to_be_visible()


def ask_too_much(page: Page) -> None:
    page.get_by_label("For how many people").fill("70")
    page.locator("form", has_text="Make the link").evaluate("it => { it.noValidate = true; }")
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator(".field__error")).to_be_visible()


def make_a_link(page: Page) -> None:
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_label("The link is ready").get_by_role("textbox")).to_be_visible()


def look_around(page: Page) -> None:
    expect(page.locator("message-list.is-ready")).to_be_attached()
    if page.locator(".about__summary").is_visible():
        page.locator(".about__summary").click()


def unfold(page: Page) -> None:
    page.locator(".fold__summary").click()


def ask_to_leave(page: Page) -> None:
    page.get_by_text("Leave", exact=True).click()


VISITS = {
    "sign-in": Visit("accounts.sign_in", lambda it: "/sign-in", who=None),
    "sign-in-refused": Visit(
        "accounts.sign_in", lambda it: "/sign-in", who=None, then=knock_wrongly, is_refused=True
    ),
    "founding": Visit("household.found", Places.set_up, who=None),
    "joining": Visit("household.join", Places.invitation, who=None, then=choose_a_password),
    "list": Visit("messages.index", lambda it: "/"),
    "conversation": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.home}", then=look_around),
    "conversation-of-two": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.direct}"),
    "conversation-not-begun": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.empty}"),
    "conversation-archived": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.archived}"),
    "room-to-join": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.to_join}"),
    "rooms": Visit("rooms.browse", lambda it: "/rooms"),
    "new-room": Visit("rooms.new", lambda it: "/rooms/new"),
    "room-details": Visit(
        "rooms.details", lambda it: f"/rooms/{it.rooms.kitchen}/details", then=ask_to_leave
    ),
    "people": Visit("rooms.people", lambda it: "/people", then=unfold),
    "invitations": Visit("household.invites", lambda it: "/invites", then=make_a_link),
    "invitations-refused": Visit(
        "household.invites", lambda it: "/invites", then=ask_too_much, is_refused=True
    ),
    "me": Visit("accounts.me", lambda it: "/me?saved=profile"),
    "not-found": Visit("", lambda it: "/rooms/999999", is_refused=True),
}


@contextmanager
def open_places(chromium: Browser, lived_in: Path, new: Path, now: datetime) -> Iterator[Places]:
    """Furnish the house in the folder `lived_in`, which has the cast in it, and serve it beside an empty one."""
    rooms = furnish(house := House(lived_in), now)
    with (
        ServerProcess(lived_in, GENEROUS_LIMITS) as server,
        ServerProcess(new, GENEROUS_LIMITS) as new_server,
        windows_of(chromium, server) as windows,
        windows_of(chromium, new_server) as new_house,
    ):
        yield Places(rooms, house, windows, new_house)
    close(house)
