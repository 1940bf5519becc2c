"""Tokens while the house is closed: whose works, what the others are told, and that each works again afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat import clock
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor
from homechat.database import transaction
from homechat.lockdown import Kind, Lockdown
from homechat.operations.lockdown import lift, start
from tests.api_client import new_token
from tests.conftest import close
from tests.house import PASSWORD, House
from tests.raw_socket import CONNECT, REFUSED, RawSocket
from tests.server_process import ServerProcess
from tests.talkers import Script

pytestmark = [pytest.mark.api, pytest.mark.sockets]

OPERATOR = Actor.operator()
SOON_SECONDS = 5
"""A second is owed; a busy test machine gets more, and the benchmarks hold it to the second."""

# Written down from docs/lockdown.md, not from the code.
ADMINS = {"an admin", "an admin's app"}
EVERYBODY = ADMINS | {"an admin's bot", "a member", "a member's app", "a member's bot", "a guest's app"}
APPS = {who for who in EVERYBODY if who.endswith("app")}
SIGNED_OUT = {Kind.TOKENS: set(), Kind.USERS: set(), Kind.ADMIN_ONLY: set(), Kind.ALL: APPS}
STILL_WORKS = {Kind.TOKENS: set(), Kind.USERS: ADMINS, Kind.ADMIN_ONLY: ADMINS, Kind.ALL: set()}
PERSON = {"an admin": "ada", "a member": "ben", "a guest": "gus"}
OF_PEOPLE = "The house is closed for a while. Nothing of yours is lost."
OF_TOKENS = "API tokens do not work for a while."

Make = Callable[[str], Script]


def token_of(house: House, url: str, who: str, kind: Kind) -> str:
    """Return a token of somebody's, a bot's of theirs, or that of an app in which they signed in."""
    whose, _, what = who.partition("'s ")
    if what == "app":
        asked = {"username": PERSON[whose], "password": PASSWORD}
        reply = requests.post(f"{url}/api/v1/signin", json=asked, timeout=10)
        token: str = reply.json()["token"]
        return token
    scopes = ("messages:read", "channels:read")
    called, as_bot = f"{who}, {kind}", what == "bot"
    return new_token(house, PERSON[whose], *scopes, called=called, as_bot=as_bot)[1]


def sentence_for(who: str, kind: Kind) -> str:
    """Return what somebody is told: that the house is closed, unless it is only their token that does not work."""
    return OF_TOKENS if kind is Kind.TOKENS or who in ADMINS else OF_PEOPLE


def ask(script: Script, path: str = "/me") -> requests.Response:
    return requests.get(f"{script.url}/api/v1{path}", headers=script.proof(), timeout=10)


def works(script: Script) -> bool:
    """Whether the token opens both doors, and the live connection still is one."""
    return ask(script).status_code == 200 and script.send("room:list")["ok"] is True


def token_rows(house: House, kind: Kind) -> list[Any]:
    """Return all tokens that a lockdown leaves alone as they are stored, but for when they were used last."""
    columns = [each for each in ApiToken.__table__.columns if not each.name.startswith("last_used")]
    rows = sa.select(*columns).order_by(ApiToken.id)
    if SIGNED_OUT[kind]:
        rows = rows.where(ApiToken.kind == TokenKind.MADE)
    with house.rows() as session:
        return [tuple(row) for row in session.execute(rows)]


@pytest.fixture
def closed(shared_house: House) -> Iterator[Callable[[Kind], None]]:
    """Closes the house from another process, and opens it again at the end."""
    yield lambda kind: shared_house.act(start, OPERATOR, kind, hours=2, reason="We look into it.")
    shared_house.act(lift, OPERATOR)


@pytest.mark.parametrize("kind", Kind)
def test_a_token_is_told_why_then_cut_and_works_again_unchanged_when_it_is_lifted(
    shared_house: House,
    script: Make,
    closed: Callable[[Kind], None],
    shared_server: ServerProcess,
    kind: Kind,
) -> None:
    scripts = {
        who: script(token_of(shared_house, shared_server.url, who, kind)).connect()
        for who in sorted(EVERYBODY)
    }
    assert all(map(works, scripts.values())), "guard: they all work as long as the house is open"
    before = token_rows(shared_house, kind)

    closed(kind)

    for who in sorted(EVERYBODY - STILL_WORKS[kind]):
        _assert_told_and_cut(scripts[who], sentence_for(who, kind))
        if who in SIGNED_OUT[kind]:
            assert ask(scripts[who]).status_code == 401, who
            continue
        _assert_refused_at_the_handshake(scripts[who], sentence_for(who, kind))
        _assert_locked(ask(scripts[who]), sentence_for(who, kind))
    for who in sorted(STILL_WORKS[kind]):
        assert works(scripts[who]), who
        assert works(script(scripts[who].token).connect()), who
        assert scripts[who].heard("session:ended") == []

    shared_house.act(lift, OPERATOR)

    for who in sorted(SIGNED_OUT[kind]):
        assert ask(scripts[who]).status_code == 401, who
    for who in sorted(EVERYBODY - STILL_WORKS[kind] - SIGNED_OUT[kind]):
        scripts[who].forget()
        assert works(scripts[who].connect()), who
    assert token_rows(shared_house, kind) == before


def test_what_a_token_sends_before_the_cut_is_refused(server: ServerProcess) -> None:
    with ExitStack() as stack:
        house = House(server.data_dir)
        stack.callback(close, house)
        scripts = {who: Script(server.url, token_of(house, server.url, who, Kind.ALL)) for who in EVERYBODY}
        for each in scripts.values():
            stack.enter_context(closing(each.connect()))
        for kind in Kind:
            # Written by hand, so that nothing tells the server to look again.
            with house.rows() as session, transaction():
                until = clock.now() + timedelta(hours=2)
                session.add(Lockdown(kind=kind.value, reason="We look into it.", expires_at=until))

            acks = {who: each.send("room:list") for who, each in scripts.items()}

            with house.rows() as session, transaction():
                session.execute(sa.delete(Lockdown))
            assert {who for who, ack in acks.items() if ack["ok"]} == STILL_WORKS[kind], kind
            for who in EVERYBODY - STILL_WORKS[kind]:
                assert acks[who] == {
                    "ok": False,
                    "error": sentence_for(who, kind),
                    "code": "locked_down",
                    "reason": "We look into it.",
                    "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
                }
        assert all(map(works, scripts.values())), "guard: these were refused, not cut"


def _assert_told_and_cut(script: Script, sentence: str) -> None:
    ended = script.hear("session:ended", within=SOON_SECONDS)
    assert ended == {"reason": "locked_down", "sentence": f"{sentence} We look into it."}
    assert script.ended.wait(SOON_SECONDS), "told, but not cut"
    assert script.events[-1] == ("session:ended", ended)


def _assert_refused_at_the_handshake(script: Script, sentence: str) -> None:
    with RawSocket(script, origin=None) as wire:
        answer = wire.ask(CONNECT)
        assert answer.startswith(REFUSED), answer
        assert json.loads(answer.removeprefix(REFUSED)) == {
            "message": f"{sentence} We look into it.",
            "data": {"code": "locked_down"},
        }
        assert wire.heard == []


def _assert_locked(reply: requests.Response, sentence: str) -> None:
    assert reply.status_code == 423
    told = reply.json()
    assert clock.now() < datetime.fromisoformat(told.pop("until")) <= clock.now() + timedelta(hours=2)
    assert told == {"error": sentence, "code": "locked_down", "reason": "We look into it."}
