"""What one person waits for: signing in, the list of rooms, a page of history, with 100 people and 100,000 messages."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from benchmarks.figures import Figure, percentile
from benchmarks.servers import HomeChat, resident_bytes
from homechat import clock
from homechat.accounts.queries import person_named
from homechat.database import transaction
from homechat.messages.history import page_before
from homechat.messages.models import Message
from homechat.rooms.models import Room
from tests.house import PASSWORD
from tests.talkers import Talker

STORED = 100_000
SIGN_INS = 30
ROUNDS = 100
SOCKETS = 500
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
PARTS = re.compile(r'(?:href|src)="(/static/[^"]+\.(?:js|css|svg|woff2)[^"]*)"')


def fill(server: HomeChat, messages: int = STORED) -> None:
    """Put messages into the room of the benchmarks, as if they had been written over the last years."""
    ids = [server.house.id_of(name) for name in server.names]
    began = clock.now() - timedelta(minutes=messages)
    with server.house.rows(), transaction() as session:
        room = session.get_one(Room, server.room)
        rows = [
            {
                "room_id": room.id,
                "seq": room.last_seq + number,
                "changed_seq": room.last_seq + number,
                "author_id": ids[number % len(ids)],
                "client_id": f"stored-{number:08d}",
                "body": f"Number {number}: the **plumber** comes on Thursday, will somebody be there?",
                "created_at": began + timedelta(minutes=number),
            }
            for number in range(1, messages + 1)
        ]
        session.execute(sa.insert(Message), rows)
        room.last_seq += messages


def measure(server: HomeChat, rounds: int = ROUNDS) -> list[Figure]:
    """Measure one person's waits, one request after the other."""
    visitor = Talker(server.url, "ada")
    person = Talker(server.url, "ada")
    person.sign_in()
    room = server.room
    ada = server.house.actor("ada")

    def sign_in() -> float:
        visitor.cookies.clear()
        found = TOKEN.search(visitor.get("/sign-in").text)
        assert found
        form = {"csrf_token": found[1], "username": "ada", "password": PASSWORD}
        began = time.perf_counter()
        reply = visitor.request("POST", "/sign-in", data=form)
        assert reply.status_code == 302, reply.text
        return time.perf_counter() - began

    def page(path: str) -> Callable[[], float]:
        def load() -> float:
            began = time.perf_counter()
            assert person.get(path).status_code == 200
            return time.perf_counter() - began

        return load

    def in_the_database(read: Callable[[], object]) -> Callable[[], float]:
        def measured() -> float:
            with server.house.app.app_context():
                began = time.perf_counter()
                read()
                return time.perf_counter() - began

        return measured

    return [
        *_waits("sign-in", sign_in, min(rounds, SIGN_INS)),
        *_waits("list of conversations", page("/"), rounds),
        *_waits("page of 50 messages", page(f"/rooms/{room}"), rounds),
        *_waits(
            "history in the database",
            in_the_database(lambda: page_before(ada, room, before=STORED // 2)),
            rounds,
        ),
        *_waits("look-up of a person", in_the_database(lambda: person_named("person_007")), rounds),
    ]


def measure_connections(server: HomeChat, sockets: int = SOCKETS) -> list[Figure]:
    """Measure what it takes to connect, and what a connection holds that says nothing."""
    before = resident_bytes(server.pid)
    clients = [server.client(number) for number in range(sockets)]
    time.sleep(2)
    grown = resident_bytes(server.pid) - before
    for client in clients:
        client.close()
    took = [client.connected_in for client in clients]
    return [
        Figure("connect", "p50", percentile(took, 50) * 1e3, "ms"),
        Figure("connect", "p95", percentile(took, 95) * 1e3, "ms"),
        Figure(f"{sockets} idle sockets", "memory of one", grown / sockets / 1024, "KiB"),
    ]


def measure_size(server: HomeChat) -> list[Figure]:
    """Measure a server that has only just started, and the weight of the first page."""
    idle = resident_bytes(server.pid)
    person = Talker(server.url, "ben").sign_in()
    html = person.get("/").content
    parts = [person.get(path).content for path in sorted(set(PARTS.findall(html.decode())))]
    packed = sum(len(gzip.compress(body, 6)) for body in (html, *parts))
    return [
        Figure("server", "until it answers", server.started_in, "s"),
        Figure("server", "idle memory", idle / 1024 / 1024, "MiB"),
        Figure("first page", "as it is", sum(map(len, (html, *parts))) / 1000, "kB"),
        Figure("first page", "compressed by the proxy", packed / 1000, "kB"),
    ]


def _waits(line: str, once: Callable[[], float], rounds: int) -> list[Figure]:
    once()
    took = [once() for _ in range(rounds)]
    return [
        Figure(line, "p50", percentile(took, 50) * 1e3, "ms"),
        Figure(line, "p95", percentile(took, 95) * 1e3, "ms"),
    ]
