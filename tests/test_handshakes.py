"""Who gets in at `/socket.io/`, over the wire: every kind of page × every kind of credentials × every way to speak."""

from __future__ import annotations

import base64
import itertools
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.accounts.models import LoginSession
from homechat.accounts.token_models import ApiToken
from homechat.database import transaction
from homechat.security.tokens import digest_of
from tests.api_client import new_token
from tests.devices import new_device
from tests.house import House
from tests.raw_socket import CONNECT, CONNECTED, frame
from tests.server_process import ServerProcess
from tests.talkers import WAIT_SECONDS

pytestmark = pytest.mark.sockets

ORIGINS: dict[str, Callable[[str], str | None]] = {
    "exact": lambda url: url,
    "other": lambda url: "https://evil.example",
    "null": lambda url: "null",
    "suffix": lambda url: f"{url}.evil.example",
    "other port": lambda url: "http://localhost:1",
    "https": lambda url: url.replace("http", "https", 1),
    "upper case": lambda url: url.upper(),
    "absent": lambda url: None,
}
CREDENTIALS = (
    *("none", "cookie", "expired", "revoked", "cookie as bearer"),
    *("bearer", "bearer expired", "bearer revoked", "bearer that may not listen", "bearer and bad cookie"),
)
LET_IN = {("exact", "cookie"), *itertools.product(("exact", "absent"), ("bearer", "bearer and bad cookie"))}

_KEY = f"Sec-WebSocket-Key: {base64.b64encode(b'0' * 16).decode()}"
_UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
_WEBSOCKET, _POLLING = "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling"
# Way to speak → first line, headers, what follows.
SPEECHES: dict[str, tuple[str, tuple[str, ...], bytes]] = {
    "13": (f"GET {_WEBSOCKET}", (*_UPGRADE, _KEY, "Sec-WebSocket-Version: 13"), b""),
    "8": (f"GET {_WEBSOCKET}", (*_UPGRADE, _KEY, "Sec-WebSocket-Version: 8"), b""),
    "no version": (f"GET {_WEBSOCKET}", (*_UPGRADE, _KEY), b""),
    "Hixie": (
        f"GET {_WEBSOCKET}",
        (
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
            "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00",
        ),
        b"^n:ds[4U",
    ),
    "polling": (f"GET {_POLLING}", (), b""),
    "JSONP": (f"GET {_POLLING}&j=0", (), b""),
    "POST": (f"POST {_WEBSOCKET}", (*_UPGRADE, _KEY, "Sec-WebSocket-Version: 13"), b""),
    "POST of a packet": (f"POST {_POLLING}", ("Content-Length: 2",), b"40"),
}


@pytest.fixture(scope="module")
def credentials(shared_server: ServerProcess) -> dict[str, tuple[str, ...]]:
    """Return the headers of each kind of credentials; a session each, so that none can lend its life to another."""
    house = House(shared_server.data_dir)
    name = house.settings.session_cookie_name
    devices = {kind: new_device(shared_server.url, house, "ben") for kind in ("cookie", "expired", "revoked")}
    past = clock.now() - timedelta(days=1)
    with house.rows() as session, transaction():
        for kind, values in (("expired", {"idle_expires_at": past}), ("revoked", {"revoked_at": past})):
            row = sa.update(LoginSession).where(
                LoginSession.token_digest == digest_of(devices[kind].cookies[name])
            )
            assert session.execute(row.values(values)).rowcount == 1, "guard: there was such a session"
    cookies = {kind: (f"Cookie: {device.cookie_header()}",) for kind, device in devices.items()}
    secret = devices["cookie"].cookies[name]
    bearers = {kind: (f"Authorization: Bearer {token}",) for kind, token in tokens_of(house).items()}
    both = (*bearers["bearer"], *cookies["revoked"])
    return {
        "none": (),
        "cookie as bearer": (f"Authorization: Bearer {secret}",),
        "bearer and bad cookie": both,
        **cookies,
        **bearers,
    }


def tokens_of(house: House) -> dict[str, str]:
    """Make a token of each kind, and return how they are spelled."""
    made = {
        "bearer": new_token(house, "ben"),
        "bearer expired": new_token(house, "ben", hours=1),
        "bearer revoked": new_token(house, "ben"),
        "bearer that may not listen": new_token(house, "ben", "messages:write"),
    }
    past = clock.now() - timedelta(days=1)
    with house.rows() as session, transaction():
        for kind, values in (
            ("bearer expired", {"expires_at": past}),
            ("bearer revoked", {"revoked_at": past}),
        ):
            session.execute(sa.update(ApiToken).where(ApiToken.id == made[kind][0].id).values(values))
    return {kind: spelled for kind, (_row, spelled) in made.items()}


@pytest.mark.parametrize(
    ("origin", "shown", "speech"), list(itertools.product(ORIGINS, CREDENTIALS, SPEECHES))
)
def test_only_our_own_page_with_a_live_cookie_and_a_token_that_may_listen_get_in(
    shared_server: ServerProcess,
    credentials: dict[str, tuple[str, ...]],
    origin: str,
    shown: str,
    speech: str,
) -> None:
    named = ORIGINS[origin](shared_server.url)
    first_line, headers, body = SPEECHES[speech]
    lines = [
        f"{first_line} HTTP/1.1",
        f"Host: localhost:{shared_server.port}",
        *headers,
        *credentials[shown],
        *([f"Origin: {named}"] if named else []),
    ]

    answers = knock(shared_server, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    if (origin, shown) in LET_IN and speech == "13":
        assert CONNECTED.encode() + b"{" in answers
    else:
        assert answers.split(b" ")[1] in (b"400", b"401", b"403", b"405"), answers
        assert b'"sid"' not in answers
        assert b"Traceback" not in answers


def knock(server: ServerProcess, request: bytes) -> bytes:
    """Send a request, ask to be let in if it opens a WebSocket, and return all that was said until that is decided."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(request)
        asked = False
        while chunk := _next(connection):
            received += chunk
            if not asked and received.startswith(b"HTTP/1.1 101") and b'"sid"' in received:
                connection.sendall(frame(CONNECT.encode()))
                asked = True
            if asked and CONNECTED.encode() + b"{" in received.rpartition(b"}")[0]:
                break
    return received


def _next(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""
