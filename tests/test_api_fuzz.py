"""Whatever programs send: the API answers with a clear refusal or with what it promised, and never breaks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import schemathesis.specs.openapi.checks
import sqlalchemy as sa
from schemathesis import GenerationMode

from homechat import clock
from homechat.accounts.models import Standing, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Role
from homechat.api.endpoints import ENDPOINTS, READING, Endpoint, Who
from homechat.api.openapi import PLACE, REFUSALS, address_of
from homechat.database import transaction
from homechat.lockdown import Lockdown
from homechat.security.policy import SCOPES, Scope
from tests.api_client import Program, new_token
from tests.conftest import close
from tests.house import House, copy_house

pytestmark = pytest.mark.api

HUGE = 10**400
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n\t ",
    "half": b'{"kind": ',
    "a list": b"[]",
    "a word": b'"kind"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "deep lists": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep inside": b'{"kind": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "no UTF-8": b'{"kind": "\xff\xfe"}',
    "UTF-16": '{"kind": "users"}'.encode("utf-16"),
    "a BOM": b'\xef\xbb\xbf{"kind": "users", "dry_run": true}',
    "NaN": b'{"hours": NaN}',
    "infinity": b'{"hours": -Infinity}',
    "huge number": json.dumps({"hours": HUGE}).encode(),
    "longer than integers may be": b'{"hours": ' + b"9" * 5_000 + b"}",
    "tiny fraction": b'{"hours": 1e-400}',
    "huge exponent": b'{"hours": 1e400}',
    "same key twice": b'{"kind": "nothing", "kind": ["users"]}',
    "half a pair": b'{"kind": "\\ud800", "username": "\\udc00", "password": "x"}',
    "NUL": b'{"kind": "a\\u0000b", "username": "a\\u0000b", "password": "\\u0000"}',
    "odd keys": b'{"": 1, "\\u0000": 2, "__proto__": {}, "constructor": 3}',
    "HTML": b"<script>alert(1)</script>",
    "a form": b"kind=users&dry_run=on",
}
TYPES = [
    "",
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x",
    "application/xml",
    "nonsense",
    "application/json" * 50,
]
FORMS: dict[str, tuple[str, bytes]] = {
    "never ends": ("x", b'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\nhello'),
    "no name": ("x", b"--x\r\n\r\nhello\r\n--x--\r\n"),
    "no headers": ("x", b"--x\r\nhello\r\n--x--\r\n"),
    "another boundary": ("y", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
    "no UTF-8": ("x", b'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\n\xff\xfe\r\n--x--\r\n'),
    "long header": ("x", b"--x\r\nContent-Disposition: " + b"a" * 100_000 + b"\r\n\r\nb\r\n--x--\r\n"),
    "many parts": (
        "x",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' for _ in range(3_000))
        + b"--x--\r\n",
    ),
    "long boundary": ("x" * 5_000, b"--" + b"x" * 5_000 + b"\r\n\r\n"),
    "file without a type": (
        "x",
        b'--x\r\nContent-Disposition: form-data; name="files[]"; filename="\x00../../etc"\r\n\r\n\r\n--x--\r\n',
    ),
}
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    HUGE,
    "",
    "x",
    "7",
    "\u202e",
    [],
    [1],
    {},
    {"a": {}},
    "x" * 20_000,
]


@pytest.fixture(scope="module")
def open_house(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with budgets that nobody spends; each request may change it, and none may break it."""
    folder = copy_house(cast_folder, tmp_path_factory.mktemp("fuzz") / "data")
    house = House(folder, api_limit="1000000/minute", sign_up_limit="1000000/minute")
    yield house
    close(house)


TOKENS: dict[House, str] = {}


def writing() -> list[Endpoint]:
    return [it for it in ENDPOINTS.values() if it.method not in READING]


