"""What Home Assistant's integration does, told anew: an aiohttp client, and a server that takes what it is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import ClientSession, ClientTimeout, FormData, web

from tests import secrets_used
from tests.receivers import WAIT_SECONDS

Json = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HomeAssistant:
    """The client. Whatever is not 2xx raises, as it would end in the log of somebody's automation."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/api/v1"
        self._token = token

    async def __aenter__(self) -> HomeAssistant:
        self.session = ClientSession(timeout=ClientTimeout(total=30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, **more: Any) -> Json:
        """Ask with the token, and say that it is JSON even where nothing is sent."""
        headers = {"Authorization": f"Bearer {self._token}"}
        if "data" not in more:
            headers["Content-Type"] = "application/json"
        async with self.session.request(method, self.url + path, headers=headers, **more) as reply:
            assert 200 <= reply.status < 300, f"{method} {path}: {reply.status} {await reply.text()}"
            found: Json = await reply.json()
        return found

    async def can_connect(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self.session.get(f"{self.url}/health", headers=headers) as reply:
            return reply.status == 200

    async def channels(self) -> list[Json]:
        found: list[Json] = (await self.call("GET", "/channels"))["channels"]
        return found

    async def members(self, channel_id: int) -> list[Json]:
        found: list[Json] = (await self.call("GET", f"/channels/{channel_id}/members"))["members"]
        return found

    async def send(self, message: str, **where: Any) -> Json:
        """Say something: `room_id` (a name), `user_id` (as text) and `title` go along where they are given."""
        sent = {"message": message, "sender": "Home Assistant", **where}
        return await self.call("POST", "/messages", json=sent)

    async def send_to_person(self, user_id: int, message: str) -> Json:
        return await self.call("POST", f"/users/{user_id}/messages", json={"message": message})

    async def send_media(self, channel_id: int, data: bytes, name: str, caption: str = "") -> Json:
        """Send a file. Whatever it is, it is called a JPEG."""
        form = FormData()
        form.add_field("files[]", data, filename=name, content_type="image/jpeg")
        if caption:
            form.add_field("caption", caption)
        return await self.call("POST", f"/channels/{channel_id}/media", data=form)

    async def channel_called(self, name: str) -> int | None:
        """Return the room of exactly this name; one that is not there is made, by saying something in it."""
        found = await self._known(name)
        if found is None:
            await self.send("Channel created", room_id=name)
            found = await self._known(name)
        return found

    async def create_bot(self, name: str, webhook_id: str | None = None, **more: str) -> Json:
        """Make a bot, or find it again; return what there is to know of it."""
        bot = {"name": name, "bot_type": "webhook" if webhook_id else "api", **more}
        if webhook_id:
            bot["webhook_id"] = webhook_id
        made = await self.call("POST", "/bots", json={"bot": bot})
        secrets_used.remember(made["bot"]["webhook_secret"])
        return made

    async def _known(self, name: str) -> int | None:
        return next((each["id"] for each in await self.channels() if each["name"] == name), None)


@dataclass(frozen=True)
class Taken:
    """What came in. headers: by their names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Json:
        """What automations get to see of it."""
        told = json.loads(self.body)
        names = ("message", "sender", "room_id", "channel_id", "timestamp")
        return {**{name: told[name] for name in names}, "message_type": told["type"]}


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


@dataclass
class WebhookServer:
    """The receiving side, a server of aiohttp on loopback; a context.

    answers: what is done with the first request, the second …, instead of saying that all is well.
    """

    answers: list[Answer] = field(default_factory=list)
    port: int = 0
    taken: list[Taken] = field(default_factory=list)

    async def __aenter__(self) -> WebhookServer:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._take)
        self._came = asyncio.Condition()
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def address_of(self, webhook_id: str) -> str:
        return f"http://127.0.0.1:{self.port}/api/webhook/{webhook_id}"

    async def wait_for(self, count: int) -> list[Taken]:
        """Return what has come once it is `count` requests, which must come in time."""
        async with self._came, asyncio.timeout(WAIT_SECONDS):
            await self._came.wait_for(lambda: len(self.taken) >= count)
        return self.taken

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        taken = Taken(request.path, headers, await request.read())
        async with self._came:
            self.taken.append(taken)
            self._came.notify_all()
        if self.answers:
            return await self.answers.pop(0)(request)
        return web.json_response({"status": "ok"})


async def broken(request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "error"}, status=500)


async def hanging(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(WAIT_SECONDS)
    return web.json_response({"status": "ok"})


def sent_on(url: str) -> Answer:
    """Return an answer that sends whoever asks elsewhere."""

    async def answer(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(url)

    return answer
