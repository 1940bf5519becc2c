"""A real Redis on loopback for the tests that need one, which can be killed and started anew on the same port."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.server_process import free_port


class RedisServer:
    """Keeps nothing on disk. `url` and `socket_url` lead to the same, and stay after each start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket_url = f"unix://{folder}/redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                "redis-server",
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--unixsocket",
                f"{self.folder}/redis.sock",
                "--save",
                "",
                "--dir",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        """End it at once (SIGKILL). Does nothing if it is not running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def listeners(self) -> int:
        """Return how many are subscribed to anything."""
        with Redis.from_url(self.url) as client:
            return sum(count for _, count in client.pubsub_numsub(*client.pubsub_channels()))

    def freeze(self) -> None:
        """Have it take connections and answer nothing any more, as one whose machine hangs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own; left out where none is installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt install redis-server)")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()
