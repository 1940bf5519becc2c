"""What many are told at once reaches each of them whole, once and in order, however slowly they read."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices
from tests.house import House
from tests.raw_socket import RawSocket
from tests.server_process import ROOT, ServerProcess

pytestmark = pytest.mark.sockets

MESSAGES_EACH = 60
PING_SECONDS = 1


@pytest.fixture
def device(shared_server: ServerProcess, shared_house: House) -> Iterator[MakeDevice]:
    with devices(shared_server.url, shared_house) as make:
        yield make


def test_all_hear_the_same_in_the_same_order_whoever_is_slow_or_dies(
    device: MakeDevice, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", "cleo", "gus", name="Mixed company")
    senders = [device("ada").connect(), device("ben").connect()]
    fast = device("cleo").connect()
    is_over = threading.Event()
    with (
        RawSocket(device("gus"), receive_bytes=2048) as slow,
        RawSocket(device("cleo"), receive_bytes=2048) as dying,
        ThreadPoolExecutor() as pool,
    ):
        slow.connect()
        dying.connect()
        reading = pool.submit(_read_now_and_then, slow, is_over)

        def send(number: int) -> None:
            for count in range(MESSAGES_EACH):
                ack = senders[number].say(
                    room, f"{number} {count} {'long ' * 1_000}", f"mixed-{number}-{count:04d}"
                )
                assert ack["ok"] is True

        sending = [pool.submit(send, number) for number in range(2)]
        assert dying.listen(for_seconds=0.5)
        dying.cut()
        for task in sending:
            task.result()
        is_over.set()
        reading.result()
        assert slow.call_event("room:list")["ok"] is True  # Behind all that was on its way.

    stored = list(range(1, 2 * MESSAGES_EACH + 1))
    for person in (*senders, fast):
        assert [data["seq"] for data in person.heard("message:posted")] == stored
    assert [data["seq"] for data in _posted(slow, room)] == stored


def test_what_is_written_in_parts_stays_in_one_piece(house: House) -> None:
    """5 MB, more than the system takes at once, and a ping that wants to be answered in the middle of it."""
    room = house.room("ada", name="Library")
    for number in range(10):
        house.say("ada", room, "🦦" * 10_000, f"library-{number:04d}")
    with (
        ServerProcess(house.data_dir, GENEROUS_LIMITS) as server,
        devices(server.url, house) as device,
        RawSocket(device("ada"), receive_bytes=4096) as ada,
    ):
        ada.connect()
        tablet = device("ada").connect()
        assert ada.call_event("room:list")["ok"] is True
        for _ in range(2):
            ada.send(f'4299["message:changes",{json.dumps({"room_id": room, "after": 0})}]')
        ada.ping()
        time.sleep(1)  # Until the server has written what it can.
        for number in range(3):  # What she is told meanwhile waits behind it and does not end the connection.
            assert tablet.say(room, f"meanwhile {number}", f"meanwhile-{number}")["ok"] is True
        answers = [ada.answer(), ada.answer()]
        assert ada.call_event("room:list")["ok"] is True

    for packet in answers:
        (answer,) = json.loads(packet.removeprefix("4399"))
        assert [message["seq"] for message in answer["messages"]] == list(range(1, 11))
    assert [data["seq"] for data in _posted(ada, room)] == [11, 12, 13]


def test_who_is_told_much_and_says_nothing_stays(house: House) -> None:
    """engineio ends a connection for which nothing was queued for two pings."""
    room = house.room("ada", "ben", name="Radio")
    settings = {**GENEROUS_LIMITS, "HOMECHAT_PING_SECONDS": str(PING_SECONDS)}
    with ServerProcess(house.data_dir, settings) as server, devices(server.url, house) as device:
        ada, ben = device("ada").connect(), device("ben").connect()
        for number in range(10):
            assert ada.say(room, f"news {number}", f"radio-{number:04d}")["ok"] is True
            time.sleep(PING_SECONDS / 2)

        ben.hear("message:posted", lambda data: data["client_id"] == "radio-0009")
        assert not ben.ended.is_set()
        assert ben.send("room:list", {})["ok"] is True


def test_what_is_told_to_who_has_just_left_keeps_no_place() -> None:
    """A frame that is begun behind the end of the queue would hold the lock that closing needs, for ever."""
    script = """
        import eventlet
        eventlet.monkey_patch()
        import engineio, socket
        from engineio.packet import MESSAGE, Packet
        from eventlet import websocket
        from homechat.serving.send_buffer import BoundedSocket

        ours, theirs = socket.socketpair()
        server = engineio.Server(async_mode="eventlet")
        connection = server.sockets["it"] = BoundedSocket(server, "it")
        put = connection.queue.put

        def put_and_tell(packet):
            put(packet)
            if packet is None:
                connection.send(Packet(MESSAGE, "x" * 10_000_000))

        connection.queue.put = put_and_tell
        wire = websocket.RFC6455WebSocket(ours, {}, 13)
        task = eventlet.spawn(connection._websocket_handler, wire)
        eventlet.sleep(0.2)
        theirs.shutdown(socket.SHUT_WR)
        with eventlet.Timeout(20):
            task.wait()
        print("it ended")
    """
    code = "\n".join(line[8:] for line in script.splitlines())

    run = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.stdout == "it ended\n", result.stderr


def _read_now_and_then(slow: RawSocket, is_over: threading.Event) -> None:
    while not is_over.wait(0.2):
        slow.heard += slow.listen(for_seconds=0.02)


def _posted(listener: RawSocket, room: int) -> list[dict[str, int]]:
    events = [json.loads(packet[2:]) for packet in listener.heard if packet.startswith("42")]
    return [data for name, data in events if name == "message:posted" and data["room_id"] == room]
