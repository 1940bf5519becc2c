"""Is the house in good order, and what should somebody look at: checks, alerts, and how safe it is in numbers."""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat import audit, clock
from homechat.accounts import api_requests
from homechat.actor import Actor, Door, Role
from homechat.audit import Action
from homechat.database import sqlite_driver, transaction
from homechat.errors import NotFound
from homechat.household.house_settings import change_settings
from homechat.household.people import change_role, lock_person, unlock_person
from homechat.operations import alerts as watching
from homechat.operations.alerts import Alert, Level, alerts
from homechat.operations.backups import folder as backups
from homechat.operations.checks import CHECKS, DUTIES_DONE, Check, Status, checks
from homechat.operations.security_numbers import security_numbers
from tests.api_client import Program, app_of, new_token
from tests.conftest import close
from tests.house import House, copy_house
from tests.server_process import ServerProcess
from tests.test_documents import section

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.4"


def look(house: House) -> dict[str, Check]:
    return house.act(checks, house.actor("ada"))


def raised(house: House) -> dict[str, Alert]:
    """Return the alerts by their codes, without that of the missing backup and of a machine that works hard."""
    found = house.act(alerts, house.actor("ada"))
    return {alert.code: alert for alert in found if alert.code not in ("no_backup", "machine_busy")}


def note(house: House, action: Action, times: int = 1, *, address: str = HERE, **more: Any) -> None:
    actor = replace(Actor.stranger(door=Door.PAGE), address=address)
    with house.app.app_context(), transaction():
        for _number in range(times):
            audit.record(actor, action, **more)


def backup(house: House, *, age: timedelta, **known: Any) -> None:
    """Leave a backup that was made a while ago; known: what is known of it besides."""
    made = replace(backups.new_backup(), created_at=clock.as_iso(clock.now() - age), **known)
    backups.keep(house.data_dir, made)
    backups.file_of(house.data_dir, made.id).write_bytes(b"x")


def trial_done(age: timedelta = timedelta()) -> backups.Trial:
    return backups.Trial(clock.as_iso(clock.now() - age), backups.Status.DONE)


@pytest.fixture
def in_order(house: House) -> House:
    """A house in which somebody has done all that is to be done."""
    house.act(audit.check, house.actor("ada"))
    house.app.extensions[DUTIES_DONE] = clock.now()
    trial = trial_done(timedelta(hours=4))
    backup(house, age=timedelta(hours=5), status=backups.Status.DONE, test_restore=trial)
    return house


# checks


def test_in_a_house_in_good_order_all_is_well_but_what_there_is_not_yet(in_order: House) -> None:
    found = look(in_order)

    assert list(found) == list(CHECKS)
    expected = dict.fromkeys(CHECKS, Status.PASS) | {"push": Status.WARN}
    if os.geteuid() == 0:
        expected["permissions"] = Status.WARN
    del expected["disk"], found["disk"]  # Of this machine, which may have hardly any room left.
    assert {name: check.status for name, check in found.items()} == expected
    assert found["backup"].message == (
        "The newest backup is 5 hours old. One was last restored on trial 4 hours ago."
    )
    assert found["audit_chain"].message == "Somebody looked 1 hour ago: all of the log is whole."


def test_the_checks_are_for_those_who_run_the_house(house: House) -> None:
    for ask in (checks, alerts, security_numbers):
        for name in ("ben", "gus", "rex"):
            with pytest.raises(NotFound):
                house.act(ask, house.actor(name))


def test_a_backup_is_missed_when_there_is_none_and_after_two_days(house: House) -> None:
    assert look(house)["backup"] == Check(Status.WARN, "There is no backup yet.")
    backup(house, age=timedelta(hours=1), status=backups.Status.FAILED, problem="full")
    assert look(house)["backup"] == Check(Status.WARN, "There is no backup yet.")
    backup(house, age=timedelta(days=9), status=backups.Status.DONE)
    backup(house, age=timedelta(hours=47), status=backups.Status.DONE, test_restore=trial_done())
    assert look(house)["backup"].status is Status.PASS
    with clock.moved(timedelta(hours=2)):
        found = look(house)["backup"]
        assert (found.status, found.message.partition(".")[0]) == (
            Status.WARN,
            "The newest backup is 2 days old",
        )


def test_a_backup_that_nobody_ever_restored_is_told_of_and_so_is_a_trial_long_ago(house: House) -> None:
    backup(house, age=timedelta(hours=1), status=backups.Status.DONE)
    assert look(house)["backup"] == Check(
        Status.WARN, "The newest backup is 1 hour old. None has been restored on trial yet."
    )
    backup(
        house, age=timedelta(days=32), status=backups.Status.DONE, test_restore=trial_done(timedelta(days=32))
    )
    assert look(house)["backup"].status is Status.WARN
    assert look(house)["backup"].message.endswith("One was last restored on trial 1 month ago.")


