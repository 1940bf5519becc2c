"""Home Assistant's integration works against this server as it is: set-up, polling, each service, both directions."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from homechat import settings
from homechat.actor import Actor
from homechat.bots import actions as bots
from homechat.bots.queries import find_bot
from homechat.household.tokens import create_token
from homechat.security.policy import RoomKind, Scope
from tests import secrets_used
from tests.api_client import new_token
from tests.corpus import encoded, film
from tests.home_assistant import (
    HomeAssistant,
    Json,
    Taken,
    WebhookServer,
    broken,
    hanging,
    is_signed,
    sent_on,
)
from tests.house import PASSWORD, House
from tests.receivers import LISTED
from tests.server_process import ServerProcess, free_port
from tests.test_webhooks import signed

pytestmark = pytest.mark.api

OF_THE_INTEGRATION = sorted({*Scope} - {Scope.ADMIN_READ, Scope.ADMIN_WRITE})
MESSAGE = {"id": int, "content": str, "created_at": str, "channel_id": int, "user": dict, "files": list}
CHANNEL = {
    "id": int,
    "name": str,
    "type": str,
    "description": str,
    "member_count": int,
    "online_member_count": int,
    "unread_count": int,
    "is_member": bool,
    "created_at": str,
}
PERSON = {"id": int, "username": str, "is_online": bool, "status": str, "avatar_initials": str}
BOT = {"id": int, "name": str, "bot_type": str, "webhook_id": str, "webhook_secret": str, "active": bool}


def has(found: Any, shape: dict[str, type]) -> bool:
    """Whether `found` has these fields, each of just this type: none is null, and no number is text."""
    assert {name: type(found[name]) for name in shape} == shape
    return True


@asynccontextmanager
async def integration(server: ServerProcess, house: House, token: str = "") -> AsyncIterator[HomeAssistant]:
    """Home Assistant with a token of Ada's."""
    given = token or new_token(house, "ada", *OF_THE_INTEGRATION, called="Home Assistant")[1]
    async with HomeAssistant(server.url, given) as client:
        yield client


@asynccontextmanager
async def app_of(server: ServerProcess, name: str) -> AsyncIterator[HomeAssistant]:
    """The app in which somebody has signed in."""
    async with HomeAssistant(server.url, "") as app:
        sent = {"username": name, "password": PASSWORD}
        async with app.session.post(f"{app.url}/signin", json=sent) as reply:
            token = (await reply.json())["token"]
        secrets_used.remember(token)
        async with HomeAssistant(server.url, token) as signed_in:
            yield signed_in


def message_in(sent: Json) -> Json:
    """Return the message of a reply, which stands there twice for older clients and newer ones."""
    assert sent["success"] is True
    assert sent["message"] == sent["data"]["message"]
    assert has(sent["message"], MESSAGE)
    return dict(sent["message"])


# set-up and polling


def test_it_is_set_up(shared_server: ServerProcess, shared_house: House) -> None:
    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            for address in (f"{shared_server.url}/health", f"{client.url}/health"):
                async with client.session.get(address) as reply:
                    assert reply.status == 200
                    health = await reply.json()
                assert health["service"] == "HomeChat"
                assert re.match(r"\d+\.\d+", health["version"])
            assert await client.can_connect()
            found = await client.call("GET", "/messages")
            assert type(found["messages"]) is list
            assert await client.channels()

    asyncio.run(story())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer hc_abcdefgh_" + "A" * 43}])
def test_a_token_that_opens_nothing_is_noticed_when_it_is_set_up(
    shared_server: ServerProcess, headers: dict[str, str]
) -> None:
    async def story() -> None:
        async with HomeAssistant(shared_server.url, "") as client:
            for path in ("/messages", "/channels"):
                async with client.session.get(client.url + path, headers=headers) as reply:
                    assert reply.status == 401
                    assert type((await reply.json())["error"]) is str

    asyncio.run(story())


def test_it_looks_again_every_five_minutes(shared_server: ServerProcess, shared_house: House) -> None:
    shared_house.direct("ada", "cleo")

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            assert await client.can_connect()
            found = await client.channels()
            assert all(has(each, CHANNEL) for each in found)
            assert {each["type"] for each in found} >= {"public", "dm"}
            assert all(each["name"] for each in found)
            for each in found[:5]:
                people = await client.members(each["id"])
                assert people
                assert all(has(person, PERSON) for person in people)
                assert all(re.fullmatch(r"[a-z0-9_]+", person["username"]) for person in people)

    asyncio.run(story())


