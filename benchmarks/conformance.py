"""`.venv-test/bin/python -m benchmarks.conformance WSTEST`: our WebSocket server before the Autobahn suite.

Row W-10 of docs/threats.md: eventlet's server with our repairs has to pass each case at least as well as without. Runs
the suite against both, prints how often each verdict was given, and ends with 1 if a case has become worse. Cases of
compression (12 and 13) are left out: HomeChat never agrees to it.

WSTEST is the suite's own command. It needs Python 2.7: `pip install autobahntestsuite==25.10.1` there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server_process import ROOT, free_port

MESSAGE_BYTES = 64 << 20
"""The suite's longest is 16 MB. What is too long for us is another matter, and another test."""
LEFT_OUT = ["12.*", "13.*"]
WORSE = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"]
"""Verdicts of the suite, each worse than the one before."""
SUITE_SECONDS = 1200
START_SECONDS = 10.0
SERVERS = ("stock", "repaired")

Verdicts = dict[str, str]


def main(suite: str) -> int:
    """Compare both and return the exit code."""
    found = {name: _verdicts(suite, name) for name in SERVERS}
    for name, verdicts in found.items():
        counts = Counter(verdicts.values())
        print(f"{name}: {', '.join(f'{counts[kind]} {kind}' for kind in WORSE if counts[kind])}")
    changed = {case: (found["stock"][case], verdict) for case, verdict in found["repaired"].items()}
    worse = {case: both for case, both in changed.items() if WORSE.index(both[1]) > WORSE.index(both[0])}
    print(f"{len(found['repaired'])} cases, worse than stock: {worse or 'none'}")
    return 1 if worse or found["stock"].keys() != found["repaired"].keys() else 0


def serve(name: str, port: int) -> None:
    """Return each message to where it came from, until the process is ended."""
    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()
    from eventlet import websocket, wsgi

    from homechat.serving.websocket_repairs import repair_eventlet

    if name == "repaired":
        repair_eventlet(websocket)

    def echo(wire: websocket.WebSocket) -> None:
        while (message := wire.wait()) is not None:
            wire.send(message)

    app = websocket.WebSocketWSGI(echo, max_frame_length=MESSAGE_BYTES)
    wsgi.server(eventlet.listen(("127.0.0.1", port)), app, debug=False, log_output=False)


def _verdicts(suite: str, name: str) -> Verdicts:
    with tempfile.TemporaryDirectory() as folder, _server(name) as url:
        orders = {
            "outdir": folder,
            "servers": [{"agent": name, "url": url}],
            "cases": ["*"],
            "exclude-cases": LEFT_OUT,
            "exclude-agent-cases": {},
        }
        (Path(folder) / "orders.json").write_text(json.dumps(orders))
        command = [suite, "--mode", "fuzzingclient", "--spec", "orders.json"]
        subprocess.run(command, cwd=folder, check=True, timeout=SUITE_SECONDS, stdout=subprocess.DEVNULL)
        cases = json.loads((Path(folder) / "index.json").read_text())[name]
    return {case: result["behavior"] for case, result in cases.items()}


@contextmanager
def _server(name: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.conformance", name, str(port)], cwd=ROOT)
    try:
        _wait_for(port)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in SERVERS:
        serve(sys.argv[1], int(sys.argv[2]))
    elif len(sys.argv) == 2:
        sys.exit(main(str(Path(sys.argv[1]).resolve())))
    else:
        sys.exit(__doc__)
