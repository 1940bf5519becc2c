"""The programs in docs/realtime.md, with the official clients and as they are printed, at a real server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from homechat.accounts import api_tokens
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor
from homechat.config import API_PREFIX
from homechat.messages import changes
from homechat.messages.models import Message
from tests import js_client, secrets_used
from tests.api_client import new_token
from tests.conftest import close
from tests.devices import wait_until
from tests.examples import Block, blocks_of, variables_set_by
from tests.house import House
from tests.server_process import ServerProcess
from tests.talkers import WAIT_SECONDS

pytestmark = pytest.mark.sockets

DOCUMENT = "realtime.md"
LANGUAGES = ("js", "python")
COME_BACK_SECONDS = 60


class Running:
    """A program of the document in a process of its own. `shown` are its lines so far, `complaints` those of stderr."""

    def __init__(self, folder: Path, block: Block, room_id: int, variables: dict[str, str]) -> None:
        secrets_used.remember(variables["TOKEN"])
        self.shown: list[str] = []
        self.complaints: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [*_command(block, folder), str(room_id)],
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.shown), (self.process.stderr, self.complaints))
        ]
        for reader in self._readers:
            reader.start()

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def shows(self, line: str) -> None:
        """Wait until the program has shown this line."""
        with self._news:
            shown = self._news.wait_for(lambda: line in self.shown, timeout=COME_BACK_SECONDS)
        assert shown, f"{line!r} was never shown; shown was {self.shown[-20:]}, complained {self.complaints}"

    def ends(self) -> int:
        """Wait for the program to end by itself, and return its exit code."""
        code = self.process.wait(COME_BACK_SECONDS)
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()


def _command(block: Block, folder: Path) -> list[str]:
    """Save the program as the document says, and return how it is run."""
    name, program = {"js": ("talk.mjs", js_client.node), "python": ("talk.py", lambda: sys.executable)}[
        block.language
    ]
    (folder / name).write_text(block.text, encoding="utf-8")
    if block.language == "js" and not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(js_client.installed())
    return [program(), name]


Start = Callable[[str, int, str], Running]


@pytest.fixture
def house(server: ServerProcess) -> Iterator[House]:
    """The house behind the server, which it shares with the programs."""
    house = House(server.data_dir)
    yield house
    close(house)


@pytest.fixture
def start(server: ServerProcess, tmp_path: Path) -> Iterator[Start]:
    """Starts the program of a language in a room, with a token, as the document says."""
    made: list[Running] = []

    def run(language: str, room_id: int, token: str) -> Running:
        (preparing,) = blocks_of(DOCUMENT, "sh")
        variables = variables_set_by(preparing, url=server.url, token=token)
        (block,) = blocks_of(DOCUMENT, language)
        folder = tmp_path / f"program-{len(made)}"
        folder.mkdir()
        made.append(Running(folder, block, room_id, variables))
        return made[-1]

    yield run
    for program in made:
        program.close()


def token_of(house: House, name: str) -> tuple[ApiToken, str]:
    return new_token(house, name, "messages:read", "messages:write")


def said_in(house: House, room_id: int) -> list[str]:
    with house.rows() as session:
        rows = session.query(Message).filter_by(room_id=room_id).order_by(Message.seq)
        return [f"{row.author.display_name}: {row.body}" for row in rows]


def test_every_example_of_the_document_is_run_here() -> None:
    assert sorted(block.language for block in blocks_of(DOCUMENT)) == sorted(["sh", *LANGUAGES])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_shows_what_was_said_and_says_what_is_typed(
    language: str, house: House, server: ServerProcess, start: Start
) -> None:
    room, other = house.room("ben", "cleo", name="Plans"), house.room("ben", "cleo", name="Other")
    house.say("cleo", room, "said before")
    program = start(language, room, token_of(house, "ben")[1])
    program.shows("Cleo: said before")
    cleo = start(language, room, token_of(house, "cleo")[1])
    cleo.shows("Cleo: said before")

    house.say("cleo", other, "elsewhere")
    cleo.type("Dinner at seven?")
    program.shows("Cleo: Dinner at seven?")
    program.type("Yes!")

    for each in (program, cleo):
        each.shows("Ben: Yes!")
        assert each.shown == ["Cleo: said before", "Cleo: Dinner at seven?", "Ben: Yes!"]
        assert each.complaints == []
    assert said_in(house, room) == program.shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_shows_everything_once_across_stops_and_crashes(
    language: str, house: House, server: ServerProcess, start: Start
) -> None:
    room = house.room("ben", "cleo", name="Plans")
    house.say("cleo", room, "first")
    program = start(language, room, token_of(house, "ben")[1])
    program.shows("Cleo: first")

    server.stop()  # In good order, as at an update.
    for number in range(3):
        house.say("cleo", room, f"while it was down {number}")
    program.type("typed while it was down")
    server.start()
    program.shows("Ben: typed while it was down")
    program.shows("Cleo: while it was down 2")
    server.kill()
    for number in range(510):  # More than comes in one answer.
        house.say("cleo", room, f"much {number}")
    server.start()
    program.shows("Cleo: much 509")
    # By another process than the server, which hears nothing of it: the next that it tells is further ahead.
    house.act(changes.edit_message, house.actor("cleo"), message_id=_newest(house, room), body="never mind")
    house.say("cleo", room, "the end")
    program.type("good night")
    program.shows("Ben: good night")

    *before, changed, end, typed = said_in(house, room)
    assert program.shown == [*before, "Cleo: much 509", changed, end, typed]
    assert changed == "Cleo: never mind"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_hears_at_once_that_somebody_answered(
    language: str, house: House, server: ServerProcess, start: Start
) -> None:
    room = house.room("ben", "cleo", name="Plans")
    asking, answering = token_of(house, "cleo")[1], token_of(house, "ben")[1]
    program = start(language, room, answering)
    asked = post(
        server, "/messages", asking, room=room, message="Tea?", actions=[{"id": "yes", "label": "Yes"}]
    )
    program.shows("Cleo: Tea?")

    post(server, f"/messages/{asked['message']['id']}/answer", answering, action_id="yes")

    assert wait_until(lambda: program.shown == ["Cleo: Tea?"] * 2)


def post(server: ServerProcess, path: str, token: str, **fields: object) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    reply = requests.post(f"{server.url}{API_PREFIX}{path}", json=fields, headers=headers, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_ends_when_its_token_does(language: str, house: House, start: Start) -> None:
    room = house.room("ben", "cleo", name="Plans")
    house.say("cleo", room, "first")
    row, token = token_of(house, "ben")
    program = start(language, room, token)
    program.shows("Cleo: first")

    house.act(api_tokens.revoke, Actor.operator(), row.id)

    assert program.ends() == 1
    assert program.complaints == ["This device was signed out."]
    assert start(language, room, token).ends() == 1


def _newest(house: House, room_id: int) -> int:
    with house.rows() as session:
        row = session.query(Message).filter_by(room_id=room_id).order_by(Message.seq.desc()).first()
        return int(row.id)
