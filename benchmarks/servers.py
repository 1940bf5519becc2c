"""The servers that are measured, each a process of its own on a processor of its own."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from benchmarks.crowd import Client
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, create_person
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.rooms.actions import welcome_home
from homechat.security import passwords
from tests.house import PASSWORD, House, build_cast
from tests.server_process import ServerProcess, free_port

NODE_FOLDER = Path(__file__).parent / "peers" / "node"
SERVER_CPU, LOAD_CPU = 0, 1
SETTINGS = {
    "HOMECHAT_MESSAGES_PER_MINUTE": "10000",
    "HOMECHAT_SOCKETS_PER_PERSON": "100",
    "HOMECHAT_SIGN_IN_LIMIT": "10000/minute",
    "HOMECHAT_SIGN_IN_ADDRESS_LIMIT": "10000/minute",
}
TICKS = os.sysconf("SC_CLK_TCK")
_ids = itertools.count(1)


class Server(Protocol):
    """What does the work."""

    name: str
    pid: int

    def client(self, number: int) -> Client:
        """Return a connected client that is in the room; each number is a person, as far as there are people."""

    def message(self, number: int) -> bytes:
        """Return the event that sends a new message, to be acknowledged under this number."""

    def close(self) -> None: ...


class HomeChat:
    """HomeChat over SQLite, as `bin/run` serves it."""

    name = "HomeChat"

    def __init__(self, people: int) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        build_cast(self.folder)
        self.house = House(self.folder)
        self.names = ["ada", *_move_in(self.house, people - 1)]
        self.room = self.house.home().id
        self._cookies: dict[int, str] = {}
        self.process = ServerProcess(self.folder, SETTINGS)
        began = time.perf_counter()
        self.process.start()
        self.started_in = time.perf_counter() - began
        self._stack.callback(self.process.kill)
        assert self.process.process is not None
        self.pid = self.process.process.pid
        pin(self.pid, SERVER_CPU)

    @property
    def url(self) -> str:
        return self.process.url

    def cookie(self, number: int) -> str:
        """Return the cookie of a device of the person with this number."""
        person = number % len(self.names)
        if person not in self._cookies:
            name = self.names[person]
            secret = self.house.act(sessions.open_session, self.house.actor(name), self.house.person(name))
            self._cookies[person] = f"{self.house.settings.session_cookie_name}={secret}"
        return self._cookies[person]

    def client(self, number: int) -> Client:
        return Client(self.url, self.cookie(number))

    def message(self, number: int) -> bytes:
        data = {"room_id": self.room, "body": _words(number), "client_id": f"bench-{next(_ids):08d}"}
        return f'42{number}["message:send",{json.dumps(data)}]'.encode()

    def close(self) -> None:
        self._stack.close()


class Node:
    """A plain Node.js Socket.IO server with better-sqlite3, which stores, acknowledges and tells, and no more."""

    name = "Node.js"

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self.url = f"http://localhost:{(port := free_port())}"
        command = ["node", str(NODE_FOLDER / "server.js"), str(port), str(Path(folder) / "peer.db")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        pin(self.pid, SERVER_CPU)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def client(self, number: int) -> Client:
        return Client(self.url)

    def message(self, number: int) -> bytes:
        data = {"body": _words(number), "client_id": f"bench-{next(_ids):08d}"}
        return f'42{number}["message:send",{json.dumps(data)}]'.encode()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._stack.close()


def install_node_peer() -> str:
    """Install what the peer needs; return why it cannot be had, or nothing."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    if not (NODE_FOLDER / "node_modules" / "better-sqlite3").is_dir():
        done = subprocess.run(
            ["npm", "ci", "--silent"], cwd=NODE_FOLDER, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return f"npm ci failed: {done.stderr.strip()[-200:]}"
    return ""


def pin(pid: int, cpu: int) -> None:
    """Keep a process and all its threads on one processor, where there are several."""
    if len(os.sched_getaffinity(0)) < 2:
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cpu})


def cpu_seconds(pid: int) -> float:
    """Return how much processor time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def calm_down(pid: int) -> None:
    """Wait until a process has nothing left to do: whoever has gone is still being told of."""
    time.sleep(2.5)  # Whoever closes a window is only taken to have gone after a while.
    used = 1.0
    while used > 0.02:
        before = cpu_seconds(pid)
        time.sleep(0.5)
        used = cpu_seconds(pid) - before


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _move_in(house: House, people: int) -> list[str]:
    """Let more members move in, who are in "home"; return their names."""
    names = [f"person_{number:03d}" for number in range(people)]
    with house.app.app_context():
        password_hash = passwords.hash_password(PASSWORD)
        for name in names:
            with transaction():
                new = NewPerson(name, name.replace("_", " ").title(), PASSWORD)
                person = create_person(Actor.operator(), new, role=Role.MEMBER, password_hash=password_hash)
                welcome_home(person)
    return names


def _words(number: int) -> str:
    return (
        f"Message {number}: my train is on time, for once. Home in **twenty minutes**. Shall I get the milk?"
    )
