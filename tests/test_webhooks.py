"""Calls from outside: signed or not heard, once, in time, not too often; and what they say becomes a message."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.actor import Actor
from homechat.bots import actions
from homechat.database import transaction
from homechat.lockdown import Kind
from homechat.messages.models import Message
from homechat.operations.lockdown import start as lock_down
from homechat.rooms.actions import archive_room
from homechat.security.policy import RoomKind
from tests.api_client import Program
from tests.conftest import close
from tests.house import House
from tests.receivers import Receiver
from tests.server_process import ROOT
from tests.test_bots import make_bot

pytestmark = pytest.mark.api


@dataclass
class Hook:
    """The far end of a hook: a program that knows the secret."""

    house: House
    bot: Any
    secret: str

    def call(
        self,
        sent: Any,
        *,
        header: str = "X-Hub-Signature-256",
        signature: str | None = None,
        kind: str = "application/json",
        **headers: str,
    ) -> Any:
        body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        given = signed(self.secret, body) if signature is None else signature
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.raw(body, {**({header: given} if given else {}), **more}, kind)

    def raw(self, body: bytes, headers: dict[str, str], kind: str = "application/json") -> Any:
        path = f"/webhooks/{self.bot.webhook_id}"
        return Program(self.house).ask("POST", path, data=body, headers=headers, content_type=kind)

    def said(self) -> list[str]:
        """Return all that the bot has written, in order."""
        with self.house.rows() as session:
            query = sa.select(Message.body).where(Message.author_id == self.bot.user_id).order_by(Message.id)
            return list(session.scalars(query))


def signed(secret: str, body: bytes) -> str:
    """Told a second time, not taken from the product."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def hook(house: House) -> Hook:
    made = make_bot(house, "ada", "Mower")
    return Hook(house, made.bot, made.secret)


# signatures


@pytest.mark.parametrize("header", ["X-Hub-Signature-256", "X-Signature-256", "X-HomeChat-Signature"])
def test_a_signed_call_is_a_message_of_the_bot_at_home(hook: Hook, header: str) -> None:
    reply = hook.call({"message": "The lawn is done"}, header=header)
    assert reply.status_code == 200
    message = reply.json["message"]
    assert reply.json == {"success": True, "message": message, "data": {"message": message}}
    assert message["channel_id"] == hook.house.home().id
    assert message["user"]["username"] == "mower"
    assert hook.said() == ["The lawn is done"]


def test_the_raw_bytes_are_what_is_signed(hook: Hook) -> None:
    body = b'{ "message" :"caf\\u00e9 \xe2\x98\x95",\n"x":1.0}'
    assert hook.call(body).status_code == 200
    assert hook.said() == ["café ☕"]


def test_a_call_that_is_not_rightly_signed_says_nothing(hook: Hook) -> None:
    body = b'{"message": "hi"}'
    right = signed(hook.secret, body)
    sha1 = "sha1=" + hmac.new(hook.secret.encode(), body, hashlib.sha1).hexdigest()
    wrong = [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": signed("another secret", body)},
        {"X-Hub-Signature-256": signed(hook.secret, body + b" ")},
        {"X-Hub-Signature-256": right.upper()},
        {"X-Hub-Signature-256": "sha256=" + right[7:].upper()},
        {"X-Hub-Signature-256": right[7:]},
        {"X-Hub-Signature-256": right[:-1]},
        {"X-Hub-Signature-256": f"{right}0"},
        {"X-Hub-Signature-256": sha1},
        {"X-Hub-Signature": sha1},
        {"X-Hub-Signature-256": "sha256=é"},
        {"X-Hub-Signature-256": right, "X-HomeChat-Signature": "sha256=00"},
        {"Authorization": f"Bearer {hook.secret}"},
    ]
    for headers in wrong:
        reply = hook.raw(body, headers)
        assert (reply.status_code, reply.json["code"]) == (401, "unauthenticated"), headers
    assert hook.said() == []
    assert hook.raw(body, {"X-Hub-Signature-256": right}).status_code == 200  # Guard.


