"""`flask audit`: looking into the log, taking it out, checking it and shortening it, from the shell."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit, clock
from homechat.actor import Actor, Door
from homechat.audit import Action, AuditLog
from homechat.database import transaction
from tests.conftest import close
from tests.house import House, copy_house
from tests.postgres import move_in
from tests.server_process import ROOT, environment, prepare_house
from tests.test_cli import flask, refused, said

FORGED = "x\r\n99  2026-01-01 00:00:00Z  login  ada\x1b[2J\x9b31m\u2028\u202egnp"
READING = (["audit", "list"], ["audit", "tail"], ["audit", "export"])


def write(house: House, who: str, action: Action = Action.ROOM_CHANGED, **more: Any) -> None:
    house.act(audit.record, replace(house.actor(who), user_agent="Firefox"), action, **more)


def as_json(house: House, *arguments: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(said(flask(house, "audit", "list", "--json", *arguments)))[
        "entries"
    ]
    return entries


def count_of(house: House) -> int:
    with house.rows() as session:
        return int(session.scalar(sa.select(sa.func.count(AuditLog.id))))


# list


def test_an_entry_is_one_line_with_names_for_people(house: House) -> None:
    ben = house.id_of("ben")
    write(house, "ada", Action.ROLE_CHANGE, subject=f"user:{ben}", detail={"from": "member", "to": "guest"})
    write(house, "ada", Action.API_TOKEN_REVOKED, subject="token:4", about=ben)

    token, role, *_ = said(flask(house, "audit", "list")).splitlines()

    when = r"\d+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
    assert re.fullmatch(
        rf'{when}  role_change  ada  page  user:ben  from="member"  to="guest"  192.0.2.7  "Firefox"', role
    )
    assert re.fullmatch(
        rf'{when}  api_token_revoked  ada  page  token:4  about ben  192.0.2.7  "Firefox"', token
    )


def test_who_was_not_signed_in_is_named_by_the_door(house: House) -> None:
    house.act(audit.record, Actor.operator(), Action.EXPORT)
    assert re.search(r"  export  cli  cli$", said(flask(house, "audit", "list", "--limit", "1")).strip())


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--action", "logout"], 2),
        (["--by", "ben"], 2),
        (["--by", "ben", "--action", "logout"], 1),
        (["--by", "nobody", "--action", "login_failed"], 1),
        (["--about", "cleo"], 3),
        (["--door", "api"], 1),
        (["--address", "203.0.113.9"], 1),
        (["--subject", "room:"], 1),
        (["--since", "1m", "--action", "logout"], 2),
        (["--until", "2020-01-01"], 0),
        (["--since", "2020-01-01T00:00:00+02:00", "--action", "login_failed"], 1),
    ],
)
def test_entries_are_chosen_by_filters(house: House, filters: list[str], count: int) -> None:
    last = as_json(house)[0]["id"]
    cleo = f"user:{house.id_of('cleo')}"
    write(house, "ben", subject="room:1")
    write(house, "ben", Action.LOGOUT)
    write(house, "cleo", Action.LOGOUT, subject=cleo)
    write(house, "ada", Action.PASSWORD_CHANGE, subject=cleo)
    stranger = Actor.stranger(door=Door.API, address="203.0.113.9")
    house.act(audit.record, stranger, Action.LOGIN_FAILED, subject=cleo)

    assert len([row for row in as_json(house, *filters) if row["id"] > last]) == count


def test_pages_lead_on_and_json_says_whether_there_is_more(house: House) -> None:
    for _ in range(4):
        write(house, "ben")
    result = flask(house, "audit", "list", "--limit", "2")
    last = said(result).splitlines()[-1].split()[0]
    assert f"There are more: --before {last}" in result.stderr
    assert said(flask(house, "audit", "list", "--limit", "1", "--before", last)).startswith(
        str(int(last) - 1)
    )
    assert json.loads(said(flask(house, "audit", "list", "--json", "--limit", "2")))["has_more"] is True
    assert json.loads(said(flask(house, "audit", "list", "--json", "--limit", "100")))["has_more"] is False


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize(
    "wrong",
    [["--action", "dance"], ["--door", "window"], ["--since", "yesterday"], ["--since", "999999d"]],
)
def test_a_filter_that_makes_no_sense_is_refused(house: House, command: list[str], wrong: list[str]) -> None:
    before = count_of(house)
    result = flask(house, *command, *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr
    assert count_of(house) == before


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("option", ["--by", "--about"])
def test_somebody_who_does_not_live_here_is_named(house: House, command: list[str], option: str) -> None:
    assert (
        refused(flask(house, *command, option, "nobody_here")) == "There is nobody called nobody_here here."
    )


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_a_page_has_one_to_a_hundred(house: House, limit: str) -> None:
    assert flask(house, "audit", "list", "--limit", limit).exit_code == 2


# nobody forges a line


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "list"],
        ["audit", "list", "--json"],
        ["audit", "tail"],
        ["audit", "tail", "--json"],
        ["audit", "export"],
        ["audit", "export", "--format", "csv"],
    ],
)
def test_what_somebody_sent_stays_in_its_line_and_paints_nothing(house: House, arguments: list[str]) -> None:
    ben = house.id_of("ben")
    with house.rows() as session, transaction():
        session.execute(
            sa.text("UPDATE users SET username = :forged WHERE username = 'ben'"), {"forged": FORGED}
        )
    forger = replace(house.actor("cleo"), user_agent=FORGED, address=FORGED, user_id=ben)
    house.act(
        audit.record, forger, Action.LOGIN_FAILED, subject=f"user:{forger.user_id}", detail={"x": FORGED}
    )

    text = said(flask(house, *arguments))

    assert "login_failed" in text
    assert not {character for character in text if not character.isprintable()} - {"\n", "\r"}
    assert "\r" not in text.replace("\r\n", "\n")
    assert not re.search(r"^99 ", text, re.MULTILINE)


# tail


def test_tail_prints_the_last_ones_the_newest_last(house: House) -> None:
    for number in range(5):
        write(house, "ben", subject=f"room:{number}")
    lines = said(flask(house, "audit", "tail", "-n", "2")).splitlines()
    assert [re.findall(r"room:\d", line) for line in lines] == [["room:3"], ["room:4"]]
    rows = [
        json.loads(line) for line in said(flask(house, "audit", "tail", "--json", "-n", "2")).splitlines()
    ]
    assert [(row["actor"], row["subject"]) for row in rows] == [("ben", "room:3"), ("ben", "room:4")]
    assert said(flask(house, "audit", "tail", "-n", "0")) == ""


@contextmanager
def following(house: House, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "audit", "tail", "--follow", *arguments],
        cwd=ROOT,
        env=environment(house.data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is begun in the background of a shell is deaf to it, and so is all that it begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_tail_goes_on_with_what_is_written_from_now_on_until_it_is_interrupted(house: House) -> None:
    write(house, "ben", subject="room:1")
    with following(house, "-n", "1", "--action", "room_changed") as process:
        assert process.stdout
        assert "room:1" in process.stdout.readline()
        write(house, "cleo", Action.LOGOUT)
        for number in range(2, 4):
            write(house, "cleo", subject=f"room:{number}")
        assert "room:2" in process.stdout.readline()
        write(house, "cleo", subject="room:4")
        assert "room:3" in process.stdout.readline()
        assert "room:4" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors


# export


def test_an_export_is_everything_the_oldest_first_and_is_written_down(house: House) -> None:
    write(house, "ben", subject="room:1")
    count = count_of(house)

    rows = [json.loads(line) for line in said(flask(house, "audit", "export")).splitlines()]
    table = list(csv.DictReader(io.StringIO(said(flask(house, "audit", "export", "--format", "csv")))))

    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == count
    assert [row["id"] for row in table[:count]] == [str(row["id"]) for row in rows]
    newest = as_json(house, "--limit", "1")[0]
    assert (newest["action"], newest["door"], newest["actor"]) == ("export", "cli", None)
    assert newest["detail"] == {"what": "audit_log", "rows": count + 1}


def test_an_export_into_a_file_is_private_and_never_goes_over_another(house: House, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    assert said(flask(house, "audit", "export", "--format", "csv", "-o", str(file), "--by", "ben")) == ""
    assert file.stat().st_mode & 0o777 == 0o600
    kept, count = file.read_bytes(), count_of(house)
    why = refused(flask(house, "audit", "export", "-o", str(file)))
    assert why == f"{file} cannot be made: File exists."
    assert (file.read_bytes(), count_of(house)) == (kept, count), "and nothing was taken out"


# verify and prune


def test_scripts_learn_whether_the_log_is_whole(house: House) -> None:
    assert json.loads(said(flask(house, "audit", "verify", "--json"))) == {"whole": True}
    with house.rows() as session, transaction():
        session.execute(sa.text("DROP TRIGGER audit_logs_no_change"))
        session.execute(sa.text("UPDATE audit_logs SET action = 'login' WHERE id = 2"))
    result = flask(house, "audit", "verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"whole": False, "entry": 2, "why": "it was changed"}


def test_pruning_says_how_many_went_and_a_broken_log_stays_as_it_is(tmp_path: Path) -> None:
    prepare_house(tmp_path / "data")
    house = House(tmp_path / "data")
    with clock.moved(timedelta(days=-400)):
        move_in(house)
    count = count_of(house)
    folder = copy_house(house.data_dir, tmp_path / "broken")
    broken = House(folder)
    with broken.rows() as session, transaction():
        session.execute(sa.text("DROP TRIGGER audit_logs_no_change"))
        session.execute(sa.text("UPDATE audit_logs SET action = 'login' WHERE id = 2"))

    assert said(flask(house, "audit", "prune")) == f"{count} old entries deleted.\n"
    assert json.loads(said(flask(house, "audit", "prune", "--json"))) == {"deleted": 0}
    assert said(flask(house, "audit", "verify")) == "The audit log is whole.\n"
    assert refused(flask(broken, "audit", "prune")).startswith("The audit log is broken at entry 2")
    assert count_of(broken) == count
    close(house)
    close(broken)