def test_what_is_as_it_was_is_not_sent_again(shared_server: ServerProcess, shared_house: House) -> None:
    _row, token = new_token(shared_house, "ada", *OF_THE_INTEGRATION)

    async def asked(client: HomeAssistant, known: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}", **({"If-None-Match": known} if known else {})}
        async with client.session.get(f"{client.url}/channels", headers=headers) as reply:
            return reply.status, reply.headers["ETag"]

    async def story() -> None:
        async with integration(shared_server, shared_house, token) as client:
            status, tag = await asked(client)
            assert status == 200
            assert await asked(client, tag) == (304, tag)
            await client.send("Something is new")
            status, other = await asked(client, tag)
            assert (status, other == tag) == (200, False)

    asyncio.run(story())


# the bot


def test_it_makes_its_bot_once_and_finds_it_again_when_it_starts_anew(
    shared_server: ServerProcess, shared_house: House
) -> None:
    webhook_id = secrets.token_hex(32)

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            first, again = [
                await client.create_bot("home_assistant_bot", webhook_id, description="Speaks both ways")
                for _ in range(2)
            ]
            for made in (first, again):
                assert made["bot"] == made["data"]["bot"]
                assert has(made["bot"], BOT)
                assert (made["bot"]["webhook_id"], made["bot"]["bot_type"]) == (webhook_id, "webhook")
            assert first["bot"] == again["bot"]
            status = await client.call("GET", f"/bots/{first['bot']['id']}/status")
            assert (status["active"], status["status"]) == (True, "active")
            assert type(status["deliveries"]) is dict
            assert (await client.create_bot("Only writes"))["bot"]["bot_type"] == "api"

    asyncio.run(story())


# its services


def test_each_way_to_say_something_arrives_where_it_should(
    shared_server: ServerProcess, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Workshop")
    open_to_all = shared_house.room("ben", name="Greenhouse", kind=RoomKind.PUBLIC)
    home = shared_house.home().id
    ben = shared_house.id_of("ben")
    conversation = shared_house.direct("ada", "ben")
    ways: list[tuple[Json, int]] = [
        ({}, home),
        ({"room_id": "Workshop"}, room),
        ({"room_id": "workshop"}, room),
        ({"room_id": str(room)}, room),
        ({"room_id": "Greenhouse"}, open_to_all),
        ({"room_id": "Ben"}, conversation),
        ({"user_id": str(ben)}, conversation),
        ({"user_id": ben}, conversation),
        ({"room_id": "Workshop", "user_id": str(ben)}, conversation),
    ]

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            for (where, expected), title in product(ways, (None, "Front door")):
                more = {**where, **({"title": title} if title else {})}
                said = message_in(await client.send("Somebody **rings**\n\n_Sent at 12:00:00_ 🔔", **more))
                assert said["channel_id"] == expected, more
                assert (said["sender"], said["title"]) == ("Home Assistant", title)
                assert said["user"]["username"] == "ada", "Whose message it is, is the token's own."
            said = message_in(await client.send_to_person(ben, "Only for you"))
            assert said["channel_id"] == conversation
            spoken = {"message": "To this room", "message_type": "chat"}
            said = message_in(await client.call("POST", f"/channels/{room}/messages", json=spoken))
            assert (said["channel_id"], said["content"]) == (room, "To this room")

    asyncio.run(story())


def test_a_room_that_is_not_there_yet_is_made_but_never_in_place_of_a_private_one(
    shared_server: ServerProcess, shared_house: House
) -> None:
    shared_house.room("ben", name="Surprise for Ada")

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            made = await client.channel_called("Doorbell")
            assert made is not None
            assert await client.channel_called("Doorbell") == made
            with pytest.raises(AssertionError, match="404"):
                await client.send("Channel created", room_id="Surprise for Ada")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("make", "name", "kind"),
    [
        (lambda: encoded("JPEG"), "snapshot.jpg", "image/jpeg"),
        (lambda: encoded("PNG"), "camera.png", "image/png"),
        (lambda: encoded("PNG"), "camera_front_door.jpg", "image/png"),
        (film, "clip.mp4", "video/mp4"),
        (lambda: b"watts,hour\n12,1\n", "energy.csv", "application/octet-stream"),
    ],
    ids=["jpeg", "png", "png called jpg", "film", "table"],
)
def test_a_file_is_what_its_bytes_say_and_not_the_jpeg_that_it_is_called(
    shared_server: ServerProcess, shared_house: House, make: Any, name: str, kind: str
) -> None:
    room = shared_house.room("ada", name=f"Camera {secrets.token_hex(3)}")

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            sent = await client.send_media(room, make(), name, caption="**Front door**\nWho is this?")
            assert sent["success"] is True
            assert has(sent["data"], {"id": int, "channel_id": int, "files": list})
            (file,) = sent["data"]["files"]
            assert has(file, {"id": str, "name": str, "content_type": str, "byte_size": int, "url": str})
            assert file["content_type"] == kind
            assert file["name"] == (name.replace(".jpg", ".png") if kind == "image/png" else name)
            found = await client.call("GET", f"/messages?channel_id={room}")
            assert [each["content"] for each in found["messages"]] == ["**Front door**\nWho is this?"]
            plain = await client.send_media(room, make(), name)
            assert plain["data"]["channel_id"] == room

    asyncio.run(story())


