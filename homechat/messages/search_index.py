"""The index of what was said: which words are in which message, in SQLite and in PostgreSQL alike.

`message_words` has a row for each message that is there to be found. Who takes words out and who puts them in:

- Out: triggers on the table of messages. Whatever changes the text of a message, marks it as deleted or deletes it
  takes its words out in the same statement, so that nobody can forget to.
- In: whoever writes. A `Message` that is made or changed as an object is put in by itself; whoever writes with
  statements calls `index_message()` after them, in the same transaction. Forgotten, a message is not found; what it
  said before never is.

SQLite: FTS5 with a copy of the folded words, and `secure-delete`, by which words that go leave the file and not only
the answers. PostgreSQL: a `tsvector` made here and not by its parser, so that both find the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper

from homechat.messages.formatting import plain_text
from homechat.messages.models import Message
from homechat.messages.search_key import search_key
from homechat.messages.search_query import Phrase

TABLE = "message_words"
FILL_AT_ONCE = 1_000
PLACES_MAX = 16_383
"""Further words of a message have no place in PostgreSQL."""

_PUT = {
    "sqlite": sa.text("INSERT OR REPLACE INTO message_words (rowid, words) VALUES (:id, :words)"),
    "postgresql": sa.text(
        "INSERT INTO message_words (message_id, words) VALUES (:id, CAST(:words AS tsvector))"
        " ON CONFLICT (message_id) DO UPDATE SET words = excluded.words"
    ),
}
_messages = sa.table("messages", sa.column("id"), sa.column("body"), sa.column("deleted_at"))


def words_of(body: str) -> str:
    """Return the words by which a message is found: the key of how it reads. To be had before a transaction begins."""
    return search_key(plain_text(body))


def index_message(connection: Connection, message_id: int, words: str) -> None:
    """Let a message be found by `words`, see `words_of`, and by no others; in the transaction of `connection`.

    Whoever changes a message by a statement calls this after it: the change takes the words out that were there.
    """
    put = _PUT[connection.dialect.name]
    connection.execute(put, {"id": message_id, "words": _stored(words, connection.dialect.name)})


def matching(phrases: list[Phrase], dialect: str) -> tuple[sa.TextClause, sa.ColumnElement[int]]:
    """Return the condition that a row of `message_words` has all of `phrases`, and the column with its message's id."""
    if dialect == "sqlite":
        condition, asked, column = f"{TABLE} MATCH :phrases", _for_fts5(phrases), "rowid"
    else:
        condition, asked, column = (
            f"{TABLE}.words @@ CAST(:phrases AS tsquery)",
            _for_tsquery(phrases),
            "message_id",
        )
    return sa.text(condition).bindparams(phrases=asked), sa.literal_column(f"{TABLE}.{column}", sa.Integer)


def fill_index(connection: Connection) -> None:
    """Put all messages into an index that is empty, in the transaction of `connection`, 1,000 at once."""
    dialect = connection.dialect.name
    for rows in _in_batches(connection):
        values = [{"id": row.id, "words": _stored(words_of(row.body), dialect)} for row in rows]
        connection.execute(_PUT[dialect], values)


def _in_batches(connection: Connection) -> Iterator[list[Any]]:
    last = 0
    while True:
        rows = connection.execute(
            sa.select(_messages.c.id, _messages.c.body)
            .where(_messages.c.id > last, _messages.c.deleted_at.is_(None))
            .order_by(_messages.c.id)
            .limit(FILL_AT_ONCE)
        ).all()
        if not rows:
            return
        yield list(rows)
        last = rows[-1].id


def _stored(words: str, dialect: str) -> str:
    if dialect == "sqlite":
        return words
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words.split()[:PLACES_MAX], start=1))


# Words of a key have neither quotes nor anything else that either language of questions knows.


def _for_fts5(phrases: Iterable[Phrase]) -> str:
    """Return `"red car" AND "gard"*`."""
    return " AND ".join(
        '"' + " ".join(phrase.words) + ('"*' if phrase.is_open else '"') for phrase in phrases
    )


def _for_tsquery(phrases: Iterable[Phrase]) -> str:
    """Return `('red' <-> 'car') & ('gard':*)`."""
    return " & ".join(
        "(" + " <-> ".join(f"'{word}'" for word in phrase.words) + (":*)" if phrase.is_open else ")")
        for phrase in phrases
    )


@event.listens_for(Message, "after_insert")
def _put_in(mapper: Mapper[Message], connection: Connection, message: Message) -> None:
    if message.deleted_at is None:
        index_message(connection, message.id, words_of(message.body))


@event.listens_for(Message, "after_update")
def _put_in_again(mapper: Mapper[Message], connection: Connection, message: Message) -> None:
    seen = sa.inspect(message).attrs
    if seen.body.history.has_changes() or seen.deleted_at.history.has_changes():
        _put_in(mapper, connection, message)
