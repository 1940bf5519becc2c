"""The audit log: who did what, when, through which door. Append-only and hash-chained; never secrets or bodies.

`chain` writes it and proves that it is whole, `finding` finds in it, `exports` hand it out.
"""

from __future__ import annotations

from homechat.audit.chain import Break, erase_person, oldest_at, prune, record, verify
from homechat.audit.exports import FORMATS, export, fields_of
from homechat.audit.finding import Filters, Found, entries, entries_about, search
from homechat.audit.models import Action, AuditChain, AuditLog

__all__ = [
    "FORMATS",
    "Action",
    "AuditChain",
    "AuditLog",
    "Break",
    "Filters",
    "Found",
    "entries",
    "entries_about",
    "erase_person",
    "export",
    "fields_of",
    "oldest_at",
    "prune",
    "record",
    "search",
    "verify",
]
