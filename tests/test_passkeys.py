"""Passkeys: instead of the password, as the second step, and everything that must not open the door."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from homechat import audit, clock, settings
from homechat.accounts import challenges, passkey_answers, passkeys, sign_in
from homechat.accounts.models import Standing
from homechat.accounts.proof_models import Passkey, Purpose
from homechat.actor import Actor, Door
from homechat.errors import Unauthenticated
from homechat.lockdown import Kind
from homechat.operations.lockdown import start
from tests.authenticator import Authenticator, base64url, from_base64url, give_passkey, row_of
from tests.conftest import close
from tests.house import PASSWORD, Browser, House, copy_house, next_code
from tests.server_process import ROOT
from tests.test_accounts import change, cookie_of, is_signed_in
from tests.test_postgresql import at_once

REFUSED = "Couldn't sign you in with a passkey."
LATER = timedelta(minutes=15, seconds=1)
JSON = {"Accept": "application/json"}
CODE = re.compile(r"<code>([a-z2-9-]+)</code>")


def options_at(browser: Browser, path: str, form_on: str) -> dict[str, Any]:
    """Return what the script of a page is told to ask for."""
    reply = browser.post(f"{path}/options", form_on=form_on, headers=JSON)
    assert (reply.status_code, reply.json["ok"]) == (200, True), reply.text
    options: dict[str, Any] = reply.json["options"]
    return options


def come_in_with(passkey: Authenticator, browser: Browser, **form: str) -> Any:
    answer = passkey.use(options_at(browser, "/sign-in/passkey", "/sign-in"))
    return browser.post("/sign-in/passkey", {"passkey": answer, **form}, form_on="/sign-in")


def add_passkey(browser: Browser, passkey: Authenticator) -> Any:
    answer = passkey.make(options_at(browser, "/me/passkeys", "/me"))
    return browser.post("/me/passkeys", {"passkey": answer})


def knock(house: House, name: str = "ben") -> Browser:
    """Give the right password, and return the browser that is half-way in."""
    browser = house.client()
    reply = browser.post("/sign-in", {"username": name, "password": PASSWORD}, form_on="/sign-in")
    assert reply.status_code == 302, reply.text
    return browser


def answer_with(passkey: Authenticator, browser: Browser) -> Any:
    answer = passkey.use(options_at(browser, "/sign-in/code/passkey", "/sign-in/code"))
    return browser.post("/sign-in/code/passkey", {"passkey": answer}, form_on="/sign-in/code")


def use_as_second_step(house: House, name: str) -> list[str]:
    """Have the passkeys that somebody has be their second step; return the recovery codes."""
    browser = house.client(name)
    done = browser.post("/me/two-factor/passkey", form_on="/me/two-factor")
    assert done.status_code == 200, done.text
    return CODE.findall(done.text)


def actions_about(house: House, name: str) -> list[str]:
    with house.app.app_context():
        return [row.action for row in audit.entries(subject=f"user:{house.id_of(name)}")]


def want_of(house: House, whom: str) -> None:
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, whom)


# making one


def test_a_passkey_is_made_and_opens_the_house_without_a_password(house: House) -> None:
    phone, mine = house.client("ben"), Authenticator()

    done = add_passkey(phone, mine)

    assert (done.status_code, done.location) == (302, "/me?saved=passkey")
    assert "not used yet" in phone.get("/me").text
    elsewhere = house.client()
    reply = come_in_with(mine, elsewhere)
    assert (reply.status_code, reply.location) == (302, "/")
    assert f'data-person-id="{house.id_of("ben")}"' in elsewhere.get("/").text
    assert "not used yet" not in phone.get("/me").text
    assert row_of(house, mine).sign_count == mine.count == 1
    with house.app.app_context():
        (added,) = audit.entries(action=audit.Action.PASSKEY_ADDED)
        assert added.subject == f"user:{house.id_of('ben')}"
        assert added.detail == {"passkey": row_of(house, mine).id}
        assert audit.entries(action=audit.Action.LOGIN)[0].actor_id == house.id_of("ben")


def test_what_the_browser_is_asked_for(house: House) -> None:
    browser = house.client("ben")
    first, again = (options_at(browser, "/me/passkeys", "/me") for _ in range(2))

    assert first["rp"] == {"id": "localhost", "name": "HomeChat"}
    assert first["attestation"] == "none"
    assert first["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert first["excludeCredentials"] == []
    assert len(from_base64url(first["challenge"])) == 32
    assert first["challenge"] != again["challenge"]

    mine = Authenticator()
    add_passkey(browser, mine)
    known = options_at(browser, "/me/passkeys", "/me")["excludeCredentials"]
    assert known == [{"type": "public-key", "id": base64url(mine.id), "transports": ["internal"]}]
    anybody = options_at(house.client(), "/sign-in/passkey", "/sign-in")
    assert anybody["allowCredentials"] == [], "a stranger learns of no passkey"
    assert anybody["userVerification"] == "required"


def test_authenticators_know_a_person_by_something_that_tells_nothing_and_stays(house: House) -> None:
    browser = house.client("ben")
    handles = [options_at(browser, "/me/passkeys", "/me")["user"]["id"] for _ in range(2)]
    others = options_at(house.client("cleo"), "/me/passkeys", "/me")["user"]["id"]

    assert handles[0] == handles[1] != others
    raw = from_base64url(handles[0])
    assert len(raw) == 32
    assert b"ben" not in raw


def wrong_challenge(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "challenge": base64url(b"x" * 32)}


def wrong_origin(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    mine.origin = "https://localhost.evil.example"
    return options


def wrong_host(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    mine.host = "evil.example"
    return options


def not_verified(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    mine.is_verified = False
    return options


Twist = Callable[[Authenticator, dict[str, Any]], dict[str, Any]]
TWISTS: list[Twist] = [wrong_challenge, wrong_origin, wrong_host, not_verified]


@pytest.mark.parametrize("twist", TWISTS, ids=lambda twist: twist.__name__)
def test_a_new_passkey_is_refused_with(house: House, twist: Twist) -> None:
    browser, mine = house.client("ben"), Authenticator()
    options = options_at(browser, "/me/passkeys", "/me")

    refused = browser.post("/me/passkeys", {"passkey": mine.make(twist(mine, options))})

    assert refused.status_code == 422
    assert "That did not work with this passkey." in refused.text
    with house.rows() as session:
        assert session.scalars(sa.select(Passkey)).all() == []


def test_what_was_asked_for_making_one_is_good_once_for_ten_minutes_and_for_its_person(house: House) -> None:
    browser, first, second = house.client("ben"), Authenticator(), Authenticator()
    options = options_at(browser, "/me/passkeys", "/me")
    browser.post("/me/passkeys", {"passkey": first.make(options)})
    used = browser.post("/me/passkeys", {"passkey": second.make(options)})
    options = options_at(browser, "/me/passkeys", "/me")
    with clock.moved(timedelta(minutes=10, seconds=1)):
        late = browser.post("/me/passkeys", {"passkey": second.make(options)})
    options = options_at(browser, "/me/passkeys", "/me")
    cleo = house.client("cleo")
    step = cookie_of(browser, "__Host-homechat-step")
    assert step
    cleo.client.set_cookie("__Host-homechat-step", step, secure=True, path="/")
    anothers = cleo.post("/me/passkeys", {"passkey": second.make(options)})

    for refused in (used, late, anothers):
        assert refused.status_code == 422
        assert "That took too long." in refused.text
    assert [row.credential_id for row in house.act(passkeys.passkeys_of, house.id_of("ben"))] == [first.id]
    assert house.act(passkeys.passkeys_of, house.id_of("cleo")) == []


def test_a_passkey_has_one_owner(house: House) -> None:
    mine = give_passkey(house, "ben")
    taken = add_passkey(house.client("cleo"), mine)
    assert taken.status_code == 409
    assert house.act(passkeys.passkeys_of, house.id_of("cleo")) == []


def test_twenty_are_enough_for_anybody(house: House) -> None:
    for _ in range(passkeys.PASSKEYS_MAX):
        give_passkey(house, "ben")
    assert add_passkey(house.client("ben"), Authenticator()).status_code == 409


def test_adding_and_removing_ask_once_more_who_it_is(house: House) -> None:
    mine = give_passkey(house, "ben")
    browser = house.client("ben")
    with clock.moved(LATER):
        asked = browser.post("/me/passkeys/options", headers=JSON)
        assert (asked.status_code, asked.json["code"]) == (403, "step_up_needed")
        for path in ("/me/passkeys", f"/me/passkeys/{row_of(house, mine).id}/remove"):
            reply = browser.post(path)
            assert reply.status_code == 403
            assert "Is it still you" in reply.text
    assert row_of(house, mine)


# signing in


def test_a_passkey_is_password_and_second_step_in_one(house: House) -> None:
    house.turn_on_second_step("ben")
    mine, cleos = give_passkey(house, "ben"), give_passkey(house, "cleo")
    want_of(house, "everybody")
    for passkey in (mine, cleos):
        browser = house.client()
        assert come_in_with(passkey, browser).location == "/"
        assert is_signed_in(browser)


def test_the_way_on_is_kept_and_never_leads_out_of_the_house(house: House) -> None:
    mine = give_passkey(house, "ben")
    assert come_in_with(mine, house.client(), next="/people").location == "/people"
    assert come_in_with(mine, house.client(), next="//evil.example/").location == "/"


def wrong_key(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    mine.key = ec.generate_private_key(ec.SECP256R1())
    return options


def unknown(mine: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    mine.id = b"nobody has this."
    return options


@pytest.mark.parametrize("twist", [*TWISTS, wrong_key, unknown], ids=lambda twist: twist.__name__)
def test_nobody_comes_in_with(house: House, twist: Twist) -> None:
    mine = give_passkey(house, "ben")
    right, browser = replace(mine), house.client()
    options = options_at(browser, "/sign-in/passkey", "/sign-in")

    answer = mine.use(twist(mine, options))
    refused = browser.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in")

    assert refused.status_code == 401
    assert REFUSED in refused.text.replace("&#39;", "'")
    assert not is_signed_in(browser)
    with house.app.app_context():
        failed = audit.entries(action=audit.Action.LOGIN_FAILED)[0]
        assert failed.subject == ("" if twist is unknown else f"user:{house.id_of('ben')}")
    again = browser.post("/sign-in/passkey", {"passkey": right.use(options)}, form_on="/sign-in")
    assert again.status_code == 401, "a question is worth one answer"
    assert come_in_with(right, browser).status_code == 302


NONSENSE = [
    "",
    "null",
    "[]",
    "{}",
    "not JSON",
    "[" * 9_000,
    '{"rawId": 7}',
    '{"rawId": "AA"}',
    '{"rawId": "ü"}',
    "{" + '"a":1,' * 9_000 + '"rawId": "AA"}',
]


def broken(answer: str, **parts: Any) -> str:
    whole = json.loads(answer)
    whole["response"].update(parts)
    return json.dumps(whole)


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:16])
def test_what_makes_no_sense_is_refused_like_everything_else(house: House, text: str) -> None:
    browser = house.client()
    options_at(browser, "/sign-in/passkey", "/sign-in")
    refused = browser.post("/sign-in/passkey", {"passkey": text}, form_on="/sign-in")
    assert refused.status_code == 401
    ben = house.client("ben")
    options_at(ben, "/me/passkeys", "/me")
    assert ben.post("/me/passkeys", {"passkey": text}).status_code == 422


@pytest.mark.parametrize(
    "junk", [None, 7, "", "ü", "!!!", "AA", base64url(b"{}"), base64url(b"\xa1" * 40), "x" * 400]
)
def test_a_part_that_makes_no_sense_is_refused_too(house: House, junk: Any) -> None:
    mine = give_passkey(house, "ben")
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        browser = house.client()
        options = options_at(browser, "/sign-in/passkey", "/sign-in")
        answer = broken(mine.use(options), **{part: junk})
        assert browser.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in").status_code == 401
    for part in ("clientDataJSON", "attestationObject"):
        ben, new = house.client("ben"), Authenticator()
        answer = broken(new.make(options_at(ben, "/me/passkeys", "/me")), **{part: junk})
        assert ben.post("/me/passkeys", {"passkey": answer}).status_code == 422


def test_a_question_is_good_once_for_ten_minutes_and_in_the_browser_that_asked(house: House) -> None:
    mine = give_passkey(house, "ben")
    browser, other = house.client(), house.client()
    options = options_at(browser, "/sign-in/passkey", "/sign-in")
    answer = mine.use(options)
    elsewhere = other.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in")
    with clock.moved(timedelta(minutes=10, seconds=1)):
        late = browser.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in")
    for refused in (elsewhere, late):
        assert refused.status_code == 401
        assert "That took too long." in refused.text

    step = cookie_of(browser, "__Host-homechat-step")
    assert step
    assert browser.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in").status_code == 302
    assert cookie_of(browser, "__Host-homechat-step") is None
    other.client.set_cookie("__Host-homechat-step", step, secure=True, path="/")
    again = other.post("/sign-in/passkey", {"passkey": mine.use(options)}, form_on="/sign-in")
    assert again.status_code == 401
    assert not is_signed_in(other)


def test_a_question_for_one_thing_is_worth_nothing_for_another(house: House) -> None:
    mine, browser = give_passkey(house, "ben"), house.client()
    for purpose in Purpose:
        if purpose is Purpose.PASSKEY_SIGN_IN:
            continue
        to_sign = b"0" * 32
        secret = house.act(challenges.pose, purpose, user_id=house.id_of("ben"), webauthn=to_sign)
        browser.client.set_cookie("__Host-homechat-step", secret, secure=True, path="/")
        answer = mine.use({"challenge": base64url(to_sign)})
        refused = browser.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in")
        assert refused.status_code == 401, purpose


def test_of_two_answers_at_the_same_moment_one_opens_the_door(house: House) -> None:
    mine = give_passkey(house, "ben", count=None)
    question = house.act(sign_in.ask_for_passkey, house.actor("ben"))
    answer = mine.use(question.options)
    stranger = Actor.stranger(door=Door.PAGE, address="192.0.2.7")

    results = at_once(
        *[lambda: house.act(sign_in.sign_in_with_passkey, stranger, question.secret, answer)] * 4
    )

    assert sorted(type(result).__name__ for result in results) == ["Admitted", *["Unauthenticated"] * 3]


def test_a_count_that_goes_back_is_a_copy_and_is_refused(house: House) -> None:
    mine = give_passkey(house, "ben")
    copy = replace(mine)
    for _ in range(3):
        assert come_in_with(mine, house.client()).status_code == 302

    refused = come_in_with(copy, house.client())

    assert refused.status_code == 401
    with house.app.app_context():
        failed = audit.entries(action=audit.Action.TWO_FACTOR_FAILED)
        assert [row.subject for row in failed] == [f"user:{house.id_of('ben')}"]
    assert row_of(house, mine).sign_count == 3
    assert come_in_with(mine, house.client()).status_code == 302


def test_a_passkey_that_does_not_count_works_again_and_again(house: House) -> None:
    mine = give_passkey(house, "ben", count=None)
    for _ in range(3):
        assert come_in_with(mine, house.client()).status_code == 302


def lock(house: House) -> None:
    change(house, "ben", standing=Standing.LOCKED)


def erase(house: House) -> None:
    change(house, "ben", erased_at=clock.now())


def guess(house: House) -> None:
    for _ in range(5):
        house.client().post("/sign-in", {"username": "ben", "password": "a guess"}, form_on="/sign-in")


@pytest.mark.parametrize("shut", [lock, erase, guess], ids=lambda shut: shut.__name__)
def test_whoever_is_shut_out_is_so_with_a_passkey_too(house: House, shut: Callable[[House], None]) -> None:
    mine = give_passkey(house, "ben")
    shut(house)
    browser = house.client()
    refused = come_in_with(mine, browser)
    assert refused.status_code == 401
    assert REFUSED in refused.text.replace("&#39;", "'")
    assert not is_signed_in(browser)


def test_somebody_who_waits_to_be_let_in_is_told_so(house: House) -> None:
    mine = give_passkey(house, "ben")
    change(house, "ben", standing=Standing.PENDING)
    reply = come_in_with(mine, house.client())
    assert reply.status_code == 403
    assert "waiting for whoever runs the house" in reply.text


def test_who_has_to_wait_in_a_lockdown_reads_why_and_until_when(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    half_way = knock(house)
    house.act(start, Actor.operator(), Kind.USERS, reason="A stolen phone")
    for browser, come in ((house.client(), come_in_with), (half_way, answer_with)):
        reply = come(mine, browser)
        assert reply.status_code == 423
        assert "A stolen phone" in reply.text
        assert "It opens again by itself" in reply.text
        assert not is_signed_in(browser)


def test_nothing_is_set_up_with_a_passkey_in_a_lockdown(house: House) -> None:
    want_of(house, "everybody")
    browser, mine = knock(house), Authenticator()
    answer = mine.make(options_at(browser, "/sign-in/set-up/passkey", "/sign-in/set-up"))
    house.act(start, Actor.operator(), Kind.USERS, reason="A stolen phone")
    reply = browser.post("/sign-in/set-up/passkey", {"passkey": answer}, form_on="/sign-in/set-up")
    assert reply.status_code == 423
    assert "A stolen phone" in reply.text
    assert house.person("ben").two_factor_since is None
    assert house.act(passkeys.passkeys_of, house.id_of("ben")) == []


def test_wrong_answers_count_as_failures_and_lock(house: House) -> None:
    mine = give_passkey(house, "ben")
    stranger = house.client()
    for _ in range(5):
        options = options_at(stranger, "/sign-in/passkey", "/sign-in")
        stranger.post(
            "/sign-in/passkey", {"passkey": replace(mine, is_verified=False).use(options)}, form_on="/sign-in"
        )
    assert "account_locked" in actions_about(house, "ben")
    assert come_in_with(mine, stranger).status_code == 401
    with clock.moved(timedelta(minutes=30, seconds=1)):
        assert come_in_with(mine, stranger).status_code == 302


# as the second step


def test_a_new_passkey_as_the_second_step_brings_recovery_codes(house: House) -> None:
    phone, laptop, mine = house.client("ben"), house.client("ben"), Authenticator()
    options = options_at(laptop, "/me/passkeys", "/me/two-factor")
    before = cookie_of(laptop)

    done = laptop.post("/me/two-factor/passkey", {"passkey": mine.make(options)}, form_on="/me/two-factor")

    codes = CODE.findall(done.text)
    assert len(set(codes)) == 10
    assert is_signed_in(laptop)
    assert cookie_of(laptop) != before
    assert not is_signed_in(phone), "other devices sign in anew"
    with house.app.app_context():
        (enabled,) = audit.entries(action=audit.Action.TWO_FACTOR_ENABLED)
        assert enabled.detail == {"by": "passkey"}
    page = laptop.get("/me/two-factor").text
    assert "It is on" in page
    assert "Set up your authenticator app" in page, "an app may come beside it"

    browser = knock(house)
    assert browser.get("/sign-in/code").text.count('inputmode="numeric"') == 0, "there is no app to ask for"
    assert answer_with(mine, browser).location == "/"
    assert is_signed_in(browser)
    lost = knock(house)
    assert lost.post("/sign-in/code", {"code": codes[0]}, form_on="/sign-in/code").location == "/"


def test_the_passkeys_that_are_there_become_the_second_step(house: House) -> None:
    browser = house.client("ben")
    assert browser.post("/me/two-factor/passkey", form_on="/me/two-factor").status_code == 409
    mine = give_passkey(house, "ben")
    assert knock(house).get("/me").status_code == 200, "the password alone does, so far"

    codes = use_as_second_step(house, "ben")

    assert len(set(codes)) == 10
    assert not is_signed_in(knock(house))
    assert answer_with(mine, knock(house)).location == "/"
    again = house.client("ben").post("/me/two-factor/passkey", form_on="/me/two-factor")
    assert again.status_code == 409


def test_after_the_password_a_passkey_need_not_see_finger_or_face(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    options = options_at(knock(house), "/sign-in/code/passkey", "/sign-in/code")
    assert options["userVerification"] == "preferred"
    assert [each["id"] for each in options["allowCredentials"]] == [base64url(mine.id)]
    assert answer_with(replace(mine, is_verified=False), knock(house)).location == "/"


def test_a_passkey_answers_where_an_app_is_set_up_as_well(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    mine = give_passkey(house, "ben")
    page = knock(house).get("/sign-in/code").text
    assert "Use a passkey" in page
    assert 'inputmode="numeric"' in page
    assert answer_with(mine, knock(house)).location == "/"
    code = {"code": next_code(secret)}
    assert knock(house).post("/sign-in/code", code, form_on="/sign-in/code").location == "/"


def test_somebody_elses_passkey_is_no_second_step(house: House) -> None:
    give_passkey(house, "ben")
    cleos = give_passkey(house, "cleo")
    use_as_second_step(house, "ben")
    browser = knock(house)
    refused = answer_with(cleos, browser)
    assert refused.status_code == 401
    assert "That passkey did not work here." in refused.text
    assert not is_signed_in(browser)
    assert "2fa_failed" in actions_about(house, "ben")


def test_after_five_wrong_answers_the_half_way_in_are_out(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    browser = knock(house)
    for _ in range(5):
        assert answer_with(replace(mine, origin="https://evil.example"), browser).status_code == 401
    reply = browser.post("/sign-in/code/passkey/options", form_on="/sign-in/code", headers=JSON)
    assert (reply.status_code, reply.json["code"]) == (401, "unauthenticated")


def test_a_second_step_is_answered_once_and_only_what_was_asked_last(house: House) -> None:
    mine = give_passkey(house, "ben", count=None)
    use_as_second_step(house, "ben")
    browser = knock(house)
    earlier = mine.use(options_at(browser, "/sign-in/code/passkey", "/sign-in/code"))
    options_at(browser, "/sign-in/code/passkey", "/sign-in/code")
    refused = browser.post("/sign-in/code/passkey", {"passkey": earlier}, form_on="/sign-in/code")
    assert refused.status_code == 401
    without = browser.post("/sign-in/code/passkey", {"passkey": earlier}, form_on="/sign-in/code")
    assert without.status_code == 401, "nothing was asked, so nothing answers it"

    step = cookie_of(browser, "__Host-homechat-step")
    right = mine.use(options_at(browser, "/sign-in/code/passkey", "/sign-in/code"))
    stranger = Actor.stranger(door=Door.PAGE, address="192.0.2.7")
    results = at_once(*[lambda: house.act(sign_in.second_step_with_passkey, stranger, str(step), right)] * 3)
    assert sorted(type(result).__name__ for result in results) == ["Admitted", *["Unauthenticated"] * 2]


def test_what_was_asked_anew_while_an_answer_was_checked_voids_it(house: House) -> None:
    mine = give_passkey(house, "ben")
    secret = house.act(challenges.pose, Purpose.SECOND_STEP, user_id=house.id_of("ben"))
    question = house.act(sign_in.ask_for_second_passkey, house.actor("ben"), secret)
    with house.app.app_context():
        challenge = challenges.posed(secret, Purpose.SECOND_STEP)
        answer = passkey_answers.read(challenge, mine.use(question.options))
        assert passkey_answers.what_is_wrong(answer, challenge) is None
        challenges.renew_bytes(secret, Purpose.SECOND_STEP)
        challenge = challenges.posed(secret, Purpose.SECOND_STEP)
        assert passkey_answers.what_is_wrong(answer, challenge) == audit.Action.LOGIN_FAILED


def test_somebody_locked_meanwhile_does_not_come_in_by_their_passkey(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    browser = knock(house)
    lock(house)
    assert answer_with(mine, browser).status_code == 401


def test_whoever_has_to_set_up_a_second_step_may_do_so_with_a_passkey(house: House) -> None:
    want_of(house, "everybody")
    browser, mine = knock(house), Authenticator()
    options = options_at(browser, "/sign-in/set-up/passkey", "/sign-in/set-up")
    wrong = replace(mine, origin="https://evil.example").make(options)
    refused = browser.post("/sign-in/set-up/passkey", {"passkey": wrong}, form_on="/sign-in/set-up")
    assert refused.status_code == 422
    assert not is_signed_in(browser)

    options = options_at(browser, "/sign-in/set-up/passkey", "/sign-in/set-up")
    done = browser.post("/sign-in/set-up/passkey", {"passkey": mine.make(options)}, form_on="/sign-in/set-up")

    assert len(set(CODE.findall(done.text))) == 10
    assert is_signed_in(browser)
    assert answer_with(mine, knock(house)).location == "/"
    late = house.client().post("/sign-in/set-up/passkey", {"passkey": mine.make(options)}, form_on="/sign-in")
    assert (late.status_code, late.location) == (302, "/sign-in")


# showing once more who one is


def confirm_with(passkey: Authenticator, browser: Browser, **form: str) -> Any:
    answer = passkey.use(options_at(browser, "/confirm/passkey", "/confirm"))
    return browser.post("/confirm", {"passkey_proof": answer, **form}, form_on="/confirm")


def test_a_passkey_shows_once_more_who_one_is(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    browser = house.client("ben")
    before = cookie_of(browser)
    with clock.moved(LATER):
        assert "Use a passkey" in browser.get("/confirm").text
        done = confirm_with(mine, browser, next="/me/two-factor")
        assert (done.status_code, done.location) == (302, "/me/two-factor")
        assert browser.get("/me/two-factor").status_code == 200
    assert cookie_of(browser) != before


def test_an_interrupted_form_goes_on_after_a_passkey(house: House) -> None:
    mine = give_passkey(house, "ben")
    browser = house.client("ben")
    path = f"/me/passkeys/{row_of(house, mine).id}/remove"
    with clock.moved(LATER):
        assert f'name="then" value="{path}"' in browser.post(path).text
        done = confirm_with(mine, browser, then=path)
        assert (done.status_code, done.location) == (307, path)
        assert browser.post(path).status_code == 302


def test_only_ones_own_passkey_that_saw_who_it_is_shows_anything(house: House) -> None:
    mine, cleos = give_passkey(house, "ben"), give_passkey(house, "cleo")
    browser = house.client("ben")
    with clock.moved(LATER):
        for wrong in (cleos, replace(mine, is_verified=False), replace(mine, host="evil.example")):
            refused = confirm_with(wrong, browser)
            assert refused.status_code == 422
            assert "That passkey did not work here." in refused.text
        used = mine.use(options_at(browser, "/confirm/passkey", "/confirm"))
        with clock.moved(LATER + timedelta(minutes=11)):
            late = browser.post("/confirm", {"passkey_proof": used}, form_on="/confirm")
        assert (late.status_code, "That took too long." in late.text) == (422, True)
        assert browser.get("/me/two-factor").status_code == 303
    assert "login_failed" in actions_about(house, "ben")


def test_those_without_passkeys_are_not_asked_for_one(house: House) -> None:
    assert "Use a passkey" not in house.client("ben").get("/confirm").text


def test_a_passkey_turns_the_second_step_off(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    browser, other = house.client("ben"), house.client("ben")
    answer = replace(mine, is_verified=False).use(options_at(browser, "/confirm/passkey", "/confirm"))
    refused = browser.post("/me/two-factor/off", {"passkey_proof": answer}, form_on="/me/two-factor")
    assert refused.status_code == 422
    assert house.person("ben").two_factor_since is not None

    answer = mine.use(options_at(browser, "/confirm/passkey", "/confirm"))
    done = browser.post("/me/two-factor/off", {"passkey_proof": answer}, form_on="/me/two-factor")

    assert done.location == "/me?saved=two-factor"
    assert house.person("ben").two_factor_since is None
    assert not is_signed_in(other)
    assert come_in_with(mine, house.client()).status_code == 302, "it still opens the door by itself"


# naming and removing


def test_a_passkey_gets_a_name_of_its_owners(house: House) -> None:
    mine = row_of(house, give_passkey(house, "ben")).id
    browser = house.client("ben")
    assert browser.post(f"/me/passkeys/{mine}/name", {"passkey_name": " Blue  key "}).status_code == 302
    assert "Blue key" in browser.get("/me").text
    for name in ("", "   ", "x" * 41):
        refused = browser.post(f"/me/passkeys/{mine}/name", {"passkey_name": name})
        assert refused.status_code == 422
    assert house.client("cleo").post(f"/me/passkeys/{mine}/name", {"passkey_name": "x"}).status_code == 404
    assert "Blue key" in browser.get("/me").text


def test_a_removed_passkey_opens_nothing(house: House) -> None:
    mine, other = give_passkey(house, "ben"), give_passkey(house, "ben")
    number = row_of(house, mine).id
    assert house.client("cleo").post(f"/me/passkeys/{number}/remove").status_code == 404
    assert house.client("ada").post(f"/me/passkeys/{number}/remove").status_code == 404
    browser, stolen = house.client("ben"), house.client()
    come_in_with(mine, stolen)
    waiting = house.client()
    answer = mine.use(options_at(waiting, "/sign-in/passkey", "/sign-in"))

    assert browser.post(f"/me/passkeys/{number}/remove").location == "/me?saved=passkey"

    assert is_signed_in(browser)
    assert not is_signed_in(stolen), "whoever came in with it is out"
    assert waiting.post("/sign-in/passkey", {"passkey": answer}, form_on="/sign-in").status_code == 401
    assert come_in_with(mine, house.client()).status_code == 401
    assert come_in_with(other, house.client()).status_code == 302
    with house.app.app_context():
        (removed,) = audit.entries(action=audit.Action.PASSKEY_REMOVED)
        assert (removed.subject, removed.detail) == (f"user:{house.id_of('ben')}", {"passkey": number})
    assert browser.post(f"/me/passkeys/{number}/remove").status_code == 404


def test_with_the_last_passkey_the_second_step_ends(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    assert house.client("ben").post(f"/me/passkeys/{row_of(house, mine).id}/remove").status_code == 302
    assert house.person("ben").two_factor_since is None
    assert "2fa_disabled" in actions_about(house, "ben")
    assert is_signed_in(knock(house))


def test_it_goes_on_where_there_is_an_app_or_another_passkey(house: House) -> None:
    house.turn_on_second_step("ben")
    mine = give_passkey(house, "ben")
    house.client("ben").post(f"/me/passkeys/{row_of(house, mine).id}/remove")
    assert house.person("ben").two_factor_since is not None

    first, second = give_passkey(house, "cleo"), give_passkey(house, "cleo")
    use_as_second_step(house, "cleo")
    house.client("cleo").post(f"/me/passkeys/{row_of(house, first).id}/remove")
    assert house.person("cleo").two_factor_since is not None
    assert answer_with(second, knock(house, "cleo")).location == "/"


def test_where_the_house_wants_a_second_step_the_last_one_stays(house: House) -> None:
    mine = give_passkey(house, "ben")
    use_as_second_step(house, "ben")
    want_of(house, "everybody")
    path = f"/me/passkeys/{row_of(house, mine).id}/remove"
    refused = house.client("ben").post(path)
    assert refused.status_code == 403
    assert "Set up another one first." in refused.text
    give_passkey(house, "ben")
    assert house.client("ben").post(path).status_code == 302


# where


@pytest.fixture
def house_at(cast_folder: Path, tmp_path: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def make(**more: Any) -> House:
        made.append(House(copy_house(cast_folder, tmp_path / f"data-{len(made)}"), **more))
        return made[-1]

    yield make
    for house in made:
        close(house)


def test_passkeys_are_bound_to_the_public_address_and_work_from_further_origins(
    house_at: Callable[..., House],
) -> None:
    house = house_at(public_url="https://chat.example:8443", allowed_origins=("https://www.chat.example",))
    mine = give_passkey(house, "ben", host="chat.example", origin="https://chat.example:8443")
    ways = {
        "https://chat.example:8443": True,
        "https://www.chat.example": True,
        "https://chat.example": False,
        "http://chat.example:8443": False,
        "https://chat.example:8443.evil.example": False,
    }
    for origin, is_right in ways.items():
        question = house.act(sign_in.ask_for_passkey, house.actor("ben"))
        assert question.options["rpId"] == "chat.example"
        answer = replace(mine, origin=origin, count=mine.count).use(question.options)
        mine.count = (mine.count or 0) + 1
        stranger = Actor.stranger(door=Door.PAGE, address=f"192.0.2.{mine.count}")
        if is_right:
            house.act(sign_in.sign_in_with_passkey, stranger, question.secret, answer)
        else:
            with pytest.raises(Unauthenticated):
                house.act(sign_in.sign_in_with_passkey, stranger, question.secret, answer)


def test_without_https_there_is_no_word_of_passkeys(house_at: Callable[..., House]) -> None:
    house = house_at(public_url="http://192.168.1.5:8000")
    browser = house.client()
    assert "<passkey-button" not in browser.get("/sign-in").text
    refused = browser.post("/sign-in/passkey/options", form_on="/sign-in", headers=JSON)
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")


def test_without_scripts_nothing_of_it_is_to_be_seen(house: House) -> None:
    give_passkey(house, "ben")
    for browser, path in ((house.client(), "/sign-in"), (house.client("ben"), "/confirm")):
        assert '<passkey-button class="passkey" hidden ' in browser.get(path).text


def test_questions_are_limited_per_address(house: House) -> None:
    browser = house.client()
    token = browser.form_token("/sign-in")
    headers = {**JSON, "X-CSRFToken": token, "Referer": "https://localhost/"}
    replies = [
        browser.client.post(
            "/sign-in/passkey/options", base_url="https://localhost", headers=headers
        ).status_code
        for _ in range(121)
    ]
    assert replies == [200] * 120 + [429]


def test_a_house_without_passkeys_does_not_load_what_they_need() -> None:
    code = "import homechat.app, sys; sys.exit('webauthn' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=False).returncode == 0
