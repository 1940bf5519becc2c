"""The house in numbers, as those read them who watch over it: how many and how large, never who, where or what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import current_app
from flask_babel import gettext as _

from homechat.accounts.models import Standing
from homechat.accounts.queries import everyone
from homechat.actor import Actor, Role
from homechat.bots.delivery_log import undelivered
from homechat.errors import NotFound
from homechat.extensions import current_settings
from homechat.messages.counting import messages_ever
from homechat.operations import machine
from homechat.operations.health import app_version
from homechat.realtime import presence
from homechat.realtime.live_sockets import live_sockets
from homechat.request_counts import Answered, RequestCounts
from homechat.rooms.counting import rooms_by_kind
from homechat.security.policy import HouseRight, may_in_house
from homechat.uploads.counting import shared_files


@dataclass(frozen=True)
class Totals:
    """How much of everything there is at this moment.

    people: by their standing; bots are counted apart.  online: people with a window open anywhere.
    messages: ever written.  files, file_bytes: as of five minutes ago at most.
    deliveries: waiting, and given up ("dead").

    Of this process alone: sockets, started (of `time.time()`), up_seconds, memory_bytes, cpu_seconds, answered, and
    stalls, how often its loop stood still; None where there is no loop.
    """

    version: str
    database: str
    people: dict[str, int]
    bots: int
    online: int
    rooms: dict[str, int]
    messages: int
    files: int
    file_bytes: int
    deliveries: dict[str, int]
    database_bytes: int
    sockets: int
    started: float
    up_seconds: int
    memory_bytes: int
    cpu_seconds: float
    answered: Answered
    stalls: int | None


def totals(actor: Actor) -> Totals:
    """Return the house in numbers. Raises NotFound for everybody but admins and the operator."""
    check_may_watch(actor)
    settings = current_settings()
    counts: RequestCounts = current_app.extensions["homechat_request_counts"]
    watchdog = current_app.extensions.get("homechat_watchdog")
    everybody = everyone()
    standings = Counter(user.standing for user in everybody if user.role != Role.BOT)
    shared = shared_files()
    return Totals(
        version=app_version(),
        database="sqlite" if settings.sqlite_file else "postgresql",
        people={standing.value: standings[standing.value] for standing in Standing},
        bots=sum(user.role == Role.BOT for user in everybody),
        online=len(presence.everyone_online()),
        rooms=rooms_by_kind(),
        messages=messages_ever(),
        files=shared.files,
        file_bytes=shared.byte_size,
        deliveries=undelivered(),
        database_bytes=machine.database_bytes(settings),
        sockets=len(live_sockets().all()),
        started=counts.started,
        up_seconds=counts.up_seconds,
        memory_bytes=machine.memory_bytes(),
        cpu_seconds=machine.cpu_seconds(),
        answered=counts.answered(),
        stalls=None if watchdog is None else watchdog.stalls,
    )


def check_may_watch(actor: Actor) -> None:
    """Raise NotFound unless the actor may know how the house is: admins and the operator."""
    if not may_in_house(actor, HouseRight.ADMIN_PANEL):
        raise NotFound(_("There is nothing at this address."))
