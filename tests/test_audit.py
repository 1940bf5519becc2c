"""The audit log: each act once, nothing secret, and nobody changes it unseen."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from homechat import audit, clock, settings
from homechat.accounts.models import LoginSession, User
from homechat.accounts.recovery import make_reset_link
from homechat.actor import Actor, Door, Role
from homechat.audit import Action, AuditChain, AuditLog, Break, Filters, chain
from homechat.database import transaction
from homechat.household.founding import new_setup_token
from homechat.household.invitations import invite
from homechat.household.models import Invitation
from homechat.household.people import change_role, lock_person, sign_out_everywhere, unlock_person
from homechat.messages.models import Message
from homechat.operations.backups import actions as backups
from homechat.operations.backups import folder as backup_folder
from homechat.operations.backups import keys as backup_keys
from homechat.operations.backups.restoring import restore
from homechat.operations.backups.working import Work
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind
from tests.attempts import everything_in, somebody_waiting
from tests.conftest import close
from tests.every_lock import use_every_lock
from tests.house import PASSWORD, Browser, House
from tests.server_process import ROOT, environment, prepare_house, run_flask
from tests.test_indexes import statements

DOCS = Path(__file__).resolve().parent.parent / "docs"
ADDRESS = "198.51.100.7"
DEVICE = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def entries(house: House, after: int = 0) -> list[AuditLog]:
    """Return what was written after the row `after`, the oldest first."""
    with house.rows() as session:
        return list(session.scalars(sa.select(AuditLog).where(AuditLog.id > after).order_by(AuditLog.id)))


def newest(house: House) -> int:
    rows = entries(house)
    return rows[-1].id if rows else 0


def verify(house: House) -> Break | None:
    return house.act(audit.verify)


def post(browser: Browser, path: str, form: dict[str, Any] | None = None, *, form_on: str = "/me") -> Any:
    """Send a form from ADDRESS and DEVICE."""
    reply = browser.post(
        path,
        form,
        form_on=form_on,
        headers={"User-Agent": DEVICE},
        environ_overrides={"REMOTE_ADDR": ADDRESS},
    )
    assert reply.status_code < 500, reply.text
    return reply


# each act is written down, once


@dataclass(frozen=True)
class Expected:
    """One row: what happened to what, and who did it."""

    action: Action
    subject: str
    actor: str | None
    detail: dict[str, Any] = field(default_factory=dict)


def newest_id(house: House, column: Any) -> int:
    with house.rows() as session:
        return int(session.scalar(sa.select(sa.func.max(column))))


def device_of(house: House, name: str) -> int:
    with house.rows() as session:
        mine = sa.select(sa.func.max(LoginSession.id)).where(LoginSession.user_id == house.id_of(name))
        return int(session.scalar(mine))


def of_device(house: House, action: Action, name: str, device: int) -> Expected:
    """What happened to one device of somebody's, by their own hand."""
    return Expected(action, f"user:{house.id_of(name)}", name, {"session": device})


def sign_in(house: House) -> list[Expected]:
    post(house.client(), "/sign-in", {"username": "ben", "password": PASSWORD}, form_on="/sign-in")
    return [of_device(house, Action.LOGIN, "ben", device_of(house, "ben"))]


def fail_to_sign_in(house: House) -> list[Expected]:
    for name in ("ben", "nobody"):
        post(house.client(), "/sign-in", {"username": name, "password": "wrong"}, form_on="/sign-in")
    ben = f"user:{house.id_of('ben')}"
    return [Expected(Action.LOGIN_FAILED, ben, None), Expected(Action.LOGIN_FAILED, "", None)]


def sign_out(house: House) -> list[Expected]:
    browser = house.client("ben")
    begin(house)
    post(browser, "/sign-out")
    return [of_device(house, Action.LOGOUT, "ben", device_of(house, "ben"))]


