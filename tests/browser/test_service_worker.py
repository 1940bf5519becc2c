"""The service worker is there once a page has loaded, in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.windows import Windows

pytestmark = pytest.mark.browser


def test_the_service_worker_governs_the_whole_house(person: Windows) -> None:
    ada = person("ada", size="phone")
    ada.goto("/")

    scope = ada.evaluate("() => navigator.serviceWorker.ready.then((registration) => registration.scope)")

    assert scope == ada.evaluate("() => `${location.origin}/`")
