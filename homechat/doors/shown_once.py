"""Secrets that a page shows once: from the request that makes one, over a redirect, to the page that shows it.

Were the page the answer to the form itself, reloading it would make another. So the secret travels sealed in the form
cookie of this browser: any process can open it, and nobody else can read it. A row says whether it was shown already,
for a cookie cannot be taken back. To another sign-in, or ten minutes later, it is worth nothing.
"""

from __future__ import annotations

import json

from flask import request, session

from homechat.accounts import challenges
from homechat.accounts.proof_models import Purpose
from homechat.database import transaction
from homechat.doors.people import current_actor
from homechat.errors import Unauthenticated
from homechat.security import field_encryption

_KEPT = "shown_once"


def keep(about: str, secret: str) -> None:
    """Have the next page that is about `about` show `secret`, in this browser and for this sign-in alone.

    In the transaction that makes it: what nobody can be shown shall not be there.
    """
    actor = current_actor()
    ticket = challenges.pose(Purpose.SHOWN_ONCE, user_id=actor.user_id)
    session[_KEPT] = field_encryption.seal(json.dumps([about, actor.session_id, ticket, secret]))


def take(about: str) -> str | None:
    """Return the secret that is kept for the page about `about`, and forget it; None where there is none any more.

    Whoever only asks for the head of the page takes nothing. Of two that were made at once, in two tabs, one is kept.
    """
    if _KEPT not in session or request.method != "GET":
        return None
    try:
        kept_about, session_id, ticket, secret = json.loads(field_encryption.unseal(session[_KEPT]))
    except field_encryption.Unreadable:
        del session[_KEPT]
        return None
    if kept_about != about:
        return None
    del session[_KEPT]
    is_ours = session_id == current_actor().session_id
    return str(secret) if is_ours and _is_first_look(ticket) else None


def _is_first_look(ticket: str) -> bool:
    try:
        with transaction():
            challenges.spend(challenges.posed(ticket, Purpose.SHOWN_ONCE))
    except Unauthenticated:
        return False
    return True
