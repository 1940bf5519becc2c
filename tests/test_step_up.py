"""What a borrowed, unlocked phone is not enough for: after 15 minutes people show once more who they are."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.accounts import step_up
from homechat.accounts.models import LoginSession
from homechat.actor import Actor, Door
from homechat.database import transaction
from homechat.errors import StepUpNeeded
from tests.house import PASSWORD, House, next_code
from tests.test_accounts import cookie_of, is_signed_in, with_cookie

LATER = timedelta(minutes=15, seconds=1)
GUARDED = "/me/two-factor"


def confirm(browser: Any, password: str = PASSWORD, **more: Any) -> Any:
    return browser.post("/confirm", {"current_password": password, **more}, form_on="/confirm")


def test_for_15_minutes_after_signing_in_nobody_is_asked(house: House) -> None:
    browser = house.client("ben")
    with clock.moved(timedelta(minutes=14, seconds=50)):
        assert browser.get(GUARDED).status_code == 200


def test_later_the_password_is_asked_for_and_leads_on(house: House) -> None:
    browser = house.client("ben")
    with clock.moved(LATER):
        asked = browser.get(GUARDED)
        assert (asked.status_code, asked.location) == (303, f"/confirm?next={GUARDED}")
        page = browser.get(asked.location).text
        assert "Is it still you, Ben?" in page
        assert f'name="next" value="{GUARDED}"' in page

        done = confirm(browser, next=GUARDED)

        assert (done.status_code, done.location) == (302, GUARDED)
        assert browser.get(GUARDED).status_code == 200
    with clock.moved(2 * LATER):
        assert browser.get(GUARDED).status_code == 303


def test_a_session_from_before_there_was_such_a_thing_is_asked_at_once(house: House) -> None:
    browser = house.client("ben")
    with house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(proved_at=None))
    assert browser.get(GUARDED).status_code == 303


def test_a_wrong_password_proves_nothing_and_says_so(house: House) -> None:
    browser = house.client("ben")
    with clock.moved(LATER):
        refused = confirm(browser, "not mine", next=GUARDED)
        assert refused.status_code == 422
        assert "That password is not right." in refused.text
        assert f'name="next" value="{GUARDED}"' in refused.text
        assert browser.get(GUARDED).status_code == 303


def test_with_a_second_step_the_code_is_asked_for_too(house: House) -> None:
    secret, codes = house.turn_on_second_step("ben")
    browser = house.client("ben")
    with clock.moved(LATER):
        assert 'autocomplete="one-time-code"' in browser.get("/confirm").text
        for code in ("", "000000"):
            assert confirm(browser, code=code).status_code == 422
        code = next_code(secret)
        assert confirm(browser, code=code).status_code == 302
        assert confirm(browser, code=code).status_code == 422, "each code once"
        assert confirm(browser, code=codes[0]).status_code == 302


def test_the_session_gets_another_secret_and_goes_on(house: House) -> None:
    browser = house.client("ben")
    before = cookie_of(browser)
    confirm(browser)
    after = cookie_of(browser)
    assert after != before
    assert is_signed_in(browser)
    assert not is_signed_in(with_cookie(house, before))
    with house.rows() as session:
        live = sa.select(LoginSession).filter_by(user_id=house.id_of("ben"), revoked_at=None)
        assert len(session.scalars(live).all()) == 1


def test_the_way_on_never_leads_out_of_the_house(house: House) -> None:
    browser = house.client("ben")
    assert confirm(browser, next="https://evil.example/").location == "/"
    assert confirm(browser, next="//evil.example/").location == "/"
    assert confirm(browser, then="//evil.example/", next="/me").location == "/me"


def test_a_form_that_was_open_for_too_long_is_asked_about_and_loses_nothing(house: House) -> None:
    _secret, codes = house.turn_on_second_step("ben")
    browser = house.client("ben")
    with clock.moved(LATER):
        token = browser.form_token("/me")
        asked = browser.post("/me/two-factor/codes", {"kept": "as <it> was"}, form_on="/me")

        assert asked.status_code == 403
        assert "Is it still you" in asked.text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text))
        assert fields["then"] == "/me/two-factor/codes"
        assert fields["kept"] == "as &lt;it&gt; was"

        wrong = confirm(browser, "wrong", then=fields["then"], kept="as <it> was")
        assert 'name="kept" value="as &lt;it&gt; was"' in wrong.text
        again = browser.client.post(
            "/confirm",
            data={
                "csrf_token": token,
                "current_password": PASSWORD,
                "code": codes[0],
                "then": fields["then"],
            },
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
        )
        assert (again.status_code, again.location) == (307, "/me/two-factor/codes")


def test_scripts_are_told_in_json(house: House) -> None:
    browser = house.client("ben")
    with clock.moved(LATER):
        reply = browser.get(GUARDED, headers={"Accept": "application/json"})
        assert (reply.status_code, reply.json["code"]) == (403, "step_up_needed")


@pytest.mark.parametrize(
    "actor",
    [Actor.operator(), Actor.system(), Actor(1, None, Door.CLI), Actor(1, None, Door.API, token_id=1)],
)
def test_the_shell_and_tokens_have_nothing_to_show(house: House, actor: Actor) -> None:
    house.act(step_up.require, actor)


def test_whoever_has_no_session_has_shown_nothing(house: House) -> None:
    with pytest.raises(StepUpNeeded):
        house.act(step_up.require, house.actor("ada"))
