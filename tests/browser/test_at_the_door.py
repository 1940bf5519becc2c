"""Somebody joins without an invitation, waits at the door, is let in by an admin who is looking, and comes in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from homechat import settings
from homechat.accounts.recovery import make_reset_link
from homechat.actor import Actor
from tests.browser.conftest import WindowsAt
from tests.browser.conversation import expect_message, go_live, say
from tests.house import PASSWORD
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ON_THE_LIST = re.compile(r":\d+/$")


def test_somebody_waits_is_let_in_and_comes_in(server: ServerProcess, people_at: WindowsAt) -> None:
    window = people_at(server)
    house = window.house
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        house.act(settings.change, Actor.operator(), setting, True)
    ada, ben, nora = window("ada"), window("ben"), window(None, size="phone")
    go_live(ada, "/")
    go_live(ben, "/")
    expect(ada.locator(".sidebar__count")).to_have_count(0)

    ring(nora, "nora", "Nora")

    expect(nora.get_by_role("heading", name="Nearly there")).to_be_visible()
    nora.goto("/")
    expect(nora.get_by_role("heading", name="HomeChat")).to_be_visible()
    expect(ada.locator(".sidebar__count")).to_have_text("1")  # It came by itself.
    expect(ben.locator("newcomer-badge")).to_have_count(0)

    ada.get_by_role("link", name="Invite", exact=True).click()
    at_the_door = ada.get_by_role("region", name="At the door")
    expect(at_the_door).to_contain_text("Came without an invitation")
    at_the_door.get_by_role("button", name="Let in Nora").click()
    expect(ada.get_by_role("status").filter(has_text="They can sign in now.")).to_be_visible()
    expect(ada.locator(".sidebar__count")).to_have_count(0)

    sign_in(nora, "nora", PASSWORD)
    expect(nora).to_have_url(ON_THE_LIST)
    home = house.home().id
    go_live(nora, f"/rooms/{home}")
    go_live(ada, f"/rooms/{home}")
    say(nora, "Thank you for letting me in")
    expect_message(ada, "Thank you for letting me in")


def test_somebody_is_turned_away_and_the_badge_goes_everywhere(
    server: ServerProcess, people_at: WindowsAt
) -> None:
    window = people_at(server)
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        window.house.act(settings.change, Actor.operator(), setting, True)
    ada, other_window = window("ada", size="phone"), window("ada")
    for page in (ada, other_window):
        go_live(page, "/")
    stranger = window(None)
    ring(stranger, "stranger", "A stranger")
    for page in (ada, other_window):
        expect(page.locator(".sidebar__count")).to_have_text("1")

    ada.get_by_role("link", name="Invite", exact=True).tap()
    ada.get_by_text("Turn away", exact=False).first.tap()
    ada.get_by_role("button", name="Yes, turn away").tap()

    expect(ada.get_by_role("status").filter(has_text="Turned away.")).to_be_visible()
    expect(other_window.locator(".sidebar__count")).to_have_count(0)
    sign_in(stranger, "stranger", PASSWORD)
    expect(stranger.get_by_role("alert")).to_be_visible()


def test_a_forgotten_password_is_set_anew(server: ServerProcess, people_at: WindowsAt) -> None:
    window = people_at(server)
    house = window.house
    ben_before, ben = window("ben"), window(None, size="phone")
    go_live(ben_before, "/")
    token = house.act(make_reset_link, house.actor("ada"), house.id_of("ben"))

    ben.goto(f"/reset/{token}")
    expect(ben.get_by_label("Sign-in name")).to_have_value("ben")
    ben.get_by_label("The new one").fill("three calm herons")
    ben.get_by_role("button", name="Set the password").tap()

    expect(ben.get_by_role("status").filter(has_text="Your new password works")).to_be_visible()
    expect(ben_before).to_have_url(re.compile("/sign-in"))
    sign_in(ben, "ben", "three calm herons")
    expect(ben).to_have_url(ON_THE_LIST)


def ring(page: Page, username: str, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_role("link", name="Move in").click()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Sign-in name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Move in").click()


def sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Sign-in name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Come in").click()
