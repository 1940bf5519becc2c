"""The API as programs meet it: who is answered, what refusals look like, what is written down."""

from __future__ import annotations

import hmac
import io
import itertools
import json
import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat import audit, clock, settings
from homechat.accounts import api_requests, api_tokens
from homechat.accounts.models import Standing, User
from homechat.accounts.token_models import ApiReads, ApiToken
from homechat.actor import Actor, Role
from homechat.api.endpoints import ENDPOINTS, Who
from homechat.database import sqlite_driver, transaction
from homechat.household.house_settings import change_settings
from homechat.household.invitations import invite
from homechat.household.people import change_role
from homechat.security.policy import SCOPES, RoomKind, Scope
from tests.api_addresses import CALL, address_of, picture
from tests.api_client import Program, new_token
from tests.attempts import everything_in
from tests.backups import after_jobs
from tests.conftest import close
from tests.house import PASSWORD, House, code_now, copy_house
from tests.server_process import ServerProcess

pytestmark = pytest.mark.api

ACCEPTS = {"html": "text/html", "json": "application/json", "all": "*/*"}
NUMBERS = itertools.count()
SENT: dict[str, Any] = {
    "api.sign_up": {"password": PASSWORD, "password_confirmation": PASSWORD},
    "api.sign_in": {"username": "ben", "password": PASSWORD},
    "api.set_settings": {"house_name": "Our house"},
    "api.start_lockdown": {"kind": "users", "dry_run": True},
    "api.start_conversation": {"username": "gus"},
    "api.post_message": {"message": "hi"},
    "api.post_to_channel": {"message": "hi"},
    "api.write_direct": {"message": "hi"},
    "api.write_to_user": {"message": "hi"},
    "api.edit_message": {"message": "hello"},
    "api.change_bot": {"bot": {"description": "In the hall"}},
    "api.answer": {"action_id": "ack"},
    "api.webhook": CALL,
}


def entries(house: House, action: audit.Action) -> list[audit.AuditLog]:
    return house.act(audit.entries, action=action)


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Have somebody else keep the database for themselves meanwhile; by the same library, or it would not notice."""
    with closing(sqlite_driver.connect(house.data_dir / "homechat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def is_json_refusal(reply: Any, status: int, code: str) -> bool:
    assert reply.status_code == status, reply.text
    assert reply.is_json, reply.text
    assert set(reply.json) - {
        "fields",
        "scope",
        "success",
        "errors",
        "retry_after",
        "requires_2fa",
        "message",
        "reason",
        "until",
    } == {
        "error",
        "code",
    }
    assert reply.json["error"]
    assert "<" not in reply.text
    assert reply.json["code"] == code, reply.json
    return True


# who is answered: every endpoint × every token

GOOD = [*Scope, "every scope", "signed in"]
WORTHLESS = ["none", "made up", "expired", "revoked", "owner locked", "owner pending", "owner erased"]
TOKENS = [*(str(scope) for scope in Scope), "every scope", "signed in", *WORTHLESS]


@pytest.fixture(scope="module")
def full_house(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A house with a token of every kind in it."""
    house = House(copy_house(cast_folder, tmp_path_factory.mktemp("api") / "data"), api_limit="100000/minute")
    tokens = {str(scope): new_token(house, "ada", scope)[1] for scope in Scope}
    tokens["every scope"] = new_token(house, "ada", *Scope)[1]
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    tokens["none"], tokens["made up"] = "", f"hc_abcdefgh_{'A' * 43}"
    for name, values in (
        ("expired", {"expires_at": clock.now() - timedelta(seconds=1)}),
        ("revoked", {"revoked_at": clock.now()}),
    ):
        row, tokens[name] = new_token(house, "ada", *Scope)
        with house.rows() as session, transaction():
            session.execute(sa.update(ApiToken).where(ApiToken.id == row.id).values(**values))
    for owner, name, values in (
        ("ben", "owner locked", {"standing": Standing.LOCKED}),
        ("cleo", "owner pending", {"standing": Standing.PENDING}),
    ):
        _row, tokens[name] = new_token(house, owner, *SCOPES[house_role(house, owner)])
        with house.rows() as session, transaction():
            session.execute(sa.update(User).where(User.username == owner).values(**values))
    _row, tokens["owner erased"] = erased(house)
    yield house, tokens
    close(house)


def house_role(house: House, name: str) -> Role:
    return Role(house.person(name).role)