def test_the_old_secret_is_dead_at_once(hook: Hook) -> None:
    new = hook.house.act(actions.renew_secret, Actor.operator(), hook.bot.id).secret
    assert hook.call({"message": "old"}).status_code == 401
    hook.secret = new
    assert hook.call({"message": "new"}).status_code == 200
    assert hook.said() == ["new"]


def test_where_the_house_cannot_read_the_secret_a_call_is_told_what_to_do(hook: Hook, house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.text("UPDATE bots SET sealed_secret = 'sealed under a key that is gone'"))
    reply = hook.call({"message": "hi"})
    assert (reply.status_code, reply.json["code"]) == (503, "unavailable")
    assert reply.json["error"] == "The bot's secret cannot be read here. Make it a new one."
    hook.secret = house.act(actions.renew_secret, Actor.operator(), hook.bot.id).secret
    assert hook.call({"message": "hi"}).status_code == 200
    assert hook.said() == ["hi"]


def test_a_hook_that_is_off_is_not_told_from_one_that_never_was(hook: Hook, house: House) -> None:
    house.act(actions.set_active, house.actor("ada"), hook.bot.id, active=False)
    off = hook.call({"message": "hi"})
    hook.bot.webhook_id = "A" * 43
    never = hook.call({"message": "hi"})
    hook.bot.webhook_id = "x" * 500
    assert hook.call({"message": "hi"}).status_code == 404
    assert off.status_code == never.status_code == 404
    assert off.json == never.json


# once, in time, not too often, not too much


@pytest.mark.parametrize("header", ["X-GitHub-Delivery", "X-HomeChat-Delivery"])
def test_a_delivery_id_counts_once(hook: Hook, header: str) -> None:
    call = {header.replace("-", "_"): "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    assert hook.call({"message": "once"}, **call).status_code == 200
    again = hook.call({"message": "once"}, **call)
    other = hook.call({"message": "twice"}, **call)
    assert [(each.status_code, each.json["code"]) for each in (again, other)] == [(409, "conflict")] * 2
    with clock.moved(timedelta(hours=25)):
        assert hook.call({"message": "once"}, **call).status_code == 409
    assert hook.call({"message": "more"}, **{header.replace("-", "_"): "another"}).status_code == 200
    assert hook.call({"message": "more"}).status_code == hook.call({"message": "more"}).status_code == 200
    assert hook.said() == ["once", "more", "more", "more"]


def test_a_call_that_was_refused_may_come_again_under_its_id(hook: Hook) -> None:
    assert hook.call({"message": ""}, X_GitHub_Delivery="d-1").status_code == 422
    assert hook.call({"message": "now"}, X_GitHub_Delivery="d-1").status_code == 200


def test_two_hooks_may_use_the_same_delivery_id(hook: Hook, house: House) -> None:
    made = make_bot(house, "ben", "Other")
    other = Hook(house, made.bot, made.secret)
    assert hook.call({"message": "a"}, X_GitHub_Delivery="same").status_code == 200
    assert other.call({"message": "b"}, X_GitHub_Delivery="same").status_code == 200


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, 200), (270, 200), (-300, 200), (301, 401), (-330, 401), (10**9, 401)]
)
def test_where_a_call_says_when_it_is_it_is_taken_for_five_minutes(
    hook: Hook, seconds: int, status: int
) -> None:
    at = str(int(clock.now().timestamp()) - seconds)
    assert hook.call({"message": "hi"}, X_HomeChat_Timestamp=at).status_code == status


@pytest.mark.parametrize("at", ["yesterday", "1e9", "-5", "٣", "9" * 40])
def test_a_time_that_is_none_is_refused(hook: Hook, at: str) -> None:
    reply = hook.call({"message": "hi"}, X_HomeChat_Timestamp=at.encode().decode("latin-1"))
    assert reply.status_code == 401


