"""Guessing locks out whoever guesses, for longer each time, and nobody else."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit, clock
from homechat.accounts import lockout
from homechat.accounts.proof_models import SignInFailures
from homechat.database import transaction
from homechat.household.people import lock_person
from tests.conftest import close
from tests.house import PASSWORD, Browser, House
from tests.test_indexes import statements

REFUSED = "Couldn&#39;t sign you in."
HERE = "192.0.2.55"


def try_to_sign_in(
    house: House,
    name: str = "ben",
    password: str = "wrong",
    *,
    browser: Browser | None = None,
    at: str = HERE,
) -> Any:
    return (browser or house.client()).post(
        "/sign-in",
        {"username": name, "password": password},
        form_on="/sign-in",
        environ_overrides={"REMOTE_ADDR": at},
    )


def fail(house: House, times: int, **more: Any) -> None:
    for _ in range(times):
        assert try_to_sign_in(house, **more).status_code == 401


def can_sign_in(house: House, **more: Any) -> bool:
    return try_to_sign_in(house, password=PASSWORD, **more).status_code == 302


def known_browser(house: House, name: str = "ben") -> Browser:
    """Return a browser in which `name` has signed in before, and out again."""
    browser = house.client()
    assert try_to_sign_in(house, name, PASSWORD, browser=browser).status_code == 302
    browser.post("/sign-out")
    return browser


def locks_written_down(house: House, name: str = "ben") -> list[Any]:
    with house.app.app_context():
        rows = audit.entries(action=audit.Action.ACCOUNT_LOCKED, subject=f"user:{house.id_of(name)}")
        return [row.detail for row in reversed(rows)]


@pytest.mark.parametrize(("failures", "hours"), [(5, 0.5), (10, 2), (15, 24)])
def test_each_fifth_failure_locks_for_longer(house: House, failures: int, hours: float) -> None:
    fail(house, failures)
    length = timedelta(hours=hours)

    with clock.moved(length - timedelta(seconds=2)):
        still_locked = try_to_sign_in(house, password=PASSWORD)
    assert still_locked.status_code == 401
    assert REFUSED in still_locked.text, "the right password is answered like a wrong one"
    with clock.moved(length + timedelta(seconds=1)):
        assert can_sign_in(house)

    assert locks_written_down(house)[-1] == {"minutes": hours * 60, "place": "address", "failures": failures}


def test_four_failures_lock_nobody_and_coming_in_forgives_them(house: House) -> None:
    fail(house, 4)
    assert can_sign_in(house)
    fail(house, 4)
    assert can_sign_in(house)
    assert locks_written_down(house) == []


def test_whoever_goes_on_after_15_failures_is_locked_again_and_again(house: House) -> None:
    fail(house, 15)
    with clock.moved(timedelta(hours=20)):
        fail(house, 5)
    with clock.moved(timedelta(hours=43)):
        assert not can_sign_in(house)
    with clock.moved(timedelta(hours=45)):
        assert can_sign_in(house)


def test_failures_of_yesterday_are_forgotten(house: House) -> None:
    fail(house, 4)
    with clock.moved(timedelta(hours=25)):
        fail(house, 4)
        assert can_sign_in(house)


def test_the_right_password_while_locked_is_no_further_failure(house: House) -> None:
    fail(house, 5)
    for _ in range(6):
        assert not can_sign_in(house)
    with clock.moved(timedelta(minutes=31)):
        assert can_sign_in(house)


def test_a_lock_holds_one_account_at_one_address(house: House) -> None:
    fail(house, 5)
    assert can_sign_in(house, name="cleo")
    assert can_sign_in(house, at="192.0.2.56")
    assert not can_sign_in(house)


def test_neighbours_in_one_ipv6_network_are_one_address(house: House) -> None:
    fail(house, 5, at="2001:db8:1:2::1")
    assert not can_sign_in(house, at="2001:db8:1:2:ffff::7")
    assert can_sign_in(house, at="2001:db8:1:3::1")


# a device that the account knows


def test_a_stranger_at_the_same_address_locks_nobody_out_of_a_device_they_use(house: House) -> None:
    phone = known_browser(house)
    fail(house, 15)
    assert not can_sign_in(house), "a guard: strangers are locked out"
    assert can_sign_in(house, browser=phone)


def test_a_sibling_on_their_own_device_locks_nobody_out(house: House) -> None:
    tablet_of_cleo, phone = known_browser(house, "cleo"), known_browser(house)
    fail(house, 6, browser=tablet_of_cleo)
    assert not can_sign_in(house, browser=tablet_of_cleo)
    assert can_sign_in(house, browser=phone)


def test_a_known_device_is_counted_apart_and_locked_like_any_other(house: House) -> None:
    phone = known_browser(house)
    fail(house, 5, browser=phone)
    assert not can_sign_in(house, browser=phone)
    assert can_sign_in(house), "the device's failures do not count for the address"
    assert locks_written_down(house)[-1]["place"] == "device"


def test_a_made_up_browser_cookie_is_no_known_device(house: House) -> None:
    browser = house.client()
    browser.client.set_cookie("__Host-homechat-browser", "made-up", secure=True, path="/")
    fail(house, 5)
    assert not can_sign_in(house, browser=browser)


def test_a_device_that_was_signed_out_from_another_one_is_known_no_more(house: House) -> None:
    stolen, laptop = house.client(), house.client()
    for browser in (stolen, laptop):
        assert can_sign_in(house, browser=browser)
    page = laptop.get("/me").text
    (revoke,) = {line for line in page.split('"') if line.endswith("/revoke")}
    laptop.post(revoke)
    fail(house, 5)

    assert not can_sign_in(house, browser=stolen)
    assert laptop.get("/me").status_code == 200


# many addresses


def test_from_many_addresses_an_account_is_tried_20_times_an_hour(house: House) -> None:
    phone = known_browser(house)
    for number in range(20):
        fail(house, 1, at=f"198.51.100.{number}")

    assert not can_sign_in(house, at="203.0.113.200")
    assert can_sign_in(house, browser=phone), "a device that it knows is exempt"
    with clock.moved(timedelta(minutes=61)):
        assert can_sign_in(house, at="203.0.113.200")


# counting


@pytest.mark.slow
def test_50_wrong_ones_at_once_are_counted_as_50_and_the_fifth_locks(house: House) -> None:
    replies: list[int] = []
    threads = [Thread(target=lambda: replies.append(try_to_sign_in(house).status_code)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert replies == [401] * 50
    with house.rows() as session:
        counts = dict(session.execute(sa.select(SignInFailures.place, SignInFailures.count)).all())
    assert counts == {f"address:{HERE}": 50, "anywhere": 50}
    assert not can_sign_in(house)
    assert [entry["failures"] for entry in locks_written_down(house)][:1] == [5]


def test_a_restart_forgives_nothing(house: House) -> None:
    fail(house, 5)
    restarted = House(house.data_dir)
    assert not can_sign_in(restarted)
    close(restarted)


def test_an_unlocked_account_can_be_signed_in_to_at_once(house: House) -> None:
    fail(house, 5)
    with house.rows(), transaction():
        assert lockout.forget_all_failures(house.id_of("ben"))
    assert can_sign_in(house)


def test_a_wrong_current_password_counts_as_well(house: House) -> None:
    browser = known_browser(house)
    assert can_sign_in(house, browser=browser)
    form = {"current_password": "a guess", "password": "seven quiet lighthouses"}
    for _ in range(5):
        assert browser.post("/me/password", form).status_code == 422

    right = {**form, "current_password": PASSWORD}
    assert browser.post("/me/password", right).status_code == 422
    with clock.moved(timedelta(minutes=31)):
        assert browser.post("/me/password", right).status_code == 302


def test_a_name_that_nobody_has_leaves_no_counter(house: House) -> None:
    fail(house, 6, name="my_password_by_mistake")
    with house.rows() as session:
        assert session.scalars(sa.select(SignInFailures)).all() == []


def test_the_database_is_asked_as_much_whatever_is_wrong(house: House) -> None:
    """How long a refusal takes would tell who lives here, and somebody locked out that they guessed right."""
    fail(house, 1, name="ben")
    fail(house, 5, name="cleo")
    house.act(lock_person, house.actor("ada"), house.id_of("gus"))
    fail(house, 1, name="gus")
    attempts = {
        "wrong password": ("ben", "wrong"),
        "unknown name": ("nobody", "wrong"),
        "locked out": ("cleo", "wrong"),
        "locked out, and the right password": ("cleo", PASSWORD),
        "locked by an admin": ("gus", "wrong"),
        "locked by an admin, and the right password": ("gus", PASSWORD),
    }
    asked = {}
    for what, (name, password) in attempts.items():
        with statements(house) as seen:
            assert try_to_sign_in(house, name, password).status_code == 401
        asked[what] = Counter(statement.split()[0] for statement, _values in seen)
    assert {what: count for what, count in asked.items() if count != asked["wrong password"]} == {}
