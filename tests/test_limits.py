"""Budgets: exactly N in any window, one count for all doors, and they hold whatever Redis does."""

from __future__ import annotations

import logging
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_limiter import Limiter

from homechat import clock
from homechat.addresses import address_key
from homechat.config import Settings
from homechat.errors import TooMany
from homechat.security import limit_storage, limits
from homechat.security.limit_storage import HouseholdStorage, MovingWindows
from homechat.security.limits import BUDGETS, Budget, Budgets, init_limits
from tests.redis_server import RedisServer

ADA, BEN = 1, 2
# What the house promises, by the names in the code.
PROMISED = {
    "messages": (60, 60),
    "sign_in": (5, 20),
    "sign_in_address": (20, 60),
    "sign_up": (5, 60),
    "read": (120, 60),
    "history": (240, 60),
    "search": (30, 60),
    "joins": (30, 60),
    "invites": (20, 3600),
    "socket_events": (600, 60),
}


def settings_of(tmp_path: Path, **given: object) -> Settings:
    return Settings(**{"data_dir": tmp_path, "secret_key": "k" * 40, **given})


@pytest.fixture
def budgets(tmp_path: Path) -> Budgets:
    return Budgets(settings_of(tmp_path))


def spend_all(budgets: Budgets, budget: Budget, *key: object) -> int:
    """Spend until refused; return how often it went."""
    for count in range(10_000):
        try:
            budgets.spend(budget, *key)
        except TooMany:
            return count
    raise AssertionError("this budget has no end")


def wait_told(budgets: Budgets, budget: Budget, *key: object) -> int:
    with pytest.raises(TooMany) as refusal:
        budgets.spend(budget, *key)
    return refusal.value.retry_after


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_exactly_as_many_as_promised_pass_and_after_the_wait_one_more(
    budgets: Budgets, budget: Budget
) -> None:
    rate = budgets._rates[budget]
    assert PROMISED.get(budget.name, (rate.amount, rate.get_expiry())) == (rate.amount, rate.get_expiry())
    assert budgets.standing(budget, ADA).remaining == rate.amount
    assert spend_all(budgets, budget, ADA) == rate.amount
    assert budgets.standing(budget, ADA).remaining == 0
    seconds = wait_told(budgets, budget, ADA)
    assert rate.get_expiry() - 2 <= seconds <= rate.get_expiry()
    with clock.moved(timedelta(seconds=seconds)):
        budgets.spend(budget, ADA)


def test_every_promised_budget_exists_under_a_name_of_its_own() -> None:
    names = [budget.name for budget in BUDGETS]
    assert len(set(names)) == len(names)
    assert set(PROMISED) <= set(names)
    assert {getattr(limits, name.upper()).name for name in names} == set(names)


def test_one_persons_haste_is_nobody_elses_wait(budgets: Budgets) -> None:
    spend_all(budgets, limits.MESSAGES, ADA)
    budgets.spend(limits.MESSAGES, BEN)
    budgets.spend(limits.READ, ADA)


def test_the_window_moves_so_that_no_span_ever_holds_more(budgets: Budgets) -> None:
    """A fixed window would let 10 through around its edge."""
    began, passed = clock.now(), []
    for tenths in range(0, 1_000, 3):
        with clock.moved(timedelta(seconds=tenths / 10)):
            try:
                budgets.spend(limits.SIGN_IN, "203.0.113.9", "ada")
            except TooMany:
                continue
            passed.append((clock.now() - began).total_seconds())
    assert len(passed) > 20
    for first, sixth in zip(passed, passed[5:], strict=False):
        assert sixth - first > 19.9


def test_what_was_refused_does_not_count(budgets: Budgets) -> None:
    spend_all(budgets, limits.SIGN_IN, "203.0.113.9", "ada")
    for _ in range(50):
        wait_told(budgets, limits.SIGN_IN, "203.0.113.9", "ada")
    with clock.moved(timedelta(seconds=20)):
        budgets.spend(limits.SIGN_IN, "203.0.113.9", "ada")