def program_for(house: House, it: Endpoint) -> Program:
    """Return a program that may ask for `it`; where that ends its token, with a new one."""
    if it.needs is Who.ANYBODY:
        return Program(house)
    if it.handler.__name__ == "sign_out":
        TOKENS.pop(house, None)
        return Program(house, fresh_token(house, "ada", *Scope))
    if house not in TOKENS:
        TOKENS[house] = fresh_token(house, "ada", *Scope)
    return Program(house, TOKENS[house])


def fresh_token(house: House, name: str, *scopes: str) -> str:
    """Return a new token of somebody's, in place of the ones before: nobody has more than a hundred."""
    with house.rows() as session, transaction():
        owned = ApiToken.created_by_id == house.id_of(name)
        session.execute(sa.update(ApiToken).where(owned).values(revoked_at=clock.now()))
    return new_token(house, name, *scopes)[1]


def path_of(house: House, it: Endpoint, place: str = "") -> str:
    """Return an address of the endpoint, each place in it filled with `place`, or with what names somebody."""
    head, *rest = it.path.split("<")
    return head + "".join((place or str(house.id_of("olga"))) + part.partition(">")[2] for part in rest)


def is_refusal_or_promised(it: Endpoint, reply: Any) -> None:
    assert reply.status_code < 500, (it.path, reply.status_code, reply.text)
    if reply.status_code in it.gives:
        assert reply.is_json
        return
    assert reply.is_json, reply.text
    assert reply.json["code"] in REFUSALS[reply.status_code][1], reply.json
    assert reply.json["error"]
    assert "Traceback" not in reply.text
    assert "<" not in reply.json["error"]


@pytest.mark.parametrize("it", writing(), ids=lambda it: f"{it.method} {it.path}")
def test_no_body_breaks_an_endpoint(open_house: House, it: Endpoint) -> None:
    for body in BODIES.values():
        program = program_for(open_house, it)
        reply = program.ask(it.method, path_of(open_house, it), data=body, content_type="application/json")
        is_refusal_or_promised(it, reply)


@pytest.mark.parametrize("it", writing(), ids=lambda it: f"{it.method} {it.path}")
def test_no_content_type_breaks_an_endpoint(open_house: House, it: Endpoint) -> None:
    for content_type in TYPES:
        program = program_for(open_house, it)
        reply = program.ask(it.method, path_of(open_house, it), data=b'{"a": 1}', content_type=content_type)
        is_refusal_or_promised(it, reply)
        if it.takes is not None and content_type in ("text/plain", "application/xml", "nonsense"):
            assert reply.status_code == 415


@pytest.mark.parametrize("it", writing(), ids=lambda it: f"{it.method} {it.path}")
def test_no_form_breaks_an_endpoint(open_house: House, it: Endpoint) -> None:
    for boundary, body in FORMS.values():
        program = program_for(open_house, it)
        kind = f"multipart/form-data; boundary={boundary}"
        is_refusal_or_promised(
            it, program.ask(it.method, path_of(open_house, it), data=body, content_type=kind)
        )


@pytest.mark.parametrize("name", [name for name, it in ENDPOINTS.items() if it.takes is not None])
def test_no_value_of_a_field_breaks_an_endpoint(open_house: House, name: str) -> None:
    it = ENDPOINTS[name]
    assert it.takes is not None
    for field in it.takes.fields:
        for value in VALUES:
            sent = {**(it.example or {}), "dry_run": True, field: value}
            program = program_for(open_house, it)
            if it.method in READING:
                reply = program.ask(it.method, path_of(open_house, it), query_string={field: str(value)})
            else:
                reply = program.ask(it.method, path_of(open_house, it), json=sent)
            is_refusal_or_promised(it, reply)


PLACES = [
    "0",
    "-1",
    "x",
    "1.5",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    "%00",
    "%ff",
    "%2e%2e",
    "..",
    "%2f",
    "'",
    "٣",
    "1 OR 1=1",
]


