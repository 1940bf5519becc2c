"""One writes, many hear: how long it takes until all have it, and what it costs the server."""

from __future__ import annotations

import time

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, waits
from benchmarks.processes import calm_down, cpu_seconds
from benchmarks.servers import Server, let_settle

SIZES = (10, 100, 500)
DELIVERIES = 30_000
MESSAGES_MIN, MESSAGES_MAX = 40, 300


def measure(server: Server, sockets: int, *, share: float = 1.0) -> list[Figure]:
    """Send messages one after the other to a room of so many sockets, the next when all have heard the last.

    share: of the messages that a whole run takes, 0 to 1.
    """
    messages = int(max(MESSAGES_MIN, min(MESSAGES_MAX, DELIVERIES / sockets)) * share)
    with Crowd([server.client(number) for number in range(sockets)]) as crowd:
        crowd.rest(0.3)
        _round(crowd, server, 1_000_000)  # What is loaded at the first message is not what is measured.
        calm_down(server.pid)
        took: list[float] = []
        own, cpu, began = time.process_time(), cpu_seconds(server.pid), time.perf_counter()
        for number in range(messages):
            took += _round(crowd, server, number)
        elapsed = time.perf_counter() - began
        cpu, own = cpu_seconds(server.pid) - cpu, time.process_time() - own
    let_settle(server)
    line = f"fan-out to {sockets}"
    return [
        *waits(line, took, 50, 95, 99, what="delivery"),
        Figure(line, "CPU per delivery", cpu / (messages * sockets) * 1e6, "µs"),
        Figure(line, "clients busy", own / elapsed * 100, "%"),
    ]


def _round(crowd: Crowd, server: Server, number: int) -> list[float]:
    """Have the first of the crowd write, and return after how many seconds each heard of it."""
    took: list[float] = []
    began = time.perf_counter()
    crowd.clients[0].say(server.message(number))

    def heard(client: Client, packet: bytes, at: float) -> None:
        if server.is_news(packet):
            took.append(at - began)

    assert crowd.listen(heard, lambda: len(took) == len(crowd.clients)), "not everybody heard it"
    return took
