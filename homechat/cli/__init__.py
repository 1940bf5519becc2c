"""The operator's door: `flask …` on the box itself, with the server running or stopped; names the house it acts on."""

from __future__ import annotations

from flask import Flask
from flask_migrate import Migrate

from homechat import paths
from homechat.cli.audit_log import audit_group
from homechat.cli.backups import backup_group
from homechat.cli.bots import bot_group
from homechat.cli.house import config_group, house_group, prepare, setup_link
from homechat.cli.invites import invite_group
from homechat.cli.lockdown import lockdown
from homechat.cli.people import user
from homechat.cli.secrets import secrets_group
from homechat.cli.tokens import token_group
from homechat.database import db

COMMANDS = (
    *(prepare, setup_link, config_group, house_group, user, invite_group),
    *(audit_group, secrets_group, token_group, bot_group, backup_group, lockdown),
)


def install(app: Flask) -> None:
    """Give `app` its commands, those of migrations among them."""
    Migrate(app, db, directory=str(paths.MIGRATIONS))
    for command in COMMANDS:
        app.cli.add_command(command)