def erased(house: House) -> tuple[ApiToken, str]:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(role="member"))
    made = new_token(house, "olga", *SCOPES[house_role(house, "olga")])
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(erased_at=clock.now()))
    return made


@pytest.mark.parametrize(("name", "kind"), list(product(sorted(ENDPOINTS), TOKENS)))
def test_each_endpoint_answers_who_may_ask_and_nobody_else(
    full_house: tuple[House, dict[str, str]], name: str, kind: str
) -> None:
    house, tokens = full_house
    found = ENDPOINTS[name]
    program = Program(house, tokens.get(kind, ""))
    if kind == "signed in":
        program.sign_in("ada")
    if name == "api.sign_out" and kind in tokens and kind not in WORTHLESS:
        program.token = new_token(house, "ada", kind if kind in list(Scope) else Scope.SEARCH)[1]
    if name == "api.sign_in":
        SENT[name]["username"] = "ada"

    house.app.extensions["homechat_budgets"].storage.reset()  # Nobody sends that much.
    person = "rex" if name in ("api.lock", "api.unlock") else "gus"
    path, headers = address_of(house, found.path, person=person, author="ada", owner="ada")
    path += "?q=home" if "search" in path else ""
    number = next(NUMBERS)
    SENT["api.create_channel"] = {"name": f"Another room {number}"}
    SENT["api.create_bot"] = {"bot": {"name": f"Lights {number}"}}
    SENT["api.sign_up"] = {**SENT["api.sign_up"], "username": f"new_{number}"}
    sent = picture() if found.takes_files and name not in SENT else {"json": SENT.get(name)}
    reply = program.ask(found.method, path, headers=headers, **sent)

    if found.needs is Who.ANYBODY:
        assert reply.status_code == (201 if name == "api.sign_up" else 200), reply.text
    elif kind in WORTHLESS:
        assert is_json_refusal(reply, 401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"] == "Bearer"
    elif found.needs is Who.ANY_TOKEN or kind in (found.needs, "every scope", "signed in"):
        assert reply.status_code in (200, 201, 202), reply.text
        after_jobs(house)
    else:
        assert is_json_refusal(reply, 403, "scope_needed")
        assert reply.json["scope"] == found.needs
        assert str(found.needs) in reply.json["error"]
    assert reply.is_json is not (found.gives_bytes and reply.status_code == 200)


def test_the_table_holds_every_address_of_the_api_and_what_is_not_in_it_is_closed(house: House) -> None:
    of_the_api = {
        rule.endpoint for rule in house.app.url_map.iter_rules() if str(rule).startswith("/api/v1/")
    }
    assert of_the_api == set(ENDPOINTS)
    house.app.add_url_rule("/api/v1/forgotten", endpoint="forgotten", view_func=lambda: "secret")

    for program in (Program(house), Program(house, new_token(house, "ada", *Scope)[1])):
        assert is_json_refusal(program.get("/forgotten"), 404, "not_found")
    assert house.client("ada").get("/api/v1/forgotten").status_code == 404


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_token_is_taken_from_either_header(house: House, header: str) -> None:
    _row, token = new_token(house, "ben")
    reply = Program(house, token, header=header).get("/me")
    assert reply.json["user"]["username"] == "ben"
    assert reply.json["token"] == {"scopes": ["messages:read"], "room_ids": None}
    lower = Program(house).get("/me", headers={"authorization": f"bearer {token}"})
    assert lower.status_code == 200


def test_a_token_in_the_address_or_the_body_is_not_seen(house: House) -> None:
    _row, token = new_token(house, "ada", *Scope)
    for reply in (
        Program(house).get(f"/me?token={token}&access_token={token}&api_key={token}"),
        Program(house).patch("/settings", {"token": token, "house_name": "Ours"}),
        Program(house).get("/me", headers={"Authorization": f"Basic {token}"}),
        Program(house).get("/me", headers={"Cookie": f"token={token}"}),
    ):
        assert is_json_refusal(reply, 401, "unauthenticated")


def test_cookies_open_nothing_here_and_a_token_opens_no_page(house: House) -> None:
    ada = house.client("ada")
    assert ada.get("/me").status_code == 200, "guard: the cookie is good"
    assert is_json_refusal(ada.get("/api/v1/me"), 401, "unauthenticated")
    changed = ada.client.patch("/api/v1/settings", json={"house_name": "Ours"}, base_url="https://localhost")
    assert is_json_refusal(changed, 401, "unauthenticated")

    _row, token = new_token(house, "ada", *Scope)
    headers = {"Authorization": f"Bearer {token}"}
    assert house.client().get("/me", headers=headers).location.startswith("/sign-in")
    assert Program(house, token).get("/me").headers.getlist("Set-Cookie") == []


# what refusals look like


@pytest.mark.parametrize("accept", ACCEPTS)
def test_refusals_are_json_whatever_the_program_says_it_takes(house: House, accept: str) -> None:
    _row, token = new_token(house, "ada", *Scope)
    program, headers = Program(house, token), {"Accept": ACCEPTS[accept]}

    def ask(method: str, path: str, **kwargs: Any) -> Any:
        return program.ask(method, path, headers={**headers, **kwargs.pop("headers", {})}, **kwargs)

    assert is_json_refusal(ask("GET", "/nothing"), 404, "not_found")
    assert is_json_refusal(ask("GET", "//me"), 404, "not_found")
    assert is_json_refusal(ask("GET", "/me/"), 404, "not_found")
    assert is_json_refusal(ask("POST", "/me"), 405, "method_not_allowed")
    assert ask("POST", "/me").headers["Allow"]
    text = {"data": "house_name=Ours", "headers": {"Content-Type": "text/plain"}}
    assert is_json_refusal(ask("PATCH", "/settings", **text), 415, "unsupported_media_type")
    assert is_json_refusal(ask("PATCH", "/settings", json={"house_name": 7}), 422, "invalid")
    assert is_json_refusal(
        ask("PATCH", "/settings", data=b"x" * 2_000_000, content_type="application/json"), 413, "too_large"
    )


BAD_JSON = {
    "nothing": b"",
    "half": b'{"house_name": ',
    "no text": b'{"house_name": "\xff"}',
    "not a number": b'{"audit_days": NaN}',
    "endless": b'{"audit_days": Infinity}',
    "deep": b"[" * 100_000,
    "long": b'{"audit_days": ' + b"9" * 10_000 + b"}",
}
WRONG_SHAPE = {
    "a list": b"[]",
    "a word": b'"house_name"',
    "null": b"null",
    "half a pair": b'{"username": "\\ud800", "password": "x"}',
    "nul": b'{"username": "a\\u0000", "password": "x"}',
    "list": b'{"username": ["ben"], "password": "x"}',
    "dict": b'{"username": "ben", "password": {}}',
    "missing": b'{"username": "ben"}',
}


@pytest.mark.parametrize("what", BAD_JSON)
def test_what_is_no_json_is_refused_in_a_sentence(house: House, what: str) -> None:
    reply = Program(house).ask("POST", "/signin", data=BAD_JSON[what], content_type="application/json")
    assert is_json_refusal(reply, 400, "malformed")


@pytest.mark.parametrize("what", WRONG_SHAPE)
def test_what_has_the_wrong_shape_is_refused_in_a_sentence(house: House, what: str) -> None:
    reply = Program(house).ask("POST", "/signin", data=WRONG_SHAPE[what], content_type="application/json")
    assert is_json_refusal(reply, 422, "invalid")
    assert reply.json["success"] is False


def test_a_storage_that_takes_nothing_is_503_and_nothing_is_done(house: House) -> None:
    _row, token = new_token(house, "ada", *Scope)
    program = Program(house, token)
    program.get("/me")
    with locked(house):
        reply = program.patch("/settings", {"house_name": "Ours"})

    assert is_json_refusal(reply, 503, "unavailable")
    assert reply.headers["Retry-After"] == "5"
    assert program.get("/settings").json["settings"]["house_name"] != "Ours"


# limits


def test_each_token_has_its_own_budget_and_is_told_of_it(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), api_limit="3/5 minutes")
    one, other = (Program(house, new_token(house, "ben")[1]) for _number in range(2))

    replies = [one.get("/me") for _number in range(4)]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert {reply.headers["X-RateLimit-Limit"] for reply in replies} == {"3"}
    wait = int(replies[3].headers["X-RateLimit-Reset"]) - clock.now().timestamp()
    assert 290 < wait <= 301
    assert 290 < int(replies[3].headers["Retry-After"]) <= 300
    assert replies[3].json["code"] == "rate_limited"
    assert other.get("/me").status_code == 200
    with clock.moved(timedelta(seconds=301)):
        assert one.get("/me").status_code == 200
    close(house)


