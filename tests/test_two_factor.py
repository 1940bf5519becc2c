"""The second step: setting it up, codes that work once, recovery codes, and houses that want it of everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import flask_migrate
import pyotp
import pytest
import sqlalchemy as sa

from homechat import audit, clock, paths, settings
from homechat.accounts import challenges, recovery_codes, sign_in
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import LoginSession
from homechat.accounts.proof_models import Challenge, Purpose, RecoveryCode, TotpSecret
from homechat.actor import Actor, Door, Role
from homechat.errors import HomeChatError, Unauthenticated
from homechat.household.founding import create_person_from_shell
from homechat.operations.secrets import reseal_secrets
from tests.conftest import close
from tests.house import PASSWORD, Browser, House, code_now, copy_house, next_code
from tests.server_process import run_flask
from tests.test_accounts import is_signed_in
from tests.test_postgresql import at_once

WRONG = "That code is not right."


def knock(house: House, name: str = "ben", browser: Browser | None = None) -> Browser:
    """Give the right password, and return the browser that is half-way in."""
    browser = browser or house.client()
    reply = browser.post("/sign-in", {"username": name, "password": PASSWORD}, form_on="/sign-in")
    assert reply.status_code == 302, reply.text
    return browser


def answer(browser: Browser, code: str) -> Any:
    return browser.post("/sign-in/code", {"code": code}, form_on="/sign-in/code")


def shown_at(browser: Browser, page: str) -> tuple[str, dict[str, str]]:
    """Return the secret that a page shows for an app, and the field of its form that brings it back."""
    html = browser.get(page).text
    secret = re.search(r'<code class="secret" dir="ltr">([A-Z2-7 ]+)</code>', html)
    sealed = re.search(r'name="setup" value="([^"]+)"', html)
    assert secret
    assert sealed
    return secret[1], {"setup": sealed[1]}


def finish(browser: Browser, page: str, shown: tuple[str, dict[str, str]]) -> Any:
    secret, field = shown
    return browser.post(page, {"code": code_now(secret), **field}, form_on=page)


def wrong_code(secret: str) -> str:
    """Return six digits that are none of those taken now."""
    taken = {
        pyotp.TOTP(secret.replace(" ", "")).at(clock.now() + timedelta(seconds=s))
        for s in (-60, -30, 0, 30, 60)
    }
    return next(
        code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in taken
    )


def actions_about(house: House, name: str) -> list[str]:
    with house.app.app_context():
        return [row.action for row in audit.entries(subject=f"user:{house.id_of(name)}")]


# setting it up


def test_an_app_is_set_up_with_a_first_code_and_asked_for_from_then_on(house: House) -> None:
    phone, laptop = house.client("ben"), house.client("ben")
    assert "<svg" in laptop.get("/me/two-factor").text, "a QR code, made here"
    secret, field = shown_at(laptop, "/me/two-factor")
    assert house.person("ben").two_factor_since is None, "looking turns nothing on"

    wrong = {"code": wrong_code(secret), **field}
    refused = laptop.post("/me/two-factor", wrong, form_on="/me/two-factor")
    assert refused.status_code == 422
    assert WRONG in refused.text
    assert secret in refused.text, "the same secret still, or the app would have to scan anew"
    assert house.person("ben").two_factor_since is None

    done = finish(laptop, "/me/two-factor", (secret, field))

    codes = re.findall(r"<code>([a-z2-9-]+)</code>", done.text)
    assert len(set(codes)) == 10
    assert house.person("ben").two_factor_since is not None
    assert is_signed_in(laptop)
    assert not is_signed_in(phone), "other devices sign in anew"
    assert secret not in laptop.get("/me/two-factor").text
    assert "2fa_enabled" in actions_about(house, "ben")


def test_whoever_looked_at_the_page_before_knows_nothing_of_the_secret_that_counts(house: House) -> None:
    borrowed = house.client("ben")
    seen, _field = shown_at(borrowed, "/me/two-factor")
    assert shown_at(borrowed, "/me/two-factor")[0] != seen, "not even in the same browser"
    mine = house.client("ben")
    shown = shown_at(mine, "/me/two-factor")
    assert finish(mine, "/me/two-factor", shown).status_code == 200

    assert answer(knock(house), next_code(seen)).status_code == 401
    assert answer(knock(house), next_code(shown[0])).status_code == 302
    with house.rows() as session:
        assert session.get(TotpSecret, house.id_of("ben")).confirmed_at is not None


@pytest.mark.parametrize("which", ["none", "another's", "made up", "not even ASCII"])
def test_only_a_secret_that_its_person_was_shown_is_taken(house: House, which: str) -> None:
    secret, others = shown_at(house.client("cleo"), "/me/two-factor")
    field = {"none": {}, "another's": others, "made up": {"setup": "x"}, "not even ASCII": {"setup": "é"}}[
        which
    ]
    reply = finish(house.client("ben"), "/me/two-factor", (secret, field))
    assert reply.status_code == 422
    assert house.person("ben").two_factor_since is None


def test_the_password_alone_opens_nothing_any_more(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)

    assert not is_signed_in(browser)
    with house.rows() as session:
        live = sa.select(LoginSession).filter_by(user_id=house.id_of("ben"), revoked_at=None)
        assert session.scalars(live).all() == []
    assert answer(browser, next_code(secret)).location == "/"
    assert is_signed_in(browser)


def test_somebody_half_way_in_is_a_stranger_at_every_other_door(house: House) -> None:
    house.turn_on_second_step("ben")
    browser = knock(house)
    for path in ("/", "/me", "/me/two-factor", "/people", "/confirm", "/rooms/1/messages", "/sidebar"):
        reply = browser.get(path, headers={"Accept": "application/json"})
        assert reply.status_code == 401, path


def test_the_way_on_is_kept_over_the_second_step(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = house.client()
    form = {"username": "ben", "password": PASSWORD, "next": "/people"}
    half = browser.post("/sign-in", form, form_on="/sign-in?next=/people")
    assert half.location == "/sign-in/code?next=/people"
    form = {"code": next_code(secret), "next": "/people"}
    assert browser.post("/sign-in/code", form, form_on=half.location).location == "/people"


def test_the_second_step_leads_nowhere_else(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)
    form = {"code": next_code(secret), "next": "https://evil.example/"}
    assert browser.post("/sign-in/code", form, form_on="/sign-in/code").location == "/"


# codes, each once


def test_a_code_works_once_also_in_another_window(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    first, second = knock(house), knock(house)
    code = next_code(secret)
    assert answer(first, code).status_code == 302
    refused = answer(second, code)
    assert refused.status_code == 401
    assert WRONG in refused.text


def test_the_code_that_turned_it_on_does_not_open_the_door_as_well(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    assert answer(knock(house), code_now(secret)).status_code == 401


def test_an_older_code_after_a_newer_one_is_refused(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    with clock.moved(timedelta(minutes=2)):
        older, newer = code_now(secret), next_code(secret)
        assert answer(knock(house), newer).status_code == 302
        assert answer(knock(house), older).status_code == 401


def test_a_code_from_a_minute_ago_is_refused(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    with clock.moved(timedelta(minutes=5)):
        code = code_now(secret)
    with clock.moved(timedelta(minutes=6, seconds=5)):
        assert answer(knock(house), code).status_code == 401


def test_five_wrong_codes_end_the_attempt(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    known = house.client("ben")
    known.post("/sign-out")
    browser = knock(house, browser=known)
    for _ in range(5):
        assert answer(browser, wrong_code(secret)).status_code == 401

    over = answer(browser, next_code(secret))

    assert over.status_code == 401
    assert "Please sign in again" in over.text
    assert actions_about(house, "ben").count("2fa_failed") == 5
    with clock.moved(timedelta(minutes=31)):
        assert answer(knock(house, browser=known), next_code(secret)).status_code == 302


def test_wrong_codes_count_towards_the_lockout(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)
    for _ in range(5):
        answer(browser, wrong_code(secret))
    reply = house.client().post("/sign-in", {"username": "ben", "password": PASSWORD}, form_on="/sign-in")
    assert reply.status_code == 401
    assert "account_locked" in actions_about(house, "ben")


def test_the_attempt_runs_out_after_ten_minutes(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)
    with clock.moved(timedelta(minutes=10, seconds=1)):
        late = answer(browser, next_code(secret))
        assert late.status_code == 401
        assert "Please sign in again" in late.text


def test_an_attempt_that_led_in_leads_in_once(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)
    copied = browser.client.get_cookie("__Host-homechat-step", domain="localhost").value
    assert answer(browser, next_code(secret)).status_code == 302
    thief = house.client()
    thief.client.set_cookie("__Host-homechat-step", copied, secure=True, path="/")
    with clock.moved(timedelta(minutes=1)):
        assert answer(thief, next_code(secret)).status_code == 401


def test_a_made_up_attempt_leads_nowhere(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = house.client()
    browser.client.set_cookie("__Host-homechat-step", "made-up", secure=True, path="/")
    assert answer(browser, next_code(secret)).status_code == 401
    assert house.client().get("/sign-in/code").location == "/sign-in"


def test_an_attempt_at_the_second_step_sets_up_no_app(house: House) -> None:
    house.turn_on_second_step("ben")
    browser = knock(house)
    assert browser.get("/sign-in/set-up").location == "/sign-in"


# recovery codes


def test_a_recovery_code_stands_in_for_the_phone_once(house: House) -> None:
    _secret, codes = house.turn_on_second_step("ben")
    typed = codes[3].upper().replace("-", " ")

    assert answer(knock(house), typed).status_code == 302
    assert answer(knock(house), typed).status_code == 401

    with house.app.app_context():
        (used,) = audit.entries(action=audit.Action.RECOVERY_CODE_USED)
        assert used.detail == {"left": 9}
        assert recovery_codes.codes_left(house.id_of("ben")) == 9
    assert answer(knock(house), codes[4]).status_code == 302


def test_one_persons_recovery_code_does_not_open_for_another(house: House) -> None:
    _secret, codes = house.turn_on_second_step("ben")
    house.turn_on_second_step("cleo")
    assert answer(knock(house, "cleo"), codes[0]).status_code == 401


def test_new_recovery_codes_replace_the_old_ones(house: House) -> None:
    secret, old = house.turn_on_second_step("ben")
    browser = knock(house)
    answer(browser, next_code(secret))
    page = browser.post("/me/two-factor/codes", form_on="/me/two-factor").text
    new = re.findall(r"<code>([a-z2-9-]+)</code>", page)
    assert len(new) == 10
    assert answer(knock(house), old[0]).status_code == 401
    assert answer(knock(house), new[0]).status_code == 302


def test_ten_codes_of_80_bits_are_stored_hashed(house: House) -> None:
    _secret, codes = house.turn_on_second_step("ben")
    assert len(recovery_codes.ALPHABET) == len(set(recovery_codes.ALPHABET)) == 32
    assert [len(code.replace("-", "")) for code in codes] == [16] * 10
    with house.rows() as session:
        rows = session.scalars(sa.select(RecoveryCode)).all()
    stored = " ".join(f"{row.salt} {row.digest}" for row in rows)
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    assert len({row.salt for row in rows}) == 1, "one hash checks a code, not ten"


# the secret


def test_the_secret_in_the_database_is_encrypted(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    plain = secret.replace(" ", "").encode()
    with house.rows() as session:
        assert session.get(TotpSecret, house.id_of("ben")).sealed_secret
        session.execute(sa.text("SELECT 1"))
    for file in house.data_dir.rglob("*"):
        if file.is_file():
            assert plain not in file.read_bytes(), file


@pytest.mark.parametrize("forget", [[], ["--forget-old"]])
def test_rotating_the_key_keeps_codes_working_in_a_house_that_runs(house: House, forget: list[str]) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    key_file = house.data_dir / "secrets" / "encryption_key"
    before = key_file.read_text().split()
    with house.rows() as session:
        sealed = session.get(TotpSecret, house.id_of("ben")).sealed_secret

    result = run_flask(house.data_dir, "secrets", "rotate", *forget)

    assert result.returncode == 0, result.stderr
    assert "1 secret(s)" in result.stdout
    keys = key_file.read_text().split()
    assert keys[0] not in before
    assert keys[1:] == ([] if forget else before)
    assert keys[0] not in result.stdout + result.stderr
    with house.rows() as session:
        assert session.get(TotpSecret, house.id_of("ben")).sealed_secret != sealed
    assert answer(knock(house), next_code(secret)).status_code == 302
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_given_key_may_be_followed_by_older_ones(cast_folder: Path, tmp_path: Path) -> None:
    folder = copy_house(cast_folder, tmp_path / "data")
    before = House(folder, encryption_key="a" * 32)
    secret, _codes = before.turn_on_second_step("ben")
    close(before)
    after = House(folder, encryption_key=f"{'b' * 32} {'a' * 32}")
    assert answer(knock(after), next_code(secret)).status_code == 302
    after.act(reseal_secrets, Actor.operator())
    close(after)
    alone = House(folder, encryption_key="b" * 32)
    with clock.moved(timedelta(minutes=1)):
        assert answer(knock(alone), next_code(secret)).status_code == 302
    close(alone)


# turning it off


def signed_in_with_step(house: House) -> tuple[Browser, str]:
    secret, _codes = house.turn_on_second_step("ben")
    browser = knock(house)
    answer(browser, next_code(secret))
    return browser, secret


def test_turning_it_off_takes_the_password_and_a_code(house: House) -> None:
    browser, secret = signed_in_with_step(house)
    with clock.moved(timedelta(minutes=2)):
        for form in (
            {"current_password": "wrong", "code": next_code(secret)},
            {"current_password": PASSWORD, "code": wrong_code(secret)},
            {"current_password": PASSWORD, "code": ""},
        ):
            reply = browser.post("/me/two-factor/off", form, form_on="/me/two-factor")
            assert reply.status_code == 422
            assert house.person("ben").two_factor_since is not None
        phone = knock(house)
        answer(phone, next_code(secret))

    with clock.moved(timedelta(minutes=4)):
        form = {"current_password": PASSWORD, "code": next_code(secret)}
        assert browser.post("/me/two-factor/off", form, form_on="/me/two-factor").status_code == 302

        assert house.person("ben").two_factor_since is None
        assert is_signed_in(browser)
        assert not is_signed_in(phone)
        assert is_signed_in(knock(house))
    with house.rows() as session:
        assert session.scalars(sa.select(RecoveryCode)).all() == []
        assert session.scalars(sa.select(TotpSecret)).all() == []
    assert "2fa_disabled" in actions_about(house, "ben")


def test_where_the_house_wants_it_it_stays_on(house: House) -> None:
    browser, secret = signed_in_with_step(house)
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "everybody")
    form = {"current_password": PASSWORD, "code": next_code(secret)}
    assert browser.post("/me/two-factor/off", form, form_on="/me").status_code == 403
    assert house.person("ben").two_factor_since is not None


# houses that want it


@pytest.mark.parametrize(
    ("wanted", "who"), [("admins", {"ada"}), ("everybody", {"ada", "ben", "gus"}), ("nobody", set())]
)
def test_those_of_whom_it_is_wanted_set_it_up_at_their_next_sign_in(
    house: House, wanted: str, who: set[str]
) -> None:
    signed_in_before = house.client("ada")
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, wanted)
    assert is_signed_in(signed_in_before)

    walked = set()
    for name in ("ada", "ben", "gus"):
        browser = knock(house, name)
        if not is_signed_in(browser):
            walked.add(name)
            secret, sealed = shown_at(browser, "/sign-in/set-up")
            form = {"code": wrong_code(secret), **sealed}
            wrong = browser.post("/sign-in/set-up", form, form_on="/sign-in/set-up")
            assert (wrong.status_code, is_signed_in(browser)) == (422, False)
            assert secret in wrong.text
            done = finish(browser, "/sign-in/set-up", (secret, sealed))
            assert len(re.findall(r"<code>([a-z2-9-]+)</code>", done.text)) == 10
            assert is_signed_in(browser)
            assert answer(knock(house, name), next_code(secret)).status_code == 302
    assert walked == who


def thief_at_work(house: House) -> tuple[Browser, tuple[str, dict[str, str]]]:
    """Return the browser of somebody with Ben's password whom the house wants a second step of, and what it shows."""
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "everybody")
    browser = knock(house)
    return browser, shown_at(browser, "/sign-in/set-up")