def change_password(house: House) -> list[Expected]:
    other, browser = house.client("ben"), house.client("ben")
    first = device_of(house, "ben") - 1
    begin(house)
    post(browser, "/me/password", {"current_password": PASSWORD, "password": "three calm herons"})
    assert other.get("/me").status_code == 302
    return [
        of_device(house, Action.SESSION_REVOKED, "ben", first),
        of_device(house, Action.SESSION_REVOKED, "ben", first + 1),
        Expected(Action.PASSWORD_CHANGE, f"user:{house.id_of('ben')}", "ben"),
        of_device(house, Action.LOGIN, "ben", first + 2),
    ]


def revoke_device(house: House) -> list[Expected]:
    house.client("ben")
    device = device_of(house, "ben")
    browser = house.client("ben")
    begin(house)
    post(browser, f"/me/devices/{device}/revoke")
    post(browser, f"/me/devices/{device}/revoke")
    return [of_device(house, Action.SESSION_REVOKED, "ben", device)]


def invite_somebody(house: House) -> list[Expected]:
    browser = house.client("ada")
    begin(house)
    post(browser, "/invites", {"role": "guest", "hours": 5, "max_uses": 2, "note": "for Nora"})
    subject = f"invitation:{newest_id(house, Invitation.id)}"
    detail = {"role": "guest", "uses": 2, "hours": 5}
    return [Expected(Action.INVITE_CREATED, subject, "ada", detail)]


def revoke_invite(house: House) -> list[Expected]:
    browser = house.client("ada")
    made = house.act(invite, house.actor("ada"), role=Role.MEMBER)[0]
    begin(house)
    for _ in range(2):
        post(browser, f"/invites/{made.id}/revoke")
    return [Expected(Action.INVITE_REVOKED, f"invitation:{made.id}", "ada")]


def join_house(house: House) -> list[Expected]:
    rooms = [house.room("ada", name=name) for name in ("Homework", "Tea")]
    made, token = house.act(invite, house.actor("ada"), role=Role.MEMBER, room_ids=[house.home().id, *rooms])
    begin(house)
    form = {"username": "nora", "display_name": "Nora", "password": PASSWORD}
    post(house.client(), f"/join/{token}", form, form_on=f"/join/{token}")
    nora = house.id_of("nora")
    return [
        Expected(Action.PERSON_CREATED, f"user:{nora}", None, {"role": "member"}),
        *(Expected(Action.MEMBER_ADDED, f"room:{room}", "nora", {"user": nora}) for room in rooms),
        Expected(Action.INVITE_USED, f"invitation:{made.id}", "nora"),
        of_device(house, Action.LOGIN, "nora", device_of(house, "nora")),
    ]


def create_rooms(house: House) -> list[Expected]:
    browser = house.client("ben")
    begin(house)
    cleo = house.id_of("cleo")
    post(browser, "/rooms/new", {"name": "Kites", "kind": "private", "member_ids": cleo})
    room = f"room:{newest_id(house, Room.id)}"
    return [
        Expected(Action.ROOM_CREATED, room, "ben", {"kind": "private"}),
        Expected(Action.MEMBER_ADDED, room, "ben", {"user": cleo}),
    ]


def change_room(house: House) -> list[Expected]:
    room, browser = house.room("ben"), house.client("ben")
    begin(house)
    post(browser, f"/rooms/{room}/details", {"name": "Shed", "description": ""})
    for _ in range(2):
        form = {"name": "Shed", "description": "", "who_adds": "owners"}
        post(browser, f"/rooms/{room}/details", form)
    return [
        Expected(Action.ROOM_CHANGED, f"room:{room}", "ben"),
        Expected(Action.ROOM_CHANGED, f"room:{room}", "ben", {"owners_add_only": True}),
        Expected(Action.ROOM_CHANGED, f"room:{room}", "ben"),
    ]


def name_owner(house: House) -> list[Expected]:
    room, browser, cleo = house.room("ben", "cleo"), house.client("ben"), house.id_of("cleo")
    begin(house)
    for _ in range(2):
        post(browser, f"/rooms/{room}/members/{cleo}/owner")
    return [Expected(Action.ROOM_CHANGED, f"room:{room}", "ben", {"owner": cleo})]