def test_a_refusal_says_how_long_to_wait(budgets: Budgets) -> None:
    spend_all(budgets, limits.MESSAGES, ADA)
    with clock.moved(timedelta(seconds=48.5)), pytest.raises(TooMany) as refusal:
        budgets.spend(limits.MESSAGES, ADA)
    assert 11 <= refusal.value.retry_after <= 12
    assert refusal.value.message == (
        f"You're sending very fast. Wait {refusal.value.retry_after} seconds and try again."
    )
    with clock.moved(timedelta(seconds=59.5)), pytest.raises(TooMany, match="Wait 1 second and"):
        budgets.spend(limits.MESSAGES, ADA)
    spend_all(budgets, limits.INVITES, ADA)
    with pytest.raises(TooMany, match="Wait 60 minutes"):
        budgets.spend(limits.INVITES, ADA)


def test_settings_decide_how_much(tmp_path: Path) -> None:
    budgets = Budgets(
        settings_of(
            tmp_path,
            messages_per_minute=3,
            webhook_limit="4/minute",
            upload_limit="5/hour",
            sign_in_limit="2/hour",
        )
    )
    assert spend_all(budgets, limits.MESSAGES, ADA) == 3
    assert spend_all(budgets, limits.WEBHOOKS, 1) == 4
    assert spend_all(budgets, limits.UPLOADS, ADA) == 5
    assert spend_all(budgets, limits.SIGN_IN, "203.0.113.9", "ada") == 2
    assert wait_told(budgets, limits.SIGN_IN, "203.0.113.9", "ada") > 3500


def test_a_clock_that_is_set_back_freezes_nobody_out(budgets: Budgets) -> None:
    with clock.moved(timedelta(hours=1)):
        spend_all(budgets, limits.MESSAGES, ADA)
    assert 59 <= wait_told(budgets, limits.MESSAGES, ADA) <= 60, "the limit is gone, or holds for an hour"
    with clock.moved(timedelta(seconds=60)):
        budgets.spend(limits.MESSAGES, ADA)


def test_hits_at_the_same_time_are_counted_one_by_one(budgets: Budgets) -> None:
    passed: list[int] = []

    def hurry() -> None:
        passed.append(spend_all(budgets, limits.MESSAGES, ADA))

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 60


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("not an address", "not an address"),
    ],
)
def test_an_ipv6_household_is_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


def test_changing_the_last_half_of_an_ipv6_address_does_not_help(budgets: Budgets) -> None:
    for number in range(5):
        budgets.spend(limits.SIGN_UP, f"2001:db8::{number + 1:x}")
    wait_told(budgets, limits.SIGN_UP, "2001:db8::ffff")
    budgets.spend(limits.SIGN_UP, "2001:db8:0:1::1")


def test_sign_in_counts_address_and_name_together(budgets: Budgets) -> None:
    spend_all(budgets, limits.SIGN_IN, "203.0.113.9", "ada")
    budgets.spend(limits.SIGN_IN, "203.0.113.9", "ben")
    budgets.spend(limits.SIGN_IN, "203.0.113.10", "ada")


@pytest.mark.parametrize("name", ["x" * 100_000, "a/5/20", "\ud800", "\x00\r\n", "", "🦦"])
def test_whatever_is_typed_as_a_name_makes_a_short_key_of_its_own(budgets: Budgets, name: str) -> None:
    assert spend_all(budgets, limits.SIGN_IN, "203.0.113.9", name) == 5
    budgets.spend(limits.SIGN_IN, "203.0.113.9", name + "'")
    assert all(len(key) < 200 for key in budgets.storage._here._hits)


def test_old_keys_are_forgotten_while_new_ones_come() -> None:
    windows = MovingWindows()
    for number in range(1_000):
        windows.acquire(f"first {number}", 5, 20)
    assert len(windows) == 1_000
    with clock.moved(timedelta(seconds=21)):
        for number in range(1_000):
            windows.acquire(f"second {number}", 5, 20)
    assert len(windows) == 1_000


def test_a_flood_of_addresses_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_storage, "KEYS_MAX", 100)
    windows = MovingWindows()
    for number in range(1_000):
        windows.acquire(f"stranger {number}", 5, 20)
    assert len(windows) <= 100
    assert len(windows._seconds) <= 100


def test_a_budget_can_be_given_back(budgets: Budgets) -> None:
    spend_all(budgets, limits.MESSAGES, ADA)
    assert budgets.storage.reset() == 1
    assert budgets.standing(limits.MESSAGES, ADA).remaining == 60