def changes_password(house: House, ben: Browser) -> None:
    form = {"current_password": PASSWORD, "password": "three calm herons"}
    assert ben.post("/me/password", form).status_code == 302


def signs_others_out(house: House, ben: Browser) -> None:
    assert ben.post("/me/devices/revoke-others").status_code == 302


def sets_one_up(house: House, ben: Browser) -> None:
    assert finish(ben, "/me/two-factor", shown_at(ben, "/me/two-factor")).status_code == 200


@pytest.mark.parametrize("act", [changes_password, signs_others_out, sets_one_up])
def test_nobody_sets_one_up_with_what_they_proved_before(
    house: House, act: Callable[[House, Browser], None]
) -> None:
    ben = house.client("ben")
    thief, shown = thief_at_work(house)

    act(house, ben)

    assert finish(thief, "/sign-in/set-up", shown).location == "/sign-in"
    assert thief.post("/sign-in/set-up/passkey/options", form_on="/sign-in").status_code == 303
    assert not is_signed_in(thief)
    assert is_signed_in(ben)


def test_whoever_sets_one_up_second_is_asked_for_the_first(house: House) -> None:
    """Not even when both had begun, and only the last step of it was at the same moment."""
    thief, _shown = thief_at_work(house)
    house.turn_on_second_step("ben")
    secret = house.act(challenges.pose, Purpose.ENROLMENT, user_id=house.id_of("ben"))
    thief.client.set_cookie(f"{house.settings.session_cookie_name}-step", secret, secure=True, path="/")
    assert thief.get("/sign-in/set-up").location == "/sign-in"
    with pytest.raises(Unauthenticated), house.app.app_context():
        sign_in.enrol_with_passkey(Actor.stranger(door=Door.PAGE), secret, "{}")


