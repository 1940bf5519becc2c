"""The figures that benchmarks print are what they say they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.crowd import Client, Crowd
from benchmarks.figures import Figure, Row, keep, percentile, table
from tests.devices import new_device
from tests.house import House
from tests.server_process import ServerProcess


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 5), (95, 10), (99, 10), (90, 9), (10, 1), (1, 1), (100, 10)]
)
def test_percentiles(percent: int, expected: int) -> None:
    assert percentile([10, 3, 1, 2, 9, 8, 7, 6, 5, 4], percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_the_table_puts_peers_and_promises_beside_our_figures() -> None:
    rows = [
        Row(Figure("fan-out to 10", "delivery p50", 3.0, "ms"), {"Node.js": 1.5}, "< 50 ms"),
        Row(Figure("fan-out to 10", "CPU per delivery", 120.4, "µs"), {}),
    ]

    assert table(rows, ["Node.js"]).splitlines()[2:] == [
        "| fan-out to 10 | delivery p50 | 3.00 ms | 1.50 ms (× 2.0) | < 50 ms |",
        "|  | CPU per delivery | 120 µs |  |  |",
    ]


def test_what_is_kept_can_be_read_again(tmp_path: Path) -> None:
    rows = [Row(Figure("server", "idle memory", 95.5, "MiB"), {"Node.js": 40.0}, "< 120 MB")]

    keep(rows, tmp_path / "results" / "today.json")

    (kept,) = json.loads((tmp_path / "results" / "today.json").read_text(encoding="utf-8"))
    assert (kept["ours"]["value"], kept["peers"], kept["owed"]) == (95.5, {"Node.js": 40.0}, "< 120 MB")


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    device = new_device(server.url, House(server.data_dir), "ada")
    client = Client(server.url, device.cookie_header())
    yield client
    client.close()


@pytest.mark.sockets
def test_the_clients_of_the_crowd_talk_to_a_real_server(server: ServerProcess, client: Client) -> None:
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
def test_a_crowd_that_hears_nothing_gives_up(client: Client) -> None:
    assert Crowd([client]).listen(lambda *_: None, lambda: False, seconds=0.2) is False


def test_a_client_that_is_refused_says_so(server: ServerProcess) -> None:
    with pytest.raises(AssertionError, match="401"):
        Client(server.url)


def _acks(heard: list[bytes]) -> int:
    return sum(packet.startswith(b"43") for packet in heard)
