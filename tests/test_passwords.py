"""Which passwords will do, how they are kept, and what checking one costs."""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from homechat import offload
from homechat.errors import Invalid
from homechat.security import passwords
from homechat.security.common_passwords import is_common
from homechat.security.passwords import check_password_rules, hash_password, needs_rehash, verify_password

GOOD = "four wet otters"


def refusal(
    password: str, *, username: str = "ada_l", house_name: str = "The Lovelaces", **bounds: int
) -> str:
    """The sentence that refuses `password`, or "" if it will do."""
    try:
        check_password_rules(password, username=username, house_name=house_name, **bounds)
    except Invalid as error:
        return error.message
    return ""


@pytest.fixture
def executor() -> Iterator[Callable[[offload.Executor], None]]:
    """Puts a stand-in for the server's native threads in place, and takes it away again."""
    yield offload.install
    offload.install(None)


def test_a_password_is_kept_as_argon2id_with_the_promised_parameters() -> None:
    stored = hash_password(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored != hash_password(GOOD)
    assert verify_password(stored, GOOD)
    assert not verify_password(stored, GOOD + " ")
    assert not needs_rehash(stored)


def test_a_hash_of_other_parameters_is_right_and_wants_to_be_made_anew() -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(GOOD)
    assert verify_password(old, GOOD)
    assert needs_rehash(old)


def test_every_character_counts() -> None:
    long = "otter wet four " * 8 + "12345678"
    assert len(long) == 128
    stored = hash_password(long)
    assert verify_password(stored, long)
    assert not verify_password(stored, long[:-1])
    assert not verify_password(stored, long[:-1] + "9")


def test_a_letter_and_its_mark_are_one_letter_on_every_keyboard() -> None:
    composed = unicodedata.normalize("NFC", "vier nasse Fischötter")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    assert verify_password(hash_password(composed), apart)
    assert verify_password(hash_password(apart), composed)


@pytest.mark.parametrize(
    "password", ["", "\x00", "\ud83d half an emoji", "🦦" * 5_000, "\u0316\u0301" * 500_000]
)
def test_odd_input_at_sign_in_is_simply_wrong(password: str) -> None:
    assert not verify_password(hash_password(GOOD), password)


def test_a_hash_that_cannot_be_read_lets_nobody_in() -> None:
    for stored in ("!", "", "$argon2id$v=19$m=19456,t=2,p=1$x", "$2b$12$abcdefghijklmnopqrstuv"):
        assert not verify_password(stored, GOOD)


def test_a_name_that_does_not_exist_costs_the_same_work(executor: Callable[[offload.Executor], None]) -> None:
    checked: list[tuple[object, ...]] = []

    def note(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        checked.append(args)
        return function(*args, **kwargs)

    executor(note)
    assert not verify_password(None, GOOD)
    (stored, password) = checked[0]
    assert password == GOOD.encode()
    assert isinstance(stored, str)
    assert not needs_rehash(stored), "the stand-in hash has other parameters than real ones"


def test_two_at_most_are_computed_at_once(executor: Callable[[offload.Executor], None]) -> None:
    lock, running, most = threading.Lock(), 0, 0
    both = threading.Barrier(passwords.HASHES_AT_ONCE_MAX, timeout=10)

    def note(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()  # passes only if two are in here together
        time.sleep(0.01)  # a third would come in now
        with lock:
            running -= 1
        return "hash"

    executor(note)
    threads = [threading.Thread(target=hash_password, args=(GOOD,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == passwords.HASHES_AT_ONCE_MAX == 2


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7!kQ2pz",
        "🦦🐟🏡🎂🥁🌻🚲⛵",
        "        four spaces first",
        "correct horse battery staple",
        "Grüße vom Fischotter",
        "ich mag kuchen",
        "我的家在河边的小树林",
        "no digits here",
        "ada likes to sail",
        "the lovelaces sail away",
        "x" * 3 + "yzab otter" * 12,
    ],
)
def test_these_will_do_whatever_kinds_of_characters_they_have(password: str) -> None:
    assert refusal(password) == ""


def test_eight_characters_are_enough_and_128_are_not_too_many() -> None:
    assert refusal("k7 wQ9z") == "Use at least 8 characters. A few words in a row are easy to remember."
    assert refusal("k7 wQ9zp") == ""
    long = "four wet otters " * 8
    assert refusal(long) == ""
    assert refusal(long + "!") == "Use at most 128 characters."
    assert refusal("\u0316\u0301" * 500_000) == "Use at most 128 characters."
    assert refusal("k7 wQ9zpq", at_least=10).startswith("Use at least 10")
    assert refusal("k7 wQ9zpqrs", at_most=10) == "Use at most 10 characters."


def test_characters_are_counted_as_people_see_them_composed() -> None:
    seven = unicodedata.normalize("NFD", "äöüßéèà")
    assert len(seven) > 8
    assert "at least" in refusal(seven)


@pytest.mark.parametrize(
    "password",
    [
        *("password", "qwertyuiop", "iloveyou", "sunshine", "football", "letmein1", "1q2w3e4r"),
        # Not in the list called "passwords", but in those of words and names.
        *("elizabeth", "university", "chocolate", "september", "washington"),
        *(
            "PASSWORD",
            "PassWord",
            "password1",
            "Password123!",
            "!!password!!",
            "2024sunshine",
            "sunshine 2024?",
        ),
        *("p4ssw0rd!", "P@$$w0rd", "f00tball", "dragondragon", "monkey12345678"),
    ],
)
def test_common_words_are_refused_with_their_trivial_variations(password: str) -> None:
    assert "first that others would try" in refusal(password)


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaa",
        "12345678",
        "🦦" * 12,
        "abababab",
        "abcabcabc",
        "11112222",
        "abcdefgh",
        "zyxwvuts",
        "3456789:",
        "        ",
        "xxxxxxxxxxxxxxxxy",
    ],
)
def test_simple_patterns_are_refused(password: str) -> None:
    assert "simple pattern" in refusal(password)


@pytest.mark.parametrize(
    "password",
    [
        *("homechat", "HomeChat1", "homechat2026!", "h0mechat", "home-chat!", "homechathomechat"),
        *("grandma_jo", "Grandma_Jo", "grandma_jo99", "grandmajo!", "jo_grandma"[3:] + "_jo1"),
        *("thelovelaces", "The Lovelaces", "lovelaces1", "Lovelaces2026!"),
    ],
)
def test_names_that_others_know_are_refused(password: str) -> None:
    assert "close to a name" in refusal(password, username="grandma_jo")


def test_a_short_name_inside_a_good_password_is_no_reason() -> None:
    assert refusal("xk9#Ben!q2vv", username="ben") == ""
    assert refusal("qj 7Kuu pw", username="u", house_name="K") == ""
    assert "close to a name" in refusal("ben19841984", username="ben")


def test_a_refusal_never_repeats_the_password() -> None:
    for password in ("password", "aaaaaaaa", "homechat1", "short"):
        assert password not in refusal(password).replace("That password", "")


def test_the_list_is_searched_for_whole_words() -> None:
    assert is_common("dragon")
    assert not is_common("drago,dragon")
    assert not is_common("dragon,")
    assert not is_common("")
    assert not is_common("q")


def test_the_list_stays_small_in_memory() -> None:
    from homechat.security.common_passwords import _list

    is_common("dragon")
    assert 500_000 < len(_list()) < 1_000_000
    assert _list().isascii(), "else it takes two or four bytes a character"


def test_hashing_waits_before_it_takes_a_native_thread() -> None:
    assert passwords.calmly._turns._initial_value == passwords.HASHES_AT_ONCE_MAX == 2  # type: ignore[attr-defined]
