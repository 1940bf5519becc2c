"""Handing the log out: as JSON lines for programs, as CSV for spreadsheets. Handing it out is itself written down."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from homechat import clock
from homechat.actor import Actor
from homechat.audit.chain import record
from homechat.audit.finding import Filters, count, newest_id, require_reader, walk
from homechat.audit.models import Action, AuditLog
from homechat.text import escaped

Fields = dict[str, Any]

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), with the wide forms of East Asia.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def export(actor: Actor, filters: Filters, *, form: str, names: Mapping[int, str]) -> Iterator[str]:
    """Return the text of all entries that fit, the oldest first, piece by piece, each read when it is asked for.

    form: a key of FORMATS.  names: what people are called, by their number.
    The export is written down, with how many entries it has, before the first piece of it exists.
    Raises NotFound for everybody but admins and the operator.
    """
    require_reader(actor)
    up_to = newest_id()
    rows = count(filters, up_to=up_to)
    record(actor, Action.EXPORT, detail={"what": "audit_log", "rows": rows})
    return _pieces(filters, up_to, FORMATS[form], names)


def fields_of(row: AuditLog, names: Mapping[int, str]) -> Fields:
    """Return an entry as plain values: `actor` and `about` are names where they are known, next to the numbers."""
    person_id = row.person_id
    return {
        "id": row.id,
        "at": clock.as_iso(row.at),
        "action": row.action,
        "actor_id": row.actor_id,
        "actor": names.get(row.actor_id) if row.actor_id is not None else None,
        "door": row.door,
        "subject": row.subject,
        "about_id": person_id,
        "about": names.get(person_id) if person_id is not None else None,
        "address": row.address,
        "user_agent": row.user_agent,
        "detail": row.detail,
    }


def _pieces(
    filters: Filters, up_to: int, form: Callable[[Sequence[Fields]], str], names: Mapping[int, str]
) -> Iterator[str]:
    yield form([])
    for batch in walk(filters, up_to=up_to):
        yield form([fields_of(row, names) for row in batch])


def _json_lines(rows: Sequence[Fields]) -> str:
    """ASCII only, so that nothing anybody called themselves can begin a line of its own."""
    return "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)


def _csv_lines(rows: Sequence[Fields]) -> str:
    """The heading where there are no rows: that is how a file begins."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if not rows:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """Return a value as text that a spreadsheet shows and does not calculate, in one line."""
    text = "" if value is None else json.dumps(value) if isinstance(value, dict) else str(value)
    is_formula = text.lstrip(" ").startswith(FORMULA_STARTS)
    return f"'{escaped(text)}" if is_formula else escaped(text)


COLUMNS = (
    "id",
    "at",
    "action",
    "actor_id",
    "actor",
    "door",
    "subject",
    "about_id",
    "about",
    "address",
    "user_agent",
    "detail",
)
FORMATS: dict[str, Callable[[Sequence[Fields]], str]] = {"jsonl": _json_lines, "csv": _csv_lines}
