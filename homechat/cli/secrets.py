"""Commands about the key that encrypts secrets in the database."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from homechat import data_folder
from homechat.actor import Actor
from homechat.cli.kit import about_a_house
from homechat.extensions import current_settings
from homechat.operations.secrets import reseal_secrets

secrets_group = AppGroup("secrets", help="The key that encrypts secrets in the database.")


@secrets_group.command("rotate")
@click.option(
    "--forget-old", is_flag=True, help="Keep only the newest key; backups from before need the old ones."
)
@about_a_house
def secrets_rotate(forget_old: bool) -> None:
    """Make a new encryption key and put every secret under it; a running server follows at once.

    Where the key comes from HOMECHAT_ENCRYPTION_KEY, put a new one in front there first; then this encrypts anew.
    """
    settings = current_settings()
    file = data_folder.encryption_key_file(settings.data_dir)
    is_ours = not settings.encryption_key
    if is_ours:
        data_folder.put_encryption_keys(settings.data_dir, [data_folder.new_key(), *_keys_in(file)])
    count = reseal_secrets(Actor.operator())
    if is_ours and forget_old:
        data_folder.put_encryption_keys(settings.data_dir, _keys_in(file)[:1])
    click.echo(f"{count} secret(s) are under the newest key now.")
    click.echo(f"The keys are in {file}." if is_ours else "The keys come from HOMECHAT_ENCRYPTION_KEY.")


def _keys_in(file: Path) -> list[str]:
    return file.read_text(encoding="ascii").split() if file.exists() else []
