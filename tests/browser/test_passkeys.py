"""Passkeys in a real browser, with an authenticator that Chromium plays by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import CDPSession, Page, expect

from homechat.accounts.models import LoginSession
from homechat.database import transaction
from tests.browser.windows import Windows
from tests.house import PASSWORD

pytestmark = pytest.mark.browser

INSIDE = re.compile(r":\d+/$")
NO_PASSKEYS = "delete window.PublicKeyCredential;"
NO_OFFERS = "delete PublicKeyCredential.isConditionalMediationAvailable;"


class Chip:
    """An authenticator in the device at hand. It asks nobody: it sees a finger at once, the right one unless told."""

    def __init__(self, page: Page) -> None:
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = made["authenticatorId"]

    def knows_the_finger(self, *, is_right: bool) -> None:
        self._tell("setUserVerified", isUserVerified=is_right)

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._tell("getCredentials")["credentials"]
        return found

    def _tell(self, command: str, **what: Any) -> Any:
        return self._cdp.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **what})


def add_passkey(page: Page) -> None:
    page.goto("/me")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def sign_out(page: Page) -> None:
    page.goto("/me")
    page.get_by_role("button", name="Sign out on this device").click()
    expect(page.get_by_role("button", name="Come in")).to_be_visible()


def type_password(page: Page, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()


@pytest.fixture
def phone(person: Windows) -> Callable[..., Page]:
    """Opens a window on a phone, whose browser offers no passkey by itself: that would be taken up at once."""

    def make(name: str | None) -> Page:
        page = person(name, size="phone")
        page.add_init_script(NO_OFFERS)
        return page

    return make


def test_making_one_coming_in_with_it_and_taking_it_away_again(phone: Callable[..., Page]) -> None:
    page = phone("ben")
    chip = Chip(page)
    add_passkey(page)
    assert len(chip.credentials()) == 1
    expect(page.get_by_text("not used yet")).to_be_visible()
    page.get_by_text("Rename or remove").click()
    page.get_by_label("Name of the passkey").fill("My finger")
    page.locator("form", has=page.get_by_label("Name of the passkey")).get_by_role("button").click()
    expect(page.locator(".line__title", has_text="My finger")).to_be_visible()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("This device has a passkey of yours already.")).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(INSIDE)

    page.goto("/me")
    expect(page.get_by_text("not used yet")).to_be_hidden()
    page.get_by_text("Rename or remove").click()
    page.get_by_role("button", name="Remove My finger").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Couldn't sign you in with a passkey.")
    type_password(page, "ben")
    expect(page).to_have_url(INSIDE)


def test_a_finger_that_is_not_known_is_refused_calmly_and_the_password_still_works(
    phone: Callable[..., Page],
) -> None:
    page = phone("cleo")
    chip = Chip(page)
    add_passkey(page)
    sign_out(page)
    chip.knows_the_finger(is_right=False)

    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("That was cancelled. Try again or use your password.")).to_be_visible()
    type_password(page, "cleo")
    expect(page).to_have_url(INSIDE)


def test_as_the_second_step_without_an_app(phone: Callable[..., Page]) -> None:
    page = phone("gus")
    Chip(page)
    page.goto("/me/two-factor")
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.locator(".codes__code")).to_have_count(10)
    page.get_by_role("link", name="I have them, go on").click()
    sign_out(page)

    type_password(page, "gus")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    expect(page.get_by_label("Code", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(INSIDE)

    page.goto("/confirm?next=/me/two-factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="It is on")).to_be_visible()
    page.get_by_text("Turn it off").click()
    page.get_by_role("button", name="Turn off with a passkey").click()
    expect(page.get_by_text("Off. A code from your phone")).to_be_visible()


def test_a_page_that_was_open_for_too_long_asks_who_it_is_before_a_passkey_is_added(
    phone: Callable[..., Page], person: Windows
) -> None:
    page = phone("olga")
    Chip(page)
    page.goto("/me")
    with person.house.rows() as session, transaction():
        theirs = LoginSession.user_id == person.house.id_of("olga")
        session.execute(sa.update(LoginSession).where(theirs).values(proved_at=None))

    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Is it still you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="It's me").click()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_the_browser_offers_the_passkey_beside_the_sign_in_name(person: Windows) -> None:
    page = person("ada", size="phone")
    Chip(page)
    add_passkey(page)
    page.goto("/me")
    page.get_by_role("button", name="Sign out on this device").click()
    # This chip sees a finger at once, so what is offered is taken up at once.
    expect(page).to_have_url(INSIDE)


def test_where_the_browser_knows_no_passkeys_there_is_no_word_of_them(person: Windows) -> None:
    ada, stranger = person("ada"), person(None)
    for page in (ada, stranger):
        page.add_init_script(NO_PASSKEYS)
    ada.goto("/me")
    expect(ada.get_by_role("heading", name="Locks")).to_be_visible()
    expect(ada.locator("passkey-button:defined").first).to_be_attached()
    expect(ada.get_by_role("button", name="Add a passkey")).to_be_hidden()
    stranger.goto("/sign-in")
    expect(stranger.locator("passkey-button:defined")).to_be_attached()
    expect(stranger.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    type_password(stranger, "ben")
    expect(stranger).to_have_url(INSIDE)