def test_without_a_token_an_address_has_the_budget(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), api_limit="3/5 minutes")
    here = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}
    guesses = [Program(house, f"hc_abcdefgh_{'A' * 43}").get("/me", **here) for _number in range(3)]
    assert [reply.status_code for reply in guesses] == [401, 401, 401]
    for path in ("/health", "/me", "/nothing"):
        assert Program(house).get(path, **here).status_code == 429
    there = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.8"}}
    assert Program(house).get("/health", **there).status_code == 200
    assert Program(house, new_token(house, "ben")[1]).get("/me", **here).status_code == 200
    close(house)


def test_a_refusal_tells_of_the_budget_that_is_spent(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), messages_per_minute=2, webhook_limit="1/minute")
    program = Program(house, new_token(house, "ben", "messages:write")[1])
    replies = [program.post("/messages", {"message": "hi"}) for _number in range(3)]
    assert [reply.headers["X-RateLimit-Limit"] for reply in replies] == ["300", "300", "2"]
    assert replies[2].headers["X-RateLimit-Remaining"] == "0"
    path, headers = address_of(house, "/webhooks/<webhook_id>")
    hooked = [Program(house).post(path, CALL, headers=headers) for _number in range(2)]
    assert [reply.status_code for reply in hooked] == [200, 429]
    assert hooked[1].headers["X-RateLimit-Limit"] == "1"
    close(house)


