"""Watching over the house: numbers, checks and alerts, for the programs of who runs it."""

from __future__ import annotations

from flask import Response, request
from marshmallow import fields, validate

from homechat import clock
from homechat.actor import Actor
from homechat.api.endpoints import Json, endpoint
from homechat.api.replies import unless_known
from homechat.api.shapes import Moment, Shape
from homechat.doors.shapes import Number, Text, YesOrNo
from homechat.operations.alerts import Level, alerts
from homechat.operations.checks import Status, checks
from homechat.operations.prometheus import CONTENT_TYPE, text_of
from homechat.operations.security_numbers import security_numbers
from homechat.operations.totals import totals
from homechat.security.policy import Scope

JSON_OR_TEXT = ("application/json", "text/plain", "text/plain; version=0.0.4")


class SharedFiles(Shape):
    """Files that are shared."""

    ABOUT = {
        "count": "How many.",
        "bytes": "How much they have together.",
    }

    count = Number()
    bytes = Number()


class Metrics(Shape):
    """The house in numbers."""

    ABOUT = {
        "version": "Of HomeChat.",
        "database": "`sqlite` or `postgresql`.",
        "uptime_seconds": "How long this process has been running.",
        "people": "How many, by their standing.",
        "bots": "How many.",
        "people_online": "How many are here right now.",
        "sockets": "How many windows and programs are connected.",
        "rooms": "How many, by their kind.",
        "messages": "How many.",
        "deliveries": "How many to bots, by their state.",
        "database_bytes": "How big the database is.",
        "memory_bytes": "How much memory this process has.",
        "requests": "How many were answered, by their status.",
        "loop_stalls": "How often something held everybody up; null: there is no loop here.",
    }

    version = Text()
    database = Text()
    uptime_seconds = Number()
    people = fields.Dict(keys=Text(), values=Number())
    bots = Number()
    people_online = Number()
    sockets = Number()
    rooms = fields.Dict(keys=Text(), values=Number())
    messages = Number()
    files = fields.Nested(SharedFiles)
    deliveries = fields.Dict(keys=Text(), values=Number())
    database_bytes = Number()
    memory_bytes = Number()
    requests = fields.Dict(keys=Text(), values=Number())
    loop_stalls = Number(allow_none=True)


class Check(Shape):
    """What a check found."""

    ABOUT = {
        "status": "`pass`, `warn` (have a look at it) or `fail`.",
        "message": "The same in a sentence.",
    }

    status = Text(validate=validate.OneOf([*Status]))
    message = Text()


class DetailedHealth(Shape):
    """Whether the house is in good order."""

    ABOUT = {
        "healthy": "Whether no check fails.",
        "status": "`healthy`, `degraded` (a check warns) or `unhealthy` (one fails).",
        "checks": "What each check found, by its name.",
    }

    healthy = YesOrNo()
    status = Text(validate=validate.OneOf(["healthy", "degraded", "unhealthy"]))
    checks = fields.Dict(keys=Text(), values=fields.Nested(Check))


class SecurityMetrics(Shape):
    """How safe the house is."""

    ABOUT = {
        "people": "How many accounts there are.",
        "locked": "How many of them are locked.",
        "locked_out": "How many are locked for a while, by wrong guesses.",
        "second_steps": "How many people have a second step.",
        "admins_without_second_step": "How many admins have none.",
        "devices": "How many devices are signed in.",
        "tokens": "How many tokens work.",
        "failed_sign_ins_last_day": "How many since yesterday at this time.",
        "lockdowns_in_force": "How many.",
        "alerts": "How many want a look.",
        "audit_checked_at": "When somebody last looked whether the log is whole; null: never.",
        "audit_whole": "What they found; null: nobody has looked.",
    }

    people = Number()
    locked = Number()
    locked_out = Number()
    second_steps = Number()
    admins_without_second_step = Number()
    devices = Number()
    tokens = Number()
    failed_sign_ins_last_day = Number()
    lockdowns_in_force = Number()
    alerts = Number()
    audit_checked_at = Moment(allow_none=True)
    audit_whole = YesOrNo(allow_none=True)


