"""Is the house in good order? Each check looks at the real thing, and none of them takes long.

The whole audit log is not read here: a serving process must not stand still for it. What counts is when somebody looked
last and what they found, and the newest entries.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from flask import current_app
from flask_babel import format_timedelta
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from homechat import audit, clock, data_folder, paths, revisions
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.config import Settings
from homechat.database import db
from homechat.extensions import current_settings
from homechat.operations import machine
from homechat.operations.backups import folder as backups
from homechat.operations.totals import check_may_watch

DISK_FULL_PERCENT = 2
MEMORY_WARN_BYTES = 1_000_000_000
AUDIT_NEWEST = 100
AUDIT_LOOK_EVERY = timedelta(days=31)
DUTIES_LATE = timedelta(hours=3)
BACKUP_OVERDUE = timedelta(hours=48)
TRIAL_OVERDUE = timedelta(days=31)
DUTIES_DONE = "homechat_duties_done"


class Status(StrEnum):
    """pass: in order.  warn: somebody should look at it.  fail: it does not do what it should."""

    PASS = "pass"  # noqa: S105  # nosec B105
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """What was found, and that in a sentence for whoever runs the house."""

    status: Status
    message: str


def checks(actor: Actor) -> dict[str, Check]:
    """Return what each check found, by its name. Raises NotFound for everybody but admins and the operator."""
    check_may_watch(actor)
    settings = current_settings()
    return {name: _looked_at(check, settings) for name, check in CHECKS.items()}


def _looked_at(check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except (OSError, SQLAlchemyError) as error:
        return Check(Status.FAIL, _("This can't be looked at (%(why)s).", why=type(error).__name__))


def _database(settings: Settings) -> Check:
    db.session.execute(sa.select(User.id).limit(1))
    size = machine.database_bytes(settings) // 1_000_000
    file = settings.sqlite_file
    if file is None:
        return Check(Status.PASS, _("PostgreSQL answers; the house takes %(size)d MB.", size=size))
    if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return Check(Status.FAIL, _("The database can be read but not written to."))
    return Check(Status.PASS, _("SQLite answers; the house takes %(size)d MB.", size=size))


def _migrations(settings: Settings) -> Check:
    present = set(db.session.scalars(sa.text("SELECT version_num FROM alembic_version")))
    if present == _wanted():
        return Check(Status.PASS, _("The database is of this version."))
    return Check(Status.FAIL, _("The database is of another version. Start HomeChat anew: it sees to that."))


@functools.cache
def _wanted() -> frozenset[str]:
    return frozenset(revisions.wanted(paths.MIGRATIONS))


def _disk(settings: Settings) -> Check:
    free = machine.free_percent(settings.data_dir)
    message = _("%(free)d%% of the disk is free.", free=free)
    if free < DISK_FULL_PERCENT:
        return Check(Status.FAIL, message)
    return Check(Status.WARN if free < settings.disk_free_percent else Status.PASS, message)


def _memory(settings: Settings) -> Check:
    used = machine.memory_bytes()
    message = _("HomeChat has %(used)d MB of memory in hand.", used=used // 1_000_000)
    return Check(Status.WARN if used > MEMORY_WARN_BYTES else Status.PASS, message)


def _backup(settings: Settings) -> Check:
    """How old the newest whole backup is, and when one was last restored on trial, and whether it could be."""
    made, tried = backups.last_made(settings.data_dir), backups.last_proven(settings.data_dir)
    if made is None:
        return Check(Status.WARN, _("There is no backup yet."))
    trial = tried.test_restore if tried is not None else None
    if trial is not None and trial.status is backups.Status.FAILED:
        return Check(Status.FAIL, _("The last backup that was restored on trial could not be."))
    age = clock.now() - clock.from_iso(made.created_at)
    newest = _("The newest backup is %(age)s old.", age=format_timedelta(age, granularity="hour"))
    if trial is None:
        proof = _("None has been restored on trial yet.")
        return Check(Status.WARN, f"{newest} {proof}")
    tried_at = clock.from_iso(trial.at)
    proof = _("One was last restored on trial %(ago)s.", ago=_ago(tried_at))
    is_overdue = age > BACKUP_OVERDUE or clock.now() - tried_at > TRIAL_OVERDUE
    return Check(Status.WARN if is_overdue else Status.PASS, f"{newest} {proof}")


def _audit_chain(settings: Settings) -> Check:
    broken, last = audit.verify_newest(AUDIT_NEWEST), audit.last_check()
    if broken is not None:
        return Check(Status.FAIL, broken.sentence)
    if last is None:
        return Check(Status.WARN, _("Nobody has looked yet whether all of the log is whole."))
    if not last.is_whole:
        return Check(Status.FAIL, _("When somebody looked last, the log was broken."))
    message = _("Somebody looked %(ago)s: all of the log is whole.", ago=_ago(last.at))
    return Check(Status.WARN if clock.now() - last.at > AUDIT_LOOK_EVERY else Status.PASS, message)


def _scheduler(settings: Settings) -> Check:
    """There is no schedule yet, but what is old is forgotten every hour."""
    done: datetime | None = current_app.extensions.get(DUTIES_DONE)
    if done is None:
        return Check(Status.WARN, _("What is done every hour has not been done since the start."))
    message = _("What is done every hour was done %(ago)s.", ago=_ago(done))
    return Check(Status.FAIL if clock.now() - done > DUTIES_LATE else Status.PASS, message)


def _permissions(settings: Settings) -> Check:
    file = data_folder.open_to_others(settings.data_dir, settings.sqlite_file)
    if file is not None:
        return Check(Status.FAIL, _("Other users of the machine can look into %(name)s.", name=file.name))
    if os.geteuid() == 0:
        return Check(Status.WARN, _("HomeChat runs as root. A user of its own is enough."))
    return Check(Status.PASS, _("Nobody else on the machine can look into the data folder."))


def _push(settings: Settings) -> Check:
    return Check(Status.WARN, _("Push messages are not set up: this version has none."))


def _tls(settings: Settings) -> Check:
    if settings.is_https:
        message = _("People come by https. When the certificate ends, the proxy in front knows.")
        return Check(Status.PASS, message)
    if settings.is_secure_context:
        return Check(Status.PASS, _("The address is of this very machine, where https is not needed."))
    return Check(Status.WARN, _("The address has no https: others in the network can read along."))


def _ago(moment: datetime) -> str:
    """Return "3 hours ago" in the language of who asks; what was a moment ago is an hour, too."""
    return format_timedelta(moment - clock.now(), granularity="hour", add_direction=True)


CHECKS: dict[str, Callable[[Settings], Check]] = {
    "database": _database,
    "migrations": _migrations,
    "disk": _disk,
    "memory": _memory,
    "backup": _backup,
    "audit_chain": _audit_chain,
    "scheduler": _scheduler,
    "permissions": _permissions,
    "push": _push,
    "tls": _tls,
}