def archive_room(house: House) -> list[Expected]:
    room, browser = house.room("ben"), house.client("ben")
    begin(house)
    for _ in range(2):
        post(browser, f"/rooms/{room}/archive")
    return [Expected(Action.ROOM_ARCHIVED, f"room:{room}", "ben")]


def join_and_leave_room(house: House) -> list[Expected]:
    room, browser = house.room("cleo", kind=RoomKind.PUBLIC), house.client("ben")
    begin(house)
    for _ in range(2):
        post(browser, f"/rooms/{room}/join")
    for _ in range(2):
        post(browser, f"/rooms/{room}/leave")
    detail = {"user": house.id_of("ben")}
    return [
        Expected(Action.MEMBER_ADDED, f"room:{room}", "ben", detail),
        Expected(Action.MEMBER_REMOVED, f"room:{room}", "ben", detail),
    ]


def add_and_remove_member(house: House) -> list[Expected]:
    room, browser, cleo = house.room("ben"), house.client("ben"), house.id_of("cleo")
    begin(house)
    for _ in range(2):
        post(browser, f"/rooms/{room}/members", {"user_id": cleo})
    for _ in range(2):
        post(browser, f"/rooms/{room}/members/{cleo}/remove")
    return [
        Expected(Action.MEMBER_ADDED, f"room:{room}", "ben", {"user": cleo}),
        Expected(Action.MEMBER_REMOVED, f"room:{room}", "ben", {"user": cleo}),
    ]


def delete_messages(house: House) -> list[Expected]:
    room = house.room("ben", "cleo", name="Pantry", kind=RoomKind.PUBLIC)
    browser = house.client("ben")
    house.say("ben", room, "my own")
    mine = newest_id(house, Message.id)
    house.say("cleo", room, "of another")
    others = newest_id(house, Message.id)
    begin(house)
    for message in (mine, others, others):
        post(browser, f"/messages/{message}/delete")
    return [Expected(Action.MESSAGE_DELETED_BY_ADMIN, f"room:{room}", "ben", {"message": others})]


def answer_at_the_door(house: House) -> list[Expected]:
    pia, otto = somebody_waiting(house, "pia"), somebody_waiting(house, "otto")
    browser = house.client("ada")
    begin(house)
    for _ in range(2):
        post(browser, f"/newcomers/{pia}/approve")
        post(browser, f"/newcomers/{otto}/refuse")
    return [
        Expected(Action.PERSON_APPROVED, f"user:{pia}", "ada"),
        Expected(Action.PERSON_REFUSED, f"user:{otto}", "ada"),
    ]


def reset_password(house: House) -> list[Expected]:
    house.client("gus")
    link = f"/reset/{house.act(make_reset_link, Actor.operator(), house.id_of('gus'))}"
    device = device_of(house, "gus")
    begin(house)
    for _ in range(2):
        post(house.client(), link, {"password": "three calm herons"}, form_on="/sign-in")
    return [
        Expected(Action.PASSWORD_RESET, f"user:{house.id_of('gus')}", None),
        Expected(Action.SESSION_REVOKED, f"user:{house.id_of('gus')}", None, {"session": device}),
    ]


def begin(house: House) -> None:
    """What was written so far was preparation."""
    house.app.extensions["test_began_at"] = newest(house)


PAGES: list[Callable[[House], list[Expected]]] = [
    sign_in,
    fail_to_sign_in,
    sign_out,
    change_password,
    revoke_device,
    invite_somebody,
    revoke_invite,
    join_house,
    create_rooms,
    change_room,
    name_owner,
    archive_room,
    join_and_leave_room,
    add_and_remove_member,
    delete_messages,
    answer_at_the_door,
    reset_password,
]


@pytest.mark.parametrize("act", PAGES, ids=lambda act: act.__name__)
def test_an_act_through_a_page_is_written_once_with_who_and_where(
    house: House, act: Callable[[House], list[Expected]]
) -> None:
    begin(house)

    expected = act(house)

    rows = entries(house, house.app.extensions["test_began_at"])
    written = [(row.action, row.subject, row.actor_id, row.detail) for row in rows]
    assert written == [
        (one.action, one.subject, house.id_of(one.actor) if one.actor else None, one.detail)
        for one in expected
    ]
    for row in rows:
        assert (row.door, row.address, row.user_agent) == ("page", ADDRESS, DEVICE)
        assert clock.now() - timedelta(minutes=2) < row.at <= clock.now()
    assert verify(house) is None