@pytest.mark.parametrize("leaving", ["POST", "DELETE"])
def test_it_joins_and_leaves_also_when_it_was_so_already(
    shared_server: ServerProcess, shared_house: House, leaving: str
) -> None:
    room = shared_house.room("ben", name=f"Hall {leaving}", kind=RoomKind.PUBLIC)

    async def is_member(client: HomeAssistant) -> bool:
        return bool((await client.call("GET", f"/channels/{room}"))["channel"]["is_member"])

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            for method, path, expected in (("POST", "join", True), (leaving, "leave", False)):
                for _ in range(2):
                    done = await client.call(method, f"/channels/{room}/{path}")
                    assert done["success"] is True
                    assert type(done["message"]) is str
                    assert await is_member(client) is expected

    asyncio.run(story())


def test_it_searches(shared_server: ServerProcess, shared_house: House) -> None:
    room = shared_house.room("ada", name="Zeppelin hangar")
    shared_house.say("ada", room, "A zeppelin has landed")

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            for kind, messages, channels in (
                ("all", 1, 1),
                ("users", 0, 0),
                ("channels", 0, 1),
                ("messages", 1, 0),
            ):
                found = await client.call("GET", "/search", params={"q": "zeppelin", "type": kind})
                assert has(found, {"users": list, "channels": list, "messages": list, "totalResults": int})
                assert (len(found["messages"]), len(found["channels"])) == (messages, channels), kind

    asyncio.run(story())


# the old spellings


@pytest.mark.parametrize(
    ("words", "place"),
    list(product(["message", "content"], ["room", "room_id", "channel", "channel_id"])),
)
def test_both_spellings_of_the_old_documents_are_understood(
    shared_server: ServerProcess, shared_house: House, words: str, place: str
) -> None:
    name = f"Spelling {words} {place}"
    room = shared_house.room("ada", name=name)

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            for where in (name, room, str(room)):
                said = message_in(await client.call("POST", "/messages", json={words: "hi", place: where}))
                assert (said["content"], said["channel_id"]) == ("hi", room)

    asyncio.run(story())


# calls that come in


@pytest.mark.parametrize("header", ["X-Hub-Signature-256", "X-Signature-256", "X-HomeChat-Signature"])
def test_a_signed_call_says_something(shared_server: ServerProcess, shared_house: House, header: str) -> None:
    sent = {"action": "send_message", "message": "Küche: 21 °C 🌡", "room_id": "home", "title": "Weather"}

    async def story() -> None:
        async with integration(shared_server, shared_house) as client:
            bot = (await client.create_bot(f"Caller {header}", secrets.token_hex(32)))["bot"]
            address = f"{client.url}/webhooks/{bot['webhook_id']}"
            body = json.dumps(sent).encode()  # As aiohttp writes what is given to it as json.
            headers = {header: signed(bot["webhook_secret"], body)}
            async with client.session.post(address, json=sent, headers=headers) as reply:
                assert reply.status == 200, await reply.text()
                said = (await reply.json())["message"]
            assert said["content"] == "**Weather**\nKüche: 21 °C 🌡"
            assert has(said, {"id": int, "channel_id": int, "content": str, "created_at": str})
            headers = {header: signed(bot["webhook_secret"], body + b" ")}
            async with client.session.post(address, json=sent, headers=headers) as reply:
                assert reply.status == 401

    asyncio.run(story())


# what it is told


async def told_at(
    client: HomeAssistant, house: House, receiver: WebhookServer, name: str
) -> tuple[str, str, int]:
    """Have it make a bot, and an admin say where it is told what is said; return its webhook id, secret and id."""
    webhook_id = secrets.token_hex(32)
    bot = (await client.create_bot(name, webhook_id))["bot"]
    house.act(settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, LISTED)
    change = {"callback_url": receiver.address_of(webhook_id)}
    house.act(bots.change_bot, house.actor("ada"), bot["id"], change)
    return webhook_id, bot["webhook_secret"], bot["id"]


def username_of(house: House, bot_id: int) -> str:
    return str(house.act(find_bot, house.actor("ada"), bot_id).user.username)


def is_as_the_integration_reads_it(taken: Taken, webhook_id: str, secret: str) -> bool:
    assert taken.path == f"/api/webhook/{webhook_id}"
    assert is_signed(secret, taken.body, taken.headers["x-homechat-signature"])
    assert taken.headers["x-hub-signature-256"] == taken.headers["x-homechat-signature"]
    assert taken.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", taken.headers["x-homechat-delivery"])
    event = taken.event
    assert has(event, {"message": str, "sender": str, "room_id": str, "channel_id": int, "timestamp": str})
    assert event["message_type"] in ("message", "bot_message")
    assert datetime.fromisoformat(event["timestamp"]).utcoffset() == timedelta()
    return True


