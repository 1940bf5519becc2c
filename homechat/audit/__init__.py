"""The audit log: who did what, when, through which door. Append-only and hash-chained; never secrets or bodies.

`chain` writes it and proves that it is whole, `checking` says when that was last looked at, `finding` finds in it,
`exports` hand it out.
"""

from __future__ import annotations

from homechat.audit.chain import Break, erase_person, oldest_at, prune, record, verify, verify_newest
from homechat.audit.checking import Check, check, last_check
from homechat.audit.exports import FORMATS, export, fields_of
from homechat.audit.finding import PAGE, Filters, Found, entries, entries_about, search
from homechat.audit.models import Action, AuditChain, AuditLog

__all__ = [
    "FORMATS",
    "PAGE",
    "Action",
    "AuditChain",
    "AuditLog",
    "Break",
    "Check",
    "Filters",
    "Found",
    "check",
    "entries",
    "entries_about",
    "erase_person",
    "export",
    "fields_of",
    "last_check",
    "oldest_at",
    "prune",
    "record",
    "search",
    "verify",
    "verify_newest",
]
