"""Commands about the house as a whole: making it ready, founding it, its settings and those of the machine."""

from __future__ import annotations

import click
import flask_migrate
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from homechat import config, paths
from homechat.actor import Actor
from homechat.cli.kit import about_a_house, unreachable_said, where
from homechat.extensions import current_settings
from homechat.household import house_settings
from homechat.operations import duties

config_group = AppGroup("config", help="Settings of this installation.")
house_group = AppGroup("house", help="Settings of the household.")


@click.command()
@with_appcontext
def prepare() -> None:
    """Make the data folder and the secrets, and bring the database up to date. Changes nothing when all is well."""
    settings = config.prepare(current_settings())
    click.echo(f"House: {where(settings)}")
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        settings.sqlite_file.touch(mode=0o600)
    with unreachable_said(settings):
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
    for line in current_settings().describe():
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
