"""The figures that benchmarks print are what they say they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Limit, Row, keep, percentile, rows, table, waits
from benchmarks.processes import cpu_seconds
from benchmarks.socket_io import SocketIoClient
from tests.devices import new_device, wait_until
from tests.house import House
from tests.server_process import ServerProcess


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 5), (95, 10), (99, 10), (90, 9), (10, 1), (1, 1), (100, 10)]
)
def test_percentiles(percent: int, expected: int) -> None:
    assert percentile([10, 3, 1, 2, 9, 8, 7, 6, 5, 4], percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_waits_are_shown_in_milliseconds() -> None:
    assert waits("connect", [0.001, 0.003, 0.002], 50, 95, what="first") == [
        Figure("connect", "first p50", 2.0, "ms"),
        Figure("connect", "first p95", 3.0, "ms"),
    ]


@pytest.mark.parametrize(
    ("limit", "value", "verdict"),
    [
        (Limit(below=50), 49.9, "< 50 ms, met"),
        (Limit(below=50), 50.0, "< 50 ms, missed"),
        (Limit(at_least=2000), 2000.0, "≥ 2,000 ms, met"),
        (Limit(at_least=2000), 1999.0, "≥ 2,000 ms, missed"),
        (Limit(below_peer="Node.js"), 1.4, "below Node.js, met"),
        (Limit(below_peer="Node.js"), 1.5, "below Node.js, missed"),
        (Limit(below_peer="Prosody"), 1.5, "below Prosody"),
    ],
)
def test_a_promise_is_kept_or_not(limit: Limit, value: float, verdict: str) -> None:
    assert limit.verdict(Figure("line", "p95", value, "ms"), {"Node.js": 1.5}) == verdict


def test_the_table_puts_peers_and_promises_beside_our_figures() -> None:
    ours = [Figure("fan-out to 10", "delivery p50", 3.0, "ms"), Figure("fan-out to 10", "CPU", 120.4, "µs")]
    node = [Figure("fan-out to 10", "delivery p50", 1.5, "ms"), Figure("connect", "CPU", 1.0, "µs")]
    result = rows(ours, {"Node.js": node}, {("fan-out to 10", "delivery p50"): Limit(below=50)})

    assert table(result, ["Node.js", "Prosody"], missing=["Prosody"]).splitlines() == [
        "|  |  | HomeChat | Node.js | × Node.js | Prosody | × Prosody | owed |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
        "| fan-out to 10 | delivery p50 | 3 ms | 1.50 ms | 2.00 | missing |  | < 50 ms, met |",
        "|  | CPU | 120 µs |  |  | missing |  |  |",
    ]


def test_what_is_kept_can_be_read_again(tmp_path: Path) -> None:
    result = [Row(Figure("server", "idle memory", 95.5, "MB"), {"Node.js": 40.0}, "< 120 MB, met")]

    keep(result, tmp_path / "results" / "today.json", python="3.11.7")

    kept = json.loads((tmp_path / "results" / "today.json").read_text(encoding="utf-8"))
    assert kept["python"] == "3.11.7"
    (row,) = kept["rows"]
    assert (row["ours"]["value"], row["peers"], row["owed"]) == (95.5, {"Node.js": 40.0}, "< 120 MB, met")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_processor_time_of_another_process_is_known() -> None:
    with subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000)); input()"], stdin=-1) as process:
        assert wait_until(lambda: cpu_seconds(process.pid) > 0.01)
        assert cpu_seconds(process.pid) == pytest.approx(_by_proc(process.pid), abs=0.05)
        process.kill()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[SocketIoClient]:
    device = new_device(server.url, House(server.data_dir), "ada")
    client = SocketIoClient(server.url, device.cookie_header())
    yield client
    client.close()


@pytest.mark.sockets
def test_the_clients_of_the_crowd_talk_to_a_real_server(
    server: ServerProcess, client: SocketIoClient
) -> None:
    home = House(server.data_dir).home().id
    long_body = "long " * 200  # Past the lengths that fit into the first two bytes of a frame.
    heard: list[bytes] = []
    crowd = Crowd([client])
    for number, body in enumerate(("short", long_body)):
        data = {"room_id": home, "body": body, "client_id": f"crowd-{number:04d}"}
        client.say(f'42{number}["message:send",{json.dumps(data)}]'.encode())

    assert crowd.listen(
        lambda _client, packet, _at: heard.append(packet), lambda: _acks(heard) == 2, seconds=20
    )

    assert sum(packet.startswith(b'42["message:posted"') for packet in heard) == 2
    assert all(b'"ok":true' in packet for packet in heard if packet.startswith(b"43"))


@pytest.mark.sockets
def test_a_crowd_that_hears_nothing_gives_up(client: SocketIoClient) -> None:
    assert Crowd([client]).listen(lambda *_: None, lambda: False, seconds=0.2) is False


def test_a_client_that_is_refused_says_so(server: ServerProcess) -> None:
    with pytest.raises(AssertionError, match="401"):
        SocketIoClient(server.url)


def _acks(heard: list[bytes]) -> int:
    return sum(packet.startswith(b"43") for packet in heard)


def _by_proc(pid: int) -> float:
    """Return the same in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
