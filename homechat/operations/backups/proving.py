"""Proving that a backup is worth something: it is restored into a scratch place, and everything there is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.config import Settings
from homechat.errors import Invalid
from homechat.operations.backups import folder, postgres
from homechat.operations.backups.archive import BadBackup, Manifest
from homechat.operations.backups.unpacking import (
    Unpacked,
    application_over,
    bring_up_to_date,
    let_go,
    look_at_audit_log,
    look_at_facts,
    look_at_sqlite,
    unpack,
)
from homechat.operations.health import health_report
from homechat.operations.secrets import reseal_secrets
from homechat.security.field_encryption import Unreadable


def prove(file: Path, keys: list[bytes], settings: Settings) -> Manifest:
    """Restore a backup into a scratch place, look at everything there, and return its list.

    The database is sound, holds what the list says, comes up to date, its audit log is whole, its secrets can be read,
    and every file that a row names is there. The scratch place is gone afterwards.
    Raises BadBackup with a sentence that says what did not hold; NoSpace, Unavailable.
    """
    with folder.workbench(settings.data_dir) as bench:
        unpacked = unpack(file, keys, bench)
        with _scratch_database(unpacked, settings) as database_url:
            look_at_facts(unpacked, database_url)
            app = application_over(unpacked, settings, database_url=database_url)
            try:
                with app.app_context():
                    bring_up_to_date(unpacked.manifest.revisions)
                    look_at_audit_log()
                    _look_at_secrets()
                    if health_report()[1] != 200:
                        raise BadBackup(_("HomeChat does not come up on what is in this backup."))
            finally:
                let_go(app)
        return unpacked.manifest


@contextmanager
def _scratch_database(unpacked: Unpacked, settings: Settings) -> Iterator[str]:
    """Yield the address of the unpacked database. One of PostgreSQL needs a server, which is that of the house."""
    if unpacked.manifest.database == "sqlite":
        look_at_sqlite(unpacked)
        yield f"sqlite:///{unpacked.database}"
        return
    if settings.sqlite_file is not None:
        raise Invalid(
            _("This backup is one of PostgreSQL, and this house is not. Try it where there is one.")
        )
    with postgres.scratch_database(settings.database_url) as database_url:
        postgres.load(database_url, unpacked.database)
        yield database_url


def _look_at_secrets() -> None:
    try:
        reseal_secrets(Actor.system())
    except Unreadable as error:
        raise BadBackup(
            _(
                "Secrets in this backup, such as those of second steps, were encrypted under a key that is gone."
            )
        ) from error
