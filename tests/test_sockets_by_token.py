"""Live connections of programs: they come with a token, hear what it is for, and end with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import socketio
import sqlalchemy as sa
from socketio.exceptions import ConnectionError as Refused

import homechat.app  # noqa: F401  It registers the events.
from homechat import audit, clock
from homechat.accounts import api_tokens
from homechat.accounts.models import Standing, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Role
from homechat.bots.actions import set_active
from homechat.bots.models import Bot
from homechat.database import transaction
from homechat.doors.events import EVENTS, Sender, dispatch
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.realtime.live_sockets import LiveSocket
from homechat.security.policy import EVENT_SCOPES, SCOPES, Scope
from tests.api_client import new_token
from tests.conftest import close
from tests.house import House
from tests.server_process import ServerProcess
from tests.talkers import LOG, WAIT_SECONDS, Script, Talker

pytestmark = pytest.mark.sockets

EVERYDAY = sorted(SCOPES[Role.MEMBER])
COME_BACK_SECONDS = 60


def test_a_script_hears_and_says_what_its_person_may(
    shared_house: House, talker: Callable[..., Talker], script: Callable[[str], Script]
) -> None:
    room = shared_house.room("ben", "cleo", name="Of scripts")
    _row, token = new_token(shared_house, "ben", *EVERYDAY)
    bens, cleo = script(token).connect(), talker("cleo")

    assert cleo.say(room, "Lights on?", "script-0001")["ok"] is True
    assert bens.hear("message:posted", lambda it: it["room_id"] == room)["body"] == "Lights on?"
    said = bens.say(room, "They are on.", "script-0002")
    assert said["message"]["author"]["username"] == "ben"
    assert cleo.hear("message:posted", lambda it: it["body"] == "They are on.")["author"]["username"] == "ben"
    entry = shared_house.act(audit.entries, action=audit.Action.API_REQUEST)[0]
    assert (entry.door, entry.detail) == ("socket", {"method": "EVENT", "route": "message:send"})


def test_a_token_that_may_only_listen_says_nothing(
    shared_house: House, script: Callable[[str], Script]
) -> None:
    room = shared_house.room("ben", name="Quiet")
    _row, token = new_token(shared_house, "ben", "messages:read")
    listener = script(token).connect()

    assert listener.send("message:history", {"room_id": room})["ok"] is True
    for event, data in (
        ("message:send", {"room_id": room, "body": "hi", "client_id": "script-0003"}),
        ("typing:start", {"room_id": room}),
        ("room:list", {}),
    ):
        ack = listener.send(event, data)
        assert (ack["ok"], ack["code"], ack["scope"]) == (False, "scope_needed", str(EVENT_SCOPES[event]))
    with shared_house.rows() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM messages WHERE room_id = :id"), {"id": room}) == 0


def test_a_token_without_the_scope_to_listen_is_refused(
    shared_house: House, script: Callable[[str], Script]
) -> None:
    _row, token = new_token(shared_house, "ben", "messages:write", "channels:read")
    with pytest.raises(Refused):
        script(token).connect()


def test_a_token_that_is_bound_to_rooms_hears_no_other(
    shared_house: House, talker: Callable[..., Talker], script: Callable[[str], Script]
) -> None:
    inside, outside = (
        shared_house.room("ben", "cleo", name="In"),
        shared_house.room("ben", "cleo", name="Out"),
    )
    _row, token = new_token(shared_house, "ben", *EVERYDAY, room_ids=[inside])
    bound, cleo = script(token).connect(), talker("cleo")

    assert cleo.say(outside, "not for you", "script-0004")["ok"]
    assert cleo.post(
        "/rooms/new", {"name": "Later", "kind": "private", "member_ids": shared_house.id_of("ben")}
    ).ok
    assert cleo.say(inside, "for you", "script-0005")["ok"]
    assert bound.hear("message:posted")["body"] == "for you"

    assert [event["room_id"] for event in bound.heard("message:posted")] == [inside]
    assert bound.heard("room:entered") == []
    assert bound.send("message:history", {"room_id": outside})["code"] == "not_found"
    assert bound.say(outside, "hello", "script-0006")["code"] == "not_found"
    assert [line["room_id"] for line in bound.send("room:list")["rooms"]] == [inside]


def test_who_only_has_a_script_running_is_not_shown_as_being_here(
    shared_house: House, talker: Callable[..., Talker], script: Callable[[str], Script]
) -> None:
    with shared_house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(role="member"))
    _row, token = new_token(shared_house, "olga", *EVERYDAY)
    script(token).connect()
    row, of_bot = new_token(shared_house, "olga", "messages:read", called="Weather", as_bot=True)
    script(of_bot).connect()

    online = talker("cleo").send("room:list")["online"]

    assert shared_house.id_of("olga") not in online
    assert row.user_id in online


def test_revoking_a_token_cuts_its_connections_and_no_others(
    shared_house: House, script: Callable[[str], Script]
) -> None:
    row, token = new_token(shared_house, "ben")
    _row, other = new_token(shared_house, "ben")
    cut, kept = script(token).connect(), script(other).connect()

    shared_house.act(api_tokens.revoke, Actor.operator(), row.id)  # In another process.

    assert cut.hear("session:ended", within=2)["reason"] == "revoked"
    assert cut.ended.wait(2)
    assert kept.send("message:history", {"room_id": shared_house.home().id})["ok"] is True
    with pytest.raises(Refused):
        script(token).connect()


@pytest.mark.parametrize("values", [{"standing": Standing.LOCKED}, {"role": "guest"}])
def test_a_bot_goes_silent_with_its_owner(
    shared_house: House, script: Callable[[str], Script], values: dict[str, Any]
) -> None:
    with shared_house.rows() as session, transaction():
        session.execute(
            sa.update(User).where(User.username == "olga").values(role="member", standing="active")
        )
    _row, token = new_token(shared_house, "olga", "messages:read", as_bot=True)
    bot = script(token).connect()

    with shared_house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(**values))
        session.execute(sa.text("UPDATE security_epoch SET value = value + 1"))

    assert bot.ended.wait(2)


def test_a_bot_that_is_switched_off_is_cut_and_comes_back_when_it_is_on(
    shared_house: House, script: Callable[[str], Script]
) -> None:
    row, token = new_token(shared_house, "ben", "messages:read", called="Switched", as_bot=True)
    with shared_house.rows() as session:
        bot_id = session.scalar(sa.select(Bot.id).where(Bot.user_id == row.user_id))
    bot = script(token).connect()

    shared_house.act(set_active, Actor.operator(), bot_id, active=False)

    assert bot.ended.wait(WAIT_SECONDS)
    with pytest.raises(Refused):
        script(token).connect()
    shared_house.act(set_active, Actor.operator(), bot_id, active=True)
    assert script(token).connect().send("room:list")["ok"] is False  # It is there, and lacks that scope.


# coming back


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_python_client_comes_back_by_itself_when_the_server_does(end: str, server: ServerProcess) -> None:
    house, greeted = House(server.data_dir), threading.Semaphore(0)
    _row, token = new_token(house, "ben")
    close(house)
    client = socketio.Client(handle_sigint=False, reconnection_delay=0.2, logger=LOG, engineio_logger=LOG)
    client.on("server:hello", lambda hello: greeted.release())
    client.connect(server.url, headers={"Authorization": f"Bearer {token}"}, transports=["websocket"])
    assert greeted.acquire(timeout=WAIT_SECONDS)
    before = client.eio.ws

    getattr(server, end)()
    server.start()

    assert greeted.acquire(timeout=COME_BACK_SECONDS)
    client.disconnect()
    before.shutdown()  # What the server has closed it leaves open.


# each event anew


def test_every_event_says_which_scope_it_needs() -> None:
    assert set(EVENT_SCOPES) == set(EVENTS)


@pytest.mark.parametrize("scope", [*Scope])
@pytest.mark.parametrize("event", sorted(EVENTS))
def test_an_event_needs_its_scope_and_no_other(house: House, event: str, scope: Scope) -> None:
    row, _token = new_token(house, "ada", scope)
    room = house.home().id
    asked = {"room_id": room, "body": "hi", "client_id": "scoped-0001"}
    message = house.act(send_message, house.actor("ada"), **asked, card=ActionCard(ack_required=True)).id
    fields = {**asked, "seq": 1, "after": 0, "message_id": message, "emoji": "👍", "action_id": "ack"}

    with house.app.test_request_context():
        socket = LiveSocket("of-a-script", row.user_id, None, Role.ADMIN, token_id=row.id)
        house.app.extensions["homechat_live_sockets"].add(socket, at_most=1)
        ack = dispatch(Sender("of-a-script", "", ""), event, (fields,))

    assert ack["ok"] is (scope is EVENT_SCOPES[event])
    assert ack["ok"] or ack["code"] == "scope_needed"


@pytest.mark.parametrize("end", ["revoked", "expired", "locked"])
def test_a_token_that_ended_is_refused_at_the_next_event(house: House, end: str) -> None:
    row, _token = new_token(house, "ben", hours=1)
    sender, args = Sender("of-a-script", "", ""), ({"room_id": house.home().id},)
    with house.app.test_request_context():
        socket = LiveSocket("of-a-script", row.user_id, None, Role.MEMBER, token_id=row.id)
        house.app.extensions["homechat_live_sockets"].add(socket, at_most=1)
        assert dispatch(sender, "message:history", args)["ok"] is True
    values: dict[str, Any] = {
        "revoked": {"revoked_at": clock.now()},
        "expired": {"expires_at": clock.now() - timedelta(seconds=1)},
    }.get(end, {})
    with house.rows() as session, transaction():
        if values:
            session.execute(sa.update(ApiToken).values(**values))
        else:
            session.execute(sa.update(User).where(User.username == "ben").values(standing=Standing.LOCKED))

    with house.app.test_request_context():
        ack = dispatch(sender, "message:history", args)

    assert (ack["ok"], ack["code"]) == (False, "unauthenticated")
