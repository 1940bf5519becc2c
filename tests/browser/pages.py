"""Every page there is, and how to come to it: for tests of looks, and for pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from homechat import clock, settings
from homechat.accounts.models import Device, LoginSession
from homechat.accounts.passkeys import passkeys_of
from homechat.accounts.queries import person_named
from homechat.accounts.recovery import make_reset_link
from homechat.accounts.revoking import forget_second_step
from homechat.actor import Actor, Role
from homechat.bots.queries import bots_of
from homechat.database import transaction
from homechat.household.founding import new_setup_token
from homechat.household.invitations import invite
from homechat.lockdown import Kind
from homechat.messages.models import Message
from homechat.operations.lockdown import start as start_lockdown
from tests.authenticator import give_passkey
from tests.browser.busy_house import Rooms, furnish
from tests.browser.windows import Windows, windows_of
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import PASSWORD, House, code_now
from tests.server_process import ServerProcess


@dataclass(frozen=True)
class Places:
    """A house that is lived in, one that waits for its first person, and windows on both."""

    rooms: Rooms
    house: House
    windows: Windows
    new_house: Windows

    def message(self) -> str:
        """Go to the page about a message of Ada's that others reacted to."""
        with self.house.rows() as session:
            told = sa.select(Message.id).where(Message.body.startswith("Yes please!"))
            return f"/messages/{session.scalars(told).one()}"

    def asked(self) -> int:
        """Return the id of a message that has every kind of button."""
        with self.house.rows() as session:
            asked = sa.select(Message.id).where(Message.body.startswith("A parcel is"))
            return session.scalars(asked).one()

    def invitation(self) -> str:
        ada = self.house.actor("ada")
        _row, token = self.house.act(invite, ada, role=Role.GUEST, note="We have a bed for you")
        return f"/join/{token}"

    def reset(self) -> str:
        ada, mina = self.house.actor("ada"), self.house.id_of("mina")
        return f"/reset/{self.house.act(make_reset_link, ada, mina, clears_two_factor=True)}"

    def set_up(self) -> str:
        return f"/setup/{self.new_house.house.act(new_setup_token)}"

    def without_second_step(self) -> str:
        """Take Gus' second step away, and go to where it is set up."""
        self.house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "nobody")
        with self.house.rows(), transaction():
            forget_second_step(person_named("gus"))
        return "/me/two-factor"

    def running(self, path: str) -> str:
        """Go to a page of the panel, on a device whose owner has just shown who they are."""
        with self.house.rows() as session, transaction():
            session.execute(sa.update(LoginSession).values(proved_at=clock.now()))
        return f"/admin{path}"

    def closed_to_programs(self) -> str:
        """Close the house to programs, which nobody else notices, and go to the first page of the panel."""
        reason = "Somebody left a token in a notebook"
        self.house.act(start_lockdown, Actor.operator(), Kind.TOKENS, reason=reason)
        return self.running("")

    def busiest_bot(self) -> str:
        (bot,) = [bot for bot in self.house.act(bots_of, Actor.operator()) if "home" in bot.callback_url]
        return self.running(f"/bots/{bot.id}")

    def account(self, name: str) -> str:
        return self.running(f"/people/{self.house.id_of(name)}")

    def second_step(self) -> str:
        """Give Olga a second step with all there is, and go to the door."""
        if self.house.person("olga").two_factor_since is None:
            self.house.turn_on_second_step("olga")
            give_passkey(self.house, "olga")
        return "/sign-in"

    def with_passkey(self, path: str) -> str:
        """Give Ben a passkey, and go to `path`."""
        if not self.house.act(passkeys_of, self.house.id_of("ben")):
            give_passkey(self.house, "ben")
        return path

    def with_news(self, path: str) -> str:
        """Have Cleo sign in on two more devices, the second of which is news, and go to `path`."""
        for agent in ("phone", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"):
            form = {"username": "cleo", "password": PASSWORD}
            browser = self.house.client()
            browser.post("/sign-in", form, form_on="/sign-in", headers={"User-Agent": agent})
        with self.house.rows() as session, transaction():  # Newer than whatever window looks at it.
            newest = sa.select(sa.func.max(Device.id)).scalar_subquery()
            later = clock.now() + timedelta(hours=1)
            session.execute(sa.update(Device).where(Device.id == newest).values(created_at=later))
        return path

    def message_at(self, seq: int) -> int:
        """Return the id of the message that stands at `seq` in the home room."""
        with self.house.rows() as session:
            where = (Message.room_id == self.rooms.home, Message.seq == seq)
            return int(session.scalars(sa.select(Message.id).where(*where)).one())

    def wanting_second_steps(self) -> str:
        """Have the house want a second step of everybody, and go to the door."""
        self.house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "everybody")
        return "/sign-in"


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
    is_new_house: bool = False
    signs_out_others: bool = False  # So it needs a device that nobody has used before.


