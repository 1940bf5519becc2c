"""How the house is: the first page of the panel, which one look at is to be enough for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import get_timezone, ngettext
from flask_babel import gettext as _

from homechat.admin.lockdown_lines import lockdown_lines
from homechat.admin.panel import Page, blueprint, page
from homechat.audit import Action
from homechat.doors.people import current_actor
from homechat.operations.overview import Overview
from homechat.operations.overview import overview as how_the_house_is

MANY_FAILURES = 10


@dataclass(frozen=True)
class Concern:
    """Something that wants a look, and where to have it."""

    words: str
    url: str
    is_grave: bool = False


@dataclass(frozen=True)
class Tile:
    """One number. url: where there is more about it; "" where there is not."""

    name: str
    number: int
    note: str = ""
    url: str = ""


@blueprint.get("")
def overview() -> Page:
    house = how_the_house_is(current_actor(), zone=ZoneInfo(str(get_timezone() or "UTC")))
    return page(
        "overview",
        house=house,
        concerns=list(_concerns(house)),
        tiles=_tiles(house),
        last_check=house.last_check,
        closed=lockdown_lines(),
    )


def _concerns(house: Overview) -> Iterator[Concern]:
    people = house.people
    if house.last_check is not None and not house.last_check.is_whole:
        words = _("Somebody changed or removed something in the log")
        yield Concern(words, url_for("admin.audit_log"), is_grave=True)
    if people.waiting:
        words = ngettext(
            "%(num)d person waits to be let in", "%(num)d people wait to be let in", people.waiting
        )
        yield Concern(words, url_for("admin.people"))
    if people.locked_out:
        words = ngettext(
            "%(num)d account is locked for a while: somebody guessed",
            "%(num)d accounts are locked for a while: somebody guessed",
            people.locked_out,
        )
        yield Concern(words, url_for("admin.people"))
    if house.failed >= MANY_FAILURES:
        words = ngettext(
            "%(num)d sign-in failed within 24 hours", "%(num)d sign-ins failed within 24 hours", house.failed
        )
        yield Concern(words, url_for("admin.audit_log", action=Action.LOGIN_FAILED.value))
    if people.admins_without_second_step:
        words = ngettext(
            "%(num)d of those who run the house has no second step",
            "%(num)d of those who run the house have no second step",
            people.admins_without_second_step,
        )
        yield Concern(words, url_for("admin.people"))


def _tiles(house: Overview) -> list[Tile]:
    people = house.people
    return [
        Tile(_("People"), people.active, _people_note(house), url_for("admin.people")),
        Tile(
            _("Here right now"),
            house.here,
            ngettext("%(num)d window open", "%(num)d windows open", house.windows) if house.windows else "",
        ),
        Tile(_("Messages"), house.messages_today, _("today, in all rooms")),
        Tile(_("Devices"), house.devices, _("signed in")),
        Tile(
            _("Second step"),
            people.second_steps,
            ngettext("of %(num)d person", "of %(num)d people", people.active),
        ),
        Tile(_("Tokens"), house.tokens, _("that work"), url_for("admin.tokens")),
    ]


def _people_note(house: Overview) -> str:
    waiting, locked = house.people.waiting, house.people.locked
    parts = [
        ngettext("%(num)d waits", "%(num)d wait", waiting) if waiting else "",
        ngettext("%(num)d locked", "%(num)d locked", locked) if locked else "",
    ]
    return " · ".join(part for part in parts if part) or _("nobody waits")
