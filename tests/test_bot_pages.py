"""The pages of the panel about bots: what they show, once or always, and what they never show."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from itsdangerous import URLSafeTimedSerializer

from homechat import clock, settings
from homechat.accounts.models import LoginSession
from homechat.accounts.token_models import ApiToken
from homechat.bots.models import Bot, WebhookDelivery
from homechat.database import transaction
from homechat.rooms.membership import remove_member
from homechat.security import field_encryption
from tests import secrets_used
from tests.api_client import new_token
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
    page = followed(ada, "/admin/bots/new", form)
    with house.rows() as session:
        bot = session.scalars(sa.select(Bot)).one()
    secret = shown_secret(page)
    assert secret == secret_of(house, bot.id)
    assert (bot.owner.username, bot.callback_url, bot.default_room_id) == ("ada", form["callback_url"], None)
    for path in ("/admin/bots", f"/admin/bots/{bot.id}"):
        again = ada.get(path).text
        assert "Mower" in again
        assert secret not in again
    renewed = shown_secret(followed(ada, f"/admin/bots/{bot.id}/secret"))
    assert renewed == secret_of(house, bot.id) != secret


def test_reloading_the_page_of_a_new_secret_makes_nothing_new_and_says_what_to_do(house: House) -> None:
    ada = house.client("ada")
    reply = ada.post("/admin/bots/new", {"name": "Mower"})
    secret = shown_secret(ada.get(reply.location).text)
    again = ada.get(reply.location).text
    assert secret not in again
    assert "It was shown once. If you did not copy it, make a new secret below." in again
    with house.rows() as session:
        assert session.scalars(sa.select(Bot)).one().name == "Mower"
    assert "It was shown once." not in ada.get(reply.location.partition("?")[0]).text


def test_whoever_only_looks_whether_the_page_is_there_is_shown_no_secret(house: House) -> None:
    ada = house.client("ada")
    there = ada.post("/admin/bots/new", {"name": "Mower"}).location
    assert ada.client.head(there, base_url="https://localhost").status_code == 200
    assert shown_secret(ada.get(there).text)


def test_what_nobody_could_be_shown_is_not_made(house: House) -> None:
    ada = house.client("ada")
    house.app.extensions["homechat_field_encryption"] = None  # Whatever it is that fails.
    house.app.config["PROPAGATE_EXCEPTIONS"] = False
    for page in ("/admin/bots/new", "/me/tokens/new"):
        assert ada.post(page, {"name": "Mower", "scopes": "search"}).status_code == 500
    with house.rows() as session:
        assert session.scalars(sa.select(Bot)).all() == []
        assert session.scalars(sa.select(ApiToken)).all() == []


def test_not_even_the_cookie_of_before_shows_a_secret_again(house: House) -> None:
    number, ada = a_bot(house, "ada"), house.client("ada")
    there = ada.post(f"/admin/bots/{number}/secret").location
    before = form_cookie(ada)
    assert shown_secret(ada.get(there).text)
    give_form_cookie(ada, before)
    assert "It was shown once." in ada.get(there).text


def test_a_secret_is_shown_on_the_page_of_its_own_bot_alone(house: House) -> None:
    ada, other = house.client("ada"), a_bot(house, "ada")
    there = ada.post("/admin/bots/new", {"name": "Lights"}).location
    assert "new-secret-title" not in ada.get(f"/admin/bots/{other}").text
    assert shown_secret(ada.get(there).text)


def test_a_secret_is_shown_to_the_sign_in_that_made_it_alone_and_not_for_long(house: House) -> None:
    number = a_bot(house, "ada")
    phone, tablet = house.client("ada"), house.client("ada")
    there = phone.post(f"/admin/bots/{number}/secret").location
    assert "It was shown once." in tablet.get(there).text
    give_form_cookie(tablet, form_cookie(phone))
    assert form_cookie(phone) == form_cookie(tablet)  # Guard.
    assert "It was shown once." in tablet.get(there).text, "worth nothing beside another session's cookie"
    with clock.moved(timedelta(minutes=10)):
        assert "It was shown once." in phone.get(there).text


def test_a_secret_waits_until_its_owner_has_shown_who_they_are(house: House) -> None:
    number, ada = a_bot(house, "ada"), house.client("ada")
    there = ada.post(f"/admin/bots/{number}/secret").location
    with house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(proved_at=None))
    assert ada.get(there).status_code == 303
    with house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(proved_at=clock.now()))
    assert shown_secret(ada.get(there).text) == secret_of(house, number)


def test_a_secret_that_waits_cannot_be_read_in_the_cookie(house: House) -> None:
    number, ada = a_bot(house, "ada"), house.client("ada")
    ada.post(f"/admin/bots/{number}/secret")
    secret, kept = secret_of(house, number), form_cookie(ada)
    secrets_used.remember(secret)
    readable = URLSafeTimedSerializer("").load_payload(kept.rsplit(".", 2)[0].encode())
    assert "shown_once" in readable
    assert secret not in str(readable)


def test_what_does_not_do_is_said_where_it_stands_and_what_was_typed_stays(house: House) -> None:
    ada = house.client("ada")
    reply = ada.post("/admin/bots/new", {"name": "Mower", "callback_url": "ftp://mower.example"})
    assert reply.status_code == 422
    assert re.search(r'<input [^>]*id="callback_url"[^>]* autofocus>', reply.text)
    assert reply.text.count(" autofocus") == 1
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
    replay_delivery(house)
    elsewhere = {"room": house.room("ben", name="Surprise party")}
    with house.rows() as session:
        row = session.scalars(sa.select(WebhookDelivery)).one()
        said = "UPDATE messages SET body = 'Between us only', room_id = :room"
        session.execute(sa.text(said), elsewhere)
        session.commit()
    page = ada.get(f"/admin/bots/{row.bot_id}").text
    assert row.uuid in page.partition("<details")[2]
    assert "given up" in page
    assert "6 tries" in page
    assert "Between us only" not in page
    assert "Surprise" not in page
    assert "tag--open" not in page


def test_who_sends_again_comes_back_to_the_line_that_they_tapped(house: House) -> None:
    ada, path = house.client("ada"), replay_delivery(house).path
    number = path.split("/")[-2]
    with house.rows() as session, transaction():
        session.execute(sa.update(WebhookDelivery).values(problem="switched_off"))
    there = ada.post(f"{path}?before=900").location
    assert there.endswith(f"?before=900&replayed={number}#delivery-{number}")
    line = line_of(ada.get(there).text, number)
    assert "line--lit" in line
    assert "It is sent once more." in line
    assert "tag--open" in line
    assert "switched off" not in line
    assert "waiting" in line
    assert "line--lit" not in ada.get(there.partition("?")[0]).text


def test_the_log_names_the_room_to_who_sees_it(house: House) -> None:
    ada, number = house.client("ada"), replay_delivery(house).path.split("/")[-2]
    with house.rows() as session:
        bot_id = session.scalars(sa.select(WebhookDelivery.bot_id)).one()
    assert "<bdi>home</bdi>" in line_of(ada.get(f"/admin/bots/{bot_id}").text, number)


def test_the_log_says_in_words_what_went_wrong_and_nothing_of_what_arrived(house: House) -> None:
    ada, number = house.client("ada"), replay_delivery(house).path.split("/")[-2]

    def line(**values: object) -> str:
        with house.rows() as session, transaction():
            session.execute(sa.update(WebhookDelivery).values(**values))
            bot_id = session.scalars(sa.select(WebhookDelivery.bot_id)).one()
        return line_of(ada.get(f"/admin/bots/{bot_id}").text, number)

    assert "It answered with an error (503)." in line(response_status=503)
    refused = line(response_status=None, problem="refused")
    assert "This address may not be called. Is it at home?" in refused
    assert 'href="/admin/bots#hosts"' in refused
    arrived = line(state="delivered", response_status=200, problem="", tries=1)
    assert "tag--good" in arrived
    assert "error" not in arrived
    assert "1 try" not in arrived
    assert "answer 200" in arrived.partition("<details")[2]


@pytest.mark.parametrize("path", ["/admin/bots", "/admin/bots/{}"])
def test_a_bot_that_writes_by_a_token_was_last_used_when_that_was(house: House, path: str) -> None:
    made, _spelled = new_token(house, "ben", "messages:write", as_bot=True)
    ada = house.client("ada")
    with house.rows() as session:
        path = path.format(session.scalars(sa.select(Bot.id)).one())
    assert "never used" in ada.get(path).text
    assert "was never called" not in ada.get(path).text
    with house.rows() as session, transaction():
        used = datetime(2026, 5, 4, 10, tzinfo=UTC)
        session.execute(sa.update(ApiToken).where(ApiToken.id == made.id).values(last_used_at=used))
    assert 'last used <time datetime="2026-05-04T10:00:00Z">' in ada.get(path).text


def test_the_hosts_at_home_are_listed_here_and_written_down(house: House) -> None:
    ada = house.client("ada")
    typed = "homeassistant.local\r\n192.168.1.20, 192.168.1.21"
    page = followed(ada, "/admin/bots/hosts", {"webhook_private_hosts": typed})
    assert "Saved." in page
    kept = house.act(settings.value_of, settings.WEBHOOK_PRIVATE_HOSTS)
    assert kept == "homeassistant.local 192.168.1.20 192.168.1.21"
    assert ">\nhomeassistant.local\n192.168.1.20\n192.168.1.21</textarea>" in page, "one per line"
    for wrong in ("8.8.8.8", "0.0.0.0/0", "http://x"):
        reply = ada.post("/admin/bots/hosts", {"webhook_private_hosts": wrong})
        assert reply.status_code == 422
        assert html.escape(f"This is no host at home: {wrong}") in reply.text
    assert house.act(settings.value_of, settings.WEBHOOK_PRIVATE_HOSTS) == kept


def line_of(page: str, delivery: str) -> str:
    found = re.search(rf'<li [^>]*id="delivery-{delivery}".*?</li>', page, re.DOTALL)
    assert found, "no such line"
    return found[0]


def form_cookie(browser: Browser) -> str:
    cookie = browser.client.get_cookie(f"{browser.house.settings.session_cookie_name}-form")
    assert cookie is not None
    return cookie.value


def give_form_cookie(browser: Browser, value: str) -> None:
    name = f"{browser.house.settings.session_cookie_name}-form"
    browser.client.set_cookie(name, value, secure=True, httponly=True)


def followed(browser: Browser, path: str, form: dict[str, object] | None = None) -> str:
    reply = browser.post(path, form)
    assert reply.status_code == 302, reply.text
    return str(browser.get(reply.location).text)