def test_a_backup_that_could_not_be_restored_on_trial_is_told_of(house: House) -> None:
    for came_of_it, expected in (("done", Status.PASS), ("failed", Status.FAIL)):
        trial = backups.Trial(clock.as_iso(clock.now()), backups.Status(came_of_it))
        backup(house, age=timedelta(hours=1), status=backups.Status.DONE, test_restore=trial)
        assert look(house)["backup"].status is expected
    assert "restored on trial" in look(house)["backup"].message


def test_a_log_that_nobody_looks_at_is_told_of(house: House) -> None:
    assert look(house)["audit_chain"].status is Status.WARN
    house.act(audit.check, house.actor("ada"))
    assert look(house)["audit_chain"].status is Status.PASS
    with clock.moved(timedelta(days=32)):
        assert look(house)["audit_chain"].status is Status.WARN


def tamper(house: House, statement: str) -> None:
    with closing(sqlite_driver.connect(house.data_dir / "homechat.db")) as database:
        triggers = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'"
        ).fetchall()
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
        database.commit()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE audit_logs SET action = 'login' WHERE id = (SELECT max(id) - 3 FROM audit_logs)", "changed"),
        ("DELETE FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)", "newest rows are missing"),
        ("DELETE FROM audit_logs WHERE id = (SELECT max(id) - 3 FROM audit_logs)", "before this one"),
        ("UPDATE audit_logs SET address = 'x' WHERE id = (SELECT max(id) FROM audit_logs)", "address"),
        ("DELETE FROM audit_chain", "ends are missing"),
    ],
)
def test_a_log_whose_newest_entries_do_not_fit_fails(in_order: House, statement: str, why: str) -> None:
    note(in_order, Action.LOGIN_FAILED, 5)
    tamper(in_order, statement)

    found = look(in_order)["audit_chain"]

    assert found.status is Status.FAIL
    assert why in found.message
    assert raised(in_order)["audit_chain_failed"].level is Level.CRITICAL


def test_a_log_that_somebody_found_broken_stays_so(in_order: House) -> None:
    tamper(in_order, "UPDATE audit_logs SET action = 'login' WHERE id = (SELECT min(id) FROM audit_logs)")
    note(in_order, Action.LOGIN_FAILED, 120)
    assert look(in_order)["audit_chain"].status is Status.PASS, (
        "guard: it is older than what is read each time"
    )

    in_order.act(audit.check, in_order.actor("ada"))

    assert look(in_order)["audit_chain"].status is Status.FAIL


def test_a_database_of_another_version_fails(in_order: House) -> None:
    with in_order.rows() as session, transaction():
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert look(in_order)["migrations"].status is Status.FAIL
    assert "migrations_failed" in raised(in_order)


def test_what_others_on_the_machine_can_read_fails(in_order: House) -> None:
    (in_order.data_dir / "secrets" / "encryption_key").chmod(0o644)
    found = look(in_order)["permissions"]
    assert found == Check(Status.FAIL, "Other users of the machine can look into encryption_key.")
    (in_order.data_dir / "secrets" / "encryption_key").chmod(0o600)
    assert look(in_order)["permissions"].status is not Status.FAIL


def test_duties_that_are_not_done_any_more_fail(in_order: House) -> None:
    with clock.moved(timedelta(hours=2)):
        assert look(in_order)["scheduler"].message == "What is done every hour was done 2 hours ago."
        assert look(in_order)["scheduler"].status is Status.PASS
    with clock.moved(timedelta(hours=4)):
        assert look(in_order)["scheduler"].status is Status.FAIL
    del in_order.app.extensions[DUTIES_DONE]
    assert look(in_order)["scheduler"].status is Status.WARN


@pytest.mark.parametrize(
    ("public_url", "status"),
    [
        ("https://chat.example", Status.PASS),
        ("http://localhost", Status.PASS),
        ("http://192.0.2.1", Status.WARN),
    ],
)
def test_an_address_without_https_is_told_of(
    cast_folder: Path, tmp_path: Path, public_url: str, status: Status
) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), public_url=public_url)
    assert look(house)["tls"].status is status
    close(house)


def test_a_disk_with_too_little_room_is_told_of(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), disk_free_percent=99)
    assert look(house)["disk"].status in (Status.WARN, Status.FAIL)
    assert raised(house)["disk_low"].level in (Level.WARNING, Level.CRITICAL)
    close(house)


def test_what_cannot_be_looked_at_fails(in_order: House) -> None:
    (in_order.data_dir / "secrets").rename(in_order.data_dir / "gone")
    found = look(in_order)["permissions"]
    assert (found.status, found.message) == (
        Status.FAIL,
        "This can't be looked at (FileNotFoundError).",
    )


