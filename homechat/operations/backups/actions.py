"""What doors ask of backups, for those who run the house: what there is, a new one, reading through, a trial."""

from __future__ import annotations

import logging
import os
import subprocess  # nosec B404
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask_babel import gettext as _

from homechat import audit, written_keys
from homechat.accounts import step_up
from homechat.actor import Actor
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.extensions import current_settings, socketio
from homechat.operations.backups import folder, keys, making, orders, working
from homechat.operations.backups.folder import Backup, Status
from homechat.operations.backups.working import Work
from homechat.security import limits
from homechat.security.policy import HouseRight, may_in_house

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1


def every_backup(actor: Actor) -> list[Backup]:
    """Return all backups, the newest first. Raises Forbidden, StepUpNeeded."""
    _check_right(actor)
    return folder.every_backup(current_settings().data_dir)


def start(actor: Actor, work: Work, backup_id: str | None = None) -> Backup:
    """Begin a job in a process of its own, and return its backup at once. `every_backup` tells how it goes on.

    backup_id: which one; None to make a new one.
    Raises Forbidden, StepUpNeeded, NotFound, TooMany, NoSpace, Unavailable, and Conflict while another job is under way
    or for a backup that was never finished.
    """
    with _turn(actor, work, backup_id) as (backup, turn):
        process = orders.begin(actor, work, backup.id, turn=turn)
    socketio.start_background_task(_wait_for, process)
    return backup


def work_now(actor: Actor, work: Work, backup_id: str | None = None) -> Backup:
    """Do a job here, and return its backup when it is done or has failed. For the shell. Raises as `start` does."""
    with _turn(actor, work, backup_id) as (backup, _lock):
        working.do(actor, work, backup.id, current_settings())
    return _found(backup.id)


def own_key_written(actor: Actor) -> str:
    """Return the key under which this house makes its backups, to be written down; that it was shown is noted.

    For the operator only: raises Forbidden for everybody else.
    """
    if not actor.is_trusted_operator:
        raise Forbidden(_("Only the operator can see the key of the backups."))
    with transaction():
        audit.record(actor, audit.Action.EXPORT, detail={"what": "backup key"})
    return written_keys.written(keys.newest_key(current_settings()))


@contextmanager
def _turn(actor: Actor, work: Work, backup_id: str | None) -> Iterator[tuple[Backup, int]]:
    """Yield the backup of a job that begins now, and the lock that the job has to hold."""
    _check_right(actor)
    settings = current_settings()
    if backup_id is not None and _found(backup_id).status is not Status.DONE:
        raise Conflict(_("This backup was never finished. Choose another one."))
    if actor.user_id is not None:
        limits.spend(limits.BACKUPS, actor.user_id)
    try:
        with making.problems_said():
            turn = folder.take_turn(settings.data_dir)
    except folder.Busy as error:
        raise Conflict(_("A backup is being made or tried right now. Wait until that is done.")) from error
    try:
        with making.problems_said():
            backup = folder.new_backup() if backup_id is None else _found(backup_id)
            backup = working.started(backup, work, settings)
        yield backup, turn
    finally:
        os.close(turn)  # The job has its own.


def _found(backup_id: str) -> Backup:
    backup = folder.find(current_settings().data_dir, backup_id)
    if backup is None:
        raise NotFound(_("There is no such backup."))
    return backup


def _wait_for(process: subprocess.Popen[bytes]) -> None:
    """Wait in small steps, which lets everybody else go on, until a job has ended, so that nothing of it is left."""
    while process.poll() is None:
        time.sleep(LOOK_SECONDS)
    if process.returncode < 0:
        log.error("a job of the backups was ended by signal %d", -process.returncode)


def _check_right(actor: Actor) -> None:
    if not may_in_house(actor, HouseRight.MAKE_BACKUPS):
        raise Forbidden(_("Only an admin can make backups."))
    step_up.require(actor)
