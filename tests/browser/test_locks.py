"""The locks on the doors as people meet them: a second step, codes, a lost phone, guesses."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.windows import Windows
from tests.house import PASSWORD, code_now, next_code

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INSIDE = re.compile(r":\d+/$")
REFUSED = "Couldn't sign you in. Check the name and password."


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Come in").click()


def turn_second_step_on(page: Page) -> tuple[str, list[str]]:
    """Walk from the list of conversations to the second step; return the app's secret and the recovery codes."""
    page.goto("/me")
    page.get_by_role("link", name="Turn on A second step").click()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    page.get_by_text("Can't scan? Type it instead").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code", exact=True).fill(code_now(secret))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator(".codes__code").all_inner_texts()
    return secret, codes


def test_a_second_step_from_turning_it_on_to_the_day_the_phone_is_lost(person: Windows) -> None:
    page = person("cleo", size="phone")
    secret, codes = turn_second_step_on(page)
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert codes[9] in download.value.path().read_text()
    page.get_by_role("link", name="I have them, go on").click()
    page.goto("/me")
    page.get_by_role("button", name="Sign out on this device").click()

    sign_in(page, "cleo")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_label("Code", exact=True).fill("12 34 56")
    page.get_by_role("button", name="Come in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("That code is not right.")
    page.get_by_label("Code", exact=True).fill(next_code(secret))
    page.get_by_role("button", name="Come in", exact=True).click()
    expect(page).to_have_url(INSIDE)

    # The phone with the app is gone: another device, and a code from the drawer.
    tablet = person(None, size="wide")
    sign_in(tablet, "cleo")
    tablet.get_by_text("You don't have your phone?").click()
    tablet.get_by_label("Recovery code").fill(codes[0].upper())
    tablet.get_by_role("button", name="Come in with a recovery code").click()
    expect(tablet).to_have_url(INSIDE)
    expect(page.get_by_text("Was that you?")).to_be_visible()


def test_a_new_device_is_news_until_its_person_answers(person: Windows) -> None:
    phone, laptop = person(None, size="phone"), person(None)
    sign_in(phone, "ben")
    expect(phone).to_have_url(INSIDE)
    expect(phone.locator("device-news")).to_be_hidden()

    sign_in(laptop, "ben")

    news = phone.get_by_text("Was that you?")
    expect(news).to_be_visible()
    phone.reload()
    expect(news).to_be_visible()
    phone.get_by_role("button", name="It was me").click()
    expect(phone.get_by_role("heading", name="Where you are signed in")).to_be_visible()
    phone.goto("/")
    expect(phone.locator("device-news")).to_be_hidden()


def test_whoever_guesses_is_locked_out_and_a_phone_that_is_known_comes_in(person: Windows) -> None:
    phone = person(None, size="phone")
    sign_in(phone, "gus")
    expect(phone).to_have_url(INSIDE)
    phone.goto("/me")
    phone.get_by_role("button", name="Sign out on this device").click()
    stranger = person(None)
    for _ in range(5):
        sign_in(stranger, "gus", "a guess")
        expect(stranger.get_by_role("alert")).to_have_text(REFUSED)

    sign_in(stranger, "gus")
    expect(stranger.get_by_role("alert")).to_have_text(REFUSED)

    sign_in(phone, "gus")
    expect(phone).to_have_url(INSIDE)


def test_after_a_while_a_borrowed_phone_is_asked_who_it_is(person: Windows) -> None:
    page = person("ada", size="phone")
    page.goto("/confirm?next=/me/two-factor")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="It's me").click()
    expect(page.locator(".field__error")).to_have_text("That password is not right.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="It's me").click()
    expect(page.get_by_role("heading", name="Set up your authenticator app")).to_be_visible()
