"""Which addresses the house calls, and one call: whatever the other end does, it ends in time and goes nowhere else."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from homechat.security import sending
from homechat.security.outgoing import (
    PrivateHosts,
    Refused,
    addresses_to_call,
    is_internal,
    private_hosts,
    target_of,
)
from homechat.security.sending import INTERIM_ANSWERS_MAX, NotSent, post
from tests.receivers import (
    LISTED,
    Endless,
    Receiver,
    black_hole,
    certificate_in,
    dripping,
    raw,
    redirect_to,
)
from tests.server_process import free_port

NONE = PrivateHosts()
HOME = private_hosts("homeassistant.local 192.168.1.20 10.1.0.0/16 fd00::/8")
LOOPBACK = private_hosts(LISTED)

INTERNAL = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "100:0:0:1::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
    "2001:4860::8888",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_what_leads_back_inside_is_internal_and_is_not_called(address: str) -> None:
    assert is_internal(ip_address(address))
    for scheme in ("http", "https"):
        target = target_of(f"{scheme}://hooks.example.org/x")
        with pytest.raises(Refused):
            addresses_to_call(target, [address], NONE)
        with pytest.raises(Refused):
            addresses_to_call(target, ["1.1.1.1", address], NONE)  # Any answer, also the last.


@pytest.mark.parametrize("address", PUBLIC)
def test_the_world_is_called_by_https_only(address: str) -> None:
    assert not is_internal(ip_address(address))
    assert addresses_to_call(target_of("https://hooks.example.org/x"), [address], NONE) == [address]
    with pytest.raises(Refused):
        addresses_to_call(target_of("http://hooks.example.org/x"), [address], NONE)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "x",
            "/x",
            "//example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://example.org/",
        ),
        *(
            "http://",
            "https:///x",
            "https://ok@example.org/",
            "https://ok:no@127.0.0.1/",
            "https://example.org/#x",
        ),
        *(
            "http://127.1/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
        ),
        *("http://127.0.0.01/", "http://1.2.3/", "http://256.1.1.1/", "http://1.2.3.4.5/", "http://x.0x7f/"),
        *("http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://bücher.example/", "http://exa mple.org/"),
        *("http://[fe80::1%25eth0]/", "http://[::1%lo]/", "http://[1.2.3.4]/", "http://[::1/", "http://::1/"),
        *(
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://example.org:x/",
            "https://-x.org/",
        ),
        *(
            "https://example..org/",
            "https://exam%70le.org/",
            "https://example.org\\@127.0.0.1/",
            "https://a\r\nb/",
        ),
        *("https://example.org/\r\nX: y", "https://example.org/ x", f"https://example.org/{'x' * 2000}"),
    ],
)
def test_an_address_that_is_spelled_oddly_is_none(url: str) -> None:
    with pytest.raises(Refused):
        target_of(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://Example.ORG", "example.org", 443, "/", "example.org"),
        ("https://example.org:8443/a?b=c", "example.org", 8443, "/a?b=c", "example.org:8443"),
        ("http://homeassistant.local:8123/x", "homeassistant.local", 8123, "/x", "homeassistant.local:8123"),
        ("http://localhost./", "localhost", 80, "/", "localhost"),
        ("http://[fd00::1]:8123/", "fd00::1", 8123, "/", "[fd00::1]:8123"),
        ("http://192.168.1.20/", "192.168.1.20", 80, "/", "192.168.1.20"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    ],
)
def test_where_an_address_leads(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = target_of(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


@pytest.mark.parametrize(
    ("host", "address", "is_called"),
    [
        ("homeassistant.local", "192.168.7.7", True),
        ("HomeAssistant.local.", "127.0.0.1", True),
        ("homeassistant.local", "fd12::1", True),
        ("homeassistant.local", "169.254.169.254", False),  # No name makes this a thing of the house.
        ("homeassistant.local", "224.0.0.1", False),
        ("evil.homeassistant.local", "192.168.7.7", False),
        ("nas.local", "192.168.1.20", True),
        ("nas.local", "192.168.1.21", False),
        ("nas.local", "10.1.2.3", True),
        ("nas.local", "::ffff:10.1.2.3", True),
        ("nas.local", "10.2.0.1", False),
    ],
)
def test_at_home_only_what_is_listed_is_called(host: str, address: str, is_called: bool) -> None:
    for scheme in ("http", "https"):
        target = target_of(f"{scheme}://{host}/")
        if is_called:
            assert addresses_to_call(target, [address], HOME)
        else:
            with pytest.raises(Refused):
                addresses_to_call(target, [address], HOME)


def test_a_name_that_leads_home_and_into_the_world_is_called_by_https_only() -> None:
    answers = ["192.168.1.20", "1.1.1.1"]
    assert addresses_to_call(target_of("https://nas.example.org/"), answers, HOME) == answers
    with pytest.raises(Refused):
        addresses_to_call(target_of("http://nas.example.org/"), answers, HOME)
    with pytest.raises(Refused):
        addresses_to_call(target_of("https://nas.example.org/"), [], HOME)


@pytest.mark.parametrize(
    "entry",
    [
        "0.0.0.0/0",
        "8.8.8.8",
        "169.254.169.254",
        "::/0",
        "fe80::/10",
        "http://x.local",
        "x.local:80",
        "127.1",
        "a_b!",
    ],
)
def test_what_is_not_at_home_cannot_be_listed(entry: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        private_hosts(f"homeassistant.local, {entry}")
    assert str(error.value) == entry


# one call


def send(url: str, *, seconds: float = 5.0, body: bytes = b"{}", listed: PrivateHosts = LOOPBACK) -> int:
    headers = {"Content-Type": "application/json"}
    return post(url, body, headers, listed=listed, person_id=1, seconds=seconds)


def test_a_call_brings_the_exact_bytes_and_returns_the_status() -> None:
    with Receiver(204) as receiver:
        assert send(receiver.url, body=b'{"a": "\xc3\xa4"}') == 204
        (request,) = receiver.received
    assert request.body == b'{"a": "\xc3\xa4"}'
    assert request.path == "/api/webhook/some-id"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_without_being_listed_loopback_is_not_even_connected_to() -> None:
    with Receiver() as receiver:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            for scheme in ("http", "https"):
                with pytest.raises(NotSent) as error:
                    send(f"{scheme}://{host}:{receiver.port}/", listed=HOME)
                assert error.value.problem == "refused"
        assert send(receiver.url) == 200  # Guard: it would have answered.
        assert len(receiver.received) == 1


def test_a_name_is_looked_up_once_and_what_it_leads_to_later_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = name_server(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    with Receiver() as receiver:
        url = f"http://nas.invalid:{receiver.port}/"
        assert send(url) == 200
        (request,) = receiver.received
        assert (request.headers["host"], asked) == (f"nas.invalid:{receiver.port}", ["nas.invalid"])
        with pytest.raises(NotSent) as error:  # Guard: there, nobody would have answered.
            send(url)
        assert error.value.problem == "unreachable"


def test_a_name_that_leads_back_inside_as_well_is_not_called_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    name_server(monkeypatch, ["1.1.1.1", "127.0.0.1"])
    with Receiver() as receiver:
        with pytest.raises(NotSent) as error:
            send(f"https://hooks.invalid:{receiver.port}/", listed=HOME)
        assert (error.value.problem, receiver.received) == ("refused", [])


def name_server(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names looked up as the next of `answers`, and return the list of those that are."""
    asked: list[str] = []

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_by_https_only_who_is_vouched_for_under_this_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_in(tmp_path)
    with Receiver(201, certificate=certificate) as receiver:
        with pytest.raises(NotSent) as error:
            send(receiver.url)
        assert error.value.problem == "tls"
        monkeypatch.setattr(sending, "_trust", lambda: ssl.create_default_context(cafile=certificate))
        assert send(receiver.url, body=b"x" * 200_000) == 201
        with pytest.raises(NotSent) as error:  # It is localhost, and nobody else.
            send(receiver.url.replace("localhost", "127.0.0.1"))
        assert error.value.problem == "tls"
        assert [len(call.body) for call in receiver.received] == [200_000]


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with Receiver() as inside, Receiver(answer=redirect_to(inside.url)) as receiver:
        assert send(receiver.url) == 307
        assert inside.received == []


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert "http_proxy" in os.environ
        assert send(receiver.url) == 200
        assert proxy.received == []