def test_founding_is_written_down(tmp_path: Path) -> None:
    prepare_house(tmp_path / "data")
    house = House(tmp_path / "data")
    link = f"/setup/{house.act(new_setup_token)}"
    form = {"house_name": "Ours", "username": "ada", "display_name": "Ada", "password": PASSWORD}

    post(house.client(), link, form, form_on=link)

    ada = house.id_of("ada")
    assert [(row.action, row.subject, row.actor_id, row.detail) for row in entries(house)] == [
        ("settings_change", "setting:house_name", None, {"value": "Ours"}),
        ("room_created", f"room:{house.home().id}", None, {"kind": "public"}),
        ("person_created", f"user:{ada}", None, {"role": "admin"}),
        ("house_founded", f"user:{ada}", None, {}),
        ("login", f"user:{ada}", ada, {"session": device_of(house, "ada")}),
    ]
    assert {(row.door, row.address, row.user_agent) for row in entries(house)} == {("page", ADDRESS, DEVICE)}
    close(house)


def test_what_the_shell_does_is_written_down_as_such(house: House) -> None:
    house.client("ben")
    device, before = device_of(house, "ben"), newest(house)
    ben = house.id_of("ben")

    run_flask(house.data_dir, "user", "create", "nora", "--password-stdin", text=PASSWORD)
    run_flask(house.data_dir, "user", "role", "ben", "guest")
    run_flask(house.data_dir, "user", "sign-out", "ben")

    rows = entries(house, before)
    assert [(row.action, row.subject, row.detail) for row in rows] == [
        ("person_created", f"user:{house.id_of('nora')}", {"role": "member"}),
        ("role_change", f"user:{ben}", {"from": "member", "to": "guest"}),
        ("session_revoked", f"user:{ben}", {"session": device}),
        ("admin_action", f"user:{ben}", {"what": "sign_out", "devices": 1, "tokens": 0}),
    ]
    assert {(row.door, row.actor_id, row.address) for row in rows} == {("cli", None, "")}


def test_a_changed_setting_is_written_with_its_new_value(house: House) -> None:
    before = newest(house)
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_INVITE, True)
    (row,) = entries(house, before)
    assert (row.action, row.subject, row.detail) == (
        "settings_change",
        "setting:members_invite",
        {"value": True},
    )


def let_old_entries_go(house: House) -> None:
    """Delete the first entry, as if it had been written long ago."""
    run_sql(house, "DROP TRIGGER audit_logs_no_early_deletion")
    oldest = entries(house)[0]
    with clock.moved(timedelta(days=91)):
        house.act(audit.prune, Actor.operator(), older_than=oldest.at + timedelta(microseconds=1))


def documented(column: int) -> dict[str, set[str]]:
    """Return what a column of the table in docs/audit.md names, by action."""
    lines = [line for line in (DOCS / "audit.md").read_text().splitlines() if line.startswith("| `")]
    rows = [[re.findall(r"`(\w+)`", cell) for cell in line.strip("|").split("|")] for line in lines]
    return {row[0][0]: set(row[column]) for row in rows}


def back_up_and_restore(house: House) -> None:
    """Of two backups the second has in it that the first was made."""
    first, second = (house.act(backups.work_now, Actor.operator(), Work.MAKE) for _time in range(2))
    assert first.id != second.id
    file = backup_folder.file_of(house.data_dir, second.id)
    opening = backup_keys.own_keys(house.settings)
    house.act(restore, Actor.operator(), file, opening, house.settings, replace_house=True)


