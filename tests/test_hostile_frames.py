"""Frames that no browser sends, by members and by strangers: the others go on talking, and nothing is left behind."""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homechat.connection import OFFLINE_GRACE_SECONDS, WRITE_AGAIN_SECONDS
from homechat.database import sqlite_driver as sqlite3
from homechat.doors.events import REFUSALS_MAX
from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices, live_people, wait_until
from tests.house import House
from tests.raw_socket import ACK, RawSocket, frame
from tests.server_process import ServerProcess

pytestmark = pytest.mark.sockets

EXAMPLES = 60
CROWD = 400
PING_SECONDS = 1
TELLTALES = (b"Traceback", b'File "', b".py", b"eventlet", b"Werkzeug", b"simple_websocket")


@pytest.fixture
def device(shared_server: ServerProcess, shared_house: House) -> Iterator[MakeDevice]:
    with devices(shared_server.url, shared_house) as make:
        yield make


words = st.sampled_from(
    [
        "",
        "x",
        "0",
        "1",
        "2probe",
        "3",
        "4",
        "40",
        "41",
        "42",
        "43",
        "44",
        "45",
        "5",
        "6",
        "9",
        "\x1e",
        "bAAA=",
        "4" * 40,
    ]
)
payloads = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda start, rest: (start + rest).encode(), words, st.text(max_size=40)),
    st.builds(lambda rest: b"42" + rest, st.binary(max_size=60)),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Give the bytes of one frame: any opcode and reserved bits, masked or not, its length true or a lie."""
    payload = draw(payloads)
    first = draw(st.integers(0, 255))
    masked = draw(st.booleans())
    told = draw(
        st.one_of(st.just(len(payload)), st.sampled_from([0, 125, 126, 65_535, 2**31, 2**63, 2**64 - 1]))
    )
    size = draw(st.sampled_from(["short", "16 bits", "64 bits"]))
    mask_bit = 0x80 if masked else 0
    if size == "short":
        head = struct.pack("!BB", first, mask_bit | min(told, 125))
    elif size == "16 bits":
        head = struct.pack("!BBH", first, mask_bit | 126, min(told, 65_535))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, told)
    return head + (b"\0\0\0\0" if masked else b"") + payload


malformed = st.one_of(frames(), st.binary(min_size=1, max_size=100), st.builds(frame, payloads))


@pytest.mark.parametrize("connects_first", [False, True], ids=["first frame", "second frame"])
def test_a_frame_that_makes_no_sense_tells_nothing_and_leaves_nothing_behind(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House, connects_first: bool
) -> None:
    room = shared_house.room("ada", "ben", "cleo", name=f"Frames {connects_first}")
    ada, ben, phone = device("ada").connect(), device("ben").connect(), device("cleo")
    before = len(shared_server.log())
    sent = []

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(malformed)
    def send(data: bytes) -> None:
        with RawSocket(phone) as socket:
            if connects_first:
                socket.connect()
            answers = socket.exchange(data)
        assert not [telltale for telltale in TELLTALES if telltale in answers], answers
        client_id = f"frames-{int(connects_first)}-{len(sent):05d}"
        assert ada.say(room, "we go on", client_id)["ok"] is True
        sent.append(client_id)

    send()

    ben.hear("message:posted", lambda message: message["client_id"] == sent[-1])
    here = {shared_house.id_of("ada"), shared_house.id_of("ben")}
    assert wait_until(lambda: live_people(shared_house) == here), "Cleo counts as gone"
    shared_server.assert_no_traceback(since=before)


def test_the_events_of_one_client_are_done_in_their_order(device: MakeDevice, shared_house: House) -> None:
    room = shared_house.room("ada", name="In order")
    with RawSocket(device("ada")) as socket:
        socket.connect()
        for number in range(50):
            socket.send(
                f'42{number}["message:send",{{"room_id":{room},"body":"{number}","client_id":"order-{number:05d}"}}]'
            )
        answers = [socket.answer() for _ in range(50)]

    numbers = [int(answer.removeprefix(ACK).split("[")[0]) for answer in answers]
    messages = [json.loads(answer[answer.index("[") :])[0]["message"] for answer in answers]
    assert numbers == list(range(50))
    assert [message["body"] for message in messages] == [str(number) for number in range(50)]
    assert [message["seq"] for message in messages] == list(range(1, 51))


def test_a_member_goes_on_talking_through_a_stream_of_fragments(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Through a stream")
    ada, ben, phone = device("ada").connect(), device("ben").connect(), device("cleo")
    for number in range(5):
        with RawSocket(phone) as stream:
            wire = stream.wire
            try:
                wire.sendall(frame(b"4" + b"a" * 40_000, is_last=False))
                for _ in range(10):
                    wire.sendall(frame(b"a" * 40_000, opcode=0, is_last=False))
            except OSError:
                pass  # cut off while we still sent
            assert ada.say(room, "still here", f"stream-{number:05d}")["ok"] is True
            assert stream.is_ended()
    ben.hear("message:posted", lambda message: message["client_id"] == "stream-00004")


def test_a_crowd_of_newcomers_waits_while_a_member_is_answered(house: House) -> None:
    with (
        ServerProcess(house.data_dir, {**GENEROUS_LIMITS, "HOMECHAT_ASYNC_MODE": "eventlet"}) as server,
        devices(server.url, house) as device,
        RawSocket(device("ada")) as ada,
        ExitStack() as stack,
    ):
        ada.connect()
        warm_up = ada.call_event("message:send", {"room_id": 1, "body": "Hello", "client_id": "before-crowd"})
        assert warm_up["ok"] is True

        server.send_signal(signal.SIGSTOP)  # so that all of them come at the same moment
        crowd = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            for _ in range(CROWD)
        ]
        for newcomer in crowd:
            newcomer.sendall(b"GET /up HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ada.send(
            '421["message:send",{"room_id":1,"body":"In the crowd","client_id":"through-a-crowd"}]',
        )
        server.send_signal(signal.SIGCONT)

        assert ada.answer().startswith(f"{ACK}1[")
        poll = select.poll()
        for newcomer in crowd:
            poll.register(newcomer, select.POLLIN)
        assert len(poll.poll(0)) < CROWD / 2, "answered before her"
        assert all(newcomer.recv(100).startswith(b"HTTP/1.1 200 OK") for newcomer in crowd)


BURSTS = {
    "events": [frame(f'42{number}["nothing"]'.encode()) for number in range(1, CROWD)],
    "pongs": [frame(b"", opcode=0xA)] * 50 * CROWD,
}


@pytest.mark.parametrize("burst", BURSTS)
def test_a_burst_of_one_client_waits_while_others_are_answered(house: House, burst: str) -> None:
    settings = {**GENEROUS_LIMITS, "HOMECHAT_ASYNC_MODE": "eventlet"}
    with (
        ServerProcess(house.data_dir, settings) as server,
        devices(server.url, house) as device,
        RawSocket(device("ada")) as ada,
        RawSocket(device("cleo")) as cleo,
    ):
        ada.connect()
        cleo.connect()
        assert ada.call_event("typing:start", {"room_id": 1})["ok"] is True

        server.send_signal(signal.SIGSTOP)  # so that all of it is there at the same moment
        cleo.wire.sendall(b"".join(BURSTS[burst]) + frame(b'42999["room:list"]'))
        ada.send('421["message:send",{"room_id":1,"body":"Through a burst","client_id":"through-burst"}]')
        server.send_signal(signal.SIGCONT)

        assert ada.answer().startswith(f"{ACK}1[")
        server.send_signal(signal.SIGSTOP)
        answered = [packet for packet in cleo.listen(for_seconds=0.5) if packet.startswith(ACK)]
        server.send_signal(signal.SIGCONT)
        assert len(answered) < CROWD / 2, "answered before her"
        assert not any(packet.startswith(f"{ACK}999[") for packet in answered)
        while not cleo.answer().startswith(f"{ACK}999["):
            pass


def test_who_goes_on_past_all_limits_is_let_go_and_may_come_back(house: House) -> None:
    limits = {**GENEROUS_LIMITS, "HOMECHAT_MESSAGES_PER_MINUTE": "6"}
    with (
        ServerProcess(house.data_dir, limits) as server,
        devices(server.url, house) as device,
        RawSocket(phone := device("cleo")) as cleo,
        RawSocket(device("ada")) as ada,
    ):
        cleo.connect()
        ada.connect()
        answers = [cleo.call_event("room:list").get("code") for _ in range(60 + REFUSALS_MAX - 1)]
        assert answers == [None] * 60 + ["rate_limited"] * (REFUSALS_MAX - 1)

        cleo.send('421["room:list"]')

        assert cleo.is_ended()
        assert ada.call_event("room:list")["ok"] is True
        with RawSocket(phone) as again:
            assert again.connect().call_event("room:list")["code"] == "rate_limited"


def test_who_is_given_up_while_being_let_in_is_not_here(house: House) -> None:
    settings = {**GENEROUS_LIMITS, "HOMECHAT_PING_SECONDS": str(PING_SECONDS)}
    with (
        ServerProcess(house.data_dir, settings) as server,
        devices(server.url, house) as device,
        sqlite3.connect(house.settings.sqlite_file, isolation_level=None) as other,
    ):
        ada, phone = device("ada").connect(), device("cleo")
        with RawSocket(phone) as cleo:
            other.execute("BEGIN IMMEDIATE")  # Nobody is let in before it can be written down.
            cleo.send("40")
            time.sleep(6 * PING_SECONDS)  # She answers no ping meanwhile.
            other.execute("ROLLBACK")
            assert cleo.is_ended()

        time.sleep(WRITE_AGAIN_SECONDS + OFFLINE_GRACE_SECONDS + 1)
        assert live_people(house) == {house.id_of("ada")}
        assert house.id_of("cleo") not in ada.send("room:list", {})["online"]
