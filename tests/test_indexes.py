"""No question that the house asks again and again reads a whole table: each has an index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from homechat import audit, clock, settings
from homechat.accounts import kept_answers, sessions
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import LoginSession
from homechat.accounts.queries import person_named
from homechat.actor import Actor, Door, Role
from homechat.bots import deliveries, delivery_log
from homechat.bots.hearing import hearers_of
from homechat.database import transaction
from homechat.household.invitations import arrivals_by_invitation, invite, open_invitation
from homechat.household.joining import join_house
from homechat.household.people import change_role
from homechat.messages.action_cards import ActionCard, CardAction
from homechat.messages.actions import mark_read, send_message
from homechat.messages.answering import answer_card
from homechat.messages.changes import delete_message, edit_message
from homechat.messages.history import changes_after, page_around, page_before, reads_of
from homechat.messages.listing import Stretch, messages_everywhere, messages_in
from homechat.messages.models import Message, MessageReaction
from homechat.messages.reactions import react, unreact
from homechat.messages.room_lines import room_line, room_lines
from homechat.messages.search import search
from homechat.messages.search_index import fill_index
from homechat.messages.sidebar import sidebar
from homechat.messages.unread import unread_by_room
from homechat.operations import retention
from homechat.operations.alerts import alerts
from homechat.operations.checks import checks
from homechat.operations.totals import totals
from homechat.realtime import presence
from homechat.rooms.actions import start_direct
from homechat.rooms.finding import find_room
from homechat.rooms.naming import room_called
from homechat.rooms.people import direct_with, people_around
from homechat.rooms.queries import member_count, members_of, room_ids_by_person, room_ids_of
from homechat.security.policy import RoomRight
from homechat.uploads.queries import find_upload
from tests.house import PASSWORD, House
from tests.sharing import send, share

LARGE = (
    "messages",
    "message_reactions",
    "message_answers",
    "uploads",
    "memberships",
    "login_sessions",
    "audit_logs",
    "invitations",
    "idempotency_keys",
    "webhook_deliveries",
)
WHOLE_TABLE = re.compile(rf"SCAN ({'|'.join(LARGE)})\b")


@contextmanager
def statements(house: House) -> Iterator[list[tuple[str, Any]]]:
    """Collect every statement that is sent to the database meanwhile, with its values."""
    seen: list[tuple[str, Any]] = []

    def note(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, is_many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            seen.append((statement, parameters))

    with house.app.app_context():
        engine: Engine = house.app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plans(house: House, ask: Callable[[], object]) -> list[tuple[str, str]]:
    """Return every statement that `ask` sends, with how SQLite goes about it."""
    with statements(house) as seen:
        ask()
    assert seen, "nothing was asked"
    explained = []
    with house.rows() as session:
        connection = session.connection()
        for statement, parameters in list(seen):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            explained.append((statement, "\n".join(row[3] for row in rows)))
    return explained


@pytest.fixture
def busy(house: House) -> House:
    """A house with enough in it for a plan to mean something."""
    rooms = [house.room("ben", "cleo", "ada", name=f"Room {number}") for number in range(5)]
    ben = house.id_of("ben")
    with house.rows() as session, transaction():
        for room in rooms:
            session.execute(
                sa.insert(Message),
                [
                    {
                        "room_id": room,
                        "seq": number,
                        "changed_seq": number,
                        "author_id": ben,
                        "client_id": f"plan-{room}-{number:04d}",
                        "body": f"Message {number}",
                    }
                    for number in range(1, 101)
                ],
            )
            session.execute(sa.text("UPDATE rooms SET last_seq = 100 WHERE id = :id"), {"id": room})
        cleo = house.id_of("cleo")
        for message_id in session.scalars(sa.select(Message.id).where(Message.seq % 10 == 0)).all():
            session.add(MessageReaction(message_id=message_id, user_id=cleo, emoji="👍"))
        fill_index(session.connection())
    return house


def message_in(house: House, room: int) -> int:
    """Return the id of a message of Ben's that Cleo has reacted to."""
    with house.rows() as session:
        message_id: int = session.scalar(
            sa.select(Message.id).where(Message.room_id == room, Message.seq == 50)
        )
        return message_id


def card_in(house: House, room: int) -> int:
    """Return the id of a new message of Ben's that asks something."""
    card = ActionCard(actions=(CardAction("yes", "Yes"),), ack_required=True)
    asked = {"room_id": room, "body": "Tea?", "client_id": "plan-card-1", "card": card}
    return house.act(send_message, house.actor("ben"), **asked).id


