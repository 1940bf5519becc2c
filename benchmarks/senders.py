"""Many write, each waiting for the answer before the next: how many messages are stored for good in a second."""

from __future__ import annotations

import time

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, waits
from benchmarks.processes import calm_down, cpu_seconds
from benchmarks.servers import Server, let_settle

SECONDS = 5.0


def measure(server: Server, senders: int, *, apart: bool = False, seconds: float = SECONDS) -> list[Figure]:
    """Have so many senders write for some seconds, each once at least, in one room together or `apart`."""
    rooms = {number: number + 1 if apart else 0 for number in range(senders)}
    with Crowd([server.client(_person(number), room=room) for number, room in rooms.items()]) as crowd:
        room_of = dict(zip(crowd.clients, rooms.values(), strict=True))
        sent: dict[Client, float] = {}
        took: list[float] = []

        def say(client: Client) -> None:
            sent[client] = time.perf_counter()
            client.say(server.message(len(took), room=room_of[client]))

        def heard(client: Client, packet: bytes, at: float) -> None:
            if server.is_receipt(client, packet):
                took.append(at - sent[client])
                say(client)

        crowd.rest(0.3)
        calm_down(server.pid)
        own, cpu, began = time.process_time(), cpu_seconds(server.pid), time.perf_counter()
        for client in crowd.clients:
            say(client)
        crowd.listen(heard, lambda: time.perf_counter() - began > seconds and len(took) >= senders)
        elapsed = time.perf_counter() - began
        cpu, own = cpu_seconds(server.pid) - cpu, time.process_time() - own
    let_settle(server)
    line = name(senders, apart=apart)
    return [
        Figure(line, "stored and acknowledged", len(took) / elapsed, "a second"),
        *waits(line, took, 50, 95, what="acknowledged"),
        Figure(line, "CPU per message", cpu / len(took) * 1e3, "ms"),
        Figure(line, "clients busy", own / elapsed * 100, "%"),
    ]


def name(senders: int, *, apart: bool = False) -> str:
    """Return what the line of the table is called."""
    if senders == 1:
        return "1 sender"
    return f"{senders} senders, a room each" if apart else f"{senders} senders"


def _person(number: int) -> int:
    """Return who has the room with the next number to themselves."""
    return number + 1