def test_it_is_told_what_people_write_where_its_bot_is_and_what_is_meant_for_it(
    server: ServerProcess,
) -> None:
    house = House(server.data_dir)
    room = house.room("ada", "ben", name="Kitchen")
    public = house.room("ben", name="Garden", kind=RoomKind.PUBLIC)

    async def story() -> None:
        async with (
            integration(server, house) as client,
            app_of(server, "ben") as ben,
            WebhookServer() as receiver,
        ):
            webhook_id, secret, bot_id = await told_at(client, house, receiver, "Lights")
            username = username_of(house, bot_id)
            house.add("ada", room, username)
            await ben.send("Light **on** ☕", room_id="Kitchen")
            await ben.send("Nothing for machines", room_id="Garden")
            await ben.send(f"@{username} and the pump?", room_id="Garden")
            bot_user = house.id_of(username)
            await ben.send_to_person(bot_user, "Between us")
            taken = await receiver.wait_for(3)
            assert all(is_as_the_integration_reads_it(each, webhook_id, secret) for each in taken)
            events = [(each.event["message"], each.event["room_id"]) for each in taken]
            assert events == [
                ("Light **on** ☕", "Kitchen"),
                (f"@{username} and the pump?", "Garden"),
                ("Between us", "Ben"),
            ]
            assert [each.event["sender"] for each in taken] == ["ben"] * 3
            assert [each.event["channel_id"] for each in taken][:2] == [room, public]
            assert len({each.headers["x-homechat-delivery"] for each in taken}) == 3

    asyncio.run(story())
    server.assert_no_traceback()


def test_it_is_not_told_what_it_said_itself_and_so_never_answers_itself(server: ServerProcess) -> None:
    house = House(server.data_dir)
    room = house.room("ada", "ben", name="Kitchen")

    async def story() -> None:
        async with integration(server, house) as client, WebhookServer() as receiver:
            _webhook_id, _secret, bot_id = await told_at(client, house, receiver, "Lights")
            house.add("ada", room, username_of(house, bot_id))
            await client.send("The light is on", room_id="Kitchen")
            await client.call("POST", "/messages", json={"message": "Ada says", "room_id": "Kitchen"})
            async with integration(server, house) as other:
                await other.send("Another program says", room_id="Kitchen")
            taken = await receiver.wait_for(2)
            assert [each.event["message"] for each in taken] == ["Ada says", "Another program says"]

    asyncio.run(story())


def test_what_it_could_not_take_comes_again_under_its_id_and_no_redirect_is_followed(
    server: ServerProcess,
) -> None:
    house = House(server.data_dir)
    room = house.room("ada", "ben", name="Kitchen")

    async def story() -> None:
        async with (
            integration(server, house) as client,
            app_of(server, "ben") as ben,
            WebhookServer([broken]) as fails,
            WebhookServer([hanging]) as hangs,
            WebhookServer() as elsewhere,
            WebhookServer([sent_on(elsewhere.address_of("elsewhere"))]) as redirects,
        ):
            late = WebhookServer(port=free_port())  # Not there yet: Home Assistant is being updated.
            receivers = {"Fails": fails, "Hangs": hangs, "Redirects": redirects, "Late": late}
            made = {}
            for name, receiver in receivers.items():
                made[name] = await told_at(client, house, receiver, name)
                house.add("ada", room, username_of(house, made[name][2]))
            await ben.send("Are you there?", room_id="Kitchen")
            first = await fails.wait_for(1)
            assert len(first) == 1
            async with late:
                for name, receiver in receivers.items():
                    taken = await receiver.wait_for(1 if receiver is late else 2)
                    webhook_id, secret, _bot_id = made[name]
                    assert all(is_as_the_integration_reads_it(each, webhook_id, secret) for each in taken)
                    assert len({each.headers["x-homechat-delivery"] for each in taken}) == 1
                    assert len({each.body for each in taken}) == 1
            assert elsewhere.taken == []

    asyncio.run(story())
    server.assert_no_traceback()


# with a token of a bot


def test_with_the_token_of_a_bot_it_writes_under_its_own_name(
    shared_server: ServerProcess, shared_house: House
) -> None:
    scopes = ["messages:write", "messages:read", "media:write", "channels:read"]
    ada = shared_house.id_of("ada")
    _row, token = shared_house.act(
        create_token, Actor.operator(), name="Home Assistant", scopes=scopes, as_bot=True, owner_id=ada
    )

    async def story() -> None:
        async with integration(shared_server, shared_house, token) as client:
            said = message_in(await client.send("The washing is done"))
            assert said["user"]["username"].startswith("home_assistant")
            assert await client.channels()

    asyncio.run(story())
