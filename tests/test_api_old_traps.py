"""What doors like this one got wrong before, elsewhere: none of it happens here."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit, clock, settings
from homechat.actor import Actor
from homechat.database import transaction
from homechat.messages.models import Message
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind
from homechat.security.tokens import digest_of
from tests import secrets_used
from tests.api_client import Program, app_of, program_of
from tests.house import PASSWORD, House
from tests.test_migrations import downgrade, upgrade

pytestmark = pytest.mark.api

NEW = {"username": "nora", "password": PASSWORD, "password_confirmation": PASSWORD}


def authors(house: House) -> list[str]:
    with house.rows() as session:
        return [
            message.author.username for message in session.scalars(sa.select(Message).order_by(Message.id))
        ]


def test_signing_up_here_obeys_the_same_setting_as_the_page(house: House) -> None:
    refused = Program(house).post("/signup", NEW)
    assert refused.status_code == 403
    assert "token" not in refused.json
    assert Program(house).post("/signup", {**NEW, "invite": "made-up"}).status_code == 403

    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    assert Program(house).post("/signup", NEW).status_code == 201, "guard: that was the reason"


def test_each_token_acts_as_its_own_person_or_bot_and_never_as_somebody_for_all(house: House) -> None:
    everybody = {
        "ben": program_of(house, "ben"),
        "cleo": program_of(house, "cleo"),
        "doorbell": program_of(house, "ben", as_bot=True, called="Doorbell"),
        "gus": app_of(house, "gus"),
    }
    for program in everybody.values():
        assert program.post("/messages", {"message": "hi"}).status_code == 200
    assert authors(house) == list(everybody)
    assert {name: program.get("/me").json["user"]["username"] for name, program in everybody.items()} == {
        name: name for name in everybody
    }
    written = house.act(audit.entries, action=audit.Action.API_REQUEST)
    assert {entry.actor_id for entry in written} == {house.id_of(name) for name in everybody}


@pytest.mark.parametrize("name", ["ada", "ben"])
def test_nobody_posts_as_somebody_else_whatever_they_send(house: House, name: str) -> None:
    program, cleo = program_of(house, name), house.id_of("cleo")
    claims: dict[str, Any] = {
        "sender": "Cleo",
        "author": "cleo",
        "author_id": cleo,
        "user": {"id": cleo, "username": "cleo"},
        "username": "cleo",
        "sender_id": cleo,
    }
    for more in (claims, {**claims, "user_id": cleo}, {**claims, "user_id": str(cleo)}):
        reply = program.post("/messages", {"message": "I owe you all ice cream", **more})
        assert reply.json["message"]["user"] == {"id": house.id_of(name), "username": name}
    assert set(authors(house)) == {name}
    page = house.client("ben").get(f"/rooms/{house.home().id}").text
    assert f'dir="auto">{name.title()}</p><p class="message__label" dir="auto">Cleo</p>' in page


def test_a_token_that_posts_with_a_user_id_writes_to_that_person_and_to_no_room(house: House) -> None:
    reply = program_of(house, "ben").post("/messages", {"message": "hi", "user_id": house.id_of("cleo")})
    with house.rows() as session:
        room = session.get_one(Room, reply.json["message"]["channel_id"])
        people = set(session.scalars(sa.select(Membership.user_id).where(Membership.room_id == room.id)))
    assert room.kind == RoomKind.DIRECT
    assert people == {house.id_of("ben"), house.id_of("cleo")}


def test_after_signing_out_the_token_is_dead_and_the_other_phone_is_not(house: House) -> None:
    phone, tablet = app_of(house, "ben"), app_of(house, "ben")
    assert phone.token != tablet.token
    assert [each.get("/me").status_code for each in (phone, tablet)] == [200, 200], "both at once"

    assert phone.delete("/signout").status_code == 200

    for ask in (phone.get("/me"), phone.get("/channels"), phone.post("/messages", {"message": "hi"})):
        assert (ask.status_code, ask.json["code"]) == (401, "unauthenticated")
    assert tablet.post("/messages", {"message": "hi"}).status_code == 200
    assert authors(house) == ["ben"]


@pytest.mark.parametrize("field", ["room", "room_id", "channel", "channel_id"])
def test_no_token_reaches_a_private_room_by_its_name_or_its_id(house: House, field: str) -> None:
    secret = house.room("cleo", name="Surprise party")
    outsiders = [
        program_of(house, "ada"),
        program_of(house, "ben"),
        program_of(house, "cleo", as_bot=True),
        program_of(house, "cleo", room_ids=[house.home().id]),
        app_of(house, "gus"),
    ]
    for program in outsiders:
        for place in ("Surprise party", "surprise PARTY", secret, str(secret)):
            assert program.post("/messages", {"message": "hi", field: place}).status_code == 404
        assert program.get("/messages?channel=Surprise party").status_code == 404
        assert program.get(f"/messages?channel_id={secret}").status_code == 404
        assert "Surprise" not in program.get("/channels").text
    assert authors(house) == []
    with house.rows() as session:
        assert session.scalars(sa.select(Room.kind).where(Room.name == "Surprise party")).all() == ["private"]
    assert (
        program_of(house, "cleo").post("/messages", {"message": "hi", field: "Surprise party"}).status_code
        == 200
    )


def test_a_token_that_was_made_before_an_upgrade_opens_the_door_after_it(house: House) -> None:
    secret = "A" * 43
    spelled = f"hc_abcdefgh_{secret}"
    secrets_used.remember(spelled)
    downgrade(house, "0003")
    with house.rows() as session:
        columns = {column["name"] for column in sa.inspect(session.get_bind()).get_columns("api_tokens")}
    assert "device_id" not in columns, "guard: this is how it was"
    row = {
        "prefix": "abcdefgh",
        "secret_digest": digest_of(secret),
        "kind": "made",
        "name": "Lights",
        "user_id": house.id_of("ben"),
        "created_by_id": house.id_of("ben"),
        "scopes": "messages:read messages:write",
        "created_at": clock.now().replace(tzinfo=None),
        "last_used_address": "",
    }
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with house.rows() as session, transaction():
        session.execute(sa.text(f"INSERT INTO api_tokens ({names}) VALUES ({values})"), row)

    upgrade(house)

    program = Program(house, spelled)
    assert (
        program.post("/messages", {"message": "Lights are on"}).json["message"]["user"]["username"] == "ben"
    )
    assert program.get("/me").json["token"]["scopes"] == ["messages:read", "messages:write"]
