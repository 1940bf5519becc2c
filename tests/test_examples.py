"""Every example of docs/api-examples.md, as it is printed, at a real server: what it does, and what it answers."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from homechat.bots.models import Bot
from homechat.household.house_settings import change_settings
from homechat.messages.models import Message
from homechat.rooms.models import Room
from homechat.security.policy import SCOPES
from tests import secrets_used
from tests.api_client import new_token
from tests.conftest import close
from tests.corpus import encoded
from tests.examples import (
    PRINTED_ADDRESS,
    PRINTED_TOKEN,
    Block,
    Interpreter,
    blocks_of,
    differences,
    python,
    shell,
)
from tests.house import PASSWORD, House, copy_house, next_code
from tests.receivers import LISTED
from tests.server_process import ROOT, ServerProcess, free_port, run_flask

pytestmark = pytest.mark.api

DOCUMENT = "api-examples.md"
PRINTED_PORT = "9096"
TOOLS = ("bash", "curl", "jq", "openssl")
WAIT_SECONDS = 30


@dataclass
class Reader:
    """Somebody who goes through the document from its top. written: by the block that was run last."""

    house: House
    server: ServerProcess
    folder: Path
    token: str
    room: int
    port: int
    interpreters: dict[str, Interpreter]
    written: str = ""
    answers: list[Any] = field(default_factory=list)

    def run(self, block: Block) -> None:
        text = block.text.replace(PRINTED_ADDRESS, self.server.url).replace(PRINTED_TOKEN, self.token)
        self.written = self.interpreters[block.language].run(text.replace(PRINTED_PORT, str(self.port)))
        if block.language == "sh":
            self.answers = _json_in(self.written)

    def said(self, room_id: int | None = None) -> list[Message]:
        """Return what stands in a room, the newest last; in the Garden unless told."""
        with self.house.rows() as session:
            query = session.query(Message).filter_by(room_id=room_id or self.room, deleted_at=None)
            found: list[Message] = query.order_by(Message.seq).all()
            for message in found:
                assert message.author is not None  # Read while the database is open.
            return found

    def newest(self, room_id: int | None = None) -> str:
        return self.said(room_id)[-1].body

    def count(self, body: str) -> int:
        return [message.body for message in self.said()].count(body)


def _json_in(text: str) -> list[Any]:
    decoder, found, place = json.JSONDecoder(), [], 0
    while (place := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError:
            place += 1
        else:
            found.append(value)
    return found


@pytest.fixture
def reader(cast_folder: Path, tmp_path: Path) -> Iterator[Reader]:
    """Ben, with a terminal, a token and a house in which things were said."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed, with which the examples are run")
    with ServerProcess(copy_house(cast_folder, tmp_path / "served" / "data")) as server:
        house, folder = House(server.data_dir), tmp_path / "reader"
        folder.mkdir()
        (folder / "door.png").write_bytes(encoded("PNG"))
        room = house.room("ben", "cleo", name="Garden")
        for number in range(120):
            house.say("cleo", room, f"Said number {number}")
        house.act(change_settings, house.actor("ada"), {"webhook_private_hosts": LISTED})
        secret, _codes = house.turn_on_second_step("cleo")
        port = free_port()
        env = {
            **server.env,
            "FLASK_APP": str(ROOT / "wsgi.py"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PASSWORD": PASSWORD,
            "CODE": next_code(secret),
            "CALLBACK": f"http://127.0.0.1:{port}/",
        }
        scopes = sorted(scope for scope in SCOPES[house.actor("ben").role] if scope != "channels:write")
        token = new_token(house, "ben", *scopes)[1]
        named = {"HOMECHAT": server.url, "TOKEN": token}
        interpreters = {
            "sh": shell(cwd=folder, env=env),
            "python": python(cwd=folder, env={**env, **named}),
        }
        yield Reader(house, server, folder, token, room, port, interpreters)
        for each in interpreters.values():
            each.close()
        close(house)


def a_token_was_made(reader: Reader) -> None:
    made = next(word for word in reader.written.split() if word.startswith("hc_"))
    secrets_used.remember(made)
    reply = requests.get(
        f"{reader.server.url}/api/v1/me", headers={"Authorization": f"Bearer {made}"}, timeout=30
    )
    mine = requests.get(
        f"{reader.server.url}/api/v1/me", headers={"Authorization": f"Bearer {reader.token}"}, timeout=30
    )
    assert reply.json() == mine.json()  # Guard: the examples are run with what the document asks for.


def nothing_more(reader: Reader) -> None:
    """The next blocks show that it worked."""


def writes(*pieces: str) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        assert [piece for piece in pieces if piece not in reader.written] == []

    return check


def says(body: str, *, times: int = 1, **headings: str) -> Callable[[Reader], None]:
    """times: how often it stands there now."""

    def check(reader: Reader) -> None:
        newest = reader.said()[-1]
        assert (newest.body, newest.author.username) == (body, "ben")
        assert (newest.payload or {}) == headings
        assert reader.count(body) == times

    return check


def tells_cleo(times: int) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        with reader.house.rows() as session:
            found = session.query(Message).filter_by(body="Dinner at seven?").all()
            assert [session.get(Room, message.room_id).kind for message in found] == ["direct"] * times

    return check


def everything_is_read(reader: Reader) -> None:
    lines = [line for line in reader.written.splitlines() if line]
    assert len(lines) == len(reader.said())
    said = [message.body for message in reversed(reader.said())]
    assert [line.endswith(body) for line, body in zip(lines, said, strict=True)] == [True] * len(said)


def is_changed_to(body: str) -> Callable[[Reader], None]:
    return lambda reader: _assert(reader.count(body) == 1)


def _assert(held: bool) -> None:
    assert held


def answers_what(body: str) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        newest = reader.said()[-1]
        answered = next(message for message in reader.said() if message.id == newest.reply_to_id)
        assert answered.body == body

    return check


def is_liked(body: str) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        reply = requests.get(
            f"{reader.server.url}/api/v1/messages?channel_id={reader.room}",
            headers={"Authorization": f"Bearer {reader.token}"},
            timeout=30,
        )
        (message,) = [each for each in reply.json()["messages"] if each["content"] == body]
        assert message["reactions"] == [{"emoji": "👍", "count": 1, "user_ids": [message["user"]["id"]]}]

    return check


def is_gone(body: str) -> Callable[[Reader], None]:
    return lambda reader: _assert(reader.count(body) == 0)


def has_fetched(name: str) -> Callable[[Reader], None]:
    return lambda reader: _assert((reader.folder / name).read_bytes().startswith(b"\x89PNG"))


def a_bot_was_made(name: str) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        with reader.house.rows() as session:
            (bot,) = [bot for bot in session.query(Bot).all() if bot.user.display_name == name]
            assert bot.callback_url == f"http://127.0.0.1:{reader.port}/"

    return check


def hears_what_is_signed(reader: Reader) -> None:
    forged = requests.post(
        f"http://127.0.0.1:{reader.port}/",
        data=b'{"sender": "mallory"}',
        headers={"X-HomeChat-Signature": "sha256=" + "0" * 64},
        timeout=30,
    )
    assert forged.status_code == 401
    reply = requests.post(
        f"{reader.server.url}/api/v1/messages",
        json={"message": "@doorbell quiet, please", "room": "home"},
        headers={"Authorization": f"Bearer {reader.token}"},
        timeout=30,
    )
    assert reply.status_code == 200, reply.text
    deadline = time.monotonic() + WAIT_SECONDS
    while "said @doorbell quiet, please" not in reader.written:
        assert time.monotonic() < deadline, reader.written
        time.sleep(0.1)
        reader.written += reader.interpreters["python"].run("pass")
    assert "ben in home said" in reader.written
    assert "mallory" not in reader.written


def a_bot_says(body: str, username: str) -> Callable[[Reader], None]:
    def check(reader: Reader) -> None:
        newest = reader.said(reader.house.home().id)[-1]
        assert (newest.body, newest.author.username) == (body, username)

    return check


def no_app_is_left(reader: Reader) -> None:
    tokens = run_flask(reader.server.data_dir, "token", "list", "--json")
    assert tokens.returncode == 0, tokens.stderr
    assert '"sign_in"' not in tokens.stdout


WORKS: list[tuple[str, str, Callable[[Reader], None]]] = [
    ("Make a token", "sh", a_token_was_made),
    ("Make a token", "sh", nothing_more),
    ("Make a token", "python", nothing_more),
    ("Who am I?", "sh", nothing_more),
    ("Who am I?", "python", writes("ben", "messages:write")),
    ("List rooms", "sh", nothing_more),
    ("List rooms", "python", nothing_more),
    ("Send a message", "sh", says("The **gate** is open", title="Garden", label="Sensor")),
    ("Send a message", "python", says("The **gate** is open", times=2, title="Garden", label="Sensor")),
    ("Send a message", "sh", says("Watered")),
    ("Send a message", "python", says("Watered", times=2)),
    ("Send a message", "sh", tells_cleo(1)),
    ("Send a message", "python", tells_cleo(2)),
    ("Send again without saying it twice", "sh", says("Once, by curl")),
    ("Send again without saying it twice", "python", says("Once, by Python")),
    ("Read what was said", "sh", nothing_more),
    ("Read what was said", "python", nothing_more),
    ("Read what was said", "sh", everything_is_read),
    ("Read what was said", "python", everything_is_read),
    ("Look whether there is something new", "sh", writes("200\n304\n")),
    ("Look whether there is something new", "python", writes("200\n304\n")),
    ("Edit, answer, react, delete", "sh", is_changed_to("Changed by curl")),
    ("Edit, answer, react, delete", "python", is_changed_to("Changed by Python")),
    ("Edit, answer, react, delete", "sh", answers_what("Changed by curl")),
    ("Edit, answer, react, delete", "python", answers_what("Changed by Python")),
    ("Edit, answer, react, delete", "sh", is_liked("Changed by curl")),
    ("Edit, answer, react, delete", "python", is_liked("Changed by Python")),
    ("Edit, answer, react, delete", "sh", is_gone("Changed by curl")),
    ("Edit, answer, react, delete", "python", is_gone("Changed by Python")),
    ("Send and fetch a file", "sh", says("Somebody is at the door", files=1)),
    ("Send and fetch a file", "python", says("Somebody is at the door", times=2, files=1)),
    ("Send and fetch a file", "sh", has_fetched("fetched-by-curl.png")),
    ("Send and fetch a file", "python", has_fetched("fetched-by-python.png")),
    ("Search", "sh", nothing_more),
    ("Search", "python", nothing_more),
    ("Find a person", "sh", nothing_more),
    ("Find a person", "python", nothing_more),
    ("Make a bot, and be told what people write", "sh", a_bot_was_made("Lights")),
    ("Make a bot, and be told what people write", "python", a_bot_was_made("Doorbell")),
    ("Make a bot, and be told what people write", "python", hears_what_is_signed),
    ("Call a bot from outside", "sh", a_bot_says("Called by curl", "lights")),
    ("Call a bot from outside", "python", a_bot_says("Called by Python", "doorbell")),
    ("Sign in from an app, and out again", "sh", nothing_more),
    ("Sign in from an app, and out again", "sh", no_app_is_left),
    ("Sign in from an app, and out again", "python", no_app_is_left),
    ("When it says no", "sh", nothing_more),
    ("When it says no", "sh", nothing_more),
    ("When it says no", "sh", nothing_more),
    ("When it says no", "sh", says("Patiently, by curl")),
    ("When it says no", "python", says("Patiently, by Python")),
]
"""What each block of the document has done when it was run, in their order."""


def refused_in_lockdown(reader: Reader) -> requests.Response:
    assert run_flask(reader.server.data_dir, "lockdown", "tokens", "--reason", "A drill").returncode == 0
    reply = _me(reader)
    assert run_flask(reader.server.data_dir, "lockdown", "lift").returncode == 0
    return reply


def refused_for_now(reader: Reader) -> requests.Response:
    headers = {"Authorization": f"Bearer {reader.token}"}
    for _ in range(61):
        reply = requests.post(
            f"{reader.server.url}/api/v1/messages", json={"message": "!"}, headers=headers, timeout=30
        )
        if reply.status_code == 429:
            assert int(reply.headers["Retry-After"]) == reply.json()["retry_after"]
            return reply
    raise AssertionError("61 messages in a minute were taken")


def _me(reader: Reader) -> requests.Response:
    headers = {"Authorization": f"Bearer {reader.token}"}
    return requests.get(f"{reader.server.url}/api/v1/me", headers=headers, timeout=30)


PROVOKED = {"locked_down": refused_in_lockdown, "rate_limited": refused_for_now}
"""What the document shows without asking for it."""


def test_every_example_works_as_it_is_printed_and_answers_what_is_printed(reader: Reader) -> None:
    blocks = blocks_of(DOCUMENT)
    runnable = [block for block in blocks if block.language != "json"]
    assert [(block.heading, block.language) for block in runnable] == [work[:2] for work in WORKS]
    works = iter(WORKS)
    for block in blocks:
        if block.language != "json":
            reader.run(block)
            next(works)[2](reader)
            continue
        printed = json.loads(block.text)
        provoke = PROVOKED.get(printed.get("code", ""))
        answers = [provoke(reader).json()] if provoke else reader.answers
        found = [differences(printed, answer) for answer in answers]
        assert [] in found, f"{block}: {found}"


def test_no_document_for_programs_has_examples_that_nobody_runs() -> None:
    run_here, run_elsewhere = {DOCUMENT}, {"realtime.md"}  # tests/test_realtime_examples.py
    for document in ("api.md", "webhooks.md", *run_here, *run_elsewhere):
        examples = blocks_of(document, "sh", "bash", "python", "js")
        assert bool(examples) is (document in run_here | run_elsewhere), document


@pytest.mark.parametrize(
    ("printed", "real", "held"),
    [
        ({"id": 1, "content": "hi"}, {"id": 7, "content": "hi"}, True),
        ({"content": "hi"}, {"content": "ho"}, False),
        ({"content": "hi"}, {"content": "hi", "title": None}, False),
        ({"content": "hi", "…": "…"}, {"content": "hi", "title": None}, True),
        ({"content": "hi", "title": None, "…": "…"}, {"content": "hi"}, False),
        ({"url": "…/uploads/…"}, {"url": "http://a/uploads/b"}, True),
        ({"url": "…/uploads/…"}, {"url": "http://a/files/b"}, False),
        ({"at": "2026-11-21T18:42:00.123Z"}, {"at": "2026-01-01T00:00:00.000Z"}, True),
        ({"at": "2026-11-21T18:42:00.123Z"}, {"at": "2026-01-01"}, False),
        ({"is": True}, {"is": 1}, False),
        ({"count": 1}, {"count": 2}, False),
        ([{"id": 1}], [{"id": 2}, {"id": 3}], False),
        ([{"id": 1}, "…"], [{"id": 2}, {"id": 3}], True),
        ([{"id": 1}, "…"], [{"id": None}], False),
    ],
)
def test_answers_are_compared_key_by_key(printed: Any, real: Any, held: bool) -> None:
    assert (differences(printed, real) == []) is held
