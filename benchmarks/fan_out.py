"""One writes, many hear: how long it takes until all have it, and what it costs the server."""

from __future__ import annotations

import time

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, percentile
from benchmarks.servers import Server, calm_down, cpu_seconds

MESSAGES = 60
POSTED = b'42["message:posted"'


def measure(server: Server, sockets: int, messages: int = MESSAGES) -> list[Figure]:
    """Send messages one after the other to a room of so many sockets, the next when all have heard the last."""
    calm_down(server.pid)
    crowd = Crowd([server.client(number) for number in range(sockets)])
    try:
        crowd.rest(1.0)
        _round(crowd, server, 1_000_000)  # What is loaded at the first message is not what is measured.
        took: list[float] = []
        cpu = cpu_seconds(server.pid)
        for number in range(messages):
            took += _round(crowd, server, number)
        cpu = cpu_seconds(server.pid) - cpu
    finally:
        crowd.close()
    line = f"fan-out to {sockets}"
    return [
        Figure(line, "delivery p50", percentile(took, 50) * 1e3, "ms"),
        Figure(line, "delivery p99", percentile(took, 99) * 1e3, "ms"),
        Figure(line, "CPU per delivery", cpu / (messages * sockets) * 1e6, "µs"),
    ]


def _round(crowd: Crowd, server: Server, number: int) -> list[float]:
    """Have the first of the crowd write, and return after how many seconds each heard of it."""
    took: list[float] = []
    began = time.perf_counter()
    crowd.clients[0].say(server.message(number))

    def heard(client: Client, packet: bytes, at: float) -> None:
        if packet.startswith(POSTED):
            took.append(at - began)

    assert crowd.listen(heard, lambda: len(took) == len(crowd.clients)), "not everybody heard it"
    return took
