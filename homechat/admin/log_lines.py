"""Entries of the audit log as pages of the panel show them: a sentence, and the row itself for who wants it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from homechat import audit
from homechat.accounts.device_names import device_name
from homechat.accounts.models import User
from homechat.accounts.queries import usernames
from homechat.actor import Door
from homechat.admin.log_sentences import LOCKED_BY_GUESSING, MOVED_IN, SENTENCES, SIGNED_OUT_EVERYWHERE
from homechat.audit import Action, AuditLog
from homechat.database import db
from homechat.household.log_words import is_at_the_doorstep, name_of, nobody_at, note_on_account, people_in
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind

ALARMING = frozenset(
    {
        Action.LOGIN_FAILED,
        Action.TWO_FACTOR_FAILED,
        Action.ACCOUNT_LOCKED,
        Action.LOCKDOWN,
        Action.TWO_FACTOR_DISABLED,
    }
)


@dataclass(frozen=True)
class LogLine:
    """One entry. note: what there is to say besides.  row: its fields as they are stored, as text."""

    id: int
    at: datetime
    sentence: str
    note: str
    door: str
    address: str
    device: str
    is_alarming: bool
    row: list[tuple[str, str]]


def lines_of(rows: Iterable[AuditLog]) -> list[LogLine]:
    """Return entries as lines, in their order. Of rooms only the public ones are called by their names."""
    entries = list(rows)
    people = people_in(entries)
    rooms = _public_rooms_in(entries)
    names = usernames()
    return [_line(row, people, rooms, names) for row in entries]


def action_choices() -> list[tuple[str, str]]:
    """Return every action with what it is called, by that name."""
    choices = [(action.value, str(sentences.name)) for action, sentences in SENTENCES.items()]
    return sorted(choices, key=lambda choice: choice[1].casefold())


def door_choices() -> list[tuple[str, str]]:
    """Return every door with what it is called."""
    return [(door.value, words) for door, words in _door_words().items()]


def _line(row: AuditLog, people: dict[int, User], rooms: dict[str, str], names: dict[int, str]) -> LogLine:
    fields = audit.fields_of(row, names)
    return LogLine(
        id=row.id,
        at=row.at,
        sentence=_sentence(row, people),
        note=_note(row, rooms),
        door=_door_words()[Door(row.door)],
        address=row.address or "",
        device=device_name(row.user_agent) if row.user_agent else "",
        is_alarming=Action(row.action) in ALARMING,
        row=[(key, _as_text(value)) for key, value in fields.items() if value not in (None, "", {})],
    )


def _sentence(row: AuditLog, people: dict[int, User]) -> str:
    sentences = SENTENCES[Action(row.action)]
    who = _who(row, people)
    if row.person_id in (None, row.actor_id) or sentences.to is None:
        return str(sentences.alone) % {"who": who}
    sentence = sentences.to
    if is_at_the_doorstep(row):
        sentence = {Action.ACCOUNT_LOCKED: LOCKED_BY_GUESSING, Action.PERSON_CREATED: MOVED_IN}.get(
            Action(row.action), sentence
        )
    if row.action == Action.ADMIN_ACTION and (row.detail or {}).get("what") == "sign_out":
        sentence = SIGNED_OUT_EVERYWHERE
    return str(sentence) % {"who": who, "whom": name_of(people.get(row.person_id or 0))}


def _who(row: AuditLog, people: dict[int, User]) -> str:
    if row.actor_id is not None:
        return name_of(people.get(row.actor_id))
    return nobody_at(row.door)


def _note(row: AuditLog, rooms: dict[str, str]) -> str:
    """Return what the detail has to add; nothing once it was blanked."""
    detail = row.detail or {}
    match row.action:
        case Action.ROLE_CHANGE | Action.ACCOUNT_LOCKED:
            return note_on_account(row)
        case Action.SETTINGS_CHANGE:
            return f"{row.subject.partition(':')[2]}: {_as_text(detail.get('value', ''))}"
        case Action.API_REQUEST if isinstance(detail.get("reads"), int):
            return ngettext("%(num)d thing read", "%(num)d things read", detail["reads"])
        case Action.API_REQUEST:
            return f"{detail.get('method', '')} {detail.get('route', '')}".strip()
        case Action.RESET_LINK_CREATED if detail.get("clears_two_factor"):
            return _("It takes the second step away, too.")
        case Action.AUDIT_CHECKED if detail:
            return _("It was.") if detail.get("whole") else _("It was not.")
        case Action.BACKUP if detail:
            return _note_on_backup(detail)
        case Action.LOCKDOWN:
            return str(detail.get("reason") or "")
    return rooms.get(row.subject, "")


def _note_on_backup(detail: dict[str, Any]) -> str:
    if detail.get("result") != "done":
        return _("It failed.")
    return {
        "made": _("It was made."),
        "verified": _("It was read through, and is whole."),
        "proven": _("It was restored on trial, and all was there."),
    }.get(str(detail.get("what")), "")


def _door_words() -> dict[Door, str]:
    return {
        Door.PAGE: _("a browser"),
        Door.SOCKET: _("a live connection"),
        Door.API: _("a program"),
        Door.CLI: _("the server's shell"),
        Door.SYSTEM: _("by itself"),
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _public_rooms_in(rows: list[AuditLog]) -> dict[str, str]:
    ids = {int(row.subject[5:]) for row in rows if row.subject.startswith("room:")}
    query = sa.select(Room.id, Room.name).where(Room.id.in_(ids), Room.kind == RoomKind.PUBLIC)
    return {f"room:{room_id}": name for room_id, name in db.session.execute(query)}
