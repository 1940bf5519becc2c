"""Files on their way over a real wire: large ones, slow ones, and monsters that hold nobody up."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import corpus
from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices
from tests.house import House, copy_house
from tests.server_process import ServerProcess
from tests.talkers import Talker
from tests.test_pictures import MONSTERS
from tests.test_request_bodies import reply_to

MEBIBYTE = 1_048_576
REQUEST_SECONDS = 2
BOUNDARY = "between"


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(
    request: pytest.FixtureRequest, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = copy_house(cast_folder, tmp_path_factory.mktemp("sharing") / "data")
    variables = {
        **GENEROUS_LIMITS,
        "HOMECHAT_ASYNC_MODE": request.param,
        "HOMECHAT_REQUEST_SECONDS": str(REQUEST_SECONDS),
    }
    with ServerProcess(folder, variables) as process:
        yield process
        process.assert_no_traceback()


@pytest.fixture
def house(server: ServerProcess) -> House:
    return House(server.data_dir)


@pytest.fixture
def device(server: ServerProcess, house: House) -> Iterator[MakeDevice]:
    with devices(server.url, house) as make:
        yield make


def head(device: Talker | None, url: str, path: str, *, length: int | None, **headers: str) -> bytes:
    """Return what stands in front of a form with files."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
    ]
    lines += [f"Content-Length: {length}"] if length is not None else ["Transfer-Encoding: chunked"]
    lines += [f"Cookie: {device.cookie_header()}"] if device else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connection_to(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("localhost", server.port), timeout=30)


def token_of(device: Talker) -> str:
    page = device.get("/me").text
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def part(name: str, data: bytes, *, field: str = "files") -> bytes:
    filename = f'; filename="{name}"' if name else ""
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{filename}\r\n\r\n'
    return start.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def hand_in(device: Talker, room: int, name: str, data: bytes) -> Any:
    headers = {
        "Accept": "application/json",
        "X-CSRFToken": token_of(device),
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    return device.request("POST", f"/rooms/{room}/uploads", data=form(part(name, data)), headers=headers)


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/rooms/1/uploads", 11 * MEBIBYTE),
        ("/rooms/1/files", 101 * MEBIBYTE),
        ("/api/v1/channels/1/media", 101 * MEBIBYTE),
        ("/api/v1/channels/1/messages", 101 * MEBIBYTE),
        ("/rooms/1/messages", 2 * MEBIBYTE),
        ("/me/profile", 2 * MEBIBYTE),
    ],
)
def test_what_is_too_large_is_refused_before_a_byte_of_it_is_read(
    server: ServerProcess, device: MakeDevice, path: str, length: int
) -> None:
    with connection_to(server) as connection:
        connection.sendall(head(device("ben"), server.url, path, length=length))
        assert reply_to(connection).split(b" ")[1] == b"413"


@pytest.mark.parametrize("path", ["/rooms/1/uploads", "/rooms/1/files", "/api/v1/channels/1/media"])
def test_a_stranger_sends_nothing_large_at_all(server: ServerProcess, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer hc_abcdefgh_nothing"}, {"Cookie": "homechat=nothing"}):
        with connection_to(server) as connection:
            connection.sendall(head(None, server.url, path, length=5 * MEBIBYTE, **headers))
            assert reply_to(connection).split(b" ")[1] == b"401"


def test_a_file_in_pieces_of_no_known_length_is_refused(server: ServerProcess, device: MakeDevice) -> None:
    with connection_to(server) as connection:
        connection.sendall(head(device("ben"), server.url, "/rooms/1/uploads", length=None))
        assert reply_to(connection).split(b" ")[1] == b"411"


def test_a_file_of_just_the_size_comes_whole_and_one_byte_more_does_not(
    house: House, device: MakeDevice
) -> None:
    room = house.room("ben")
    ben = device("ben")
    data = bytes(range(256)) * (10 * MEBIBYTE // 256)

    reply = hand_in(ben, room, "large.bin", data)
    assert reply.status_code == 200, reply.text
    assert ben.get(reply.json()["file"]["url"]).content == data

    refused = hand_in(ben, room, "larger.bin", data + b"x")
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_a_slow_line_is_no_reason_to_give_up(server: ServerProcess, house: House, device: MakeDevice) -> None:
    """It takes longer than any other request may."""
    room = house.room("ben")
    ben = device("ben")
    body = form(part("slow.txt", bytes(60_000)))
    token = token_of(ben)
    with connection_to(server) as connection:
        start = head(
            ben,
            server.url,
            f"/rooms/{room}/uploads",
            length=len(body),
            **{"X-CSRFToken": token, "Accept": "application/json"},
        )
        connection.sendall(start)
        pieces = 10
        for number in range(pieces):
            connection.sendall(body[number * len(body) // pieces : (number + 1) * len(body) // pieces])
            time.sleep(2 * REQUEST_SECONDS / pieces)
        assert reply_to(connection).split(b" ")[1] == b"200"


def test_a_form_with_many_large_files_holds_nobody_up(house: House, device: MakeDevice) -> None:
    room = house.room("ben", "cleo")
    ben, cleo = device("ben"), device("cleo").connect()
    files = [
        part(f"{number}.bin", bytes([number]) * (3 * MEBIBYTE) + b"\r\n--betwee\r") for number in range(12)
    ]
    fields = [part("", b"all of it", field="body"), part("", b"many-large-1", field="client_id")]
    headers = {"X-CSRFToken": token_of(ben), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    reply = ben.request("POST", f"/rooms/{room}/files", data=form(*fields, *files), headers=headers)

    assert reply.status_code == 302, reply.text
    assert len(cleo.hear("message:posted")["files"]) == 12


def test_monsters_hold_nobody_up(server: ServerProcess, house: House, device: MakeDevice) -> None:
    """The server's own watchdog tells, when the server is let go."""
    room = house.room("ben", "cleo")
    ben, cleo = device("ben"), device("cleo").connect()
    with ThreadPoolExecutor(4) as hands:
        replies = [hands.submit(hand_in, ben, room, name, make()) for name, make in MONSTERS.items()]
        for number in range(20):
            assert cleo.say(room, f"chatting {number}", f"monsters-{number:04}")["ok"]
    assert {it.result().status_code for it in replies} == {422}
    assert all("error" in it.result().json() for it in replies)


def test_a_file_is_heard_of_live_and_can_be_had_at_once(house: House, device: MakeDevice) -> None:
    room = house.room("ben", "cleo")
    ben, cleo = device("ben").connect(), device("cleo").connect()
    file = hand_in(ben, room, "otter.png", corpus.encoded("PNG")).json()["file"]

    ack = ben.send(
        "message:send", {"room_id": room, "body": "", "client_id": "files-live-1", "upload_ids": [file["id"]]}
    )

    assert ack["ok"], ack
    heard = cleo.hear("message:posted")
    assert heard["files"] == [file]
    assert cleo.get(heard["files"][0]["thumbnail_url"]).status_code == 200


@pytest.mark.parametrize("ids", ["x", 7, [7], [None], [["x"]], {"a": 1}, ["nothing"], ["x"] * 3000])
def test_ids_of_no_sense_are_refused(house: House, device: MakeDevice, ids: Any) -> None:
    room = house.room("ben")
    ben = device("ben").connect()
    data = {"room_id": room, "body": "hi", "client_id": "files-odd-1", "upload_ids": ids}
    assert ben.send("message:send", data)["code"] == "invalid"
