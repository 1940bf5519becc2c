"""What is in a backup: the database, the keys of its secrets, every file that people share, and a list of it all.

A tar archive within an encrypted stream, written and read from end to end, never as a whole in memory. The list comes
last, because it has the SHA-256 of everything before it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _

from homechat.errors import Invalid
from homechat.operations.backups.sealing import Damaged, NoKeyFits, NotOurs, Opener, Sealer

FORMAT = 1
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
ENCRYPTION_KEYS = "encryption_keys"
MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 268_435_456
UPLOADS = "uploads/"
PIECE_BYTES = 1_048_576
_NAMES = re.compile(r"database\.(sqlite3|dump)|encryption_keys|manifest\.json|uploads/[0-9a-f]{64}")


class BadBackup(Invalid):
    """A backup that cannot be used, and why, in a sentence."""


@dataclass(frozen=True)
class Part:
    """One file of a backup."""

    name: str
    byte_size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself.

    created_at: ISO 8601 in UTC.  homechat: the version that made it.  revisions: those of the database.
    counts: rows by table.  missing: SHA-256 of files that messages have and the disk had not.
    """

    id: str
    created_at: str
    homechat: str
    database: str
    revisions: list[str]
    counts: dict[str, int]
    missing: list[str]
    parts: list[Part]
    format: int = FORMAT


class Packer:
    """Writes a backup to `target`; it is whole after `finish()`."""

    def __init__(self, target: IO[bytes], key: bytes) -> None:
        self._sealer = Sealer(target, key)
        self._tar = tarfile.open(  # type: ignore[call-overload]  # noqa: SIM115
            fileobj=self._sealer, mode="w|", format=tarfile.PAX_FORMAT
        )
        self.parts: list[Part] = []

    def add(self, name: str, source: IO[bytes], byte_size: int) -> None:
        """Take a file in. Raises OSError when there are fewer bytes than were said."""
        info = tarfile.TarInfo(name)
        info.size = byte_size
        read = _Digesting(source)
        self._tar.addfile(info, read)
        self.parts.append(Part(name, byte_size, read.sha256))

    def add_bytes(self, name: str, data: bytes) -> None:
        """Take a small file in."""
        self.add(name, io.BytesIO(data), len(data))

    def finish(self, manifest: Manifest) -> None:
        """Write the list and the end."""
        self.add_bytes(MANIFEST, json.dumps(asdict(manifest)).encode())
        self._tar.close()
        self._sealer.close()


def read_through(file: Path, keys: list[bytes], *, into: Path | None = None) -> Manifest:
    """Read a whole backup, compare every byte with what was written, and return its list.

    into: an empty folder for the files in it; None: they go nowhere.
    Raises BadBackup with a sentence; OSError.
    """
    with _sentences():
        with file.open("rb") as source:
            opener = Opener(source, keys)
            found, manifest = _read_parts(opener, into)
            opener.drain()
        if manifest is None or manifest.parts != found:
            raise Damaged("its list and what is in it differ")
        return manifest


def _read_parts(opener: Opener, into: Path | None) -> tuple[list[Part], Manifest | None]:
    found: list[Part] = []
    manifest = None
    with tarfile.open(fileobj=opener, mode="r|") as tar:  # type: ignore[call-overload]
        for info in tar:
            content = tar.extractfile(info)
            if content is None or not _NAMES.fullmatch(info.name) or manifest is not None:
                raise Damaged(f"there is no place for {info.name!r} in a backup")
            if info.name == MANIFEST:
                manifest = _manifest_from(content.read(MANIFEST_BYTES_MAX))
            else:
                found.append(_take_out(info, content, into))
    return found, manifest


def _take_out(info: tarfile.TarInfo, content: IO[bytes], into: Path | None) -> Part:
    """Read one file, and write it where it goes; its name was found to be one of ours."""
    digest = hashlib.sha256()
    with _place_for(into, info.name) as target:
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            if target is not None:
                target.write(piece)
    return Part(info.name, info.size, digest.hexdigest())


@contextmanager
def _place_for(into: Path | None, name: str) -> Iterator[IO[bytes] | None]:
    if into is None:
        yield None
        return
    place = into / name
    place.parent.mkdir(mode=0o700, exist_ok=True)
    with place.open("xb") as target:
        place.chmod(0o600)
        yield target


def _manifest_from(raw: bytes) -> Manifest:
    facts: dict[str, Any] = json.loads(raw)
    if facts.get("format") != FORMAT:
        raise NotOurs
    return Manifest(**{**facts, "parts": [Part(**part) for part in facts["parts"]]})


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except NotOurs as error:
        raise BadBackup(_("This file is no backup that this HomeChat can read.")) from error
    except NoKeyFits as error:
        raise WrongKey(
            _("This backup was made under another key. Give the key that was written down for it.")
        ) from error
    except (Damaged, tarfile.TarError, ValueError, TypeError, KeyError) as error:
        raise BadBackup(
            _("This backup is damaged: something in it was changed, or its end is missing. Use another one.")
        ) from error


class WrongKey(BadBackup):
    """None of the keys opens it."""


class _Digesting:
    """Reads on from a file and knows the SHA-256 of what went through."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._digest.update(data)
        return data
