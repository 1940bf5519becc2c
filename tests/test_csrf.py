"""No form works without the token that stands on our own pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attempts import ATTEMPTS, Attempt, changing_endpoints, everything_in, house_for
from tests.house import Browser, House

REFUSED = "This page was open for too long."


@pytest.fixture(params=sorted(ATTEMPTS))
def endpoint(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(endpoint: str, cast_folder: Path, tmp_path: Path) -> Iterator[House]:
    with house_for(endpoint, cast_folder, tmp_path / "data") as house:
        yield house


def test_every_route_that_changes_something_is_tried_here(tmp_path: Path) -> None:
    assert changing_endpoints(House(tmp_path).app) == set(ATTEMPTS)


def test_a_form_works_with_its_token_and_changes_nothing_without(house: House, endpoint: str) -> None:
    attempt = ATTEMPTS[endpoint](house)
    browser = attempt.browser(house)
    others_token = house.client("cleo" if attempt.who else None).form_token(attempt.form_on)
    own_token = browser.form_token(attempt.form_on)
    before = everything_in(house)

    for token in ("", "made-up", own_token[:-1], others_token):
        reply = send(browser, attempt, data={**attempt.form, "csrf_token": token})
        assert reply.status_code == 400, token
        assert REFUSED in reply.text
    script = send(browser, attempt, data=attempt.form, headers={"Accept": "application/json"})
    assert (script.status_code, script.json["ok"]) == (400, False)
    from_elsewhere = {"Referer": "https://evil.example/"}
    lured = send(browser, attempt, data={**attempt.form, "csrf_token": own_token}, headers=from_elsewhere)
    assert lured.status_code == 400

    assert everything_in(house) == before
    works = send(browser, attempt, data={**attempt.form, "csrf_token": own_token})
    assert works.status_code in (200, 302)
    assert everything_in(house) != before


def test_a_script_of_our_pages_sends_the_token_in_a_header(house: House, endpoint: str) -> None:
    attempt = ATTEMPTS[endpoint](house)
    browser = attempt.browser(house)
    token = browser.form_token(attempt.form_on)
    reply = send(browser, attempt, data=attempt.form, headers={"X-CSRFToken": token})
    assert reply.status_code in (200, 302)


def send(browser: Browser, attempt: Attempt, *, headers: dict[str, str] | None = None, **kwargs: Any) -> Any:
    return browser.client.post(
        attempt.path,
        base_url="https://localhost",
        headers={"Referer": "https://localhost/", **(headers or {})},
        **kwargs,
    )
