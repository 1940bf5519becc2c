"""Backups by a script: made, read through and restored on trial, each in the background."""

from __future__ import annotations

from marshmallow import fields

from homechat.actor import Actor
from homechat.api.endpoints import Json, endpoint
from homechat.api.shapes import Moment, Shape, Success
from homechat.doors.shapes import Number, Text
from homechat.operations.backups import actions
from homechat.operations.backups.data import backup_data
from homechat.operations.backups.folder import Backup as Known
from homechat.operations.backups.working import Work
from homechat.security.policy import Scope

ACCEPTED = 202


class Trial(Shape):
    """What came of trying a backup."""

    ABOUT = {
        "at": "When it was tried.",
        "status": "`running`, `done` or `failed`.",
        "took_ms": "How long it took, in thousandths of a second.",
        "problem": "Why it failed, in a sentence; empty: it did not.",
    }

    at = Moment()
    status = Text()
    took_ms = Number()
    problem = Text()


class Backup(Shape):
    """A backup, as far as it got."""

    ABOUT = {
        "id": "What stands for it in addresses.",
        "created_at": "When it was begun.",
        "status": "`running`, `done` or `failed`.",
        "took_ms": "How long it took, in thousandths of a second.",
        "problem": "Why it failed, in a sentence; empty: it did not.",
        "byte_size": "How big the file is; 0: there is no whole one yet.",
        "homechat": "The version that made it.",
        "database": "`sqlite` or `postgresql`.",
        "people": "How many are in it.",
        "messages": "How many are in it.",
        "files": "How many are in it.",
        "missing_files": "How many were not on the disk although messages have them.",
        "verification": "When it was last read through; null: never.",
        "test_restore": "When it was last restored on trial; null: never.",
    }

    id = Text()
    created_at = Moment()
    status = Text()
    byte_size = Number()
    took_ms = Number()
    problem = Text()
    homechat = Text()
    database = Text()
    people = Number()
    messages = Number()
    files = Number()
    missing_files = Number()
    verification = fields.Nested(Trial, allow_none=True)
    test_restore = fields.Nested(Trial, allow_none=True)


class Backups(Shape):
    backups = fields.List(fields.Nested(Backup))


class BegunBackup(Success):
    """What was begun; the list says how it goes on."""

    backup = fields.Nested(Backup)


@endpoint("GET", "/backup/list", needs=Scope.ADMIN_READ, gives=Backups)
def backups(actor: Actor, data: Json) -> Json:
    """All backups, the newest first."""
    return {"backups": [backup_data(each) for each in actions.every_backup(actor)]}


@endpoint("POST", "/backup/create", needs=Scope.ADMIN_WRITE, gives={ACCEPTED: BegunBackup}, creates=True)
def create_backup(actor: Actor, data: Json) -> tuple[Json, int]:
    """Begin a new backup. One thing is done with backups at a time."""
    return _begun(actions.start(actor, Work.MAKE))


@endpoint("POST", "/backup/verify/<backup_id>", needs=Scope.ADMIN_WRITE, gives={ACCEPTED: BegunBackup})
def verify_backup(actor: Actor, data: Json, backup_id: str) -> tuple[Json, int]:
    """Begin to read a backup through: is every byte as it was written?"""
    return _begun(actions.start(actor, Work.VERIFY, backup_id))


@endpoint("POST", "/backup/test-restore/<backup_id>", needs=Scope.ADMIN_WRITE, gives={ACCEPTED: BegunBackup})
def test_restore_backup(actor: Actor, data: Json, backup_id: str) -> tuple[Json, int]:
    """Begin to restore a backup into a scratch place, where everything is looked at."""
    return _begun(actions.start(actor, Work.PROVE, backup_id))


def _begun(backup: Known) -> tuple[Json, int]:
    return {"success": True, "backup": backup_data(backup)}, ACCEPTED
