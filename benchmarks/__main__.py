"""`bin/benchmark [--quick] [SECTION …]`: measures HomeChat beside its peers, prints a table and keeps it as JSON."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import (
    api,
    attack,
    audit_log,
    chatting,
    connections,
    fan_out,
    lockdown,
    pages,
    search,
    senders,
    signing_in,
    size,
)
from benchmarks.figures import Figure, Limit, keep, rows, table
from benchmarks.node import Node
from benchmarks.processes import LOAD_CPU, SERVER_CPU, Missing, busy_seconds, cpu_seconds, pin
from benchmarks.prosody import Prosody
from benchmarks.servers import GENEROUS, HomeChat, Server

RESULTS = Path(__file__).parent / "results"
PEERS: dict[str, Callable[[], Server]] = {Node.name: Node, Prosody.name: Prosody}
OWED = {
    ("server", "until it answers"): Limit(below=3),
    ("server", "idle memory"): Limit(below=120),
    ("first page", "as it is served"): Limit(below=150),
    ("sign-in", "p95"): Limit(below=100),
    ("list of conversations", "p95"): Limit(below=50),
    ("page of 50 messages", "p95"): Limit(below=100),
    ("history in the database", "p95"): Limit(below=20),
    ("look-up of a person", "p95"): Limit(below=10),
    ("connect", "p95"): Limit(below=200),
    ("fan-out to 10", "delivery p95"): Limit(below=50),
    ("fan-out to 100", "delivery p95"): Limit(below=50),
    ("fan-out to 500", "CPU per delivery"): Limit(below_peer=Node.name),
    (senders.name(1), "acknowledged p95"): Limit(below=150),
    (senders.name(10), "acknowledged p95"): Limit(below=150),
    (senders.name(50), "acknowledged p95"): Limit(below=150),
    (senders.name(50, apart=True), "acknowledged p95"): Limit(below=150),
    (senders.name(50, apart=True), "stored and acknowledged"): Limit(at_least=2000),
    **chatting.OWED,
    **signing_in.OWED,
    **lockdown.OWED,
    **search.OWED,
    **api.OWED,
    **attack.OWED,
}
Work = Callable[[Server], list[Figure]]


def main() -> None:
    """Run what the command line asks for."""
    asked = argparse.ArgumentParser(prog="bin/benchmark", description=__doc__)
    asked.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all of them unless given")
    asked.add_argument("--quick", action="store_true", help="a few minutes, and less exact")
    arguments = asked.parse_args()
    sections, is_quick = arguments.sections or list(SECTIONS), arguments.quick
    pin(os.getpid(), LOAD_CPU)

    found: dict[str, list[Figure]] = {HomeChat.name: []}
    missing: dict[str, str] = {}
    others: float | None = None
    if sections != ["attack"]:
        with ExitStack() as stack:
            servers = _start(stack, missing)
            began, busy = time.perf_counter(), _busy_for_others(servers)
            for section in sections:
                for server, figures in _measure(section, servers, is_quick=is_quick):
                    found.setdefault(server.name, []).extend(figures)
            others = max(0.0, _busy_for_others(servers) - busy) / (time.perf_counter() - began)
    if "attack" in sections:
        found[HomeChat.name] += attack.measure(seconds=1 if is_quick else attack.SECONDS)
    _report(found, missing, others, is_quick=is_quick)


def _start(stack: ExitStack, missing: dict[str, str]) -> list[Server]:
    servers: list[Server] = [stack.enter_context(closing(HomeChat(settings=GENEROUS)))]
    for name, peer in PEERS.items():
        try:
            servers.append(stack.enter_context(closing(peer())))
        except Missing as reason:
            missing[name] = str(reason)
    return servers


def _busy_for_others(servers: list[Server]) -> float:
    """Return how many seconds the servers' processor has worked for processes that are none of them."""
    return busy_seconds(SERVER_CPU) - sum(cpu_seconds(server.pid) for server in servers)


