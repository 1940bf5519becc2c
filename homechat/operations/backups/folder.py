"""Where backups lie: a folder of the data folder, each a file with what is known of it beside; one job at a time.

Nothing here knows Flask or the database, so that whoever asks after the last good backup asks here.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from homechat import clock, data_folder

MADE_AT = "%Y%m%dT%H%M%SZ"
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_PREFIX, _BACKUP, _PART, _RECORD = "homechat-", ".backup", ".part", ".json"
_WORK, _LOCK = ".work-", ".lock"


class Status(StrEnum):
    """running: somebody is at it.  done: it went well.  failed: it did not; `problem` says why."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Busy(Exception):
    """Another job of this folder is under way."""


@dataclass(frozen=True)
class Trial:
    """What came of reading a backup through, or of restoring it somewhere else. took_ms: until it ended."""

    at: str
    status: Status
    took_ms: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Backup:
    """What is known of a backup. Times are ISO 8601 in UTC.

    byte_size: of the file; 0 until there is one.  homechat: the version that made it.  database: sqlite or postgresql.
    people, messages, files: how many are in it. Empty, or 0, where only the file is known.
    missing_files: how many files were not on the disk although messages have them.
    verification, test_restore: the last one, or None.
    """

    id: str
    created_at: str
    status: Status
    byte_size: int = 0
    took_ms: int = 0
    problem: str = ""
    homechat: str = ""
    database: str = ""
    people: int = 0
    messages: int = 0
    files: int = 0
    missing_files: int = 0
    verification: Trial | None = None
    test_restore: Trial | None = None


def new_backup() -> Backup:
    """Return one that begins now, under a name that nobody guesses."""
    now = clock.now()
    backup_id = f"{now.astimezone(UTC):{MADE_AT}}-{secrets.token_hex(6)}"
    return Backup(backup_id, clock.as_iso(now), Status.RUNNING)


def every_backup(data_dir: Path, *, is_busy: bool | None = None) -> list[Backup]:
    """Return all there are, the newest first. What was under way when its process ended has failed, without a reason.

    is_busy: whether a job is under way; looked up unless given.
    """
    folder = data_folder.backups_dir(data_dir)
    is_busy = is_somebody_at_work(data_dir) if is_busy is None else is_busy
    names = {file.name for file in folder.glob(f"{_PREFIX}*")} if folder.is_dir() else set()
    ids = {name.removeprefix(_PREFIX).partition(".")[0] for name in names}
    found = [_read(data_dir, each, is_busy=is_busy) for each in ids if _ID.fullmatch(each)]
    return sorted((each for each in found if each), key=lambda each: (each.created_at, each.id), reverse=True)


def find(data_dir: Path, backup_id: str) -> Backup | None:
    """Return the backup of this id, or None."""
    return next((each for each in every_backup(data_dir) if each.id == backup_id), None)


def last_made(data_dir: Path) -> Backup | None:
    """Return the newest backup that is whole, or None."""
    return next((each for each in every_backup(data_dir) if each.status is Status.DONE), None)


def last_proven(data_dir: Path) -> Backup | None:
    """Return the backup that was restored on trial last, whatever came of it, or None."""
    tried = [each for each in every_backup(data_dir) if each.test_restore is not None]
    return max(tried, key=lambda each: each.test_restore.at if each.test_restore else "", default=None)


def keep(data_dir: Path, backup: Backup) -> Backup:
    """Write down what is known of a backup, and return that."""
    file = _place(data_dir, backup.id, _RECORD)
    _make_folder(data_dir)
    unfinished = file.with_name(f".{file.name}.new")
    with _private(unfinished) as opened:
        opened.write(json.dumps(asdict(backup), indent=2).encode())
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(unfinished, file)
    return backup


def file_of(data_dir: Path, backup_id: str) -> Path:
    """Return where the backup lies, or would."""
    return _place(data_dir, backup_id, _BACKUP)


def unfinished_file_of(data_dir: Path, backup_id: str) -> Path:
    """Return where it lies until it is whole."""
    return _place(data_dir, backup_id, _PART)


def take_turn(data_dir: Path) -> int:
    """Return a lock that is held until it is closed, by every process that has it. Raises Busy.

    What jobs that were cut off left behind goes away with that.
    """
    _make_folder(data_dir)
    lock = os.open(_lock_file(data_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Busy from None
    _sweep(data_folder.backups_dir(data_dir))
    for backup in every_backup(data_dir, is_busy=False):
        if backup != find(data_dir, backup.id):  # It says that it is running, and nobody but us is.
            keep(data_dir, backup)
    return lock


def is_somebody_at_work(data_dir: Path) -> bool:
    """Whether a job is under way, in whatever process."""
    try:
        lock = os.open(_lock_file(data_dir), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextmanager
def workbench(data_dir: Path) -> Iterator[Path]:
    """A folder on the disk of the house, closed to others, that is gone with all in it when the block ends."""
    _make_folder(data_dir)
    bench = Path(tempfile.mkdtemp(prefix=_WORK, dir=data_folder.backups_dir(data_dir)))
    try:
        yield bench
    finally:
        shutil.rmtree(bench, ignore_errors=True)


def sync(folder: Path) -> None:
    """Have the names in a folder be on the disk for good."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(data_dir: Path, backup_id: str, *, is_busy: bool) -> Backup | None:
    file = file_of(data_dir, backup_id)
    has_file = file.exists()
    size = file.stat().st_size if has_file else 0
    try:
        facts = json.loads(_place(data_dir, backup_id, _RECORD).read_bytes())
        backup = _backup_from(facts)
    except (OSError, ValueError, TypeError):  # Brought from elsewhere, without what was known of it.
        if not has_file:
            return None
        made_at = datetime.strptime(backup_id.partition("-")[0], MADE_AT).replace(tzinfo=UTC)
        return Backup(backup_id, clock.as_iso(made_at), Status.DONE, size)
    if backup.status is Status.DONE and not has_file:
        return None  # Somebody took the file away.
    return backup if is_busy else _ended(backup)


def _backup_from(facts: dict[str, Any]) -> Backup:
    trials = {
        name: Trial(**{**facts[name], "status": Status(facts[name]["status"])}) if facts[name] else None
        for name in ("verification", "test_restore")
    }
    return Backup(**{**facts, **trials, "status": Status(facts["status"])})


def _ended(backup: Backup) -> Backup:
    """Nobody is at work: what says that it is running was cut off."""
    verification, trial = _ended_trial(backup.verification), _ended_trial(backup.test_restore)
    status = Status.FAILED if backup.status is Status.RUNNING else backup.status
    return replace(backup, status=status, verification=verification, test_restore=trial)


def _ended_trial(trial: Trial | None) -> Trial | None:
    if trial is None or trial.status is not Status.RUNNING:
        return trial
    return replace(trial, status=Status.FAILED)


def _sweep(folder: Path) -> None:
    for left in [*folder.glob(f"{_WORK}*"), *folder.glob(f"{_PREFIX}*{_PART}"), *folder.glob(".*.new")]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _place(data_dir: Path, backup_id: str, ending: str) -> Path:
    if not _ID.fullmatch(backup_id):
        raise ValueError("not the id of a backup")
    return data_folder.backups_dir(data_dir) / f"{_PREFIX}{backup_id}{ending}"


def _lock_file(data_dir: Path) -> Path:
    return data_folder.backups_dir(data_dir) / _LOCK


def _make_folder(data_dir: Path) -> None:
    folder = data_folder.backups_dir(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)


def _private(file: Path) -> Any:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
