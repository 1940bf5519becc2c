"""Commands about the audit log."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from homechat import audit
from homechat.accounts.queries import usernames
from homechat.actor import Actor, Door
from homechat.audit import Action, AuditLog, Filters
from homechat.cli.kit import about_a_house, as_json, person_called
from homechat.cli.moments import MOMENT
from homechat.database import db
from homechat.operations import retention
from homechat.text import escaped

FOLLOW_SECONDS = 1.0
NOBODY = "nobody"

audit_group = AppGroup("audit", help="The audit log: who did what, when, through which door.")


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options by which entries are chosen."""
    for option in (
        click.option("--subject", default="", help="With this in what it was done to, such as room:7."),
        click.option("--until", type=MOMENT, help="Before this moment."),
        click.option(
            "--since", type=MOMENT, help="From this moment on: 2026-11-21, 2026-11-21T18:42, 90m, 7d."
        ),
        click.option("--address", default="", help="From this address."),
        click.option("--door", type=click.Choice([door.value for door in Door]), help="Through this door."),
        click.option(
            "--about", metavar="NAME", help="What this person did, and what was done to their account."
        ),
        click.option("--by", metavar="NAME", help="What this person did; nobody: who was not signed in."),
        click.option(
            "--action",
            type=click.Choice([action.value for action in Action]),
            metavar="ACTION",
            help="Such as login.",
        ),
    ):
        command = option(command)
    return command


@audit_group.command("list")
@filtered
@click.option("--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="At most so many.")
@click.option("--before", type=int, help="Only entries before this number: the next page.")
@as_json
@about_a_house
def audit_list(limit: int, before: int | None, as_json: bool, **chosen: Any) -> None:
    """Print entries, the newest first."""
    found = audit.search(Actor.operator(), _filters(**chosen), before=before, limit=limit)
    if as_json:
        names = usernames()
        entries = [audit.fields_of(row, names) for row in found.entries]
        click.echo(json.dumps({"entries": entries, "has_more": found.has_more}, indent=2))
        return
    _print(found.entries)
    if found.has_more:
        click.echo(f"There are more: --before {found.entries[-1].id}", err=True)


@audit_group.command("tail")
@filtered
@click.option(
    "-n", "--lines", type=click.IntRange(0, 100), default=10, show_default=True, help="The last so many."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for scripts.")
@about_a_house
def audit_tail(lines: int, follow: bool, as_json: bool, **chosen: Any) -> None:
    """Print the last entries, the newest last."""
    filters, operator = _filters(**chosen), Actor.operator()
    newest = audit.search(operator, limit=1).entries
    seen = newest[0].id if newest else 0
    if lines:
        found = audit.search(operator, filters, before=seen + 1, limit=lines).entries
        _print(found[::-1], as_json=as_json)
    with suppress(KeyboardInterrupt):
        while follow:
            time.sleep(FOLLOW_SECONDS)
            seen = _print_after(seen, filters, as_json=as_json)


@audit_group.command("verify")
@as_json
@about_a_house
def audit_verify(as_json: bool) -> None:
    """Check that no entry of the audit log was changed or taken away; exit 1 and name the first one if so."""
    broken = audit.verify()
    if as_json:
        found = {"entry": broken.row_id, "why": broken.why} if broken is not None else {}
        click.echo(json.dumps({"whole": broken is None, **found}))
    if broken is not None:
        raise click.ClickException(broken.sentence)
    if not as_json:
        click.echo("The audit log is whole.")


@audit_group.command("export")
@filtered
@click.option("--format", "form", type=click.Choice(list(audit.FORMATS)), default="jsonl", show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, for your eyes only; the standard output when left out.",
)
@about_a_house
def audit_export(form: str, output: Path | None, **chosen: Any) -> None:
    """Write all entries, the oldest first. The export is itself written down."""
    filters = _filters(**chosen)
    file = _new_private_file(output) if output is not None else None
    pieces = audit.export(Actor.operator(), filters, form=form, names=usernames())
    if file is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    with file:
        file.writelines(pieces)


@audit_group.command("prune")
@as_json
@about_a_house
def audit_prune(as_json: bool) -> None:
    """Delete the entries that are older than the house keeps them (audit_days). The server does so daily."""
    count = retention.prune_audit_log(Actor.operator())
    click.echo(json.dumps({"deleted": count}) if as_json else f"{count} old entries deleted.")


def _filters(
    *, action: str | None, by: str | None, about: str | None, door: str | None, **more: Any
) -> Filters:
    actor_id = None if by is None else 0 if by == NOBODY else person_called(by).id
    return Filters(
        action=Action(action) if action else None,
        actor_id=actor_id,
        about_id=person_called(about).id if about is not None else None,
        door=Door(door) if door else None,
        **more,
    )


def _print_after(seen: int, filters: Filters, *, as_json: bool) -> int:
    """Print what was written after an entry, and return the number of the last one looked at."""
    db.session.rollback()  # On SQLite a read goes on seeing what was there when it began.
    newest = audit.search(Actor.operator(), limit=1).entries
    upper = newest[0].id if newest else seen
    while True:
        found = audit.search(Actor.operator(), filters, after=seen, before=upper + 1, limit=100)
        _print(found.entries[::-1], as_json=as_json)
        if not found.has_more:
            return max(seen, upper)
        seen = found.entries[0].id


def _print(entries: list[AuditLog], *, as_json: bool = False) -> None:
    names = usernames()
    for row in entries:
        fields = audit.fields_of(row, names)
        click.echo(json.dumps(fields) if as_json else _line(row, names))


def _line(row: AuditLog, names: dict[int, str]) -> str:
    """Return an entry as one line: whatever a terminal would obey is written out."""
    who = row.door if row.actor_id is None else _name(row.actor_id, names)
    parts = [f"{row.id}", f"{row.at:%Y-%m-%d %H:%M:%S}Z", row.action, who, row.door, _subject(row, names)]
    if row.about_id is not None:
        parts.append(f"about {_name(row.about_id, names)}")
    parts += [f"{key}={json.dumps(value)}" for key, value in (row.detail or {}).items()]
    parts += [row.address or "", f'"{row.user_agent}"' if row.user_agent else ""]
    return "  ".join(escaped(part) for part in parts if part)


def _subject(row: AuditLog, names: dict[int, str]) -> str:
    kind, _, number = row.subject.partition(":")
    return f"user:{_name(int(number), names)}" if kind == "user" else row.subject


def _name(person_id: int, names: dict[int, str]) -> str:
    return names.get(person_id, f"#{person_id}")


def _new_private_file(path: Path) -> Any:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be made: {error.strerror}.") from error
    return os.fdopen(number, "w", encoding="utf-8", newline="")
