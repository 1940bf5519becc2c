"""Where a bare `flask …` at the top of a checkout finds the application."""

import click
from flask import Flask

import homechat
from homechat.config import CannotStartError


def create_app() -> Flask:
    """Return the application; a setting that it cannot start with ends the command with that one sentence."""
    try:
        return homechat.create_app()
    except CannotStartError as error:
        raise click.ClickException(str(error)) from error
