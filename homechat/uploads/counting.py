"""How many files people share, and how large they are together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import current_app

from homechat import clock
from homechat.database import db
from homechat.uploads.models import Upload

KEPT_FOR = timedelta(minutes=5)
_KEPT = "homechat_shared_files"


@dataclass(frozen=True)
class Shared:
    """What people shared and nobody has deleted, as of one moment; a file that was sent twice counts twice."""

    files: int
    byte_size: int
    at: datetime


def shared_files() -> Shared:
    """Return how much there is, as of five minutes ago at most: to count it, the whole table is read."""
    kept: Shared | None = current_app.extensions.get(_KEPT)
    if kept is None or not kept.at <= clock.now() < kept.at + KEPT_FOR:
        size = sa.func.coalesce(sa.func.sum(Upload.byte_size), 0)
        query = sa.select(sa.func.count(), size).where(Upload.deleted_at.is_(None))
        files, byte_size = db.session.execute(query).one()
        kept = current_app.extensions[_KEPT] = Shared(files, int(byte_size), clock.now())
    return kept
