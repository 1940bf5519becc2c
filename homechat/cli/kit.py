"""What the commands share: naming the house they act on, errors as sentences, people by their name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from flask import current_app
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from homechat.accounts.models import User
from homechat.accounts.queries import person_named
from homechat.actor import Role
from homechat.config import Settings
from homechat.database import db
from homechat.errors import HomeChatError
from homechat.extensions import current_settings
from homechat.operations import duties

P = ParamSpec("P")
R = TypeVar("R")

# Plain texts: of an enum, click offers the names of its members, ADMIN and so on.
ROLES = click.Choice([Role.ADMIN.value, Role.MEMBER.value, Role.GUEST.value])


def about_a_house(command: Callable[P, R]) -> Callable[P, R]:
    """Have a command name the house it acts on, refuse where there is none, and say errors in a sentence."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        require_house()
        with errors_said():
            return command(*args, **kwargs)

    return wrapper


@contextmanager
def errors_said() -> Iterator[None]:
    """Say the errors of a command in a sentence, and end it with 1."""
    try:
        yield
    except HomeChatError as error:
        raise click.ClickException(
            " ".join(dict.fromkeys([error.message, *error.fields.values()]))
        ) from error


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def show(data: Any, lines: list[str], *, as_json: bool) -> None:
    """Print `data` as JSON, or `lines` for people."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            click.echo(line)


def require_house() -> None:
    """Refuse where there is no database: a command that made one would hide a wrong path."""
    settings = current_settings()
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise click.ClickException(
            f"There is no house at {settings.sqlite_file}. Check HOMECHAT_DATA_DIR, or make one with: bin/run"
        )
    with unreachable_said(settings):
        has_tables = inspect(db.engine).has_table("users")
    if not has_tables:
        raise click.ClickException(
            f"The database of {where(settings)} is empty. Make its tables with: flask prepare"
        )
    click.echo(f"House: {where(settings)}", err=True)


@contextmanager
def unreachable_said(settings: Settings) -> Iterator[None]:
    """Say in a sentence, without its password, that the database does not answer."""
    try:
        yield
    except OperationalError as error:
        raise click.ClickException(
            f"The database {where(settings)} does not answer. Check HOMECHAT_DATABASE_URL, and that it is up."
        ) from error


def where(settings: Settings) -> str:
    """Return where the house is stored, without a password."""
    return str(settings.sqlite_file or db.engine.url.render_as_string(hide_password=True))


def person_called(name: str) -> User:
    """Return the person of this sign-in name. Raises ClickException with a sentence."""
    person = person_named(name)
    if person is None:
        raise click.ClickException(f"There is nobody called {name} here.")
    return person


def public_link(endpoint: str, *, token: str) -> str:
    """Return the public address of the page behind the secret `token`."""
    return duties.link_to(current_app._get_current_object(), endpoint, token=token)  # type: ignore[attr-defined]


def asked_password(*, from_stdin: bool) -> str:
    """Return a password from standard input, or asked for at the terminal: never from an argument, which others see."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
