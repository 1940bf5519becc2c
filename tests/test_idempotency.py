"""What is sent twice under one key is done once, whichever process hears it, and whatever happens in between."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat import audit, clock, settings
from homechat.accounts import kept_answers
from homechat.accounts.kept_answers import Claim, Key
from homechat.accounts.proof_models import ResetLink
from homechat.accounts.token_models import KeptAnswer
from homechat.actor import Actor
from homechat.api.endpoints import ENDPOINTS
from homechat.database import last_word, transaction
from homechat.errors import InProgress
from homechat.security.policy import Scope
from tests.api_addresses import address_of, picture
from tests.api_client import Program, new_token
from tests.attempts import everything_in
from tests.backups import after_jobs
from tests.conftest import close
from tests.house import House
from tests.postgres import empty_house, move_in
from tests.server_process import ServerProcess

pytestmark = pytest.mark.api

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def ada(house: House) -> Program:
    """A program of Ada's that may run the house."""
    return Program(house, new_token(house, "ada", Scope.ADMIN_WRITE)[1])


def ask_for_link(program: Program, name: str = "ben", *, key: str = KEY, **sent: Any) -> Any:
    """Ask for a link with which somebody sets a new password: it is another one each time that it is made."""
    path = f"/users/{program.house.id_of(name)}/reset"
    return program.post(path, sent, headers={"Idempotency-Key": key})


def links(house: House) -> int:
    with house.rows() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(ResetLink)) or 0


def test_what_is_sent_twice_under_one_key_is_done_once(house: House, ada: Program) -> None:
    first = ask_for_link(ada)
    again = ask_for_link(ada)

    assert first.status_code == again.status_code == 200
    assert again.json == first.json
    assert again.mimetype == "application/json"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-RateLimit-Limit"] == "300"
    assert links(house) == 1
    written = house.act(audit.entries, action=audit.Action.API_REQUEST)
    assert len(written) == 1, "being told again changes nothing, and is no entry of its own"


def test_without_a_key_it_is_done_each_time(house: House, ada: Program) -> None:
    path = f"/users/{house.id_of('ben')}/reset"
    assert ada.post(path, {}).json["link"] != ada.post(path, {}).json["link"]


def test_another_key_is_another_request(ada: Program) -> None:
    assert ask_for_link(ada).json["link"] != ask_for_link(ada, key="another").json["link"]


def test_a_key_is_a_tokens_own(house: House, ada: Program) -> None:
    other = Program(house, new_token(house, "ada", Scope.ADMIN_WRITE)[1])
    assert ask_for_link(ada).json["link"] != ask_for_link(other).json["link"]


def test_a_key_stands_for_one_request_only(house: House, ada: Program) -> None:
    ask_for_link(ada)

    for reply in (
        ask_for_link(ada, clears_two_factor=True),
        ask_for_link(ada, "cleo"),
        ada.post("/lockdown", {"kind": "users", "dry_run": True}, headers={"Idempotency-Key": KEY}),
    ):
        assert (reply.status_code, reply.json["code"]) == (422, "idempotency_mismatch")
    assert links(house) == 1


def test_an_answer_is_kept_for_a_day(house: House, ada: Program) -> None:
    first = ask_for_link(ada).json["link"]
    with clock.moved(timedelta(hours=23, minutes=59)):
        assert house.act(kept_answers.forget_old) == 0
        assert ask_for_link(ada).json["link"] == first
    with clock.moved(timedelta(hours=24, minutes=1)):
        assert ask_for_link(ada, clears_two_factor=True).json["link"] != first
    with clock.moved(timedelta(hours=50)):
        assert house.act(kept_answers.forget_old) == 1
    with house.rows() as session:
        assert session.scalar(sa.select(KeptAnswer.id)) is None


def test_a_refusal_is_not_kept(house: House, ada: Program) -> None:
    path, headers = f"/users/{house.id_of('rex')}/reset", {"Idempotency-Key": KEY}
    assert ada.post(path, {}, headers=headers).status_code == 409
    assert ada.post(path, {"clears_two_factor": "yes"}, headers=headers).status_code == 422
    assert ask_for_link(ada).status_code == 200, "the key is still free"


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_is_of_bounded_length(house: House, ada: Program, key: str) -> None:
    reply = ask_for_link(ada, key=key)
    assert (reply.status_code, list(reply.json["fields"])) == (422, ["Idempotency-Key"])
    assert links(house) == 0


@pytest.mark.parametrize("key", ["k" * 255, "two words", "naïve", "\x7f"])
def test_a_key_may_be_anything_of_that_length(house: House, ada: Program, key: str) -> None:
    assert ask_for_link(ada, key=key).json == ask_for_link(ada, key=key).json
    assert links(house) == 1


def test_where_nothing_is_made_a_key_means_nothing(house: House, ada: Program) -> None:
    headers = {"Idempotency-Key": KEY}
    for name in ("One", "Two"):
        assert ada.patch("/settings", {"house_name": name}, headers=headers).status_code == 200
    with house.rows() as session:
        assert session.scalar(sa.select(KeptAnswer.id)) is None
    stranger = Program(house).post("/signin", {"username": "ben", "password": "x"}, headers=headers)
    assert stranger.status_code == 401


def test_no_answer_lies_open_in_the_database(house: House, ada: Program) -> None:
    link = ask_for_link(ada).json["link"]
    dump = json.dumps(everything_in(house))
    assert "idempotency_keys" in dump, "guard"
    assert link.rsplit("/", 1)[1] not in dump
    assert KEY not in dump


# At the same time, and when something breaks


