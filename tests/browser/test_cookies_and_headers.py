"""What a real browser makes of our cookies and headers on http://localhost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Response, expect

from homechat.security.headers import table
from tests.browser.windows import Windows
from tests.house import PASSWORD

pytestmark = pytest.mark.browser

SESSION, FORM, BROWSER = "__Host-homechat", "__Host-homechat-form", "__Host-homechat-browser"


def sign_in(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("Sign-in name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(page.locator("room-list")).to_be_attached()


def test_the_browser_keeps_our_cookies_and_shows_them_to_no_script(person: Windows) -> None:
    ada = person(None)
    sign_in(ada)

    cookies = {cookie["name"]: cookie for cookie in ada.context.cookies()}
    assert cookies.keys() == {SESSION, FORM, BROWSER}
    for cookie in cookies.values():
        assert cookie["httpOnly"]
        assert cookie["secure"]
        assert (cookie["sameSite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "localhost")
    for name in (SESSION, BROWSER):
        assert cookies[name]["expires"] > 0, "it outlives the browser window"
    assert ada.evaluate("document.cookie") == ""


def test_signing_out_takes_the_cookie_back(person: Windows) -> None:
    ada = person(None)
    sign_in(ada)
    ada.goto("/me")
    ada.get_by_role("button", name="Sign out on this device").click()
    expect(ada.get_by_role("button", name="Come in")).to_be_visible()

    assert SESSION not in {cookie["name"] for cookie in ada.context.cookies()}


def test_every_kind_of_reply_carries_the_headers(person: Windows) -> None:
    ada = person("ada")
    replies: list[Response] = []
    ada.on("response", lambda reply: replies.append(reply))
    ada.goto("/people")
    ada.goto("/nowhere")
    ada.evaluate("fetch('/socket.io/?EIO=4&transport=polling')")
    ada.evaluate("fetch('/up', { method: 'DELETE' })")
    ada.evaluate("fetch('/rooms/1/messages', { headers: { Accept: 'application/json' } })")

    kinds = {(reply.status, kind_of(reply)) for reply in replies}
    assert {(200, "people"), (200, "static"), (404, "nowhere"), (405, "up"), (200, "rooms")} <= kinds
    assert "socket.io" in {kind for _, kind in kinds}
    settings = person.house.settings
    expected = {
        name.lower(): words.replace("ws://localhost", f"ws://localhost:{person.server.port}")
        for name, words in table(settings).items()
    }
    for reply in replies:
        headers = reply.all_headers()
        assert {name: headers.get(name) for name in expected} == expected, reply.url
        assert "server" not in headers, reply.url
        is_static = kind_of(reply) == "static"
        assert ("immutable" in headers["cache-control"]) is is_static
        assert ("no-store" in headers["cache-control"]) is not is_static or kind_of(reply) in KEPT


KEPT = {"manifest.webmanifest", "sw.js"}


def kind_of(reply: Response) -> str:
    """Return the first part of the path."""
    return reply.url.split("/", 4)[3].split("?")[0]
