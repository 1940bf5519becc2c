"""Packets that no client of ours sends, and transports that somebody tries to keep."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio
from socketio.pubsub_manager import PubSubManager

from homechat.serving.packet_guard import MALFORMED_MAX
from tests.devices import MakeDevice, devices, live_people, live_windows, wait_until
from tests.house import House
from tests.raw_socket import RawSocket
from tests.server_process import ServerProcess

pytestmark = pytest.mark.sockets

DISCONNECT = "41"
PONG = "3"


@pytest.fixture
def device(shared_server: ServerProcess, shared_house: House) -> Iterator[MakeDevice]:
    with devices(shared_server.url, shared_house) as make:
        yield make


@pytest.mark.parametrize(
    "packet",
    [
        '451-7["message:send",{"_placeholder":true,"num":0}]',
        '45999999999-["message:send",{"_placeholder":true,"num":0}]',
        '461-7[{"_placeholder":true,"num":0}]',
        "b" + "AAAA",
        b"\0 bytes \0",
    ],
)
def test_binary_data_ends_the_connection(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House, packet: str | bytes
) -> None:
    before = len(shared_server.log())
    with RawSocket(device("ada")) as socket:
        socket.connect()
        socket.send(packet)
        assert socket.is_ended()
    assert wait_until(lambda: not live_people(shared_house))
    said = shared_server.log()[before:]
    assert said.count("sent binary data") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("packet", ["49", "4x", "42{", "42" + "9" * 150 + "[]", "44", '4["a"]', "4\u0665"])
def test_a_few_packets_that_make_no_sense_are_passed_over_and_the_fifth_is_the_last(
    device: MakeDevice, shared_server: ServerProcess, packet: str
) -> None:
    before = len(shared_server.log())
    with RawSocket(device("ada")) as socket:
        socket.connect()
        for _ in range(MALFORMED_MAX - 1):
            socket.send(packet)
        assert socket.call_event("room:list", {})["ok"] is True, "a few are forgiven"

        socket.send(packet)
        assert socket.is_ended()
    said = shared_server.log()[before:]
    assert said.count("a packet that makes no sense") == MALFORMED_MAX, "one line each"
    assert "Traceback" not in said


def test_who_says_goodbye_cannot_keep_the_transport(device: MakeDevice, shared_house: House) -> None:
    with RawSocket(device("ben")) as socket:
        socket.connect()
        mine = live_windows(shared_house)
        socket.send(DISCONNECT)
        # Somebody who goes on talking would else be heard for ever.
        assert wait_until(lambda: not _can_send(socket))
    assert wait_until(lambda: not mine & live_windows(shared_house))


class _Unpickled:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[type[Path.touch], tuple[Path]]:
        return Path.touch, (self._file,)


def test_what_other_processes_send_is_never_unpickled(tmp_path: Path) -> None:
    arrived = [pickle.dumps(_Unpickled(tmp_path / "harm")), b"nonsense", '{"method": "nothing"}']

    class Channel(PubSubManager):
        def _listen(self) -> Iterator[str | bytes]:
            yield from arrived
            raise SystemExit

    server = socketio.Server(async_mode="threading", client_manager=Channel(channel="tests"))
    with pytest.raises(SystemExit):
        server.manager._thread()

    assert not (tmp_path / "harm").exists()
    pickle.loads(arrived[0])
    assert (tmp_path / "harm").exists(), "guard: it would have been seen"


def _can_send(socket: RawSocket) -> bool:
    try:
        socket.send(PONG)
    except OSError:
        return False
    return True
