"""What a program waits for: posting, 200 rooms, pages of 100,000 messages; and what its token costs of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Figure, Limit, waits
from benchmarks.processes import cpu_seconds
from benchmarks.servers import STORED, HomeChat, let_settle, words
from homechat.accounts import bearers
from homechat.actor import Door
from homechat.security.policy import SCOPES
from tests.api_client import new_token

ROUNDS = 200
SECONDS = 5.0
TOGETHER = 10
ROOMS = 200
POST, TOGETHER_LINE = "POST /messages", f"POST /messages, {TOGETHER} at once"
LIST, LIST_AGAIN = f"GET /channels, {ROOMS} rooms", f"GET /channels, {ROOMS} rooms, unchanged (ETag)"
NEWEST, MIDDLE = "GET /messages, newest 50", "GET /messages, 50 in the middle"
OWED = {
    (POST, "p95"): Limit(below=150),
    (TOGETHER_LINE, "p95"): Limit(below=150),
    (LIST, "p95"): Limit(below=50),
    (NEWEST, "p95"): Limit(below=100),
    (MIDDLE, "p95"): Limit(below=100),
}
"""As the same through the browser."""


class Caller:
    """A program with one connection that it keeps."""

    def __init__(self, server: HomeChat, token: str) -> None:
        place = urlsplit(server.url)
        self._connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(
        self, method: str, path: str, body: Any = None, *, expect: int = 200, etag: str = ""
    ) -> tuple[float, str]:
        """Return how many seconds one request took, and its reply's ETag."""
        headers = {**self._headers, **({"If-None-Match": etag} if etag else {})}
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body), "application/json"
        began = time.perf_counter()
        self._connection.request(method, f"/api/v1{path}", content, headers)
        reply = self._connection.getresponse()
        text = reply.read()
        took = time.perf_counter() - began
        assert reply.status == expect, (reply.status, text[:200])
        return took, reply.headers.get("ETag", "")


def measure(server: HomeChat, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Figure]:
    """Measure one program after the other, and ten that post at once, each with a token of its own."""
    found = [*_posting(server, rounds), *_posting_together(server, seconds)]
    found += _rooms(server, rounds)
    found += _history(server, rounds)
    found += _token(server, rounds)
    let_settle(server)
    return found


def _posting(server: HomeChat, rounds: int) -> list[Figure]:
    caller = _caller(server, 1)
    took = [caller.ask("POST", "/messages", _message(server, number, 1))[0] for number in range(rounds)]
    return [Figure(POST, "stored", len(took) / sum(took), "a second"), *waits(POST, took, 50, 95)]


def _posting_together(server: HomeChat, seconds: float) -> list[Figure]:
    """Let each post to a room of its own, the next when the last is stored for good."""

    def post(person: int) -> list[float]:
        caller = _caller(server, person)
        took: list[float] = []
        caller.ask("GET", "/me")
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            took.append(caller.ask("POST", "/messages", _message(server, len(took), person))[0])
        return took

    cpu = cpu_seconds(server.pid)
    with ThreadPoolExecutor(TOGETHER) as pool:
        took = [one for each in pool.map(post, range(1, TOGETHER + 1)) for one in each]
    cpu = cpu_seconds(server.pid) - cpu
    return [
        Figure(TOGETHER_LINE, "stored", len(took) / seconds, "a second"),
        *waits(TOGETHER_LINE, took, 50, 95),
        Figure(TOGETHER_LINE, "CPU per message", cpu / len(took) * 1e3, "ms"),
    ]


def _rooms(server: HomeChat, rounds: int) -> list[Figure]:
    name = server.names[-1]
    for number in range(ROOMS - 1):  # One more is home.
        server.house.app.extensions["homechat_budgets"].storage.reset()  # Nobody makes that many in an hour.
        room = server.house.room(name, name=f"Shelf {number}")
        server.house.say(name, room, words(number))
    caller = _caller(server, -1)
    etag = caller.ask("GET", "/channels")[1]
    again = [caller.ask("GET", "/channels", expect=304, etag=etag)[0] for _ in range(rounds)]
    return [
        *waits(LIST, [caller.ask("GET", "/channels")[0] for _ in range(rounds)], 50, 95),
        *waits(LIST_AGAIN, again, 50, 95),
    ]


def _history(server: HomeChat, rounds: int) -> list[Figure]:
    caller, home = _caller(server, 1), server.rooms[0]
    found = []
    for line, query in ((NEWEST, ""), (MIDDLE, f"&before={STORED // 2}")):
        path = f"/messages?channel_id={home}&limit=50{query}"
        caller.ask("GET", path)
        found += waits(line, [caller.ask("GET", path)[0] for _ in range(rounds)], 50, 95)
    return found


def _token(server: HomeChat, rounds: int) -> list[Figure]:
    """Compare the look at a token with the shortest request and with a post, in one process, in turns."""
    text = _new_token(server, 1)
    client = server.house.app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {text}"}

    def look() -> None:
        with server.house.app.app_context():
            row = bearers.find(text)
            assert row is not None
            bearers.actor_of(row, door=Door.API)
            bearers.touch(row, "")

    def ask() -> None:
        assert client.get("/api/v1/me", headers=headers, base_url="https://localhost").status_code == 200

    def post() -> None:
        message = _message(server, next(_numbers), 1)
        reply = client.post("/api/v1/messages", json=message, headers=headers, base_url="https://localhost")
        assert reply.status_code == 200, reply.text

    looks, asks, posts = ([], [], [])  # type: tuple[list[float], list[float], list[float]]
    for _ in range(rounds):
        for times, do in ((looks, look), (asks, ask), (posts, post)):
            times.append(_timed(do))
    line = "the token's share"
    return [
        Figure(line, "p50", median(looks) * 1e3, "ms"),
        Figure(line, "of GET /me", median(looks) / median(asks) * 100, "%"),
        Figure(line, "of POST /messages", median(looks) / median(posts) * 100, "%"),
    ]


def _caller(server: HomeChat, person: int) -> Caller:
    return Caller(server, _new_token(server, person))


def _new_token(server: HomeChat, person: int) -> str:
    name = server.names[person]
    role = server.house.actor(name).role
    assert role is not None
    return new_token(server.house, name, *sorted(SCOPES[role]))[1]


def _message(server: HomeChat, number: int, person: int) -> dict[str, Any]:
    return {"message": words(number), "channel_id": server.rooms[person]}


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


_numbers = iter(range(1, 10**9))
