"""Cards over real connections: everybody of the room hears who tapped first, and a killed server forgets no answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from homechat.bots import actions
from homechat.security.policy import Scope
from tests.api_client import new_token
from tests.conftest import GENEROUS_LIMITS, close
from tests.devices import devices, settle
from tests.house import House, copy_house
from tests.receivers import Receiver, black_hole
from tests.server_process import ServerProcess
from tests.talkers import Script, Talker
from tests.test_action_cards import AS_SENT, person
from tests.test_deliveries import _wait, house_at, listening, rows, states
from tests.test_postgresql import at_once
from tests.test_webhooks import signed

pytestmark = pytest.mark.sockets

MakeTalker = Callable[..., Talker]
MakeScript = Callable[[str], Script]


def post(url: str, token: str, room: int, **asked: Any) -> dict[str, Any]:
    """Have a program ask something, and return the message."""
    reply = requests.post(
        f"{url}/api/v1/channels/{room}/messages",
        json={"message": "Somebody rings", "actions": AS_SENT, **asked},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert reply.status_code == 200, reply.text
    message: dict[str, Any] = reply.json()["message"]
    return message


def tap(who: Talker, message: dict[str, Any], action: str) -> dict[str, Any]:
    return who.send("message:answer", {"message_id": message["id"], "action_id": action})


def token_of(house: House, name: str) -> str:
    return new_token(house, name, Scope.MESSAGES_READ.value, Scope.MESSAGES_WRITE.value)[1]


def test_the_room_hears_who_was_first_and_nobody_else_hears_anything(
    talker: MakeTalker, script: MakeScript, shared_house: House
) -> None:
    room = shared_house.room("ben", "cleo", name="Bell")
    ben, cleo, ada = talker("ben"), talker("cleo"), talker("ada")
    token = token_of(shared_house, "ben")
    program = script(token).connect()
    message = post(ben.url, token, room, ack_required=True)
    live = cleo.hear("message:posted", lambda it: it["id"] == message["id"])
    assert ([it["id"] for it in live["actions"]], live["answered"]) == (["let_in", "wait", "away"], None)

    ack = tap(cleo, message, "let_in")
    assert ack["ok"] is True, ack
    for listener in (ben, cleo, program):
        told = listener.hear("message:answered", lambda it: it["id"] == message["id"])
        assert told == ack["message"]
        assert told["answer"]["by"] == person(shared_house, "cleo")
    edit = ben.send("message:edit", {"message_id": message["id"], "body": "Burn it all?"})
    assert (edit["ok"], edit["code"]) == (False, "conflict")
    late = tap(ben, message, "wait")
    assert (late["code"], late["error"]) == ("conflict", "Cleo was first: Let in")
    again = tap(cleo, message, "let_in")
    assert again["message"]["changed_seq"] == ack["message"]["changed_seq"]
    assert tap(program, message, "ack")["code"] == "forbidden"
    assert tap(ada, message, "wait")["code"] == "not_found"

    assert tap(ben, message, "ack")["ok"] is True
    seen = cleo.hear("message:answered", lambda it: it["answer"]["type"] == "ack")
    assert [it["by"]["username"] for it in seen["acks"]] == ["ben"]
    assert [it["username"] for it in seen["waiting_for"]] == ["cleo"]
    settle(ada, cleo)
    assert ada.heard("message:answered") == []
    assert len(cleo.heard("message:answered")) == 2

    missed = talker("cleo").send("message:changes", {"room_id": room, "after": 0})
    assert missed["messages"][-1]["answered"]["action_id"] == "let_in"


def test_of_taps_at_the_same_moment_one_counts(talker: MakeTalker, shared_house: House) -> None:
    room = shared_house.room("ben", "cleo", "ada", name="Bells")
    people = [talker(name) for name in ("ben", "cleo", "ada") for _device in range(2)]
    token = token_of(shared_house, "ben")
    for _round in range(5):
        message = post(people[0].url, token, room)
        acks = at_once(
            *[partial(tap, who, message, AS_SENT[number % 3]["id"]) for number, who in enumerate(people)]
        )
        winners = [ack for ack in acks if ack["ok"]]
        assert len(winners) == 1
        assert {ack["code"] for ack in acks if not ack["ok"]} == {"conflict"}
        for who in people:
            told = who.hear("message:answered", lambda it, wanted=message["id"]: it["id"] == wanted)
            assert told["answered"] == winners[0]["message"]["answered"]


def test_an_answer_survives_kill_9_and_arrives_after_the_next_start(
    cast_folder: Path, tmp_path: Path
) -> None:
    server = ServerProcess(copy_house(cast_folder, tmp_path / "data"), GENEROUS_LIMITS)
    house = house_at(server)
    with black_hole() as hole:
        made = listening(house, f"http://127.0.0.1:{hole}/")
        with server, devices(server.url, house) as device:
            body = b'{"message": "Ring", "actions": [{"id": "open", "label": "Open"}]}'
            reply = requests.post(
                f"{server.url}/api/v1/webhooks/{made.bot.webhook_id}",
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "X-HomeChat-Signature": signed(made.secret, body),
                },
                timeout=30,
            )
            message = reply.json()["message"]
            assert tap(device("ben").connect(), message, "open")["ok"] is True
            _wait(lambda: any(row.leased_until for row in rows(house)))
            server.kill()
    assert states(house) == [("waiting", 0, None, "")]
    with Receiver() as receiver:
        house.act(actions.change_bot, house.actor("ada"), made.bot.id, {"callback_url": receiver.url})
        with server:
            (call,) = receiver.wait_for(1)
            _wait(lambda: states(house)[0][0] == "delivered")
    assert (call.json["type"], call.json["action_id"]) == ("action", "open")
    assert (call.json["by"], call.json["message_id"]) == (person(house, "ben"), message["id"])
    assert call.headers["x-homechat-signature"] == signed(made.secret, call.body)
    close(house)