def test_the_sixty_first_call_of_a_minute_waits(hook: Hook, house: House) -> None:
    for number in range(60):
        assert hook.call({"message": f"{number}"}).status_code == 200
    reply = hook.call({"message": "one more"})
    assert (reply.status_code, reply.json["code"]) == (429, "rate_limited")
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    other = make_bot(house, "ben", "Other")
    assert Hook(house, other.bot, other.secret).call({"message": "hi"}).status_code == 200
    with clock.moved(timedelta(seconds=61)):
        assert hook.call({"message": "again"}).status_code == 200


def test_calls_that_are_not_signed_use_up_nothing(hook: Hook) -> None:
    for _each in range(61):
        assert hook.call({"message": "x"}, signature="sha256=00").status_code == 401
    assert hook.call({"message": "hi"}).status_code == 200


def test_a_flood_at_one_hook_stops_that_one_and_nothing_else(house: House) -> None:
    house = House(house.data_dir, api_limit="3/minute")
    try:
        first, second = (
            Hook(house, made.bot, made.secret) for made in (make_bot(house, "ada"), make_bot(house, "ben"))
        )
        statuses = [first.call({"message": "hi"}).status_code for _each in range(61)]
        assert statuses == [200] * 60 + [429]
        assert second.call({"message": "hi"}).status_code == 200
        for _each in range(3):
            assert Program(house).get("/server_info").status_code == 200
        assert Program(house).get("/server_info").status_code == 429  # Guard: those are counted here.
        assert second.call({"message": "hi"}).status_code == 200
    finally:
        close(house)


def test_what_is_wrongly_signed_counts_against_its_address_and_no_bot(house: House) -> None:
    house = House(house.data_dir, api_limit="3/minute")
    try:
        made = make_bot(house, "ada")
        hook, nowhere = Hook(house, made.bot, made.secret), Hook(house, make_bot(house, "ben").bot, "x")
        nowhere.bot.webhook_id = "A" * 43
        wrong = [hook.call({"message": "x"}, signature="sha256=00") for _each in range(2)]
        wrong += [nowhere.call({"message": "x"}) for _each in range(2)]
        wrong += [hook.call({"message": "x"}, signature="")]
        assert [reply.status_code for reply in wrong] == [401, 401, 404, 429, 429]
        assert wrong[-1].json["retry_after"] <= 60
        assert [reply.headers["X-RateLimit-Remaining"] for reply in wrong] == ["2", "1", "0", "0", "0"]
        assert hook.call({"message": "hi"}).status_code == 200
        assert Program(house).get("/server_info").status_code == 200
        elsewhere = {"environ_base": {"REMOTE_ADDR": "198.51.100.7"}}
        path = f"/webhooks/{made.bot.webhook_id}"
        assert Program(house).ask("POST", path, data=b"{}", **elsewhere).status_code == 401
    finally:
        close(house)


def test_a_call_may_be_as_long_as_any_other_request(hook: Hook) -> None:
    fits = json.dumps({"text": "x", "pad": "y" * 1_000_000}).encode()
    assert hook.call(fits.ljust(1_048_576)).status_code == 200
    reply = hook.call(fits.ljust(1_048_577))
    assert (reply.status_code, reply.json["code"]) == (413, "too_large")


def test_what_grafana_said_before_it_said_alerts_is_no_message_of_ours(hook: Hook) -> None:
    sent = {"title": "Too cold", "ruleName": "Cold", "state": "alerting", "message": "*Hurry* @all"}
    assert hook.call(sent).status_code == 200
    assert hook.said()[-1] == "🔴 **Too cold**\n\\*Hurry\\* @\u2060all"
    assert hook.call({**sent, "message": ""}).status_code == 200


