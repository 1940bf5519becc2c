"""The three jobs that there are about a backup, each done from its begin to what is known of it afterwards."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from enum import StrEnum

from homechat import clock
from homechat.actor import Actor
from homechat.config import Settings
from homechat.errors import HomeChatError
from homechat.operations.backups import archive, folder, keys, making, proving
from homechat.operations.backups.folder import Backup, Status, Trial

log = logging.getLogger(__name__)


class Work(StrEnum):
    """make: a new backup.  verify: read one through.  prove: restore one on trial."""

    MAKE = "make"
    VERIFY = "verify"
    PROVE = "prove"


DONE = {Work.VERIFY: "verified", Work.PROVE: "proven"}


def started(backup: Backup, work: Work, settings: Settings) -> Backup:
    """Write down that a job began, and return what is known of its backup now."""
    if work is Work.MAKE:
        return folder.keep(settings.data_dir, backup)
    return _with_trial(backup, work, Trial(clock.as_iso(clock.now()), Status.RUNNING), settings)


def do(actor: Actor, work: Work, backup_id: str, settings: Settings) -> bool:
    """Do a job that was begun, by whoever has the turn of the folder; return whether it went well."""
    backup = folder.find(settings.data_dir, backup_id)
    if backup is None:
        log.error("backup %s is not there", backup_id)
        return False
    if work is Work.MAKE:
        return making.make(actor, backup, settings).status is Status.DONE
    return _try(actor, work, backup, settings).status is Status.DONE


def _try(actor: Actor, work: Work, backup: Backup, settings: Settings) -> Trial:
    """Read a backup through or restore it on trial, and write down what came of it."""
    began, file = time.monotonic(), folder.file_of(settings.data_dir, backup.id)
    trial = Trial(clock.as_iso(clock.now()), Status.DONE)
    try:
        with making.problems_said():
            if work is Work.VERIFY:
                archive.read_through(file, keys.own_keys(settings))
            else:
                proving.prove(file, keys.own_keys(settings), settings)
            making.write_down(actor, backup.id, what=DONE[work], result=Status.DONE)
    except HomeChatError as error:
        log.warning("backup %s is not %s: %s", backup.id, DONE[work], error.message)
        trial = replace(trial, status=Status.FAILED, problem=str(error.message))
        making.write_down_failure(actor, backup.id, what=DONE[work])
    trial = replace(trial, took_ms=round(1000 * (time.monotonic() - began)))
    _with_trial(backup, work, trial, settings)
    return trial


def _with_trial(backup: Backup, work: Work, trial: Trial, settings: Settings) -> Backup:
    changed = (
        replace(backup, verification=trial) if work is Work.VERIFY else replace(backup, test_restore=trial)
    )
    return folder.keep(settings.data_dir, changed)
