"""Every page on a phone, see every_page.py; and that every page there is gets looked at."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.browser.every_page import *  # noqa: F403
from tests.browser.every_page import on
from tests.browser.pages import VISITS, Places
from tests.browser.windows import Windows

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOT_PAGES = {
    "accounts.common_passwords",
    *("pages.static_file", "pages.service_worker", "pages.manifest", "health.up", "health.health"),
    *("messages.history", "messages.changes", "messages.sidebar_state"),
    *("health.metrics", "uploads.file", "uploads.thumbnail"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on("phone", metafunc)


def test_the_list_of_pages_is_complete(places: Places) -> None:
    assert pages_of(places.house.app) == {visit.endpoint for visit in VISITS.values()} - {""}


def test_the_watch_notices_what_it_is_there_for(places: Places, chromium: Browser) -> None:
    watched = Windows(chromium, places.windows.server)
    page = watched(None)
    page.goto("/sign-in")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("setTimeout(() => { throw new Error('oh') })")
    page.context.route("https://elsewhere.example/", lambda route: route.fulfill(body="hello"))
    page.evaluate("location = 'https://elsewhere.example/'")
    page.wait_for_url("https://elsewhere.example/")
    troubles = " ".join(watched.troubles())
    watched.close()

    for words in ("Content Security Policy", "uncaught: oh", "request to another host"):
        assert words in troubles


def pages_of(app: Flask) -> set[str]:
    """Return the endpoints that show a page when asked for one; the API shows none."""
    asked = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    return {endpoint for endpoint in asked - NOT_PAGES if not endpoint.startswith("api.")}
