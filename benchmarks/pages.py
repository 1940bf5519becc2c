"""What one person waits for: signing in, the list of rooms, a page of history, with 100 people and 100,000 messages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from benchmarks.figures import Figure, waits
from benchmarks.servers import STORED, HomeChat
from homechat.accounts.queries import person_named
from homechat.messages.history import page_before
from tests.house import PASSWORD
from tests.talkers import Talker

SIGN_INS = 30
ROUNDS = 100
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def measure(server: HomeChat, rounds: int = ROUNDS) -> list[Figure]:
    """Measure one person's waits, one request after the other."""
    person = Talker(server.url, "ada").sign_in()
    room = server.rooms[0]
    ada = server.house.actor("ada")
    measured = {
        "sign-in": _signing_in(server),
        "list of conversations": _page(person, "/"),
        "page of 50 messages": _page(person, f"/rooms/{room}"),
        "history in the database": _query(server, lambda: page_before(ada, room, before=STORED // 2)),
        "look-up of a person": _query(server, lambda: person_named("person_007")),
    }
    found = []
    for line, once in measured.items():
        once()
        times = min(rounds, SIGN_INS) if line == "sign-in" else rounds
        found += waits(line, [once() for _ in range(times)], 50, 95)
    return found


def _signing_in(server: HomeChat) -> Callable[[], float]:
    visitor = Talker(server.url, "ada")

    def sign_in() -> float:
        visitor.cookies.clear()
        found = TOKEN.search(visitor.get("/sign-in").text)
        assert found
        form = {"csrf_token": found[1], "username": "ada", "password": PASSWORD}
        began = time.perf_counter()
        reply = visitor.request("POST", "/sign-in", data=form)
        assert reply.status_code == 302, reply.text
        return time.perf_counter() - began

    return sign_in


def _page(person: Talker, path: str) -> Callable[[], float]:
    def load() -> float:
        began = time.perf_counter()
        assert person.get(path).status_code == 200
        return time.perf_counter() - began

    return load


def _query(server: HomeChat, read: Callable[[], object]) -> Callable[[], float]:
    def ask() -> float:
        with server.house.app.app_context():
            began = time.perf_counter()
            assert read()
            return time.perf_counter() - began

    return ask