def test_doors_spend_from_the_app_and_flask_limiter_counts_the_same_way(tmp_path: Path) -> None:
    app = Flask("small")
    init_limits(app, settings_of(tmp_path))
    limiter = Limiter(key_func=lambda: "somebody")
    limiter.init_app(app)
    app.add_url_rule("/", view_func=limiter.limit("2/minute")(lambda: "hello"))
    assert isinstance(limiter.storage, HouseholdStorage)
    with app.app_context():
        limits.spend(limits.MESSAGES, ADA)
        assert limits.standing(limits.MESSAGES, ADA).remaining == 59
    replies = [app.test_client().get("/") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[0].headers["X-RateLimit-Limit"] == "2"
    assert 1 <= int(replies[2].headers["Retry-After"]) <= 61
    with clock.moved(timedelta(seconds=60)):
        assert app.test_client().get("/").status_code == 200


def test_limits_hold_without_redis(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        budgets = Budgets(
            settings_of(tmp_path, redis_url=f"redis://:hunter2@127.0.0.1:{closed.getsockname()[1]}")
        )
        with caplog.at_level(logging.WARNING):
            assert spend_all(budgets, limits.MESSAGES, ADA) == 60
    assert budgets.storage.is_degraded
    assert len(caplog.records) == 1, "one line for the outage, not one per message"
    assert "hunter2" not in caplog.text


def test_a_redis_that_hangs_holds_up_one_request_and_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_storage, "REDIS_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        budgets = Budgets(settings_of(tmp_path, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}"))
        attempts = count_attempts(budgets, monkeypatch)
        assert spend_all(budgets, limits.MESSAGES, ADA) == 60
    assert attempts == [1]


def count_attempts(budgets: Budgets, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often Redis is asked."""
    shared, attempts = budgets.storage._shared, [0]
    assert shared is not None
    acquire = shared.acquire_entry

    def counted(*args: int | str) -> bool:
        attempts[0] += 1
        return acquire(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shared, "acquire_entry", counted)
    return attempts


def test_two_servers_share_their_budgets_through_redis(redis: RedisServer, tmp_path: Path) -> None:
    one, other = (Budgets(settings_of(tmp_path, redis_url=redis.url)) for _ in range(2))
    for _ in range(30):
        one.spend(limits.MESSAGES, ADA)
        other.spend(limits.MESSAGES, ADA)
    assert other.standing(limits.MESSAGES, ADA).remaining == 0
    assert 58 <= wait_told(one, limits.MESSAGES, ADA) <= 60
    assert one.standing(limits.MESSAGES, BEN).remaining == 60
    assert not one.storage.is_degraded
    assert one.storage.reset() == 1
    assert other.standing(limits.MESSAGES, ADA).remaining == 60


def test_two_houses_on_one_redis_count_apart(redis: RedisServer, tmp_path: Path) -> None:
    ours = Budgets(settings_of(tmp_path, redis_url=redis.url))
    theirs = Budgets(settings_of(tmp_path, redis_url=redis.url, secret_key="t" * 64))

    assert spend_all(ours, limits.MESSAGES, ADA) == 60

    assert theirs.standing(limits.MESSAGES, ADA).remaining == 60


def test_limits_hold_while_redis_is_away_and_are_shared_again_when_it_is_back(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert limit_storage.REDIS_RETRY_SECONDS + limit_storage.REDIS_TIMEOUT_SECONDS <= 60, (
        "promised: within 60 s"
    )
    monkeypatch.setattr(limit_storage, "REDIS_RETRY_SECONDS", 0.2)
    one, other = (Budgets(settings_of(tmp_path, redis_url=redis.url)) for _ in range(2))
    caplog.set_level(logging.INFO)
    for person in (ADA, BEN):
        one.spend(limits.MESSAGES, person)
        redis.stop()
        assert spend_all(one, limits.MESSAGES, person) == 60
        assert one.storage.is_degraded
        redis.start()
        wait_until_shared(one)
        wait_until_shared(other)
        one.spend(limits.MESSAGES, person)
        assert other.standing(limits.MESSAGES, person).remaining == 59
    assert "answers again" in caplog.text


def wait_until_shared(budgets: Budgets) -> None:
    for _ in range(100):
        budgets.standing(limits.MESSAGES, "nobody")
        if not budgets.storage.is_degraded:
            return
        time.sleep(0.05)
    raise AssertionError("Redis is back, and nobody noticed")
