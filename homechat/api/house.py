"""The house itself: how it is for everybody; its settings and audit log for who runs it."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from homechat import audit, clock, settings
from homechat.actor import Actor, Door
from homechat.api.endpoints import Json, Who, endpoint
from homechat.api.paging import Paged, page
from homechat.api.shapes import Moment, Page, Shape, Success
from homechat.audit import Filters
from homechat.doors.shapes import MomentInAddress, Number, NumberInAddress, Text, YesOrNo
from homechat.extensions import current_settings
from homechat.household.house_settings import change_settings, settings_as_values
from homechat.household.joining import is_sign_up_open
from homechat.household.log_reading import read_log
from homechat.operations.health import app_version, health_report
from homechat.security.policy import Scope

FEATURES = (
    *("rooms", "direct_messages", "realtime", "reactions", "files", "search", "action_cards"),
    *("bots", "webhooks", "two_factor", "tokens", "backups"),
)


class Entries(Paged):
    """Which entries of the audit log, and which page of them."""

    ABOUT = {
        "action": "What was done, such as `login`; one that there is not finds nothing.",
        "user_id": "Who did it; 0: nobody who was signed in.",
        "about_id": "Whom it is about, or who did it.",
        "door": "By which way: `page`, `api` and so on.",
        "address": "From which address.",
        "subject": "A piece of what it was done to, such as `room:7`.",
        "since": "From then on, such as 2026-11-21.",
        "until": "Before then.",
    }

    action = Text(load_default="")
    user_id = NumberInAddress(load_default=None)
    about_id = NumberInAddress(load_default=None, at_least=1)
    door = Text(load_default=None, validate=validate.OneOf([*Door]))
    address = Text(load_default="")
    subject = Text(load_default="")
    since = MomentInAddress(load_default=None)
    until = MomentInAddress(load_default=None)


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


class Health(Shape):
    """How the house is."""

    ABOUT = {
        "status": "`ok` or `unavailable`.",
        "service": "`HomeChat`.",
        "version": "Its version.",
        "timestamp": "What time it is there.",
    }

    status = Text(validate=validate.OneOf(["ok", "unavailable"]))
    service = Text()
    version = Text()
    timestamp = Moment()


class ServerInfo(Shape):
    """What you may know before you have signed in."""

    ABOUT = {
        "name": "What the house is called.",
        "service": "`HomeChat`.",
        "version": "Its version.",
        "features": "What it can do, a word each.",
        "sign_up_open": "Whether you can join without an invitation.",
        "tls": "Whether it is on https.",
    }

    name = Text()
    service = Text()
    version = Text()
    features = fields.List(Text())
    sign_up_open = YesOrNo()
    tls = YesOrNo()


class Entry(Shape):
    """An entry of the audit log."""

    ABOUT = {
        "at": "When it was done.",
        "action": "What was done, such as `login`.",
        "user_id": "Who did it; null: nobody who was signed in.",
        "about_id": "Whom it is about; null: nobody.",
        "door": "By which way: `page`, `api` and so on.",
        "subject": "What it was done to, such as `room:7`.",
        "address": "From where; null: it was erased, or there was none.",
        "user_agent": "With what; null: it was erased, or there was none.",
        "detail": "More, which depends on the action; null: it was erased, or there was none.",
    }

    id = Number()
    at = Moment()
    action = Text()
    user_id = Number(allow_none=True)
    about_id = Number(allow_none=True)
    door = Text()
    subject = Text()
    address = Text(allow_none=True)
    user_agent = Text(allow_none=True)
    detail = fields.Dict(allow_none=True)


class LogPage(Page):
    """A page of the audit log, the newest entry first."""

    entries = fields.List(fields.Nested(Entry))


def _field_of(setting: settings.Setting[Any]) -> fields.Field[Any]:
    about = {"description": setting.meaning}
    if isinstance(setting.default, bool):
        return YesOrNo(metadata=about)
    if isinstance(setting.default, int):
        return Number(metadata=about)
    return Text(validate=validate.OneOf(setting.choices) if setting.choices else None, metadata=about)


HouseSettings = Shape.from_dict(
    {each.key: _field_of(each) for each in settings.PUBLIC_SETTINGS}, name="HouseSettings"
)


class AllSettings(Shape):
    settings = fields.Nested(HouseSettings)


class ChangedSettings(Success, AllSettings):
    """All settings as they are now."""


@endpoint("GET", "/health", needs=Who.ANYBODY, gives={200: Health, 503: Health})
def health(actor: Actor, data: Json) -> tuple[Json, int]:
    """Whether the house is up."""
    return health_report()


@endpoint("GET", "/server_info", needs=Who.ANYBODY, gives=ServerInfo)
def server_info(actor: Actor, data: Json) -> Json:
    """What this server is and can do."""
    return {
        "name": settings.value_of(settings.HOUSE_NAME),
        "service": "HomeChat",
        "version": app_version(),
        "features": list(FEATURES),
        "sign_up_open": is_sign_up_open(),
        "tls": current_settings().is_https,
    }


@endpoint("GET", "/audit", needs=Scope.ADMIN_READ, takes=Entries, gives=LogPage)
def audit_log(actor: Actor, data: Json) -> Json:
    """The audit log, page by page."""
    known = {action.value: action for action in audit.Action}
    if data["action"] and data["action"] not in known:
        return page("entries", [], has_more=False)
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
    return page("entries", [_entry(row) for row in found.entries], has_more=found.has_more)


@endpoint("GET", "/settings", needs=Scope.ADMIN_READ, gives=AllSettings)
def all_settings(actor: Actor, data: Json) -> Json:
    """The settings of the household."""
    return {"settings": settings_as_values()}


@endpoint(
    "PATCH",
    "/settings",
    needs=Scope.ADMIN_WRITE,
    takes=Changes,
    gives=ChangedSettings,
    example={"house_name": "Lane 4", "members_invite": True},
)
def set_settings(actor: Actor, data: Json) -> Json:
    """Change settings of the household: all those named, or none."""
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
