"""Closing the house in an emergency and opening it again, by a script.

A token that `tokens` or `all` stops is refused before it comes here, like at every other address: it cannot lift what
it started.
"""

from __future__ import annotations

from marshmallow import RAISE, fields, validate

from homechat.actor import Actor
from homechat.api.endpoints import Json, endpoint
from homechat.api.shapes import Described, Moment, Shape, Success
from homechat.doors.shapes import Number, Text, YesOrNo
from homechat.lockdown import Kind
from homechat.operations import lockdown as closing
from homechat.operations.lockdown_data import in_force_data, outcome_data, signing_out_data, status_data
from homechat.security.policy import Scope


class Closing(Described):
    """What to close, for how many hours and why."""

    ABOUT = {
        "kind": "`tokens`, `users` (people but admins), `admin_only`, `all`; or `sessions`: everybody out, once.",
        "hours": "For how long; 24 unless you say.",
        "reason": "Why; people are told.",
        "dry_run": "`true`: only say what would happen.",
    }

    class Meta:
        unknown = RAISE  # A `dry_run` that somebody misspelled must not close the house.

    kind = Text(required=True, validate=validate.OneOf([*Kind, closing.SESSIONS]))
    hours = Number(load_default=closing.DEFAULT_HOURS)
    reason = Text(load_default="")
    dry_run = YesOrNo(load_default=False)


class Lockdown(Shape):
    """One that is in force."""

    ABOUT = {
        "kind": "What is closed: `tokens`, `users`, `admin_only` or `all`.",
        "reason": "Why; may be empty.",
        "started_at": "Since when.",
        "until": "Until when.",
        "started_by": "The number of whoever began it; null: whoever has the shell.",
    }

    id = Number()
    kind = Text()
    reason = Text()
    started_at = Moment()
    until = Moment()
    started_by = Number(allow_none=True)


class Reach(Shape):
    """How many it concerns, and how many admins can still come in."""

    ABOUT = {
        "people": "How many people it concerns.",
        "devices": "How many devices.",
        "windows": "How many open windows.",
        "tokens": "How many tokens.",
        "admins": "How many admins can still come in.",
    }

    people = Number()
    devices = Number()
    windows = Number()
    tokens = Number()
    admins = Number()


class Standing(Reach):
    """What is closed now, and whom that concerns altogether."""

    in_force = fields.List(fields.Nested(Lockdown))


class Closed(Success, Reach):
    """What was done, or with `dry_run` would be. `sessions` begins and ends at once: it says less."""

    ABOUT = {
        "kind": "What is closed: `tokens`, `users`, `admin_only`, `all`; or `sessions`.",
        "dry_run": "`true`: nothing was done.",
        "is_new": "`false`: it was closed already.",
        "reason": "Why.",
        "until": "Until when.",
        "signed_out": "How many devices were signed out, or would be.",
    }

    OPTIONAL = frozenset({"is_new", "reason", "until", "devices", "tokens", "admins"})

    kind = Text()
    dry_run = YesOrNo()
    is_new = YesOrNo()
    reason = Text()
    until = Moment()
    signed_out = Number()


class Lifted(Success):
    lifted = fields.List(fields.Nested(Lockdown))


@endpoint("GET", "/lockdown", needs=Scope.ADMIN_READ, gives=Standing)
def lockdown(actor: Actor, data: Json) -> Json:
    """What is closed, why, by whom and until when."""
    return status_data(closing.status())


@endpoint(
    "POST",
    "/lockdown",
    needs=Scope.ADMIN_WRITE,
    takes=Closing,
    gives=Closed,
    creates=True,
    example={"kind": "users", "hours": 24, "reason": "A phone is lost", "dry_run": True},
)
def start_lockdown(actor: Actor, data: Json) -> Json:
    """Close the house, or part of it, for some hours."""
    reason, dry_run = data["reason"], data["dry_run"]
    if data["kind"] == closing.SESSIONS:
        count, reach = closing.sign_everybody_out(actor, reason=reason, dry_run=dry_run)
        return {"success": True, **signing_out_data(count, reach, dry_run=dry_run)}
    kind = Kind(data["kind"])
    outcome = closing.start(actor, kind, hours=data["hours"], reason=reason, dry_run=dry_run)
    return {"success": True, **outcome_data(outcome, dry_run=dry_run)}


@endpoint("DELETE", "/lockdown", needs=Scope.ADMIN_WRITE, gives=Lifted)
def lift_lockdown(actor: Actor, data: Json) -> Json:
    """Open the house again."""
    return {"success": True, "lifted": [in_force_data(each) for each in closing.lift(actor)]}
