"""Migrations: up, down and up again with data in the tables, and nothing half done; on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from homechat import audit, clock, paths
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import Device
from homechat.accounts.proof_models import (
    Challenge,
    Passkey,
    Purpose,
    RecoveryCode,
    ResetLink,
    SignInFailures,
    TotpSecret,
)
from homechat.accounts.token_models import ApiReads, ApiToken, KeptAnswer
from homechat.actor import Actor, Role
from homechat.audit import Action
from homechat.bots.models import Bot, WebhookDelivery
from homechat.database import Base, transaction
from homechat.household.founding import create_person_from_shell
from homechat.household.invitations import invite
from homechat.household.models import Newcomer
from homechat.lockdown import Kind, Lockdown
from homechat.messages.action_cards import ActionCard, CardAction
from homechat.messages.actions import mark_read, send_message
from homechat.messages.answering import answer_card
from homechat.messages.reactions import react
from homechat.realtime import presence
from homechat.realtime.live_sockets import LiveSocket
from homechat.security.policy import RoomKind
from tests.conftest import close
from tests.corpus import encoded
from tests.house import PASSWORD, House
from tests.sharing import send, share

# What a step down cannot keep, by the revision that is undone. Anything else that is lost is a failure.
LOCKS = (
    "devices totp_secrets recovery_codes passkeys challenges sign_in_failures reset_links newcomers lockdowns"
)
# What FTS5 keeps for its table; how it divides the words among the last two is its own affair.
INDEX_ON_SQLITE = [f"message_words_{shadow}" for shadow in ("content", "config", "data", "idx")]
LOST: dict[str, set[str]] = {
    "0001": {table.name for table in Base.metadata.sorted_tables},
    "0002": {"audit_chain", "security_epoch"},
    "0003": {*LOCKS.split(), "api_tokens", "api_reads"},
    "0005": {"message_reactions"},
    "0006": {"message_words", *INDEX_ON_SQLITE},
    "0007": {"uploads"},
    "0008": {"idempotency_keys"},
    "0009": {"bots", "webhook_deliveries"},
    "0010": {"message_answers"},
}
LOST_COLUMNS = {
    "0003": {"login_sessions.proved_at", "login_sessions.device_id", "users.two_factor_since"},
    "0004": {"api_tokens.device_id"},
    "0011": {"bots.kept_off"},
    "0010": {f"webhook_deliveries.{column}" for column in ("kind", "action_id", "person_id")},
}
# A step up gives the others of them back; these begin anew.
BEGIN_ANEW = {
    "0002": {"security_epoch"},
    "0003": LOST["0003"],
    "0005": LOST["0005"],
    "0006": {*INDEX_ON_SQLITE[2:]},
    "0007": LOST["0007"],
    "0008": LOST["0008"],
    "0009": LOST["0009"],
    "0010": LOST["0010"],
}

REVISIONS = [script.revision for script in ScriptDirectory(str(paths.MIGRATIONS)).walk_revisions()]
NEWEST = REVISIONS[0]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house whose database has no tables yet, of either kind."""
    where = {}
    if request.param == "postgresql":
        where["database_url"] = request.getfixturevalue("postgres_url")
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "homechat.db").touch(mode=0o600)
    house = House(tmp_path / "data", **where)
    yield house
    close(house)