def _measure(section: str, servers: list[Server], *, is_quick: bool) -> Iterator[tuple[Server, list[Figure]]]:
    """Measure the servers in turn, line by line, so that what else the machine does hits them alike."""
    for work in SECTIONS[section](is_quick):
        for server in servers:
            yield server, work(server)


def _size(is_quick: bool) -> list[Work]:
    return [size.measure_start, _ours(size.measure_first_page)]


def _pages(is_quick: bool) -> list[Work]:
    return [_ours(partial(pages.measure, rounds=20 if is_quick else pages.ROUNDS))]


def _connect(is_quick: bool) -> list[Work]:
    return [partial(connections.measure, sockets=100 if is_quick else connections.SOCKETS)]


def _fan_out(is_quick: bool) -> list[Work]:
    share = 0.15 if is_quick else 1.0
    return [partial(fan_out.measure, sockets=sockets, share=share) for sockets in fan_out.SIZES]


def _senders(is_quick: bool) -> list[Work]:
    seconds = 0.7 if is_quick else senders.SECONDS
    together = [partial(senders.measure, senders=count, seconds=seconds) for count in (1, 10, 50)]
    return [*together, partial(senders.measure, senders=50, apart=True, seconds=seconds)]


def _chatting(is_quick: bool) -> list[Work]:
    seconds = chatting.QUICK_SECONDS if is_quick else chatting.SECONDS
    return [partial(chatting.measure, pace=pace, seconds=seconds) for pace in chatting.PACES]


def _signing_in(is_quick: bool) -> list[Work]:
    seconds = signing_in.QUICK_SECONDS if is_quick else signing_in.SECONDS
    attempts = signing_in.QUICK_ATTEMPTS if is_quick else signing_in.ATTEMPTS
    return [
        _ours(partial(signing_in.measure_chat, seconds=seconds)),
        _ours(partial(signing_in.measure_refusals, attempts=attempts)),
        _ours(lambda server: signing_in.measure_stalls(seconds)),
    ]


def _lockdown(is_quick: bool) -> list[Work]:
    return [_ours(lockdown.measure)]


def _search(is_quick: bool) -> list[Work]:
    return [_ours(partial(search.measure, sends=100 if is_quick else search.SENDS))]


def _api(is_quick: bool) -> list[Work]:
    rounds, seconds = (50, 1.0) if is_quick else (api.ROUNDS, api.SECONDS)
    return [_ours(partial(api.measure, rounds=rounds, seconds=seconds))]


def _audit_log(is_quick: bool) -> list[Work]:
    entries = audit_log.QUICK_ENTRIES if is_quick else audit_log.ENTRIES
    return [_ours(partial(audit_log.measure, entries=entries))]


def _ours(measure: Callable[[HomeChat], list[Figure]]) -> Work:
    """Return work that is for HomeChat alone."""
    return lambda server: measure(server) if isinstance(server, HomeChat) else []


SECTIONS: dict[str, Callable[[bool], list[Work]]] = {
    "size": _size,
    "connect": _connect,
    "pages": _pages,
    "fan-out": _fan_out,
    "senders": _senders,
    "chatting": _chatting,
    "signing-in": _signing_in,
    "lockdown": _lockdown,
    "search": _search,
    "api": _api,
    "audit-log": _audit_log,
    "attack": lambda is_quick: [],
}


def _report(
    found: dict[str, list[Figure]], missing: dict[str, str], others: float | None, *, is_quick: bool
) -> None:
    ours = found.pop(HomeChat.name)
    result = rows(ours, found, OWED)
    print(f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}\n")
    print(table(result, [name for name in PEERS if name in found or name in missing], missing))
    for name, reason in missing.items():
        print(f"\n{name} is missing: {reason}.")
    if others is not None:
        print(
            f"\nOthers used {others:.0%} of the servers' processor meanwhile; the less, the more this is worth."
        )
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    keep(
        result,
        file,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        processors=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        is_quick=is_quick,
        missing=missing,
        used_by_others=others,
    )
    print(f"\nKept in benchmarks/results/{file.name}")


if __name__ == "__main__":
    main()
