"""What it takes to connect, and what a connection holds that says nothing."""

from __future__ import annotations

from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, waits
from benchmarks.processes import resident_bytes
from benchmarks.servers import Server, let_settle

SOCKETS = 500


def measure(server: Server, sockets: int = SOCKETS) -> list[Figure]:
    """Connect one after the other, and stay a while."""
    before = resident_bytes(server.pid)
    with Crowd([server.client(number) for number in range(sockets)]) as crowd:
        crowd.rest(1.0)
        grown = resident_bytes(server.pid) - before
    let_settle(server)
    took = [client.connected_in for client in crowd.clients]
    return [
        *waits("connect", took, 50, 95),
        Figure("connect", "memory of an idle socket", grown / sockets / 1024, "KiB"),
    ]
