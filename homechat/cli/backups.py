"""Commands about backups: making, trying and restoring them, and the key without which nobody can."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click
from flask.cli import AppGroup, with_appcontext

from homechat.actor import Actor
from homechat.cli.kit import about_a_house, as_json, errors_said, show
from homechat.extensions import current_settings
from homechat.operations.backups import actions, folder, keys, restoring
from homechat.operations.backups.archive import WrongKey
from homechat.operations.backups.data import backup_data, problem_of
from homechat.operations.backups.folder import Backup, Status
from homechat.operations.backups.restoring import Restoration
from homechat.operations.backups.working import Work

backup_group = AppGroup("backup", help="Backups of the whole house; docs/backups.md.")


@backup_group.command("create")
@as_json
@about_a_house
def backup_create(as_json: bool) -> None:
    """Make a backup, with the server running or stopped. Exit 1 if it failed."""
    _tell(actions.work_now(Actor.operator(), Work.MAKE), as_json=as_json)
    if not as_json:
        click.echo(
            "Its key is not in it. Write it down where this machine is not: flask backup key", err=True
        )


@backup_group.command("list")
@as_json
@about_a_house
def backup_list(as_json: bool) -> None:
    """Print all backups, the newest first, and what came of trying them."""
    found = actions.every_backup(Actor.operator())
    data = {"backups": [backup_data(each) for each in found]}
    show(data, [_line(each) for each in found] or ["There is no backup yet."], as_json=as_json)


@backup_group.command("verify")
@click.argument("backup_id", metavar="ID")
@as_json
@about_a_house
def backup_verify(backup_id: str, as_json: bool) -> None:
    """Read a backup through: is every byte as it was written? Exit 1 if not."""
    _tell(actions.work_now(Actor.operator(), Work.VERIFY, backup_id), as_json=as_json, work=Work.VERIFY)


@backup_group.command("test-restore")
@click.argument("backup_id", metavar="ID")
@as_json
@about_a_house
def backup_test_restore(backup_id: str, as_json: bool) -> None:
    """Restore a backup into a scratch place and look at everything there. Exit 1 if anything does not hold."""
    _tell(actions.work_now(Actor.operator(), Work.PROVE, backup_id), as_json=as_json, work=Work.PROVE)


@backup_group.command("key")
@about_a_house
def backup_key() -> None:
    """Print the key of the backups, to be written down: on a new machine nobody can read one without it."""
    click.echo(actions.own_key_written(Actor.operator()))


@backup_group.command("restore")
@click.argument("backup", metavar="ID_OR_FILE")
@click.option("--replace", "replace_house", is_flag=True, help="Take the place of the house that is here.")
@click.option(
    "--key-file",
    type=click.File("r", encoding="utf-8"),
    help="Where the key stands that was written down; - for the standard input. Asked for when it is needed.",
)
@as_json
@with_appcontext
def backup_restore(backup: str, replace_house: bool, key_file: IO[str] | None, as_json: bool) -> None:
    """Put a backup in the place of the house, which has to be stopped. A house that is there is kept aside."""
    file = _file_of(backup)
    with errors_said():
        given = keys.key_typed(key_file.read()) if key_file is not None else None
        try:
            done = _restore(file, given, replace_house=replace_house)
        except WrongKey:
            if given is not None or not sys.stdin.isatty():
                raise
            done = _restore(file, _asked_key(), replace_house=replace_house)
    show(_restoration_data(done), _restoration_lines(done), as_json=as_json)


def _restore(file: Path, given: bytes | None, *, replace_house: bool) -> Restoration:
    """Restore with a key that was given, or with those of this house; what was given is kept when it was right."""
    settings = current_settings()
    opening = [given] if given is not None else keys.own_keys(settings)
    done = restoring.restore(Actor.operator(), file, opening, settings, replace_house=replace_house)
    if given is not None:
        keys.keep_key(settings, given)
    return done


def _asked_key() -> bytes:
    return keys.key_typed(click.prompt("Key of this backup", hide_input=True))


def _file_of(backup: str) -> Path:
    file = Path(backup)
    try:
        ours = folder.file_of(current_settings().data_dir, backup)
    except ValueError:
        ours = file
    for each in (ours, file):
        if each.is_file():
            return each
    raise click.ClickException(f"There is no backup {backup}, neither by this name here nor as a file.")


def _tell(backup: Backup, *, as_json: bool, work: Work = Work.MAKE) -> None:
    """Say what came of a job; end with 1 where it failed."""
    trial = {Work.MAKE: backup, Work.VERIFY: backup.verification, Work.PROVE: backup.test_restore}[work]
    failed = trial is None or trial.status is not Status.DONE
    problem = problem_of(trial) if trial is not None else ""
    if as_json or not failed:
        show(backup_data(backup), [_line(backup)], as_json=as_json)
    if failed:
        raise click.ClickException(problem) if not as_json else SystemExit(1)


def _line(backup: Backup) -> str:
    """Return a backup in a line: what it is, what is in it, what came of trying it."""
    parts = [backup.id, backup.status.value, f"{backup.byte_size} bytes"]
    if backup.homechat:
        parts.append(f"{backup.people} people, {backup.messages} messages, {backup.files} files")
    if backup.missing_files:
        parts.append(f"{backup.missing_files} files were MISSING on the disk")
    for name, trial in (("verified", backup.verification), ("restored on trial", backup.test_restore)):
        if trial is not None:
            parts.append(f"{name} {trial.at}: {trial.status.value}")
    parts += [problem_of(each) for each in (backup, backup.verification, backup.test_restore) if each]
    return "  ".join(part for part in parts if part)


def _restoration_data(done: Restoration) -> dict[str, object]:
    return {
        "backup": done.manifest.id,
        "created_at": done.manifest.created_at,
        "kept": str(done.kept) if done.kept is not None else None,
        "signed_out": done.signed_out,
    }


def _restoration_lines(done: Restoration) -> list[str]:
    lines = [
        f"The house is as it was at {done.manifest.created_at}.",
        f"Devices signed out: {done.signed_out}. What was revoked or changed since then is as it was before.",
    ]
    if done.kept is not None:
        lines.append(f"What was here before is kept in {done.kept}. Delete that when you are sure.")
    return [*lines, "Start HomeChat."]
