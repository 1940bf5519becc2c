"""What every reply of the API carries: tags of what is in it, and what browsers are told of other sites' pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homechat import settings
from homechat.actor import Actor
from homechat.api.paging import PAGE, PAGE_MAX, Paged, page
from tests.api_client import Program, new_token
from tests.conftest import close
from tests.house import House, copy_house

pytestmark = pytest.mark.api

BOARD, OTHER = "https://board.example", "https://evil.example"


# tags


def test_what_is_as_it_was_is_not_sent_again(house: House) -> None:
    ada = Program(house, new_token(house, "ada", "admin:read")[1])
    first = ada.get("/settings")

    again = ada.get("/settings", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["X-RateLimit-Remaining"] == "298"
    for tag in (f"W/{first.headers['ETag']}", f'"x", {first.headers["ETag"]}', "*"):
        assert ada.get("/settings", headers={"If-None-Match": tag}).status_code == 304
    house.act(settings.change, Actor.operator(), settings.HOUSE_NAME, "Lane 4")
    changed = ada.get("/settings", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_no_cache_may_keep_a_reply_or_give_it_to_another_token(house: House) -> None:
    ada, ben = (Program(house, new_token(house, name)[1]) for name in ("ada", "ben"))
    reply = ada.get("/me")
    assert reply.headers["Cache-Control"] == "no-store"
    known = ada.get("/me", headers={"If-None-Match": reply.headers["ETag"]})
    assert known.headers["Cache-Control"] == "no-store"
    assert ben.get("/me", headers={"If-None-Match": reply.headers["ETag"]}).status_code == 200
    assert Program(house).get("/me", headers={"If-None-Match": reply.headers["ETag"]}).status_code == 401


def test_refusals_and_writes_have_no_tag(house: House) -> None:
    ada = Program(house, new_token(house, "ada", "admin:write")[1])
    assert "ETag" not in ada.get("/users").headers
    assert "ETag" not in ada.patch("/settings", {}, headers={"If-None-Match": "*"}).headers


# pages of other sites


@pytest.fixture
def open_house(cast_folder: Path, tmp_path: Path) -> Any:
    """A house that lets the pages of one other site in."""
    house = House(copy_house(cast_folder, tmp_path / "data"), cors_origins=f"{BOARD}/")
    yield house
    close(house)


def preflight(house: House, origin: str = BOARD, path: str = "/me") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    return Program(house).ask("OPTIONS", path, headers=headers)


def cors_headers(reply: Any) -> set[str]:
    return {name for name, _value in reply.headers if name.startswith("Access-Control-")}


def test_a_page_of_a_listed_site_may_ask_with_a_token_and_never_with_a_cookie(open_house: House) -> None:
    allowed = preflight(open_house)
    assert (allowed.status_code, allowed.data) == (204, b"")
    assert allowed.headers["Access-Control-Allow-Origin"] == BOARD
    assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
    names = allowed.headers["Access-Control-Allow-Headers"]
    for name in ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-None-Match"):
        assert name in names
    assert int(allowed.headers["Access-Control-Max-Age"]) > 0

    ben = Program(open_house, new_token(open_house, "ben")[1])
    for reply, status in (
        (ben.get("/me", headers={"Origin": BOARD}), 200),
        (Program(open_house).get("/me", headers={"Origin": BOARD}), 401),
        (ben.get("/nothing", headers={"Origin": BOARD}), 404),
    ):
        assert reply.status_code == status
        assert reply.headers["Access-Control-Allow-Origin"] == BOARD
        for name in ("X-RateLimit-Remaining", "Retry-After", "ETag"):
            assert name in reply.headers["Access-Control-Expose-Headers"]
        assert "Origin" in reply.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://board.example.evil.example", "http://board.example", ""]
)
def test_a_page_of_any_other_site_is_told_nothing(open_house: House, origin: str) -> None:
    ben = Program(open_house, new_token(open_house, "ben")[1])
    refused = preflight(open_house, origin)
    assert refused.status_code == 405
    assert cors_headers(refused) == cors_headers(ben.get("/me", headers={"Origin": origin})) == set()


def test_what_is_not_the_api_is_nobody_elses(open_house: House) -> None:
    headers = {"Origin": BOARD, "Access-Control-Request-Method": "GET"}
    for path in ("/me", "/", "/health", "/api/docs", "/api/v10/me"):
        for method in ("GET", "OPTIONS"):
            reply = open_house.client("ben").client.open(
                path, method=method, headers=headers, base_url="https://localhost"
            )
            assert cors_headers(reply) == set(), path


def test_unless_a_site_is_listed_there_is_none(house: House) -> None:
    reply = preflight(house)
    assert (reply.status_code, cors_headers(reply)) == (405, set())
    assert "Vary" not in reply.headers


# what keeps caches busy


def test_only_what_depends_on_a_cookie_says_so(house: House) -> None:
    ada = house.client("ada")
    build = house.app.extensions["homechat_build"]
    for path in (f"/static/{build}/css/base.css", "/sw.js", "/manifest.webmanifest", "/api/v1/health"):
        assert "Cookie" not in ada.get(path).headers.get("Vary", ""), path


# pages of a long list


def test_a_page_has_fifty_unless_asked_and_a_hundred_at_most() -> None:
    assert Paged().load({}) == {"limit": PAGE, "before": None, "after": None}
    assert Paged().load({"limit": "101"})["limit"] == PAGE_MAX
    assert Paged().load({"limit": "3", "before": "9", "after": "0"}) == {"limit": 3, "before": 9, "after": 0}
    for wrong in ({"limit": "0"}, {"limit": "-1"}, {"before": "x"}, {"before": "0"}, {"after": "1.5"}):
        assert set(Paged().validate(wrong)) == set(wrong)


def test_a_page_says_how_to_go_on() -> None:
    rows = [{"id": 9}, {"id": 7}]
    assert page("things", rows, has_more=True) == {"things": rows, "has_more": True, "oldest_id": 7}
    assert page("things", [], has_more=False) == {"things": [], "has_more": False, "oldest_id": None}