def knock_wrongly(page: Page) -> None:
    page.get_by_label("Sign-in name").fill("ada")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def knock(page: Page, name: str) -> None:
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(page.locator(".field__input--code").first).to_be_visible()


def turn_second_step_on(page: Page) -> None:
    secret = page.locator(".secret").text_content()
    assert secret
    page.get_by_label("Code", exact=True).fill(code_now(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".codes")).to_be_visible()


def turn_second_step_on_and_look(page: Page) -> None:
    turn_second_step_on(page)
    page.goto("/me/two-factor")
    unfold(page)


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


def make_a_reset_link(page: Page) -> None:
    page.get_by_role("button", name="Make a reset link").click()
    expect(page.get_by_label("The link is ready").get_by_role("textbox")).to_be_visible()


def ask_to_lock(page: Page) -> None:
    page.locator("summary", has_text="Sign out everywhere").click()
    page.locator("summary", has_text="Lock").last.click()
    page.get_by_text("Give another role").click()


def unfold_an_entry(page: Page) -> None:
    page.locator(".entry__summary").first.click()


def ask_to_revoke(page: Page) -> None:
    page.locator("summary", has_text="Revoke").first.click()


def ask_for_a_bad_bot(page: Page) -> None:
    page.get_by_label("Its name").fill("Mower")
    page.get_by_label("Tell it what people write").fill("ftp://mower.example")
    page.get_by_role("button", name="Make the bot").click()
    expect(page.locator(".field__error").first).to_be_visible()


def ask_to_delete_bot(page: Page) -> None:
    page.locator("summary", has_text="Delete").click()
    page.locator("summary", has_text="Switch off").click()


def renew_bot_secret(page: Page) -> None:
    page.locator("summary", has_text="New secret").click()
    page.get_by_role("button", name="Yes, make a new one").click()
    expect(page.get_by_label("The secret of this bot").get_by_role("textbox")).to_be_visible()


def show_what_would_happen(page: Page) -> None:
    page.get_by_role("radio", name="Everything").check()
    page.get_by_label("Why").fill("A phone was stolen")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()


def give_a_long_reason(page: Page) -> None:
    why = page.get_by_label("Why")
    why.evaluate("it => { it.maxLength = 1000; }")
    why.fill("Why? " * 100)
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.locator(".field__error")).to_be_visible()


def keep_too_short(page: Page) -> None:
    page.get_by_label("Kept for so many days").fill("7")
    page.locator("form", has_text="Kept for so many days").evaluate("it => { it.noValidate = true; }")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field__error")).to_be_visible()


def look_around(page: Page) -> None:
    expect(page.locator("message-list.is-ready")).to_be_attached()
    if page.locator(".about__summary").is_visible():
        page.locator(".about__summary").click()


def open_message_menu(page: Page) -> None:
    """Of the newest message of Ada's, by the keyboard, as on a phone and a wide screen alike."""
    expect(page.locator("message-list.is-ready")).to_be_attached()
    page.locator(".message--own .message__more").last.press("Enter")
    expect(page.get_by_role("dialog", name="About this message")).to_be_visible()