def test_who_comes_while_it_is_being_done_is_told_to_ask_again(house: House, ada: Program) -> None:
    claim = begun(house, ada)

    meanwhile = ask_for_link(ada)

    assert (meanwhile.status_code, meanwhile.json["code"]) == (409, "in_progress")
    assert meanwhile.headers["Retry-After"] == "1"
    house.act(claim.keep, kept_answers.Answer(200, '{"success": true}'))
    assert ask_for_link(ada).json == {"success": True}


def test_where_the_server_died_in_between_it_is_not_done_again(house: House, ada: Program) -> None:
    begun(house, ada)
    with clock.moved(timedelta(seconds=61)):
        reply = ask_for_link(ada)
    assert (reply.status_code, reply.json["code"]) == (409, "answer_lost")
    assert links(house) == 0


def begun(house: House, program: Program) -> Claim:
    """Have the request of `ask_for_link` be at work in another process: it has written something, and not answered."""
    ask_for_link(program)
    with house.rows() as session, transaction():
        row = session.scalars(sa.select(KeptAnswer)).one()
        key = Key(row.token_id, row.key_digest, row.request_digest)
        session.delete(row)
        session.execute(sa.delete(ResetLink))
    claim = Claim(key)
    with house.rows() as session, last_word(claim.write_along), transaction():
        session.execute(sa.select(1))
    return claim


def test_of_two_that_begin_at_once_the_second_is_undone(house: House, ada: Program) -> None:
    begun(house, ada)
    with house.rows() as session:
        row = session.scalars(sa.select(KeptAnswer)).one()
    second = Claim(Key(row.token_id, row.key_digest, row.request_digest))
    with house.rows(), pytest.raises(InProgress), last_word(second.write_along):
        settings.change(Actor.operator(), settings.HOUSE_NAME, "Twice")
    assert house.act(settings.value_of, settings.HOUSE_NAME) != "Twice"


def test_many_at_once_make_one_thing_and_a_restart_forgets_nothing(server: ServerProcess) -> None:
    house = House(server.data_dir)
    token = new_token(house, "ada", Scope.ADMIN_WRITE)[1]
    path = f"/api/v1/users/{house.id_of('ben')}/reset"
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": KEY}

    def ask(_number: int = 0) -> requests.Response:
        return requests.post(f"{server.url}{path}", json={}, headers=headers, timeout=20)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, range(16)))

    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) <= {200, 409}, statuses
    told = {reply.json()["link"] for reply in replies if reply.status_code == 200}
    assert len(told) == 1
    assert links(house) == 1
    here = Program(house, token).post(path.removeprefix("/api/v1"), {}, headers={"Idempotency-Key": KEY})
    assert {here.json["link"]} == told, "this process knows what the other one answered"
    server.stop()
    server.start()
    assert ask().json()["link"] in told
    close(house)


def test_two_servers_of_one_house_make_one_thing(postgres_url: str, tmp_path: Path) -> None:
    one = move_in(empty_house(postgres_url, tmp_path / "one"))
    two = House(tmp_path / "one", database_url=postgres_url)
    token = new_token(one, "ada", Scope.ADMIN_WRITE)[1]
    programs = [Program(house, token) for house in (one, two) for _number in range(4)]

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask_for_link, programs))

    assert {reply.status_code for reply in replies} <= {200, 409}
    assert len({reply.json["link"] for reply in replies if reply.status_code == 200}) == 1
    assert links(one) == 1
    close(one)
    close(two)


SENT_TWICE: dict[str, dict[str, Any]] = {
    "api.create_channel": {"json": {"name": "Another room"}},
    "api.create_bot": {"json": {"bot": {"name": "Lights"}}},
    "api.regenerate_secret": {},
    "api.reset": {"json": {}},
    "api.create_backup": {},
    "api.start_lockdown": {"json": {"kind": "users", "dry_run": True}},
    "api.start_conversation": {"json": {"username": "cleo"}},
    "api.write_direct": {"json": {"message": "hi"}},
    "api.write_to_user": {"json": {"message": "hi"}},
    "api.post_message": {"json": {"message": "hi"}},
    "api.post_to_channel": {"json": {"message": "hi"}},
    "api.post_media": {},
}
"""Whatever makes something that would be there twice."""


def test_whatever_else_is_sent_by_post_may_be_done_twice_without_harm() -> None:
    others = {name for name, found in ENDPOINTS.items() if found.method == "POST"} - set(SENT_TWICE)
    assert others == {
        *("api.sign_in", "api.sign_up", "api.webhook"),  # Without a token there is nobody's key.
        *("api.lock", "api.unlock", "api.activate_bot", "api.deactivate_bot"),
        *("api.join_channel", "api.leave_channel_by_post", "api.mark_as_read", "api.answer"),
        *("api.verify_backup", "api.test_restore_backup"),
    }


@pytest.mark.parametrize("endpoint", sorted(SENT_TWICE))
def test_everything_that_makes_something_makes_it_once_under_one_key(house: House, endpoint: str) -> None:
    program = Program(house, new_token(house, "ada", *Scope)[1])
    path, headers = address_of(house, ENDPOINTS[endpoint].path, author="ada", owner="ada")

    def send() -> Any:
        sent = SENT_TWICE[endpoint] or (picture() if endpoint == "api.post_media" else {"json": {}})
        return program.post(path, headers={**headers, "Idempotency-Key": KEY}, **sent)

    first = send()
    after_jobs(house)
    before = counted(house)
    again = send()
    after_jobs(house)
    assert first.status_code in (200, 201, 202), first.text
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert counted(house) == before


def counted(house: House) -> dict[str, int]:
    """Return how many rows each table has, but those that count what is read."""
    return {name: len(rows) for name, rows in everything_in(house).items() if name != "api_reads"}