def test_the_budget_is_three_hundred_in_five_minutes_unless_set(house: House) -> None:
    assert Program(house).get("/health").headers["X-RateLimit-Limit"] == "300"


# plain http


def test_over_plain_http_a_house_with_https_takes_no_token_and_says_so(
    cast_folder: Path, tmp_path: Path
) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), public_url="https://chat.example")
    row, token = new_token(house, "ada", *Scope)
    plain, safe = {"base_url": "http://chat.example"}, {"base_url": "https://chat.example"}

    refused = Program(house, token).get("/me", **plain)

    assert is_json_refusal(refused, 403, "forbidden")
    assert "https" in refused.json["error"]
    entry = entries(house, audit.Action.API_REQUEST)[0]
    assert (entry.subject, entry.detail["refused"]) == (f"token:{row.id}", "plain http")
    assert is_json_refusal(Program(house).post("/signin", SENT["api.sign_in"], **plain), 403, "forbidden")
    assert Program(house).get("/health", **plain).status_code == 200
    assert Program(house, token).get("/me", **safe).status_code == 200
    close(house)


# signing in and out


def test_signing_in_gives_a_token_with_the_persons_rights(house: House) -> None:
    program = Program(house)

    reply = program.sign_in("ben")

    assert reply.json["success"] is True
    assert reply.json["user"] == {"id": house.id_of("ben"), "username": "ben", "role": "member"}
    assert set(program.get("/me").json["token"]["scopes"]) == SCOPES[house_role(house, "ben")]
    assert is_json_refusal(program.get("/users"), 403, "scope_needed")
    assert entries(house, audit.Action.LOGIN)[0].door == "api"


def test_a_second_phone_signs_nobody_out_and_signing_out_ends_one(house: House) -> None:
    first, second = Program(house), Program(house)
    assert first.sign_in("ben").json["token"] != second.sign_in("ben").json["token"]
    assert first.get("/me").status_code == 200

    assert first.delete("/signout").json == {"success": True}

    assert is_json_refusal(first.get("/me"), 401, "unauthenticated")
    assert is_json_refusal(first.delete("/signout"), 401, "unauthenticated")
    assert second.get("/me").status_code == 200
    assert entries(house, audit.Action.LOGOUT)[0].subject.startswith("token:")


@pytest.mark.parametrize(
    ("name", "password"), [("ben", "wrong"), ("nobody", PASSWORD), ("rex", PASSWORD), ("cleo", PASSWORD)]
)
def test_every_wrong_sign_in_gets_the_same_sentence(house: House, name: str, password: str) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "cleo").values(standing=Standing.LOCKED))
    reply = Program(house).sign_in(name, password)

    assert is_json_refusal(reply, 401, "unauthenticated")
    assert reply.json["success"] is False
    assert reply.json["error"] == "Couldn't sign you in. Check the name and password."
    assert "token" not in reply.json


def test_a_second_step_is_asked_for_and_each_code_counts_once(house: House) -> None:
    secret, codes = house.turn_on_second_step("ben")
    first = Program(house).sign_in("ben")

    assert is_json_refusal(first, 401, "requires_2fa")
    assert (first.json["success"], first.json["requires_2fa"]) == (False, True)
    assert first.json["message"]
    with clock.moved(timedelta(minutes=2)):
        code = code_now(secret)
        assert Program(house).sign_in("ben", otp_code=code).json["success"] is True
        assert Program(house).sign_in("ben", otp_code=code).status_code == 401
    assert Program(house).sign_in("ben", otp_code=codes[0]).json["success"] is True
    wrong = Program(house).sign_in("ben", otp_code="000000")
    assert wrong.json["error"] == "Couldn't sign you in. Check the name and password."