def test_a_setting_that_is_none_of_the_choices_is_refused(house: House) -> None:
    result = run_flask(house.data_dir, "house", "set", "two_factor_required", "some")
    assert result.returncode == 1
    assert "Choose one of: nobody, admins, everybody" in result.stderr


# at the same moment, on both databases


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, cast_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A house with Ben in it, on each database."""
    if request.param == "sqlite":
        house = House(copy_house(cast_folder, tmp_path / "data"))
    else:
        (tmp_path / "data").mkdir(mode=0o700)
        url = request.getfixturevalue("postgres_url")
        house = House(tmp_path / "data", database_url=url, encryption_key="e" * 64)
        with house.app.app_context():
            flask_migrate.upgrade(directory=str(paths.MIGRATIONS))
        for name, role in (("ada", Role.ADMIN), ("ben", Role.MEMBER)):
            new = NewPerson(name, name.title(), PASSWORD)
            house.act(create_person_from_shell, Actor.operator(), new, role=role)
    yield house
    close(house)


def half_way_in(house: House) -> str:
    with house.app.test_request_context():
        step = house.act(
            sign_in.sign_in, Actor.stranger(door=house.actor("ben").door), username="ben", password=PASSWORD
        )
    assert isinstance(step, sign_in.HalfWay)
    return step.secret


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_two_who_send_the_same_code_at_once_one_comes_in(either: House, kind: str) -> None:
    secret, codes = either.turn_on_second_step("ben")
    code = next_code(secret) if kind == "code" else codes[0]
    stranger = Actor.stranger(door=either.actor("ben").door, address="192.0.2.9")
    attempts = [half_way_in(either) for _ in range(4)]

    results = at_once(*[partial(either.act, sign_in.second_step, stranger, each, code) for each in attempts])

    admitted = [result for result in results if isinstance(result, sign_in.Admitted)]
    assert len(admitted) == 1
    assert all(isinstance(result, sign_in.Admitted | HomeChatError) for result in results)


def test_one_attempt_answered_twice_at_once_leads_in_once(either: House) -> None:
    secret, codes = either.turn_on_second_step("ben")
    stranger = Actor.stranger(door=either.actor("ben").door, address="192.0.2.9")
    attempt = half_way_in(either)
    answers = [next_code(secret), codes[0], codes[1]]

    results = at_once(
        *[partial(either.act, sign_in.second_step, stranger, attempt, each) for each in answers]
    )

    assert sum(isinstance(result, sign_in.Admitted) for result in results) == 1
    with either.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Challenge)) == 1