@pytest.fixture
def lived_in(empty: House) -> House:
    """A house in which a family has lived for an evening: a row at least in every table."""
    upgrade(empty)
    act = empty.act
    for name, role in (("ada", Role.ADMIN), ("ben", Role.MEMBER), ("cleo", Role.MEMBER), ("gus", Role.GUEST)):
        act(create_person_from_shell, Actor.operator(), NewPerson(name, name.title(), PASSWORD), role=role)
        act(sessions.open_session, empty.actor(name), empty.person(name))
    garden = empty.room("ben", "cleo", "gus", name="Garden", from_arrival=True)
    kitchen = empty.room("ada", name="Kitchen", kind=RoomKind.PUBLIC)
    for room in (garden, empty.direct("ben", "cleo"), empty.home().id):
        for number in range(3):
            empty.say("ben", room, f"**Message** {number} 🦦 ' \" \\ %s :x")
    act(mark_read, empty.actor("cleo"), room_id=garden, seq=2)
    act(react, empty.actor("cleo"), message_id=1, emoji="🦦")
    act(invite, empty.actor("ada"), role=Role.GUEST, room_ids=[kitchen], note="for Nora")
    with empty.app.app_context():
        presence.register_process()
        person = empty.id_of("ben")
        presence.opened(LiveSocket("socket-1", person, session_id=1, role=Role.MEMBER))
    _put_locks_on(empty)
    _let_machines_in(empty, garden)
    send(empty, "ben", garden, share(empty, "ben", garden, "otter.png", encoded("PNG")))
    assert all(contents(empty).values()), "every table must hold something, or these tests show little"
    return empty


def _put_locks_on(house: House) -> None:
    """Put a row into each table of what people prove who they are with; ids as they come."""
    ben, later = house.id_of("ben"), clock.now() + timedelta(hours=1)
    secret = {"token_digest": "d" * 64, "expires_at": later}
    token = ApiToken(
        prefix="abcdefgh", secret_digest="d" * 64, name="Script", user_id=ben, created_by_id=ben, room_ids=[1]
    )
    with house.rows() as session, transaction():
        session.add_all(
            [
                token,
                Device(user_id=ben, browser_digest="b" * 64),
                TotpSecret(user_id=ben, sealed_secret="sealed"),
                RecoveryCode(user_id=ben, salt="s", digest="d"),
                Passkey(user_id=ben, credential_id=b"\0\1", public_key=b"\2\3", transports=["usb"]),
                Challenge(purpose=Purpose.SECOND_STEP, user_id=ben, **secret),
                SignInFailures(user_id=ben, place="anywhere", count=3),
                ResetLink(user_id=ben, **secret),
                Newcomer(user_id=ben, invitation_id=1),
                Lockdown(kind=Kind.TOKENS, expires_at=later),
            ]
        )
        session.flush()
        session.add(ApiReads(token_id=token.id, address="192.0.2.7", hour=clock.now()))
        session.add(KeptAnswer(token_id=token.id, key_digest="k" * 64, request_digest="r" * 64))


def _let_machines_in(house: House, room: int) -> None:
    """Have a bot be told of a message, and a question of a program be answered."""
    gus, ben = house.id_of("gus"), house.id_of("ben")
    with house.rows() as session, transaction():
        session.add(Bot(id=1, user_id=gus, owner_id=ben, webhook_id="w" * 20, sealed_secret="sealed"))
        session.flush()
        session.add(WebhookDelivery(uuid="u" * 36, bot_id=1, message_id=1))
    card = ActionCard(actions=(CardAction("yes", "Yes"),))
    more = {"room_id": room, "body": "Tea?", "client_id": "asked-0001", "card": card}
    asked = house.act(send_message, house.actor("ben"), **more).id
    house.act(answer_card, house.actor("cleo"), message_id=asked, action_id="yes")


def upgrade(house: House, revision: str = "head", folder: Path = paths.MIGRATIONS) -> None:
    with house.app.app_context():
        flask_migrate.upgrade(directory=str(folder), revision=revision)


def downgrade(house: House, revision: str = "-1") -> None:
    with house.app.app_context():
        flask_migrate.downgrade(directory=str(paths.MIGRATIONS), revision=revision)


def contents(house: House, *, without: Collection[str] = ()) -> dict[str, list[str]]:
    """Return all rows of all tables that are in the database now, Alembic's own aside.

    without: columns that are left out, as table.column.
    """
    with house.rows() as session:
        connection = session.connection()
        found = sa.MetaData()
        found.reflect(connection)
        return {
            table.name: sorted(
                repr({name: value for name, value in row.items() if f"{table.name}.{name}" not in without})
                for row in connection.execute(sa.select(table)).mappings()
            )
            for table in found.sorted_tables
            if table.name != "alembic_version"
        }


