"""What every page knows: whose time zone it is written in, and how long that which people type may be."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from homechat import paths, settings
from homechat.accounts.models import User
from homechat.database import transaction
from tests.conftest import close
from tests.house import Browser, House, copy_house


def read(browser: Browser, path: str) -> str:
    reply = browser.get(path)
    assert reply.status_code == 200, path
    return html.unescape(reply.get_data(as_text=True))


def live_in(house: House, timezone: str) -> None:
    house.act(settings.change, house.actor("ada"), settings.HOUSE_TIMEZONE, timezone)


def choose(house: House, name: str, timezone: str | None) -> None:
    def change(user_id: int) -> None:
        with transaction() as session:
            session.get_one(User, user_id).timezone = timezone

    house.act(change, house.id_of(name))


# time zones


@pytest.mark.parametrize(
    ("house_says", "person_says", "zone"),
    [
        ("", None, ""),
        ("Europe/Berlin", None, "Europe/Berlin"),
        ("", "Asia/Tokyo", "Asia/Tokyo"),
        ("Europe/Berlin", "Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_scripts_hear_of_a_time_zone_only_where_somebody_chose_one(
    house: House, house_says: str, person_says: str | None, zone: str
) -> None:
    live_in(house, house_says)
    choose(house, "ben", person_says)

    assert re.findall(r'data-timezone="([^"]*)"', read(house.client("ben"), "/")) == [zone]


def test_what_the_server_writes_says_utc_where_nobody_chose_a_time_zone(house: House) -> None:
    house.client("ada")
    ada = house.client("ada")
    written = re.compile(r'<p class="line__note">.*?<time datetime="[^"]+Z">([^<]+)</time>', re.DOTALL)

    (other_device,) = written.findall(read(ada, "/me"))
    assert other_device.endswith(" UTC")

    live_in(house, "Europe/Berlin")
    (other_device,) = written.findall(read(ada, "/me"))
    assert "UTC" not in other_device


def test_the_profile_names_what_holds_for_those_who_choose_no_time_zone(house: House) -> None:
    first_choice = re.compile(r'<select[^>]* name="timezone"[^>]*>\s*<option value="">([^<]*)</option>')

    assert first_choice.findall(read(house.client("ben"), "/me")) == ["Like this device"]

    live_in(house, "America/New_York")
    assert first_choice.findall(read(house.client("ben"), "/me")) == ["Like the house (America/New York)"]


# limits


def test_forms_have_the_limits_that_the_settings_give(cast_folder: Path, tmp_path: Path) -> None:
    house = House(
        copy_house(cast_folder, tmp_path / "data"),
        message_characters=500,
        password_characters_min=12,
        password_characters_max=100,
    )
    room = read(house.client("ada"), f"/rooms/{house.home().id}")
    me = read(house.client("ada"), "/me")

    assert 'data-max-length="500"' in room
    assert re.search(r'<textarea [^>]*maxlength="500"', room)
    assert re.search(r'<input [^>]*name="password"[^>]* minlength="12"', me)
    assert 'data-at-least="12" data-at-most="100"' in me
    assert "At least 12 characters." in me
    close(house)


def test_no_template_has_a_number_for_a_limit_of_its_own() -> None:
    said = re.compile(r"""(?:"(?:min|max)length": ?|(?:min|max)length="|max-length=")\d+""")

    assert {
        (file.name, found)
        for file in paths.TEMPLATES.rglob("*.html")
        for found in said.findall(file.read_text(encoding="utf-8"))
    } == set()
