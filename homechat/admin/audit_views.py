"""The audit log: finding in it, taking it out, and looking whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, request, stream_with_context
from flask_babel import get_timezone
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.accounts.queries import everyone
from homechat.actor import Door
from homechat.admin.log_lines import action_choices, door_choices, lines_of
from homechat.admin.panel import Page, blueprint, page
from homechat.audit import Action, Break, Filters
from homechat.doors.forms import is_unstorable, query_number
from homechat.doors.people import current_actor
from homechat.errors import Invalid
from homechat.household.log_reading import export_log, read_log
from homechat.text import is_number

ENTRIES = 30
NOBODY = "nobody"
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for, as they typed it, and what it means. errors: what makes no sense is left out."""

    typed: dict[str, str]
    filters: Filters
    errors: dict[str, str] = field(default_factory=dict)


@blueprint.get("/audit")
def audit_log() -> Page:
    return _audit_page()


@blueprint.post("/audit/check")
def check_audit_log() -> Page:
    broken = audit.check(current_actor())
    return _audit_page(checked=True, broken=broken)


@blueprint.post("/audit/export")
def export_audit_log() -> Page:
    wanted = _wanted()
    if wanted.errors:
        raise Invalid(_("Please look at the fields below once more."), fields=wanted.errors)
    form = request.form.get("format", "")
    if form not in audit.FORMATS:
        raise Invalid(_("Choose one of: %(choices)s", choices=", ".join(audit.FORMATS)))
    pieces = export_log(current_actor(), wanted.filters, form=form)
    name = f"homechat-audit-{clock.now():%Y-%m-%d}.{form}"
    return Response(
        stream_with_context(pieces),
        mimetype=TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _audit_page(*, checked: bool = False, broken: Break | None = None) -> str:
    wanted = _wanted()
    before = query_number("before")
    found = read_log(current_actor(), wanted.filters, before=before, limit=ENTRIES)
    return page(
        "audit",
        lines=lines_of(found.entries),
        older_than=found.entries[-1].id if found.has_more else None,
        is_newest=before is None,
        actions=action_choices(),
        doors=door_choices(),
        people=everyone(),
        form=wanted.typed,
        errors=wanted.errors,
        checked=checked,
        broken=broken,
        last_check=audit.last_check(),
    )


def _wanted() -> Wanted:
    """Return what the address or the form says."""
    names = ("action", "person", "door", "address", "since", "until")
    typed = {name: _plain(request.values.get(name, "")) for name in names}
    typed = {name: text for name, text in typed.items() if text}
    errors: dict[str, str] = {}
    person = typed.get("person", "")
    return Wanted(
        typed,
        Filters(
            action=next((each for each in Action if each == typed.get("action")), None),
            actor_id=0 if person == NOBODY else None,
            about_id=int(person) if is_number(person) else None,
            door=next((each for each in Door if each == typed.get("door")), None),
            address=typed.get("address", ""),
            since=_begin_of("since", typed, errors),
            until=_begin_of("until", typed, errors, days_later=1),
        ),
        errors,
    )


def _begin_of(
    name: str, typed: dict[str, str], errors: dict[str, str], *, days_later: int = 0
) -> datetime | None:
    """Return when a day begins where the reader lives, or None where none was typed."""
    if name not in typed:
        return None
    try:
        day = date.fromisoformat(typed[name]) + timedelta(days=days_later)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(str(get_timezone() or "UTC")))
    except (ValueError, OverflowError):
        del typed[name]  # A browser's field for days shows nothing else.
        errors[name] = _("Write a day like 2026-11-21.")
        return None


def _plain(text: str) -> str:
    return "" if is_unstorable(text) else text.strip()[:100]
