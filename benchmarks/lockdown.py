"""An emergency: how long after `flask lockdown users` has ended the last of many windows is told and cut."""

from __future__ import annotations

import selectors
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

from benchmarks.crowd import READ_BYTES, Crowd
from benchmarks.figures import Figure, Limit, percentile
from benchmarks.servers import PEOPLE, HomeChat, let_settle
from benchmarks.socket_io import SocketIoClient
from tests.server_process import ROOT, environment, run_flask

WINDOWS = 200
PATIENCE_SECONDS = 30.0
TOLD = b'42["session:ended"'
NAME = f"lockdown of {WINDOWS} windows"
OWED = {(NAME, "the last one cut"): Limit(below=1000)}


def measure(server: HomeChat) -> list[Figure]:
    """Close the house to all but admins from a process of its own, without Redis, while windows are open."""
    # Person 0 is the admin, who stays.
    numbers = [number for number in range(2 * WINDOWS) if number % PEOPLE][:WINDOWS]
    with Crowd([server.client(number) for number in numbers]) as crowd, ExitStack() as stack:
        crowd.rest(1.0)
        stack.callback(run_flask, server.process.data_dir, "lockdown", "lift")
        command = _Command(server)
        told, cut = _listen_to_the_end(
            [client for client in crowd.clients if isinstance(client, SocketIoClient)]
        )
        ended = command.ended_at()
        assert len(told) == len(cut) == WINDOWS, f"{len(told)} were told and {len(cut)} cut"
    let_settle(server)
    return [
        Figure(NAME, "the command", command.took() * 1e3, "ms"),
        Figure(NAME, "told p95", _after(ended, percentile(told, 95)), "ms"),
        Figure(NAME, "the last one told", _after(ended, max(told)), "ms"),
        Figure(NAME, "the last one cut", _after(ended, max(cut)), "ms"),
    ]


class _Command:
    """`flask lockdown users`, running beside us; a thread that waits for nothing else takes the moment of its end."""

    def __init__(self, server: HomeChat) -> None:
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flask", "lockdown", "users"],
            cwd=ROOT,
            env=environment(server.process.data_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._ended = 0.0
        self._waiting = threading.Thread(target=self._wait)
        self._waiting.start()

    def ended_at(self) -> float:
        self._waiting.join()
        assert self._process.returncode == 0, "the command failed"
        return self._ended

    def took(self) -> float:
        return self.ended_at() - self._began

    def _wait(self) -> None:
        self._process.wait()
        self._ended = time.perf_counter()


def _listen_to_the_end(clients: list[SocketIoClient]) -> tuple[list[float], list[float]]:
    """Return when each was told, and when each was cut. A window hears nothing between the two."""
    told: dict[SocketIoClient, float] = {}
    cut: list[float] = []
    until = time.perf_counter() + PATIENCE_SECONDS
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.wire, selectors.EVENT_READ, client)
        while len(cut) < len(clients) and time.perf_counter() < until:
            for key, _ in selector.select(0.05):
                client, now = key.data, time.perf_counter()
                # Read as it comes: the last word and the end of the connection may come together.
                came = client.wire.recv(READ_BYTES)
                if not came:
                    selector.unregister(client.wire)
                    cut.append(now)
                elif TOLD in came:
                    told[client] = now
    return list(told.values()), cut


def _after(moment: float, at: float) -> float:
    """Return how many milliseconds `at` came after `moment`; what came before it came in time."""
    return max(0.0, at - moment) * 1e3