def test_every_action_there_is_has_been_seen_here_as_the_document_says(house: House) -> None:
    for act in PAGES:
        act(house)
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.GUEST)
    for care in (lock_person, unlock_person, sign_out_everywhere):
        house.act(care, Actor.operator(), house.id_of("cleo"))
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_INVITE, True)
    house.act(audit.check, house.actor("ada"))
    house.act(audit.export, house.actor("ada"), Filters(), form="csv", names={})
    use_every_lock(house)
    let_old_entries_go(house)
    back_up_and_restore(house)

    subjects: dict[str, set[str]] = {action.value: set() for action in Action}
    details: dict[str, set[str]] = {action.value: set() for action in Action}
    for row in entries(house):
        subjects[row.action] |= {row.subject.partition(":")[0]} - {""}
        details[row.action] |= set(row.detail or {})
    assert subjects == documented(2), "and each was seen"
    assert details == documented(3)


def test_who_talks_with_whom_is_not_written_down(house: House) -> None:
    before = newest(house)
    house.direct("ben", "cleo")
    assert entries(house, before) == []


# nothing secret


def test_no_secret_and_nothing_that_somebody_wrote_is_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-password-7141"
    browser = house.client()
    post(browser, "/sign-in", {"username": "canary-name-7141", "password": canary}, form_on="/sign-in")
    post(browser, "/sign-in", {"username": "ben", "password": PASSWORD}, form_on="/sign-in")
    post(browser, "/me/password", {"current_password": PASSWORD, "password": canary})
    cookie = browser.client.get_cookie(house.settings.session_cookie_name, domain="localhost")
    assert cookie
    room = house.room("ben", "cleo", name="canary-room-7141")
    post(browser, f"/rooms/{room}/messages", {"body": "canary-body-7141", "client_id": "canary-7141"})
    post(browser, f"/rooms/{room}/details", {"name": "canary-name-7141", "description": "canary-words-7141"})
    ada = house.client("ada")
    page = post(ada, "/invites", {"role": "member", "note": "canary-note-7141"}).text
    link = re.search(r"/join/([\w-]{43})", page)
    assert link
    form = {"username": "nora", "display_name": "Nora", "password": canary}
    post(house.client(), f"/join/{link[1]}", form, form_on=f"/join/{link[1]}")

    written = repr([{**vars(row), "_sa_instance_state": None} for row in entries(house)])

    assert "invite_used" in written
    for secret in ("7141", cookie.value, link[1], PASSWORD):
        assert secret not in written
        assert secret not in caplog.text


def test_a_name_that_nobody_has_is_not_kept_for_it_may_be_a_password(house: House) -> None:
    post(house.client(), "/sign-in", {"username": PASSWORD, "password": "x"}, form_on="/sign-in")
    row = entries(house)[-1]
    assert (row.action, row.subject, row.detail) == ("login_failed", "", {})


def test_control_characters_forge_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    forged = "x\r\n2026-01-01 sign-in failed from 192.0.2.99\x1b[2J\u2028" + "y" * 500
    actor = Actor.stranger(door=Door.PAGE, address="1.2.3.4\r\nforged", user_agent=forged)
    before = newest(house)

    house.act(audit.record, actor, Action.LOGIN_FAILED)

    (row,) = entries(house, before)
    assert row.user_agent == forged[:300]
    assert verify(house) is None
    listed = run_flask(house.data_dir, "audit", "verify")
    assert listed.stdout == "The audit log is whole.\n"


# it cannot be changed


@pytest.fixture
def written(house: House) -> House:
    """A house with some acts in its log."""
    browser = house.client("ben")
    post(browser, "/rooms/new", {"name": "Kites"})
    post(browser, "/sign-out")
    assert len(entries(house)) > 8
    assert verify(house) is None
    return house


def run_sql(house: House, statement: str, **values: Any) -> int:
    """Run raw SQL as somebody with the database would, and return how many rows it touched."""
    with house.rows() as session, transaction():
        return int(session.execute(sa.text(statement), values).rowcount)