def test_a_right_password_forgets_the_wrong_ones_before_it(house: House) -> None:
    for _round in range(2):
        for _try in range(4):
            assert Program(house).sign_in("ben", "wrong").status_code == 401
        assert Program(house).sign_in("ben").status_code == 200


def test_an_app_that_nobody_uses_for_ninety_days_is_signed_out(house: House) -> None:
    program = Program(house)
    program.sign_in("ben")
    with clock.moved(timedelta(days=89)):
        assert program.get("/me").status_code == 200
    with clock.moved(timedelta(days=178)):
        assert program.get("/me").status_code == 200
    with clock.moved(timedelta(days=269)):
        assert program.get("/me").status_code == 401


def test_of_fifty_apps_the_longest_unused_makes_room(house: House) -> None:
    with house.rows() as session, transaction():
        ben = session.scalars(sa.select(User).where(User.username == "ben")).one()
        for _number in range(api_tokens.APPS_MAX - 1):
            api_tokens.issue(
                Actor.operator(), kind=api_tokens.TokenKind.SIGN_IN, name="App", acts_as=ben, owner=ben
            )
    first, second = Program(house), Program(house)
    first.sign_in("ben")
    second.sign_in("ben")
    with house.rows() as session:
        ended = session.scalars(sa.select(ApiToken.id).where(ApiToken.revoked_at.is_not(None))).all()
        assert ended == [min(session.scalars(sa.select(ApiToken.id)))]
    assert first.get("/me").status_code == second.get("/me").status_code == 200


# joining


def join(house: House, username: str = "nora", **more: Any) -> Any:
    sent = {"username": username, "password": PASSWORD, "password_confirmation": PASSWORD, **more}
    return Program(house).post("/signup", sent)


def test_joining_obeys_the_same_setting_as_the_page(house: House) -> None:
    closed = join(house)
    assert is_json_refusal(closed, 403, "forbidden")
    assert closed.json["success"] is False
    assert closed.json["errors"] == [closed.json["error"]]
    unshaped = Program(house).post("/signup", {"username": 7, "password": PASSWORD})
    assert is_json_refusal(unshaped, 422, "invalid")
    assert sorted(unshaped.json["errors"]) == sorted(unshaped.json["fields"].values())
    assert len(unshaped.json["errors"]) == 2
    assert is_json_refusal(join(house, invite="made-up"), 403, "forbidden")

    _row, invitation = house.act(invite, house.actor("ada"), role=Role.GUEST)
    invited = join(house, invite=invitation)
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    opened = join(house, "otto")

    assert (invited.status_code, invited.json["user"]["role"]) == (201, "guest")
    assert (opened.status_code, opened.json["user"]["role"]) == (201, "member")
    assert Program(house, opened.json["token"]).get("/me").json["user"]["username"] == "otto"
    assert is_json_refusal(join(house, "paul", invite=invitation), 403, "forbidden")


def test_who_has_to_wait_gets_no_token_and_is_told_so(house: House) -> None:
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        house.act(settings.change, Actor.operator(), setting, True)

    waiting = join(house)

    assert (waiting.status_code, waiting.json["pending"]) == (202, True)
    assert "token" not in waiting.json
    assert is_json_refusal(Program(house).sign_in("nora"), 403, "pending")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password_confirmation": "another"}, "password_confirmation"),
        ({"username": "a b"}, "username"),
        ({"username": "ben"}, "username"),
        ({"password": "short", "password_confirmation": "short"}, "password"),
    ],
)
def test_what_does_not_do_for_joining_is_named(house: House, wrong: dict[str, str], field: str) -> None:
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    reply = join(house, **wrong)

    assert (reply.status_code, reply.json["success"]) == (422, False)
    assert list(reply.json["fields"]) == [field]
    assert reply.json["errors"] == list(reply.json["fields"].values())


# the house


