"""The live connection before anybody has signed in: who may knock, how long they may stay, what nonsense does."""

import base64
import subprocess
import sys
import time

import pytest
import requests
import websocket
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from homechat.serving.socket_gate import SocketGate
from homechat.serving.websocket_repairs import unmasked
from tests.devices import new_device
from tests.house import House, copy_house
from tests.raw_socket import frame
from tests.server_process import ROOT, ServerProcess
from tests.small_app import settings_for

ORIGIN = "https://chat.example"
SECRET = "of-a-device-that-is-signed-in"
COOKIE = f"__Host-homechat={SECRET}"
TOKEN, DEAF_TOKEN = "a-token-that-may-listen", "a-token-that-may-not"
HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(),
}
ADDRESS = "/socket.io/?EIO=4&transport=websocket"
PASSED = 200


def knock(client, *, method="GET", without=(), base_url=ORIGIN, address=ADDRESS, **headers):
    given_headers = {**HANDSHAKE, **{name.replace("_", "-"): text for name, text in headers.items() if text}}
    for name in without:
        del given_headers[name]
    return client.open(address, base_url=base_url, method=method, headers=given_headers).status_code


@pytest.mark.parametrize("name", ["token", "access_token", "auth", "authorization", "api_key"])
def test_a_token_in_the_address_opens_nothing(client, name):
    assert knock(client, authorization=f"Bearer {TOKEN}") == PASSED, "guard"
    assert knock(client, address=f"{ADDRESS}&{name}={TOKEN}") == 401
    assert knock(client, address=f"{ADDRESS}&{name}=Bearer+{TOKEN}") == 401


@pytest.fixture
def client(tmp_path):
    """Knocks at a gate that knows the cookie above, and behind which everybody is let in."""
    settings = settings_for(tmp_path, allowed_origins=("https://second.example",))

    def let_in(_, start_response):
        start_response("200 OK", [])
        return []

    may_listen = {TOKEN: True, DEAF_TOKEN: None}.get
    gate = SocketGate(let_in, settings, {SECRET}.__contains__, lambda text: may_listen(text, False))
    return Client(gate, use_cookies=False)


@pytest.mark.parametrize(
    ("origin", "cookie", "authorization", "status"),
    [
        (ORIGIN, COOKIE, None, PASSED),
        ("https://second.example", COOKIE, None, PASSED),
        (None, None, "Bearer abc", 401),
        (ORIGIN, None, "Bearer abc", 401),
        (None, None, f"Bearer {TOKEN}", PASSED),
        (ORIGIN, None, f"bearer  {TOKEN}", PASSED),
        (ORIGIN, COOKIE, "Bearer abc", 401),
        (None, COOKIE, f"Bearer {TOKEN}", PASSED),
        (None, None, f"Bearer {DEAF_TOKEN}", 403),
        ("https://evil.example", None, f"Bearer {TOKEN}", 403),
        ("null", None, f"Bearer {TOKEN}", 403),
        (None, f"__Host-homechat={TOKEN}", None, 401),
        (None, None, f"Basic {TOKEN}", 401),
        (ORIGIN, f"other=1; {COOKIE}", None, PASSED),
        (ORIGIN, None, None, 401),
        (ORIGIN, "other=1", None, 401),
        (ORIGIN, None, "Basic abc", 401),
        (ORIGIN, "__Host-homechat=made-up", None, 401),
        (ORIGIN, "__Host-homechat=", None, 401),
        (None, COOKIE, None, 401),
        ("null", COOKIE, None, 403),
        ("https://evil.example", COOKIE, None, 403),
        ("https://evil.example", COOKIE, "Bearer abc", 403),
        ("https://chat.example.evil.example", COOKIE, None, 403),
        ("https://chat.example:8443", COOKIE, None, 403),
        ("http://chat.example", COOKIE, None, 403),
        ("https://CHAT.example", COOKIE, None, 403),
    ],
)
def test_only_our_own_pages_pass(client, origin, cookie, authorization, status):
    assert knock(client, Origin=origin, Cookie=cookie, Authorization=authorization) == status


def test_over_plain_http_a_house_with_https_takes_no_token(client):
    assert knock(client, base_url="http://chat.example", Authorization=f"Bearer {TOKEN}") == 403
    assert knock(client, base_url="http://chat.example", Origin=ORIGIN, Cookie=COOKIE) == PASSED


def test_when_nobody_can_tell_whose_cookie_it_is_nobody_passes(tmp_path):
    def is_alive(_):
        raise OperationalError("SELECT", {}, OSError("disk I/O error"))

    gate = SocketGate(lambda *_: pytest.fail("let in"), settings_for(tmp_path), is_alive)
    assert knock(Client(gate, use_cookies=False), Origin=ORIGIN, Cookie=COOKIE) == 503


def test_a_forwarded_host_opens_no_door(client):
    headers = {"Origin": "https://evil.example", "Cookie": COOKIE, "X_Forwarded_Host": "evil.example"}
    assert knock(client, **headers) == 403