def test_of_an_endless_answer_little_is_read() -> None:
    endless = Endless()
    with Receiver(answer=endless) as receiver:
        assert send(receiver.url) == 200
    assert endless.written_bytes() < 20_000_000  # Most of that never left the system's own buffers.


CONTINUE = (b"HTTP/1.1 100 Continue", b"")
YES = (b"HTTP/1.1 204 No Content", b"")


@pytest.mark.parametrize(
    ("lines", "then", "came_of_it"),
    [
        (CONTINUE * INTERIM_ANSWERS_MAX + YES, b"", 204),
        (CONTINUE * (INTERIM_ANSWERS_MAX + 1) + YES, b"", "broken"),
        ((), b"HTTP/1.1 100 Continue\r\n\r\n", "broken"),
        ((), b"HTTP/1.1 100 Continue\r\n" + b"X-Much: more\r\n" * 50 + b"\r\n", "broken"),
        ((), b"HTTP/1.1 ", "broken"),
        ((b"HTTP/1.1 200 OK",), b"X-Much: more\r\n", "broken"),
        ((b"HTTP/1.1 204 No Content", *[b"X-Much: " + b"x" * 5000] * 10, b""), b"", 204),
        ((b"HTTP/1.1 204 No Content", *[b"X-Much: " + b"x" * 5000] * 50, b""), b"", "broken"),
    ],
)
def test_who_does_not_come_to_the_point_is_not_listened_to(
    lines: tuple[bytes, ...], then: bytes, came_of_it: int | str
) -> None:
    with Receiver(answer=raw(*lines, then=then)) as receiver:
        try:
            came: int | str = send(receiver.url, seconds=30.0)
        except NotSent as error:
            came = error.problem
    assert came == came_of_it  # And not "timeout".


