"""A real HomeChat server in a process of its own, for tests that need a wire between them and it."""

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests import secrets_used

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 15
STALL_MS_MAX = 250
CROWDED_MS = 100
TRACEBACK_SHOWN = 9_000


class ServerProcess:
    """Serves `data_dir` on a free port. The house is made first unless the folder holds one already.

    env: further variables; the HOMECHAT_ ones of the developer's own shell do not reach the server.
    module: what is run instead of the server itself.
    As a context it also sees to it that the server held nobody up for more than 250 ms: its own watchdog tells.
    After `start()`: `url`, `port`, `process`; `log()` is what the server has written so far.
    """

    def __init__(
        self, data_dir: Path, env: Mapping[str, str] | None = None, *, module: str = "homechat.server"
    ) -> None:
        self.module = module
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.env = environment(
            data_dir, HOMECHAT_PORT=str(self.port), HOMECHAT_PUBLIC_URL=self.url, **(env or {})
        )
        self.log_file = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None
        secrets_used.read_at_the_end(self.log_file)

    def __enter__(self) -> "ServerProcess":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is None:
            self.assert_no_stall()

    def start(self) -> "ServerProcess":
        """Start, and return when `/up` answers. Can be called again after `stop()` or `kill()`."""
        prepare_house(self.data_dir)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not start:\n{self.log()}")
            time.sleep(0.05)
        return self

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/up", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Ask the server to stop (SIGTERM) and return its exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal and wait for nothing."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code once the server has ended."""
        assert self.process is not None
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the server at once, as a power cut would (SIGKILL). Does nothing if it is not running."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        """Return all that the server has written, to stdout and stderr."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def assert_no_traceback(self, since: int = 0) -> None:
        """Fail if the server wrote of an error that nobody caught, from the character `since` of its log on."""
        written = self.log()[since:]
        found = written.find("Traceback")
        assert found < 0, written[found : found + TRACEBACK_SHOWN].replace("\\n", "\n")

    def stalls(self) -> list[dict[str, Any]]:
        """Return the log lines of the server's watchdog so far."""
        lines = [json.loads(line) for line in self.log().splitlines() if '"stall_ms"' in line]
        return [line for line in lines if line["logger"] == "homechat.serving.watchdog"]

    def assert_no_stall(self) -> None:
        """Fail if the server, by its own doing, held up its loop for more than 250 ms.

        By what the loop worked; or by waiting in a call, unless it had to wait for a processor as well: then so had
        whoever it waited for, a thread of ours with Python's lock or the kernel, and its clock proves nothing.
        """
        long = [line for line in self.stalls() if line["stall_ms"] > STALL_MS_MAX]
        stalls = [
            line
            for line in long
            if line["worked_ms"] > STALL_MS_MAX or line["waited_for_cpu_ms"] < CROWDED_MS
        ]
        assert not stalls, "the server held everybody up:\n" + "\n".join(map(json.dumps, stalls))


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """Return the environment for a process of the house in `data_dir`; none of our own settings is in it."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("HOMECHAT_", "FLASK_"))}
    mode = os.environ.get("HOMECHAT_TEST_ASYNC_MODE")  # bin/test runs some tests once more with "threading"
    ours = {"HOMECHAT_ASYNC_MODE": mode} if mode else {}
    return {**own, "HOMECHAT_DATA_DIR": str(data_dir), **ours, **variables}


def run_flask(
    data_dir: Path, *arguments: str, text: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `flask …` on the house in `data_dir`, with `text` as standard input; it may fail."""
    secrets_used.remember(*text.splitlines())
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=environment(data_dir, **(env or {})),
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def prepare_house(data_dir: Path) -> None:
    """Put an empty, migrated house into `data_dir` unless one is there. Migrations run once per test run."""
    if (data_dir / "homechat.db").exists():
        return
    shutil.copytree(_empty_house(), data_dir, dirs_exist_ok=True)
    data_dir.chmod(0o700)


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@functools.cache
def _empty_house() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="homechat-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    result = run_flask(folder, "prepare")
    assert result.returncode == 0, f"flask prepare failed:\n{result.stdout}\n{result.stderr}"
    # Every house has a secret key of its own.
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    return folder
