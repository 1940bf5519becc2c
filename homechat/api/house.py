"""The house itself: how it is for everybody; its settings and audit log for who runs it."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, ValidationError, validate, validates_schema

from homechat import audit, clock, settings
from homechat.actor import Actor, Door
from homechat.api.endpoints import Body, Json, Who, endpoint
from homechat.audit import Filters
from homechat.doors.people import settings as machine_settings
from homechat.doors.shapes import MomentInAddress, NumberInAddress, Text
from homechat.household.house_settings import change_settings, settings_as_values
from homechat.household.joining import is_sign_up_open
from homechat.household.log_reading import read_log
from homechat.operations.health import app_version, health_report
from homechat.security.policy import Scope

FEATURES = ("rooms", "direct_messages", "realtime", "two_factor", "tokens")


class Entries(Body):
    """Which entries of the audit log, and which page of them; see `audit.Filters`.

    action: as docs/audit.md has it; of one that there is not (yet), there are no entries.  user_id: whoever did it; 0:
    nobody who was signed in.  before, after: an entry's number; those next older, or next newer, than it.
    """

    action = Text(load_default="")
    user_id = NumberInAddress(load_default=None)
    about_id = NumberInAddress(load_default=None, at_least=1)
    door = Text(load_default=None, validate=validate.OneOf([*Door]))
    address = Text(load_default="")
    subject = Text(load_default="")
    since = MomentInAddress(load_default=None)
    until = MomentInAddress(load_default=None)
    before = NumberInAddress(load_default=None, at_least=1)
    after = NumberInAddress(load_default=None)
    limit = NumberInAddress(load_default=audit.PAGE, at_least=1)


class Changes(Schema):
    """Settings by name, each with its new value: text, a number, true or false."""

    class Meta:
        unknown = INCLUDE

    @validates_schema(pass_original=False)
    def _values_are_plain(self, data: Json, **kwargs: object) -> None:
        wrong = {
            key: ["Not a valid value."] for key, value in data.items() if not isinstance(value, str | int)
        }
        if wrong:
            raise ValidationError(wrong)


@endpoint("GET", "/health", needs=Who.ANYBODY)
def health(actor: Actor, data: Json) -> tuple[Json, int]:
    return health_report()


@endpoint("GET", "/server_info", needs=Who.ANYBODY)
def server_info(actor: Actor, data: Json) -> Json:
    return {
        "name": settings.value_of(settings.HOUSE_NAME),
        "service": "HomeChat",
        "version": app_version(),
        "features": list(FEATURES),
        "sign_up_open": is_sign_up_open(),
        "tls": machine_settings().is_https,
    }


@endpoint("GET", "/audit", needs=Scope.ADMIN_READ, takes=Entries)
def audit_log(actor: Actor, data: Json) -> Json:
    known = {action.value: action for action in audit.Action}
    if data["action"] and data["action"] not in known:
        return {"entries": [], "has_more": False, "oldest_id": None}
    filters = Filters(
        action=known.get(data["action"]),
        actor_id=data["user_id"],
        about_id=data["about_id"],
        door=Door(data["door"]) if data["door"] else None,
        address=data["address"],
        since=data["since"],
        until=data["until"],
        subject=data["subject"],
    )
    found = read_log(actor, filters, before=data["before"], after=data["after"], limit=data["limit"])
    return {
        "entries": [_entry(row) for row in found.entries],
        "has_more": found.has_more,
        "oldest_id": found.entries[-1].id if found.entries else None,
    }


@endpoint("GET", "/settings", needs=Scope.ADMIN_READ)
def all_settings(actor: Actor, data: Json) -> Json:
    return {"settings": settings_as_values()}


@endpoint("PATCH", "/settings", needs=Scope.ADMIN_WRITE, takes=Changes)
def set_settings(actor: Actor, data: Json) -> Json:
    change_settings(actor, data)
    return {"success": True, "settings": settings_as_values()}


def _entry(row: audit.AuditLog) -> Json:
    return {
        "id": row.id,
        "at": clock.as_iso(row.at),
        "action": row.action,
        "user_id": row.actor_id,
        "about_id": row.person_id,
        "door": row.door,
        "subject": row.subject,
        "address": row.address,
        "user_agent": row.user_agent,
        "detail": row.detail,
    }
