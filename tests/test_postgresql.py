"""The same house on PostgreSQL: a conversation, and what two processes at once must not do to it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.audit import Action, AuditLog
from homechat.bots.models import Bot
from homechat.config import API_PREFIX
from homechat.database import row_of
from homechat.errors import HomeChatError, NotFound
from homechat.household.founding import found_house, new_setup_token
from homechat.household.invitations import invite
from homechat.household.joining import Joined, join_house
from homechat.household.models import Invitation
from homechat.messages.actions import mark_read, send_message
from homechat.messages.history import changes_after, page_before
from homechat.messages.models import Message
from homechat.messages.sidebar import sidebar
from homechat.operations.alerts import alerts
from homechat.operations.checks import Status, checks
from homechat.operations.totals import totals
from homechat.rooms.actions import start_direct
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind
from tests.api_client import program_of
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import PASSWORD, House
from tests.postgres import empty_house, move_in
from tests.server_process import ServerProcess, run_flask
from tests.talkers import Talker


@pytest.fixture
def empty(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    """A migrated house on PostgreSQL in which nobody lives yet."""
    house = empty_house(postgres_url, tmp_path / "data")
    yield house
    close(house)


@pytest.fixture
def house(empty: House) -> House:
    """The same with Ada (admin), Ben and Cleo (members) in it."""
    return move_in(empty)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Return what the calls returned, or the refusal they ended with; all start at the same moment."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = calls[place]()
        except HomeChatError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_conversation(house: House) -> None:
    room = house.room("ben", "cleo", name="Garden")
    texts = ["first", "zweite 🦦", "third"]
    for text in texts:
        house.say("ben", room, text)

    page = house.act(page_before, house.actor("cleo"), room, limit=2)
    assert [message.body for message in page.messages] == texts[1:]
    assert page.has_more
    (line,) = house.act(sidebar, house.id_of("cleo"), room_id=room)
    assert (line.unread, line.last_message and line.last_message.preview) == (3, "third")
    assert house.act(mark_read, house.actor("cleo"), room_id=room, seq=2) == 1
    changes = house.act(changes_after, house.actor("cleo"), room, after=1)
    assert [message["body"] for message in changes["messages"]] == texts[1:]
    assert house.direct("ben", "cleo") == house.direct("cleo", "ben")
    assert house.act(audit.verify) is None


def test_pages_work(house: House) -> None:
    browser = house.client()
    form = {"username": "ben", "password": PASSWORD}
    assert browser.post("/sign-in", form, form_on="/sign-in").status_code == 302
    made = browser.post("/rooms/new", {"name": "Kitchen", "member_ids": house.id_of("cleo")})
    assert made.status_code == 302
    taken = house.client("cleo").post("/rooms/new", {"name": "kitchen"})
    assert taken.status_code == 409
    assert "There is already a room of that name." in taken.text
    for path in (
        made.location,
        f"{made.location}/details",
        "/",
        "/rooms",
        "/people",
        "/me",
        "/sidebar",
        "/search?q=kitchen",
    ):
        assert browser.get(path).status_code == 200
    for path in (f"/rooms/{10**17}", f"/rooms/{2**31}", f"/rooms/{2**63}"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"/me/devices/{10**17}/revoke").status_code == 404


def test_many_at_once_found_one_house(empty: House) -> None:
    token = empty.act(new_setup_token)
    stranger = Actor.stranger(door=Actor.operator().door)

    def found(number: int) -> Callable[[], Any]:
        new = NewPerson(f"admin_{number}", "", PASSWORD)
        return lambda: empty.act(found_house, stranger, token, house_name="Ours", new=new)

    results = at_once(*map(found, range(6)))

    assert sum(isinstance(result, tuple) for result in results) == 1
    with empty.rows() as session:
        assert session.scalars(sa.select(User.role)).all() == ["admin"]
        assert session.scalars(sa.select(Room.is_home)).all() == [True]


def test_the_last_use_of_an_invitation_is_taken_once(house: House) -> None:
    token = house.act(invite, house.actor("ada"), role=Role.MEMBER)[1]
    stranger = Actor.stranger(door=Actor.operator().door)

    def join(number: int) -> Callable[[], Any]:
        return lambda: house.act(
            join_house, stranger, NewPerson(f"kid_{number}", "", PASSWORD), invitation=token
        )

    results = at_once(*map(join, range(5)))

    assert sum(isinstance(result, Joined) for result in results) == 1
    assert sum(isinstance(result, NotFound) for result in results) == 4
    with house.rows() as session:
        assert session.scalar(sa.select(Invitation.uses)) == 1
        assert session.scalar(sa.select(sa.func.count(User.id))) == 4


def test_a_retry_at_the_same_moment_is_stored_once(house: House) -> None:
    room, ben = house.home().id, house.actor("ben")

    def send() -> Any:
        return house.act(send_message, ben, room_id=room, body="once", client_id="the-same-id").seq

    assert at_once(*[send] * 6) == [1] * 6
    with house.rows() as session:
        assert session.scalars(sa.select(Message.seq)).all() == [1]


def test_places_have_no_gaps_and_no_doubles_whoever_writes(house: House) -> None:
    room = house.home().id
    names = ["ada", "ben", "cleo"]

    def write(place: int) -> Callable[[], Any]:
        return lambda: [house.say(names[place], room, f"{number}") for number in range(8)]

    places = at_once(*map(write, range(3)))

    assert sorted(place for mine in places for place in mine) == list(range(1, 25))


def test_two_who_begin_the_same_conversation_at_once_get_one(house: House) -> None:
    ben, cleo = house.actor("ben"), house.actor("cleo")
    begin = [
        lambda: house.act(start_direct, ben, [cleo.person_id]).id,
        lambda: house.act(start_direct, cleo, [ben.person_id]).id,
    ]
    assert len(set(at_once(*begin * 3))) == 1
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Room.kind == RoomKind.DIRECT)) == 1


def test_many_writers_at_once_keep_one_chain(house: House) -> None:
    ada = house.actor("ada")

    def write() -> None:
        with house.app.app_context():
            for _ in range(5):
                audit.record(ada, Action.ROOM_CHANGED, subject="room:1")

    at_once(*[write] * 6)

    with house.rows() as session:
        written = sa.select(sa.func.count()).where(AuditLog.action == Action.ROOM_CHANGED)
        assert session.scalar(written) == 30
    assert house.act(audit.verify) is None


def test_a_real_server_over_postgresql_loses_nothing_when_it_is_killed(
    postgres_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    env = {**GENEROUS_LIMITS, "HOMECHAT_DATABASE_URL": postgres_url}
    for command in (
        ["prepare"],
        ["user", "create", "ada", "--role", "admin", "--password-stdin"],
        ["user", "create", "ben", "--password-stdin"],
    ):
        done = run_flask(folder, *command, text=PASSWORD, env={"HOMECHAT_DATABASE_URL": postgres_url})
        assert done.returncode == 0, done.stderr
        assert "house_" in done.stdout + done.stderr, "each command names the database it acts on"
    with ServerProcess(folder, env) as server:
        ada, ben = (
            Talker(server.url, "ada").sign_in().connect(),
            Talker(server.url, "ben").sign_in().connect(),
        )
        home = next(room["room_id"] for room in ada.send("room:list")["rooms"])

        assert ada.say(home, "before the power cut", "postgres-1")["ok"] is True
        ben.hear("message:posted", lambda data: data["body"] == "before the power cut")
        server.kill()
        server.start()

        again = Talker(server.url, "ben").sign_in().connect()
        history = again.send("message:history", {"room_id": home})
        assert [message["body"] for message in history["messages"]] == ["before the power cut"]
        assert run_flask(folder, "audit", "verify", env=env).stdout == "The audit log is whole.\n"
        assert server.stop() == 0
        for window in (ada, ben, again):
            window.close()


@pytest.mark.api
def test_programs_list_rooms_and_read_page_by_page(house: House) -> None:
    room = house.room("ben", "cleo", name="Garden", from_arrival=True)
    for program, text in ((program_of(house, "ben"), "one"), (program_of(house, "cleo"), "two")):
        sent = program.post(
            "/messages", {"message": text, "room": "garden", "title": "Door", "sender": "Bell"}
        )
        assert sent.json["message"]["title"] == "Door", sent.text
    mine, bot = program_of(house, "ben"), program_of(house, "ben", as_bot=True)
    assert mine.post("/messages", {"message": "rain", "room": "Weather"}).status_code == 200

    listed = {it["name"]: it["unread_count"] for it in mine.get("/channels").json["channels"]}
    assert listed == {"home": 0, "Garden": 1, "Weather": 0}
    assert [it["content"] for it in mine.get("/messages?limit=2").json["messages"]] == ["rain", "two"]
    assert [it["content"] for it in mine.get("/messages?after=0&limit=2").json["messages"]] == ["two", "one"]
    first = mine.get(f"/messages?channel_id={room}").json["oldest_id"]
    assert [it["content"] for it in mine.get(f"/messages?channel=Garden&after={first}").json["messages"]] == [
        "two"
    ]
    assert [it["content"] for it in bot.get("/messages?channel=weather").json["messages"]] == ["rain"]
    assert bot.get(f"/users/{house.id_of('cleo')}").status_code == 200
    (line,) = house.act(sidebar, house.id_of("cleo"), room_id=room)
    assert line.last_message is not None
    assert line.last_message.preview == "Door: two"


def test_checks_alerts_and_numbers_are_asked_of_it_as_well(house: House) -> None:
    ada = house.actor("ada")
    house.say("ben", house.home().id, "Hello")
    house.act(audit.check, ada)

    found = house.act(checks, ada)
    seen = house.act(totals, ada)

    assert {name: found[name].status for name in ("database", "migrations", "audit_chain")} == {
        "database": Status.PASS,
        "migrations": Status.PASS,
        "audit_chain": Status.PASS,
    }
    assert found["database"].message.startswith("PostgreSQL answers")
    assert (seen.database, seen.people["active"], seen.files) == ("postgresql", 3, 0)
    assert seen.messages >= 1
    assert seen.database_bytes > 1_000_000
    for address in ("192.0.2.7", "2001:db8::1"):
        for _number in range(11):
            house.act(audit.record, replace(ada, address=address), Action.LOGIN_FAILED)
    assert [alert.code for alert in house.act(alerts, ada)].count("failed_sign_ins") == 2


def test_what_no_database_can_take_is_the_address_of_nothing(house: House) -> None:
    browser, program = house.client("ada"), program_of(house, "ben")
    rules = [rule for rule in house.app.url_map.iter_rules() if re.search("<(?!int:)", rule.rule)]
    assert len(rules) > 10  # Guard.
    for rule in rules:
        path = re.sub("<int:[^>]*>", "1", rule.rule)
        address = re.sub("<[^>]*>", "a%00b", path)
        for method in rule.methods & {"GET", "POST", "PUT", "DELETE"}:
            if path.startswith(API_PREFIX):
                reply = program.ask(method, address.removeprefix(API_PREFIX))
            else:
                reply = browser.get(address) if method == "GET" else browser.post(address)
            assert reply.status_code == 404, (method, address)


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63 - 1, 2**63, 2**80])
def test_a_number_that_no_column_holds_is_the_id_of_none(house: House, number: int) -> None:
    for model in (User, Room, Message, Bot):
        assert house.act(row_of, model, number) is None
    assert house.act(row_of, User, house.id_of("ada")).username == "ada"
