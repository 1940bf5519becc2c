"""Log lines: JSON, one a request, with nothing secret in them and nothing forged into them."""

import json
import logging
import re

import pytest
from flask import g, request

from homechat import logs
from homechat.request_counts import RequestCounts
from tests.small_app import add, make_app, settings_for

SECRETS = ("hunter2-password", "cookie-canary", "bearer-canary", "query-canary", "body-canary")


@pytest.fixture
def lines(monkeypatch, capsys):
    """Configure logging as the server does, and return a function that reads the lines written since."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name) for name in ("socketio.server", "engineio.server")}
    before = {name: (logger.level, logger.filters[:]) for name, logger in quiet.items()}

    def start(settings):
        logs.configure(settings)

        def read():
            return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

        return read

    yield start
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in quiet.items():
        logger.setLevel(before[name][0])
        logger.filters[:] = before[name][1]


@pytest.fixture
def app(tmp_path):
    return make_app(settings_for(tmp_path))


def get(app, path):
    return app.test_client().get(path, buffered=True)  # read to its end, which is when the line is written


def test_a_request_is_one_line(app, lines, tmp_path):
    read = lines(settings_for(tmp_path))
    reply = get(app, "/ok")
    (line,) = read()
    assert line["message"] == "request"
    assert line["level"] == "INFO"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/ok", 200)
    assert line["duration_ms"] >= 0
    assert line["request_id"] == reply.headers["X-Request-ID"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line["time"])
    assert "person_id" not in line


def test_the_line_names_the_person_by_id(app, lines, tmp_path):
    def view():
        g.person_id = 7
        return "ok"

    add(app, "/mine", view)
    read = lines(settings_for(tmp_path))
    get(app, "/mine")
    assert read()[0]["person_id"] == 7


def test_nothing_secret_is_in_a_line(app, lines, tmp_path):
    read = lines(settings_for(tmp_path, log_level="DEBUG"))
    client = app.test_client()
    client.set_cookie("session", "cookie-canary")
    client.post(
        "/echo?token=query-canary",
        data="body-canary hunter2-password",
        headers={"Authorization": "Bearer bearer-canary"},
        buffered=True,
    )
    written = json.dumps(read())
    assert '"path": "/echo"' in written
    for secret in SECRETS:
        assert secret not in written


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/setup/abc123", "/setup/…"),
        ("/join/abc123", "/join/…"),
        ("/chat/join/abc123", "/chat/join/…"),
        ("/reset/abc/more", "/reset/…/more"),
        ("/anywhere/eZzvalUozq-8XqOPmQhog3rfVZjFbK4pX7ugXivhFis", "/anywhere/…"),
        ("/rooms/7/messages", "/rooms/7/messages"),
        ("/static/0123456789abcdef/js/app.js", "/static/0123456789abcdef/js/app.js"),
        ("/" + "a/" * 500, ("/" + "a/" * 500)[:300]),
    ],
)
def test_a_secret_in_a_path_is_masked(path, shown):
    assert logs.shown_path(path) == shown


def test_a_line_cannot_be_forged(app, lines, tmp_path, capsys):
    lines(settings_for(tmp_path))
    forged = '%0d%0a{"level":"INFO","message":"forged"}%1b[31m%7f%e2%80%a8'
    get(app, f"/nothing{forged}")
    written = capsys.readouterr().out
    assert written.count("\n") == 1
    assert written.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", written)
    assert '\r\n{"level":"INFO"' in json.loads(written)["path"]


def test_lines_within_a_request_carry_its_id(app, lines, tmp_path):
    def view():
        logging.getLogger("homechat.test").warning("inside")
        return "ok"

    add(app, "/inside", view)
    read = lines(settings_for(tmp_path))
    get(app, "/inside")
    logging.getLogger("homechat.test").warning("outside")
    inside, line, outside = read()
    assert inside["request_id"] == line["request_id"]
    assert "request_id" not in outside


def test_a_request_id_is_taken_from_a_trusted_proxy_only(tmp_path):
    direct = make_app(settings_for(tmp_path)).test_client()
    behind = make_app(settings_for(tmp_path, trusted_proxy_count=1)).test_client()
    headers = {"X-Request-ID": "from-the-proxy-1"}
    assert direct.get("/ok", headers=headers).headers["X-Request-ID"] != "from-the-proxy-1"
    assert behind.get("/ok", headers=headers).headers["X-Request-ID"] == "from-the-proxy-1"
    for odd in ("x", "a" * 65, "with space 123", 'quote"123456'):
        assert behind.get("/ok", headers={"X-Request-ID": odd}).headers["X-Request-ID"] != odd


def test_health_checks_are_not_written_at_the_usual_level(app, lines, tmp_path):
    add(app, "/up", lambda: "OK")
    read = lines(settings_for(tmp_path))
    get(app, "/up")
    assert read() == []


def test_the_level_is_a_setting(app, lines, tmp_path):
    read = lines(settings_for(tmp_path, log_level="WARNING"))
    get(app, "/ok")
    assert read() == []


def test_a_crash_is_written_with_its_place_but_without_what_the_database_was_told(app, lines, tmp_path):
    read = lines(settings_for(tmp_path))
    told = SECRETS[-1]
    try:
        raise ValueError(f"refused\n[parameters: ('{told}',)]\nDETAIL: Key (name)=({told}) exists.")
    except ValueError:
        logging.getLogger("homechat.test").exception("a write failed")
    (line,) = read()
    assert "test_logs.py" in line["exc_info"]
    assert "ValueError: refused" in line["exc_info"]
    assert told not in json.dumps(line)


def test_a_break_outside_flask_is_answered_and_written(app, lines, tmp_path):
    read = lines(settings_for(tmp_path))
    log = logs.RequestLog(lambda environ, start_response: 1 // 0, settings_for(tmp_path), RequestCounts())
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "REMOTE_ADDR": "192.0.2.1"}
    started = []
    body = log(environ, lambda status, headers: started.append((status, dict(headers))))
    assert b"ZeroDivision" not in b"".join(body)
    body.close()
    assert started[0][0].startswith("500")
    crash, line = read()
    assert "ZeroDivisionError" in crash["exc_info"]
    assert line["status"] == 500


def test_a_library_cannot_flood_the_log_with_tracebacks(lines, tmp_path):
    read = lines(settings_for(tmp_path))
    for _ in range(100):
        try:
            raise KeyError("garbage")
        except KeyError:
            logging.getLogger("engineio.server").exception("message handler error")
    written = read()
    assert 1 <= len(written) <= 40  # 20 a minute; the minute may turn in between
    assert written[0]["message"] == "message handler error: KeyError"
    assert all("exc_info" not in line for line in written)


def test_the_id_is_in_the_environment_of_the_request(app):
    add(app, "/id", lambda: request.environ[logs.NOTE].request_id)
    reply = get(app, "/id")
    assert reply.text == reply.headers["X-Request-ID"]
