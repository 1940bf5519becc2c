"""Everyone's own history: what they did and what was done to their account, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from homechat import audit
from homechat.accounts.device_names import device_name
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.audit import Action, AuditLog
from homechat.database import db
from homechat.household.account_sentences import LOCKED_BY_GUESSING, SENTENCES
from homechat.household.log_words import is_at_the_doorstep, name_of, nobody_at, note_on_account, people_in
from homechat.rooms.models import Room
from homechat.rooms.queries import room_ids_of

ENTRIES = 30
# A newcomer has no account yet while they make one, and the first person none while they found the house.
MADE_ON_THE_DOORSTEP = frozenset({Action.HOUSE_FOUNDED, Action.PERSON_CREATED})


@dataclass(frozen=True)
class Happening:
    """One entry as its reader sees it.

    note: more about it; empty, or what a room is called.  device, address: empty when they are somebody else's.
    is_own: they did it themselves.
    """

    at: datetime
    sentence: str
    note: str
    device: str
    address: str
    is_own: bool


@dataclass(frozen=True)
class History:
    """A page of it, the newest first. older_than: the number to ask for the next page with; None at the end."""

    happenings: list[Happening]
    older_than: int | None


def own_history(actor: Actor, *, before: int | None = None) -> History:
    """Return a page of what the actor did and what was done to their account. before: an entry's number."""
    found = audit.entries_about(actor.person_id, before=before, limit=ENTRIES)
    people = people_in(found.entries)
    rooms = _rooms_in(actor, found.entries)
    happenings = [_happening(row, actor.person_id, people, rooms) for row in found.entries]
    return History(happenings, found.entries[-1].id if found.has_more else None)


def _happening(row: AuditLog, reader_id: int, people: dict[int, User], rooms: dict[str, str]) -> Happening:
    is_own = row.actor_id == reader_id
    # Where nobody was signed in it is what tells a stranger's attempt from one's own.
    is_shown = is_own or row.actor_id is None
    user_agent = (row.user_agent or "") if is_shown else ""
    return Happening(
        at=row.at,
        sentence=_sentence(row, reader_id, people),
        note=rooms.get(row.subject) or _note(row),
        device=device_name(user_agent) if user_agent else "",
        address=(row.address or "") if is_shown else "",
        is_own=is_own,
    )


def _sentence(row: AuditLog, reader_id: int, people: dict[int, User]) -> str:
    action = Action(row.action)
    sentences = SENTENCES[action]
    if row.actor_id == reader_id:
        if row.person_id in (None, reader_id) or sentences.other is None:
            return str(sentences.mine)
        return str(sentences.other) % {"whom": name_of(people.get(row.person_id))}
    if is_at_the_doorstep(row):
        if action in MADE_ON_THE_DOORSTEP:
            return str(sentences.mine)
        if action is Action.ACCOUNT_LOCKED:
            return str(LOCKED_BY_GUESSING)
    return str(sentences.by) % {"who": _who(row, people)}


def _who(row: AuditLog, people: dict[int, User]) -> str:
    if row.actor_id is not None:
        person = people.get(row.actor_id)
        if person is not None and person.erased_at is None and person.role == Role.ADMIN:
            return _("%(name)s, who runs the house,", name=person.display_name)
        return name_of(person)
    return nobody_at(row.door)


def _note(row: AuditLog) -> str:
    """Return what the detail has to add; nothing once it was blanked."""
    detail = row.detail or {}
    if row.action == Action.RECOVERY_CODE_USED and isinstance(detail.get("left"), int):
        return ngettext("%(num)d recovery code left", "%(num)d recovery codes left", detail["left"])
    return note_on_account(row)


def _rooms_in(actor: Actor, rows: Iterable[AuditLog]) -> dict[str, str]:
    """Return what rooms are called, by subject: only those the actor is in, who may have been put out of others."""
    mine = {f"room:{room_id}": room_id for room_id in room_ids_of(actor.person_id)}
    ids = {mine[row.subject] for row in rows if row.subject in mine}
    return {
        f"room:{room.id}": room.name for room in db.session.scalars(sa.select(Room).where(Room.id.in_(ids)))
    }
