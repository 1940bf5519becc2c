"""What programs put above a message, as people see it: a title, and a label that never hides who wrote."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.api_client import new_token
from tests.browser.conversation import enter, expect_message, message, room_line
from tests.browser.windows import Windows

pytestmark = pytest.mark.browser


@pytest.fixture(params=["wide", "phone"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def post(person: Windows, name: str, **body: Any) -> None:
    """Send a message as a program of somebody's does."""
    _row, token = new_token(person.house, name, "messages:write")
    reply = requests.post(
        f"{person.server.url}/api/v1/messages",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )
    assert reply.status_code == 200, reply.text


def test_a_title_and_a_label_stand_above_a_message_and_its_author_beside_them(
    person: Windows, size: str
) -> None:
    room = person.house.room("ada", "ben", "cleo", name=f"Doors {size}")
    ada = enter(person("ada", size=size), room)

    post(person, "ben", message="Somebody rings", room=room, title="Front door", sender="Doorbell")
    rings = expect_message(ada, "Somebody rings")
    post(person, "ben", message="and again", room=room, sender="Doorbell")
    expect_message(ada, "and again")

    expect(rings.locator(".message__title")).to_have_text("Front door")
    for found in (rings, message(ada, "and again")):
        expect(found.locator(".message__label")).to_have_text("Doorbell")
        expect(found.locator(".message__author")).to_have_text("Ben")
        expect(found.locator(".message__author")).to_be_visible()
    weight = rings.locator(".message__title strong").evaluate("it => getComputedStyle(it).fontWeight")
    assert int(weight) >= 600
    ada.reload()
    expect(message(ada, "Somebody rings").locator(".message__label")).to_be_visible()


def test_where_there_are_two_a_label_does_not_stand_alone_and_ones_own_stays_ones_own(
    person: Windows, size: str
) -> None:
    room = person.house.direct("ada", "ben")
    ada = enter(person("ada", size=size), room)

    post(person, "ben", message=f"plain {size}", room=room)
    post(person, "ben", message=f"labelled {size}", room=room, sender="Mum")
    post(person, "ada", message=f"mine {size}", room=room, sender="Oven")

    box = expect_message(ada, f"labelled {size}").locator(".message__author").bounding_box()
    assert box is not None
    assert box["width"] > 10, "the name is really there"
    hidden = expect_message(ada, f"plain {size}").locator(".message__author").bounding_box()
    assert hidden is not None
    assert hidden["width"] <= 1, "guard: in this conversation names do not show"
    mine = expect_message(ada, f"mine {size}")
    expect(mine.locator(".message__label")).to_be_visible()
    expect(mine.locator(".message__author")).to_be_hidden()


def test_the_list_of_conversations_shows_the_title_first_live_and_when_loaded(person: Windows) -> None:
    room = person.house.room("ada", "ben", name="Alarms")
    ada = enter(person("ada"), person.house.room("ada", name="Elsewhere"))

    post(person, "ben", message="**Water** in the cellar", room=room, title="Sensor")

    line = room_line(ada, room).locator(".room-item__preview")
    expect(line).to_have_text("Ben: Sensor: Water in the cellar")
    ada.reload()
    expect(line).to_have_text("Ben: Sensor: Water in the cellar")