QUESTIONS: dict[str, Callable[[House, int], object]] = {
    "whose cookie is this": lambda house, room: house.act(sessions.find_session, "a cookie"),
    "which devices are still signed in": lambda house, room: house.act(
        sessions.roles_by_live_session, [1, 2, 3]
    ),
    "which devices has somebody": lambda house, room: house.act(sessions.devices_of, 2),
    "who has this name": lambda house, room: house.act(person_named, "ben"),
    "may they read this room": lambda house, room: house.act(
        find_room, house.actor("cleo"), room, RoomRight.READ
    ),
    "the newest messages": lambda house, room: house.act(page_before, house.actor("cleo"), room),
    "older messages": lambda house, room: house.act(page_before, house.actor("cleo"), room, before=60),
    "what changed since": lambda house, room: house.act(changes_after, house.actor("cleo"), room, after=90),
    "how far have the others read": lambda house, room: house.act(reads_of, room, house.id_of("cleo")),
    "what is unread": lambda house, room: house.act(unread_by_room, house.id_of("cleo")),
    "the list of conversations": lambda house, room: house.act(sidebar, house.id_of("cleo")),
    "one line of the list": lambda house, room: house.act(sidebar, house.id_of("cleo"), room_id=room),
    "send a message": lambda house, room: house.act(
        send_message, house.actor("ben"), room_id=room, body="hi", client_id="plan-new-1"
    ),
    "send a file": lambda house, room: send(
        house, "ben", room, share(house, "ben", room, "a.txt", b"words"), client_id="plan-file-1"
    ),
    "whose file is this": lambda house, room: house.act(
        find_upload, house.actor("ben"), share(house, "ben", room, "a.txt", b"words").id
    ),
    "send it again": lambda house, room: house.act(
        send_message, house.actor("ben"), room_id=room, body="hi", client_id=f"plan-{room}-0050"
    ),
    "answer a message": lambda house, room: house.act(
        send_message,
        house.actor("ben"),
        room_id=room,
        body="hi",
        client_id="plan-new-2",
        reply_to_id=message_in(house, room),
    ),
    "change a message": lambda house, room: house.act(
        edit_message, house.actor("ben"), message_id=message_in(house, room), body="Other words"
    ),
    "delete a message": lambda house, room: house.act(
        delete_message, house.actor("ben"), message_id=message_in(house, room)
    ),
    "react to a message": lambda house, room: house.act(
        react, house.actor("cleo"), message_id=message_in(house, room), emoji="🎉"
    ),
    "answer a card": lambda house, room: house.act(
        answer_card, house.actor("cleo"), message_id=card_in(house, room), action_id="yes"
    ),
    "see a card": lambda house, room: house.act(
        answer_card, house.actor("cleo"), message_id=card_in(house, room), action_id="ack"
    ),
    "take it back": lambda house, room: house.act(
        unreact, house.actor("cleo"), message_id=message_in(house, room), emoji="👍"
    ),
    "I have read this": lambda house, room: house.act(mark_read, house.actor("cleo"), room_id=room, seq=100),
    "which rooms are mine": lambda house, room: house.act(room_ids_of, 2),
    "which rooms are whose": lambda house, room: house.act(room_ids_by_person, [2, 3]),
    "who is in here": lambda house, room: house.act(members_of, room),
    "how many are in here": lambda house, room: house.act(member_count, room),
    "who is online": lambda house, room: house.act(presence.online_among, [1, 2, 3]),
    "messages of a room by their ids": lambda house, room: house.act(
        messages_in, house.actor("cleo"), room, Stretch(before=400, after=3)
    ),
    "messages of a room since one": lambda house, room: house.act(
        messages_in, house.actor("cleo"), room, Stretch(after=3)
    ),
    "the newest messages of all rooms": lambda house, room: house.act(
        messages_everywhere, house.actor("cleo"), Stretch()
    ),
    "messages of all rooms since one": lambda house, room: house.act(
        messages_everywhere, house.actor("cleo"), Stretch(after=3)
    ),
    "rooms that I can see": lambda house, room: house.act(room_lines, house.actor("cleo")),
    "a room that I can see": lambda house, room: house.act(room_line, house.actor("cleo"), room),
    "a room by its name": lambda house, room: house.act(room_called, house.actor("cleo"), "Room 3"),
    "whom do I share rooms with": lambda house, room: house.act(people_around, house.actor("cleo")),
    "whom does a bot share rooms with": lambda house, room: house.act(people_around, house.actor("rex")),
    "have we talked": lambda house, room: house.act(direct_with, house.actor("ben"), house.id_of("cleo")),
    "our conversation": lambda house, room: house.act(
        start_direct, house.actor("ben"), [house.id_of("cleo")]
    ),
    "an invitation": lambda house, room: house.act(
        open_invitation, house.act(invite, house.actor("ada"), role=Role.MEMBER)[1]
    ),
    "who came with these invitations": lambda house, room: house.act(
        arrivals_by_invitation, [house.act(invite, house.actor("ada"), role=Role.MEMBER)[0]]
    ),
    "what happened to this room": lambda house, room: house.act(audit.entries, subject=f"room:{room}"),
    "what did they do": lambda house, room: house.act(audit.entries, actor_id=2),
    "what has to do with somebody": lambda house, room: house.act(audit.entries_about, 2),
    "a search of the audit log": lambda house, room: house.act(
        audit.search,
        house.actor("ada"),
        audit.Filters(
            action=audit.Action.LOGIN, about_id=2, door=Door.PAGE, since=clock.now(), subject="room"
        ),
    ),
    "is it whole": lambda house, room: house.act(audit.verify),
    "what is to be forgotten": lambda house, room: house.act(retention.prune_audit_log_if_overdue),
    "forget old entries": lambda house, room: house.act(retention.prune_audit_log, Actor.system()),
    "forget a person": lambda house, room: house.act(audit.erase_person, house.id_of("ben")),
    "was this asked before": lambda house, room: house.act(
        kept_answers.find, kept_answers.Key(1, "a" * 64, "b" * 64)
    ),
    "forget old answers": lambda house, room: house.act(kept_answers.forget_old),
    "what was said about it": lambda house, room: house.act(search, house.actor("cleo"), "message 5"),
    "around what was found": lambda house, room: house.act(page_around, house.actor("cleo"), room, 60),
    "who is told": lambda house, room: house.act(hearers_of, room, "@lights on"),
    "what is to be delivered": lambda house, room: house.act(deliveries.take, 10),
    "when is the next delivery": lambda house, room: house.act(deliveries.next_due, clock.now()),
    "what was another server doing": lambda house, room: house.act(deliveries.forget_leases),
    "which deliveries are old": lambda house, room: house.act(deliveries.forget_old),
    "what was delivered to this bot": lambda house, room: house.act(
        delivery_log.log_of, house.actor("ada"), bot_id=1
    ),
    "how do these bots do": lambda house, room: (
        house.act(delivery_log.last_of, [1, 2]),
        house.act(delivery_log.counts_of, 1),
    ),
    "is the house in good order": lambda house, room: house.act(checks, house.actor("ada")),
    "what should somebody look at": lambda house, room: house.act(alerts, house.actor("ada")),
    "who failed to sign in": lambda house, room: house.act(audit.entries, action=audit.Action.LOGIN_FAILED),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_large_table_is_read_from_end_to_end_for(busy: House, question: str) -> None:
    room = busy.act(room_ids_of, busy.id_of("cleo"))[-1]
    for statement, plan in plans(busy, lambda: QUESTIONS[question](busy, room)):
        assert not WHOLE_TABLE.search(plan), f"{plan}\n\n{statement}"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/rooms/{room}",
        "/rooms/{room}/details",
        "/people",
        "/me",
        "/me/history",
        "/sidebar",
        "/search?q=message",
    ],
)
def test_no_large_table_is_read_from_end_to_end_for_the_page(busy: House, path: str) -> None:
    room = busy.act(room_ids_of, busy.id_of("cleo"))[-1]
    browser = busy.client("cleo")
    for statement, plan in plans(busy, lambda: browser.get(path.format(room=room))):
        assert not WHOLE_TABLE.search(plan), f"{plan}\n\n{statement}"


