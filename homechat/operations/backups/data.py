"""Backups as programs read them: one shape at the API and behind `flask backup … --json`."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from homechat.operations.backups.folder import Backup, Status, Trial

Data = dict[str, Any]


def backup_data(backup: Backup) -> Data:
    """Return what is known of a backup."""
    return {
        "id": backup.id,
        "created_at": backup.created_at,
        "status": backup.status.value,
        "byte_size": backup.byte_size,
        "took_ms": backup.took_ms,
        "problem": problem_of(backup),
        "homechat": backup.homechat,
        "database": backup.database,
        "people": backup.people,
        "messages": backup.messages,
        "files": backup.files,
        "missing_files": backup.missing_files,
        "verification": _trial_data(backup.verification),
        "test_restore": _trial_data(backup.test_restore),
    }


def problem_of(what: Backup | Trial) -> str:
    """Return why something failed, in a sentence, or ""."""
    if what.status is not Status.FAILED:
        return ""
    return what.problem or _("It was cut off before its end.")


def _trial_data(trial: Trial | None) -> Data | None:
    if trial is None:
        return None
    return {
        "at": trial.at,
        "status": trial.status.value,
        "took_ms": trial.took_ms,
        "problem": problem_of(trial),
    }
