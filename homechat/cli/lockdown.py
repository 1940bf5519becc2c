"""Commands for an emergency: closing the house, opening it again, signing everybody out, and trying all that out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from flask.cli import AppGroup

from homechat.actor import Actor
from homechat.cli.kit import about_a_house, as_json, show
from homechat.errors import Unavailable
from homechat.lockdown import InForce, Kind
from homechat.operations import lockdown as actions
from homechat.operations import lockdown_drill
from homechat.operations.lockdown import Outcome, Reach
from homechat.operations.lockdown_data import in_force_data, outcome_data, signing_out_data, status_data

P = ParamSpec("P")
R = TypeVar("R")

lockdown = AppGroup("lockdown", help="Close the house in an emergency; docs/lockdown.md.")

WHAT = {
    Kind.TOKENS: "No API token works",
    Kind.USERS: "Nobody but admins comes in",
    Kind.ADMIN_ONLY: "Nobody but admins comes in, and nobody joins",
    Kind.ALL: "Nobody but admins comes in, nobody joins, and no API token works",
}

for_hours = click.option(
    "--hours",
    type=int,
    default=actions.DEFAULT_HOURS,
    show_default=True,
    help="How long, 1 to 720; it ends by itself.",
)
for_reason = click.option("--reason", default="", help="Why; those who have to wait read it.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")


def in_an_emergency(command: Callable[P, R]) -> Callable[P, R]:
    """Have a command name the house, say errors in a sentence, and say what to do where nothing can be stored."""

    @about_a_house
    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with _without_tracebacks():
                return command(*args, **kwargs)
        except Unavailable as error:
            raise click.ClickException(
                "NOTHING WAS CHANGED: the database cannot be written to. If another process hangs while it writes "
                "(a server that stands still?), end that one, with kill -9 if it must be, and run this again. "
                "If not, look for a full or broken disk."
            ) from error

    return wrapper


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Keep what is logged of a database that refuses from hiding the sentence that says what to do."""
    logger = logging.getLogger("homechat.database")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _closing(name: str, kind: Kind, meaning: str) -> None:
    """Make the command that starts a lockdown of this kind."""

    @lockdown.command(name, help=meaning)
    @for_hours
    @for_reason
    @dry_run
    @as_json
    @in_an_emergency
    def close(hours: int, reason: str, dry_run: bool, as_json: bool) -> None:
        outcome = actions.start(
            Actor.operator(), kind, hours=hours, reason=reason, dry_run=dry_run, uid=os.getuid()
        )
        show(
            outcome_data(outcome, dry_run=dry_run), _outcome_lines(outcome, dry_run=dry_run), as_json=as_json
        )


_closing("tokens", Kind.TOKENS, "No API token works, an admin's neither. Pages go on as always.")
_closing(
    "users", Kind.USERS, "Nobody but admins comes in: pages, live windows and tokens of all others wait."
)
_closing("admin-only", Kind.ADMIN_ONLY, "As users; and nobody joins the house.")
_closing("all", Kind.ALL, "As tokens and admin-only together; and everybody is signed out, once.")


@lockdown.command("sessions")
@click.option("--reason", default="", help="Why, for the audit log: nobody has to wait.")
@dry_run
@as_json
@in_an_emergency
def lockdown_sessions(reason: str, dry_run: bool, as_json: bool) -> None:
    """Sign everybody out on every device, once, admins too. They may sign in again; this cannot be lifted."""
    count, reach = actions.sign_everybody_out(
        Actor.operator(), reason=reason, dry_run=dry_run, uid=os.getuid()
    )
    would = "Would be signed out" if dry_run else "Signed out"
    line = f"{would}: {count} device(s) of {reach.people} people, {reach.windows} open window(s) among them."
    show(signing_out_data(count, reach, dry_run=dry_run), [line], as_json=as_json)


@lockdown.command("status")
@as_json
@in_an_emergency
def lockdown_status(as_json: bool) -> None:
    """Say whether the house is closed, how, why and until when."""
    status = actions.status()
    lines = [_in_force_line(each) for each in status.in_force] or ["The house is open."]
    if status.in_force:
        lines += _reach_lines(status.reach)
    show(status_data(status), lines, as_json=as_json)


@lockdown.command("lift")
@dry_run
@as_json
@in_an_emergency
def lockdown_lift(dry_run: bool, as_json: bool) -> None:
    """Open the house again: end all lockdowns. Everything is as it was; sessions that were ended stay so."""
    lifted = actions.lift(Actor.operator(), dry_run=dry_run, uid=os.getuid())
    word = "Would be lifted" if dry_run else "Lifted"
    lines = [f"{word}: {_name(each.kind)}." for each in lifted]
    if not dry_run:
        lines.append("The house is open." if lifted else "The house was open already.")
    show(
        {"dry_run": dry_run, "lifted": [in_force_data(each) for each in lifted]},
        lines or ["The house is open: there is nothing to lift."],
        as_json=as_json,
    )


@lockdown.command("drill")
@as_json
@in_an_emergency
def lockdown_drill_command(as_json: bool) -> None:
    """Try all of it on a copy of the house, and say line by line what held. Exit 1 if anything did not."""
    steps = lockdown_drill.run()
    failed = sum(not step.held for step in steps)
    verdict = f"{failed} of {len(steps)} did not hold." if failed else f"All {len(steps)} held."
    show(
        {"held": not failed, "steps": [{"what": step.what, "held": step.held} for step in steps]},
        [*(f"{'ok  ' if step.held else 'FAIL'}  {step.what}" for step in steps), verdict],
        as_json=as_json,
    )
    if failed:
        raise SystemExit(1)


def _outcome_lines(outcome: Outcome, *, dry_run: bool) -> list[str]:
    lines = ["This is a dry run: nothing was changed."] if dry_run else []
    lines.append(f"{WHAT[outcome.kind]} until {_moment(outcome.until)}.")
    if not outcome.is_new:
        lines.append("It was so before; the later of the two ends counts.")
    lines += _reach_lines(outcome.reach)
    if outcome.kind is Kind.ALL:
        lines.append(f"Devices signed out: {outcome.signed_out}.")
    return lines


def _reach_lines(reach: Reach) -> list[str]:
    lines = [
        f"People who have to wait: {reach.people} (on {reach.devices} device(s), {reach.windows} open window(s)).",
        f"API tokens that do not work: {reach.tokens}.",
        f"Admins who can come in: {reach.admins}.",
    ]
    if not reach.admins:
        lines.append("Nobody can come in. Make somebody admin with: flask user role NAME admin")
    return lines


def _in_force_line(each: InForce) -> str:
    why = f" Reason: {each.reason}" if each.reason else ""
    return f"{WHAT[each.kind]} until {_moment(each.expires_at)} ({_name(each.kind)}).{why}"


def _name(kind: Kind) -> str:
    return kind.value.replace("_", "-")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