def test_a_whole_head_by_https_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_in(tmp_path)
    monkeypatch.setattr(sending, "_trust", lambda: ssl.create_default_context(cafile=certificate))
    babbling = raw(b"HTTP/1.1 204 No Content", *[b"X-Much: " + b"x" * 5000] * 50, b"")
    with Receiver(answer=babbling, certificate=certificate) as receiver, pytest.raises(NotSent) as error:
        send(receiver.url, seconds=30.0)
    assert error.value.problem == "broken"


def test_a_dead_end_is_a_sentence_and_no_traceback() -> None:
    def problem(url: str, seconds: float = 5.0) -> str:
        with pytest.raises(NotSent) as error:
            send(url, seconds=seconds)
        return error.value.problem

    with black_hole() as port:
        assert problem(f"http://127.0.0.1:{port}/", seconds=0.3) == "timeout"
        assert problem(f"https://127.0.0.1:{port}/", seconds=0.3) == "timeout"
    assert problem(f"http://127.0.0.1:{free_port()}/") == "unreachable"
    with Receiver(answer=dripping) as receiver:
        assert problem(receiver.url, seconds=0.5) == "timeout"
        assert problem(receiver.url.replace("http:", "https:")) == "tls"
    with Receiver(answer=_talks_nonsense) as receiver:
        assert problem(receiver.url) == "broken"
    assert problem("http://nowhere.invalid/") == "unknown_host"


def _talks_nonsense(handler: object) -> None:
    write: Callable[[bytes], object] = handler.wfile.write  # type: ignore[attr-defined]
    write(b"220 mail.example ESMTP\r\n")