def drop_guards(house: House) -> None:
    with house.rows() as session:
        names = session.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'")
        ).all()
    assert len(names) == 3
    for name in names:
        run_sql(house, f"DROP TRIGGER {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'logout' WHERE id = 3",
        "UPDATE audit_logs SET actor_id = NULL",
        "UPDATE audit_logs SET at = '2020-01-01 00:00:00.000000' WHERE id = 3",
        "UPDATE audit_logs SET address = 'elsewhere' WHERE id = 3",
        "UPDATE audit_logs SET address = NULL WHERE id = 3",
        "UPDATE audit_logs SET detail = NULL, salt = NULL WHERE id = 3",
        "UPDATE audit_logs SET hash = hash || 'x'",
        "UPDATE audit_logs SET about_id = 3 WHERE id = 3",
        "UPDATE audit_logs SET address = NULL, user_agent = NULL, detail = NULL, salt = NULL, door = 'x'",
        "UPDATE audit_logs SET address = NULL, user_agent = NULL, detail = NULL, salt = NULL, about_id = 3",
        "DELETE FROM audit_logs",
        "DELETE FROM audit_logs WHERE id = 3",
        "UPDATE OR REPLACE audit_logs SET id = 4 WHERE id = 3",
        "INSERT OR REPLACE INTO audit_logs SELECT 3, at, 'logout', actor_id, door, subject, address, user_agent,"
        " detail, salt, personal_digest, previous_hash, hash, about_id FROM audit_logs WHERE id = 3",
    ],
)
def test_the_database_refuses_to_change_or_delete_what_is_written(written: House, statement: str) -> None:
    before = everything_in(written)
    with pytest.raises(DatabaseError, match="the audit log cannot be"):
        run_sql(written, statement)
    assert everything_in(written) == before


