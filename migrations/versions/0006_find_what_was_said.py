"""An index of what was said, and triggers that take out of it what is changed or deleted.

Revision: 0006, after 0004.
"""

import sqlalchemy as sa
from alembic import op

# An index has to be made by what asks it. It is dropped and made anew where that changes.
from homechat.messages.search_index import fill_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Before this one, words that are deleted stay in the file until their part of the index is written anew.
FIRST_WITH_SECURE_DELETE = (3, 42)
CHANGED = "NEW.body IS {distinct} OLD.body OR NEW.deleted_at IS NOT NULL"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_on_sqlite()
    else:
        _make_on_postgresql()
    fill_index(op.get_bind())


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER message_words_forget_changed")
        op.execute("DROP TRIGGER message_words_forget_deleted")
    else:
        op.execute("DROP TRIGGER message_words_forget_changed ON messages")
        op.execute("DROP FUNCTION message_words_forget()")
    op.execute("DROP TABLE message_words")


def _make_on_sqlite() -> None:
    # Keys come folded and cut into words, so the tokenizer is one that does nothing but look for spaces.
    op.execute("CREATE VIRTUAL TABLE message_words USING fts5 (words, tokenize = 'ascii', columnsize = 0)")
    version = op.get_bind().scalar(sa.text("SELECT sqlite_version()"))
    if tuple(map(int, version.split("."))) >= FIRST_WITH_SECURE_DELETE:
        op.execute("INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1)")
    op.execute(
        f"""CREATE TRIGGER message_words_forget_changed AFTER UPDATE OF body, deleted_at ON messages
        WHEN {CHANGED.format(distinct="NOT")}
        BEGIN DELETE FROM message_words WHERE rowid = OLD.id; END"""
    )
    op.execute(
        """CREATE TRIGGER message_words_forget_deleted AFTER DELETE ON messages
        BEGIN DELETE FROM message_words WHERE rowid = OLD.id; END"""
    )


def _make_on_postgresql() -> None:
    op.execute(
        """CREATE TABLE message_words (
            message_id INTEGER NOT NULL CONSTRAINT pk_message_words PRIMARY KEY
                CONSTRAINT fk_message_words_message_id_messages REFERENCES messages (id) ON DELETE CASCADE,
            words tsvector NOT NULL
        )"""
    )
    op.execute("CREATE INDEX ix_message_words_words ON message_words USING gin (words)")
    op.execute(
        """CREATE FUNCTION message_words_forget() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM message_words WHERE message_id = OLD.id;
            RETURN NULL;
        END $$"""
    )
    op.execute(
        f"""CREATE TRIGGER message_words_forget_changed AFTER UPDATE OF body, deleted_at ON messages
        FOR EACH ROW WHEN ({CHANGED.format(distinct="DISTINCT FROM")}) EXECUTE FUNCTION message_words_forget()"""
    )
