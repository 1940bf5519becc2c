"""Bodies of requests: however slowly they come, nobody else waits for them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import GENEROUS_LIMITS
from tests.devices import MakeDevice, devices
from tests.house import House, copy_house
from tests.server_process import ServerProcess
from tests.talkers import Talker

REQUEST_SECONDS = 4
MANY = 50  # more than there are connections to the database
NEWS = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(
    request: pytest.FixtureRequest, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = copy_house(cast_folder, tmp_path_factory.mktemp("bodies") / "data")
    variables = {
        **GENEROUS_LIMITS,
        "HOMECHAT_ASYNC_MODE": request.param,
        "HOMECHAT_REQUEST_SECONDS": str(REQUEST_SECONDS),
    }
    with ServerProcess(folder, variables) as process:
        yield process


@pytest.fixture
def device(server: ServerProcess) -> Iterator[MakeDevice]:
    with devices(server.url, House(server.data_dir)) as make:
        yield make


@contextmanager
def unfinished(device: Talker, *, length: int | str = 5000) -> Iterator[socket.socket]:
    """A form on its way: the headers and three bytes of it are there."""
    host, port = device.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = (
            f"POST /me/profile HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {device.cookie_header()}\r\n{NEWS}"
        )
        connection.sendall(f"{head}Content-Length: {length}\r\n\r\nx=y".encode())
        yield connection


def reply_to(connection: socket.socket) -> bytes:
    """Return all that the server answers before it closes."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionError:
        pass
    return received


def drip(connections: list[socket.socket], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for connection in connections:
            try:
                connection.sendall(b"y")
            except OSError:
                return
        time.sleep(0.25)


def test_many_bodies_that_do_not_come_hold_up_nobody(server: ServerProcess, device: MakeDevice) -> None:
    olga, ada = device("olga"), device("ada")
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(unfinished(olga))
        began = time.monotonic()

        assert ada.get("/").status_code == 200
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
        assert requests.get(f"{server.url}/sign-in", timeout=30).status_code == 200

        assert time.monotonic() - began < REQUEST_SECONDS, "nobody waited for a deadline"
    server.assert_no_traceback()


def test_a_body_that_drips_in_has_one_deadline_for_all_of_it(
    server: ServerProcess, device: MakeDevice
) -> None:
    with unfinished(device("olga")) as connection:
        began = time.monotonic()

        drip([connection], seconds=REQUEST_SECONDS + 2)
        answer = reply_to(connection)

        # A byte that came after the deadline may have cost us the answer, but not the end.
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < REQUEST_SECONDS + 5
    statuses = re.findall(r'"status": (\d+)', server.log())
    assert "408" in statuses, statuses


def test_a_body_that_stops_coming_is_told_so_with_the_headers_of_the_house(device: MakeDevice) -> None:
    with unfinished(device("olga")) as connection:
        answer = reply_to(connection)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\ncontent-security-policy: " in answer.lower()
    assert b"\r\nx-request-id: " in answer.lower()


def test_an_upgrade_that_is_none_excuses_nobody(server: ServerProcess, device: MakeDevice) -> None:
    ben = device("ben")
    reply = ben.request(
        "POST",
        "/me/profile",
        data=b"x" * 1_048_577,
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )
    assert reply.status_code == 413


def test_too_long_a_body_is_refused_before_it_comes(device: MakeDevice) -> None:
    began = time.monotonic()
    with unfinished(device("ben"), length=1_048_577) as connection:
        assert reply_to(connection).startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < REQUEST_SECONDS


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "٣"])
def test_a_length_that_makes_no_sense_is_refused(device: MakeDevice, length: str) -> None:
    with unfinished(device("ben"), length=length) as connection:
        assert reply_to(connection).split(b" ")[1] == b"400"


@pytest.mark.parametrize("fields", [1001, 200_000])
def test_a_form_of_very_many_fields_is_refused_before_it_is_taken_apart(
    device: MakeDevice, fields: int
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

    reply = device("ben").request("POST", "/me/profile", data="a&" * (fields - 1) + "a", headers=form)

    assert (reply.status_code, reply.text) == (400, "That form has too many fields.\n")


def test_a_body_in_pieces_and_a_large_one_arrive_whole(server: ServerProcess, device: MakeDevice) -> None:
    ben = device("ben")
    reply = ben.post("/me/profile", {"display_name": "Ben", "padding": "x" * 900_000})
    assert reply.status_code in (302, 303, 422), reply.text
    assert "CSRF" not in reply.text
    server.assert_no_traceback()


def test_when_every_database_connection_is_taken_people_are_told_to_come_back(house: House) -> None:
    engine = house.act(lambda: house.app.extensions["sqlalchemy"].engine)
    with ExitStack() as stack:
        for _ in range(engine.pool.size() + engine.pool._max_overflow):
            stack.enter_context(engine.connect())
        began = time.monotonic()

        page = house.app.test_client().get("/sign-in", headers={"Accept-Language": "de"})

        assert page.status_code == 503
        assert page.headers["Retry-After"] == "5"
        assert "Gleich" in page.text or "gleich" in page.text
        assert time.monotonic() - began < 20
    assert house.app.test_client().get("/sign-in").status_code == 200
