"""Bytes on the disk: each file once, under the SHA-256 of what is in it, never under a name that anybody gave.

Nothing here knows Flask or the database; what takes long is meant for a native thread. A file comes into being on a
workbench beside the others, is written to the disk for good, and only then gets its name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO

from homechat import clock, data_folder

PIECE_BYTES = 1_048_576
# A backup copies the database first and the files after it; what it has read of must still be there a day later.
KEPT_AFTER_DELETION = timedelta(days=1)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ReceivedFile:
    """One file that somebody sends. name: as its sender calls it."""

    name: str
    stream: IO[bytes]


class TooManyBytesError(Exception):
    """There is more than was allowed."""


class Workbench:
    """A folder for one upload that is gone, with all in it, when the block ends."""

    def __init__(self, data_dir: Path) -> None:
        self._incoming = data_folder.incoming_dir(data_dir)

    def __enter__(self) -> Workbench:
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=self._incoming))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def source(self) -> Path:
        """What came in."""
        return self.folder / "source"

    @property
    def drawn(self) -> Path:
        """A picture drawn anew."""
        return self.folder / "drawn"

    @property
    def small(self) -> Path:
        """The same, small."""
        return self.folder / "small"

    def take(self, stream: IO[bytes], *, bytes_max: int) -> int:
        """Copy `stream` to `source` and return how many bytes there are. Raises TooManyBytesError."""
        size = 0
        with self.source.open("xb") as file:
            while piece := stream.read(PIECE_BYTES):
                size += len(piece)
                if size > bytes_max:
                    raise TooManyBytesError
                file.write(piece)
        return size


def head_of(file: Path, size: int) -> bytes:
    """Return the first `size` bytes."""
    with file.open("rb") as opened:
        return opened.read(size)


def path_of(data_dir: Path, sha256: str) -> Path:
    """Return where the bytes with this SHA-256 lie, or would. Raises ValueError for what is no SHA-256."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not the name of a file of ours")
    return data_folder.uploads_dir(data_dir) / sha256[:2] / sha256


def keep(data_dir: Path, file: Path) -> str:
    """Move `file` to where it stays, on the disk for good, and return its SHA-256. What is there already stays."""
    sha256 = _digest_of(file)
    place = path_of(data_dir, sha256)
    if _renewed(place):
        return sha256
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.chmod(0o600)
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
    os.replace(file, place)
    _sync_folder(place.parent)
    return sha256


def exists(data_dir: Path, sha256: str) -> bool:
    """Whether the bytes are there."""
    return path_of(data_dir, sha256).is_file()


def remove(data_dir: Path, sha256: str) -> None:
    """Take the bytes away; those that are not there are no error."""
    path_of(data_dir, sha256).unlink(missing_ok=True)


def old_files(data_dir: Path) -> Iterator[str]:
    """Yield the SHA-256 of all that nobody has stored for a day."""
    until = _a_day_ago()
    for folder in sorted(data_folder.uploads_dir(data_dir).glob("[0-9a-f][0-9a-f]")):
        for file in sorted(folder.iterdir()):
            if _SHA256.fullmatch(file.name) and file.stat().st_mtime < until:
                yield file.name


def is_old(data_dir: Path, sha256: str) -> bool:
    """Whether the bytes are there and nobody has stored them for a day."""
    try:
        modified = path_of(data_dir, sha256).stat().st_mtime
    except FileNotFoundError:
        return False
    return modified < _a_day_ago()


def clear_workbenches(data_dir: Path) -> None:
    """Take away what uploads left behind that were cut off a day ago or earlier."""
    until = _a_day_ago()
    incoming = data_folder.incoming_dir(data_dir)
    for left in incoming.iterdir() if incoming.is_dir() else ():
        if left.stat().st_mtime < until:
            shutil.rmtree(left, ignore_errors=True)


def has_room(data_dir: Path, *, free_percent: int, for_bytes: int = 0) -> bool:
    """Whether at least this share of the disk is free, and still is when `for_bytes` more have come.

    A folder that is not there yet has as much as its parent.
    """
    there = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    return (usage.free - for_bytes) * 100 >= usage.total * free_percent


def _a_day_ago() -> float:
    return (clock.now() - KEPT_AFTER_DELETION).timestamp()


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _renewed(place: Path) -> bool:
    """Whether the bytes are there; their day begins anew then."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
