"""Requests that are done once, however often a program sends them: what `Idempotency-Key` promises.

The key is stored in the very transaction in which the request writes. So whoever sends the same meanwhile, to another
process too, is undone, and a server that dies leaves either both or nothing. The answer is added when there is one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from homechat import clock
from homechat.accounts.token_models import KeptAnswer
from homechat.database import db, transaction
from homechat.errors import Conflict, HomeChatError, InProgress, Invalid, Unavailable
from homechat.security import field_encryption

KEPT_FOR = timedelta(hours=24)
AT_WORK = timedelta(seconds=60)  # Twice as long as a request may take.


class KeyMismatch(Invalid):
    """The key stands for another request."""

    code = "idempotency_mismatch"


class AnswerLost(Conflict):
    """It was begun, or done; how it ended nobody knows any more."""

    code = "answer_lost"


class Key(NamedTuple):
    """A key of one token's, and what it was sent with; both as SHA-256."""

    token_id: int
    digest: str
    request_digest: str


class Answer(NamedTuple):
    """What was answered. body: JSON."""

    status: int
    body: str


def find(key: Key) -> Answer | None:
    """Return what was answered to this request before, or None: it is new.

    Raises KeyMismatch, InProgress, AnswerLost.
    """
    row = _live(key, clock.now())
    if row is None:
        return None
    if row.request_digest != key.request_digest:
        raise KeyMismatch(
            _("This key stands for another request. Take a new key for each thing that you do.")
        )
    if row.status is not None and row.sealed_body is not None:
        with suppress(field_encryption.Unreadable):
            return Answer(row.status, field_encryption.unseal(row.sealed_body))
    elif clock.now() - row.created_at < AT_WORK:
        raise InProgress(_("This is being done right now. Ask again in a moment."))
    raise AnswerLost(
        _("This was begun, and the answer was lost. Look whether it is done, then take a new key.")
    )


class Claim:
    """A request that is being done under its key."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._row_id: int | None = None

    def write_along(self, session: Session) -> None:
        """Within a transaction, store the key. Raises what `find` does where somebody was faster."""
        if self._row_id is not None and session.get(KeptAnswer, self._row_id) is not None:
            return
        _forget_if_old(session, self._key)
        if find(self._key) is not None:
            raise InProgress(_("This is being done right now. Ask again in a moment."))
        row = KeptAnswer(
            token_id=self._key.token_id, key_digest=self._key.digest, request_digest=self._key.request_digest
        )
        session.add(row)
        session.flush()
        self._row_id = row.id

    def keep(self, answer: Answer) -> None:
        """Store the answer for whoever sends the same again. Where that can't be, they are told that it is lost."""
        with suppress(HomeChatError, field_encryption.Unreadable):
            sealed = field_encryption.seal(answer.body)
            with transaction() as session:
                self.write_along(session)
                row = session.get_one(KeptAnswer, self._row_id)
                row.status, row.sealed_body = answer.status, sealed

    def forget(self) -> None:
        """Let the same be sent again: it was refused."""
        if self._row_id is None:
            return
        with suppress(Unavailable), transaction() as session:
            session.execute(sa.delete(KeptAnswer).where(KeptAnswer.id == self._row_id))


def forget_old() -> int:
    """Delete the answers whose time is over; return how many."""
    is_old = KeptAnswer.created_at <= clock.now() - KEPT_FOR
    if db.session.scalar(sa.select(KeptAnswer.id).where(is_old).limit(1)) is None:
        return 0
    with transaction() as session:
        return len(session.scalars(sa.delete(KeptAnswer).where(is_old).returning(KeptAnswer.id)).all())


def _live(key: Key, at: datetime) -> KeptAnswer | None:
    row = db.session.scalar(_stored(key))
    return row if row is not None and at - row.created_at < KEPT_FOR else None


def _forget_if_old(session: Session, key: Key) -> None:
    row = session.scalar(_stored(key))
    if row is not None and clock.now() - row.created_at >= KEPT_FOR:
        session.delete(row)
        session.flush()


def _stored(key: Key) -> sa.Select[KeptAnswer]:
    return sa.select(KeptAnswer).where(
        KeptAnswer.token_id == key.token_id, KeptAnswer.key_digest == key.digest
    )