def test_in_a_lockdown_calls_wait_and_strangers_do_not_learn_of_it(hook: Hook, house: House) -> None:
    for kind in Kind:
        house.act(lock_down, Actor.operator(), kind)
        reply = hook.call({"message": "hi"})
        assert (reply.status_code, reply.json["code"]) == (423, "locked_down"), kind
        assert hook.call({"message": "hi"}, signature="sha256=00").status_code == 401
        with house.rows() as session, transaction():
            session.execute(sa.text("DELETE FROM lockdowns"))
    assert hook.said() == []


# what it says


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        ({"message": "hi"}, "hi"),
        ({"content": "hi"}, "hi"),
        ({"action": "send_message", "message": "**hi**"}, "**hi**"),
        ({"message": "hi", "title": "News"}, "**News**\nhi"),
        ({"message": "hi", "title": "a *b*"}, "**a \\*b\\***\nhi"),
        ({"action": "status_update", "message": "at work"}, "**Status**\nat work"),
        ({"action": "status_update", "content": "at work", "title": "Mower"}, "**Mower**\nat work"),
        ({"action": "command", "command": "ping"}, "pong"),
        ({"command": "ping"}, "pong"),
        ({"action": "command", "command": "echo", "args": "a b"}, "a b"),
        ({"action": "command", "command": "echo", "args": ["a", "b"]}, "a b"),
        ({"action": "command", "command": "status"}, "Mower is switched on. 4 members in this room."),
        ({"text": "is stuck"}, "is stuck"),
    ],
)
def test_what_a_call_says(hook: Hook, sent: dict[str, Any], body: str) -> None:
    reply = hook.call(sent)
    assert reply.status_code == 200, reply.text
    assert hook.said() == [body]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"action": "send_message"},
        {"message": ""},
        {"message": "  \n"},
        {"message": None, "content": 3},
        {"message": ["hi"]},
        {"message": "x" * 10_001},
        {"action": "command"},
        {"command": "rm -rf"},
        {"command": "echo"},
        {"nothing": {"to": "read"}},
        [],
        "hi",
        3,
    ],
)
def test_what_says_nothing_is_refused(hook: Hook, sent: Any) -> None:
    reply = hook.call(sent)
    assert (reply.status_code, reply.json["code"]) == (422, "invalid")
    assert hook.said() == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"hi", b'{"a": 1' + b"0" * 6000, b"[" * 30_000])
def test_what_is_no_json_is_refused(hook: Hook, body: bytes) -> None:
    reply = hook.call(body)
    assert (reply.status_code, reply.json["code"]) in {(400, "malformed"), (422, "invalid")}


def test_github_may_wrap_it_into_a_form(hook: Hook) -> None:
    sent = {"zen": "Keep it simple.", "repository": {"full_name": "ada/greenhouse"}}
    body = urlencode({"payload": json.dumps(sent)}).encode()
    kind = "application/x-www-form-urlencoded"
    assert hook.call(body, kind=kind, X_GitHub_Event="ping").status_code == 200
    assert hook.said() == ["**ada/greenhouse** is connected. Keep it simple."]


def test_github_and_alertmanager_become_readable(hook: Hook) -> None:
    issue = {"number": 7, "title": "It rains in @all"}
    opened = {
        "action": "opened",
        "issue": issue,
        "sender": {"login": "ben"},
        "repository": {"full_name": "a/b"},
    }
    assert hook.call(opened, X_GitHub_Event="issues").status_code == 200
    alerts = {"status": "firing", "message": "raw", "alerts": [{"labels": {"alertname": "Frost"}}]}
    assert hook.call(alerts).status_code == 200
    first, second = hook.said()
    assert first == "**a/b** ben opened issue #7: It rains in @\u2060all"
    assert second.endswith("**Frost**")


# where


