"""The real server, in a process of its own: how it starts, refuses to start, answers and stops."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest
import requests

from homechat.database import sqlite_driver as sqlite3
from tests.house import copy_house
from tests.server_process import ROOT, ServerProcess, environment, free_port, prepare_house
from tests.talkers import Talker

MODES = ["eventlet", "threading"]
STOP_SECONDS = 10


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def server(tmp_path, mode):
    with ServerProcess(tmp_path / "house", {"HOMECHAT_ASYNC_MODE": mode}) as server:
        yield server


@pytest.fixture(scope="module", params=MODES)
def shared(request, tmp_path_factory):
    """One server for tests that leave no trace in it."""
    folder = tmp_path_factory.mktemp("shared") / "house"
    with ServerProcess(folder, {"HOMECHAT_ASYNC_MODE": request.param}) as server:
        yield server


def try_to_serve(data_dir, **variables):
    """Run a server that is expected to refuse; return its exit code and what it said."""
    variables = {"HOMECHAT_PORT": str(free_port()), **variables}
    result = subprocess.run(
        [sys.executable, "-m", "homechat.server"],
        cwd=ROOT,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stdout + result.stderr
    return result.returncode, result.stderr


def send(server, data, *, shut=False):
    """Send raw bytes and return all that comes back before the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def accepts(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(is_so, seconds=5):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_all(connection):
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def drip(connection, *, times):
    for _ in range(times):
        connection.sendall(b"y")
        time.sleep(0.25)


@contextmanager
def slow_request(server):
    """A request whose body is not all there yet: the server has begun with it and waits."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
        connection.sendall(
            b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"user")
        yield connection


# Starting.


def test_it_starts_says_where_it_is_and_keeps_its_files_to_itself(server):
    reply = requests.get(f"{server.url}/up", timeout=5)
    assert (reply.status_code, reply.text) == (200, "OK")
    assert f"HomeChat is at {server.url}" in server.log()
    assert f"{server.url}/setup/" in server.log()
    server.assert_no_traceback()
    for file in server.data_dir.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_malformed_setting_stops_the_start_and_is_named(tmp_path):
    prepare_house(tmp_path / "house")
    code, said = try_to_serve(tmp_path / "house", HOMECHAT_PORT="eighty")
    assert (code, said) == (2, "HOMECHAT_PORT must be a whole number, not 'eighty'.\n")


def test_an_unknown_setting_stops_the_start_and_is_named(tmp_path):
    prepare_house(tmp_path / "house")
    code, said = try_to_serve(tmp_path / "house", HOMECHAT_PROT="8000")
    assert (code, said) == (2, "HOMECHAT_PROT is not a setting of HomeChat. Did you mean HOMECHAT_PORT?\n")


def test_a_missing_database_stops_the_start_and_is_not_made(tmp_path, mode):
    code, said = try_to_serve(tmp_path / "house", HOMECHAT_ASYNC_MODE=mode)
    assert code == 2
    assert said == f"There is no house at {tmp_path}/house/homechat.db yet. Make one with: flask prepare\n"
    assert not (tmp_path / "house" / "homechat.db").exists()


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0001", "This database is of an older HomeChat."),
        ("9999", "This database was made by a newer HomeChat."),
    ],
)
def test_a_database_of_another_version_stops_the_start(tmp_path, revision, sentence):
    prepare_house(tmp_path / "house")
    database = sqlite3.connect(tmp_path / "house" / "homechat.db")
    database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    database.commit()
    database.close()
    code, said = try_to_serve(tmp_path / "house")
    assert code == 2
    assert said.startswith(sentence)


def test_a_database_that_others_can_read_stops_the_start(tmp_path):
    prepare_house(tmp_path / "house")
    (tmp_path / "house" / "homechat.db").chmod(0o644)
    code, said = try_to_serve(tmp_path / "house")
    assert code == 2
    assert "chmod 600" in said


def test_a_library_whose_insides_are_not_known_stops_the_start(tmp_path):
    prepare_house(tmp_path / "house")
    code = (
        "import sys; from homechat import server; from homechat.serving import lifecycle; "
        "lifecycle.INSIDES_KNOWN['python-socketio'] = '4.6'; sys.exit(server.main())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(tmp_path / "house", HOMECHAT_PORT=str(free_port()), HOMECHAT_ASYNC_MODE="threading"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("HomeChat works with python-socketio 4.6, and 5.")


def test_debugging_in_production_stops_the_start(tmp_path):
    prepare_house(tmp_path / "house")
    code, said = try_to_serve(tmp_path / "house", FLASK_DEBUG="1")
    assert code == 2
    assert "FLASK_DEBUG" in said


def test_a_second_server_on_the_same_house_is_refused(server, mode):
    code, said = try_to_serve(server.data_dir, HOMECHAT_ASYNC_MODE=mode)
    assert code == 2
    assert said == f"Another HomeChat server already serves {server.data_dir}/homechat.db. Stop it first.\n"
    assert server.is_up()
    server.kill()
    assert server.start().is_up()


def test_a_port_in_use_is_told(server, tmp_path, mode):
    prepare_house(tmp_path / "other")
    code, said = try_to_serve(tmp_path / "other", HOMECHAT_PORT=str(server.port), HOMECHAT_ASYNC_MODE=mode)
    assert code == 2
    assert f"port {server.port}: Address already in use" in said


def test_threading_mode_never_imports_eventlet(tmp_path):
    code = "import sys, homechat.server, homechat.serving.threads; sys.exit('eventlet' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_eventlet_patches_before_anything_else_is_imported():
    code = (
        "import sys, homechat.server; "
        "sys.exit(bool({'flask', 'sqlalchemy', 'socketio', 'logging', 'werkzeug'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_names_are_looked_up_by_the_system_and_not_by_eventlet():
    code = (
        "import sys; from homechat import server; server._patch_standard_library(); import socket; "
        "sys.exit('eventlet.support.greendns' in sys.modules or 'dns' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_the_server_knows_eventlet():
    knowing = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "homechat").rglob("*.py")
        if any(
            line.strip().startswith(("import eventlet", "from eventlet"))
            for line in file.read_text().splitlines()
        )
    ]
    assert knowing == ["homechat/server.py"]


def test_a_page_that_is_shown_for_the_first_time_is_already_compiled(tmp_path):
    prepare_house(tmp_path / "data")
    code = (
        "import sys; from homechat.config import load; from homechat.serving import lifecycle; "
        "jinja = lifecycle.open_house(load(), async_mode='threading').app.jinja_env; "
        "sys.exit({name for _, name in jinja.cache} != set(jinja.list_templates()))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=ROOT, env=environment(tmp_path / "data"), check=False).returncode == 0


def test_the_garbage_collector_passes_over_what_was_there_from_the_start(tmp_path):
    prepare_house(tmp_path / "data")
    code = (
        "import gc, sys; from homechat.config import load; from homechat.serving import lifecycle; "
        "house = lifecycle.open_house(load(), async_mode='threading'); "
        "sys.exit(not (gc.get_freeze_count() > 100_000 and len(gc.get_objects()) < 1_000))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=ROOT, env=environment(tmp_path / "data"), check=False).returncode == 0


# Answering.


def test_replies_name_no_software(shared):
    for path in ("/up", "/sign-in", "/nothing", "/socket.io/"):
        headers = requests.get(shared.url + path, timeout=5).headers
        assert "Server" not in headers
        assert "X-Powered-By" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Request-ID" in headers


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"hello\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    b"GET /\xff\xfe\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff<>\r\n\r\n",
    b"GET /%ff%fe%00 HTTP/1.1\r\nHost: localhost\r\nCookie: \xff\xfe;;==\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\0" * 1000,
    b"",
]


def test_garbage_is_refused_without_a_traceback(shared):
    for garbage in GARBAGE:
        reply = send(shared, garbage, shut=True)
        for telltale in (b"Traceback", b'File "', b"Python/", b"Werkzeug", b"eventlet"):
            assert telltale not in reply, garbage
        assert shared.is_up(), garbage
        shared.assert_no_traceback(), garbage


@pytest.mark.parametrize(
    ("garbage", "statuses"),
    [
        (b"hello there\r\n\r\n", {400}),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {414, 404, 401, 302}),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", {400, 431, 401, 302}),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", {400, 431}),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", {400, 411}),
    ],
    ids=["no HTTP", "long address", "long header", "many headers", "length", "two lengths"],
)
def test_a_request_that_is_refused_before_it_is_read_gets_the_headers_too(shared, garbage, statuses):
    reply = send(shared, garbage).decode().lower()
    assert reply.startswith("http/1.1 ")
    assert int(reply.split(" ")[1]) in statuses
    assert "\r\ncontent-security-policy: default-src 'none'" in reply
    assert "\r\nx-content-type-options: nosniff" in reply


def test_a_url_that_is_too_long_is_refused(shared):
    reply = send(shared, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert reply.split(b" ")[1:2] in ([b"414"], [])  # or the connection is cut while we still send
    assert shared.is_up()


def test_a_chunked_body_is_refused(shared):
    reply = send(
        shared,
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
    )
    assert reply.startswith(b"HTTP/1.1 411 ")


def test_one_connection_carries_one_request(shared):
    request = b"GET /up HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    assert send(shared, request * 3).count(b"HTTP/1.1 ") == 1


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "lies",
    [
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nContent-Length: 47\r\n",
        b"Content-Length: 47\r\nContent-Length: 0\r\n",
        b"Content-Length: +0\r\n",
    ],
)
def test_no_second_request_is_smuggled_in_behind_a_body(shared, lies):
    head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n"
    before = len(shared.log())
    reply = send(shared, head + lies + b"\r\n" + SMUGGLED, shut=True)
    assert reply.count(b"HTTP/1.") == 1
    assert shared.is_up()
    assert "/smuggled" not in shared.log()[before:]


def test_a_header_that_only_looks_like_a_proxys_is_not_believed(tmp_path, mode):
    variables = {"HOMECHAT_ASYNC_MODE": mode, "HOMECHAT_TRUSTED_PROXY_COUNT": "1"}
    with ServerProcess(tmp_path / "house", variables) as server:
        send(server, b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_For: 192.0.2.66\r\n\r\n")
        send(server, b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert "192.0.2.1" in server.log(), "guard: the proxy's own is believed, and it is logged"
        assert "192.0.2.66" not in server.log()


def test_a_crowd_that_never_finishes_its_headers_gets_nobody_locked_out_for_long(tmp_path, mode):
    variables = {
        "HOMECHAT_ASYNC_MODE": mode,
        "HOMECHAT_MAX_CONNECTIONS": "40",
        "HOMECHAT_REQUEST_SECONDS": "2",
    }
    with ServerProcess(tmp_path / "house", variables) as server, ExitStack() as stack:
        for number in range(60):
            crowd = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            crowd.sendall(b"GET /up HTTP/1.1\r\nX: y" if number % 2 else b"")
        assert requests.get(f"{server.url}/up", timeout=10).text == "OK"
        server.assert_no_traceback()


def test_headers_that_drip_in_are_cut_off(tmp_path):
    variables = {"HOMECHAT_ASYNC_MODE": "eventlet", "HOMECHAT_REQUEST_SECONDS": "2"}
    with ServerProcess(tmp_path / "house", variables) as server:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"GET /up HTTP/1.1\r\nHost: localhost\r\nX: ")
            with pytest.raises(OSError):  # noqa: PT011
                drip(connection, times=60)
        assert time.monotonic() - began < 8
        server.assert_no_traceback()


def test_a_silent_connection_is_cut_off(tmp_path, mode):
    variables = {"HOMECHAT_ASYNC_MODE": mode, "HOMECHAT_REQUEST_SECONDS": "1"}
    with (
        ServerProcess(tmp_path / "house", variables) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        assert read_all(connection) == b""
        server.assert_no_traceback()


def test_log_lines_are_json(shared):
    requests.get(f"{shared.url}/sign-in?next=query-canary", timeout=5)
    lines = [json.loads(line) for line in shared.log().splitlines() if line.startswith("{")]
    assert any(line["message"] == "request" and line["path"] == "/sign-in" for line in lines)
    assert "query-canary" not in shared.log()


# Stopping.


def test_it_stops_when_asked_at_the_keyboard(server):
    began = time.monotonic()
    server.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert time.monotonic() - began < STOP_SECONDS
    server.assert_no_traceback()


def test_a_stop_lets_what_is_under_way_finish_and_nobody_else_in(server):
    with slow_request(server) as connection:
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(server))
        assert server.process.poll() is None
        connection.sendall(b"name=1")
        assert read_all(connection).startswith(b"HTTP/1.1 ")
    assert server.wait() == 0
    server.assert_no_traceback()

    log = server.data_dir / "homechat.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    database = sqlite3.connect(server.data_dir / "homechat.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()

    server.start()
    assert server.is_up()


def test_a_request_that_never_ends_does_not_hold_up_the_stop(server):
    began = time.monotonic()
    with slow_request(server):
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
    assert time.monotonic() - began < STOP_SECONDS


def test_people_are_told_before_the_stop_and_let_go(cast_folder, tmp_path, mode):
    folder = copy_house(cast_folder, tmp_path / "served" / "house")
    with ServerProcess(folder, {"HOMECHAT_ASYNC_MODE": mode}) as server:
        ben = Talker(server.url, "ben").sign_in().connect()
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < STOP_SECONDS
        ben.hear("server:restarting")
        assert ben.ended.wait(5)
        ben.close()
        server.assert_no_traceback()
