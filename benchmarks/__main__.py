"""`bin/benchmark [--quick] [SECTION …]`: measures HomeChat beside its peers, prints a table and keeps it as JSON."""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import fan_out, pages, senders
from benchmarks.figures import Figure, Row, keep, table
from benchmarks.servers import LOAD_CPU, HomeChat, Node, Server, install_node_peer, pin

RESULTS = Path(__file__).parent / "results"
PEOPLE = 100
OWED = {
    ("sign-in", "p95"): "< 100 ms",
    ("list of conversations", "p95"): "< 50 ms",
    ("page of 50 messages", "p95"): "< 100 ms",
    ("history in the database", "p95"): "< 20 ms",
    ("look-up of a person", "p95"): "< 10 ms",
    ("connect", "p95"): "< 200 ms",
    ("fan-out to 100", "delivery p99"): "p95 < 50 ms",
    ("fan-out to 500", "CPU per delivery"): "below Node.js",
    ("50 senders", "stored and acknowledged"): "2,000 a second",
    ("10 senders", "acknowledged p95"): "< 150 ms",
    ("server", "until it answers"): "< 3 s",
    ("server", "idle memory"): "< 120 MB",
    ("first page", "as it is"): "< 150 kB",
}
SECTIONS = ("size", "pages", "connect", "fan-out", "senders")


def main() -> None:
    """Run what the command line asks for."""
    asked = argparse.ArgumentParser(prog="bin/benchmark", description=__doc__)
    asked.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all of them unless given")
    asked.add_argument("--quick", action="store_true", help="about a minute, and less exact")
    arguments = asked.parse_args()
    sections, is_quick = arguments.sections or list(SECTIONS), arguments.quick
    pin(os.getpid(), LOAD_CPU)

    ours = _measure_ours(sections, is_quick=is_quick)
    peers: dict[str, list[Figure]] = {}
    missing = ""
    if {"fan-out", "senders"} & set(sections):
        missing = install_node_peer()
        if not missing:
            peers[Node.name] = _measure_peer(Node(), sections, is_quick=is_quick)
    rows = [
        Row(
            figure,
            {
                peer: other.value
                for peer, others in peers.items()
                for other in others
                if (other.line, other.what) == (figure.line, figure.what)
            },
            OWED.get((figure.line, figure.what), ""),
        )
        for figure in ours
    ]
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    print(table(rows, list(peers)))
    if missing:
        print(f"\nLeft out: Node.js, because {missing}.")
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    keep(rows, file)
    print(f"\nKept in benchmarks/results/{file.name}")


def _measure_ours(sections: list[str], *, is_quick: bool) -> list[Figure]:
    server = HomeChat(PEOPLE)
    found: list[Figure] = []
    try:
        if "size" in sections:
            found += pages.measure_size(server)
        if "pages" in sections:
            pages.fill(server)
            found += pages.measure(server, 20 if is_quick else pages.ROUNDS)
        if "connect" in sections:
            found += pages.measure_connections(server, 100 if is_quick else pages.SOCKETS)
        found += _measure_talk(server, sections, is_quick=is_quick)
    finally:
        server.close()
    return found


def _measure_peer(server: Node, sections: list[str], *, is_quick: bool) -> list[Figure]:
    try:
        return _measure_talk(server, sections, is_quick=is_quick)
    finally:
        server.close()


def _measure_talk(server: Server, sections: list[str], *, is_quick: bool) -> list[Figure]:
    found: list[Figure] = []
    if "fan-out" in sections:
        for sockets in (10, 100, 500):
            found += fan_out.measure(server, sockets, 20 if is_quick else fan_out.MESSAGES)
    if "senders" in sections:
        for count in (1, 10, 50):
            found += senders.measure(server, count, 2 if is_quick else senders.SECONDS)
    return found


if __name__ == "__main__":
    main()
