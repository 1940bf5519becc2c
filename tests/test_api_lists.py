"""Lists of programs: whole unless a part is asked for, and parts in which nothing comes twice or is left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_client import Program, app_of, program_of
from tests.house import House
from tests.test_bots import make_bot

pytestmark = pytest.mark.api

LISTS = {
    "/channels": "channels",
    "/dm/channels": "channels",
    "/direct_messages": "channels",
    "/channels/{home}/members": "members",
    "/users": "users",
    "/bots": "bots",
}


@pytest.fixture
def ada(house: House) -> Program:
    """A program of Ada's in a house with several of everything."""
    for number in range(4):
        house.room("ada", name=f"Shelf {number}")
        make_bot(house, "ada", f"Bot {number}")
    for name in ("ben", "cleo", "gus"):
        house.say("ada", house.direct("ada", name), "hi")
    return app_of(house, "ada")


def listed(program: Program, path: str, **asked: int) -> dict[str, Any]:
    reply = program.get(path.format(home=program.house.home().id), query_string=asked)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json
    return found


@pytest.mark.parametrize("path", LISTS)
def test_a_list_comes_whole_and_says_so(ada: Program, path: str) -> None:
    found = listed(ada, path)
    ids = [row["id"] for row in found[LISTS[path]]]
    assert len(ids) >= 3
    assert (found["has_more"], found["oldest_id"]) == (False, min(ids))


@pytest.mark.parametrize("path", LISTS)
def test_pages_backwards_and_forwards_have_everything_once(ada: Program, path: str) -> None:
    name = LISTS[path]
    ids = sorted(row["id"] for row in listed(ada, path)[name])
    backwards: list[int] = []
    page = listed(ada, path, limit=2)
    while True:
        backwards += sorted((row["id"] for row in page[name]), reverse=True)
        if not page["has_more"]:
            break
        page = listed(ada, path, limit=2, before=page["oldest_id"])
    assert backwards == ids[::-1]

    forwards: list[int] = []
    page = listed(ada, path, limit=2, after=0)
    while True:
        forwards += sorted(row["id"] for row in page[name])
        if not page["has_more"]:
            break
        page = listed(ada, path, limit=2, after=forwards[-1])
    assert forwards == ids


def test_where_nothing_is_left_the_page_is_empty(ada: Program) -> None:
    assert listed(ada, "/channels", before=1) == {"channels": [], "has_more": False, "oldest_id": None}
    refused = ada.get("/channels?limit=0")
    assert (refused.status_code, list(refused.json["fields"])) == (422, ["limit"])


def test_a_search_says_where_older_messages_begin(house: House) -> None:
    for number in range(3):
        house.say("ben", house.home().id, f"apples {number}")
    program = program_of(house, "ben", "search")
    first = program.get("/search?q=apples&limit=2").json
    ids = [message["id"] for message in first["messages"]]
    assert (first["has_more"], first["oldest_id"]) == (True, min(ids))
    rest = program.get(f"/search?q=apples&limit=2&before={first['oldest_id']}").json
    assert (len(rest["messages"]), rest["has_more"]) == (1, False)
    assert program.get("/search?q=pears").json["oldest_id"] is None
