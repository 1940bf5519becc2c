"""`/api/v1/backup`: backups begun by a script, each in a process of its own."""

from __future__ import annotations

import json
import os

import pytest

from homechat import audit
from homechat.audit import Action
from homechat.operations.backups import folder
from homechat.security.policy import Scope
from tests.api_client import Program, new_token
from tests.backups import a_backup, after_jobs
from tests.house import House
from tests.test_api import is_json_refusal
from tests.test_cli import flask, said

pytestmark = pytest.mark.api


@pytest.fixture
def ada(house: House) -> Program:
    """A script of an admin's that may do what the API has for those who run the house."""
    return Program(house, new_token(house, "ada", Scope.ADMIN_READ, Scope.ADMIN_WRITE)[1])


def test_a_script_has_a_backup_made_read_through_and_restored_on_trial(house: House, ada: Program) -> None:
    assert ada.get("/backup/list").json == {"backups": []}

    begun = ada.post("/backup/create")

    assert begun.status_code == 202
    assert begun.json["success"] is True
    assert begun.json["backup"]["status"] == "running"
    backup_id = begun.json["backup"]["id"]
    after_jobs(house)
    (made,) = ada.get("/backup/list").json["backups"]
    assert (made["id"], made["status"], made["problem"]) == (backup_id, "done", "")
    assert made["byte_size"] == folder.file_of(house.data_dir, backup_id).stat().st_size
    assert (made["people"], made["database"], made["missing_files"]) == (6, "sqlite", 0)
    assert made["verification"] is made["test_restore"] is None
    for path, field in (("verify", "verification"), ("test-restore", "test_restore")):
        begun = ada.post(f"/backup/{path}/{backup_id}")
        assert begun.status_code == 202
        assert begun.json["backup"][field]["status"] == "running"
        after_jobs(house)
        (after,) = ada.get("/backup/list").json["backups"]
        assert (after[field]["status"], after[field]["problem"]) == ("done", "")
        assert after[field]["took_ms"] > 0
    found = house.act(audit.entries, action=Action.BACKUP)
    assert [(entry.door, entry.actor_id, entry.detail["what"]) for entry in found] == [
        ("api", house.id_of("ada"), what) for what in ("proven", "verified", "made")
    ]
    assert ada.get("/backup/list").json == json.loads(said(flask(house, "backup", "list", "--json")))


def test_while_one_is_made_another_is_told_to_wait(house: House, ada: Program) -> None:
    backup_id = a_backup(house)
    turn = folder.take_turn(house.data_dir)
    for path in ("create", f"verify/{backup_id}", f"test-restore/{backup_id}"):
        assert is_json_refusal(ada.post(f"/backup/{path}"), 409, "conflict")
    os.close(turn)
    assert len(ada.get("/backup/list").json["backups"]) == 1


@pytest.mark.parametrize("name", ["20261121T000000Z-0123456789ab", "x", "..", "%2e%2e", "homechat.db", "1"])
def test_what_is_no_backup_is_not_found(house: House, ada: Program, name: str) -> None:
    a_backup(house)
    for path in ("verify", "test-restore"):
        assert ada.post(f"/backup/{path}/{name}").status_code == 404


def test_a_request_that_is_sent_twice_begins_one_backup(house: House, ada: Program) -> None:
    key = {"Idempotency-Key": "backup-of-tonight"}
    first = ada.post("/backup/create", headers=key)
    again = ada.post("/backup/create", headers=key)
    assert first.json == again.json
    assert again.headers["Idempotent-Replayed"] == "true"
    after_jobs(house)
    assert len(ada.get("/backup/list").json["backups"]) == 1


def test_what_failed_says_why(house: House, ada: Program) -> None:
    backup_id = a_backup(house)
    file = folder.file_of(house.data_dir, backup_id)
    file.write_bytes(file.read_bytes()[:-1])
    ada.post(f"/backup/verify/{backup_id}")
    after_jobs(house)
    (after,) = ada.get("/backup/list").json["backups"]
    assert after["verification"]["status"] == "failed"
    assert "damaged" in after["verification"]["problem"]


def test_there_is_no_way_to_the_file_or_the_key(house: House, ada: Program) -> None:
    backup_id = a_backup(house)
    for path in (f"/backup/{backup_id}", f"/backup/download/{backup_id}", "/backup/key", "/backup/restore"):
        assert ada.get(path).status_code == 404
        assert ada.post(path).status_code == 404
