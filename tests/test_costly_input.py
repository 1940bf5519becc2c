"""Little input that would cost the house much: bounded at every door."""

from __future__ import annotations

import pytest

from homechat.messages import history
from tests.api_client import Program, new_token
from tests.house import House


def test_plain_requests_spend_the_same_budget_as_events(house: House) -> None:
    browser = house.client("gus")
    home = house.home().id

    statuses = [browser.get(f"/rooms/{home}/changes?after=0").status_code for _ in range(241)]

    assert statuses[:240] == [200] * 240
    refused = browser.get(f"/rooms/{home}/messages", headers={"Accept": "application/json"})
    assert (statuses[240], refused.status_code) == (429, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_catching_up_on_very_much_text_is_answered_with_reload(house: House) -> None:
    room = house.room("ada", name="Novels")
    for _ in range(history.CATCH_UP_CHARACTERS // 10_000 + 1):
        house.say("ada", room, "x" * 10_000)

    caught = house.act(history.changes_after, house.actor("ada"), room, after=0)

    assert (caught["reload"], caught["messages"]) == (True, [])
    assert house.act(history.changes_after, house.actor("ada"), room, after=5)["reload"] is False


def test_a_page_of_very_long_messages_is_shorter_and_leads_on_to_all_of_them(house: House) -> None:
    room = house.room("ada", name="Novels")
    for _ in range(13):
        house.say("ada", room, "x" * 10_000)

    pages: list[history.Page] = []
    before = None
    while before is None or pages[-1].has_more:
        pages.append(house.act(history.page_before, house.actor("ada"), room, before=before, limit=100))
        before = pages[-1].messages[0].seq

    seqs = [[message.seq for message in page.messages] for page in pages]
    assert seqs == [[9, 10, 11, 12, 13], [4, 5, 6, 7, 8], [1, 2, 3]]


def test_of_a_list_that_is_too_long_nothing_is_looked_at(house: House) -> None:
    ben = Program(house, new_token(house, "ben", "messages:write")[1])

    reply = ben.post("/messages", {"message": "hi", "actions": [7] * 300_000})

    assert reply.status_code == 422
    assert reply.json["fields"] == {"actions": "That is too many at once."}


@pytest.mark.parametrize("length", [10_001, 20_001, 150_000])
def test_a_message_that_is_too_long_is_refused_and_says_so(house: House, length: int) -> None:
    browser = house.client("ada")
    form = {"body": "ä" * length, "client_id": "too-long-1"}

    reply = browser.post(f"/rooms/{house.home().id}/messages", form, headers={"Accept": "application/json"})

    assert (reply.status_code, reply.json["code"]) == (422, "invalid")
    assert "10000" in reply.json["error"]
    with house.rows() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM messages").scalar() == 0


def test_an_address_that_is_no_address_does_not_break_signing_in(house: House) -> None:
    for wanted in ("//[", "//℀.com", "/\\x", "http://[::1"):
        page = house.client().get("/sign-in", query_string={"next": wanted})
        assert page.status_code == 200
        assert 'name="next" value=""' in page.get_data(as_text=True)
