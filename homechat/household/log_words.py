"""What the log is told in, to everyone about themselves and to those who run the house: names, roles, and nobodies."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from homechat.accounts.models import User
from homechat.actor import Door, Role
from homechat.audit import Action, AuditLog
from homechat.database import db


def people_in(rows: Iterable[AuditLog]) -> dict[int, User]:
    """Return whoever did something in these entries, and whom it was about, by their number."""
    ids = {number for row in rows for number in (row.actor_id, row.person_id) if number is not None}
    return {person.id: person for person in db.session.scalars(sa.select(User).where(User.id.in_(ids)))}


def name_of(person: User | None) -> str:
    """Return what somebody is called, as long as they live here."""
    if person is None or person.erased_at is not None:
        return _("Someone who left")
    return person.display_name


def nobody_at(door: str) -> str:
    """Return who it was that did something through `door` without being signed in."""
    if door == Door.CLI:
        return _("Whoever looks after the server")
    if door == Door.SYSTEM:
        return _("The house itself")
    return _("Somebody")


def is_at_the_doorstep(row: AuditLog) -> bool:
    """Whether somebody did it who was not, or not yet, signed in: a stranger, or who was coming in."""
    return row.actor_id is None and row.door not in (Door.CLI, Door.SYSTEM)


def role_words() -> dict[str, str]:
    """Return what each role is called."""
    return {
        Role.ADMIN: _("Runs the house"),
        Role.MEMBER: _("Family"),
        Role.GUEST: _("Guest"),
        Role.BOT: _("Bot"),
    }


def note_on_account(row: AuditLog) -> str:
    """Return what the detail adds to another role, and to a lock that ends by itself; nothing once it was blanked."""
    detail = row.detail or {}
    if row.action == Action.ROLE_CHANGE:
        return role_words().get(detail.get("to", ""), "")
    if row.action == Action.ACCOUNT_LOCKED and isinstance(detail.get("minutes"), int):
        return ngettext("for %(num)d minute", "for %(num)d minutes", detail["minutes"])
    return ""
