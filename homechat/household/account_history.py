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
from homechat.actor import Actor, Door, Role
from homechat.audit import Action, AuditLog
from homechat.database import db
from homechat.household.account_sentences import LOCKED_BY_GUESSING, SENTENCES
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
    people = _people_in(found.entries)
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
        return str(sentences.other) % {"whom": _name(people.get(row.person_id))}
    if row.actor_id is None and _is_at_the_doorstep(row):
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
        return _name(person)
    if row.door == Door.CLI:
        return _("Whoever looks after the server")
    if row.door == Door.SYSTEM:
        return _("The house itself")
    return _("Somebody")


def _is_at_the_doorstep(row: AuditLog) -> bool:
    return row.door not in (Door.CLI, Door.SYSTEM)


def _name(person: User | None) -> str:
    if person is None or person.erased_at is not None:
        return _("Someone who left")
    return person.display_name


def _note(row: AuditLog) -> str:
    """Return what the detail has to add; nothing once it was blanked."""
    detail = row.detail or {}
    if row.action == Action.RECOVERY_CODE_USED and isinstance(detail.get("left"), int):
        return ngettext("%(num)d recovery code left", "%(num)d recovery codes left", detail["left"])
    if row.action == Action.ACCOUNT_LOCKED and isinstance(detail.get("minutes"), int):
        return ngettext("for %(num)d minute", "for %(num)d minutes", detail["minutes"])
    if row.action == Action.ROLE_CHANGE:
        return _role_words().get(detail.get("to", ""), "")
    return ""


def _role_words() -> dict[str, str]:
    return {
        Role.ADMIN: _("runs the house"),
        Role.MEMBER: _("Family"),
        Role.GUEST: _("Guest"),
        Role.BOT: _("bot"),
    }


def _people_in(rows: Iterable[AuditLog]) -> dict[int, User]:
    ids = {number for row in rows for number in (row.actor_id, row.person_id) if number is not None}
    return {person.id: person for person in db.session.scalars(sa.select(User).where(User.id.in_(ids)))}


def _rooms_in(actor: Actor, rows: Iterable[AuditLog]) -> dict[str, str]:
    """Return what rooms are called, by subject: only those the actor is in, who may have been put out of others."""
    mine = {f"room:{room_id}": room_id for room_id in room_ids_of(actor.person_id)}
    ids = {mine[row.subject] for row in rows if row.subject in mine}
    return {
        f"room:{room.id}": room.name for room in db.session.scalars(sa.select(Room).where(Room.id.in_(ids)))
    }
