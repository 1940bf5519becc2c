"""One house, two servers: they share a database, and tell each other live by Redis, which may go and come back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homechat import clock
from homechat.database import transaction
from homechat.realtime import bus
from homechat.realtime.models import LiveSocketRow
from homechat.realtime.models import ServerProcess as ServerRow
from homechat.realtime.presence import PROCESS_GONE_AFTER, PROCESS_HEARTBEAT
from tests.conftest import GENEROUS_LIMITS, close
from tests.devices import MakeDevice, devices, settle, wait_until
from tests.house import House, copy_house
from tests.postgres import empty_house, move_in
from tests.redis_server import RedisServer
from tests.server_process import ServerProcess
from tests.talkers import Talker

SOON_SECONDS = 5
"""A second is owed; a busy test machine gets more."""
BACK_SECONDS = 60
"""A server that lost Redis looks for it after 1, 2, 4 … 60 s."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Pair:
    """Two servers of one house, and what gives people a new device that talks to the one or the other."""

    on_one: MakeDevice
    on_two: MakeDevice


@pytest.fixture
def house(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    """A house on PostgreSQL with Ada (admin), Ben and Cleo (members) in it."""
    house = move_in(empty_house(postgres_url, tmp_path / "house"))
    yield house
    close(house)


@pytest.fixture
def pair(house: House, redis: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    """Both servers: each with a data folder and a way to Redis of its own.

    Neither may log a traceback, whatever becomes of Redis.
    """
    env = {
        **GENEROUS_LIMITS,
        "HOMECHAT_SECRET_KEY": house.settings.secret_key,
        "HOMECHAT_DATABASE_URL": house.settings.database_url,
    }
    with (
        ServerProcess(tmp_path / "one", {**env, "HOMECHAT_REDIS_URL": redis.url}) as one,
        ServerProcess(tmp_path / "two", {**env, "HOMECHAT_REDIS_URL": redis.socket_url}) as two,
        devices(one.url, house) as on_one,
        devices(two.url, house) as on_two,
    ):
        yield Pair(on_one, on_two)
        for server in (one, two):
            server.assert_no_traceback()


def test_who_talks_on_one_server_is_heard_live_on_the_other(
    pair: Pair, house: House, redis: RedisServer
) -> None:
    room = house.room("ada", "ben", name="Both servers")
    ben = pair.on_two("ben").connect()
    assert wait_until(lambda: redis.listeners() == 1)
    ada = pair.on_one("ada").connect()

    came = ben.hear("presence:changed", lambda data: data["person_id"] == house.id_of("ada"))
    assert came["online"] is True
    ada.send("typing:start", {"room_id": room})
    assert ben.hear("typing:started")["room_id"] == room
    assert wait_until(lambda: redis.listeners() == 2)
    _assert_heard_live(ada, ben, room)
    _assert_heard_live(ben, ada, room)


def test_while_redis_is_away_everything_is_stored_and_told_where_it_was_said(
    pair: Pair, house: House, redis: RedisServer
) -> None:
    room = house.room("ada", "ben", "cleo", name="Without Redis")
    ada, cleo, ben = _connected(pair.on_one("ada"), pair.on_one("cleo"), pair.on_two("ben"))
    assert wait_until(lambda: redis.listeners() == 2)
    _assert_heard_live(ada, ben, room)

    redis.stop()

    said = [_say(ada, room), _say(cleo, room)]
    for person in (ada, cleo):
        for message in said:
            assert person.hear("message:posted", lambda data, message=message: data == message)
    form = {"body": "by the page", "client_id": "without-redis"}
    reply = ben.post(f"/rooms/{room}/messages", form, json=True)
    assert (reply.status_code, reply.json()["ok"]) == (200, True)
    settle(ada, cleo, ben)
    assert [data["seq"] for data in ada.heard("message:posted")] == [1, 2, 3], "guard: Redis is away"
    assert [data["seq"] for data in ben.heard("message:posted")] == [1, 4]
    changes = ben.send("message:changes", {"room_id": room, "after": 1})
    assert changes["messages"][:2] == said
    assert [message["seq"] for message in changes["messages"]] == [2, 3, 4]
    for person in (ada, cleo, ben):
        assert person.socket.connected
        assert person.heard("session:ended") == []


def test_when_redis_is_back_messages_are_heard_live_again_and_each_is_seen_once(
    pair: Pair, house: House, redis: RedisServer
) -> None:
    room = house.room("ada", "ben", name="Redis is back")
    ada, ben = _connected(pair.on_one("ada"), pair.on_two("ben"))
    assert wait_until(lambda: redis.listeners() == 2)
    _assert_heard_live(ada, ben, room)
    redis.stop()
    missed = [_say(ada, room)["seq"] for _ in range(3)]

    redis.start()

    _assert_heard_live_within(BACK_SECONDS, ada, ben, room)
    _assert_heard_live_within(BACK_SECONDS, ben, ada, room)
    for person in (ada, ben):
        _assert_sees_each_once(person, room)
    assert not set(missed) & {data["seq"] for data in ben.heard("message:posted")}, "guard: Redis was away"


def test_a_removal_reaches_the_other_server_while_redis_is_away(
    pair: Pair, house: House, redis: RedisServer
) -> None:
    room = house.room("ada", "ben", "cleo", name="Removed over there")
    ada, cleo, ben = _connected(pair.on_one("ada"), pair.on_two("cleo"), pair.on_two("ben"))
    redis.stop()
    _assert_heard_live(cleo, ben, room)

    assert ada.post(f"/rooms/{room}/members/{house.id_of('ben')}/remove").status_code == 302

    ben.hear("room:left", lambda data: data["room_id"] == room, within=SOON_SECONDS)
    said = _say(cleo, room)
    cleo.hear("message:posted", lambda data: data == said)
    settle(ben)
    assert [data["seq"] for data in ben.heard("message:posted")] == [1]
    assert ben.send("message:changes", {"room_id": room, "after": 1})["code"] == "not_found"


def test_a_redis_that_hangs_holds_up_one_message_and_not_all(
    pair: Pair, house: House, redis: RedisServer
) -> None:
    room = house.room("ada", "ben", "cleo", name="Redis hangs")
    ada, cleo, ben = _connected(pair.on_one("ada"), pair.on_one("cleo"), pair.on_two("ben"))
    assert wait_until(lambda: redis.listeners() == 2)
    _assert_heard_live(ada, ben, room)

    redis.freeze()

    for _ in range(10):
        _assert_heard_live(ada, cleo, room)
    changes = ben.send("message:changes", {"room_id": room, "after": 1})
    assert len(changes["messages"]) == 10
    redis.thaw()
    _assert_heard_live_within(BACK_SECONDS, ada, ben, room)
    _assert_sees_each_once(ben, room)


def test_whose_last_window_was_on_a_server_that_died_is_offline_to_the_others(
    pair: Pair, house: House
) -> None:
    ada = pair.on_one("ada").connect()
    with house.rows() as session, transaction():
        session.add(ServerRow(id="died", seen_at=clock.now() - 2 * PROCESS_GONE_AFTER))
        session.flush()
        session.add(LiveSocketRow(sid="window", process_id="died", user_id=house.id_of("ben")))

    left = ada.hear("presence:changed", within=2 * PROCESS_HEARTBEAT.total_seconds())

    assert (left["person_id"], left["online"]) == (house.id_of("ben"), False)
    assert left["last_seen_at"] is not None


def test_who_waited_for_redis_in_vain_does_not_ask_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "HUNG_SECONDS", 0.01)
    monkeypatch.setattr(bus, "REDIS_RETRY_SECONDS", 0.2)
    tried: list[str] = []

    def hangs(message: str) -> None:
        tried.append(message)
        time.sleep(0.02)

    publish = bus.patient(hangs)
    for message in ("first", "left out", "left out"):
        publish(message)
    time.sleep(0.25)
    publish("later")

    assert tried == ["first", "later"]


def test_two_houses_on_one_redis_hear_nothing_of_each_other(
    cast_folder: Path, redis: RedisServer, tmp_path: Path
) -> None:
    env = {**GENEROUS_LIMITS, "HOMECHAT_REDIS_URL": redis.url}
    with (
        ServerProcess(copy_house(cast_folder, tmp_path / "ours"), env) as ours,
        ServerProcess(copy_house(cast_folder, tmp_path / "theirs"), env) as theirs,
    ):
        ada, ben = _connected(Talker(ours.url, "ada").sign_in(), Talker(theirs.url, "ben").sign_in())
        (home,) = (line["room_id"] for line in ada.send("room:list")["rooms"])
        assert wait_until(lambda: redis.listeners() == 2)

        _say(ada, home)

        assert _say(ben, home)["seq"] == 1, "guard: the rooms have the same number"
        settle(ben)
        assert [data["author"]["username"] for data in ben.heard("message:posted")] == ["ben"]
        ada.close()
        ben.close()


def _connected(*people: Talker) -> list[Talker]:
    return [person.connect() for person in people]


def _say(person: Talker, room: int) -> dict[str, Any]:
    """Send something and return the message as it was acknowledged."""
    ack = person.say(room, "something", f"two-servers-{next(_numbers):04d}")
    assert ack["ok"] is True, ack
    message: dict[str, Any] = ack["message"]
    return message


def _assert_heard_live(speaker: Talker, listener: Talker, room: int) -> None:
    message = _say(speaker, room)
    assert listener.hear("message:posted", lambda data: data["id"] == message["id"]) == message


def _assert_heard_live_within(seconds: float, speaker: Talker, listener: Talker, room: int) -> None:
    """Assert that sooner or later what one says is heard by the other; the one says something until then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        message = _say(speaker, room)
        if wait_until(
            lambda message=message: message in listener.heard("message:posted"), within=LOOK_SECONDS
        ):
            return
    raise AssertionError(f"{listener.name} still hears nothing of what {speaker.name} says")


def _assert_sees_each_once(person: Talker, room: int) -> None:
    """Assert that what was told live, and what is caught up with after the first gap, make one whole together."""
    live = [data for data in person.heard("message:posted") if data["room_id"] == room]
    places = [data["seq"] for data in live]
    assert len(places) == len(set(places)), "told twice"
    up_to = next(number for number in itertools.count() if number + 1 not in places)
    changes = person.send("message:changes", {"room_id": room, "after": up_to})
    seen = {data["id"]: data for data in [*live, *changes["messages"]]}
    assert sorted(data["seq"] for data in seen.values()) == list(range(1, changes["last_seq"] + 1))


_numbers = itertools.count(1)
