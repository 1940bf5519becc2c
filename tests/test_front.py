"""What stands between the web server and Flask: proxies, prefixes, bodies without a length."""

import pytest

from tests.small_app import add, make_app, settings_for


@pytest.fixture
def client(tmp_path):
    return make_app(settings_for(tmp_path)).test_client()


def test_a_chunked_body_is_refused_rather_than_lost(client):
    reply = client.post("/echo", data=b"hello", headers={"Transfer-Encoding": "gzip, chunked"})
    assert reply.status_code == 411
    assert client.post("/echo", data=b"hello").json == {"bytes": 5}


@pytest.mark.parametrize("path", ["/api/v1/messages", "/chat/api/v1/messages"])
def test_programs_are_refused_in_json_even_before_flask(tmp_path, path):
    settings = settings_for(tmp_path, public_url="https://chat.example/chat", request_bytes=65_536)
    client = make_app(settings).test_client()
    for status, code, sent in (
        (411, "length_required", {"headers": {"Transfer-Encoding": "chunked"}}),
        (413, "too_large", {"data": b"x" * 65_537}),
        (400, "malformed", {"environ_overrides": {"CONTENT_LENGTH": "many"}}),
        (400, "malformed", {"data": {f"field{number}": "x" for number in range(1002)}}),
    ):
        reply = client.post(path, **sent)
        assert (reply.status_code, reply.mimetype, reply.json["code"]) == (status, "application/json", code)
        assert set(reply.json) == {"error", "code"}
        assert client.post("/echo", **sent).mimetype == "text/plain"


@pytest.mark.parametrize(
    ("path", "carried"),
    [("signin", {"success": False}), ("signup", {"success": False, "errors": ["That is too big to send."]})],
)
def test_who_signs_in_or_up_is_refused_in_the_form_that_apps_look_for(tmp_path, path, carried):
    settings = settings_for(tmp_path, public_url="https://chat.example/chat", request_bytes=65_536)
    client = make_app(settings).test_client()
    reply = client.post(f"/chat/api/v1/{path}", data=b"x" * 65_537)
    assert reply.status_code == 413
    assert reply.json == {"error": "That is too big to send.", "code": "too_large", **carried}


def test_without_a_trusted_proxy_forwarded_headers_are_ignored(client):
    reply = client.get("/who", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    assert reply.json == {"address": "127.0.0.1", "secure": False}


def test_a_trusted_proxy_tells_address_and_scheme_but_not_the_host(tmp_path):
    client = make_app(settings_for(tmp_path, trusted_proxy_count=1)).test_client()
    headers = {
        "X-Forwarded-For": "198.51.100.1, 203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }
    assert client.get("/who", headers=headers).json == {"address": "203.0.113.9", "secure": True}
    assert client.get("/where", headers=headers).json == {
        "host": "localhost",
        "url": "https://localhost/where",
    }


@pytest.mark.parametrize("path", ["/chat/where", "/where"])
def test_a_path_prefix_is_honoured_whether_the_proxy_strips_it_or_not(tmp_path, path):
    client = make_app(settings_for(tmp_path, public_url="https://chat.example/chat")).test_client()
    reply = client.get(path, base_url="https://chat.example")
    assert reply.json == {"host": "chat.example", "url": "https://chat.example/chat/where"}


def test_the_path_prefix_alone_is_the_front_page(tmp_path):
    app = make_app(settings_for(tmp_path, public_url="https://chat.example/chat"))
    add(app, "/", lambda: "front page")
    assert app.test_client().get("/chat").text == "front page"
    assert app.test_client().get("/chatter").status_code == 404


def test_a_stripped_path_that_begins_like_the_prefix_stays_whole(tmp_path):
    app = make_app(settings_for(tmp_path, public_url="https://chat.example/rooms", trusted_proxy_count=1))
    add(app, "/rooms/<int:number>", lambda number: str(number))
    reply = app.test_client().get("/rooms/7", headers={"X-Forwarded-Prefix": "/rooms"})
    assert reply.text == "7"


def test_socket_io_is_found_under_the_path_prefix(tmp_path):
    client = make_app(settings_for(tmp_path, public_url="https://chat.example/chat")).test_client()
    assert client.get("/chat/socket.io/").status_code == 400
    assert client.get("/chat/elsewhere").status_code == 404
