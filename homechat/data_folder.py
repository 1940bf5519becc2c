"""Make and check the folder that holds a house: private to one user, with a secret key made once.

Nothing here reads settings or knows Flask; `config.prepare` calls it.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homechat.config_fields import CannotStartError

KEY_BYTES = 32
KEY_CHARACTERS_MIN = 32


class UnsafeFolderError(CannotStartError):
    """The data folder cannot be used as it is."""


def ensure(
    data_dir: Path, *, database: Path | None, wants_secret_key: bool, wants_encryption_key: bool
) -> None:
    """Make `data_dir` and its `secrets/` (both 0700), and the keys (0600) if wanted and absent.

    database: the SQLite file, which need not exist, or None.
    Raises UnsafeFolderError if something there is open to other users of the machine or cannot be made.
    """
    try:
        _make_private(data_dir)
        _make_private(secrets_dir(data_dir))
        _refuse_readable_by_others(data_dir, database)
        if wants_secret_key:
            _make_key(secret_key_file(data_dir))
        if wants_encryption_key:
            _make_key(encryption_key_file(data_dir))
    except OSError as error:
        raise UnsafeFolderError(
            f"The data folder {data_dir} cannot be used ({error.strerror}: {error.filename}). "
            "Give it to the user that runs HomeChat, or set HOMECHAT_DATA_DIR to another folder."
        ) from error


def secrets_dir(data_dir: Path) -> Path:
    """Return the folder of generated secrets."""
    return data_dir / "secrets"


def secret_key_file(data_dir: Path) -> Path:
    """Return where the generated secret key lives."""
    return secrets_dir(data_dir) / "secret_key"


def encryption_key_file(data_dir: Path) -> Path:
    """Return where the generated encryption keys live: one a line, the newest first."""
    return secrets_dir(data_dir) / "encryption_key"


def backup_key_file(data_dir: Path) -> Path:
    """Return where the generated keys of backups live: one a line, the newest first."""
    return secrets_dir(data_dir) / "backup_key"


def backups_dir(data_dir: Path) -> Path:
    """Return the folder of the backups; made with the first."""
    return data_dir / "backups"


def uploads_dir(data_dir: Path) -> Path:
    """Return the folder of the files that people share; made when the first comes."""
    return data_dir / "uploads"


def incoming_dir(data_dir: Path) -> Path:
    """Return where files lie until they are whole: on the same disk, for /tmp may be memory."""
    return uploads_dir(data_dir) / "incoming"


def put_encryption_keys(data_dir: Path, keys: list[str]) -> None:
    """Replace the encryption keys, in one step: no reader ever sees half of them."""
    with _alone_in(secrets_dir(data_dir)):
        _write(encryption_key_file(data_dir), keys)


def backup_keys(data_dir: Path) -> list[str]:
    """Return the generated keys of backups as they are written; none where none was made."""
    file = backup_key_file(data_dir)
    return file.read_text(encoding="ascii").split() if file.exists() else []


def ensure_backup_key(data_dir: Path, key: str) -> None:
    """Keep `key` as the one of backups, unless there is one already."""
    file = backup_key_file(data_dir)
    _make_private(file.parent)
    with _alone_in(file.parent):
        if not file.exists():
            _write(file, [key])


def put_backup_keys(data_dir: Path, keys: list[str]) -> None:
    """Replace the keys of backups, in one step."""
    _make_private(secrets_dir(data_dir))
    with _alone_in(secrets_dir(data_dir)):
        _write(backup_key_file(data_dir), keys)


def new_key() -> str:
    """Return a random key of 256 bits."""
    return secrets.token_hex(KEY_BYTES)


def open_to_others(data_dir: Path, database: Path | None) -> Path | None:
    """Return a folder or file of the house that other users of the machine can read, or None.

    database: the SQLite file, or None.  Raises OSError where that cannot be found out.
    """
    folders = [data_dir, secrets_dir(data_dir)]
    databases = list(database.parent.glob(f"{database.name}*")) if database else []
    for file in folders + databases + list(secrets_dir(data_dir).iterdir()):
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:  # another start just finished its key
            continue
        if mode & 0o077 and (stat.S_ISREG(mode) or file in folders):
            return file
    return None


def claim(database: Path) -> int:
    """Mark a SQLite database as served by this process, for as long as it lives; return the open lock file.

    Raises UnsafeFolderError if another process serves it: its people and ours would not hear each other.
    """
    lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UnsafeFolderError(
            f"Another HomeChat server already serves {database}. Stop it first."
        ) from None
    return lock


def _make_private(folder: Path) -> None:
    """Tighten only what we make, or an empty folder of ours: the setting may name a home by mistake."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if not status.st_mode & 0o077:
        return
    if status.st_uid == os.geteuid() and not any(folder.iterdir()):
        folder.chmod(0o700)
        return
    raise UnsafeFolderError(
        f"Other users of this machine can look into {folder}. Close it with: chmod 700 {folder}"
    )


def _refuse_readable_by_others(data_dir: Path, database: Path | None) -> None:
    file = open_to_others(data_dir, database)
    if file is not None:
        raise UnsafeFolderError(
            f"Other users of this machine can read {file}. Close it with: chmod 600 {file}"
        )


def _make_key(file: Path) -> None:
    """Two first starts at once must end with one key, and no reader may ever see half of it."""
    with _alone_in(file.parent):
        if not file.exists():
            _write(file, [new_key()])


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(file: Path, lines: list[str]) -> None:
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as new:
        new.write("".join(f"{line}\n" for line in lines))
        new.flush()
        os.fsync(new.fileno())
    os.replace(unfinished, file)
