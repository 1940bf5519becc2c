"""The first peer: a plain Socket.IO server on Node.js with better-sqlite3, peers/node/server.js."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import socket_io
from benchmarks.crowd import Client
from benchmarks.processes import Missing, on_server_cpu
from benchmarks.servers import new_id, words
from benchmarks.socket_io import SocketIoClient
from tests.server_process import free_port

FOLDER = Path(__file__).parent / "peers" / "node"


class Node:
    """It stores, acknowledges and tells, and no more. Raises Missing when it cannot be installed."""

    name = "Node.js"
    grace_seconds = 0.0

    def __init__(self) -> None:
        _install()
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self.url = f"http://localhost:{(port := free_port())}"
        command = ["node", str(FOLDER / "server.js"), str(port), str(Path(folder) / "peer.db")]
        with on_server_cpu():
            began = time.perf_counter()
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert self._process.stdout is not None
            is_ready = self._process.stdout.readline() == b"ready\n"
            self.started_in = time.perf_counter() - began
        self.pid = self._process.pid
        if not is_ready:
            self.close()
            raise Missing("its server does not start")

    def client(self, number: int, *, room: int = 0) -> SocketIoClient:
        return SocketIoClient(self.url, query=f"&room={room}")

    def message(self, number: int, *, room: int = 0) -> bytes:
        data = {"room_id": room, "body": words(number), "client_id": new_id()}
        return f'421["message:send",{json.dumps(data)}]'.encode()

    def is_news(self, packet: bytes) -> bool:
        return socket_io.is_news(packet)

    def is_receipt(self, client: Client, packet: bytes) -> bool:
        return socket_io.is_receipt(packet)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._stack.close()


def _install() -> None:
    """Install what the peer needs, beside it, where git does not look."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("node and npm are not installed")
    stamp = FOLDER / "node_modules" / "installed-from.json"
    lock = (FOLDER / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    done = subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"npm ci failed: {done.stderr.strip()[-200:]}")
    stamp.write_bytes(lock)