@pytest.mark.parametrize("missing", HANDSHAKE)
def test_what_is_no_websocket_is_refused(client, missing):
    assert knock(client, Origin=ORIGIN, Cookie=COOKIE, without=[missing]) == 400


def test_older_websockets_and_other_methods_are_refused(client):
    assert knock(client, Origin=ORIGIN, Cookie=COOKIE, Sec_WebSocket_Version="8") == 400
    assert knock(client, Origin=ORIGIN, Cookie=COOKIE, method="POST") == 405


@given(st.binary(max_size=2000), st.binary(min_size=4, max_size=4), st.integers(0, 10))
def test_unmasking_is_the_one_of_the_standard(data, mask, offset):
    naive = bytes(byte ^ mask[(offset + index) % 4] for index, byte in enumerate(data))
    assert unmasked(data, tuple(mask), length=len(data), offset=offset) == naive


def test_the_server_unmasks_this_way():
    code = (
        "import sys; from eventlet import websocket; from homechat.serving import websocket_repairs as repairs; "
        "repairs.repair_eventlet(websocket); "
        "sys.exit(websocket.RFC6455WebSocket._apply_mask is not repairs.unmasked)"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=False).returncode == 0


# Over the wire.


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def shared(request, cast_folder, tmp_path_factory):
    variables = {"HOMECHAT_ASYNC_MODE": request.param, "HOMECHAT_PACKET_BYTES": "65536"}
    with ServerProcess(
        copy_house(cast_folder, tmp_path_factory.mktemp("gate") / "data"), variables
    ) as server:
        yield server


@pytest.fixture
def open_socket():
    """Opens WebSockets of a device that is signed in and never asks Socket.IO to be let in."""
    opened = []

    def open_one(server, *headers):
        device = new_device(server.url, House(server.data_dir), "ben")
        connection = websocket.create_connection(
            f"ws://localhost:{server.port}{ADDRESS}",
            origin=server.url,
            cookie=device.cookie_header(),
            header=["Sec-WebSocket-Extensions: permessage-deflate", *headers],
            timeout=20,
        )
        opened.append(connection)
        assert connection.recv().startswith("0{")
        return connection

    yield open_one
    for connection in opened:
        connection.shutdown()


def is_closed(connection):
    try:
        while True:
            opcode, _ = connection.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return True
    except websocket.WebSocketTimeoutException:
        return False
    except (websocket.WebSocketException, OSError):
        return True


def test_compression_is_not_agreed_to(shared, open_socket):
    connection = open_socket(shared)
    assert "sec-websocket-extensions" not in connection.getheaders()


def test_a_packet_of_no_known_kind_is_passed_over(shared, open_socket):
    connection = open_socket(shared)
    connection.send("9")
    connection.settimeout(1)
    assert not is_closed(connection)
    shared.assert_no_traceback()


@pytest.mark.parametrize("nonsense", ["x", "", "\U0001f9a6", "4" + "[" * 50_000])
def test_a_frame_that_makes_no_sense_ends_the_connection_at_once(shared, open_socket, nonsense):
    connection = open_socket(shared)
    connection.send(nonsense)
    connection.settimeout(5)
    assert is_closed(connection)
    shared.assert_no_traceback()


def test_a_message_in_many_pieces_is_bounded_as_a_whole(shared, open_socket):
    connection = open_socket(shared)
    connection.settimeout(5)
    try:
        connection.sock.sendall(frame(b"4" + b"a" * 29_999, is_last=False))
        for _ in range(5):
            connection.sock.sendall(frame(b"a" * 30_000, opcode=0, is_last=False))
    except OSError:
        pass  # it was cut off while we still sent
    assert is_closed(connection)
    assert shared.is_up()
    shared.assert_no_traceback()


def test_strangers_of_one_address_get_few_places_and_not_for_long(house, open_socket):
    variables = {"HOMECHAT_ANONYMOUS_SOCKETS_PER_ADDRESS": "3"}
    with ServerProcess(house.data_dir, variables) as server:
        strangers = [open_socket(server) for _ in range(3)]
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            open_socket(server)
        began = time.monotonic()
        assert all(is_closed(connection) for connection in strangers)
        assert 5 < time.monotonic() - began < 19
        open_socket(server)
        assert requests.get(f"{server.url}/up", timeout=5).ok
        server.assert_no_traceback()


def test_all_addresses_of_one_household_share_their_places(house, open_socket):
    variables = {"HOMECHAT_ANONYMOUS_SOCKETS_PER_ADDRESS": "3", "HOMECHAT_TRUSTED_PROXY_COUNT": "1"}
    with ServerProcess(house.data_dir, variables) as server:
        for number in range(3):
            open_socket(server, f"X-Forwarded-For: 2001:db8:1:2::{number}")
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            open_socket(server, "X-Forwarded-For: 2001:db8:1:2:ffff::1")
        open_socket(server, "X-Forwarded-For: 2001:db8:1:3::1")
