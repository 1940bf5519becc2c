"""The table of security headers: its exact values, and that no reply goes out without it."""

import pytest

from homechat.security.headers import refusal, table
from tests.small_app import make_app, settings_for, static_address

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self' data:; connect-src 'self' wss://chat.example; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'; object-src 'none'"
)
PROMISED = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}
# What else a reply may carry; anything new must be thought about and added here.
ORDINARY = {
    *("Accept-Ranges", "Allow", "Cache-Control", "Content-Length", "Content-Type", "Date", "ETag"),
    *("Location", "Vary", "X-Request-ID"),
}


@pytest.fixture
def client(tmp_path):
    return make_app(settings_for(tmp_path)).test_client()


REPLIES = {
    200: lambda client: client.get("/ok"),
    302: lambda client: client.get("/moved"),
    304: lambda client: client.get(
        static_address(client), headers={"If-None-Match": client.get(static_address(client)).headers["ETag"]}
    ),
    404: lambda client: client.get("/nothing"),
    405: lambda client: client.delete("/ok"),
    411: lambda client: client.post("/echo", headers={"Transfer-Encoding": "chunked"}),
    413: lambda client: client.post("/echo", data=b"x" * 1001),
    429: lambda client: client.get("/too-many"),
    500: lambda client: client.get("/broken"),
    "static": lambda client: client.get(static_address(client)),
    "manifest": lambda client: client.get("/manifest.webmanifest"),
    "service worker": lambda client: client.get("/sw.js"),
    "socket.io": lambda client: client.get("/socket.io/?EIO=4&transport=polling"),
}


@pytest.mark.parametrize("kind", REPLIES)
def test_every_reply_carries_the_table(client, kind):
    reply = REPLIES[kind](client)
    if isinstance(kind, int):
        assert reply.status_code == kind
    for name, value in PROMISED.items():
        assert reply.headers.getlist(name) == [value]
    assert "Cache-Control" in reply.headers
    unknown = {name for name, _ in reply.headers} - set(PROMISED) - ORDINARY
    assert unknown == set()


def test_pages_are_not_stored_unless_the_view_says_otherwise(client):
    assert client.get("/ok").headers["Cache-Control"] == "no-store"
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"
    assert client.get("/private").headers["Cache-Control"] == "private, no-cache"


def test_without_https_the_policy_names_ws_and_promises_no_https(tmp_path):
    client = make_app(settings_for(tmp_path, public_url="http://192.168.1.5:8000")).test_client()
    # A header that anybody can send must not bring the promise back.
    reply = client.get("/ok", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in reply.headers
    assert "connect-src 'self' ws://192.168.1.5:8000;" in reply.headers["Content-Security-Policy"]


def test_the_old_filter_header_can_be_turned_off(tmp_path):
    client = make_app(settings_for(tmp_path, legacy_xss_header=False)).test_client()
    assert client.get("/ok").headers["X-XSS-Protection"] == "0"
    assert client.get("/socket.io/").headers["X-XSS-Protection"] == "0"


def test_nothing_in_the_policy_is_inline_or_foreign(tmp_path):
    policy = table(settings_for(tmp_path))["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy


def test_http_is_not_redirected_by_the_app(client):
    assert client.get("/ok", base_url="http://chat.example").status_code == 200


def test_a_refusal_in_bytes_carries_the_table_and_no_server(tmp_path):
    text = refusal(settings_for(tmp_path), 400).decode()
    for name, value in PROMISED.items():
        assert f"\r\n{name}: {value}\r\n" in text
    assert text.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "server:" not in text.lower()