def test_a_call_names_its_room_or_the_bot_has_one_or_it_is_home(hook: Hook, house: House) -> None:
    public = house.room("cleo", name="Garden", kind=RoomKind.PUBLIC)
    private = house.room("ada", name="Cellar")
    house.add("ada", private, hook.bot.user.username)

    def room_of(**where: Any) -> int:
        reply = hook.call({"message": "hi", **where})
        assert reply.status_code == 200, (where, reply.text)
        return int(reply.json["message"]["channel_id"])

    for where in ({"room_id": "garden"}, {"room_id": public}, {"channel_id": public}, {"room": "#Garden"}):
        assert room_of(**where) == public
    assert room_of(channel="CELLAR") == room_of(room_id=private) == private
    assert room_of() == house.home().id
    house.act(actions.change_bot, house.actor("ada"), hook.bot.id, {"default_room_id": public})
    assert room_of() == public
    assert room_of(room_id="home") == house.home().id


@pytest.mark.parametrize("blank", [None, "", " ", "#", "# ", "\u200b"])
def test_a_room_without_a_name_is_none_and_the_bot_writes_where_it_does(
    hook: Hook, house: House, blank: str | None
) -> None:
    public = house.room("cleo", name="Garden", kind=RoomKind.PUBLIC)
    house.act(actions.change_bot, house.actor("ada"), hook.bot.id, {"default_room_id": public})
    reply = hook.call({"message": "hi", "room": blank})
    assert reply.json["message"]["channel_id"] == public
    home = hook.call({"message": "hi", "room": blank, "channel_id": "#home"})
    assert home.json["message"]["channel_id"] == house.home().id


def test_the_first_room_that_a_call_names_counts(hook: Hook, house: House) -> None:
    public = house.room("cleo", name="Garden", kind=RoomKind.PUBLIC)
    reply = hook.call({"message": "hi", "room_id": "home", "room": "Garden"})
    assert reply.json["message"]["channel_id"] == public


def test_a_private_room_that_the_bot_is_not_in_is_not_there(hook: Hook, house: House) -> None:
    private = house.room("ada", name="Cellar")
    direct = house.direct("ada", "ben")
    archived = house.room("ada", name="Attic", kind=RoomKind.PUBLIC)
    house.act(archive_room, house.actor("ada"), archived)
    for where in (private, "Cellar", direct, 999_999, "nowhere", True, [], {"x": 1}, 1.5, -1, 2**70):
        reply = hook.call({"message": "hi", "room_id": where})
        assert (reply.status_code, reply.json["code"]) == (404, "not_found"), where
    assert hook.call({"message": "hi", "room_id": archived}).status_code == 403
    assert hook.call({"message": "hi", "room_id": "Attic"}).status_code == 404


def test_when_it_was_last_called_is_noted_once_a_minute(hook: Hook, house: House) -> None:
    def noted() -> Any:
        with house.rows() as session:
            return session.scalar(sa.text("SELECT last_received_at FROM bots"))

    assert noted() is None
    hook.call({"message": "hi"})
    first = noted()
    assert first is not None
    hook.call({"message": "hi"})
    assert noted() == first
    with clock.moved(timedelta(seconds=61)):
        hook.call({"message": "hi"})
    assert noted() != first


# the document


def test_the_examples_of_the_document_sign_and_verify_as_we_do(hook: Hook) -> None:
    def example(name: str) -> Any:
        text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
        (block,) = [
            each for each in re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE) if f"def {name}(" in each
        ]
        found: dict[str, Any] = {}
        exec(textwrap.dedent(block), found)
        return found[name]

    with Receiver(answer=_yes) as receiver:
        assert example("call")(receiver.url, hook.secret, {"message": "Grüße"}) == {"ok": True}
        (request,) = receiver.received
    headers = {"X-HomeChat-Signature": request.headers["x-homechat-signature"]}
    assert hook.raw(request.body, headers).status_code == 200
    assert hook.said() == ["Grüße"]
    is_from_us = example("is_from_us")
    assert is_from_us(hook.secret, request.body, signed(hook.secret, request.body))
    assert not is_from_us(hook.secret, request.body + b" ", signed(hook.secret, request.body))


def _yes(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"ok": true}')
