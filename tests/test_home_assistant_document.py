"""docs/home-assistant.md is true: each of its blocks is read, and each request in it is made, to a real server."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientSession, web

from homechat.bots.actions import change_bot
from homechat.security.policy import RoomKind
from tests import secrets_used
from tests.automations import Automations, read_yaml
from tests.conftest import close
from tests.corpus import encoded
from tests.home_assistant import HomeAssistant, Json, WebhookServer
from tests.house import House
from tests.receivers import LISTED
from tests.server_process import ROOT, ServerProcess, free_port, run_flask
from tests.test_home_assistant import app_of
from tests.test_webhooks import signed

pytestmark = pytest.mark.api

TEXT = (ROOT / "docs" / "home-assistant.md").read_text(encoding="utf-8")
SOME_ID, OTHER_ID = "5f0a" * 16, "71c3" * 16


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Return the commands for the shell of the house, as words."""
    found = re.findall(r"^    flask ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
    return [shlex.split(command.replace("\\\n", " ")) for command in found]


def command(*beginning: str) -> list[str]:
    return next(words for words in commands() if words[: len(beginning)] == [*beginning])


@dataclass
class Home:
    """Home Assistant, set up by the document. said: what the rooms got to read, by whom."""

    server: ServerProcess
    house: House
    folder: Path
    automations: Automations
    hooks: WebhookServer
    secret: str
    closed: list[Json]
    disarmed: list[Json]

    async def say(self, name: str, text: str, room: str = "home") -> Json:
        """Have somebody write, and return what Home Assistant is told of it."""
        async with app_of(self.server, name) as app:
            await app.call("POST", "/messages", json={"message": text, "room": room})
        while not (found := [each for each in self.hooks.taken if each.event["message"] == text]):
            await self.hooks.wait_for(len(self.hooks.taken) + 1)
        taken = found[-1]
        assert taken.path == f"/api/webhook/{SOME_ID}"
        assert taken.headers["x-homechat-signature"] == signed(self.secret, taken.body)
        return {"json": json.loads(taken.body)}

    async def last(self, room: str = "home") -> tuple[str, str, str | None]:
        """Return who said what in a room at last, and under which title."""
        async with app_of(self.server, "ada") as app:
            found = (await app.call("GET", "/messages", params={"channel": room}))["messages"][0]
        return found["user"]["username"], found["content"], found["title"]


def flask(server: ServerProcess, *words: str) -> str:
    """Run a command of the house, and return what it printed."""
    done = run_flask(server.data_dir, *words, env={"HOMECHAT_PUBLIC_URL": server.url})
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(server: ServerProcess, *words: str) -> Json:
    """Have the house make something, and return what there is to know of it."""
    return dict(json.loads(flask(server, *words, "--json")))


@dataclass(frozen=True)
class Commands:
    """What the commands of the document have made: a token, and a bot that is told what is said at a port of ours."""

    server: ServerProcess
    house: House
    token: str
    secret: str
    port: int


@pytest.fixture(scope="module")
def done(shared_server: ServerProcess) -> Iterator[Commands]:
    """The commands of the document, done."""
    token = made(shared_server, *command("token", "create", "ada", "--name", "Home Assistant", "--bot"))[
        "token"
    ]
    port = free_port()
    create = command("bot", "create")
    assert [
        word for word in create if word.endswith("/api/webhook/SOME-ID")
    ]  # Guard: the one that is replaced.
    address = f"http://127.0.0.1:{port}/api/webhook/{SOME_ID}"
    secret = made(shared_server, *[address if "://" in word else word for word in create])["webhook_secret"]
    listing = command("house", "set", "webhook_private_hosts")
    flask(shared_server, *listing[:-1], LISTED)
    secrets_used.remember(token, secret)
    house = House(shared_server.data_dir)
    yield Commands(shared_server, house, token, secret, port)
    close(house)


@asynccontextmanager
async def home(done: Commands, folder: Path) -> AsyncIterator[Home]:
    """Home Assistant with the files of the document in its folder."""
    (folder / "homechat.header").write_text(f"Authorization: Bearer {done.token}\n")
    closed: list[Json] = []
    disarmed: list[Json] = []

    async def snapshot(data: Json) -> Json:
        Path(data["filename"]).write_bytes(encoded("PNG"))
        return {}

    async def converse(data: Json) -> Json:
        return {"response": {"speech": {"plain": {"speech": f"Done: {data['text']}"}}}}

    async def close_cover(data: Json) -> Json:
        closed.append(data)
        return {}

    async def disarm(data: Json) -> Json:
        disarmed.append(data)
        return {}

    devices = {
        "alarm_control_panel.alarm_disarm": disarm,
        "camera.snapshot": snapshot,
        "conversation.process": converse,
        "cover.close_cover": close_cover,
    }
    secrets = read_yaml(blocks("yaml")[0].replace("hc_…", done.token), {})
    configuration, asking = (
        read_yaml(adapted(text, done.server, done.house, folder), secrets)
        for text in blocks("yaml")
        if "rest_command:\n" in text
    )
    configuration["rest_command"] |= asking["rest_command"]
    async with WebhookServer(port=done.port) as hooks, ClientSession() as session:
        automations = Automations(session, configuration, devices)
        yield Home(done.server, done.house, folder, automations, hooks, done.secret, closed, disarmed)


def adapted(text: str, server: ServerProcess, house: House, folder: Path) -> str:
    """Return `text` for this house: what the document says one has to replace."""
    text = text.replace("https://chat.example", server.url).replace("SOME-ID", SOME_ID)
    text = text.replace("OTHER-ID", OTHER_ID)
    text = text.replace("channel_id: 7", f"channel_id: {house.home().id}")
    return text.replace("/config/www", str(folder)).replace("/config", str(folder))


def automation(home: Home, alias: str) -> Json:
    (text,) = [block for block in blocks("yaml") if f"alias: {alias}\n" in block]
    found = read_yaml(adapted(text, home.server, home.house, home.folder), {})
    (only,) = found["automation"]
    return dict(only)


def test_every_block_of_the_document_is_read_and_none_is_forgotten() -> None:
    said = [
        read_yaml(text, {"homechat_authorization": "x", "homechat_bot_secret": "x"})
        for text in blocks("yaml")
    ]
    aliases = [each["alias"] for block in said for each in block.get("automation", [])]
    assert aliases == [
        "The washing machine is done",
        "Somebody rings",
        "Ask the house",
        "The window is open and nobody is at home",
        "The alarm goes off",
    ]
    others = [sorted(block) for block in said if "automation" not in block]
    assert others == [
        ["homechat_authorization"],
        ["rest_command", "shell_command"],
        ["rest_command"],
        ["homechat_hook"],
    ]
    assert TEXT.count("```") == 2 * (len(said) + len(blocks("python")))


def test_the_washing_and_the_doorbell_are_told(done: Commands, tmp_path: Path) -> None:
    async def story() -> None:
        async with home(done, tmp_path) as it:
            assert await it.automations.run(automation(it, "The washing machine is done"))
            assert await it.last() == (
                "home_assistant",
                "The washing is done, and wants to be hung up. 🧺",
                "Washing machine",
            )
            assert await it.automations.run(automation(it, "Somebody rings"))
            assert await it.last() == ("home_assistant", "**Front door** Somebody rings.", None)
            (picture,) = it.automations.replies[-1]["data"]["files"]
            assert picture["content_type"] == "image/png"

    asyncio.run(story())


def test_a_command_is_answered_where_it_was_given(done: Commands, tmp_path: Path) -> None:
    async def story() -> None:
        async with home(done, tmp_path) as it:
            it.house.room("ben", "ada", name="Garden", kind=RoomKind.PUBLIC)
            asked = automation(it, "Ask the house")
            assert await it.automations.run(asked, await it.say("ben", "@Assist Turn the pump on", "Garden"))
            assert await it.last("Garden") == ("home_assistant", "Done: turn the pump on", None)
            assert not await it.automations.run(asked, await it.say("ben", "@assist yes", "Garden"))
            it.house.add("ben", it.house.home().id, "assist")
            assert not await it.automations.run(asked, await it.say("ben", "Good morning"))

    asyncio.run(story())


@pytest.mark.parametrize(("answer", "closes"), [("yes", True), ("no", False)])
def test_a_question_waits_for_its_answer(done: Commands, tmp_path: Path, answer: str, closes: bool) -> None:
    async def story() -> None:
        async with home(done, tmp_path) as it:
            it.automations.heard[SOME_ID] = asyncio.Queue()
            asking = asyncio.create_task(
                it.automations.run(automation(it, "The window is open and nobody is at home"))
            )
            while not it.automations.replies:
                await asyncio.sleep(0.01)
                assert not asking.done()
            assert "Shall I close the shutters?" in (await it.last())[1]
            assert it.closed == []
            await it.automations.heard[SOME_ID].put(await it.say("ben", f"@assist {answer}"))
            assert await asking
            assert len(it.closed) == closes
            assert ((await it.last())[1] == "Ben said yes: the shutters close.") is closes

    asyncio.run(story())


@pytest.mark.parametrize(("button", "disarms"), [("silence", True), ("lights", False)])
def test_the_first_tap_on_a_button_decides(
    done: Commands, tmp_path: Path, button: str, disarms: bool
) -> None:
    async def story() -> None:
        async with home(done, tmp_path) as it:
            with it.house.rows() as session:
                bot = session.execute(sa.text("SELECT id FROM bots WHERE bot_type = 'api'")).scalar_one()
            address = it.hooks.address_of(OTHER_ID)
            it.house.act(change_bot, it.house.actor("ada"), bot, {"callback_url": address})
            it.automations.heard[OTHER_ID] = asyncio.Queue()
            alarm = asyncio.create_task(it.automations.run(automation(it, "The alarm goes off")))
            while not it.automations.replies:
                await asyncio.sleep(0.01)
                assert not alarm.done()
            asked = it.automations.replies[0]["message"]["id"]
            async with app_of(it.server, "ben") as app:
                await app.call("POST", f"/messages/{asked}/answer", json={"action_id": button})
            (taken,) = await it.hooks.wait_for(1)
            assert taken.path == f"/api/webhook/{OTHER_ID}"
            await it.automations.heard[OTHER_ID].put({"json": json.loads(taken.body)})
            assert await alarm
            assert len(it.disarmed) == disarms
            assert ((await it.last())[1] == "ben was it: the alarm is off.") is disarms

    asyncio.run(story())


def test_the_part_that_checks_signatures_takes_ours_and_no_others(done: Commands, tmp_path: Path) -> None:
    (code,) = blocks("python")
    found: dict[str, Any] = {}
    exec(code, found)

    async def story() -> None:
        async with home(done, tmp_path) as it:
            await it.say("ben", "@assist Grüße ☕")
            body = it.hooks.taken[-1].body
            fired: list[Json] = []
            hass = SimpleNamespace(bus=SimpleNamespace(async_fire=lambda name, data: fired.append(data)))
            receive = found["receiver"](it.secret)

            async def take(request: web.Request) -> web.StreamResponse:
                return await receive(hass, SOME_ID, request)

            it.hooks.answers += [take] * 3
            async with ClientSession() as session:
                answers = []
                for signature in (signed(it.secret, body + b" "), "", signed(it.secret, body)):
                    headers = {"X-HomeChat-Signature": signature}
                    async with session.post(
                        it.hooks.address_of(SOME_ID), data=body, headers=headers
                    ) as reply:
                        answers.append(reply.status)
            assert answers == [401, 401, 200]
            assert [each["message"] for each in fired] == ["@assist Grüße ☕"]

    asyncio.run(story())


def test_the_token_for_the_integration_does_all_that_it_asks(shared_server: ServerProcess) -> None:
    words = next(each for each in commands() if each[:2] == ["token", "create"] and "--bot" not in each)
    token = made(shared_server, *words)["token"]
    secrets_used.remember(token)

    async def story() -> None:
        async with HomeAssistant(shared_server.url, token) as client:
            assert (await client.create_bot("Integration", SOME_ID))["bot"]["active"] is True
            (first, *_rest) = await client.channels()
            assert await client.members(first["id"])
            await client.send("Hello", room_id="A new room")
            await client.send_media(first["id"], encoded("PNG"), "a.jpg")
            await client.call("GET", "/messages")
            await client.call("GET", "/search", params={"q": "hello", "type": "all"})

    asyncio.run(story())


def test_the_table_of_refusals_has_each_status_that_a_program_may_meet() -> None:
    api = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("## When it says no", 1)[1]
    known = set(re.findall(r"^\| (\d{3}) \|", api, re.MULTILINE))
    mine = set(re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE))
    assert mine <= known
    assert {"401", "403", "404", "409", "422", "423", "429", "503"} <= mine
