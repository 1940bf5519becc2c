"""`/api/v1/lockdown`: closing the house and opening it again by a script, as the panel and the shell do."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat import clock
from homechat.accounts.models import User
from homechat.actor import Actor, Door
from homechat.audit import Action
from homechat.database import transaction
from homechat.lockdown import Kind
from homechat.operations.lockdown import lift, start, status
from homechat.security.policy import Scope
from tests.api_client import Program, new_token
from tests.attempts import everything_in
from tests.conftest import close
from tests.devices import devices
from tests.house import House
from tests.server_process import ServerProcess
from tests.talkers import Script
from tests.test_api import entries, is_json_refusal
from tests.test_cli import flask, said
from tests.test_lockdown import signs_in

pytestmark = pytest.mark.api

OPERATOR = Actor.operator()
ITSELF_TOO = (Kind.TOKENS, Kind.ALL)
"""What closes the door behind the script that asks for it."""
ASKED = {"audit_logs", "audit_chain"}
"""What a script changes that only asks: that it did is written down."""
ASKING: dict[str, Callable[[Program], Any]] = {
    "GET": lambda it: it.get("/lockdown"),
    "POST": lambda it: it.post("/lockdown", {"kind": "users"}),
    "DELETE": lambda it: it.delete("/lockdown"),
}


@pytest.fixture
def ada(house: House) -> Program:
    """A script of an admin's that may do what the API has for those who run the house."""
    return Program(house, new_token(house, "ada", Scope.ADMIN_READ, Scope.ADMIN_WRITE)[1])


# what is closed


def test_a_script_reads_what_is_closed_why_since_when_by_whom_and_until_when(
    house: House, ada: Program
) -> None:
    assert ada.get("/lockdown").json["in_force"] == []
    house.act(start, house.actor("ada", Door.API), Kind.USERS, hours=3, reason="A stolen phone")
    house.act(start, OPERATOR, Kind.ADMIN_ONLY, hours=5)

    told = ada.get("/lockdown").json

    users, admin_only = told["in_force"]
    assert (users["kind"], users["reason"], users["started_by"]) == (
        "users",
        "A stolen phone",
        house.id_of("ada"),
    )
    assert (admin_only["kind"], admin_only["reason"], admin_only["started_by"]) == ("admin_only", "", None)
    first = house.act(status).in_force[0]
    assert (users["started_at"], users["until"]) == (
        clock.as_iso(first.started_at),
        clock.as_iso(first.expires_at),
    )
    assert (told["people"], told["admins"]) == (4, 1)
    assert told == json.loads(said(flask(house, "lockdown", "status", "--json"))), "as the shell has it"


# closing


@pytest.mark.parametrize("kind", Kind)
def test_a_script_closes_the_house_as_the_shell_does(house: House, ada: Program, kind: Kind) -> None:
    house.client("ben")
    asked = {"kind": kind.value, "hours": 6, "reason": "Stolen"}

    tried = ada.post("/lockdown", {**asked, "dry_run": True})
    assert house.act(status).in_force == []
    command = ("lockdown", kind.value.replace("_", "-"), "--hours", "6", "--reason", "Stolen", "--json")
    of_the_shell = json.loads(said(flask(house, *command, "--dry-run")))
    done = ada.post("/lockdown", asked)

    (row,) = house.act(status).in_force
    assert (row.kind, row.reason, row.started_by_id) == (kind, "Stolen", house.id_of("ada"))
    assert row.expires_at - row.started_at == timedelta(hours=6)
    assert (tried.status_code, done.status_code) == (200, 200)
    assert done.json["until"] == clock.as_iso(row.expires_at)
    assert (tried.json["dry_run"], done.json["dry_run"]) == (True, False)
    for told in (tried.json, done.json):
        assert (told["success"], told["is_new"]) == (True, True)
        assert {**of_the_shell, **apart(told)} == {**of_the_shell, "success": True}
    assert done.json["signed_out"] == (1 if kind is Kind.ALL else 0)
    (entry,) = entries(house, Action.LOCKDOWN)
    assert (entry.actor_id, entry.door, entry.subject) == (house.id_of("ada"), "api", f"lockdown:{row.id}")
    assert entry.detail["hours"] == 6


def apart(told: dict[str, Any]) -> dict[str, Any]:
    """Return a reply without what differs from one moment to the next."""
    return {key: value for key, value in told.items() if key not in ("until", "dry_run")}


@pytest.mark.parametrize("kind", [*Kind, "sessions"])
def test_a_dry_run_changes_nothing(house: House, ada: Program, kind: str) -> None:
    browser = house.client("ben")
    assert browser.get("/").status_code == 200
    ada.get("/lockdown")
    before = everything_in(house)

    assert ada.post("/lockdown", {"kind": kind, "dry_run": True}).json["dry_run"] is True

    after = everything_in(house)
    assert {name for name in after if after[name] != before[name]} == ASKED
    assert browser.get("/").status_code == 200
    assert entries(house, Action.LOCKDOWN) == []