class Alert(Shape):
    """Something to look at."""

    ABOUT = {
        "code": "What it is, in a word.",
        "level": "`critical`: look now. `warning`: look soon.",
        "message": "The same in a sentence.",
        "about": "An address, or a token as `token:7`; null: nothing of the kind.",
        "count": "How many; null: it is not counted.",
    }

    code = Text()
    level = Text(validate=validate.OneOf([*Level]))
    message = Text()
    about = Text(allow_none=True)
    count = Number(allow_none=True)


class Alerts(Shape):
    """What is to be looked at, the critical first."""

    alerts = fields.List(fields.Nested(Alert))


@endpoint("GET", "/health/detailed", needs=Scope.ADMIN_READ, gives=DetailedHealth)
def health_detailed(actor: Actor, data: Json) -> Json:
    """Whether the house is in good order, check by check."""
    found = checks(actor)
    statuses = {check.status for check in found.values()}
    worst = "unhealthy" if Status.FAIL in statuses else "degraded" if Status.WARN in statuses else "healthy"
    return {
        "healthy": Status.FAIL not in statuses,
        "status": worst,
        "checks": {
            name: {"status": check.status.value, "message": check.message} for name, check in found.items()
        },
    }


@endpoint("GET", "/metrics", needs=Scope.ADMIN_READ, gives=Metrics, gives_text=True)
def metrics(actor: Actor, data: Json) -> Json | Response:
    """The house in numbers.

    As text for Prometheus to who prefers that: `Accept: text/plain`.
    """
    found = totals(actor)
    preferred = request.accept_mimetypes.best_match(JSON_OR_TEXT) or ""
    if preferred.startswith("text/plain"):
        return unless_known(Response(text_of(found), content_type=CONTENT_TYPE))
    return {
        "version": found.version,
        "database": found.database,
        "uptime_seconds": found.up_seconds,
        "people": found.people,
        "bots": found.bots,
        "people_online": found.online,
        "sockets": found.sockets,
        "rooms": found.rooms,
        "messages": found.messages,
        "files": {"count": found.files, "bytes": found.file_bytes},
        "deliveries": found.deliveries,
        "database_bytes": found.database_bytes,
        "memory_bytes": found.memory_bytes,
        "requests": {f"{number}xx": count for number, count in found.answered.by_class.items()},
        "loop_stalls": found.stalls,
    }


@endpoint("GET", "/security/metrics", needs=Scope.ADMIN_READ, gives=SecurityMetrics)
def security_metrics(actor: Actor, data: Json) -> Json:
    """How safe the house is, in numbers."""
    found = security_numbers(actor)
    seen = found.overview
    return {
        "people": seen.people.active,
        "locked": seen.people.locked,
        "locked_out": seen.people.locked_out,
        "second_steps": seen.people.second_steps,
        "admins_without_second_step": seen.people.admins_without_second_step,
        "devices": seen.devices,
        "tokens": seen.tokens,
        "failed_sign_ins_last_day": seen.failed,
        "lockdowns_in_force": found.lockdowns,
        "alerts": found.alerts,
        "audit_checked_at": clock.as_iso(seen.last_check.at) if seen.last_check else None,
        "audit_whole": seen.last_check.is_whole if seen.last_check else None,
    }


@endpoint("GET", "/security/alerts", needs=Scope.ADMIN_READ, gives=Alerts)
def security_alerts(actor: Actor, data: Json) -> Json:
    """What somebody who runs the house should look at now."""
    return {
        "alerts": [
            {
                "code": alert.code,
                "level": alert.level.value,
                "message": alert.message,
                "about": alert.about or None,
                "count": alert.count,
            }
            for alert in alerts(actor)
        ]
    }
