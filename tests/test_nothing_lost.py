"""Nothing that was acknowledged is ever lost, and nothing is there twice: not by bad networks, crashes or restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

from homechat.database import sqlite_driver as sqlite3
from tests.bad_wifi import BAD, WINDOW_MESSAGES, Sender, Watcher
from tests.conftest import GENEROUS_LIMITS
from tests.devices import devices, wait_until
from tests.house import House
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.sockets, pytest.mark.slow]

AUTHORS = ("ada", "ben", "cleo", "gus")
SEED = 20261120
STOP_SECONDS = 10


def test_a_thousand_messages_over_a_bad_network_are_each_stored_once_and_seen_in_one_order(
    house: House,
) -> None:
    room = house.room("ada", *AUTHORS[1:], name="Bad network")
    with ServerProcess(house.data_dir, GENEROUS_LIMITS) as server, devices(server.url, house) as device:
        senders = [Sender(device(name), room, Random(f"{SEED} {name}"), BAD) for name in AUTHORS]
        watchers = [
            Watcher(device(name), room, Random(f"{SEED} watcher {name}"), BAD) for name in ("ben", "gus")
        ]
        for sender in senders:
            sender.outbox = {
                f"wifi-{sender.device.name}-{n:04d}": f"{n} of {sender.device.name}" for n in range(250)
            }
        for watcher in watchers:
            watcher.start()

        with _at_once([sender.deliver for sender in senders]):
            pass
        shown = [watcher.finish() for watcher in watchers]

    assert [sender.refused for sender in senders] == [[], [], [], []]
    stored = _stored(house, room)
    assert len(stored) == 1000
    assert {client_id: body for client_id, body, _ in stored} == _everything(senders)
    assert [seq for _, _, seq in stored] == list(range(1, 1001))
    in_order = [client_id for client_id, _, _ in stored]
    assert shown == [in_order, in_order]
    assert in_order != sorted(in_order), "guard: the senders took turns"
    assert all(watcher.caught_up > 3 for watcher in watchers), "guard: there were gaps to close"
    _assert_acks_were_true(senders, stored)


def test_what_was_acknowledged_survives_the_sudden_death_of_the_server(house: House) -> None:
    room = house.room("ada", *AUTHORS[1:], name="Sudden death")
    random = Random(SEED)
    with ServerProcess(house.data_dir, GENEROUS_LIMITS) as server, devices(server.url, house) as device:
        senders = [Sender(device(name), room, Random(f"{SEED} {name}")) for name in AUTHORS]
        acked_before = []
        with _keep_sending(senders):
            for _ in range(3):
                _wait_for_more(senders, 20)
                time.sleep(random.uniform(0, 0.5))
                server.kill()
                acked_before.append({client_id for sender in senders for client_id in sender.acked})
                stored = {client_id for client_id, _, _ in _stored(house, room)}
                assert acked_before[-1] <= stored
                server.start()
        for sender in senders:
            sender.deliver()

    stored = _stored(house, room)
    assert len(acked_before[-1]) >= 200, "guard: there was a load"
    assert {client_id: body for client_id, body, _ in stored} == _everything(senders)
    assert len(stored) == len(_everything(senders)), "nothing is there twice"
    assert [seq for _, _, seq in stored] == list(range(1, len(stored) + 1))
    _assert_acks_were_true(senders, stored)
    with sqlite3.connect(house.settings.sqlite_file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_server_that_is_asked_to_stop_answers_what_it_has_begun(house: House) -> None:
    room = house.room("ada", *AUTHORS[1:], name="Orderly stop")
    with ServerProcess(house.data_dir, GENEROUS_LIMITS) as server, devices(server.url, house) as device:
        senders = [Sender(device(name), room, Random(SEED)) for name in AUTHORS]
        listener = device("cleo").connect()
        with _keep_sending(senders, until_restart=True):
            _wait_for_more(senders, 20)

            asked = time.monotonic()
            code = server.stop()
            took = time.monotonic() - asked

    assert code == 0
    assert took <= STOP_SECONDS
    for person in (listener, *(sender.device for sender in senders)):
        assert person.heard("server:restarting") == [{}]
        assert person.ended.wait(STOP_SECONDS)
    acked = {client_id for sender in senders for client_id in sender.acked}
    assert {client_id for client_id, _, _ in _stored(house, room)} == acked
    server.assert_no_traceback()


@contextmanager
def _at_once(tasks: list[Callable[[], None]]) -> Iterator[None]:
    """Run `tasks` beside the block, and wait for them at its end; what one of them raises is raised here."""
    failures: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
    assert failures == []


@contextmanager
def _keep_sending(senders: list[Sender], *, until_restart: bool = False) -> Iterator[None]:
    """Have all of them send until the block ends, or each until it is told that the server restarts."""
    is_over = threading.Event()

    def keep_sending(sender: Sender) -> None:
        while not is_over.is_set() and not (until_restart and sender.device.heard("server:restarting")):
            for _ in range(WINDOW_MESSAGES):
                client_id = f"load-{sender.device.name}-{len(sender.outbox):06d}"
                sender.outbox[client_id] = f"load {len(sender.outbox)}"
            sender.deliver_some(sender.left()[:WINDOW_MESSAGES])

    with _at_once([lambda sender=sender: keep_sending(sender) for sender in senders]):
        try:
            yield
        finally:
            is_over.set()


def _wait_for_more(senders: list[Sender], count: int) -> None:
    """Wait until each of them has had `count` more answers."""
    goals = [(sender, len(sender.acked) + count) for sender in senders]
    assert wait_until(lambda: all(len(sender.acked) >= goal for sender, goal in goals), within=60)


def _everything(senders: list[Sender]) -> dict[str, str]:
    return {client_id: body for sender in senders for client_id, body in sender.outbox.items()}


def _stored(house: House, room: int) -> list[tuple[str, str, int]]:
    """Return the client id, body and place of each message of a room, in the order in which they were stored."""
    with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
        query = "SELECT client_id, body, seq FROM messages WHERE room_id = ? ORDER BY id"
        return connection.execute(query, [room]).fetchall()


def _assert_acks_were_true(senders: list[Sender], stored: list[tuple[str, str, int]]) -> None:
    places = {client_id: seq for client_id, _, seq in stored}
    for sender in senders:
        for client_id, message in sender.acked.items():
            assert (message["client_id"], message["seq"]) == (client_id, places[client_id])
