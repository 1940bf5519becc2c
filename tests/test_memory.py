"""What the server takes of a small machine's memory, whatever clients do."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from homechat.serving.send_buffer import SEND_BUFFER_BYTES
from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices, live_people, wait_until
from tests.house import House, copy_house
from tests.raw_socket import RawSocket
from tests.server_process import ROOT, ServerProcess
from tests.talkers import Talker

IDLE_MEGABYTES = 120
BUSY_MEGABYTES = 160
SIGN_INS = 40
CLIENTS_NEED = {"aiohttp", "requests", "websocket"}


@pytest.fixture(params=["eventlet", "threading"])
def server(request: pytest.FixtureRequest, cast_folder: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    folder = copy_house(cast_folder, tmp_path / "served" / "data")
    with ServerProcess(folder, {**GENEROUS_LIMITS, "HOMECHAT_ASYNC_MODE": request.param}) as process:
        yield process


@pytest.fixture
def house(server: ServerProcess) -> House:
    return House(server.data_dir)


@pytest.fixture
def device(server: ServerProcess, house: House) -> Iterator[MakeDevice]:
    with devices(server.url, house) as make:
        yield make


def megabytes(server: ServerProcess) -> int:
    """Return what of the server is in memory now."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) // 1024


def test_what_only_clients_of_socket_io_need_is_not_loaded_with_it() -> None:
    assert all(find_spec(name) for name in CLIENTS_NEED)  # Guard: they could be.
    code = (
        "import sys; from homechat import server; server._import_socketio(); import homechat.serving.threads;"
        f"print(*{CLIENTS_NEED} & set(sys.modules)); import requests"  # It is there for who asks for it.
    )
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == []


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_nor_does_anything_else_load_it_in_a_server(server: ServerProcess) -> None:
    assert server.process is not None
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "/markupsafe/" in loaded  # Guard: a package with a part in C is seen here.
    assert "/aiohttp/" not in loaded


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_many_sign_ins_leave_nothing_behind(server: ServerProcess) -> None:
    assert megabytes(server) < IDLE_MEGABYTES

    def fail() -> None:
        reply = Talker(server.url, "nobody").post(
            "/sign-in", {"username": "ada", "password": "not this one"}, form_on="/sign-in"
        )
        assert reply.status_code == 401, reply.text

    people = [threading.Thread(target=fail) for _ in range(SIGN_INS)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert wait_until(lambda: megabytes(server) < BUSY_MEGABYTES), megabytes(server)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_who_does_not_read_is_let_go_and_the_others_go_on(
    server: ServerProcess, house: House, device: MakeDevice
) -> None:
    room = house.room("ada", "ben", "cleo", name="Long stories")
    ada, ben = device("ada").connect(), device("ben").connect()
    with RawSocket(device("cleo"), receive_bytes=4096) as deaf:
        deaf.connect()
        assert wait_until(lambda: house.id_of("cleo") in live_people(house))
        before = megabytes(server)

        # 120 kB each, 14 MB together: more than the system's own buffers keep.
        for number in range(120):
            assert ada.say(room, "ä" * 10_000, f"long-story-{number:04d}")["ok"] is True

        ben.hear("message:posted", lambda data: data["client_id"] == "long-story-0119")
        assert megabytes(server) - before < 10 + 4 * SEND_BUFFER_BYTES // 1_000_000
        assert wait_until(lambda: house.id_of("cleo") not in live_people(house)), "Cleo counts as gone"
        ben.hear(
            "presence:changed",
            lambda data: data == {**data, "person_id": house.id_of("cleo"), "online": False},
        )
        assert deaf.is_ended()
    back = device("cleo").connect().send("message:changes", {"room_id": room, "after": 118})
    assert [message["client_id"] for message in back["messages"]] == ["long-story-0118", "long-story-0119"]
    assert ada.send("room:list", {})["ok"] is True
    assert "does not take what is sent" in server.log()
    server.assert_no_traceback()


def test_one_answer_may_be_larger_than_the_buffer(
    server: ServerProcess, house: House, device: MakeDevice
) -> None:
    room = house.room("ada", name="Archive")
    for number in range(10):
        house.say("ada", room, "🦦" * 10_000, f"archive-{number:04d}")  # 2.4 MB with its HTML
    ada = device("ada").connect()

    for _ in range(3):
        missed = ada.send("message:changes", {"room_id": room, "after": 0})
        assert len(missed["messages"]) == 10