def see_news(page: Page) -> None:
    """What is new stands above everything, and covers neither the message box nor the ways to other pages."""
    expect(page.get_by_text("Was that you?")).to_be_visible()
    page.get_by_role("textbox").click()
    expect(page.get_by_role("textbox")).to_be_in_viewport(ratio=1)


def unfold_passkey(page: Page) -> None:
    page.get_by_text("Rename or remove").click()


def unfold(page: Page) -> None:
    page.locator(".fold__summary").click()


def ask_to_leave(page: Page) -> None:
    page.get_by_text("Leave", exact=True).click()


def fill_in_token(page: Page, name: str) -> None:
    page.get_by_label("What is it for?").fill(name)
    page.get_by_label("Read conversations").check()
    page.get_by_label("Write messages").check()
    page.get_by_label("Only in some rooms").check()
    page.locator("[name=room_ids]").first.check()


def make_a_token(page: Page) -> None:
    fill_in_token(page, "Home Assistant in the hall, with all its lights and switches")
    page.get_by_label("It acts as a bot").check()
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_label("The token is ready").get_by_role("textbox")).to_be_visible()
    page.locator(".line .fold__summary").first.click()
    page.locator(".line .ask > summary").first.click()


def unfold_a_request(page: Page) -> None:
    page.locator("#to-sign_up > summary").click()
    expect(page.locator("#to-sign_up").get_by_role("button", name="Copy")).to_be_visible()
    page.locator("#begin-title").scroll_into_view_if_needed()


def ask_for_nothing(page: Page) -> None:
    page.get_by_label("What is it for?").fill("Nothing at all")
    page.get_by_label("Only in some rooms").check()
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator(".field__error").first).to_be_visible()


