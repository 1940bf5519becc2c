"""Every lock of the house is used once, so that a test may look at what is written down about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from homechat import clock
from homechat.accounts import api_requests, api_tokens, sessions, two_factor
from homechat.accounts.recovery import make_reset_link
from homechat.actor import Actor
from homechat.bots import actions as bot_actions
from homechat.household.joining import approve, refuse_newcomer
from homechat.household.people import sign_out_everywhere
from homechat.lockdown import Kind
from homechat.operations import lockdown
from homechat.operations.secrets import reseal_secrets
from homechat.security.policy import Scope
from tests.api_client import Program, new_token
from tests.attempts import a_bot, replay_delivery, somebody_waiting
from tests.authenticator import Authenticator
from tests.house import PASSWORD, Browser, House, code_now, next_code
from tests.test_lockout import fail
from tests.test_passkeys import add_passkey

OPERATOR = Actor.operator()


def use_every_lock(house: House) -> None:
    """Do each thing with accounts, tokens and lockdowns that is written down."""
    second_step(house)
    passkeys(house)
    tokens(house)
    other_people(house)
    bots(house)
    fail(house, 5, name="olga")
    house.act(reseal_secrets, OPERATOR)
    house.act(lockdown.start, OPERATOR, Kind.TOKENS, reason="A drill", uid=1000)
    house.act(lockdown.sign_everybody_out, OPERATOR)
    house.act(lockdown.lift, OPERATOR, uid=1000)


def second_step(house: House) -> None:
    browser = house.client("cleo")
    setup = house.act(two_factor.setup_for, house.person("cleo"))
    form = {"code": code_now(setup.secret), "setup": setup.sealed}
    browser.post("/me/two-factor", form, form_on="/me/two-factor")
    codes = house.act(two_factor.renew_codes, actor_at(house, browser, "cleo"))
    knocking = house.client()
    knocking.post("/sign-in", {"username": "cleo", "password": PASSWORD}, form_on="/sign-in")
    for code in ("000000", codes[0]):
        knocking.post("/sign-in/code", {"code": code}, form_on="/sign-in/code")
    form = {"current_password": PASSWORD, "code": next_code(setup.secret)}
    browser.post("/me/two-factor/off", form, form_on="/me/two-factor")


def passkeys(house: House) -> None:
    browser = house.client("ben")
    add_passkey(browser, Authenticator())
    page = browser.get("/me").text
    (remove,) = {
        text for text in page.split('"') if text.startswith("/me/passkeys/") and text.endswith("/remove")
    }
    browser.post(remove)


def tokens(house: House) -> None:
    row, secret = new_token(house, "ada", *Scope)
    program = Program(house, secret)
    program.get("/me")
    app = Program(house)
    app.sign_in("ada")
    app.delete("/signout")
    program.patch("/settings", {"house_name": "Ours"})
    with clock.moved(timedelta(hours=2)):
        house.act(api_requests.flush)
    successor, _spelled = house.act(api_tokens.rotate, OPERATOR, row.id)
    house.act(api_tokens.revoke, OPERATOR, successor.id)


def other_people(house: House) -> None:
    house.act(approve, OPERATOR, somebody_waiting(house, "mia"))
    house.act(refuse_newcomer, OPERATOR, somebody_waiting(house, "nils"))
    house.act(sign_out_everywhere, OPERATOR, house.id_of("cleo"))
    link = f"/reset/{house.act(make_reset_link, OPERATOR, house.id_of('cleo'))}"
    house.client().post(link, {"password": "nine patient turtles"}, form_on=link)


def actor_at(house: House, browser: Browser, name: str) -> Actor:
    """Return who acts in this browser, with the session that has shown who it is."""
    cookie = browser.client.get_cookie(house.settings.session_cookie_name, domain="localhost")
    assert cookie is not None
    row = house.act(sessions.find_session, cookie.value)
    assert row is not None
    return replace(house.actor(name), session_id=row.id)


def bots(house: House) -> None:
    """A bot is made, moved to another host, called again, and taken away."""
    elsewhere = {"callback_url": "https://other.example.org/x"}
    house.act(bot_actions.change_bot, OPERATOR, a_bot(house), elsewhere)
    attempt = replay_delivery(house)
    assert house.client(attempt.who).post(attempt.path, attempt.form).status_code == 302
    house.act(bot_actions.delete_bot, OPERATOR, a_bot(house))