def revision_of(house: House) -> str | None:
    with house.rows() as session:
        if not sa.inspect(session.connection()).has_table("alembic_version"):
            return None
        version: str | None = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return version


def run_sql(house: House, statement: str) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.text(statement))


def dangling(house: House) -> list[Any]:
    """Return the rows that point at nothing; PostgreSQL never has any."""
    if not house.settings.database_url.startswith("sqlite"):
        return []
    with house.rows() as session:
        return list(session.execute(sa.text("PRAGMA foreign_key_check")))


# what the code says and what the database has


def test_the_tables_are_those_of_the_code(empty: House) -> None:
    upgrade(empty)
    with empty.app.app_context():
        flask_migrate.check(directory=str(paths.MIGRATIONS))  # It exits when there is a difference:
    run_sql(empty, "DROP INDEX ix_messages_room_id_changed_seq")
    with empty.app.app_context(), pytest.raises(SystemExit):
        flask_migrate.check(directory=str(paths.MIGRATIONS))


def test_there_is_one_line_of_revisions(empty: House) -> None:
    scripts = ScriptDirectory(str(paths.MIGRATIONS))
    assert scripts.get_heads() == [NEWEST]
    assert set(LOST) <= set(REVISIONS)
    upgrade(empty)
    assert revision_of(empty) == NEWEST


# up, down and up again


def test_each_step_down_and_up_again_keeps_what_it_can(lived_in: House) -> None:
    for revision in REVISIONS[:-1]:
        lost_columns = LOST_COLUMNS.get(revision, set())
        before = contents(lived_in, without=lost_columns)

        downgrade(lived_in)

        below = contents(lived_in)
        assert revision_of(lived_in) != revision
        assert dangling(lived_in) == []
        kept = set(before) - LOST.get(revision, set())
        assert {name: below[name] for name in kept} == {name: before[name] for name in kept}

        upgrade(lived_in, revision)

        above = contents(lived_in, without=lost_columns)
        assert revision_of(lived_in) == revision
        assert dangling(lived_in) == []
        same = set(before) - BEGIN_ANEW.get(revision, set())
        assert {name: above[name] for name in same} == {name: before[name] for name in same}
        downgrade(lived_in)
    upgrade(lived_in)
    assert revision_of(lived_in) == NEWEST


def test_the_house_goes_on_after_a_step_down_and_up(lived_in: House) -> None:
    downgrade(lived_in)
    upgrade(lived_in)

    lived_in.act(audit.record, lived_in.actor("ada"), Action.ROOM_CHANGED)
    seq = lived_in.say("cleo", lived_in.home().id, "still here")

    assert seq == 4
    assert lived_in.act(audit.verify) is None


def test_all_the_way_down_leaves_an_empty_database_that_can_be_used_again(lived_in: House) -> None:
    downgrade(lived_in, "base")
    assert contents(lived_in) == {}
    assert revision_of(lived_in) is None
    upgrade(lived_in)
    made = lived_in.act(
        create_person_from_shell, Actor.operator(), NewPerson("ada", "Ada", PASSWORD), role=Role.ADMIN
    )
    assert made.role == "admin"


def test_the_audit_log_is_guarded_after_all_migrations(lived_in: House) -> None:
    statements = ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs"]
    if not lived_in.settings.database_url.startswith("sqlite"):
        statements += [
            "TRUNCATE audit_logs",
            "INSERT INTO audit_logs SELECT * FROM audit_logs WHERE id = 1"
            " ON CONFLICT (id) DO UPDATE SET action = 'x'",
        ]
    for statement in statements:
        with pytest.raises(DatabaseError, match="the audit log cannot be"):
            run_sql(lived_in, statement)
    run_sql(
        lived_in,
        "UPDATE audit_logs SET address = NULL, user_agent = NULL, detail = NULL, salt = NULL WHERE id = 2",
    )
    assert lived_in.act(audit.verify) is None


