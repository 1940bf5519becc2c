"""Showing once more who one is: before what a borrowed, unlocked phone should not be enough for."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _

from homechat import clock
from homechat.accounts.models import LoginSession
from homechat.actor import Actor, Door
from homechat.database import db
from homechat.errors import StepUpNeeded

FRESH_FOR = timedelta(minutes=15)


def is_fresh(actor: Actor) -> bool:
    """Whether the actor showed who they are within FRESH_FOR.

    The operator has the whole box, also where they act in somebody's name, and a token the scopes that it was given:
    neither has anything to show here.
    """
    if actor.door in (Door.CLI, Door.SYSTEM, Door.API):
        return True
    if actor.session_id is None:
        return False
    row = db.session.get(LoginSession, actor.session_id)
    return row is not None and row.proved_at is not None and clock.now() - row.proved_at < FRESH_FOR


def require(actor: Actor) -> None:
    """Raise StepUpNeeded unless the actor showed who they are a short while ago."""
    if not is_fresh(actor):
        raise StepUpNeeded(_("Please show once more that it is you."))