def test_rows_may_go_after_90_days(written: House) -> None:
    run_sql(written, "DROP TRIGGER audit_logs_no_change")
    old = (clock.now() - timedelta(days=90, minutes=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    young = (clock.now() - timedelta(days=89, hours=23)).strftime("%Y-%m-%d %H:%M:%S.%f")
    run_sql(written, "UPDATE audit_logs SET at = :at WHERE id = 1", at=old)
    run_sql(written, "UPDATE audit_logs SET at = :at WHERE id = 2", at=young)
    assert run_sql(written, "DELETE FROM audit_logs WHERE id = 1") == 1
    with pytest.raises(DatabaseError, match="the audit log cannot be deleted yet"):
        run_sql(written, "DELETE FROM audit_logs WHERE id = 2")


BLANK = "UPDATE audit_logs SET address = NULL, user_agent = NULL, detail = NULL, salt = NULL"


def test_a_person_can_be_forgotten_and_the_chain_still_holds(written: House) -> None:
    kept = entries(written)[3]

    assert run_sql(written, f"{BLANK} WHERE id = {kept.id}") == 1

    blanked = entries(written)[3]
    assert (blanked.address, blanked.user_agent, blanked.detail, blanked.salt) == (None,) * 4
    assert (blanked.action, blanked.hash) == (kept.action, kept.hash)
    assert verify(written) is None


CHANGED, DIGEST_CHANGED, MISSING = "it was changed", "its address, device or detail was changed", "missing"


@pytest.mark.parametrize(
    ("statement", "row", "why"),
    [
        ("UPDATE audit_logs SET action = 'logout' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET actor_id = 2 WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET actor_id = NULL WHERE id = 9", 9, CHANGED),
        ("UPDATE audit_logs SET door = 'page' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET subject = 'user:99' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET about_id = 2 WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET about_id = NULL WHERE about_id IS NOT NULL", 9, CHANGED),
        ("UPDATE audit_logs SET at = '2020-01-01 00:00:00.000000' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET hash = 'x' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET address = '192.0.2.1' WHERE id = 4", 4, DIGEST_CHANGED),
        ("UPDATE audit_logs SET user_agent = 'Netscape' WHERE id = 4", 4, DIGEST_CHANGED),
        ('UPDATE audit_logs SET detail = \'{"role": "guest"}\' WHERE id = 4', 4, DIGEST_CHANGED),
        ("UPDATE audit_logs SET salt = 'x' WHERE id = 4", 4, DIGEST_CHANGED),
        ("UPDATE audit_logs SET salt = NULL, address = '192.0.2.1' WHERE id = 4", 4, DIGEST_CHANGED),
        ("UPDATE audit_logs SET salt = NULL, detail = '{}' WHERE id = 4", 4, DIGEST_CHANGED),
        ("UPDATE audit_logs SET personal_digest = 'x' WHERE id = 4", 4, DIGEST_CHANGED),
        (f"{BLANK}, personal_digest = 'x' WHERE id = 4", 4, CHANGED),
        ("UPDATE audit_logs SET previous_hash = 'x' WHERE id = 4", 4, MISSING),
        ("DELETE FROM audit_logs WHERE id = 4", 5, MISSING),
        ("DELETE FROM audit_logs WHERE id = 1", 2, MISSING),
        ("DELETE FROM audit_logs WHERE id BETWEEN 3 AND 6", 7, MISSING),
        ("DELETE FROM audit_logs WHERE id >= 6", None, "the newest rows are missing"),
        (
            "DELETE FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)",
            None,
            "the newest rows are missing",
        ),
        ("DELETE FROM audit_logs", None, "the newest rows are missing"),
        ("DELETE FROM audit_chain", None, "the chain's ends are missing"),
        ("UPDATE audit_chain SET head_hash = 'x'", None, "the newest rows are missing"),
        ("UPDATE audit_chain SET anchor_hash = 'x'", 1, MISSING),
        (
            "UPDATE audit_logs SET id = CASE id WHEN 4 THEN -5 ELSE -4 END WHERE id IN (4, 5)",
            -5,
            MISSING,
        ),
        (
            "INSERT INTO audit_logs SELECT 999, at, action, actor_id, door, subject, address, user_agent, detail,"
            " salt, personal_digest, previous_hash, 'forged', about_id FROM audit_logs WHERE id = 4",
            999,
            MISSING,
        ),
    ],
)
def test_tampering_shows_and_the_first_broken_row_is_named(
    written: House, statement: str, row: int | None, why: str
) -> None:
    drop_guards(written)
    assert verify(written) is None
    assert run_sql(written, statement) > 0

    found = verify(written)

    assert found is not None
    assert found.row_id == row
    assert why in found.why


def test_the_shell_names_the_first_broken_row(written: House) -> None:
    assert run_flask(written.data_dir, "audit", "verify").returncode == 0
    drop_guards(written)
    run_sql(written, "UPDATE audit_logs SET subject = 'user:99' WHERE id = 4")

    told = run_flask(written.data_dir, "audit", "verify")

    assert told.returncode == 1
    assert "The audit log is broken at entry 4: it was changed." in told.stderr


# the chain under load


def test_many_writers_at_once_keep_one_chain(house: House) -> None:
    before = newest(house)
    writers, each = 8, 5
    barrier = threading.Barrier(writers)

    def write(number: int) -> None:
        barrier.wait()
        with house.app.app_context():
            for count in range(each):
                audit.record(house_actor, Action.ROOM_CHANGED, subject=f"room:{number}", detail={"n": count})

    house_actor = house.actor("ada")
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = entries(house, before)
    assert len(rows) == writers * each
    assert len({row.previous_hash for row in rows}) == writers * each
    for number in range(writers):
        mine = [row.detail["n"] for row in rows if row.subject == f"room:{number}"]
        assert mine == list(range(each))
    assert verify(house) is None


WRITING_PROCESS = """
import sys
from homechat import create_app, audit
from homechat.actor import Actor
with create_app().app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        audit.record(Actor.operator(), audit.Action.ROOM_CHANGED, subject=f"room:{sys.argv[1]}", detail={"n": number})
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_processes_at_once_keep_one_chain(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    env = {}
    if kind == "postgresql":
        env["HOMECHAT_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    folder = tmp_path / "data"
    assert run_flask(folder, "prepare", env=env).returncode == 0
    house = House(folder, **({"database_url": env["HOMECHAT_DATABASE_URL"]} if env else {}))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITING_PROCESS, str(number)],
            cwd=ROOT,
            env=environment(folder, **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        assert verify(house) is None, "whole at every moment, too"
        time.sleep(0.1)
    assert [writer.wait() for writer in writers] == [0] * 3
    for writer in writers:
        writer.communicate()

    rows = [row for row in entries(house) if row.action == Action.ROOM_CHANGED]
    assert len(rows) == 30
    for number in range(3):
        mine = [row.detail for row in rows if row.subject == f"room:{number}"]
        assert mine == [{"n": count} for count in range(10)]
    assert verify(house) is None
    close(house)


def test_a_long_log_is_verified_a_piece_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "VERIFY_AT_ONCE", 4)
    for _ in range(30):
        house.act(audit.record, house.actor("ben"), Action.ROOM_CHANGED)
    with statements(house) as seen:
        assert verify(house) is None
    assert len(seen) > 8
    assert all("LIMIT" in statement for statement, _ in seen if "ORDER BY" in statement)
    drop_guards(house)
    run_sql(house, "UPDATE audit_logs SET door = 'x' WHERE id = 17")
    assert verify(house) == Break(17, "it was changed")


def test_a_writer_goes_on_from_what_others_wrote_meanwhile(house: House) -> None:
    with house.app.app_context():
        with transaction() as session:
            audit.record(house.actor("ada"), Action.ROOM_CHANGED)
            kept = session.get_one(AuditChain, 1)
        other = threading.Thread(
            target=house.act, args=(audit.record, house.actor("ben"), Action.ROOM_CHANGED)
        )
        other.start()
        other.join()
        audit.record(house.actor("ada"), Action.ROOM_CHANGED)
        assert kept.head_hash == session.scalar(sa.select(AuditChain.head_hash))
    assert verify(house) is None


# an act that cannot be written down does not happen


FULL = "CREATE TRIGGER full BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'no more'); END"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/rooms/new", {"name": "Kites"}),
        ("/rooms/{room}/details", {"name": "Shed", "description": ""}),
        ("/rooms/{room}/archive", {}),
        ("/rooms/{room}/leave", {}),
        ("/rooms/{room}/members", {"user_id": "3"}),
        ("/me/password", {"current_password": PASSWORD, "password": "three calm herons"}),
        ("/sign-out", {}),
    ],
)
def test_an_act_that_cannot_be_written_down_does_not_happen(
    house: House, path: str, form: dict[str, str]
) -> None:
    room = house.room("ben", "ada")
    browser = house.client("ben")
    token = browser.form_token("/me")
    run_sql(house, FULL)
    before = everything_in(house)

    reply = browser.post(path.format(room=room), {**form, "csrf_token": token})

    assert reply.status_code == 500
    assert everything_in(house) == before
    assert browser.get("/me").status_code == 200, "still signed in"


def test_nobody_gets_in_while_it_cannot_be_written_down(house: House) -> None:
    run_sql(house, FULL)
    browser = house.client()
    form = {"username": "ben", "password": PASSWORD}
    reply = browser.post("/sign-in", form, form_on="/sign-in")
    assert reply.status_code == 500
    assert browser.client.get_cookie(house.settings.session_cookie_name, domain="localhost") is None
    with house.rows() as session:
        assert session.scalars(sa.select(LoginSession.id)).all() == []


# reading it


def test_entries_are_found_by_action_by_who_did_it_and_by_what_it_was_done_to(house: House) -> None:
    room = house.room("ben", "cleo")
    house.client("ben").post(f"/rooms/{room}/archive")
    found = house.act(audit.entries, subject=f"room:{room}")
    assert [row.action for row in found] == ["room_archived", "member_added", "room_created"]
    by_ben = house.act(audit.entries, actor_id=house.id_of("ben"), action=Action.ROOM_CREATED)
    assert [row.subject for row in by_ben] == [f"room:{room}"]
    assert len(house.act(audit.entries, limit=2)) == 2
    assert house.act(audit.entries, actor_id=999) == []


def test_people_are_never_deleted_so_the_log_can_name_them_by_number(house: House) -> None:
    with house.rows() as session:
        ids = set(session.scalars(sa.select(User.id)))
    assert {row.actor_id for row in entries(house) if row.actor_id} <= ids
