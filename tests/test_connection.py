"""The front door of live events: who is let in, and that nothing a client sends does harm."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
import socketio
from marshmallow import Schema, ValidationError
from socketio.exceptions import ConnectionError as RefusedError

from homechat.accounts import sessions
from homechat.actor import Role
from homechat.connection import OFFLINE_GRACE_SECONDS, WRITE_AGAIN_SECONDS
from homechat.database import db, transaction
from homechat.database import sqlite_driver as sqlite3
from homechat.doors.events import EVENTS, Sender, dispatch
from homechat.doors.shapes import Number, Text
from homechat.errors import Unavailable
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from tests.conftest import GENEROUS_LIMITS
from tests.devices import (
    MakeDevice,
    devices,
    live_people,
    live_windows,
    new_device,
    settle,
    wait_until,
    window_of,
)
from tests.house import House
from tests.raw_socket import CLOSED, CONNECT, CONNECTED, REFUSED, RawSocket
from tests.server_process import ServerProcess
from tests.talkers import LOG, Talker

pytestmark = pytest.mark.sockets

SECRET = "what nobody else may read"
TABLES = ("messages", "memberships", "rooms", "people", "login_sessions", "audit_logs")


@pytest.fixture
def device(shared_server: ServerProcess, shared_house: House) -> Iterator[MakeDevice]:
    with devices(shared_server.url, shared_house) as make:
        yield make


FOREIGN_ORIGINS: dict[str, Callable[[str], str | None]] = {
    "another site": lambda url: "https://evil.example",
    "a longer name": lambda url: f"{url}.evil.example",
    "another port": lambda url: "http://localhost:1",
    "another scheme": lambda url: url.replace("http", "https", 1),
    "another name of this machine": lambda url: url.replace("localhost", "127.0.0.1"),
    "a user name before it": lambda url: url.replace("://", "://evil@", 1),
    "capitals": lambda url: url.upper(),
    "a sandbox": lambda url: "null",
    "none at all": lambda url: None,
}


def test_a_page_from_elsewhere_is_refused_though_the_browser_sends_the_cookie(device: MakeDevice) -> None:
    ada, ben = device("ada").connect(), device("ben")

    for case, origin in FOREIGN_ORIGINS.items():
        with _refused(case):
            ben.connect(origin=origin(ben.url))

    _assert_hears_nothing(ben, ada)
    ben.connect()


def test_who_is_not_signed_in_is_refused(device: MakeDevice, shared_house: House) -> None:
    ada, stranger = device("ada").connect(), Talker(device("ada").url, "stranger")

    for secret in (None, "", "nonsense", "A" * 43, "ü" * 20):
        if secret is not None:
            stranger.cookies[shared_house.settings.session_cookie_name] = secret.encode().decode("latin-1")
        with _refused(f"with {secret}"):
            stranger.connect()

    _assert_hears_nothing(stranger, ada)


def test_a_device_that_signed_out_is_refused(device: MakeDevice) -> None:
    ada, ben = device("ada").connect(), device("ben")
    kept = dict(ben.cookies)
    ben.post("/sign-out")
    ben.cookies = kept

    with _refused():
        ben.connect()

    _assert_hears_nothing(ben, ada)


def test_only_websocket_is_spoken(device: MakeDevice) -> None:
    ada = device("ada")
    headers = {"Cookie": ada.cookie_header(), "Origin": ada.url}

    for method in ("GET", "POST", "OPTIONS"):
        reply = requests.request(
            method, f"{ada.url}/socket.io/?EIO=4&transport=polling", headers=headers, timeout=10
        )
        assert 400 <= reply.status_code < 500
        assert "sid" not in reply.text
    with pytest.raises(RefusedError):
        socketio.Client(reconnection=False, logger=LOG, engineio_logger=LOG).connect(
            ada.url, headers=headers, transports=["polling"]
        )


@pytest.mark.parametrize("namespace", ["/admin", "/*", "//", "/home"])
def test_there_is_one_namespace(device: MakeDevice, namespace: str) -> None:
    ada, ben = device("ada").connect(), device("ben")
    with RawSocket(ben) as socket:
        assert socket.ask(f"{CONNECT}{namespace},").startswith(f"{REFUSED}{namespace},")

        _say_often(ada, 3)

        assert socket.listen(for_seconds=0.5) == []


def test_who_was_refused_or_has_not_asked_yet_hears_nothing_of_a_thousand_messages(house: House) -> None:
    limits = {**GENEROUS_LIMITS, "HOMECHAT_SOCKETS_PER_PERSON": "1"}
    with ServerProcess(house.data_dir, limits) as server, devices(server.url, house) as device:
        ada, ben = device("ada").connect(), device("ben").connect()
        with RawSocket(window_of(ben)) as refused, RawSocket(window_of(ben)) as silent:
            answer = refused.ask(CONNECT)
            assert answer.startswith(REFUSED)
            assert json.loads(answer[2:])["message"].endswith(".")
            refused.send('421["message:history",{"room_id":1}]')
            silent.send('421["message:history",{"room_id":1}]')

            last = _say_often(ada, 1_000)
            ben.hear("message:posted", lambda data: data["client_id"] == last)
            assert len(live_windows(house)) == 2, "Ada's and Ben's"
            for socket in (refused, silent):  # Where sending took long, they have been sent away meanwhile.
                assert socket.listen(for_seconds=0.5) in ([], [CLOSED])
                assert socket.heard == []


def test_who_is_still_being_checked_hears_nothing_of_their_rooms(house: House) -> None:
    room = house.room("ada", "ben", "cleo")
    with ServerProcess(house.data_dir, GENEROUS_LIMITS) as server, devices(server.url, house) as device:
        ada, cleo, ben = device("ada").connect(), device("cleo").connect(), device("ben")
        with RawSocket(ben) as waiting, _nothing_can_be_written(house):
            waiting.send(CONNECT)
            assert ada.send("typing:start", {"room_id": room})["ok"] is True
            cleo.hear("typing:started")
            assert waiting.listen(for_seconds=1) == []


def test_who_signs_out_between_the_handshake_and_asking_is_refused(device: MakeDevice) -> None:
    ada, ben = device("ada").connect(), device("ben")
    with RawSocket(ben) as socket:
        ben.post("/sign-out")
        assert socket.ask(CONNECT).startswith(REFUSED)
        _say_often(ada, 3)
        assert socket.listen(for_seconds=0.5) == []


def test_a_person_has_so_many_connections_and_no_more(house: House) -> None:
    with (
        ServerProcess(house.data_dir, {**GENEROUS_LIMITS, "HOMECHAT_SOCKETS_PER_PERSON": "3"}) as server,
        devices(server.url, house) as device,
    ):
        windows = [device("ben").connect() for _ in range(3)]
        fourth, ada = device("ben"), device("ada").connect()

        with RawSocket(fourth) as refused:
            assert (
                json.loads(refused.ask(CONNECT)[2:])["message"]
                == "Too many open windows. Close some and try again."
            )
        settle(*windows)
        assert len(live_windows(house)) == 4, "Ben's three and Ada's one"

        windows[0].close()
        assert wait_until(lambda: _can_connect(fourth))
        ada.close()


@pytest.mark.parametrize("table", ["login_sessions", "memberships"])
def test_when_it_cannot_be_checked_who_it_is_nobody_gets_in(house: House, table: str) -> None:
    with (
        ServerProcess(house.data_dir, GENEROUS_LIMITS) as server,
        devices(server.url, house) as device,
    ):
        ada, ben = device("ada").connect(), device("ben")
        with RawSocket(ben) as refused, _missing(table, house):
            answer = refused.ask(CONNECT)
            assert answer.startswith(REFUSED)
            assert json.loads(answer[2:])["message"].endswith(".")
            assert refused.listen(for_seconds=0.5) == []

        _say_often(ada, 3)
        assert live_people(house) == {house.id_of("ada")}
        assert ada.heard("presence:changed") == []
        ben.connect()
        ada.hear("presence:changed", lambda data: data["person_id"] == house.id_of("ben"))


def test_when_every_database_connection_is_taken_an_event_is_told_to_come_back(house: House) -> None:
    device = new_device("http://localhost", house, "ben")
    engine = house.act(lambda: house.app.extensions["sqlalchemy"].engine)
    with house.app.test_request_context(), ExitStack() as stack:
        row = sessions.find_session(next(iter(device.cookies.values())))
        assert row is not None
        window = LiveSocket("window", row.user_id, row.id, Role.MEMBER)
        assert live_sockets().add(window, at_most=20)
        db.session.rollback()
        for _ in range(engine.pool.size() + engine.pool._max_overflow):
            stack.enter_context(engine.connect())

        ack = dispatch(Sender("window", "192.0.2.7", "tests"), "room:list", ())

        assert (ack["ok"], ack["code"]) == (False, "unavailable")
        with pytest.raises(Unavailable), transaction():
            pytest.fail("there was a connection left")


def test_while_nothing_can_be_written_people_get_in_and_are_announced_later(house: House) -> None:
    with (
        ServerProcess(house.data_dir, GENEROUS_LIMITS) as server,
        devices(server.url, house) as device,
    ):
        ada, ben = device("ada").connect(), device("ben")
        with _nothing_can_be_written(house):
            ben.connect()
            assert ben.send("room:list", {})["ok"] is True
            assert ada.heard("presence:changed") == []
            assert live_people(house) == {house.id_of("ada")}

        ada.hear("presence:changed", lambda data: data["person_id"] == house.id_of("ben") and data["online"])
        assert live_people(house) == {house.id_of("ada"), house.id_of("ben")}
        ben.close()
        ada.hear(
            "presence:changed", lambda data: data["person_id"] == house.id_of("ben") and not data["online"]
        )


def test_who_came_and_went_while_nothing_could_be_written_was_never_here(house: House) -> None:
    with (
        ServerProcess(house.data_dir, GENEROUS_LIMITS) as server,
        devices(server.url, house) as device,
    ):
        ada, ben = device("ada").connect(), device("ben")
        with _nothing_can_be_written(house):
            ben.connect().close()

        time.sleep(WRITE_AGAIN_SECONDS + OFFLINE_GRACE_SECONDS + 1)
        assert live_people(house) == {house.id_of("ada")}
        assert ada.heard("presence:changed") == []


def test_who_connects_again_and_again_is_told_to_wait(house: House) -> None:
    limits = {**GENEROUS_LIMITS, "HOMECHAT_MESSAGES_PER_MINUTE": "60"}
    with ServerProcess(house.data_dir, limits) as server, devices(server.url, house) as device:
        gus = device("gus")
        for _ in range(60):
            with RawSocket(gus) as socket:
                socket.ask(CONNECT)
        with RawSocket(window_of(gus)) as socket:
            answer = socket.ask(CONNECT)

        assert answer.startswith(REFUSED)
        assert "This device connects again and again. Wait" in json.loads(answer[2:])["message"]
        device("ada").connect()


def test_presence_is_right_after_a_refusal(device: MakeDevice, shared_house: House) -> None:
    assert wait_until(lambda: not live_people(shared_house))
    ada, ben = device("ada").connect(), device("ben")

    with _refused():
        window_of(ben).connect(origin="https://evil.example")
    assert live_people(shared_house) == {shared_house.id_of("ada")}
    ben.connect()
    ada.hear("presence:changed", lambda data: data["online"])
    with _refused():
        window_of(ben).connect(origin="https://evil.example")

    settle(ada, ben)
    assert len(ada.heard("presence:changed")) == 1
    assert live_people(shared_house) == {shared_house.id_of("ada"), shared_house.id_of("ben")}


# What a client may get wrong in one field, by the kind of field.

NOT_A_NUMBER = {
    "true": "true",
    "a fraction": "1.5",
    "NaN": "NaN",
    "infinity": "Infinity",
    "text": '"7"',
    "a list": "[7]",
    "an object": '{"id":7}',
    "2^63": str(2**63),
    "a number of 90 digits": "9" * 90,
    "a negative number": "-1",
    "exponents": "1e300",
}
NOT_TEXT = {
    "null": "null",
    "true": "true",
    "a number": "7",
    "NaN": "NaN",
    "a list": '["a"]',
    "an object": '{"text":"a"}',
    "half of a character pair": '"a\\ud800b"',
    "NUL": '"a\\u0000b"',
    "10,001 characters": json.dumps("x" * 10_001),
    "nothing": '""',
}
NOT_A_LIST_OF_TEXTS = {
    "a number": "7",
    "text": '"a"',
    "an object": "{}",
    "a list of numbers": "[7]",
    "a list of lists": '[["a"]]',
    "a list of nothing": "[null]",
}
NOT_AN_OBJECT = {
    "a list": '["EVENT",[{"room_id":1}]]',
    "text": '["EVENT","room_id"]',
    "a number": '["EVENT",7]',
    "true": '["EVENT",true]',
    "null": '["EVENT",null]',
    "two arguments": '["EVENT",{},{}]',
    "100 kB": f'["EVENT","{"x" * 100_000}"]',
    "deep JSON": '["EVENT",' + "[" * 400 + "]" * 400 + "]",
}
DEEP = '{"room_id":' * 400 + "1" + "}" * 400


@pytest.mark.parametrize(
    "name",
    [
        "message:send",
        "message:history",
        "message:changes",
        "room:read",
        "room:list",
        "typing:start",
        "typing:stop",
    ],
)
def test_every_wrong_shape_is_answered_and_the_connection_stays(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House, name: str
) -> None:
    room = shared_house.room("ada", "ben", name=f"Shapes of {name}".replace(":", " "))
    ben = device("ben").connect()
    before, log_before = _rows(shared_house), len(shared_server.log())
    with RawSocket(device("ada")) as socket:
        socket.connect()
        cases = dict(_wrong_calls(name, room))
        assert len(cases) >= 7

        for case, packet in cases.items():
            ack = socket.call(packet)
            assert ack["ok"] is False, case
            assert ack["code"] == "invalid", case
            assert ack["error"].endswith("."), case

        assert socket.call_event("room:list", {})["ok"] is True, "the connection stays"
    settle(ben)
    assert ben.heard("message:posted") == ben.heard("typing:started") == ben.heard("room:read") == []
    _assert_nothing_written(before, shared_house)
    _assert_log_is_clean(shared_server.log()[log_before:])


def test_every_event_is_among_the_tested_ones() -> None:
    assert set(EVENTS) == {
        *("message:send", "message:history", "message:changes", "room:read", "room:list"),
        *("message:edit", "message:delete", "message:react", "message:unreact", "message:answer"),
        *("typing:start", "typing:stop"),
    }


def test_an_event_that_is_not_known_is_refused_and_changes_nothing(
    device: MakeDevice, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Unknown events")
    ada, phone = device("ada").connect(), device("ben")
    names = [
        "nonsense",
        "",
        "message:posted",
        "connect",
        "disconnect",
        "connect_error",
        "*",
        "message",
        "ü" * 5000,
        "\ud800",
    ]
    with RawSocket(phone) as socket:
        socket.connect()
        for name in names:
            for arguments in (
                [],
                [{}],
                [{"room_id": room}],
                [ada.socket.get_sid(), "message:send", {}],
                [1, 2, 3],
            ):
                ack = socket.call_event(name, *arguments)
                assert (ack["ok"], ack["code"]) == (False, "unknown_event"), name
                assert ack["error"].endswith(".")
        for packet in (
            "[5,{}]",
            "[null]",
            "[true]",
            '[["message:send"]]',
            '[{"a":1}]',
            "[NaN]",
            "[]",
            '{"a":1}',
        ):
            assert socket.call(packet)["code"] == "unknown_event", packet

        # A connection that the server lost sight of could not be cut any more.
        assert socket.call_event("message:history", {"room_id": room})["ok"] is True
        assert phone.post("/sign-out").status_code == 302
        assert "session:ended" in "".join(socket.listen(for_seconds=5))
    settle(ada)
    assert ada.heard("session:ended") == []


def test_fields_that_are_not_known_are_ignored(device: MakeDevice, shared_house: House) -> None:
    room, elsewhere = shared_house.room("ada", "ben", name="Extra"), shared_house.room("ada", name="Not here")
    ada_id, ben_id = shared_house.id_of("ada"), shared_house.id_of("ben")
    extra = {
        "author_id": ada_id,
        "user_id": ada_id,
        "seq": 77,
        "id": 5,
        "role": "admin",
        "html": "<b>",
        "kind": "x",
    }
    with RawSocket(device("ben")) as socket:
        socket.connect()

        sent = socket.call_event(
            "message:send", {"room_id": room, "body": "mine", "client_id": "extra-0001", **extra}
        )
        read = socket.call_event("room:read", {"room_id": room, **extra, "seq": 1, "person_id": ada_id})
        listed = socket.call_event("room:list", {"room_id": elsewhere, "person_id": ada_id})

    message = sent["message"]
    assert (message["author"]["id"], message["seq"], message["kind"]) == (ben_id, 1, "text")
    assert read == {"ok": True, "unread": 0}
    assert elsewhere not in [line["room_id"] for line in listed["rooms"]]


def test_binary_data_ends_the_connection_and_does_nothing_else(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Binary")
    phone = device("ada")
    before, log_before = _rows(shared_house), len(shared_server.log())
    attachment = '{"_placeholder":true,"num":0}'
    for packet in (
        f'451-7["message:send",{attachment}]',
        f'451-7["message:send",{{"room_id":{room},"client_id":"binary-001","body":{attachment}}}]',
        f'451-7["room:read",{{"room_id":{attachment},"seq":1}}]',
        '459999999999-7["room:list",{}]',
        "461-7[]",
        b"binary-\x00-" + SECRET.encode(),
    ):
        with RawSocket(phone) as socket:
            socket.connect().send(packet)
            assert socket.answer() == CLOSED

    with RawSocket(phone) as socket:
        assert socket.connect().call_event("room:list", {})["ok"] is True
    _assert_nothing_written(before, shared_house)
    _assert_log_is_clean(shared_server.log()[log_before:])


@pytest.mark.parametrize("value", [b"text", b"a\0b", bytearray(b"text")])
def test_bytes_are_no_text(value: Any) -> None:
    with pytest.raises(ValidationError):
        Text().deserialize(value)


def test_packets_that_make_no_sense_do_no_harm(
    device: MakeDevice, shared_server: ServerProcess, shared_house: House
) -> None:
    before, log_before = _rows(shared_house), len(shared_server.log())
    secret = json.dumps(SECRET)
    garbage = (
        f"42{{{secret}",
        f'421["message:send",{secret}',
        '421["message:send",' + "[" * 20_000,
        '421["message:send",' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "]",
        f"421[{'9' * 5000},{secret}]",
        f"42/elsewhere,1[{secret}]",
        f"43999[{secret}]",
        f"44{secret}",
        f"47{secret}",
        f"4x{secret}",
        "42" + "9" * 60 + f"[{secret}]",
        "40",
        "4",
    )
    for packet in garbage:
        with RawSocket(device("ada")) as socket:
            socket.connect()
            socket.send(packet)
            answers = socket.listen(for_seconds=0.2)
            assert "Traceback" not in "".join(answers)

    with RawSocket(device("ada")) as socket:
        assert socket.connect().call_event("room:list", {})["ok"] is True
    _assert_nothing_written(before, shared_house)
    _assert_log_is_clean(shared_server.log()[log_before:])


def test_a_write_that_the_database_refuses_is_told_without_a_word_of_it_in_the_log(
    server: ServerProcess,
) -> None:
    house = House(server.data_dir)
    room = house.room("ada", "ben", name="Refused by the database")
    with devices(server.url, house) as device, RawSocket(device("ada")) as socket:
        socket.connect()
        with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
            connection.execute(
                "CREATE TRIGGER no_more BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no more'); END"
            )

        refused = socket.call_event(
            "message:send", {"room_id": room, "body": SECRET, "client_id": "refused-01"}
        )
        with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
            connection.execute("DROP TRIGGER no_more")
        again = socket.call_event(
            "message:send", {"room_id": room, "body": SECRET, "client_id": "refused-01"}
        )

    assert (refused["ok"], refused["code"]) == (False, "internal")
    assert refused["error"].endswith(".")
    assert again["message"]["seq"] == 1
    assert "no more" in server.log(), "guard: the cause is in the log"
    assert SECRET not in server.log()


def _wrong_calls(name: str, room: int) -> Iterator[tuple[str, str]]:
    """Give each way to get one event wrong, with the packet that does."""
    if name != "room:list":
        yield "no argument", json.dumps([name])
    for case, shape in NOT_AN_OBJECT.items():
        yield case, shape.replace("EVENT", name)
    schema: Schema = EVENTS[name].schema
    good = {
        "room_id": room,
        "body": SECRET,
        "client_id": "wrong-shape-1",
        "reply_to_id": None,
        "message_id": 1,
        "emoji": "👍",
        "after": 0,
        "seq": 0,
        "before": 1,
        "limit": 5,
        "upload_ids": [],
    }
    fields = {field: json.dumps(good[field]) for field in schema.fields}
    for field_name, field in schema.fields.items():
        wrong = {Number: NOT_A_NUMBER, Text: NOT_TEXT}.get(type(field), NOT_A_LIST_OF_TEXTS)
        for case, text in wrong.items():
            yield f"{field_name}: {case}", _packet(name, {**fields, field_name: text})
        yield f"{field_name}: deep JSON", _packet(name, {**fields, field_name: DEEP})
        if not field.allow_none:
            yield f"{field_name}: null", _packet(name, {**fields, field_name: "null"})
        if field.required:
            yield (
                f"{field_name}: missing",
                _packet(name, {k: v for k, v in fields.items() if k != field_name}),
            )


def _packet(name: str, fields: dict[str, str]) -> str:
    inner = ",".join(f'"{field}":{text}' for field, text in fields.items())
    return f'["{name}",{{{inner}}}]'


@contextmanager
def _refused(case: str = "") -> Iterator[None]:
    try:
        yield
    except RefusedError:
        return
    pytest.fail(f"somebody got in: {case}")


def _assert_hears_nothing(refused: Talker, ada: Talker) -> None:
    _say_often(ada, 3)
    assert refused.events == []
    assert not refused.socket.connected


def _say_often(person: Talker, times: int) -> str:
    """Say something in the home room and return the id of the last."""
    home = min(line["room_id"] for line in person.send("room:list", {})["rooms"])
    for _ in range(times):
        client_id = f"often-{next(_numbers):06d}"
        ack = person.say(home, SECRET, client_id)
        assert ack["ok"] is True, ack
    return client_id


def _can_connect(person: Talker) -> bool:
    with RawSocket(person) as socket:
        return socket.ask(CONNECT).startswith(CONNECTED)


@contextmanager
def _missing(table: str, house: House) -> Iterator[None]:
    """Take a table away while the block runs, as a broken disk or a failed upgrade might."""
    with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
            connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@contextmanager
def _nothing_can_be_written(house: House) -> Iterator[None]:
    """Keep SQLite's write lock while the block runs, as a backup program that hangs would."""
    connection = sqlite3.connect(house.settings.sqlite_file, timeout=10, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def _rows(house: House) -> dict[str, list[Any]]:
    """Return what is stored, but for when somebody was last seen: that changes as they come and go."""
    with sqlite3.connect(house.settings.sqlite_file, timeout=10) as connection:
        connection.execute("CREATE TEMPORARY TABLE people AS SELECT * FROM users")
        connection.execute("ALTER TABLE people DROP COLUMN last_seen_at")
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in TABLES
        }


def _assert_nothing_written(before: dict[str, list[Any]], house: House) -> None:
    """Assert that no row was made or changed, but for the devices that the test itself signed in."""
    after = _rows(house)
    for table in TABLES:
        if table in ("login_sessions", "audit_logs"):
            assert after[table][: len(before[table])] == before[table]
        else:
            assert after[table] == before[table]


def _assert_log_is_clean(log: str) -> None:
    assert "Traceback" not in log
    assert SECRET not in log
    assert "wrong-shape" not in log


_numbers = itertools.count(1)