# alerts


def test_in_a_house_in_good_order_there_is_nothing_to_look_at(in_order: House) -> None:
    in_order.client("ben")
    note(in_order, Action.LOGIN_FAILED, 10)
    note(in_order, Action.LOGIN_FAILED, 10, address=ELSEWHERE)
    assert set(raised(in_order)) <= {"disk_low"}


def test_more_than_ten_failed_sign_ins_from_one_address_within_an_hour(house: House) -> None:
    note(house, Action.LOGIN_FAILED, 6)
    note(house, Action.TWO_FACTOR_FAILED, 5)
    note(house, Action.LOGIN_FAILED, 3, address=ELSEWHERE)
    note(house, Action.LOGIN_FAILED, 6, address="2001:db8::1")
    note(house, Action.LOGIN_FAILED, 6, address="2001:db8::2")

    found = [each for each in house.act(alerts, house.actor("ada")) if each.code == "failed_sign_ins"]

    assert [(each.about, each.count) for each in found] == [("2001:db8::/64", 12), (HERE, 11)]
    assert found[1].message == f"11 sign-ins from {HERE} failed within an hour."
    with clock.moved(timedelta(minutes=61)):
        assert "failed_sign_ins" not in raised(house)


def test_more_than_five_changes_of_roles_and_rights_within_an_hour(house: House) -> None:
    ada, ben = house.actor("ada"), house.id_of("ben")
    for role in (Role.GUEST, Role.MEMBER, Role.GUEST):
        house.act(change_role, ada, ben, role)
    for value in (True, False):
        house.act(change_settings, ada, {"members_invite": value})
    house.act(change_settings, ada, {"house_name": "Ours"})
    assert "rights_changed" not in raised(house)

    house.act(change_settings, ada, {"sign_up_open": True})

    assert raised(house)["rights_changed"].count == 6


def test_more_than_twenty_things_that_only_admins_do(house: House) -> None:
    note(house, Action.EXPORT, 20)
    assert "many_admin_acts" not in raised(house)
    note(house, Action.RESET_LINK_CREATED)
    assert raised(house)["many_admin_acts"].count == 21


def test_locking_somebody_is_not_what_wrong_guesses_do(house: House) -> None:
    for _number in range(15):
        house.act(lock_person, house.actor("ada"), house.id_of("ben"))
        house.act(unlock_person, house.actor("ada"), house.id_of("ben"))
    assert "many_admin_acts" not in raised(house)


def use(house: House, token: str, address: str, times: int = 1) -> None:
    for _number in range(times):
        program = Program(house, token)
        assert program.get("/me", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


def hours_later(house: House, hours: int = 3) -> Any:
    """Move the clock, and have the reads of the hours before become entries."""
    moved = clock.moved(timedelta(hours=hours))
    house.act(api_requests.flush)
    return moved


def test_a_token_that_comes_from_a_new_address(house: House) -> None:
    row, token = new_token(house, "ben")
    use(house, token, HERE)
    house.act(api_requests.flush)
    assert "token_from_new_address" not in raised(house), "the first address of a token is not a new one"

    with hours_later(house):
        house.act(api_requests.flush)
        use(house, token, HERE)
        house.act(api_requests.flush)
        assert "token_from_new_address" not in raised(house)
        use(house, token, ELSEWHERE)
        house.act(api_requests.flush)

        found = raised(house)["token_from_new_address"]
        assert (found.about, ELSEWHERE in found.message) == (f"token:{row.id}", True)

        with clock.moved(timedelta(hours=2)):
            house.act(api_requests.flush)
            assert raised(house)["token_from_new_address"].about == f"token:{row.id}", "and as an entry"
        with clock.moved(timedelta(hours=30)):
            assert "token_from_new_address" not in raised(house)
            use(house, token, ELSEWHERE)
            house.act(api_requests.flush)
            assert "token_from_new_address" not in raised(house), "by now it is known"


def test_a_phone_that_moves_around_is_no_alert(house: House) -> None:
    app = app_of(house, "ben")
    use(house, app.token, HERE)
    with hours_later(house):
        house.act(api_requests.flush)
        use(house, app.token, ELSEWHERE)
        house.act(api_requests.flush)
        assert "token_from_new_address" not in raised(house)


def test_many_broken_answers_within_a_second(house: House) -> None:
    counts = house.app.extensions["homechat_request_counts"]
    for _number in range(60):
        counts.add(503, 0.001)
    found = raised(house)["server_errors"]
    assert found.level is Level.CRITICAL
    assert house.act(alerts, house.actor("ada"))[0].level is Level.CRITICAL, "those come first"


def test_a_redis_that_is_away(cast_folder: Path, tmp_path: Path) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), redis_url="redis://127.0.0.1:9/0")
    Program(house, new_token(house, "ada", "admin:read")[1]).get("/security/alerts")
    assert raised(house)["redis_lost"].level is Level.WARNING
    close(house)


