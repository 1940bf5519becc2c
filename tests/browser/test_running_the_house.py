"""Whoever runs the house keeps somebody out and helps them back in, from a phone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WindowsAt
from tests.browser.conversation import go_live
from tests.browser.test_at_the_door import sign_in
from tests.house import PASSWORD
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ON_THE_LIST = re.compile(r":\d+/$")


def test_somebody_is_locked_out_gets_a_link_and_comes_back_in(
    server: ServerProcess, people_at: WindowsAt
) -> None:
    window = people_at(server)
    ada, ben = window("ada", size="phone"), window("ben")
    go_live(ben, "/")

    open_account(ada, "Ben")
    ada.locator("summary", has_text="Lock").tap()
    expect(ada.get_by_text("nobody comes in with this account until you unlock it")).to_be_visible()
    ada.get_by_role("button", name="Yes, lock").tap()

    expect(
        ada.get_by_role("status").filter(has_text="Nobody comes in with this account now.")
    ).to_be_visible()
    expect(ben).to_have_url(re.compile("/sign-in"))
    sign_in(ben, "ben", PASSWORD)
    expect(ben.get_by_role("alert")).to_be_visible()

    ada.get_by_role("button", name="Unlock").tap()
    expect(ada.get_by_role("status").filter(has_text="They may sign in again.")).to_be_visible()
    ada.get_by_role("button", name="Make a reset link").tap()
    link = ada.get_by_label("The link is ready").get_by_role("textbox").input_value()
    expect(ada.get_by_role("img", name="The link as a picture for a phone’s camera")).to_be_visible()

    ben.goto(urlsplit(link).path)
    ben.get_by_label("The new one").fill("three calm herons")
    ben.get_by_role("button", name="Set the password").click()
    sign_in(ben, "ben", "three calm herons")
    expect(ben).to_have_url(ON_THE_LIST)

    ada.reload()
    recent = ada.get_by_role("region", name="What happened lately")
    expect(recent).to_contain_text("A new password was set for Ben, with a reset link.")
    expect(recent).to_contain_text("Ada locked the account of Ben.")


def test_the_house_is_closed_and_opened_again_from_a_phone(
    server: ServerProcess, people_at: WindowsAt
) -> None:
    window = people_at(server)
    ada, ben = window("ada", size="phone"), window("ben")
    go_live(ben, "/")

    ada.goto("/admin/lockdown")
    ada.get_by_label("Why").fill("A tablet was lost")
    ada.get_by_role("button", name="Show what would happen").tap()
    expect(ada.get_by_role("region", name="What would happen")).to_contain_text("Nothing has happened yet.")
    ada.get_by_role("button", name="Do it now").tap()

    expect(ada.get_by_role("heading", name="The house is closed")).to_be_visible()
    expect(ben.get_by_text("A tablet was lost")).to_be_visible()

    ada.get_by_role("button", name="Open the house again").tap()
    expect(ada.get_by_role("status").filter(has_text="The house is open again")).to_be_visible()
    ben.get_by_role("link", name="Try again").click()  # It would open by itself, a little later.
    expect(ben.get_by_role("heading", name="Conversations")).to_be_attached()


def test_a_secret_is_copied_and_a_reload_makes_no_other(server: ServerProcess, people_at: WindowsAt) -> None:
    ada = people_at(server)("ada", size="phone")
    ada.goto("/admin/bots")
    ada.get_by_role("link", name="New bot").first.tap()
    ada.get_by_label("Its name").fill("Mower")
    ada.get_by_role("button", name="Make the bot").tap()
    secret = ada.get_by_label("The secret of this bot")
    expect(secret.get_by_role("textbox")).to_have_value(re.compile(r"^[\w-]{43}$"))

    copy = secret.get_by_role("button", name="Copy", exact=True)
    copy.tap()
    expect(secret.get_by_role("button", name="Copied")).to_be_visible()
    expect(secret.get_by_role("status")).to_have_text("Copied")
    expect(copy).to_be_visible()

    ada.reload()
    expect(ada.get_by_text("It was shown once.")).to_be_visible()
    expect(secret).to_have_count(0)
    ada.goto("/admin/bots")
    expect(ada.get_by_text("@mower")).to_have_count(1)


def open_account(page: Page, name: str) -> None:
    """Walk from the list of conversations to somebody's account."""
    page.goto("/")
    page.get_by_role("link", name="House", exact=True).tap()
    expect(page.get_by_role("heading", name="The house")).to_be_visible()
    ways = page.get_by_role("navigation", name="Running the house")
    expect(ways.get_by_role("link", name="People")).to_be_hidden()
    ways.get_by_text("Overview").first.tap()
    ways.get_by_role("link", name="People").tap()
    page.get_by_label("Find somebody").fill(name.lower())
    page.get_by_role("button", name="Find").tap()
    page.get_by_role("link", name=f"The account of {name}").tap()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
