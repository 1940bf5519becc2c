"""The keys of backups. No backup holds one: whoever has the file alone has nothing.

They come from the setting `backup_key`, or else from a file beside the other secrets, made with the first backup. The
first key encrypts, each of them decrypts.
"""

from __future__ import annotations

from flask_babel import gettext as _

from homechat import data_folder, written_keys
from homechat.config import Settings
from homechat.errors import Invalid


def own_keys(settings: Settings) -> list[bytes]:
    """Return the keys of this house, the newest first; none where none was made yet."""
    given = settings.backup_key.split() or data_folder.backup_keys(settings.data_dir)
    return [written_keys.read(text) for text in given]


def newest_key(settings: Settings) -> bytes:
    """Return the key that encrypts, made now if there is none."""
    keys = own_keys(settings)
    if keys:
        return keys[0]
    data_folder.ensure_backup_key(settings.data_dir, written_keys.written(written_keys.new_key()))
    return own_keys(settings)[0]


def key_typed(text: str) -> bytes:
    """Return the key that somebody had written down. Raises Invalid."""
    try:
        return written_keys.read(text)
    except ValueError as error:
        raise Invalid(
            _(
                "That is no key of a backup. It has 14 groups of 4 letters and digits; compare them one by one."
            )
        ) from error


def keep_key(settings: Settings, key: bytes) -> None:
    """Have this house read what is encrypted under `key`, and encrypt under it where it has no other."""
    keys = own_keys(settings)
    if key not in keys and not settings.backup_key:
        lines = [written_keys.written(each) for each in [*keys, key]]
        data_folder.put_backup_keys(settings.data_dir, lines)
