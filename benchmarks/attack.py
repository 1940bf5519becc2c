"""A member goes on chatting while strangers do their worst: how long members and the health check wait meanwhile.

The lines carry the letters of W-6, the list of threats that each release has to stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.attackers import (
    HALF_OPEN,
    endless_fragments,
    half_open,
    knocking,
    legacy_handshake,
    made_up_cookie,
    under,
)
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Limit, waits
from benchmarks.processes import calm_down, resident_bytes
from benchmarks.servers import HomeChat, words
from benchmarks.socket_io import SocketIoClient, handshake, open_wire

SECONDS = 10.0
PAUSE_SECONDS = 0.02
WARM_UP = 30
PEOPLE = 10
SLOW_READERS = 3
LONG = "ä" * 10_000
# All but what a member may write, who writes without a rest to be measured, is as it is in any house.
SETTINGS = {"HOMECHAT_MESSAGES_PER_MINUTE": "10000"}
UP = b"GET /up HTTP/1.1\r\nHost: localhost\r\n\r\n"

LINES = {
    "a": "W-6a handshakes without a cookie",
    "a, cookie": "W-6a handshakes with a made-up cookie",
    "b": "W-6b 1,030 half-open connections",
    "c": "W-6c 3 peers streaming 64 KB fragments",
    "d": "W-6d legacy handshakes",
    "e": "W-6e 3 slow readers of long messages",
}
OWED = {
    **{(line, "/up p95"): Limit(below=100) for line in LINES.values()},
    **{(line, "send to ack p95"): Limit(below=150) for line in LINES.values()},
    **{(line, "memory grown"): Limit(below=64) for line in LINES.values()},
}


@dataclass(frozen=True)
class Attack:
    """What goes on while the block of `running` runs, which may give a count of `what` happened.

    body: what the member writes meanwhile.  ready_at: the count from which on it is worth measuring.
    """

    line: str
    running: AbstractContextManager[Callable[[], int] | None]
    what: str = ""
    body: str = words(0)
    ready_at: int = 1


def measure(seconds: float = SECONDS) -> list[Figure]:
    """Measure a new house under each attack in turn, for so many seconds each."""
    with (
        closing(HomeChat(people=PEOPLE, stored=0, settings=SETTINGS)) as server,
        Crowd([server.client(1)]) as member,
    ):
        for _ in range(WARM_UP):
            _ask_health(server.url)
            _send(server, member, words(0))
        return [figure for attack in _attacks(server) for figure in _during(attack, server, member, seconds)]


def _attacks(server: HomeChat) -> list[Attack]:
    url = server.url
    without, with_cookie = handshake(url), handshake(url, made_up_cookie())
    return [
        Attack("no attack", nullcontext()),
        Attack(LINES["a"], under(knocking(without), url), "handshakes"),
        Attack(LINES["a, cookie"], under(knocking(with_cookie), url), "handshakes"),
        Attack(LINES["b"], under(half_open, url), ready_at=HALF_OPEN),
        Attack(LINES["c"], under(endless_fragments(server.cookie(2)), url, peers=3), "fragments"),
        Attack(LINES["d"], under(knocking(legacy_handshake(url)), url), "handshakes"),
        Attack(LINES["e"], _slow_readers(server), body=LONG),
    ]


def _during(attack: Attack, server: HomeChat, member: Crowd, seconds: float) -> list[Figure]:
    calm_down(server.pid)
    before = highest = resident_bytes(server.pid)
    health: list[float] = []
    acks: list[float] = []
    with attack.running as count:
        while count is not None and count() < attack.ready_at:
            time.sleep(PAUSE_SECONDS)
        began, first = time.perf_counter(), count() if count is not None else 0
        while time.perf_counter() - began < seconds:
            health.append(_ask_health(server.url))
            acks.append(_send(server, member, attack.body))
            highest = max(highest, resident_bytes(server.pid))
            time.sleep(PAUSE_SECONDS)
        rate = (count() - first) / (time.perf_counter() - began) if count is not None else 0.0
    return [
        *([Figure(attack.line, attack.what, rate, "a second")] if attack.what else []),
        *waits(attack.line, health, 50, 95, what="/up"),
        *waits(attack.line, acks, 50, 95, what="send to ack"),
        Figure(attack.line, "memory grown", (highest - before) / 1e6, "MB"),
    ]


def _ask_health(url: str) -> float:
    """Return how long a new connection waits for its answer."""
    address = urlsplit(url)
    assert address.hostname is not None
    began = time.perf_counter()
    with closing(open_wire(address.hostname, address.port or 80)) as wire:
        wire.sendall(UP)
        answer = b""
        while piece := wire.recv(4096):
            answer += piece
    took = time.perf_counter() - began
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return took


def _send(server: HomeChat, member: Crowd, body: str) -> float:
    """Return how long the member waits until a message is stored."""
    stored: list[float] = []
    began = time.perf_counter()
    member.clients[0].say(server.long_message(body))

    def heard(_: object, packet: bytes, at: float) -> None:
        if server.is_receipt(member.clients[0], packet):
            stored.append(at - began)

    assert member.listen(heard, lambda: bool(stored)), "the member never got an answer"
    return stored[0]


@contextmanager
def _slow_readers(server: HomeChat) -> Iterator[None]:
    """Have others of the house be connected who read nothing."""
    clients = [
        SocketIoClient(server.url, server.cookie(2 + number), receive_bytes=4096)
        for number in range(SLOW_READERS)
    ]
    yield None
    for client in clients:
        client.close()
