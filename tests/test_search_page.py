"""The page that finds, and the conversation opened at what was found."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homechat.messages.history import page_around
from homechat.security.policy import RoomKind
from tests.browser.history import Line, write_history
from tests.house import CAST, Browser, House

NOW = datetime.now(UTC).replace(microsecond=0)


def page(browser: Browser, **query: Any) -> str:
    reply = browser.get("/search", query_string=query)
    assert reply.status_code == 200
    return reply.get_data(as_text=True)


def excerpts(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'<p class="hit__text" dir="auto">(.*?)</p>', text)]


def seqs(text: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<li class="message"[^>]* data-seq="(\d+)"', text)]


def write_many(house: House, count: int = 120) -> int:
    room = house.room("ben", "cleo")
    lines = [
        Line("ben", f"letter {number}", NOW - timedelta(days=count - number))
        for number in range(1, count + 1)
    ]
    write_history(house, room, lines)
    return room


def test_before_anything_is_typed_it_says_what_can_be_found(house: House) -> None:
    for query in ({}, {"q": ""}, {"q": "   "}):
        assert "What was it again?" in page(house.client("ben"), **query)


def test_people_rooms_and_messages_stand_apart(house: House) -> None:
    house.room("cleo", name="Ben's birthday", kind=RoomKind.PUBLIC)
    house.say("cleo", house.home().id, "Ask Ben about the boat")
    text = page(house.client("cleo"), q="ben")
    titles = re.findall(r'<h2 class="card__title" id="found-\w+">(\w+)', text)
    assert titles == ["People", "Rooms", "Messages"]
    assert excerpts(text) == ["Ask <mark>Ben</mark> about the boat"]
    assert 'name="user_id"' in text


def test_both_fields_show_what_is_looked_for_and_a_room_is_one_link(house: House) -> None:
    room = house.room("cleo", name="Boats")
    text = page(house.client("cleo"), q='"boat')
    assert re.findall(r'<input[^>]* name="q"[^>]* value="([^"]*)"', text) == ["&#34;boat", "&#34;boat"]
    found = text.partition('id="found-rooms"')[2].partition("</section>")[0]
    assert re.findall(r'<a class="(.*?)" href="(.*?)"', found) == [("found-room__link", f"/rooms/{room}")]


def test_there_is_a_button_to_write_only_to_whom_one_may(house: House) -> None:
    house.room("ada", "olga")
    assert 'name="user_id"' not in page(house.client("ben"), q="olga"), "no room together"
    assert 'name="user_id"' in page(house.client("ada"), q="olga")
    assert 'name="user_id"' not in page(house.client("ada"), q="ada"), "that is herself"


@pytest.mark.parametrize("name", ["ada", "ben", "gus"])
def test_the_button_is_for_the_same_people_as_on_the_page_of_people(house: House, name: str) -> None:
    house.room("ben", "olga", "gus", "rex", name="Tea")
    browser = house.client(name)
    with_button = {other for other in CAST if 'name="user_id"' in page(browser, q=other)}
    assert with_button == {other for other in CAST if f"<bdi>@{other}<" in browser.get("/people").text}
    assert with_button == {*CAST} - {name}


def test_a_bot_has_a_button_once_one_shares_a_room_with_it(house: House) -> None:
    ben = house.client("ben")
    assert 'name="user_id"' not in page(ben, q="rex")
    house.room("ben", "rex")
    assert 'name="user_id"' in page(ben, q="rex")
    assert ben.post("/direct", {"user_id": house.id_of("rex")}).status_code == 302


def test_when_nothing_is_found_it_says_what_to_try(house: House) -> None:
    assert "Try fewer words" in page(house.client("ben"), q="otter")


@pytest.mark.parametrize(("q", "sentence"), [("x", "two letters"), ("x" * 201, "too long")])
def test_a_refusal_stands_at_the_field_and_keeps_what_was_typed(house: House, q: str, sentence: str) -> None:
    reply = house.client("ben").get("/search", query_string={"q": q})
    assert reply.status_code == 422
    error = re.search(r'<p class="field__error" id="q-error">(.*?)</p>', reply.text)
    assert error
    assert sentence in error[1]
    assert f'value="{q}"' in reply.text


def test_what_was_written_and_what_is_typed_is_text_and_no_markup(house: House) -> None:
    house.say("cleo", house.home().id, "**a** <b>bold</b> & <script>alert(1)</script> otter")
    q = '"><script>x</script> otter'
    text = page(house.client("ben"), q="otter script")
    assert "<script>alert" not in text
    assert "&lt;<mark>script</mark>&gt;alert(1)" in text
    assert "<script>x" not in page(house.client("ben"), q=q)


def test_the_31st_search_of_a_minute_is_refused(house: House) -> None:
    browser = house.client("ben")
    for _ in range(30):
        page(browser, q="otter")
    assert browser.get("/search?q=otter").status_code == 429
    assert "What was it again?" in page(browser), "the page itself costs nothing"


def test_pages_of_hits_lead_on_and_back(house: House) -> None:
    write_many(house, 25)
    browser = house.client("ben")
    first = page(browser, q="letter")
    assert len(excerpts(first)) == 20
    onward = re.search(r'href="(/search\?[^"]*before=\d+)"', first)
    assert onward
    second = browser.get(html.unescape(onward[1])).text
    assert len(excerpts(second)) == 5
    assert "Back to the newest ones" in second
    assert "before=" not in second


def test_a_hit_leads_to_where_it_stands(house: House) -> None:
    room = write_many(house)
    browser = house.client("cleo")
    link = re.search(r'class="hit__link" href="([^"]+)"', page(browser, q='"letter 60"'))
    assert link
    path, _, anchor = html.unescape(link[1]).partition("#")

    opened = browser.get(path).text

    assert path == f"/rooms/{room}?around=60"
    assert seqs(opened) == list(range(35, 85))
    assert re.search(rf'<li class="message" id="{anchor}" [^>]*data-seq="60"', opened)
    assert "Show older messages" in opened
    assert "Back to the newest messages" in opened
    assert 'data-has-newer="true"' in opened


@pytest.mark.parametrize(
    ("place", "expected", "has_more", "has_newer"),
    [
        (1, range(1, 26), False, True),
        (60, range(35, 85), True, True),
        (96, range(71, 121), True, False),
        (120, range(95, 121), True, False),
        (9999, range(96, 121), True, False),
        (-5, range(1, 26), False, True),
    ],
)
def test_a_page_around_a_place(
    house: House, place: int, expected: range, has_more: bool, has_newer: bool
) -> None:
    room = write_many(house)
    found = house.act(page_around, house.actor("cleo"), room, place)
    assert [message.seq for message in found.messages] == list(expected)
    assert (found.has_more, found.has_newer) == (has_more, has_newer)


def test_the_newest_page_is_live_however_it_was_come_to(house: House) -> None:
    room = write_many(house)
    opened = house.client("cleo").get(f"/rooms/{room}?around=119").text
    assert 'data-has-newer="false"' in opened
    assert "Back to the newest messages" not in opened


def test_nobody_sees_around_a_place_what_they_may_not(house: House) -> None:
    room = house.room("ben", from_arrival=True)
    house.say("ben", room, "before")
    house.add("ben", room, "cleo")
    house.say("ben", room, "after")
    assert "before" not in house.client("cleo").get(f"/rooms/{room}?around=1").text
    assert house.client("ada").get(f"/rooms/{room}?around=1").status_code == 404
    assert house.client("ben").get(f"/rooms/{room}?around=x").status_code == 422
    assert house.client("ben").get(f"/rooms/{room}?around={10**17}").status_code == 200