def test_it_lasts_a_day_unless_told(house: House, ada: Program) -> None:
    ada.post("/lockdown", {"kind": "users"})
    (row,) = house.act(status).in_force
    assert row.expires_at - row.started_at == timedelta(hours=24)


def test_asking_twice_keeps_one_and_never_shortens_it(house: House, ada: Program) -> None:
    first = ada.post("/lockdown", {"kind": "users", "hours": 10, "reason": "First"}).json
    shorter = ada.post("/lockdown", {"kind": "users", "hours": 1}).json

    assert (first["is_new"], shorter["is_new"]) == (True, False)
    assert (shorter["until"], shorter["reason"]) == (first["until"], "First")
    assert len(ada.get("/lockdown").json["in_force"]) == 1


def test_a_script_signs_everybody_out_and_closes_nothing(house: House, ada: Program) -> None:
    browsers = [house.client(name) for name in ("ada", "ben", "ben")]
    tried = ada.post("/lockdown", {"kind": "sessions", "dry_run": True}).json

    done = ada.post("/lockdown", {"kind": "sessions", "reason": "A stolen backup"}).json

    assert (tried["signed_out"], tried["dry_run"]) == (3, True)
    assert done == {
        "success": True,
        "kind": "sessions",
        "dry_run": False,
        "signed_out": 3,
        "people": 2,
        "windows": 0,
    }
    assert {browser.get("/me").status_code for browser in browsers} == {302}
    assert ada.get("/lockdown").json["in_force"] == []
    (entry,) = entries(house, Action.LOCKDOWN)
    assert (entry.door, entry.detail["reason"]) == ("api", "A stolen backup")


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (None, {"kind"}),
        ({}, {"kind"}),
        ({"kind": ""}, {"kind"}),
        ({"kind": "admin-only"}, {"kind"}),
        ({"kind": "users "}, {"kind"}),
        ({"kind": ["users"]}, {"kind"}),
        ({"kind": None}, {"kind"}),
        ({"kind": "users", "hours": 0}, {"hours"}),
        ({"kind": "users", "hours": 721}, {"hours"}),
        ({"kind": "users", "hours": -1}, {"hours"}),
        ({"kind": "users", "hours": 2**63 - 1}, {"hours"}),
        ({"kind": "users", "hours": 2**63}, {"hours"}),
        ({"kind": "users", "hours": "6"}, {"hours"}),
        ({"kind": "users", "hours": 1.5}, {"hours"}),
        ({"kind": "users", "hours": True}, {"hours"}),
        ({"kind": "users", "hours": None}, {"hours"}),
        ({"kind": "users", "reason": "x" * 201}, {"reason"}),
        ({"kind": "users", "reason": 7}, {"reason"}),
        ({"kind": "users", "reason": "\x00"}, {"reason"}),
        ({"kind": "users", "dry_run": "yes"}, {"dry_run"}),
        ({"kind": "users", "dry_run": 1}, {"dry_run"}),
        ({"kind": "users", "dryrun": True}, {"dryrun"}),
        ({"kind": "sessions", "dry-run": True}, {"dry-run"}),
        ({"kind": "sessions", "reason": "x" * 201}, {"reason"}),
        ({"kind": "nothing", "hours": 0.5, "dry_run": "no"}, {"kind", "hours", "dry_run"}),
    ],
)
def test_what_makes_no_sense_is_named_and_closes_nothing(
    house: House, ada: Program, wrong: dict[str, Any] | None, fields: set[str]
) -> None:
    browser = house.client("ben")

    reply = ada.post("/lockdown", wrong)

    assert is_json_refusal(reply, 422, "invalid")
    assert set(reply.json["fields"]) == fields
    assert house.act(status).in_force == []
    assert browser.get("/").status_code == 200
    assert entries(house, Action.LOCKDOWN) == []


# lifting


def test_a_script_opens_the_house_again_and_asking_twice_is_no_mistake(house: House, ada: Program) -> None:
    house.act(start, OPERATOR, Kind.USERS, reason="Stolen")
    ada.post("/lockdown", {"kind": "admin_only"})
    ben = house.client("ben")
    assert ben.get("/").status_code == 423, "guard: it is closed"

    lifted, again = ada.delete("/lockdown"), ada.delete("/lockdown")

    assert (lifted.status_code, again.status_code) == (200, 200)
    assert [(each["kind"], each["reason"]) for each in lifted.json["lifted"]] == [
        ("users", "Stolen"),
        ("admin_only", ""),
    ]
    assert again.json == {"success": True, "lifted": []}
    assert ben.get("/").status_code == 200
    assert ada.get("/lockdown").json["in_force"] == []
    assert [(entry.door, entry.actor_id) for entry in entries(house, Action.LOCKDOWN_LIFTED)] == [
        ("api", house.id_of("ada"))
    ] * 2


