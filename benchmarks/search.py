"""Finding what was said among 100,000 messages, and what keeping them findable adds to a send."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from unittest.mock import patch

from benchmarks.figures import Figure, Limit, waits
from benchmarks.servers import STORED, HomeChat, let_settle, words
from homechat import clock
from homechat.actor import Actor
from homechat.database import transaction
from homechat.messages import actions
from homechat.messages.search import search
from homechat.messages.search_index import fill_index, words_of
from tests.talkers import Talker

ROUNDS = 25  # As many as a person may search in a minute, and a few to spare.
SENDS = 400
QUERIES = {
    "a rare word": "77777",
    "a word that is in all": "plumber",
    "three words": "number plumber thu",
    "a phrase": '"comes on thursday"',
    "two letters": "pl",
    "nothing": "submarine",
}
ELSEWHERE = "a word that is in all, but elsewhere"
OWED = {(f"search for {name}", "p95"): Limit(below=100) for name in (*QUERIES, ELSEWHERE)}
"""As a page of 50 messages."""


def measure(server: HomeChat, rounds: int = ROUNDS, sends: int = SENDS) -> list[Figure]:
    """Put the stored messages into the index, then look for things in them, in the database and as a page."""
    found = [_filling(server)]
    ada, olga = server.house.actor("ada"), server.house.actor("olga")
    for name, q in QUERIES.items():
        found += waits(f"search for {name}", _times(server, ada, q, rounds), 50, 95)
    server.house.room("ada", "olga", name="Alone")
    found += waits(f"search for {ELSEWHERE}", _times(server, olga, "plumber", rounds), 50, 95)
    found += waits("search page", _page(server, rounds), 50, 95)
    found += _cost_of_a_send(server, sends)
    let_settle(server)
    return found


def _filling(server: HomeChat) -> Figure:
    with server.house.rows() as session, transaction():
        began = time.perf_counter()
        fill_index(session.connection())
        took = time.perf_counter() - began
    return Figure(f"index of {STORED:,} messages", "filled in", took, "s")


def _times(server: HomeChat, actor: Actor, q: str, rounds: int) -> list[float]:
    # How often somebody may search is not what is measured.
    a_minute_later = timedelta(minutes=next(_minutes))
    with server.house.app.app_context(), clock.moved(a_minute_later):
        return [_timed(lambda: search(actor, q)) for _ in range(rounds)]


def _page(server: HomeChat, rounds: int) -> list[float]:
    person = Talker(server.url, server.names[1]).sign_in()

    def load() -> None:
        assert "hit__text" in person.get("/search?q=plumber").text

    load()
    return [_timed(load) for _ in range(rounds)]


def _cost_of_a_send(server: HomeChat, sends: int) -> list[Figure]:
    """Compare sends with and without words in the index, in turns; the ratio is what counts."""
    numbers = count(1)
    ben, room = server.house.actor(server.names[1]), server.rooms[1]

    def send() -> None:
        number = next(numbers)
        actions.send_message(ben, room_id=room, body=words(number), client_id=f"search-{number:08d}")

    with_words, without = [], []
    with server.house.app.app_context():
        for _ in range(sends):
            with_words.append(_timed(send))
            with (
                patch.object(actions, "words_of", new=lambda body: ""),
                patch.object(actions, "index_message", new=lambda *given: None),
            ):
                without.append(_timed(send))
    long, short = statistics.median(with_words), statistics.median(without)
    line = "send with its words"
    return [
        Figure(line, "p50", long * 1e3, "ms"),
        Figure(line, "more than without", (long - short) * 1e3, "ms"),
        Figure(line, "times as long", long / short, ""),
        *waits(line, [_timed(lambda: words_of(words(7))) for _ in range(sends)], 50, what="key"),
    ]


_minutes = count(1)


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
