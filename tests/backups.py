"""Backups for tests that need one, and waiting for what is done with them in other processes."""

from __future__ import annotations

import time
from pathlib import Path

from homechat.actor import Actor
from homechat.operations.backups import actions, folder
from homechat.operations.backups.folder import Backup
from homechat.operations.backups.working import Work
from tests.house import House

WAIT_SECONDS = 120


def a_backup(house: House) -> str:
    """Return the id of a backup of the house, made now if there is none, with nobody at work any more."""
    after_jobs(house)
    there = folder.last_made(house.data_dir)
    made: Backup = there or house.act(actions.work_now, Actor.operator(), Work.MAKE)
    return made.id


def after_jobs(house: House) -> None:
    """Return when nobody is at work on a backup of the house."""
    wait_for_jobs(house.data_dir)


def wait_for_jobs(data_dir: Path) -> None:
    """The same for a house that somebody else serves."""
    until = time.monotonic() + WAIT_SECONDS
    while folder.is_somebody_at_work(data_dir):
        assert time.monotonic() < until, "a job of the backups takes for ever"
        time.sleep(0.05)