VISITS = {
    "sign-in": Visit("accounts.sign_in", lambda it: "/sign-in", who=None),
    "sign-in-refused": Visit(
        "accounts.sign_in", lambda it: "/sign-in", who=None, then=knock_wrongly, is_refused=True
    ),
    "founding": Visit("household.found", Places.set_up, who=None, is_new_house=True),
    "joining": Visit("household.join", Places.invitation, who=None, then=choose_a_password),
    "joining-uninvited": Visit("household.sign_up", lambda it: "/join", who=None),
    "joining-closed": Visit(
        "household.sign_up", lambda it: "/join", who=None, is_refused=True, is_new_house=True
    ),
    "waiting": Visit("household.waiting", lambda it: "/waiting", who=None),
    "new-password": Visit("accounts.reset", Places.reset, who=None),
    "list": Visit("messages.index", lambda it: "/"),
    "conversation": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.home}", then=look_around),
    "conversation-with-news": Visit(
        "messages.conversation", lambda it: it.with_news(f"/rooms/{it.rooms.home}"), who="cleo", then=see_news
    ),
    "conversation-menu": Visit(
        "messages.conversation", lambda it: f"/rooms/{it.rooms.kitchen}", then=open_message_menu
    ),
    "message": Visit("messages.about", Places.message),
    "conversation-asked": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.door}"),
    "message-asked": Visit("messages.about", lambda it: f"/messages/{it.asked()}"),
    "conversation-of-two": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.direct}"),
    "conversation-not-begun": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.empty}"),
    "conversation-archived": Visit("messages.conversation", lambda it: f"/rooms/{it.rooms.archived}"),
    "conversation-around": Visit(
        "messages.conversation", lambda it: f"/rooms/{it.rooms.home}?around=25#message-{it.message_at(25)}"
    ),
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
    "house": Visit("admin.overview", lambda it: it.running("")),
    "house-people": Visit("admin.people", lambda it: it.running("/people?done=approved")),
    "house-nobody": Visit("admin.people", lambda it: it.running("/people?q=zzz")),
    "house-person": Visit("admin.person", lambda it: it.account("ben"), then=ask_to_lock),
    "house-person-locked": Visit("admin.person", lambda it: it.account("noor")),
    "house-reset-link": Visit("admin.person", lambda it: it.account("mina"), then=make_a_reset_link),
    "house-oneself": Visit("admin.person", lambda it: it.account("ada")),
    "house-tokens": Visit("admin.tokens", lambda it: it.running("/tokens"), then=ask_to_revoke),
    "for-programs": Visit("reference.index", lambda it: "/api/docs", then=unfold_a_request),
    "house-bots": Visit("admin.bots", lambda it: it.running("/bots?done=hosts")),
    "house-bots-refused": Visit(
        "admin.new_bot", lambda it: it.running("/bots/new"), then=ask_for_a_bad_bot, is_refused=True
    ),
    "house-bot": Visit("admin.bot", Places.busiest_bot, then=ask_to_delete_bot),
    "house-bot-secret": Visit("admin.bot", Places.busiest_bot, then=renew_bot_secret),
    "house-log": Visit("admin.audit_log", lambda it: it.running("/audit"), then=unfold_an_entry),
    "house-log-found": Visit(
        "admin.audit_log", lambda it: it.running("/audit?action=login_failed&since=2026-01-32")
    ),
    "house-settings": Visit("admin.settings", lambda it: it.running("/settings?done=saved")),
    "house-settings-refused": Visit(
        "admin.settings", lambda it: it.running("/settings"), then=keep_too_short, is_refused=True
    ),
    "house-lockdown": Visit(
        "admin.lockdown", lambda it: it.running("/lockdown?done=lifted"), then=show_what_would_happen
    ),
    "house-lockdown-refused": Visit(
        "admin.lockdown", lambda it: it.running("/lockdown"), then=give_a_long_reason, is_refused=True
    ),
    "house-closed": Visit("admin.overview", Places.closed_to_programs),
    "me": Visit("accounts.me", lambda it: "/me?saved=profile"),
    "me-with-passkey": Visit(
        "accounts.me", lambda it: it.with_passkey("/me"), who="ben", then=unfold_passkey
    ),
    "second-lock-with-passkey": Visit(
        "accounts.second_factor", lambda it: it.with_passkey("/me/two-factor"), who="ben"
    ),
    "second-step": Visit(
        "accounts.second_step", Places.second_step, who=None, then=lambda page: knock(page, "olga")
    ),
    "enrolling": Visit(
        "accounts.enrol", Places.wanting_second_steps, who=None, then=lambda page: knock(page, "cleo")
    ),
    "second-lock": Visit(
        "accounts.second_factor", Places.without_second_step, who="gus", signs_out_others=True
    ),
    "recovery-codes": Visit(
        "accounts.second_factor",
        Places.without_second_step,
        who="gus",
        then=turn_second_step_on,
        signs_out_others=True,
    ),
    "second-lock-on": Visit(
        "accounts.second_factor",
        Places.without_second_step,
        who="gus",
        then=turn_second_step_on_and_look,
        signs_out_others=True,
    ),
    "is-it-you": Visit("accounts.confirm", lambda it: "/confirm"),
    "history": Visit("household.history", lambda it: "/me/history"),
    "is-it-you-with-passkey": Visit("accounts.confirm", lambda it: it.with_passkey("/confirm"), who="ben"),
    "tokens": Visit("household.tokens", lambda it: "/me/tokens/new", then=make_a_token),
    "tokens-refused": Visit(
        "household.new_token", lambda it: "/me/tokens/new", then=ask_for_nothing, is_refused=True
    ),
    "search": Visit("messages.search", lambda it: "/search"),
    "search-found": Visit("messages.search", lambda it: "/search?q=mina"),
    "search-many": Visit("messages.search", lambda it: "/search?q=day"),
    "search-nothing": Visit("messages.search", lambda it: "/search?q=submarine"),
    "search-refused": Visit("messages.search", lambda it: "/search?q=a", is_refused=True),
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
