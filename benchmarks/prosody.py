"""The second peer: Prosody, an XMPP server in Lua, with a room (MUC) that keeps an archive in SQLite."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import xmpp
from benchmarks.crowd import Client
from benchmarks.processes import Missing, on_server_cpu
from benchmarks.servers import new_id, words
from benchmarks.xmpp import XmppClient
from tests.server_process import free_port

CONFIG = Path(__file__).parent / "peers" / "prosody" / "prosody.cfg.lua"
START_SECONDS = 15


class Prosody:
    """A message that comes back to its sender is stored. Raises Missing when the server is not there."""

    name = "Prosody"
    grace_seconds = 0.0

    def __init__(self) -> None:
        program = shutil.which("prosody")
        if program is None:
            raise Missing("it is not installed (Debian: apt install prosody lua-dbi-sqlite3)")
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.port = free_port()
        config = folder / CONFIG.name
        config.write_text(
            CONFIG.read_text().replace("@FOLDER@", str(folder)).replace("@PORT@", str(self.port))
        )
        with on_server_cpu(), (folder / "log").open("wb") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                [program, "-F", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            is_up = self._is_up(until=began + START_SECONDS)
            self.started_in = time.perf_counter() - began
        self.pid = self._process.pid
        if not is_up:
            said = (folder / "log").read_text(errors="replace").strip()[-300:]
            self.close()
            raise Missing(f"it does not start: {said}")

    def client(self, number: int, *, room: int = 0) -> XmppClient:
        return XmppClient(self.port, room=f"room{room}", name=f"person{number}")

    def message(self, number: int, *, room: int = 0) -> bytes:
        return xmpp.message(f"room{room}", words(number), new_id())

    def is_news(self, packet: bytes) -> bool:
        return xmpp.is_news(packet)

    def is_receipt(self, client: Client, packet: bytes) -> bool:
        assert isinstance(client, XmppClient)
        return xmpp.is_news(packet) and client.is_mine(packet)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._stack.close()

    def _is_up(self, *, until: float) -> bool:
        while self._process.poll() is None and time.perf_counter() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False