def test_whoever_runs_the_house_locks_unlocks_and_helps_back_in(house: House) -> None:
    ada, ben = Program(house, new_token(house, "ada", "admin:write")[1]), Program(house)
    ben.sign_in("ben")
    path = f"/users/{house.id_of('ben')}"

    assert ada.post(f"{path}/lock").json == {"success": True}
    assert ben.get("/me").status_code == 401
    assert ada.post(f"{path}/unlock").json == {"success": True, "was_locked": True}
    link = ada.post(f"{path}/reset", {"clears_two_factor": True}).json["link"]
    assert house.client().get(link.removeprefix(house.settings.origin)).status_code == 200
    assert is_json_refusal(ada.post(f"/users/{house.id_of('ada')}/lock"), 403, "forbidden")
    assert is_json_refusal(ada.post("/users/999/lock"), 404, "not_found")
    assert is_json_refusal(ada.post(f"/users/{'9' * 30}/lock"), 404, "not_found")
    assert is_json_refusal(ada.post(f"{path}/reset", {"clears_two_factor": "yes"}), 422, "invalid")


def test_no_token_leads_to_the_account_of_somebody_who_runs_the_house(house: House) -> None:
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)
    by_hand, app = Program(house, new_token(house, "ada", *Scope)[1]), Program(house)
    app.sign_in("ada")
    path = f"/users/{house.id_of('cleo')}/reset"

    for program in (by_hand, app):
        refused = program.post(path, {"clears_two_factor": True})
        assert is_json_refusal(refused, 403, "forbidden")
        assert "link" not in refused.json
        assert "panel" in refused.json["error"]

    assert entries(house, audit.Action.RESET_LINK_CREATED) == []
    page = house.client("ada").post(f"/admin/people/{house.id_of('cleo')}/reset-link")
    assert page.status_code in (200, 302), "guard: in the panel it can be done"
    assert len(entries(house, audit.Action.RESET_LINK_CREATED)) == 1


def test_while_a_process_serves_it_says_so_and_whether_its_database_can_be_read(house: House) -> None:
    browser = house.client()
    up = browser.get("/up")
    assert (up.status_code, up.text) == (200, "OK")
    with house.rows() as session, transaction():
        session.connection().exec_driver_sql("ALTER TABLE users RENAME TO nobody")
    for path in ("/health", "/api/v1/health"):
        reply = browser.get(path)
        assert (reply.status_code, reply.json["status"]) == (503, "unavailable")
        assert set(reply.json) == {"status", "service", "version", "timestamp"}
    assert browser.get("/up").status_code == 200


def test_whoever_asks_for_the_head_gets_that_alone(house: House) -> None:
    program = Program(house, new_token(house, "ben", "channels:read")[1])
    whole, head = program.get("/channels"), program.ask("HEAD", "/channels")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("path", ["/signin", "/signup"])
def test_signing_in_and_up_have_their_limits_at_the_api_too(
    cast_folder: Path, tmp_path: Path, path: str
) -> None:
    limits = {"sign_in_limit": "5/20 seconds", "sign_up_limit": "5/minute"}
    house = House(copy_house(cast_folder, tmp_path / "data"), **limits)
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    program = Program(house)
    sent = {"username": "ben", "password": "wrong wrong", "password_confirmation": "wrong wrong"}
    statuses = [program.post(path, sent).status_code for _number in range(5)]
    refused = program.post(path, sent)
    assert 429 not in statuses
    assert is_json_refusal(refused, 429, "rate_limited")
    assert refused.json["success"] is False
    assert ("errors" in refused.json) is (path == "/signup")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    close(house)