def test_no_large_table_is_read_from_end_to_end_for_the_numbers_of_the_house(busy: House) -> None:
    busy.act(totals, Actor.operator())  # Guard: files are counted now, and not again for five minutes.
    for statement, plan in plans(busy, lambda: busy.act(totals, Actor.operator())):
        assert not WHOLE_TABLE.search(plan), f"{plan}\n\n{statement}"


def test_a_question_without_an_index_would_be_noticed(busy: House) -> None:
    def ask() -> None:
        with busy.rows() as session:
            session.scalars(sa.select(Message.id).where(Message.body == "x")).all()
            session.scalars(sa.select(LoginSession.id).where(LoginSession.address == "x")).all()

    assert [WHOLE_TABLE.search(plan) is not None for _, plan in plans(busy, ask)] == [True, True]


# and no longer list more of them


def another_device(house: House, number: int) -> None:
    house.client("ada")


def another_admin(house: House, number: int) -> None:
    house.act(change_role, Actor.operator(), house.id_of(["ben", "cleo"][number]), Role.ADMIN)


def another_newcomer(house: House, number: int) -> None:
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        house.act(settings.change, Actor.operator(), setting, True)
    _row, link = house.act(invite, house.actor("ada"), role=Role.MEMBER, room_ids=[house.home().id])
    new = NewPerson(f"nora_{number}", "Nora", PASSWORD)
    house.act(join_house, Actor.stranger(door=Door.PAGE), new, invitation=link)


@pytest.mark.parametrize(
    ("path", "another"),
    [("/me", another_device), ("/admin/people", another_admin), ("/admin/people", another_newcomer)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_longer_list_asks_no_more(house: House, path: str, another: Callable[[House, int], None]) -> None:
    def asked() -> int:
        browser.get(path)  # The first time after a while notes who is here.
        with statements(house) as seen:
            assert browser.get(path).status_code == 200
        return len(seen)

    browser = house.client("ada")
    another(house, 0)
    before = asked()
    another(house, 1)
    assert asked() == before
