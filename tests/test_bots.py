"""Bots: who makes them, what they may and may not, and what is left of one that is gone; by API, shell and action."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit
from homechat.accounts import bearers
from homechat.accounts.models import User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Door, Role
from homechat.bots import actions
from homechat.bots.checking import Wanted
from homechat.bots.models import Bot, WebhookDelivery
from homechat.bots.queries import is_at_work
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.household.people import change_role, lock_person
from homechat.messages.models import Message
from homechat.operations.secrets import reseal_secrets
from homechat.rooms.models import Membership
from homechat.security import field_encryption
from homechat.security.policy import RoomKind, Scope
from tests import secrets_used
from tests.api_client import Program, new_token
from tests.house import House
from tests.test_cli import flask, refused, said

WRITE = Scope.BOTS_WRITE.value
HOME_ASSISTANT = {
    "name": "Home Assistant",
    "bot_type": "webhook",
    "webhook_id": "0f" * 32,
    "callback_url": "http://homeassistant.local:8123/api/webhook/abcdef0123456789",
}


def make_bot(house: House, owner: str = "ben", name: str = "Lights", **more: Any) -> actions.Made:
    """Make a bot as the operator does."""
    made = house.act(actions.create_bot, Actor.operator(), Wanted(name, **more), owner_id=house.id_of(owner))
    secrets_used.remember(made.secret)
    return made


def program(house: House, name: str) -> Program:
    return Program(house, new_token(house, name, WRITE)[1])


def row_of(house: House, bot_id: int) -> Bot | None:
    with house.rows() as session:
        found: Bot | None = session.get(Bot, bot_id, populate_existing=True)
        return found


# by the API


def test_of_which_type_a_bot_is_has_two_answers(house: House) -> None:
    wrong = {"bot": {**HOME_ASSISTANT, "bot_type": "x"}}
    reply = program(house, "ben").post("/bots", wrong)
    assert reply.status_code == 422
    assert "bot_type" in reply.json["fields"]


@pytest.mark.api
def test_a_bot_comes_with_its_secret_at_both_places_and_is_the_same_when_asked_for_again(
    house: House,
) -> None:
    assistant = program(house, "ben")

    first = assistant.post("/bots", {"bot": HOME_ASSISTANT})
    again = assistant.post("/bots", {"bot": HOME_ASSISTANT})
    other_token = program(house, "ben").post("/bots", {"bot": {"name": "Home Assistant"}})

    assert (first.status_code, again.status_code, other_token.status_code) == (201, 200, 201)
    assert first.json["bot"] == first.json["data"]["bot"] == again.json["bot"]
    bot = first.json["bot"]
    assert {key: bot[key] for key in HOME_ASSISTANT} == HOME_ASSISTANT
    assert bot["active"] is True
    assert len(bot["webhook_secret"]) == 43
    assert bot["webhook_url"] == f"http://localhost/api/v1/webhooks/{bot['webhook_id']}"
    assert other_token.json["bot"]["id"] != bot["id"]
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Bot)) == 2
        user = session.get(User, bot["user_id"])
        assert (user.role, user.display_name, user.password_hash) == (Role.BOT, "Home Assistant", None)


@pytest.mark.api
def test_the_secret_is_shown_nowhere_else_and_lies_encrypted(house: House) -> None:
    assistant = program(house, "ben")
    bot = assistant.post("/bots", {"bot": HOME_ASSISTANT}).json["bot"]
    secret = bot["webhook_secret"]
    path = f"/bots/{bot['id']}"

    replies = [
        assistant.get("/bots"),
        assistant.get(path),
        assistant.get(f"{path}/status"),
        assistant.patch(path, {"bot": {"description": "In the hall"}}),
        assistant.post(f"{path}/deactivate"),
        assistant.post(f"{path}/activate"),
    ]

    assert [reply.status_code for reply in replies] == [200] * 6
    assert all(secret not in reply.text and "secret" not in reply.text for reply in replies)
    row = row_of(house, bot["id"])
    assert row is not None
    assert secret not in row.sealed_secret
    assert house.act(field_encryption.unseal, row.sealed_secret) == secret


@pytest.mark.api
def test_a_new_secret_replaces_the_old_one(house: House) -> None:
    assistant = program(house, "ben")
    bot = assistant.post("/bots", {"bot": HOME_ASSISTANT}).json["bot"]
    renewed = assistant.post(f"/bots/{bot['id']}/regenerate_secret").json["bot"]
    assert renewed["webhook_secret"] != bot["webhook_secret"]
    row = row_of(house, bot["id"])
    assert row is not None
    assert house.act(field_encryption.unseal, row.sealed_secret) == renewed["webhook_secret"]


@pytest.mark.api
def test_a_bot_is_changed_switched_and_says_how_it_does(house: House) -> None:
    assistant = program(house, "ben")
    made = make_bot(house)
    path = f"/bots/{made.bot.id}"
    room = house.room("ben", name="Cellar")

    changes = {"name": "Lamps", "callback_url": "", "default_room_id": room, "active": False}
    changed = assistant.patch(path, {"bot": changes})

    assert changed.status_code == 200
    assert {key: changed.json["bot"][key] for key in changes} == changes
    assert assistant.get(f"{path}/status").json["status"] == "inactive"
    assert assistant.post(f"{path}/activate").json["bot"]["active"] is True
    status = assistant.get(f"{path}/status").json
    assert (status["status"], status["last_delivery"]) == ("active", None)
    assert status["deliveries"] == {"waiting": 0, "delivered": 0, "dead": 0}


@pytest.mark.api
@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "L", "webhook_id": "short"}, "webhook_id"),
        ({"name": "L", "webhook_id": "with spaces and more"}, "webhook_id"),
        ({"name": "L", "callback_url": "ftp://example.org/"}, "callback_url"),
        ({"name": "L", "callback_url": "https://a@127.0.0.1/"}, "callback_url"),
        ({"name": "L", "description": "x" * 201}, "description"),
        ({"name": "L", "default_room_id": 999_999}, "default_room_id"),
    ],
)
def test_what_makes_no_sense_is_named(house: House, wanted: dict[str, Any], field: str) -> None:
    reply = program(house, "ben").post("/bots", {"bot": wanted})
    assert (reply.status_code, list(reply.json["fields"])) == (422, [field])
    with house.rows() as session:
        assert session.scalar(sa.select(Bot.id)) is None


@pytest.mark.api
def test_a_room_that_its_owner_does_not_know_is_no_room_for_a_bot(house: House) -> None:
    secret = house.room("cleo", name="Surprise")
    wanted = {"name": "Spy", "default_room_id": secret}
    assert program(house, "ben").post("/bots", {"bot": wanted}).status_code == 422
    assert program(house, "ada").post("/bots", {"bot": wanted}).status_code == 422
    assert program(house, "cleo").post("/bots", {"bot": wanted}).status_code == 201


@pytest.mark.api
def test_a_webhook_id_that_is_taken_is_refused(house: House) -> None:
    assert program(house, "ben").post("/bots", {"bot": HOME_ASSISTANT}).status_code == 201
    reply = program(house, "cleo").post("/bots", {"bot": HOME_ASSISTANT})
    assert (reply.status_code, list(reply.json["fields"])) == (409, ["webhook_id"])


@pytest.mark.api
def test_one_sees_ones_own_bots_and_an_admin_everybodys(house: House) -> None:
    bens, cleos = make_bot(house, "ben").bot.id, make_bot(house, "cleo", "Garden").bot.id

    def seen(name: str) -> list[int]:
        return [bot["id"] for bot in program(house, name).get("/bots").json["bots"]]

    assert (seen("ben"), seen("cleo"), seen("ada")) == ([bens], [cleos], [cleos, bens])
    ben, ada = program(house, "ben"), program(house, "ada")
    attempts = [
        ("GET", ""),
        ("PATCH", ""),
        ("GET", "/status"),
        ("POST", "/activate"),
        ("POST", "/deactivate"),
        ("POST", "/regenerate_secret"),
        ("DELETE", ""),
    ]
    for method, end in attempts:
        body = {"bot": {"description": "x"}} if method == "PATCH" else None
        reply = ben.ask(method, f"/bots/{cleos}{end}", json=body)
        assert (reply.status_code, reply.json["code"]) == (404, "not_found"), (method, end)
        if end != "/regenerate_secret":
            assert ada.ask(method, f"/bots/{cleos}{end}", json=body).status_code == 200, (method, end)


@pytest.mark.api
def test_where_a_bot_is_called_its_room_and_its_secret_are_its_owners(house: House) -> None:
    room = house.room("ben", name="Cellar")
    made = make_bot(house, "ben", callback_url="https://ben.example:8443/api/id?key=k", default_room_id=room)
    path = f"/bots/{made.bot.id}"
    ada, ben = program(house, "ada"), program(house, "ben")
    for changes in (
        {"callback_url": "https://ada.example/"},
        {"callback_url": ""},
        {"default_room_id": None},
    ):
        reply = ada.patch(path, {"bot": {"name": "Mine", **changes}})
        assert (reply.status_code, reply.json["code"]) == (403, "forbidden"), changes
    refused_secret = ada.post(f"{path}/regenerate_secret")
    assert (refused_secret.status_code, refused_secret.json["error"]) == (
        403,
        "Only the bot's owner can change its address, its room or its secret.",
    )
    for shown in (ada.get(path).json["bot"], ada.get("/bots").json["bots"][0]):
        assert (shown["callback_url"], shown["default_room_id"]) == ("https://ben.example:8443", None)

    row = row_of(house, made.bot.id)
    assert row is not None
    assert (row.name, row.sealed_secret) == ("Lights", made.bot.sealed_secret)
    assert ben.get(path).json["bot"]["callback_url"] == row.callback_url == made.bot.callback_url
    assert ben.patch(path, {"bot": {"callback_url": "", "default_room_id": None}}).status_code == 200
    house.act(actions.change_bot, Actor.operator(), made.bot.id, {"callback_url": "https://shell.example/"})
    assert house.act(actions.renew_secret, Actor.operator(), made.bot.id).secret != made.secret
    assert ada.patch(path, {"bot": {"name": "Lamps"}}).status_code == 200


@pytest.mark.api
def test_a_token_that_is_bound_to_rooms_has_nothing_to_do_with_bots(house: House) -> None:
    bot = make_bot(house, "ada").bot
    bound = Program(house, new_token(house, "ada", WRITE, room_ids=[house.home().id])[1])
    attempts = [
        ("POST", "", {"bot": {"name": "Loose"}}),
        ("GET", "", None),
        ("GET", f"/{bot.id}", None),
        ("GET", f"/{bot.id}/status", None),
        ("PATCH", f"/{bot.id}", {"bot": {"description": "x"}}),
        ("PATCH", f"/{bot.id}", {"bot": {"active": False}}),
        ("POST", f"/{bot.id}/deactivate", None),
        ("POST", f"/{bot.id}/activate", None),
        ("POST", f"/{bot.id}/regenerate_secret", None),
        ("DELETE", f"/{bot.id}", None),
    ]
    for method, end, body in attempts:
        reply = bound.ask(method, f"/bots{end}", json=body)
        assert (reply.status_code, reply.json["code"]) == (403, "forbidden"), (method, end)
        assert reply.json["error"].startswith("This token is bound to rooms, and bots are not")
    row = row_of(house, bot.id)
    assert row is not None
    assert (row.active, row.description, row.sealed_secret) == (True, "", bot.sealed_secret)
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Bot)) == 1


@pytest.mark.api
def test_bots_are_for_people_of_the_house_with_a_token_that_says_so(house: House) -> None:
    reader = Program(house, new_token(house, "ben", Scope.MESSAGES_READ.value)[1])
    assert reader.post("/bots", {"bot": {"name": "L"}}).json["scope"] == WRITE
    guest = Program(house)
    guest.sign_in("gus")
    assert guest.post("/bots", {"bot": {"name": "L"}}).status_code == 403
    with pytest.raises(Forbidden):
        house.act(actions.create_bot, house.actor("gus", Door.API), Wanted("L"))
    with pytest.raises(Forbidden):
        house.act(actions.create_bot, house.actor("rex", Door.API), Wanted("L"))


# what a bot is


def test_a_bot_cannot_sign_in_nor_touch_accounts_nor_make_bots(house: House) -> None:
    username = make_bot(house).bot.user.username
    for password in ("", "None", "password"):
        assert Program(house).post("/signin", {"username": username, "password": password}).status_code == 401
    row, spelled = new_token(house, "ada", *_all_but_admin(), as_bot=True)
    bot = Program(house, spelled)
    assert bot.get("/me").json["user"]["role"] == "bot"
    for method, path in (("GET", "/users"), ("POST", "/users/1/lock"), ("POST", "/bots"), ("GET", "/bots")):
        assert bot.ask(method, path, json={}).status_code == 403, path
    with house.rows() as session:
        assert session.scalar(sa.select(Bot.owner_id).where(Bot.user_id == row.user_id)) == house.id_of("ada")


def _all_but_admin() -> list[str]:
    return [scope.value for scope in (Scope.MESSAGES_READ, Scope.MESSAGES_WRITE, Scope.USERS_READ)]


def test_people_add_a_bot_to_a_room_and_those_outside_do_not(house: House) -> None:
    bot = make_bot(house).bot
    room = house.room("cleo", "ben", name="Cellar")
    browser = house.client("cleo")
    page = browser.get(f"/rooms/{room}/details").text
    assert "Lights" in page

    assert house.client("ada").post(f"/rooms/{room}/members", {"user_id": bot.user_id}).status_code == 404
    assert browser.post(f"/rooms/{room}/members", {"user_id": bot.user_id}).status_code == 302

    assert _is_in(house, room, bot.user_id)
    page = house.client("ben").get(f"/rooms/{room}/details").text
    assert f"@{bot.user.username}</bdi> · bot" in page


def test_a_room_that_only_bots_are_left_in_is_archived(house: House) -> None:
    bot = make_bot(house).bot
    room = house.room("ben", name="Cellar")
    house.client("ben").post(f"/rooms/{room}/members", {"user_id": bot.user_id})
    assert house.client("ben").post(f"/rooms/{room}/leave").status_code == 302
    with house.rows() as session:
        assert session.scalar(sa.text("SELECT archived_at FROM rooms WHERE id = :id"), {"id": room})
        assert session.scalar(sa.select(Membership.role).where(Membership.room_id == room)) == "member"


def test_a_bot_works_as_long_as_its_owner_may_have_one(house: House) -> None:
    bot_id = make_bot(house, "ben").bot.id

    def at_work() -> bool:
        with house.rows() as session:
            return is_at_work(session.get(Bot, bot_id, populate_existing=True))

    assert at_work()
    house.act(lock_person, house.actor("ada"), house.id_of("ben"))
    assert not at_work()
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "ben").values(standing="active"))
    assert at_work()
    house.act(change_role, house.actor("ada"), house.id_of("ben"), Role.GUEST)
    assert not at_work()


@pytest.mark.api
@pytest.mark.parametrize("who", ["an admin's token", "an admin's page", "the shell"])
def test_what_an_admin_switched_off_only_an_admin_switches_on(house: House, who: str) -> None:
    bot = make_bot(house).bot
    path, page = f"/bots/{bot.id}", f"/admin/bots/{bot.id}"
    ada, ben = program(house, "ada"), program(house, "ben")

    def switch(word: str, active: str) -> int:
        if who == "the shell":
            said(flask(house, "bot", active, str(bot.id)))
            return 200
        if who == "an admin's page":
            return 200 if house.client("ada").post(f"{page}/{word}").status_code == 302 else 0
        return int(ada.post(f"{path}/{active}").status_code)

    assert ben.post(f"{path}/deactivate").status_code == ben.post(f"{path}/activate").status_code == 200
    assert ben.post(f"{path}/deactivate").status_code == 200
    assert switch("off", "deactivate") == 200  # It was off already, and now it stays off.
    assert ben.post(f"{path}/deactivate").status_code == 200
    for reply in (ben.post(f"{path}/activate"), ben.patch(path, {"bot": {"active": True}})):
        assert (reply.status_code, reply.json["code"]) == (403, "forbidden")
        assert (
            reply.json["error"]
            == "Whoever runs the house has switched this bot off. Ask them to switch it on."
        )
    with pytest.raises(Forbidden):
        house.act(actions.set_active, house.actor("ben"), bot.id, active=True)
    assert ben.get(path).json["bot"]["active"] is False

    assert switch("on", "activate") == 200
    assert ben.get(path).json["bot"]["active"] is True
    assert ben.post(f"{path}/deactivate").status_code == ben.post(f"{path}/activate").status_code == 200


@pytest.mark.api
def test_the_tokens_of_a_bot_that_is_off_open_nothing_until_it_is_on_again(house: House) -> None:
    row, spelled = new_token(house, "ben", Scope.MESSAGES_READ.value, Scope.MESSAGES_WRITE.value, as_bot=True)
    bot = Program(house, spelled)
    with house.rows() as session:
        bot_id = session.scalar(sa.select(Bot.id).where(Bot.user_id == row.user_id))

    def statuses() -> list[int]:
        return [bot.get("/me").status_code, bot.post("/messages", {"message": "On"}).status_code]

    assert statuses() == [200, 200]
    house.act(actions.set_active, house.actor("ben"), bot_id, active=False)
    assert statuses() == [401, 401]
    house.act(actions.set_active, house.actor("ben"), bot_id, active=True)
    assert statuses() == [200, 200]


def test_a_deleted_bot_is_nowhere_and_what_it_wrote_stays(house: House) -> None:
    row, spelled = new_token(house, "ben", Scope.MESSAGES_READ.value, as_bot=True, called="Lights")
    with house.rows() as session:
        bot = session.scalars(sa.select(Bot).where(Bot.user_id == row.user_id)).one()
    room = house.room("cleo", "ben", name="Cellar", kind=RoomKind.PUBLIC)
    house.client("ben").post(f"/rooms/{room}/members", {"user_id": bot.user_id})
    with house.rows() as session, transaction():
        said = {"room_id": room, "seq": 1, "changed_seq": 1, "client_id": "bot-00001", "body": "On."}
        session.add(message := Message(author_id=bot.user_id, **said))
        session.flush()
        session.add(WebhookDelivery(uuid="u" * 36, bot_id=bot.id, message_id=message.id))
    assert Program(house, spelled).get("/me").status_code == 200
    assert "@lights" in house.client("cleo").get(f"/rooms/{room}/details").text

    house.act(actions.delete_bot, house.actor("ben"), bot.id)

    assert Program(house, spelled).get("/me").status_code == 401
    assert not _is_in(house, room, bot.user_id)
    with house.rows() as session:
        assert session.scalar(sa.select(Bot.id)) is None
        assert session.scalar(sa.select(WebhookDelivery.id)) is None
        assert session.scalar(sa.select(Message.body).where(Message.author_id == bot.user_id)) == "On."
        assert session.get(User, bot.user_id).display_name == "Lights"
        assert not bearers.counts(session.get(ApiToken, row.id))
    assert "@lights" not in house.client("cleo").get(f"/rooms/{room}/details").text
    assert make_bot(house, name="Lights").bot.user.username == "lights"  # The name is free again.
    with pytest.raises(NotFound):
        house.act(actions.delete_bot, house.actor("ben"), bot.id)


def test_each_act_is_in_the_log_once(house: House) -> None:
    ben = house.actor("ben")
    bot = make_bot(house).bot
    house.act(actions.set_active, house.actor("ada"), bot.id, active=False)
    house.act(actions.set_active, house.actor("ada"), bot.id, active=False)
    house.act(actions.change_bot, ben, bot.id, {"description": "In the hall"})
    house.act(actions.delete_bot, ben, bot.id)
    rows = [row for row in house.act(audit.entries, subject=f"bot:{bot.id}") if row.about_id]
    assert [(row.action, row.detail, row.about_id) for row in reversed(rows)] == [
        ("bot_created", {"kind": "webhook"}, house.id_of("ben")),
        ("bot_changed", {"what": "off"}, house.id_of("ben")),
        ("bot_changed", {"what": "details"}, house.id_of("ben")),
        ("bot_deleted", {}, house.id_of("ben")),
    ]


def test_the_log_says_from_which_host_to_which_a_bot_was_moved_and_no_more(house: House) -> None:
    bot = make_bot(house, callback_url="http://homeassistant.local:8123/api/webhook/f00dcafe").bot
    addresses = ("https://Evil.example/in?key=c0ffee", "https://evil.example/other?key=c0ffee", "")
    for address in (*addresses, ""):
        house.act(actions.change_bot, house.actor("ben"), bot.id, {"callback_url": address})
    rows = house.act(audit.entries, action=audit.Action.BOT_CHANGED)
    assert [row.detail for row in reversed(rows)] == [
        {"what": "details", "from": "http://homeassistant.local:8123", "to": "https://evil.example"},
        {"what": "details", "from": "https://evil.example", "to": "https://evil.example"},
        {"what": "details", "from": "https://evil.example", "to": ""},
        {"what": "details"},
    ]
    page = house.client("ada").get("/admin/audit?action=bot_changed").text
    assert "homeassistant.local:8123" in page
    assert "evil.example" in page
    assert "f00dcafe" not in page
    assert "c0ffee" not in page


def test_nobody_has_more_than_fifty_bots(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BOTS_MAX", 1)
    make_bot(house)
    with pytest.raises(Conflict):
        make_bot(house, name="One more")
    with pytest.raises(Conflict):
        new_token(house, "ben", as_bot=True)
    make_bot(house, "cleo")


def test_a_new_encryption_key_takes_the_secrets_of_bots_along(house: House) -> None:
    made = make_bot(house)
    before = made.bot.sealed_secret
    assert house.act(reseal_secrets, Actor.operator()) == 1
    row = row_of(house, made.bot.id)
    assert row is not None
    assert row.sealed_secret != before
    assert house.act(field_encryption.unseal, row.sealed_secret) == made.secret


def _is_in(house: House, room_id: int, user_id: int) -> bool:
    with house.rows() as session:
        query = sa.select(Membership.id).filter_by(room_id=room_id, user_id=user_id)
        return session.scalar(query) is not None


# at the shell


def test_the_operator_makes_and_lists_and_switches_and_deletes_bots(house: House) -> None:
    options = ("--name", "Lights", "--callback-url", "https://example.org/x", "--json")
    made = json.loads(said(flask(house, "bot", "create", "ben", *options)))
    secrets_used.remember(made["webhook_secret"])
    number = str(made["id"])

    assert (made["name"], made["callback_url"], made["active"]) == ("Lights", "https://example.org/x", True)
    assert said(flask(house, "bot", "list")) == f"{number}\tlights\tLights\twebhook\tben\ton\n"
    assert said(flask(house, "bot", "deactivate", number)) == "Lights is switched off.\n"
    assert "\toff\n" in said(flask(house, "bot", "list"))
    assert json.loads(said(flask(house, "bot", "show", number, "--json")))["status"] == "inactive"
    assert "callback_url\thttps://example.org/x\n" in said(flask(house, "bot", "show", number))
    assert said(flask(house, "bot", "activate", number)) == "Lights is switched on.\n"
    renewed = said(flask(house, "bot", "rotate", number)).strip()
    secrets_used.remember(renewed)
    assert renewed != made["webhook_secret"]
    for command in ("list", "show"):
        arguments = [number] if command == "show" else []
        assert renewed not in said(flask(house, "bot", command, *arguments, "--json"))
    assert said(flask(house, "bot", "delete", number)) == f"Bot {number} is gone.\n"
    assert refused(flask(house, "bot", "show", number)) == "There is no such bot."
    assert "Bots are for people" in refused(flask(house, "bot", "create", "gus", "--name", "Toy"))
