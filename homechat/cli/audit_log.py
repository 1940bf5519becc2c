"""Commands about the audit log."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from homechat import audit
from homechat.cli.kit import about_a_house

audit_group = AppGroup("audit", help="The audit log.")


@audit_group.command("verify")
@about_a_house
def audit_verify() -> None:
    """Check that no entry of the audit log was changed or taken away; exit 1 and name the first one if so."""
    broken = audit.verify()
    if broken is not None:
        where = f"entry {broken.row_id}" if broken.row_id else "the end"
        raise click.ClickException(f"The audit log is broken at {where}: {broken.why}.")
    click.echo("The audit log is whole.")
