"""Make and check the folder that holds a house: private to one user, with a secret key made once.

Nothing here reads settings or knows Flask; `config.prepare` calls it.
"""

import fcntl
import os
import secrets
import stat
from pathlib import Path

from homechat.config_fields import CannotStartError

SECRET_KEY_BYTES = 32


class UnsafeFolderError(CannotStartError):
    """The data folder cannot be used as it is."""


def ensure(data_dir: Path, *, database: Path | None, wants_secret_key: bool) -> None:
    """Make `data_dir` and its `secrets/` (both 0700), and the secret key (0600) if wanted and absent.

    database: the SQLite file, which need not exist, or None.
    Raises UnsafeFolderError if something there is open to other users of the machine or cannot be made.
    """
    try:
        _make_private(data_dir)
        _make_private(secrets_dir(data_dir))
        _refuse_readable_by_others(data_dir, database)
        if wants_secret_key:
            _make_secret_key(data_dir)
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
    databases = database.parent.glob(f"{database.name}*") if database else ()
    for file in [*databases, *secrets_dir(data_dir).iterdir()]:
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:  # another start just finished its key
            continue
        if stat.S_ISREG(mode) and mode & 0o077:
            raise UnsafeFolderError(
                f"Other users of this machine can read {file}. Close it with: chmod 600 {file}"
            )


def _make_secret_key(data_dir: Path) -> None:
    """Two first starts at once must end with one key, and no reader may ever see half of it."""
    folder = os.open(secrets_dir(data_dir), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if secret_key_file(data_dir).exists():
            return
        unfinished = secrets_dir(data_dir) / "secret_key.new"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, secret_key_file(data_dir))
        os.fsync(folder)
    finally:
        os.close(folder)
