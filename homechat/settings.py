"""Household settings: typed rows with their defaults in code; each change is audited. Every feature may read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from homechat import audit, clock
from homechat.actor import Actor
from homechat.database import Base, UtcDateTime, db, transaction

T = TypeVar("T", str, bool, int)


class SettingRow(Base):
    """One setting that differs from its default."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(sa.JSON)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)
    changed_by_id: Mapped[int | None]

    __table_args__: Any = {}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A name, the value it has until somebody changes it, and what it means.

    choices: the only texts it may be, if there are any.  at_least, at_most: the range of a number.
    """

    key: str
    default: T
    meaning: str
    choices: tuple[str, ...] = ()
    at_least: int = 0
    at_most: int = 0


HOUSE_NAME = Setting(
    "house_name", "HomeChat", "The name of the household, shown on the sign-in page and in the list."
)
HOUSE_LOCALE = Setting(
    "house_locale", "", "The language of people who have not chosen one; empty: what their browser asks for."
)
HOUSE_TIMEZONE = Setting(
    "house_timezone",
    "",
    "The time zone of people who have not chosen one (IANA name); empty: that of the device they look at.",
)
MEMBERS_CREATE_ROOMS = Setting("members_create_rooms", True, "Whether members may make rooms.")
MEMBERS_INVITE = Setting("members_invite", False, "Whether members may invite people into the house.")
SIGN_UP_OPEN = Setting("sign_up_open", False, "Whether anybody may join without an invitation.")
NEWCOMERS_WAIT = Setting(
    "newcomers_wait",
    False,
    "Whether those who join wait until an admin lets them in, with an invitation or without.",
)
TWO_FACTOR_REQUIRED = Setting(
    "two_factor_required",
    "nobody",
    "Who needs a second step to sign in; they set it up when they sign in next.",
    choices=("nobody", "admins", "everybody"),
)
AUDIT_DAYS = Setting(
    "audit_days", 365, "How many days entries of the audit log are kept.", at_least=90, at_most=2190
)
WEBHOOK_PRIVATE_HOSTS = Setting(
    "webhook_private_hosts",
    "",
    "Hosts of the home network that bots may be called at: names, addresses or networks; empty: none.",
)
SETUP_TOKEN_DIGEST = Setting(
    "setup_token_digest", "", "SHA-256 of the one-time set-up link's secret; internal."
)

EVERY_SETTING: tuple[Setting[Any], ...] = (
    HOUSE_NAME,
    HOUSE_LOCALE,
    HOUSE_TIMEZONE,
    MEMBERS_CREATE_ROOMS,
    MEMBERS_INVITE,
    SIGN_UP_OPEN,
    NEWCOMERS_WAIT,
    TWO_FACTOR_REQUIRED,
    AUDIT_DAYS,
    WEBHOOK_PRIVATE_HOSTS,
    SETUP_TOKEN_DIGEST,
)

PUBLIC_SETTINGS = tuple(setting for setting in EVERY_SETTING if setting is not SETUP_TOKEN_DIGEST)
"""Those that people may see and change."""


def value_of(setting: Setting[T]) -> T:
    """Return the setting's value, or its default when nobody changed it or the stored type is not its own."""
    row = db.session.get(SettingRow, setting.key)
    if row is None or type(row.value) is not type(setting.default):
        return setting.default
    value: T = row.value
    return value


def change(actor: Actor, setting: Setting[T], value: T) -> None:
    """Store the setting's new value and write down who changed it (values of internal settings are not written)."""
    with transaction() as session:
        row = session.get(SettingRow, setting.key)
        if row is None:
            row = SettingRow(key=setting.key)
            session.add(row)
        row.value = value
        row.changed_by_id = actor.user_id
        session.flush()
        if setting in PUBLIC_SETTINGS:
            audit.record(
                actor, audit.Action.SETTINGS_CHANGE, subject=f"setting:{setting.key}", detail={"value": value}
            )
