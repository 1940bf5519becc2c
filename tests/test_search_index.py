"""The index of what was said: nothing can be in it that is not there any more, and a migration fills it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homechat import clock, paths
from homechat.database import transaction
from homechat.messages.models import Message
from homechat.messages.search import search
from homechat.messages.search_index import FILL_AT_ONCE, TABLE, index_message, words_of
from tests.conftest import close
from tests.house import House
from tests.postgres import empty_house, move_in

SHADOWS = ("content", "data", "idx", "config")


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house with Ada, Ben and Cleo, on either database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
        return
    house = move_in(empty_house(request.getfixturevalue("postgres_url"), tmp_path / "on-postgresql"))
    yield house
    close(house)


def texts(house: House, q: str) -> list[str]:
    return [hit.message.body for hit in house.act(search, house.actor("ben"), q).messages.page]


def indexed(house: House) -> set[int]:
    """Return the ids of the messages that the index knows."""
    with house.rows() as session:
        column = "rowid" if is_sqlite(house) else "message_id"
        return set(session.scalars(sa.text(f"SELECT {column} FROM {TABLE}")))


def words_in_index(house: House) -> set[str]:
    """Return every word that stands in the index itself, whichever message it leads to."""
    with house.rows() as session:
        if not is_sqlite(house):
            return set(session.scalars(sa.text(f"SELECT word FROM ts_stat('SELECT words FROM {TABLE}')")))
        connection = session.connection()
        connection.execute(
            sa.text(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {TABLE}, row)")
        )
        words = set(connection.scalars(sa.text("SELECT term FROM temp.vocabulary")))
        connection.execute(sa.text("DROP TABLE temp.vocabulary"))
        return words


def shadows(house: House) -> bytes:
    """Return all that SQLite keeps for the index."""
    with house.rows() as session:
        rows = [
            row
            for shadow in SHADOWS
            for row in session.execute(sa.text(f"SELECT * FROM {TABLE}_{shadow}")).all()
        ]
    return b" ".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


def is_sqlite(house: House) -> bool:
    return house.settings.database_url.startswith("sqlite")


def by_statement(statement: str) -> Callable[[House], None]:
    def change(house: House) -> None:
        with house.rows() as session, transaction():
            session.execute(sa.text(statement), {"now": clock.now().replace(tzinfo=None)})

    return change


def as_object(house: House) -> None:
    with house.rows() as session, transaction():
        session.query(Message).filter(Message.body.contains("zyzzyva")).one().deleted_at = clock.now()


GOODBYES: dict[str, Callable[[House], None]] = {
    "its text is changed": by_statement("UPDATE messages SET body = 'hm' WHERE body LIKE '%zyzzyva%'"),
    "its text is emptied": by_statement("UPDATE messages SET body = '' WHERE body LIKE '%zyzzyva%'"),
    "it is marked as deleted": by_statement(
        "UPDATE messages SET deleted_at = :now WHERE body LIKE '%zyzzyva%'"
    ),
    "its row goes": by_statement("DELETE FROM messages WHERE body LIKE '%zyzzyva%'"),
    "it is deleted as an object": as_object,
}


@pytest.mark.parametrize("goodbye", GOODBYES)
def test_the_words_of_a_message_leave_the_index_when(anywhere: House, goodbye: str) -> None:
    room = anywhere.room("ben")
    anywhere.say("ben", room, "a zyzzyva and a zebu, dear Zyzzyvas")
    anywhere.say("ben", room, "a zebra and a zebu")
    assert {"zyzzyva", "zyzzyvas", "zebu"} <= words_in_index(anywhere)
    assert texts(anywhere, "zyzzyva")

    GOODBYES[goodbye](anywhere)

    assert texts(anywhere, "zyzzyva") == []
    assert texts(anywhere, "zebu") == ["a zebra and a zebu"]
    assert {word for word in words_in_index(anywhere) if word.startswith("zy")} == set()
    if is_sqlite(anywhere):
        assert b"yzzyva" not in shadows(anywhere)


def test_what_was_deleted_is_not_in_the_file_any_more(house: House) -> None:
    room = house.room("ben")
    for number in range(30):
        house.say("ben", room, f"qwyjibo{number} is a word")
    goodbye = "UPDATE messages SET body = '', deleted_at = :now WHERE body LIKE 'qwyjibo%'"
    by_statement(goodbye)(house)
    with house.rows() as session:
        session.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    close(house)
    copy = house.data_dir / "copy.db"
    with sqlite3.connect(house.data_dir / "homechat.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    for file in (house.data_dir / "homechat.db", copy):
        assert b"wyjibo" not in file.read_bytes()


def test_a_change_by_statement_is_found_once_it_is_put_in_again(anywhere: House) -> None:
    anywhere.say("ben", anywhere.room("ben"), "an otter")
    with anywhere.rows() as session, transaction():
        message_id = session.scalar(sa.text("SELECT id FROM messages"))
        session.execute(sa.text("UPDATE messages SET body = 'a **beaver**'"))
        index_message(session.connection(), message_id, words_of("a **beaver**"))
        index_message(session.connection(), message_id, words_of("a **beaver**"))
    assert (texts(anywhere, "otter"), texts(anywhere, "beaver")) == ([], ["a **beaver**"])


def test_a_change_of_anything_else_leaves_the_words_alone(anywhere: House) -> None:
    anywhere.say("ben", anywhere.room("ben"), "an otter")
    by_statement("UPDATE messages SET changed_seq = 9, body = body")(anywhere)
    assert texts(anywhere, "otter") == ["an otter"]


def test_a_message_that_was_not_stored_left_no_words(anywhere: House) -> None:
    room = anywhere.room("ben")

    def store_and_fail() -> None:
        with anywhere.rows() as session, transaction():
            session.add(_message(anywhere, room, "an otter"))
            session.flush()
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store_and_fail()
    assert indexed(anywhere) == words_in_index(anywhere) == set()


def test_the_index_has_what_the_messages_have_whatever_happens_to_them(house: House) -> None:
    room = house.room("ben")
    words = st.sampled_from(["alpha", "alphabet", "beta", "bet", "gamma", "日本", "αβγ"])
    bodies = st.lists(words, min_size=1, max_size=5).map(" ".join)

    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(["say", "change", "delete", "go"]), bodies), max_size=12))
    def anything(acts: list[tuple[str, str]]) -> None:
        for act, body in acts:
            if act == "say":
                house.say("ben", room, body)
                continue
            with house.rows() as session, transaction():
                message = (
                    session.query(Message).filter_by(deleted_at=None).order_by(Message.id.desc()).first()
                )
                if message is None:
                    continue
                if act == "change":
                    message.body = body
                elif act == "delete":
                    message.body, message.deleted_at = "", clock.now()
                else:
                    session.delete(message)
        with house.rows() as session:
            there = dict(
                session.execute(sa.select(Message.id, Message.body).filter_by(deleted_at=None)).all()
            )
            session.execute(sa.text(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('integrity-check')"))
            session.rollback()
        assert indexed(house) == set(there)
        assert words_in_index(house) == {word for body in there.values() for word in words_of(body).split()}

    anything()


def test_a_house_that_was_lived_in_before_finds_everything_after_the_migration(anywhere: House) -> None:
    room = anywhere.room("ben")
    anywhere.say("ben", room, "Frau **Müller**")
    _migrate(anywhere, "0004")
    with anywhere.rows() as session, transaction():
        session.execute(
            sa.insert(Message),
            [_row(anywhere, room, f"otter number{seq}", seq) for seq in range(2, FILL_AT_ONCE + 51)],
        )
        session.execute(sa.text("UPDATE messages SET deleted_at = :now WHERE seq = 7"), {"now": clock.now()})

    _migrate(anywhere, "head")

    assert texts(anywhere, "muller") == ["Frau **Müller**"]
    assert texts(anywhere, f"otter number{FILL_AT_ONCE + 50}") == [f"otter number{FILL_AT_ONCE + 50}"]
    assert texts(anywhere, '"number7"') == []
    assert len(indexed(anywhere)) == FILL_AT_ONCE + 49


def _migrate(house: House, revision: str) -> None:
    with house.app.app_context():
        move = flask_migrate.upgrade if revision == "head" else flask_migrate.downgrade
        move(directory=str(paths.MIGRATIONS), revision=revision)


def _row(house: House, room: int, body: str, seq: int) -> dict[str, object]:
    return {
        "room_id": room,
        "seq": seq,
        "changed_seq": seq,
        "author_id": house.id_of("ben"),
        "client_id": f"index-{seq:06}",
        "body": body,
    }


def _message(house: House, room: int, body: str) -> Message:
    return Message(**_row(house, room, body, 99))