def test_every_kind_of_refusal_tells_what_is_left_of_the_budget(house: House) -> None:
    program = Program(house, new_token(house, "ada", *Scope)[1])
    replies = {
        400: program.ask("POST", "/channels", data=b"{", content_type="application/json"),
        401: Program(house).get("/me"),
        403: Program(house, new_token(house, "ben")[1]).get("/channels"),
        404: program.get("/channels/999999"),
        405: program.post("/me"),
        409: program.post(f"/users/{house.id_of('rex')}/reset", {}),
        415: program.ask("POST", "/channels", data=b"x", content_type="text/plain"),
        422: program.post("/channels", {"name": "x"}),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
            assert reply.headers[name].isdigit(), (status, name)


def test_secrets_are_compared_in_constant_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    compare = hmac.compare_digest

    def watch(one: Any, other: Any) -> bool:
        compared.append(one)
        return compare(one, other)

    _row, token = new_token(house, "ben")
    path, _headers = address_of(house, "/webhooks/<webhook_id>")
    monkeypatch.setattr("hmac.compare_digest", watch)
    for text in (token, token[:-1] + "x", f"hc_abcdefgh_{'A' * 43}"):
        before = len(compared)
        Program(house, text).get("/me")
        assert len(compared) > before, text
    before = len(compared)
    signature = {"X-HomeChat-Signature": f"sha256={'0' * 64}"}
    assert Program(house).post(path, {"message": "x"}, headers=signature).status_code == 401
    assert len(compared) > before


def test_anybody_learns_that_the_house_is_up_and_nothing_of_who_lives_there(house: House) -> None:
    health = Program(house).get("/health")
    assert set(health.json) == {"status", "service", "version", "timestamp"}
    assert health.json["status"] == "ok"
    info = Program(house).get("/server_info")
    assert set(info.json) == {"name", "service", "version", "features", "sign_up_open", "tls"}
    assert (info.json["sign_up_open"], info.json["tls"]) == (False, False)
    assert not re.search("ada|ben|cleo", info.text, re.IGNORECASE)


def test_whoever_runs_the_house_reads_its_people_and_its_log(house: House) -> None:
    ada = Program(house, new_token(house, "ada", "admin:read")[1])

    people = ada.get("/users").json["users"]

    assert {person["username"] for person in people} == {"ada", "ben", "cleo", "gus", "rex", "olga"}
    assert "password" not in json.dumps(people)
    page = ada.get("/audit?limit=2").json
    assert len(page["entries"]) == 2
    assert page["has_more"] is True
    assert page["oldest_id"] == page["entries"][1]["id"]
    made = ada.get("/audit?action=person_created").json["entries"]
    assert {entry["action"] for entry in made} == {"person_created"}
    assert ada.get("/audit?action=nothing").json["entries"] == []
    hidden, shown = house.room("ben", name="Plans"), house.room("ben", name="Attic", kind=RoomKind.PUBLIC)
    assert ada.get(f"/audit?subject=room:{hidden}").json["entries"] == [], (
        "not even that there is such a room"
    )
    assert ada.get(f"/audit?subject=room:{shown}").json["entries"] != []
    for wrong in ("limit=0", "limit=x", "limit=-1", "user_id=9999999999999999999", "limit=1.5"):
        assert is_json_refusal(ada.get(f"/audit?{wrong}"), 422, "invalid")


def test_settings_are_changed_together_or_not_at_all(house: House) -> None:
    ada = Program(house, new_token(house, "ada", "admin:read", "admin:write")[1])

    changed = ada.patch("/settings", {"house_name": "Lane 4", "sign_up_open": True, "audit_days": 400})

    assert changed.json["settings"]["house_name"] == "Lane 4"
    assert ada.get("/settings").json["settings"]["audit_days"] == 400
    assert {entry.subject for entry in entries(house, audit.Action.SETTINGS_CHANGE)[:3]} == {
        "setting:house_name",
        "setting:sign_up_open",
        "setting:audit_days",
    }
    wrong = ada.patch("/settings", {"house_name": "Lane 5", "audit_days": 5, "colour": "red"})
    assert is_json_refusal(wrong, 422, "invalid")
    assert set(wrong.json["fields"]) == {"audit_days", "colour"}
    for value in (None, [], {}, 1.5):
        assert is_json_refusal(ada.patch("/settings", {"house_name": value}), 422, "invalid")
    assert is_json_refusal(ada.patch("/settings", {"setup_token_digest": "x"}), 422, "invalid")


def test_no_token_says_which_hosts_at_home_are_called(house: House) -> None:
    house.act(change_settings, house.actor("ada"), {"webhook_private_hosts": "homeassistant.local"})
    ada = Program(house, new_token(house, "ada", "admin:read", "admin:write")[1])
    for hosts in ("homeassistant.local 192.168.0.0/16", ""):
        reply = ada.patch("/settings", {"house_name": "Lane 4", "webhook_private_hosts": hosts})
        assert is_json_refusal(reply, 403, "forbidden")
        assert "An admin does so in a browser." in reply.json["error"]
    kept = ada.get("/settings").json["settings"]
    assert (kept["webhook_private_hosts"], kept["house_name"]) == ("homeassistant.local", "HomeChat")
    as_it_is = {"house_name": "Lane 4", "webhook_private_hosts": "homeassistant.local"}
    assert ada.patch("/settings", as_it_is).status_code == 200
    assert ada.get("/settings").json["settings"]["house_name"] == "Lane 4"


# what is written down


def test_each_write_by_a_token_is_an_entry(house: House) -> None:
    row, token = new_token(house, "ada", *Scope)
    program = Program(house, token)

    program.patch("/settings", {"house_name": "Ours"}, environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    program.patch("/settings", {"house_name": 5})
    program.patch("/settings", {"house_name": []})

    written = entries(house, audit.Action.API_REQUEST)
    assert [entry.detail for entry in written] == [{"method": "PATCH", "route": "/api/v1/settings"}] * 2
    assert (written[-1].subject, written[-1].address) == (f"token:{row.id}", "192.0.2.9")
    assert written[-1].actor_id == house.id_of("ada")


def test_reads_become_one_entry_for_each_hour_and_address(house: House) -> None:
    row, token = new_token(house, "ada", "admin:read")
    program = Program(house, token)
    with clock.moved(timedelta(minutes=60 - clock.now().minute)):
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            program.get("/users", environ_overrides={"REMOTE_ADDR": address})
        house.act(api_requests.flush)
        program.get("/me", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
        house.act(api_requests.flush)
        assert entries(house, audit.Action.API_REQUEST) == []
        hour = clock.as_iso(clock.now().replace(minute=0, second=0, microsecond=0))
    with clock.moved(timedelta(minutes=123)):
        house.act(api_requests.flush)
        house.act(api_requests.flush)

    written = entries(house, audit.Action.API_REQUEST)
    assert {(entry.address, entry.detail["reads"]) for entry in written} == {
        ("192.0.2.1", 3),
        ("192.0.2.2", 1),
    }
    assert len(written) == 2
    assert all(entry.detail["hour"] == hour and entry.subject == f"token:{row.id}" for entry in written)
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ApiReads)) == 0


def test_counted_reads_survive_a_storage_that_takes_nothing(house: House) -> None:
    _row, token = new_token(house, "ben")
    Program(house, token).get("/me")
    with locked(house):
        house.act(api_requests.flush)
    with house.rows() as session:
        assert session.scalar(sa.select(ApiReads.id)) is None, "guard: nothing could be stored"
    house.act(api_requests.flush)
    with house.rows() as session:
        assert session.scalars(sa.select(ApiReads.count)).all() == [1]


def test_what_is_counted_in_memory_is_bounded() -> None:
    counts = api_requests.ReadCounts()
    for number in range(5_000):
        counts.add(
            api_requests.Reads(
                1, f"2001:db8::{number:x}", clock.now().replace(minute=0, second=0, microsecond=0)
            )
        )
    taken = counts.take()
    assert len(taken) == api_requests.KINDS_MAX + 1
    assert sum(taken.values()) == 5_000


# secrets


def test_no_secret_of_a_token_is_in_the_database_or_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    stream = io.StringIO()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().addHandler(handler := logging.StreamHandler(stream))
        spelled = [new_token(house, "ben", *SCOPES[house_role(house, "ben")])[1] for _number in range(50)]
        for token in spelled:
            Program(house, token).get(f"/me?token={token}")
            Program(house, token).patch("/settings", {"house_name": "Ours"})
        app = Program(house)
        app.sign_in("ben")
        spelled.append(app.token)
        logging.getLogger().removeHandler(handler)
    dump = json.dumps(everything_in(house))

    assert spelled[0].split("_")[1] in dump, "guard: the dump has the tokens' rows"
    for token in spelled:
        secret = token.split("_", 2)[2]
        assert secret not in dump
        assert secret not in caplog.text + stream.getvalue()


# over the wire


def test_a_real_server_answers_programs_keeps_secrets_and_stores_what_it_counted(
    server: ServerProcess,
) -> None:
    house = House(server.data_dir)
    row, token = new_token(house, "ada", "admin:read")
    headers = {"Authorization": f"Bearer {token}"}

    reply = requests.get(f"{server.url}/api/v1/users", headers=headers, timeout=10)
    assert reply.status_code == 200
    assert reply.headers["X-RateLimit-Remaining"] == "299"
    assert "Set-Cookie" not in reply.headers
    assert reply.headers["Cache-Control"] == "no-store"
    chunked = requests.post(f"{server.url}/api/v1/signin", data=iter([b"{}"]), timeout=10)
    assert chunked.status_code == 411
    assert "<" not in chunked.text
    requests.get(f"{server.url}/api/v1/me?key={token}", headers=headers, timeout=10)
    house.act(api_tokens.revoke, Actor.operator(), row.id)  # From another process.
    assert requests.get(f"{server.url}/api/v1/me", headers=headers, timeout=10).status_code == 401

    server.stop()

    with house.rows() as session:
        assert session.scalars(sa.select(ApiReads.count)).all() == [2]
    assert token.split("_", 2)[2] not in server.log()
    close(house)
