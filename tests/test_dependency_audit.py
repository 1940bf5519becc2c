"""The dependency audit: what is known to be vulnerable fails, and where nobody could be asked, nothing is claimed."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.dependency_audit import ALL_FINE, NOTHING_CHECKED, VULNERABLE, audit, verdict
from tests.packaging.checkout import ROOT

HASH = f"--hash=sha256:{'0' * 64}"
LOCK = f"flask==3.1.3 {HASH}\njinja2==3.1.6 {HASH}\n"
HOLE = {
    "id": "TEST-2026-1",
    "summary": "A hole.",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.7"}]}],
        }
    ],
}


@contextmanager
def somebody_who_knows(**holes: dict[str, Any]) -> Iterator[tuple[list[str], list[str]]]:
    """Serve what is known of packages on loopback; give the options that lead there, and who was asked for."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = question["package"]["name"]
            asked.append(name)
            body = json.dumps({"vulns": [holes[name]]} if name in holes else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield (
            ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/"],
            asked,
        )
        server.shutdown()


def test_what_is_known_to_be_vulnerable_is_named_and_fails() -> None:
    with somebody_who_knows(jinja2=HOLE) as (options, _):
        code, words = audit(LOCK, *options)

    assert code == VULNERABLE
    assert "VULNERABLE: jinja2 3.1.6, TEST-2026-1, fixed in 3.1.7" in words


def test_where_nothing_is_known_it_says_how_many_were_checked() -> None:
    with somebody_who_knows() as (options, asked):
        code, words = audit(LOCK, *options)

    assert (code, words) == (ALL_FINE, "2 of 2 packages were checked.")
    assert set(asked) == {"flask", "jinja2"}


def test_offline_it_says_that_it_checked_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    code, words = audit(LOCK, "--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{port}/")

    assert code == NOTHING_CHECKED
    assert words.startswith("CHECKED NOTHING.")


def test_a_network_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        code, words = audit(LOCK, "--vulnerability-service", "osv", "--osv-url", url, seconds=5)

    assert code == NOTHING_CHECKED
    assert words.endswith("no answer within 5 seconds")


def test_a_mirror_that_knows_nothing_is_no_all_clear() -> None:
    unknown = {"name": "flask", "skip_reason": "Dependency not found"}
    known = {"name": "jinja2", "version": "3.1.6", "vulns": []}

    code, words = verdict({"dependencies": [unknown]})
    assert code == NOTHING_CHECKED
    assert words.startswith("CHECKED NOTHING.")

    code, words = verdict({"dependencies": [unknown, known]})
    assert code == ALL_FINE
    assert words == "1 of 2 packages were checked.\nNot checked: Dependency not found"


@pytest.mark.parametrize(
    ("code", "word", "counts"), [(0, "passed", "1 0"), (1, "FAILED", "0 1"), (77, "NOTHING", "0 0")]
)
def test_a_step_that_checked_nothing_is_neither_passed_nor_failed(code: int, word: str, counts: str) -> None:
    script = (ROOT / "bin/test").read_text()
    step = script[script.index("step() {") : script.index("\n}\n", script.index("step() {")) + 2]
    lines = f'passed=0 failed=0\n{step}\nstep "the audit" sh -c "exit {code}"\necho "$report"\necho "$passed $failed"'

    done = subprocess.run(["sh", "-euc", lines], capture_output=True, text=True, check=True)

    said = done.stdout.splitlines()
    assert said[-1] == counts
    assert said[-2].startswith(word)
    assert "the audit" in said[-2]