# nothing half done

REVISION = '''
"""A change for these tests."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{after}"
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    pass
'''


@pytest.fixture
def with_revision(tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of the migrations with further ones after the newest; each is given as its statements."""

    def make(*upgrades: list[str]) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(paths.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        after = NEWEST
        for number, statements in enumerate(upgrades, start=1):
            name = f"test_{number}"
            text = REVISION.format(revision=name, after=after, upgrade="\n    ".join(statements))
            (folder / "versions" / f"{name}.py").write_text(text)
            after = name
        return folder

    return make


def test_a_migration_that_fails_leaves_nothing_of_itself(
    lived_in: House, with_revision: Callable[..., Path]
) -> None:
    folder = with_revision(
        [
            "op.create_table('half', sa.Column('id', sa.Integer(), primary_key=True))",
            "op.execute('INSERT INTO half (id) VALUES (1)')",
            "op.add_column('rooms', sa.Column('half', sa.Integer()))",
            "op.execute(\"UPDATE users SET display_name = 'half'\")",
            "op.execute('DELETE FROM message_reactions')",
            "op.execute('SELECT * FROM there_is_no_such_table')",
        ]
    )
    before = contents(lived_in)

    with pytest.raises(DatabaseError, match="there_is_no_such_table"):
        upgrade(lived_in, folder=folder)

    assert contents(lived_in) == before
    assert revision_of(lived_in) == NEWEST
    assert lived_in.say("ben", lived_in.home().id, "all is well") == 4


def test_of_two_migrations_the_good_one_stays_when_the_next_fails(
    lived_in: House, with_revision: Callable[..., Path]
) -> None:
    folder = with_revision(
        ["op.add_column('rooms', sa.Column('topic', sa.Text()))"],
        ["op.drop_table('memberships')", "op.execute('SELECT * FROM there_is_no_such_table')"],
    )
    before = contents(lived_in)

    with pytest.raises(DatabaseError, match="there_is_no_such_table"):
        upgrade(lived_in, folder=folder)

    after = contents(lived_in)
    assert revision_of(lived_in) == "test_1"
    assert "'topic': None" in after["rooms"][0]
    assert after["memberships"] == before["memberships"]


def test_a_change_that_copies_a_table_deletes_nothing_that_points_at_it(
    lived_in: House, with_revision: Callable[..., Path]
) -> None:
    folder = with_revision(
        [
            "with op.batch_alter_table('users', recreate='always') as batch:",
            "    batch.add_column(sa.Column('motto', sa.Text()))",
            "with op.batch_alter_table('invitations', recreate='always') as batch:",
            "    batch.alter_column('note', type_=sa.String(200))",
        ]
        if lived_in.settings.database_url.startswith("sqlite")
        else ["op.add_column('users', sa.Column('motto', sa.Text()))"]
    )
    before = contents(lived_in)
    assert before["login_sessions"], (
        "these go by ON DELETE CASCADE when a table is dropped with foreign keys on"
    )
    assert before["invitation_rooms"]

    upgrade(lived_in, folder=folder)

    after = contents(lived_in)
    assert "'motto': None" in after["users"][0]
    assert len(after["users"]) == len(before["users"])
    assert {**after, "users": []} == {**before, "users": []}
    assert dangling(lived_in) == []
    with lived_in.rows() as session, pytest.raises(DatabaseError, match=r"(?i)foreign key"), transaction():
        session.execute(sa.text("DELETE FROM rooms"))


def test_a_migration_that_leaves_rows_pointing_at_nothing_is_refused(
    lived_in: House, with_revision: Callable[..., Path]
) -> None:
    folder = with_revision(["op.execute(\"DELETE FROM users WHERE username = 'ben'\")"])
    before = contents(lived_in)

    with pytest.raises((SystemExit, DatabaseError)):
        upgrade(lived_in, folder=folder)

    assert contents(lived_in) == before
    assert revision_of(lived_in) == NEWEST