# who may


@pytest.mark.parametrize("kind", Kind)
def test_no_script_lifts_what_stops_its_own_token_and_admins_come_in_all_the_same(
    house: House, ada: Program, kind: Kind
) -> None:
    assert (
        ada.post("/lockdown", {"kind": kind, "hours": 720, "reason": "We look into it."}).status_code == 200
    )
    before = everything_in(house)

    for ask in ASKING.values():
        reply = ask(ada)
        if kind in ITSELF_TOO:
            assert is_json_refusal(reply, 423, "locked_down")
            assert reply.json["error"] == "API tokens do not work for a while."
            assert reply.json["reason"] == "We look into it."
            assert reply.json["until"]
        else:
            assert reply.status_code == 200, reply.text

    if kind in ITSELF_TOO:
        assert everything_in(house) == before
        assert [each.kind for each in house.act(status).in_force] == [kind]
    browser = house.client()
    assert signs_in(browser, "ada").status_code == 302, "by the page admins are never kept out"
    assert browser.post("/admin/lockdown/lift", form_on="/admin/lockdown").status_code == 302
    assert ada.get("/lockdown").json["in_force"] == [], "and the token is as it was"


@pytest.mark.parametrize("method", ASKING)
@pytest.mark.parametrize(
    "who", ["a member", "a guest's app", "a bot", "demoted", "the other scope", "nobody"]
)
def test_nobody_else_reads_closes_or_opens(house: House, method: str, who: str) -> None:
    house.act(start, house.actor("ada", Door.API), Kind.TOKENS)
    house.act(lift, OPERATOR)
    program = somebody(house, who, method)
    program.get("/me")
    before = everything_in(house)

    reply = ASKING[method](program)

    if who == "nobody":
        assert is_json_refusal(reply, 401, "unauthenticated")
    else:
        assert is_json_refusal(reply, 403, "scope_needed")
        assert reply.json["scope"] == ("admin:read" if method == "GET" else "admin:write")
    assert everything_in(house) == before


def somebody(house: House, who: str, method: str) -> Program:
    """Return a program of somebody's who may not."""
    program = Program(house)
    match who:
        case "a member":
            program.sign_in("ben")
        case "a guest's app":
            program.sign_in("gus")
        case "a bot":
            program.token = new_token(house, "ada", Scope.MESSAGES_READ, as_bot=True)[1]
        case "demoted":
            program.token = new_token(house, "ada", Scope.ADMIN_READ, Scope.ADMIN_WRITE)[1]
            with house.rows() as session, transaction():
                session.execute(sa.update(User).where(User.username == "ada").values(role="member"))
        case "the other scope":
            other = Scope.ADMIN_WRITE if method == "GET" else Scope.ADMIN_READ
            program.token = new_token(house, "ada", other)[1]
    return program


# over the wire


@pytest.mark.sockets
def test_a_script_cuts_live_connections_and_its_own_if_it_asks_for_that(server: ServerProcess) -> None:
    with ExitStack() as stack:
        house = House(server.data_dir)
        stack.callback(close, house)
        device = stack.enter_context(devices(server.url, house))
        ada, ben = device("ada").connect(), device("ben").connect()
        scopes = (Scope.ADMIN_READ, Scope.ADMIN_WRITE, Scope.MESSAGES_READ)
        script = Script(server.url, new_token(house, "ada", *scopes)[1])
        stack.enter_context(closing(script.connect()))

        def ask(method: str, **asked: str) -> requests.Response:
            address = f"{server.url}/api/v1/lockdown"
            return requests.request(method, address, headers=script.proof(), json=asked or None, timeout=10)

        closed = ask("POST", kind="users", reason="A stolen phone.")
        assert (closed.status_code, closed.json()["windows"]) == (200, 1)
        ended = ben.hear("session:ended", within=5)
        assert (ended["reason"], ended["sentence"][-15:]) == ("locked_down", "A stolen phone.")
        assert ben.ended.wait(5)
        assert ask("DELETE").json()["lifted"][0]["kind"] == "users"
        ben.forget()
        ben.connect()
        assert script.heard("session:ended") == ada.heard("session:ended") == []

        assert ask("POST", kind="tokens").json()["tokens"] == 1
        assert script.hear("session:ended", within=5)["reason"] == "locked_down"
        assert script.ended.wait(5)
        assert ask("DELETE").status_code == 423
        assert ben.heard("session:ended") == ada.heard("session:ended") == []
        house.act(lift, OPERATOR)
        assert ask("GET").json()["in_force"] == []
