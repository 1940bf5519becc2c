"""`flask backup`, and docs/backups.md, whose commands are run here from top to bottom."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from homechat.actor import Actor
from homechat.operations.backups import actions, folder
from tests import secrets_used
from tests.conftest import close
from tests.house import House
from tests.server_process import ROOT, run_flask
from tests.test_backups import entries, file_of, key_of, made
from tests.test_cli import flask, refused, said

GUIDE = ROOT / "docs" / "backups.md"


def commands() -> list[str]:
    """Return the commands of the guide, in its order."""
    return re.findall(r"^ +(flask backup .+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_guide_does_what_it_says_from_the_first_backup_to_the_new_machine(
    house: House, tmp_path: Path
) -> None:
    house.say("ben", house.home().id, "The otters are back")
    close(house)
    new, folder_of, key, backup_id = tmp_path / "new machine", house.data_dir, "", ""
    done: list[str] = []
    for command in commands():
        arguments = command.split()[1:]
        if "FILE" in arguments:
            stick = tmp_path / "on a stick.backup"
            shutil.copy(folder.file_of(house.data_dir, backup_id), stick)
            arguments = [str(stick) if part == "FILE" else part for part in arguments]
            # As it says of scripts: nobody is there to be asked.
            arguments += ["--key-file", "-"]
            assert run_flask(new, *arguments, text="wrong").returncode == 1
            folder_of = new
        arguments = [backup_id if part == "ID" else part for part in arguments]
        if "--replace" in arguments:
            folder_of = house.data_dir
        result = run_flask(folder_of, *arguments, text=key)
        assert result.returncode == 0, (command, result.stderr)
        if arguments[1] == "create":
            backup_id = result.stdout.split()[0]
        if arguments[1] == "key":
            key = result.stdout
            secrets_used.remember(key.strip())
        done.append(arguments[1])

    assert done == ["create", "list", "key", "verify", "test-restore", "restore", "restore"]
    there = House(new)
    assert there.client("ben").get("/").status_code == 200
    assert made(there).messages == made(house).messages
    close(there)


def test_the_guide_is_told_from_what_there_is(house: House) -> None:
    documented = {command.split()[2] for command in commands()}
    group = house.app.cli.commands["backup"]
    assert documented == set(group.commands)  # type: ignore[attr-defined]


def test_create_says_what_it_made_and_reminds_of_the_key(house: House) -> None:
    result = flask(house, "backup", "create")
    assert re.fullmatch(
        r"\d{8}T\d{6}Z-[0-9a-f]{12}  done  \d+ bytes  6 people, \d+ messages, 0 files\n", said(result)
    )
    assert "flask backup key" in result.stderr
    as_json = json.loads(said(flask(house, "backup", "create", "--json")))
    assert as_json["status"] == "done"
    listed = json.loads(said(flask(house, "backup", "list", "--json")))["backups"]
    assert as_json in listed
    assert len(listed) == 2


def test_where_there_is_none_the_list_says_so(house: House) -> None:
    assert said(flask(house, "backup", "list")) == "There is no backup yet.\n"


def test_the_key_is_printed_alone(house: House) -> None:
    key = said(flask(house, "backup", "key"))
    secrets_used.remember(key.strip())
    assert re.fullmatch(r"([A-Z2-7]{4}-){13}[A-Z2-7]{4}\n", key)
    assert said(flask(house, "backup", "key")) == key


def test_what_is_damaged_ends_with_1_and_a_sentence(house: House) -> None:
    backup = made(house)
    file = file_of(house, backup)
    assert "verified" in said(flask(house, "backup", "verify", backup.id))
    assert "restored on trial" in said(flask(house, "backup", "test-restore", backup.id))
    file.write_bytes(file.read_bytes()[:-1])
    for command in ("verify", "test-restore"):
        assert "This backup is damaged" in refused(flask(house, "backup", command, backup.id))
        as_json = flask(house, "backup", command, backup.id, "--json")
        assert as_json.exit_code == 1
        field = {"verify": "verification"}.get(command, "test_restore")
        assert json.loads(as_json.stdout)[field]["status"] == "failed"
    assert [entry.detail["result"] for entry in entries(house)] == ["failed"] * 4 + ["done"] * 3


def test_a_name_that_is_no_backup_is_said_to_be_none(house: House) -> None:
    assert refused(flask(house, "backup", "verify", "../homechat.db")) == "There is no such backup."
    why = refused(flask(house, "backup", "restore", "nothing"))
    assert why == "There is no backup nothing, neither by this name here nor as a file."


def test_restoring_asks_for_the_flag_and_says_where_the_old_house_is(house: House) -> None:
    backup = made(house)
    close(house)
    why = refused(flask(house, "backup", "restore", backup.id))
    assert why == "There is a house here already. To put the backup in its place, say: --replace"

    told = json.loads(said(flask(house, "backup", "restore", backup.id, "--replace", "--json")))

    assert told["backup"] == backup.id
    assert Path(told["kept"], "homechat.db").is_file()
    assert told["signed_out"] == 0


def test_a_key_that_does_not_fit_is_told_from_one_that_is_none(house: House, tmp_path: Path) -> None:
    backup = made(house)
    other = House(shutil.copytree(house.data_dir, tmp_path / "other"))
    shutil.rmtree(other.data_dir / "secrets")
    other.data_dir.joinpath("secrets").mkdir(mode=0o700)
    wrong = key_of(other)
    file = str(file_of(house, backup))

    restore = ("backup", "restore", file, "--replace")
    assert "made under another key" in refused(flask(other, *restore))
    assert "made under another key" in refused(flask(other, *restore, "--key-file", "-", text=wrong))
    assert "14 groups of 4" in refused(flask(other, *restore, "--key-file", "-", text="hello"))
    said(flask(other, *restore, "--key-file", "-", text=key_of(house)))
    close(other)
    again = house.act(actions.every_backup, Actor.operator())
    assert [each.id for each in again] == [backup.id]
