"""A thousand windows are open and people talk, at a steady pace: who hears it when, and whether anybody misses it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, Limit, waits
from benchmarks.processes import calm_down, cpu_seconds, resident_bytes
from benchmarks.servers import PEOPLE, ROOMS, Server, let_settle

SOCKETS = 1000
SECONDS = 120.0
QUICK_SECONDS = 5.0
PACES = (50, 100, 200)
LATE_SECONDS = 20.0
HEARERS = SOCKETS // PEOPLE
_NUMBER = re.compile(rb"Message (\d+):")


def name(pace: int) -> str:
    """Return what the line of the table is called."""
    return f"W-9 1,000 windows, {pace} messages a second"


_FULL = name(PACES[-1])
OWED = {
    (_FULL, "connect p95"): Limit(below=200),
    (_FULL, "delivery p95"): Limit(below=50),
    (_FULL, "delivery p99"): Limit(below=200),
    (_FULL, "not delivered"): Limit(below=1),
    (_FULL, "memory grown"): Limit(below=1000),
}


def measure(server: Server, pace: int, seconds: float = SECONDS) -> list[Figure]:
    """Have so many messages a second be written for some seconds, each in a room that ten windows hear.

    They are written on time even if the server does not keep up, as people would.
    """
    before = resident_bytes(server.pid)
    with Crowd([server.client(number, room=_room_of(number)) for number in range(SOCKETS)]) as crowd:
        crowd.rest(1.0)
        calm_down(server.pid)
        evening = Evening(server, crowd.clients[1 : ROOMS + 1])
        cpu, began = cpu_seconds(server.pid), time.perf_counter()
        messages = int(pace * seconds)

        def is_over() -> bool:
            due = min(messages, int((time.perf_counter() - began) * pace))
            while len(evening.said) < due:
                evening.say_next()
            return due == messages and evening.heard == messages * HEARERS

        crowd.listen(evening.hear, is_over, seconds=seconds + LATE_SECONDS)
        elapsed = time.perf_counter() - began
        cpu, grown = cpu_seconds(server.pid) - cpu, resident_bytes(server.pid) - before
    let_settle(server)
    line = name(pace)
    return [
        *waits(line, [client.connected_in for client in crowd.clients], 95, what="connect"),
        *waits(line, evening.took, 50, 95, 99, what="delivery"),
        *waits(line, evening.acknowledged, 95, what="acknowledged"),
        Figure(line, "not delivered", messages * HEARERS - evening.heard, ""),
        Figure(line, "server busy", cpu / elapsed * 100, "%"),
        Figure(line, "memory grown", grown / 1e6, "MB"),
    ]


def _room_of(number: int) -> int:
    """Return the room that all windows of one person hear, or 0 for those who only listen."""
    person = number % PEOPLE
    return person if person <= ROOMS else 0


class Evening:
    """What was said by whom and when, and when it was heard. speakers: a window of each room, from 1 on."""

    def __init__(self, server: Server, speakers: Sequence[Client]) -> None:
        self.said: list[float] = []
        self.took: list[float] = []
        self.acknowledged: list[float] = []
        self.heard = 0
        self._server = server
        self._speakers = speakers
        self._waiting: dict[Client, list[float]] = {speaker: [] for speaker in speakers}

    def say_next(self) -> None:
        """Have the next room hear something."""
        number = len(self.said)
        place = number % ROOMS
        speaker = self._speakers[place]
        now = time.perf_counter()
        self.said.append(now)
        self._waiting[speaker].append(now)
        speaker.say(self._server.message(number, room=place + 1))

    def hear(self, client: Client, packet: bytes, at: float) -> None:
        if self._server.is_receipt(client, packet):
            self.acknowledged.append(at - self._waiting[client].pop(0))
        if self._server.is_news(packet) and (found := _NUMBER.search(packet)):
            self.heard += 1
            self.took.append(at - self.said[int(found[1])])
