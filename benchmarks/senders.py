"""Many write, each waiting for the answer before the next: how many messages are stored for good in a second."""

from __future__ import annotations

import re
import time

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, percentile
from benchmarks.servers import Server, calm_down, cpu_seconds

SECONDS = 5.0
ACK = re.compile(rb"43(\d+)\[(.{0,12})")


def measure(server: Server, senders: int, seconds: float = SECONDS) -> list[Figure]:
    """Have so many senders in one room write for some seconds."""
    calm_down(server.pid)
    crowd = Crowd([server.client(number) for number in range(senders)])
    sent: dict[Client, float] = {}
    took: list[float] = []
    last = 0

    def say(client: Client) -> None:
        nonlocal last
        last += 1
        sent[client] = time.perf_counter()
        client.say(server.message(last))

    def heard(client: Client, packet: bytes, at: float) -> None:
        if found := ACK.match(packet):
            assert b'"ok":true' in found[2], packet[:200]
            took.append(at - sent[client])
            say(client)

    try:
        crowd.rest(0.5)
        cpu, began = cpu_seconds(server.pid), time.perf_counter()
        for client in crowd.clients:
            say(client)
        crowd.listen(heard, lambda: time.perf_counter() - began > seconds)
        elapsed, cpu = time.perf_counter() - began, cpu_seconds(server.pid) - cpu
    finally:
        crowd.close()
    line = f"{senders} senders" if senders > 1 else "1 sender"
    return [
        Figure(line, "stored and acknowledged", len(took) / elapsed, "a second", more_is_better=True),
        Figure(line, "acknowledged p50", percentile(took, 50) * 1e3, "ms"),
        Figure(line, "acknowledged p95", percentile(took, 95) * 1e3, "ms"),
        Figure(line, "CPU per message", cpu / len(took) * 1e3, "ms"),
    ]
