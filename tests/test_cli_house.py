"""`flask house`: what the household is set to, and changing it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit, settings
from homechat.database import db
from homechat.rooms.queries import may_create_room
from tests.house import House
from tests.test_cli import flask, refused, said


def set_to(house: House, key: str, value: str) -> str:
    return said(flask(house, "house", "set", key, value))


def value(house: House, setting: settings.Setting[Any]) -> Any:
    return house.act(settings.value_of, setting)


def changes(house: House) -> list[audit.AuditLog]:
    query = (
        sa.select(audit.AuditLog).filter_by(action=audit.Action.SETTINGS_CHANGE).order_by(audit.AuditLog.id)
    )
    return house.act(lambda: list(db.session.scalars(query)))


def test_show_prints_every_setting_with_its_value_and_meaning_but_no_internal_one(house: House) -> None:
    set_to(house, "house_timezone", "Europe/Berlin")

    lines = said(flask(house, "house", "show")).splitlines()

    assert [line.split(" =")[0] for line in lines[::2]] == [
        each.key for each in settings.EVERY_SETTING if each is not settings.SETUP_TOKEN_DIGEST
    ]
    assert {"house_name = HomeChat", "house_timezone = Europe/Berlin", "members_invite = off"} <= set(lines)
    assert lines[1].strip() == settings.HOUSE_NAME.meaning


def test_a_new_name_is_on_the_sign_in_page_at_once(house: House) -> None:
    assert set_to(house, "house_name", "  The   Harbour ") == "house_name = The Harbour\n"

    assert ">The Harbour</h1>" in house.client().get("/sign-in").get_data(as_text=True)


def test_the_language_of_the_house_is_heard_by_those_who_chose_none(house: House) -> None:
    set_to(house, "house_locale", "de")

    assert '<html lang="de"' in house.client("ada").get("/").get_data(as_text=True)

    set_to(house, "house_locale", "")
    assert '<html lang="en"' in house.client("ada").get("/").get_data(as_text=True)


def test_the_time_zone_of_the_house_is_on_every_page_until_it_is_taken_back(house: House) -> None:
    def zone() -> str:
        page = house.client("ada").get("/").get_data(as_text=True)
        return html.unescape(re.findall(r'data-timezone="([^"]*)"', page)[0])

    assert zone() == ""
    set_to(house, "house_timezone", "Europe/Berlin")
    assert zone() == "Europe/Berlin"
    set_to(house, "house_timezone", "")
    assert zone() == ""


@pytest.mark.parametrize(("word", "may"), [("off", False), ("no", False), ("ON", True), ("true", True)])
def test_whether_members_make_rooms_is_switched_on_and_off(house: House, word: str, may: bool) -> None:
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_CREATE_ROOMS, not may)

    set_to(house, "members_create_rooms", word)

    assert house.act(may_create_room, house.actor("ben")) is may


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("house_name", "H", "The house's name has 2 to 50 characters."),
        ("house_locale", "tlh", "HomeChat does not speak that language. Choose one of: en, de"),
        ("house_timezone", "Mars/Olympus", "There is no such time zone. Write it like Europe/Berlin."),
        ("members_invite", "perhaps", "Say on or off."),
        ("members_invite", "", "Say on or off."),
        (
            "setup_token_digest",
            "0" * 64,
            "There is no setting of this name. docs/settings.md has them all.",
        ),
        ("house_pets", "otter", "There is no setting of this name. docs/settings.md has them all."),
    ],
)
def test_what_does_not_do_is_refused_with_a_sentence_and_changes_nothing(
    house: House, key: str, text: str, sentence: str
) -> None:
    before = [value(house, each) for each in settings.EVERY_SETTING]

    assert refused(flask(house, "house", "set", key, text)) == sentence

    assert [value(house, each) for each in settings.EVERY_SETTING] == before
    assert changes(house) == []


def test_a_change_is_written_down_as_the_operators(house: House) -> None:
    set_to(house, "members_invite", "on")

    (entry,) = changes(house)

    assert value(house, settings.MEMBERS_INVITE) is True
    assert (entry.actor_id, entry.door, entry.subject) == (None, "cli", "setting:members_invite")
    assert entry.detail == {"value": True}
