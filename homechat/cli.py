"""The operator's door: `flask …` on the box itself, with the server running or stopped; names the house it acts on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from homechat import audit, config, paths
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import User
from homechat.accounts.queries import people, person_named
from homechat.actor import Actor, Role
from homechat.config import Settings
from homechat.database import db, transaction
from homechat.errors import HomeChatError
from homechat.household import actions as household
from homechat.household import house_settings
from homechat.operations import duties

P = ParamSpec("P")
R = TypeVar("R")

# Plain texts: of an enum, click offers the names of its members, ADMIN and so on.
ROLES = click.Choice([Role.ADMIN.value, Role.MEMBER.value, Role.GUEST.value])

user = AppGroup("user", help="People of the house.")
config_group = AppGroup("config", help="Settings of this installation.")
house_group = AppGroup("house", help="Settings of the household.")
audit_group = AppGroup("audit", help="The audit log.")


def install(app: Flask) -> None:
    """Give `app` its commands."""
    for command in (user, config_group, house_group, audit_group, prepare, setup_link):
        app.cli.add_command(command)


def about_a_house(command: Callable[P, R]) -> Callable[P, R]:
    """Have a command name the house it acts on, refuse where there is none, and say errors in a sentence."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _require_house()
        try:
            return command(*args, **kwargs)
        except HomeChatError as error:
            raise click.ClickException(
                " ".join(dict.fromkeys([error.message, *error.fields.values()]))
            ) from error

    return wrapper


@click.command()
@with_appcontext
def prepare() -> None:
    """Make the data folder and the secrets, and bring the database up to date. Changes nothing when all is well."""
    settings = config.prepare(_settings())
    click.echo(f"House: {_where(settings)}")
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        settings.sqlite_file.touch(mode=0o600)
    with _unreachable_said(settings):
        flask_migrate.upgrade(directory=str(paths.MIGRATIONS))


@click.command("setup-link")
@with_appcontext
@about_a_house
def setup_link() -> None:
    """Print a new one-time link to found the household; earlier ones stop working."""
    link = duties.setup_link(current_app._get_current_object())  # type: ignore[attr-defined]
    if link is None:
        raise click.ClickException(
            "This house has been founded already. Sign in, or make people with: flask user create"
        )
    click.echo(link)


@config_group.command("show")
def config_show() -> None:
    """Print every setting: its effective value, where that came from, and what it means. Secrets are masked."""
    for line in _settings().describe():
        unit = f" {line.unit}" if line.unit else ""
        click.echo(f"{line.name} = {line.value}{unit}")
        click.echo(f"    from {line.origin}. {line.meaning}")


@house_group.command("show")
@about_a_house
def house_show() -> None:
    """Print every setting of the household: its value, and what it means."""
    for setting, value in house_settings.settings_shown():
        click.echo(f"{setting.key} = {value}".rstrip())
        click.echo(f"    {setting.meaning}")


@house_group.command("set")
@click.argument("key")
@click.argument("value")
@about_a_house
def house_set(key: str, value: str) -> None:
    """Change a setting of the household at once: on or off for yes and no, "" for none."""
    new = house_settings.set_from_text(Actor.operator(), key, value)
    click.echo(f"{key} = {new}".rstrip())


@user.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.option("--display-name", default="", help="What others see; the name itself when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: one line.")
@about_a_house
def user_create(name: str, role: str, display_name: str, password_stdin: bool) -> None:
    """Make a person. The first one founds the house and has to be an admin."""
    password = _password(from_stdin=password_stdin)
    made = household.create_person_from_shell(
        Actor.operator(), NewPerson(name, display_name, password), role=Role(role)
    )
    click.echo(f"{made.username} is now {made.role} here.")


@user.command("list")
@about_a_house
def user_list() -> None:
    """Print everyone who may come in."""
    for person in people():
        click.echo(f"{person.username}\t{person.role}\t{person.display_name}")


@user.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@about_a_house
def user_role(name: str, role: str) -> None:
    """Give somebody another role; their open windows reconnect with it."""
    household.change_role(Actor.operator(), _person(name).id, Role(role))
    click.echo(f"{name} is now {role} here.")


@user.command("sign-out")
@click.argument("name")
@about_a_house
def user_sign_out(name: str) -> None:
    """Sign somebody out on every device; open windows end within a second."""
    person = _person(name)
    with transaction():
        count = sessions.revoke_all(
            Actor.operator(), person.id, sentence="You were signed out by whoever runs the house."
        )
    click.echo(f"{count} device(s) of {name} signed out.")


@audit_group.command("verify")
@about_a_house
def audit_verify() -> None:
    """Check that no entry of the audit log was changed or taken away; exit 1 and name the first one if so."""
    broken = audit.verify()
    if broken is not None:
        where = f"entry {broken.row_id}" if broken.row_id else "the end"
        raise click.ClickException(f"The audit log is broken at {where}: {broken.why}.")
    click.echo("The audit log is whole.")


def _settings() -> Settings:
    settings: Settings = current_app.extensions["homechat_settings"]
    return settings


def _require_house() -> None:
    """Refuse where there is no database: a command that made one would hide a wrong path."""
    settings = _settings()
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise click.ClickException(
            f"There is no house at {settings.sqlite_file}. Check HOMECHAT_DATA_DIR, or make one with: bin/run"
        )
    with _unreachable_said(settings):
        has_tables = inspect(db.engine).has_table("users")
    if not has_tables:
        raise click.ClickException(
            f"The database of {_where(settings)} is empty. Make its tables with: flask prepare"
        )
    click.echo(f"House: {_where(settings)}", err=True)


@contextmanager
def _unreachable_said(settings: Settings) -> Iterator[None]:
    """Say in a sentence, without its password, that the database does not answer."""
    try:
        yield
    except OperationalError as error:
        raise click.ClickException(
            f"The database {_where(settings)} does not answer. Check HOMECHAT_DATABASE_URL, and that it is up."
        ) from error


def _where(settings: Settings) -> str:
    return str(settings.sqlite_file or db.engine.url.render_as_string(hide_password=True))


def _person(name: str) -> User:
    person = person_named(name)
    if person is None:
        raise click.ClickException(f"There is nobody called {name} here.")
    return person


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
