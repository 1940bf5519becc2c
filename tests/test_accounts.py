"""Accounts: signing in and out, devices, passwords and one's own profile."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from homechat import clock
from homechat.accounts.models import LoginSession, Standing, User
from homechat.database import transaction
from homechat.security import passwords
from homechat.security.tokens import digest_of
from homechat.serving import front
from tests.api_client import Program
from tests.conftest import close
from tests.house import PASSWORD, Browser, House, copy_house

COOKIE = "__Host-homechat"
REFUSED = "Couldn't sign you in. Check the name and password."
NEW_PASSWORD = "seven quiet lighthouses"


def sign_in(
    browser: Browser, name: str, password: str = PASSWORD, *, address: str = "127.0.0.1", **more: Any
) -> Any:
    return browser.post(
        "/sign-in",
        {"username": name, "password": password, **more},
        form_on="/sign-in",
        environ_overrides={"REMOTE_ADDR": address},
    )


def cookie_of(browser: Browser, name: str = COOKIE) -> str | None:
    cookie = browser.client.get_cookie(name, domain="localhost")
    return cookie.value if cookie else None


def with_cookie(house: House, token: str) -> Browser:
    """Return a browser that presents `token`, from wherever it has it."""
    browser = house.client()
    browser.client.set_cookie(COOKIE, token, secure=True, path="/")
    return browser


def is_signed_in(browser: Browser) -> bool:
    """Whether this browser is let in, by pages and by JSON alike."""
    page = browser.get("/me")
    script = browser.get("/sidebar", headers={"Accept": "application/json"})
    if page.status_code == 200:
        assert script.status_code == 200
        return True
    assert (page.status_code, page.location) == (302, "/sign-in?next=/me")
    assert (script.status_code, script.json["code"]) == (401, "unauthenticated")
    return False


def change(house: House, name: str, **values: Any) -> None:
    """Change the row of a person, as actions of later features will."""
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == name).values(**values))


def field_errors(reply: Any) -> dict[str, str]:
    """Return the sentences below the fields of a form."""
    found = re.findall(r'id="(\w+)-error">([^<]*)', reply.text)
    return {name: html.unescape(sentence) for name, sentence in found}


# signing in


def test_the_right_name_and_password_open_the_house(house: House) -> None:
    browser = house.client()
    assert not is_signed_in(browser)

    reply = sign_in(browser, "ben")

    assert (reply.status_code, reply.location) == (302, "/")
    assert is_signed_in(browser)
    assert f'data-person-id="{house.id_of("ben")}"' in browser.get("/").text


@pytest.mark.parametrize("spelling", ["BEN", "Ben", " ben "])
def test_the_name_is_read_without_regard_to_case(house: House, spelling: str) -> None:
    assert sign_in(house.client(), spelling).status_code == 302


def test_every_refusal_looks_the_same(house: House) -> None:
    change(house, "cleo", standing=Standing.LOCKED)
    change(house, "olga", erased_at=clock.now())
    attempts = {
        "wrong password": ("ben", "not the password"),
        "wrong case of the password": ("ben", PASSWORD.upper()),
        "no password": ("ben", ""),
        "unknown name": ("nobody", PASSWORD),
        "no name": ("", PASSWORD),
        "locked": ("cleo", PASSWORD),
        "erased": ("olga", PASSWORD),
        "a bot": ("rex", PASSWORD),
    }

    seen = {}
    for what, (name, password) in attempts.items():
        browser = house.client()
        reply = sign_in(browser, name, password)
        assert cookie_of(browser) is None, what
        assert f'id="username" name="username" type="text" value="{name}"' in reply.text
        page = re.sub(r'(name="csrf_token"|name="username" type="text") value="[^"]*"', "", reply.text)
        seen[what] = (reply.status_code, page, sorted(reply.headers.keys()))

    assert seen["wrong password"][0] == 401
    assert REFUSED in html.unescape(seen["wrong password"][1])
    assert [what for what, reply in seen.items() if reply != seen["wrong password"]] == []
    assert sign_in(house.client(), "ben").status_code == 302


def test_a_failed_attempt_is_one_log_line_with_the_address_and_no_name(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        sign_in(house.client(), "ben", "my-secret-typo", address="203.0.113.9")
        sign_in(house.client(), "my-secret-password-as-name", "x", address="2001:db8::7")
        sign_in(house.client(), "ben", address="203.0.113.10")

    failed = [record.getMessage() for record in caplog.records if "sign-in failed" in record.getMessage()]
    assert failed == ["sign-in failed from 203.0.113.9", "sign-in failed from 2001:db8::7"]
    assert "my-secret" not in caplog.text


def test_somebody_who_is_signed_in_needs_no_sign_in_page(house: House) -> None:
    reply = house.client("ben").get("/sign-in")
    assert (reply.status_code, reply.location) == (302, "/")


# the cookie


def test_the_cookie_is_bound_to_this_host_and_hidden_from_scripts(house: House) -> None:
    reply = sign_in(house.client(), "ben")

    (header,) = [text for text in reply.headers.getlist("Set-Cookie") if text.startswith(f"{COOKIE}=")]
    value, *flags = header.split("; ")
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}", value)  # 256 bits
    lifetime = [flag for flag in flags if flag.startswith(("Expires=", "Max-Age="))]
    assert sorted(set(flags) - set(lifetime)) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    assert f"Max-Age={365 * 24 * 3600}" in lifetime


def test_an_admins_cookie_lives_shorter(house: House) -> None:
    reply = sign_in(house.client(), "ada")
    assert f"Max-Age={30 * 24 * 3600}" in "".join(reply.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize(
    ("public_url", "name", "flags"),
    [
        ("http://192.168.1.5:8000", "homechat", ["HttpOnly", "Path=/", "SameSite=Lax"]),
        ("https://chat.example", "__Host-homechat", ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]),
        (
            "https://house.example/chat",
            "__Secure-homechat",
            ["HttpOnly", "Path=/chat", "SameSite=Lax", "Secure"],
        ),
    ],
)
def test_the_cookies_name_and_flags_follow_the_public_address(
    cast_folder: Path, tmp_path: Path, public_url: str, name: str, flags: list[str]
) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), public_url=public_url)
    front.install(house.app, house.settings)
    page = f"{house.settings.path_prefix}/sign-in"

    reply = house.client().post(page, {"username": "ben", "password": PASSWORD}, form_on=page)

    assert reply.status_code == 302

    (header,) = [text for text in reply.headers.getlist("Set-Cookie") if text.startswith(f"{name}=")]
    given = {flag for flag in header.split("; ")[1:] if not flag.startswith(("Expires=", "Max-Age="))}
    assert sorted(given) == flags
    close(house)


def test_the_database_holds_only_the_cookies_digest(house: House) -> None:
    browser = house.client()
    sign_in(browser, "ben")
    token = cookie_of(browser)
    assert token

    with house.rows() as session:
        assert session.scalars(sa.select(LoginSession.token_digest)).all() == [digest_of(token)]
    assert token.encode() not in b"".join(file.read_bytes() for file in house.data_dir.glob("homechat.db*"))


def test_a_cookie_that_was_planted_before_the_sign_in_opens_nothing_after_it(house: House) -> None:
    browser = with_cookie(house, "planted-by-somebody-else")

    sign_in(browser, "ben")

    assert is_signed_in(browser)
    assert not is_signed_in(with_cookie(house, "planted-by-somebody-else"))


def test_signing_in_over_somebody_elses_session_gives_it_nothing(house: House) -> None:
    cleos = house.client("cleo")
    planted = cookie_of(cleos)
    assert planted
    lured = with_cookie(house, planted)
    token = lured.form_token("/me")

    lured.post("/sign-in", {"username": "ben", "password": PASSWORD, "csrf_token": token})

    assert '"username": "ben"' in html.unescape(lured.get("/me").text)
    assert '"username": "cleo"' in html.unescape(cleos.get("/me").text)
    assert cookie_of(lured) != planted


def test_each_sign_in_is_a_session_of_its_own(house: House) -> None:
    phone, laptop = house.client(), house.client()
    sign_in(phone, "ben")
    sign_in(laptop, "ben")
    assert cookie_of(phone) != cookie_of(laptop)
    assert is_signed_in(phone)
    assert is_signed_in(laptop)


@pytest.mark.parametrize("token", ["", "x", "None", "1", "a" * 43, "ä" * 43, "a" * 4000])
def test_a_made_up_cookie_opens_nothing(house: House, token: str) -> None:
    house.client("ben")
    assert not is_signed_in(with_cookie(house, token))


# the end of a session


def sign_out(house: House, browser: Browser) -> None:
    assert browser.post("/sign-out").location == "/sign-in"


def revoke_from_elsewhere(house: House, browser: Browser) -> None:
    token = cookie_of(browser)
    assert token
    with house.rows() as session:
        device = session.scalars(sa.select(LoginSession.id).filter_by(token_digest=digest_of(token))).one()
    assert house.client("ben").post(f"/me/devices/{device}/revoke").status_code == 302


def change_password_elsewhere(house: House, browser: Browser) -> None:
    form = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    assert house.client("ben").post("/me/password", form).location == "/me?saved=password"


def change_password_here(house: House, browser: Browser) -> None:
    form = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    assert browser.post("/me/password", form).location == "/me?saved=password"


def lock(house: House, browser: Browser) -> None:
    change(house, "ben", standing=Standing.LOCKED)


def erase(house: House, browser: Browser) -> None:
    change(house, "ben", erased_at=clock.now())


@pytest.mark.parametrize(
    "end",
    [sign_out, revoke_from_elsewhere, change_password_elsewhere, change_password_here, lock, erase],
    ids=lambda function: function.__name__,
)
def test_the_old_cookie_is_worthless_after(house: House, end: Callable[[House, Browser], None]) -> None:
    browser = house.client()
    sign_in(browser, "ben")
    stolen = cookie_of(browser)
    assert stolen
    assert is_signed_in(with_cookie(house, stolen))

    end(house, browser)

    assert not is_signed_in(with_cookie(house, stolen))


def test_signing_out_takes_the_cookie_back_and_leaves_other_devices_alone(house: House) -> None:
    phone, laptop = house.client("ben"), house.client("ben")

    phone.post("/sign-out")

    assert not cookie_of(phone)
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)


def test_a_device_in_use_stays_signed_in_and_an_unused_one_does_not(house: House) -> None:
    used, unused = house.client("ben"), house.client("ben")

    with clock.moved(timedelta(days=29)):
        assert is_signed_in(used)
    with clock.moved(timedelta(days=30, seconds=5)):
        assert is_signed_in(used)
        assert not is_signed_in(unused)


def test_a_device_signs_in_anew_after_a_year_however_much_it_is_used(house: House) -> None:
    browser = house.client("ben")
    for days in range(20, 365, 20):
        with clock.moved(timedelta(days=days)):
            assert is_signed_in(browser), days
    with clock.moved(timedelta(days=364, hours=23)):
        assert is_signed_in(browser)
    with clock.moved(timedelta(days=365, seconds=5)):
        assert not is_signed_in(browser)


def test_admins_sign_in_more_often(house: House) -> None:
    used, unused = house.client("ada"), house.client("ada")
    for days in (13, 26):
        with clock.moved(timedelta(days=days)):
            assert is_signed_in(used)
    with clock.moved(timedelta(days=14, seconds=5)):
        assert not is_signed_in(unused)
    with clock.moved(timedelta(days=30, seconds=5)):
        assert not is_signed_in(used)


def test_strict_sessions_end_after_15_idle_minutes_and_after_8_hours(
    cast_folder: Path, tmp_path: Path
) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), strict_sessions=True)
    used, unused = house.client("ben"), house.client("ben")
    for minutes in range(14, 8 * 60, 14):
        with clock.moved(timedelta(minutes=minutes)):
            assert is_signed_in(used), minutes
    with clock.moved(timedelta(minutes=15, seconds=5)):
        assert not is_signed_in(unused)
    with clock.moved(timedelta(hours=8, seconds=5)):
        assert not is_signed_in(used)
    close(house)


def test_being_seen_is_written_down_once_a_minute_at_most(house: House) -> None:
    browser = house.client("ben")

    def last_seen() -> Any:
        with house.rows() as session:
            return session.scalars(sa.select(LoginSession.last_seen_at)).one()

    before = last_seen()
    with clock.moved(timedelta(seconds=50)):
        browser.get("/me")
    assert last_seen() == before
    with clock.moved(timedelta(seconds=61)):
        browser.get("/me")
    assert timedelta(seconds=60) < last_seen() - before < timedelta(seconds=120)
    assert house.person("ben").last_seen_at == last_seen()


# how the password is kept


def test_a_hash_of_older_parameters_is_made_anew_at_sign_in(house: House) -> None:
    change(house, "ben", password_hash=PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD))

    assert sign_in(house.client(), "ben", "not the password").status_code == 401
    assert house.person("ben").password_hash.startswith("$argon2id$v=19$m=64,t=1,")
    assert sign_in(house.client(), "ben").status_code == 302

    renewed = house.person("ben").password_hash
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert sign_in(house.client(), "ben").status_code == 302
    assert house.person("ben").password_hash == renewed, "a hash of today's parameters stays"


def with_another_password_meanwhile(house: House, name: str, act: Callable[[], Any]) -> Any:
    """Have Ben choose another password just before the slow function `name` of passwords.py ends."""
    slow, another = getattr(passwords, name), passwords.hash_password(NEW_PASSWORD)

    def meanwhile(*arguments: Any) -> Any:
        result = slow(*arguments)
        change(house, "ben", password_hash=another)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, name, meanwhile)
        return act()


def test_an_old_password_that_is_being_checked_opens_nothing_any_more(house: House) -> None:
    browser, stranger = house.client("ben"), house.client()
    here = {"current_password": PASSWORD}
    refused = with_another_password_meanwhile(house, "verify_password", lambda: sign_in(stranger, "ben"))
    assert refused.status_code == 401
    assert not is_signed_in(stranger)
    change(house, "ben", password_hash=passwords.hash_password(PASSWORD))
    refused = with_another_password_meanwhile(
        house, "verify_password", lambda: browser.post("/confirm", here, form_on="/confirm")
    )
    assert refused.status_code == 422
    change(house, "ben", password_hash=passwords.hash_password(PASSWORD))
    refused = with_another_password_meanwhile(
        house,
        "hash_password",
        lambda: browser.post("/me/password", {**here, "password": "a third one, mine"}),
    )
    assert field_errors(refused) == {"current_password": "That is not your current password."}
    assert sign_in(house.client(), "ben", NEW_PASSWORD).status_code == 302


def test_a_password_chosen_while_the_old_ones_hash_is_made_anew_stays(house: House) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    for knock in (lambda: sign_in(house.client(), "ben"), lambda: Program(house).sign_in("ben")):
        change(house, "ben", password_hash=old)
        assert with_another_password_meanwhile(house, "hash_password", knock).status_code == 401

    assert sign_in(house.client(), "ben", NEW_PASSWORD).status_code == 302
    assert sign_in(house.client(), "ben").status_code == 401


# limits


@pytest.fixture
def strict(cast_folder: Path, tmp_path: Path) -> House:
    """A house with the limits it has outside of tests."""
    promised = {"sign_in_limit": "5/20 seconds", "sign_in_address_limit": "20/minute"}
    house = House(copy_house(cast_folder, tmp_path / "data"), **promised)
    yield house
    close(house)


def test_the_sixth_attempt_in_20_seconds_has_to_wait_even_with_the_right_password(strict: House) -> None:
    for spelling in ("ben", "BEN", " ben", f"Ben{' ' * 100}."):  # Not five: they would lock.
        assert sign_in(strict.client(), spelling, "wrong").status_code == 401
    assert sign_in(strict.client(), "ben").status_code == 302
    browser = strict.client()

    refused = sign_in(browser, "ben")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["Retry-After"] in refused.text
    assert "That was a lot of tries. Wait" in refused.text
    assert cookie_of(browser) is None
    assert "Retry-After" not in browser.get("/sign-in").headers
    assert sign_in(strict.client(), "cleo").status_code == 302, "another account is not held up"
    assert sign_in(strict.client(), "ben", address="203.0.113.9").status_code == 302, "nor another address"
    with clock.moved(timedelta(seconds=int(refused.headers["Retry-After"]))):
        assert sign_in(strict.client(), "ben").status_code == 302


def test_one_address_tries_20_times_a_minute_over_all_names(strict: House) -> None:
    for number in range(20):
        assert sign_in(strict.client(), f"guess_{number}").status_code == 401

    refused = sign_in(strict.client(), "ben")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert sign_in(strict.client(), "ben", address="203.0.113.9").status_code == 302


def test_guessing_the_current_password_is_limited_too(strict: House) -> None:
    browser = strict.client("ben")
    form = {"current_password": "a guess", "password": NEW_PASSWORD}
    assert [browser.post("/me/password", form).status_code for _ in range(6)] == [422] * 5 + [429]


# where to after signing in


def test_signing_in_leads_to_where_somebody_wanted_to_go(house: House) -> None:
    room = house.home().id
    browser = house.client()
    sent_away = browser.get(f"/rooms/{room}?before=5")
    assert sent_away.location == f"/sign-in?next=/rooms/{room}?before%3D5"
    page = browser.get(sent_away.location).text
    wanted = re.search(r'name="next" value="([^"]*)"', page)
    assert wanted

    reply = sign_in(browser, "ben", next=html.unescape(wanted[1]))

    assert reply.location == f"/rooms/{room}?before=5"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "HTTPS://evil.example/",
        "http:evil.example",
        "https:/evil.example",
        "//evil.example/",
        "///evil.example/",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "//evil.example\\@localhost",
        "/@evil.example\\",
        "javascript:alert(1)",
        "data:text/html,hi",
        "evil.example",
        "@evil.example",
        ".evil.example",
        "?//evil.example",
        "//[::1]/",
        "/\u2028/evil.example",
        "",
    ],
)
def test_signing_in_never_leads_out_of_the_house(house: House, wanted: str) -> None:
    browser = house.client()
    page = browser.get("/sign-in", query_string={"next": wanted}).text
    assert 'name="next" value=""' in page

    reply = sign_in(browser, "ben", next=wanted)

    assert (reply.status_code, reply.location) == (302, "/")


# one's own profile

PROFILE = {
    "display_name": "Benjamin B",
    "color": "11",
    "locale": "de",
    "timezone": "Europe/Vienna",
    "theme": "dark",
}


def test_a_changed_profile_shows_on_the_next_page(house: House) -> None:
    browser = house.client("ben")

    reply = browser.post("/me/profile", PROFILE)

    assert (reply.status_code, reply.location) == (302, "/me?saved=profile")
    page = browser.get(reply.location).text
    assert 'lang="de"' in page
    assert 'data-theme="dark"' in page
    assert 'value="Benjamin B"' in page
    assert re.search(r'value="Europe/Vienna" selected', page)
    ben = house.person("ben")
    shown = (ben.display_name, ben.initials, ben.color, ben.locale, ben.timezone, ben.theme)
    assert shown == ("Benjamin B", "BB", 11, "de", "Europe/Vienna", "dark")
    assert "Benjamin B" in house.client("ada").get("/people").text


def test_no_language_and_no_time_zone_mean_the_houses_own(house: House) -> None:
    browser = house.client("ben")
    browser.post("/me/profile", PROFILE)

    browser.post("/me/profile", {**PROFILE, "locale": "", "timezone": ""})

    ben = house.person("ben")
    assert (ben.locale, ben.timezone) == (None, None)
    assert 'lang="en"' in browser.get("/me").text


def test_a_name_is_one_tidy_line(house: House) -> None:
    house.client("ben").post("/me/profile", {**PROFILE, "display_name": "  Ben \n\u202e the\t  Great "})
    assert house.person("ben").display_name == "Ben the Great"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("display_name", "", "Please tell us a name."),
        ("display_name", " \u200f\t ", "Please tell us a name."),
        ("display_name", "x" * 41, "Keep the name to 40 characters."),
        ("display_name", "a\0b", "Please type it again."),
        ("color", "12", "Choose one of the colours."),
        ("color", "-1", "Choose one of the colours."),
        ("color", "", "Choose one of the colours."),
        ("color", "red", "Type a number."),
        ("color", "1.5", "Type a number."),
        ("color", "9" * 30, "Type a number."),
        ("locale", "tlh", "Choose one of the languages."),
        ("timezone", "Mars/Olympus", "Choose one of the time zones."),
        ("timezone", "../../etc/passwd", "Choose one of the time zones."),
        ("theme", "pink", "Choose light, dark or the device's own."),
        ("theme", "", "Choose light, dark or the device's own."),
    ],
)
def test_a_profile_that_does_not_do_is_refused_with_a_sentence(
    house: House, field: str, typed: str, sentence: str
) -> None:
    before = vars(house.person("ben")).copy()

    reply = house.client("ben").post("/me/profile", {**PROFILE, field: typed})

    assert reply.status_code == 422
    assert field_errors(reply) == {field: sentence}
    after = vars(house.person("ben"))
    assert {name: after[name] for name in PROFILE} == {name: before[name] for name in PROFILE}


def test_the_form_tells_the_browser_how_long_a_name_may_be(house: House) -> None:
    assert re.search(r'name="display_name"[^>]* maxlength="40"', house.client("ben").get("/me").text)


def test_a_refused_profile_keeps_what_was_typed(house: House) -> None:
    page = house.client("ben").post("/me/profile", {**PROFILE, "timezone": "Mars"}).text
    assert 'value="Benjamin B"' in page
    assert re.search(r'name="color" value="11" checked', page)


def test_nobody_can_give_themselves_a_role_or_a_standing(house: House) -> None:
    house.client("ben").post("/me/profile", {**PROFILE, "role": "admin", "username": "boss", "is_admin": "1"})
    ben = house.person("ben")
    assert (ben.username, ben.role, ben.display_name) == ("ben", "member", "Benjamin B")


# changing the password


def test_a_new_password_replaces_the_old_one_and_signs_other_devices_out(house: House) -> None:
    here, elsewhere = house.client("ben"), house.client("ben")
    before = cookie_of(here)

    reply = here.post("/me/password", {"current_password": PASSWORD, "password": NEW_PASSWORD})

    assert (reply.status_code, reply.location) == (302, "/me?saved=password")
    assert is_signed_in(here)
    assert cookie_of(here) != before
    assert not is_signed_in(elsewhere)
    assert sign_in(house.client(), "ben", PASSWORD).status_code == 401
    assert sign_in(house.client(), "ben", NEW_PASSWORD).status_code == 302
    assert sign_in(house.client(), "ben", NEW_PASSWORD + " ").status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "field", "sentence"),
    [
        ("not it", NEW_PASSWORD, "current_password", "That is not your current password."),
        ("", NEW_PASSWORD, "current_password", "That is not your current password."),
        (PASSWORD, "7 chars", "password", "Use at least 8 characters."),
        (PASSWORD, "aB3 " * 32 + "x", "password", "Use at most 128 characters."),
        (PASSWORD, "ben12345", "password", "That password is too close to a name that others know."),
        (PASSWORD, "homechat", "password", "That password is too close to a name that others know."),
        (PASSWORD, "football", "password", "That password is one of the first that others would try."),
        (PASSWORD, "abcdefghij", "password", "That password is a simple pattern."),
    ],
)
def test_a_password_that_does_not_do_changes_nothing(
    house: House, current: str, new: str, field: str, sentence: str
) -> None:
    browser, elsewhere = house.client("ben"), house.client("ben")

    reply = browser.post("/me/password", {"current_password": current, "password": new})

    assert reply.status_code == 422
    errors = field_errors(reply)
    assert list(errors) == [field]
    assert errors[field].startswith(sentence)
    assert f'value="{new}"' not in reply.text
    assert is_signed_in(browser)
    assert is_signed_in(elsewhere)
    assert sign_in(house.client(), "ben", PASSWORD).status_code == 302


@pytest.mark.parametrize("new", ["eight ch", "🦦🌊 otters at sea", "pass phrase with  two spaces "])
def test_any_characters_make_a_password(house: House, new: str) -> None:
    house.client("ben").post("/me/password", {"current_password": PASSWORD, "password": new})
    assert sign_in(house.client(), "ben", new).status_code == 302


def test_all_of_128_characters_count(house: House) -> None:
    new = "gray wolves sing " * 7 + "at night."
    assert len(new) == 128
    house.client("ben").post("/me/password", {"current_password": PASSWORD, "password": new})
    assert sign_in(house.client(), "ben", new[:-1] + "!").status_code == 401
    assert sign_in(house.client(), "ben", new).status_code == 302


# devices

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1"


def device_ids(house: House, name: str) -> list[int]:
    with house.rows() as session:
        return list(
            session.scalars(
                sa.select(LoginSession.id).filter_by(user_id=house.id_of(name)).order_by(LoginSession.id)
            )
        )


def test_somebody_sees_where_they_are_signed_in_and_signs_a_device_out(house: House) -> None:
    laptop, phone = house.client(), house.client()
    form = {"username": "ben", "password": PASSWORD}
    laptop.post("/sign-in", form, form_on="/sign-in", headers={"User-Agent": FIREFOX})
    there = {"REMOTE_ADDR": "203.0.113.9"}
    phone.post("/sign-in", form, form_on="/sign-in", headers={"User-Agent": IPHONE}, environ_overrides=there)
    house.client("cleo")

    page = laptop.get("/me").text

    names = re.findall(r'<p class="line__title" dir="auto">([^<]+)</p>', page)
    assert sorted(names) == ["Firefox on Linux", "Safari on iPhone"]
    assert "203.0.113.9" in page
    assert page.count("this one") == 1
    (revoke,) = re.findall(r'action="(/me/devices/\d+/revoke)"', page)
    assert laptop.post(revoke).location == "/me?saved=device"
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)
    assert "Safari on iPhone" not in laptop.get("/me").text


def test_a_device_that_has_run_out_is_not_listed(house: House) -> None:
    house.client("ben")
    with clock.moved(timedelta(days=31)):
        page = house.client("ben").get("/me").text
    assert page.count('class="line__title" dir="auto"') == 1


@pytest.mark.parametrize("role", ["ben", "ada"])
def test_somebody_elses_device_is_not_found(house: House, role: str) -> None:
    cleo = house.client("cleo")
    (device,) = device_ids(house, "cleo")
    browser = house.client(role)

    reply = browser.post(f"/me/devices/{device}/revoke")
    unknown = browser.post("/me/devices/999999/revoke")

    assert reply.status_code == unknown.status_code == 404
    assert without_tokens(reply.text) == without_tokens(unknown.text)
    assert is_signed_in(cleo)


def test_a_device_is_signed_out_once(house: House) -> None:
    house.client("ben")
    (device,) = device_ids(house, "ben")
    browser = house.client("ben")
    assert browser.post(f"/me/devices/{device}/revoke").status_code == 302
    assert browser.post(f"/me/devices/{device}/revoke").status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63), "9" * 40])
def test_a_device_number_that_cannot_be_is_not_found(house: House, number: str) -> None:
    assert house.client("ben").post(f"/me/devices/{number}/revoke").status_code == 404


def without_tokens(page: str) -> str:
    return re.sub(r'(name="csrf_token" value|data-csrf)="[^"]+"', "", page)
