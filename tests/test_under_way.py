"""Bodies that are announced: however many come at once, there is a place for each before it is read, or a sentence."""

from __future__ import annotations

import itertools
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from homechat.actor import Actor
from homechat.lockdown import Kind
from homechat.operations.lockdown import lift
from homechat.operations.lockdown import start as lock_down
from homechat.serving.request_bodies import (
    LARGE_ONES_MAX,
    LARGE_ONES_OF_ONE_PERSON,
    STRANGERS_ONES_OF_ONE_ADDRESS,
    USUAL_ONES_MAX,
    USUAL_ONES_OF_ONE_PERSON,
)
from homechat.serving.under_way import Place, UnderWay
from homechat.uploads.files import has_room
from tests.api_client import new_token
from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices, wait_until
from tests.house import House, copy_house
from tests.server_process import ServerProcess
from tests.talkers import Talker
from tests.test_request_bodies import reply_to

USUAL_BYTES = 131_072
LARGE_BYTES = 1_000_000
REQUEST_SECONDS = 60
numbers = itertools.count(1)
PEOPLE = ("ada", "ben", "cleo", "gus")


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(
    request: pytest.FixtureRequest, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = copy_house(cast_folder, tmp_path_factory.mktemp("under-way") / "data")
    variables = {
        **GENEROUS_LIMITS,
        "HOMECHAT_ASYNC_MODE": request.param,
        "HOMECHAT_REQUEST_BYTES": str(USUAL_BYTES),
        "HOMECHAT_REQUEST_SECONDS": str(REQUEST_SECONDS),
        "HOMECHAT_UPLOAD_BYTES": "65536",
        "HOMECHAT_UPLOAD_REQUEST_BYTES": str(LARGE_BYTES),
    }
    with ServerProcess(folder, variables) as process:
        yield process
        process.assert_no_traceback()


@pytest.fixture
def device(server: ServerProcess) -> Iterator[MakeDevice]:
    with devices(server.url, House(server.data_dir)) as make:
        yield make


def announce(
    server: ServerProcess, path: str, length: int, *, device: Talker | None = None, kind: str
) -> socket.socket:
    """Say that so many bytes will come, wait to be asked for them, and send the first."""
    connection = socket.create_connection(("localhost", server.port), timeout=20)
    cookie = f"Cookie: {device.cookie_header()}\r\n" if device else ""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{cookie}"
    connection.sendall(f"{head}Content-Length: {length}\r\n\r\nx".encode())
    return connection


def test_on_a_full_disk_a_program_is_told_so_before_a_byte_is_read(cast_folder: Path, tmp_path: Path) -> None:
    folder = copy_house(cast_folder, tmp_path / "full" / "data")
    _row, token = new_token(House(folder), "ben", "media:write")
    kind = "multipart/form-data; boundary=between"
    with ServerProcess(folder, {**GENEROUS_LIMITS, "HOMECHAT_DISK_FREE_PERCENT": "99"}) as full:
        reply = requests.post(
            f"{full.url}/api/v1/channels/1/media",
            data=bytes(2_000_000),
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
            timeout=20,
        )
    assert (reply.status_code, reply.json()["code"]) == (507, "no_space")


@pytest.mark.parametrize("closed", [False, True])
def test_who_may_send_no_files_is_told_so_before_a_byte_is_read(server: ServerProcess, closed: bool) -> None:
    house = House(server.data_dir)
    _row, token = new_token(house, "ben", *(["media:write"] if closed else ["messages:write"]))
    answers: list[bytes] = []
    if closed:
        house.act(lock_down, Actor.operator(), Kind.TOKENS, hours=1)
    try:
        kind = f"multipart/form-data; boundary=b\r\nAuthorization: Bearer {token}"
        for what in ("media", "messages"):
            with announce(server, f"/api/v1/channels/1/{what}", LARGE_BYTES, kind=kind) as connection:
                answers.append(reply_to(connection))
    finally:
        if closed:
            house.act(lift, Actor.operator())
    status, code = (b"423", b"locked_down") if closed else (b"403", b"scope_needed")
    assert [answer.split(b" ")[1] for answer in answers] == [status] * 2
    assert all(code in answer for answer in answers)


def announce_files(server: ServerProcess, device: Talker) -> socket.socket:
    kind = "multipart/form-data; boundary=between"
    return announce(server, "/rooms/1/files", LARGE_BYTES, device=device, kind=kind)


def announce_form(server: ServerProcess, device: Talker | None = None) -> socket.socket:
    return announce(server, "/sign-in", USUAL_BYTES, device=device, kind="application/x-www-form-urlencoded")


def is_waited_for(connection: socket.socket) -> bool:
    """Whether the server says nothing, but waits for the rest; it may not have heard of it yet."""
    connection.settimeout(0.3)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return True


def is_let_in(server: ServerProcess, device: Talker) -> bool:
    with announce_files(server, device) as connection:
        return is_waited_for(connection)


def says(device: Talker, words: str) -> bool:
    """Whether a message in home is taken."""
    form = {"body": words, "client_id": f"under-way-{next(numbers):06}"}
    return device.post("/rooms/1/messages", form, json=True).status_code == 200  # Home is founded first.


def test_one_person_announces_three_of_the_largest_and_others_may_still_send(
    server: ServerProcess, device: MakeDevice
) -> None:
    ben, cleo = device("ben"), device("cleo")
    with ExitStack() as stack:
        own = [stack.enter_context(announce_files(server, ben)) for _ in range(LARGE_ONES_OF_ONE_PERSON)]
        assert all(map(is_waited_for, own))

        with announce_files(server, ben) as refused:
            answer = reply_to(refused)

        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nretry-after: 10\r\n" in answer.lower()
        assert b"You are sending a lot at once." in answer
        assert is_let_in(server, cleo)
        assert says(ben, "and talk goes on")
    assert wait_until(lambda: is_let_in(server, ben)), "what does not come any more is not counted"


def test_everybody_together_announces_ten_of_the_largest(server: ServerProcess, device: MakeDevice) -> None:
    people = [device(name) for name in PEOPLE]
    assert wait_until(lambda: all(is_let_in(server, each) for each in people))  # Of before nothing is left.
    with ExitStack() as stack:
        each_ones = [each for each in people for _ in range(LARGE_ONES_OF_ONE_PERSON)][:LARGE_ONES_MAX]
        all_ones = [stack.enter_context(announce_files(server, each)) for each in each_ones]
        assert all(map(is_waited_for, all_ones))

        with announce_files(server, people[-1]) as refused:
            answer = reply_to(refused)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in answer.lower()
        assert b"A lot is being sent to this house right now." in answer


def test_one_address_announces_so_many_forms_and_signing_in_goes_on(
    server: ServerProcess, device: MakeDevice
) -> None:
    with ExitStack() as stack:
        forms = [stack.enter_context(announce_form(server)) for _ in range(STRANGERS_ONES_OF_ONE_ADDRESS)]
        assert all(map(is_waited_for, forms[-3:]))

        with announce_form(server) as refused:
            assert reply_to(refused).startswith(b"HTTP/1.1 429 ")

        ben = device("ben")
        assert says(ben, "still here")
        much = {"padding": "x" * 100_000}
        assert ben.post("/nowhere", much).status_code == 404, "who lives here has places of their own"


def test_one_person_announces_so_many_forms_and_others_have_theirs(
    server: ServerProcess, device: MakeDevice
) -> None:
    ben, cleo = device("ben"), device("cleo")
    with ExitStack() as stack:
        forms = [stack.enter_context(announce_form(server, ben)) for _ in range(USUAL_ONES_OF_ONE_PERSON)]
        assert all(map(is_waited_for, forms[-3:]))

        with announce_form(server, ben) as refused:
            assert reply_to(refused).startswith(b"HTTP/1.1 429 ")

        assert cleo.post("/nowhere", {"padding": "x" * 100_000}).status_code == 404


def test_an_upgrade_has_no_body(server: ServerProcess, device: MakeDevice) -> None:
    """It would keep its place for as long as the WebSocket is open."""
    head = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nCookie: {device('ben').cookie_header()}\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection(("localhost", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + bytes(100_000))
        assert reply_to(connection).startswith(b"HTTP/1.1 400 ")


def test_what_was_answered_is_counted_no_more(server: ServerProcess, device: MakeDevice) -> None:
    ben = device("ben")
    much = "x" * 100_000
    for _ in range(USUAL_ONES_MAX + 10):
        assert ben.post("/nowhere", {"padding": much}).status_code == 404


def test_bytes_are_counted_by_sender_and_in_all() -> None:
    under_way = UnderWay(bytes_max=10, share_bytes=6)
    assert under_way.reserve("ben", 6) is Place.FREE
    assert under_way.reserve("ben", 1) is Place.TOO_MANY_OF_THEIRS
    assert under_way.reserve("cleo", 5) is Place.TOO_MANY
    assert under_way.reserve("cleo", 4) is Place.FREE
    assert under_way.total == 10

    under_way.give_back("ben", 6)

    assert under_way.total == 4
    assert under_way.reserve("ben", 6) is Place.FREE


def test_the_disk_has_to_have_room_for_what_is_under_way_as_well(tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    assert has_room(tmp_path, free_percent=0, for_bytes=usage.free // 2)
    assert not has_room(tmp_path, free_percent=0, for_bytes=2 * usage.free + 1)
