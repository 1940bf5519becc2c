"""A real Traefik with this repository's own configuration: what it lets through, and what it stops."""

import base64
import hashlib
import http.client
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import websocket

from tests.packaging import traefik
from tests.packaging.traefik import DOMAIN


class Backend(BaseHTTPRequestHandler):
    """Answers with the headers that reached it; on an upgrade, greets and echoes one short text frame."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
            return
        body = json.dumps([[name, value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header(
            "Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        )
        self.end_headers()
        _opcode, length = self.rfile.read(2)
        mask = self.rfile.read(4)
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length & 127)))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.close_connection = True

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        folder = tmp_path_factory.mktemp("traefik")
        with traefik.serve(folder, backend=f"http://127.0.0.1:{backend.server_port}") as running:
            yield running
        backend.shutdown()


def get(proxy, path="/", headers=()):
    """Ask over https; return the status and, when the backend was reached, the headers that it saw."""
    connection = http.client.HTTPConnection(DOMAIN)
    connection.sock = proxy.connect()
    try:
        connection.request("GET", path, headers=dict(headers))
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    return reply.status, [tuple(pair) for pair in json.loads(body)] if reply.status == 200 else []


def test_a_request_over_https_reaches_the_app(proxy):
    status, seen = get(proxy)

    assert status == 200
    assert ("Host", DOMAIN) in seen
    assert ("X-Forwarded-Proto", "https") in seen
    assert ("X-Forwarded-For", "127.0.0.1") in seen


def test_a_made_up_forwarded_address_is_not_passed_on(proxy):
    _status, seen = get(
        proxy,
        headers={
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": "evil.example",
            "X-Real-Ip": "203.0.113.9",
            "X_Forwarded_For": "203.0.113.9",
            "X.Forwarded.For": "203.0.113.9",
            "Forwarded": "for=203.0.113.9",
        },
    )

    by_name = {name.lower(): value for name, value in seen}
    assert by_name["x-forwarded-for"] == "127.0.0.1"
    assert by_name["x-forwarded-proto"] == "https"
    assert by_name["x-forwarded-host"] == DOMAIN
    assert by_name["x-real-ip"] == "127.0.0.1"
    assert not {"x_forwarded_for", "x.forwarded.for"} & set(by_name)


def test_plain_http_is_sent_on_to_https(proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.http_port, timeout=10)
    connection.request("GET", "/rooms/7?before=3", headers={"Host": DOMAIN})
    reply = connection.getresponse()
    reply.read()
    connection.close()

    # In the house the port is 443 and left out; here it is whatever was free.
    assert reply.status == 301
    assert reply.headers["Location"] == f"https://{DOMAIN}:{proxy.https_port}/rooms/7?before=3"


def test_a_websocket_passes(proxy):
    client = websocket.create_connection(
        f"wss://{DOMAIN}/socket.io/?EIO=4&transport=websocket", socket=proxy.connect(), timeout=10
    )
    try:
        client.send("hello")
        assert client.recv() == "hello"
    finally:
        client.close(timeout=1)


def test_another_name_is_refused_before_anything_is_said(proxy):
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        proxy.connect("other.example.test")


def test_tls_before_1_2_is_refused(proxy):
    with proxy.connect(maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises(ssl.SSLError):
        proxy.connect(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_headers_beyond_what_the_app_can_take_end_at_the_proxy(proxy):
    assert get(proxy, headers={"X-Long": "x" * 20_000})[0] == 200
    assert get(proxy, headers={"X-Long": "x" * 60_000})[0] == 431


def test_the_access_log_holds_no_secret(proxy):
    headers = {"Authorization": "Bearer canary-header", "Cookie": "homechat=canary-cookie"}
    get(proxy, "/rooms?token=canary-query", headers)
    get(proxy, "/join/canary-invitation")
    get(proxy, "/reset/canary-reset")
    get(proxy, "/setup/canary-setup")
    plain = http.client.HTTPConnection("127.0.0.1", proxy.http_port, timeout=10)
    plain.request("GET", "/join/canary-plain", headers={"Host": DOMAIN})
    plain.getresponse().read()
    plain.close()
    get(proxy, "/rooms/canary-end")

    log = proxy.log.read_text()
    assert set(re.findall(r"canary-\w+", log)) == {"canary-end"}


@pytest.mark.parametrize("character", ["%2F", "%5C", "%00"])
def test_a_path_that_the_app_might_read_differently_is_refused(proxy, character):
    assert get(proxy, "/static/%20logo")[0] == 200
    assert get(proxy, f"/static/..{character}secret")[0] == 400


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics?token=x", "/%6Detrics", "/%6d%65trics", "/x/../metrics"]
)
def test_how_the_house_does_is_not_read_from_outside(proxy, path):
    assert get(proxy, "/metricsx")[0] == get(proxy, "/api/v1/metrics")[0] == 200, "guard"
    assert get(proxy, path)[0] == 404


def test_traefik_finds_nothing_to_complain_about(proxy):
    assert not re.findall(r".*(?:ERR|WRN).*", proxy.log.read_text())