def test_a_flood_of_entries_is_an_alert_and_not_a_slow_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOKED_AT_MAX", 12)
    note(house, Action.LOGIN_FAILED, 30)
    assert raised(house)["failed_sign_ins"].count == 12


# by the API


@pytest.fixture
def admin(in_order: House) -> Program:
    return Program(in_order, new_token(in_order, "ada", "admin:read")[1])


@pytest.mark.api
def test_a_program_reads_check_by_check(admin: Program, in_order: House) -> None:
    report = admin.get("/health/detailed").json
    assert set(report["checks"]) == set(CHECKS)
    assert report["checks"]["database"]["status"] == "pass"
    statuses = {check["status"] for check in report["checks"].values()}
    assert report["healthy"] is ("fail" not in statuses)
    assert report["status"] == ("unhealthy" if "fail" in statuses else "degraded")

    tamper(in_order, "DELETE FROM audit_chain")
    broken = admin.get("/health/detailed")
    assert (broken.status_code, broken.json["healthy"], broken.json["status"]) == (200, False, "unhealthy")
    assert broken.json["checks"]["audit_chain"]["status"] == "fail"


@pytest.mark.api
def test_a_program_reads_what_to_look_at(admin: Program, in_order: House) -> None:
    note(in_order, Action.LOGIN_FAILED, 11)
    found = {alert["code"]: alert for alert in admin.get("/security/alerts").json["alerts"]}
    assert found["failed_sign_ins"] == {
        "code": "failed_sign_ins",
        "level": "warning",
        "message": f"11 sign-ins from {HERE} failed within an hour.",
        "about": HERE,
        "count": 11,
    }


@pytest.mark.api
def test_a_program_reads_how_safe_the_house_is(admin: Program, in_order: House) -> None:
    note(in_order, Action.LOGIN_FAILED, 3)
    in_order.turn_on_second_step("ben")
    in_order.client("cleo")
    in_order.act(lock_person, in_order.actor("ada"), in_order.id_of("gus"))

    found = admin.get("/security/metrics").json

    assert {
        key: found[key] for key in ("people", "locked", "second_steps", "admins_without_second_step")
    } == {
        "people": 4,
        "locked": 1,
        "second_steps": 1,
        "admins_without_second_step": 1,
    }
    assert (found["devices"], found["tokens"], found["lockdowns_in_force"]) == (1, 1, 0)
    assert (found["failed_sign_ins_last_day"], found["audit_whole"]) == (3, True)
    assert found["audit_checked_at"].endswith("Z")


@pytest.mark.api
def test_nothing_of_it_tells_who_lives_here_or_what_was_said(admin: Program, in_order: House) -> None:
    room = in_order.room("ben", "cleo", name="Secret plans")
    in_order.say("ben", room, "canary words")
    for path in ("/health/detailed", "/metrics", "/security/metrics", "/security/alerts"):
        reply = admin.get(path)
        assert reply.status_code == 200
        assert not re.search("canary|secret plans|ben|cleo", reply.text, re.IGNORECASE), path


def test_the_duties_of_a_served_house_are_done(shared_server: ServerProcess, shared_house: House) -> None:
    _row, token = new_token(shared_house, "ada", "admin:read")
    reply = requests.get(
        f"{shared_server.url}/api/v1/health/detailed", headers={"X-API-Key": token}, timeout=10
    )
    found = reply.json()["checks"]
    assert found["scheduler"]["status"] == "pass"
    assert found["database"]["status"] == "pass"


# documents


def test_the_document_has_every_check_and_every_alert(house: House) -> None:
    named = re.findall(r"^\| `(\w+)` \|", section("monitoring.md", "Checks"), re.MULTILINE)
    assert named == list(CHECKS)
    code = Path(watching.__file__).read_text(encoding="utf-8")
    codes = {*re.findall(r'Alert\("(\w+)"', code), *watching.OF_CHECKS.values()}
    codes |= {
        f"{name}_failed" for name in ("database", "migrations", "audit_chain", "scheduler", "permissions")
    }
    table = re.findall(r"^\| (`.+?`) \|", section("monitoring.md", "Alerts"), re.MULTILINE)
    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == codes
    fields = Program(house, new_token(house, "ada", "admin:read")[1]).get("/security/metrics").json
    assert [name for name in fields if f"`{name}`" not in section("monitoring.md", "Safety")] == []
