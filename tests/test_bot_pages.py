"""The pages of the panel about bots: what they show, once or always, and what they never show."""

from __future__ import annotations

import html
import re

import sqlalchemy as sa

from homechat import settings
from homechat.bots.models import Bot, WebhookDelivery
from homechat.rooms.membership import remove_member
from homechat.security import field_encryption
from tests import secrets_used
from tests.attempts import a_bot, replay_delivery
from tests.house import Browser, House
from tests.test_bots import make_bot


def shown_secret(page: str) -> str:
    found = re.search(r'value="([\w-]{43})"[^>]*aria-labelledby="new-secret-title"', page)
    assert found, "no secret on this page"
    secrets_used.remember(found[1])
    return found[1]


def secret_of(house: House, bot_id: int) -> str:
    with house.rows() as session:
        sealed = session.get(Bot, bot_id, populate_existing=True).sealed_secret
    return house.act(field_encryption.unseal, sealed)


def test_a_new_bot_shows_its_secret_once(house: House) -> None:
    ada = house.client("ada")
    form = {"name": "Mower", "description": "Of the garden", "callback_url": "https://hooks.example.org/x"}
    page = ada.post("/admin/bots", form).text
    with house.rows() as session:
        bot = session.scalars(sa.select(Bot)).one()
    secret = shown_secret(page)
    assert secret == secret_of(house, bot.id)
    assert (bot.owner.username, bot.callback_url, bot.default_room_id) == ("ada", form["callback_url"], None)
    for path in ("/admin/bots", f"/admin/bots/{bot.id}"):
        again = ada.get(path).text
        assert "Mower" in again
        assert secret not in again
    renewed = shown_secret(ada.post(f"/admin/bots/{bot.id}/secret").text)
    assert renewed == secret_of(house, bot.id) != secret


def test_what_does_not_do_is_said_where_it_stands_and_what_was_typed_stays(house: House) -> None:
    ada = house.client("ada")
    reply = ada.post("/admin/bots", {"name": "Mower", "callback_url": "ftp://mower.example"})
    assert reply.status_code == 422
    assert "That address can&#39;t be called." in reply.text
    assert 'value="ftp://mower.example"' in reply.text
    number = a_bot(house, "ada")
    reply = ada.post(f"/admin/bots/{number}", {"name": "", "callback_url": "https://hooks.example.org/y"})
    assert reply.status_code == 422
    assert 'value="https://hooks.example.org/y"' in reply.text
    with house.rows() as session:
        assert session.get(Bot, number).callback_url == "https://hooks.example.org/x"


def test_a_bot_is_switched_changed_and_deleted(house: House) -> None:
    ada, number = house.client("ada"), a_bot(house)
    assert "Nothing comes in, and nothing goes out." in followed(ada, f"/admin/bots/{number}/off")
    assert '<span class="tag">off</span>' in ada.get("/admin/bots").text
    assert "It is switched on." in followed(ada, f"/admin/bots/{number}/on")
    assert "Saved." in followed(ada, f"/admin/bots/{number}", {"name": "Lawn", "description": ""})
    assert "The bot is gone." in followed(ada, f"/admin/bots/{number}/delete")
    assert ada.get(f"/admin/bots/{number}").status_code == 404


def test_ones_own_bot_writes_to_a_room_of_ones_own(house: House) -> None:
    ada, number, room = house.client("ada"), a_bot(house, "ada"), house.room("ada", name="Cellar")
    form = {"name": "Lawn", "default_room_id": room}
    assert "Saved." in followed(ada, f"/admin/bots/{number}", form)
    assert f'<option value="{room}" selected>Cellar</option>' in ada.get(f"/admin/bots/{number}").text


def test_a_room_of_somebody_elses_is_not_named(house: House) -> None:
    secret = house.room("ben", "ada", name="Surprise party")
    bot = make_bot(house, "ada", default_room_id=secret).bot
    house.act(remove_member, house.actor("ben"), secret, house.id_of("ada"))
    page = house.client("ada").get(f"/admin/bots/{bot.id}").text
    assert "Surprise" not in page
    assert f'<option value="{secret}" selected>A room that you are not in</option>' in page


def test_where_somebody_elses_bot_is_called_is_neither_shown_nor_changed_nor_its_secret(house: House) -> None:
    room = house.room("ben", name="Surprise party")
    bot = make_bot(house, "ben", callback_url="https://ben.example/id", default_room_id=room).bot
    ada, path, secret = house.client("ada"), f"/admin/bots/{bot.id}", secret_of(house, bot.id)
    page = ada.get(path).text
    for hidden in ("ben.example", "callback_url", "default_room_id", "Surprise", f"{path}/secret"):
        assert hidden not in page
    assert "are for Ben alone" in page
    for form in ({"callback_url": "https://ada.example/"}, {"callback_url": ""}, {"default_room_id": ""}):
        refused = ada.post(path, {"name": "Mine", **form})
        assert refused.status_code == 403
        assert "Only the bot&#39;s owner can change its address" in refused.text
    assert ada.post(f"{path}/secret").status_code == 403
    assert secret_of(house, bot.id) == secret
    with house.rows() as session:
        row = session.get(Bot, bot.id, populate_existing=True)
        assert (row.name, row.callback_url, row.default_room_id) == ("Lights", "https://ben.example/id", room)


def test_the_log_shows_what_became_of_a_delivery_and_not_what_was_said(house: House) -> None:
    ada = house.client("ada")
    path = replay_delivery(house).path
    elsewhere = {"room": house.room("ben", name="Surprise party")}
    with house.rows() as session:
        row = session.scalars(sa.select(WebhookDelivery)).one()
        said = "UPDATE messages SET body = 'Between us only', room_id = :room"
        session.execute(sa.text(said), elsewhere)
        session.commit()
    page = ada.get(f"/admin/bots/{row.bot_id}").text
    assert row.uuid in page
    assert "given up" in page
    assert "6 tries" in page
    assert "Between us only" not in page
    assert "Surprise" not in page
    assert "It is sent once more." in followed(ada, path)
    assert "waiting" in ada.get(f"/admin/bots/{row.bot_id}").text


def test_the_hosts_at_home_are_listed_here_and_written_down(house: House) -> None:
    ada = house.client("ada")
    typed = "homeassistant.local, 192.168.1.20"
    assert "Saved." in followed(ada, "/admin/bots/hosts", {"webhook_private_hosts": typed})
    kept = house.act(settings.value_of, settings.WEBHOOK_PRIVATE_HOSTS)
    assert kept == "homeassistant.local 192.168.1.20"
    for wrong in ("8.8.8.8", "0.0.0.0/0", "http://x"):
        reply = ada.post("/admin/bots/hosts", {"webhook_private_hosts": wrong})
        assert reply.status_code == 422
        assert html.escape(f"This is no host at home: {wrong}") in reply.text
    assert house.act(settings.value_of, settings.WEBHOOK_PRIVATE_HOSTS) == kept


def followed(browser: Browser, path: str, form: dict[str, object] | None = None) -> str:
    reply = browser.post(path, form)
    assert reply.status_code == 302, reply.text
    return str(browser.get(reply.location).text)