@pytest.mark.parametrize(
    "it", [it for it in ENDPOINTS.values() if "<" in it.path], ids=lambda it: f"{it.method} {it.path}"
)
def test_no_place_in_an_address_breaks_an_endpoint(open_house: House, it: Endpoint) -> None:
    for place in PLACES:
        program = program_for(open_house, it)
        reply = program.ask(it.method, path_of(open_house, it, place), json={})
        assert reply.status_code < 500, place
        assert reply.is_json, place
        assert reply.status_code >= 400, place


HEADERS: list[dict[str, str]] = [
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer " + "x" * 8_000},
    {"Authorization": "Basic YWRhOmFkYQ=="},
    {"Authorization": "Bearer hc_\u00ff"},
    {"X-API-Key": "' OR 1=1 --"},
    {"Accept": "nonsense/\u00ff;q=x"},
    {"Accept-Language": "x" * 3_000},
    {"Idempotency-Key": "\u00ff" * 300},
    {"If-None-Match": '"' * 2_000},
    {"Origin": "null"},
    {"X-Forwarded-For": "x" * 3_000},
    {"Cookie": "homechat=\u00ff; a"},
    {"Range": "bytes=0-0,-1"},
    {"User-Agent": "\u00ff" * 1_000},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: next(iter(headers)))
def test_no_header_breaks_an_endpoint(open_house: House, headers: dict[str, str]) -> None:
    for it in ENDPOINTS.values():
        if it.handler.__name__ in ("sign_out", "start_lockdown"):  # They would end what asks.
            continue
        is_naming_itself = {"Authorization", "X-API-Key"} & set(headers)
        program = Program(open_house) if is_naming_itself else program_for(open_house, it)
        path = path_of(open_house, it)
        is_refusal_or_promised(it, program.ask(it.method, path, json={}, headers=headers))


# The whole document, by schemathesis

HOW = hypothesis.settings(
    max_examples=int(os.environ.get("HOMECHAT_TEST_FUZZ_EXAMPLES", "4")),
    derandomize=True,  # The same examples each time; more of them where somebody has the time.
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.specs.openapi.checks.status_code_conformance,
    schemathesis.specs.openapi.checks.content_type_conformance,
    schemathesis.specs.openapi.checks.response_headers_conformance,
    schemathesis.specs.openapi.checks.response_schema_conformance,
]
"""Not here: whether all that has the right shape is taken, and all else refused. Meaning is the actions' business
(a username is taken, a password too common), and fields that are not known are ignored on purpose."""


@pytest.fixture(scope="module")
def described(open_house: House) -> Any:
    """The document, tied to the house that it is of."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", open_house.app)


def mend(house: House) -> None:
    """Undo what an endpoint that was told odd things has done to the house: nobody else shall stand before a wall."""
    with house.rows() as session, transaction():
        session.execute(sa.update(User).values(standing=Standing.ACTIVE))
        session.execute(sa.delete(Lockdown))


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_each_endpoint_keeps_to_its_description_whatever_is_sent(
    open_house: House, described: Any, name: str
) -> None:
    it = ENDPOINTS[name]
    operation = described[address_of(it)][it.method]
    known = {place: 2 if "user" in place else 1 for kind, place in PLACE.findall(it.path) if kind == "int"}
    fitting = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known)
    odd = operation.as_strategy(GenerationMode.NEGATIVE) if it.takes or "<" in it.path else fitting

    @HOW
    @hypothesis.given(case=fitting | odd)
    def ask(case: Any) -> None:
        # As a stranger, a member and an admin.
        for token in tokens if it.method in READING else new_tokens():
            reply = case.call(headers={"Authorization": f"Bearer {token}"} if token else {})
            case.validate_response(reply, checks=CHECKS)
            if it.needs is not Who.ANYBODY and not token:
                assert reply.status_code in (401, 404, 405), "nothing comes before the question who it is"
        if it.method not in READING:
            mend(open_house)

    def new_tokens() -> list[str]:
        TOKENS.pop(open_house, None)
        member = fresh_token(open_house, "ben", *SCOPES[Role.MEMBER])
        return ["", member, fresh_token(open_house, "ada", *Scope)]

    tokens = new_tokens()
    ask()
