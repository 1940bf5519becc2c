"""Coming back in without the password: one-time links, by an admin or from the shell."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.accounts.models import Standing, User
from homechat.accounts.proof_models import ResetLink
from homechat.accounts.recovery import make_reset_link
from homechat.actor import Actor, Role
from homechat.audit import Action, entries
from homechat.database import transaction
from homechat.errors import Conflict
from homechat.household.people import change_role, lock_person, unlock_person
from homechat.security.tokens import digest_of
from tests.attempts import everything_in, somebody_waiting
from tests.authenticator import give_passkey
from tests.conftest import close
from tests.house import PASSWORD, House
from tests.test_joining import sign_in
from tests.test_other_people import ALL, belongings, furnish
from tests.test_passkeys import come_in_with

NEW = "three calm herons"
SPENT = "This link is used up or too old."


def link_for(house: House, name: str, by: str = "ada", **more: bool) -> str:
    actor = Actor.operator() if by == "the operator" else house.actor(by)
    return f"/reset/{house.act(make_reset_link, actor, house.id_of(name), **more)}"


def use(house: House, link: str, password: str = NEW) -> Any:
    return house.client().post(link, {"password": password}, form_on="/sign-in")


def is_spent(house: House, link: str) -> bool:
    """Whether neither the page nor the form of a link does anything."""
    before = everything_in(house)
    replies = [house.client().get(link), use(house, link)]
    spent = [reply.status_code == 404 and SPENT in reply.text for reply in replies]
    assert len(set(spent)) == 1
    assert not spent[0] or everything_in(house) == before
    return spent[0]


@pytest.mark.parametrize("by", ["ada", "the operator"])
def test_a_link_sets_a_new_password_and_ends_everything_else(house: House, by: str) -> None:
    furnish(house, "ben")
    furnish(house, "cleo")
    ben, cleo = house.client("ben"), house.client("cleo")
    link = link_for(house, "ben", by)
    browser = house.client()
    page = html.unescape(browser.get(link).text)
    assert "For Ben." in page
    assert 'value="ben" autocomplete="username"' in page
    assert "second step" not in page

    reply = browser.post(link, {"password": NEW}, form_on=link)

    assert (reply.status_code, reply.location) == (302, "/sign-in?done=reset")
    assert "Your new password works from now on." in browser.get(reply.location).text
    assert browser.get("/").status_code == 302, "the link itself signs nobody in"
    assert ben.get("/me").status_code == 302
    assert belongings(house, "ben") == {"codes": 1, "recovery": 1, "passkeys": 1}
    assert house.person("ben").two_factor_since is not None
    assert belongings(house, "cleo") == ALL
    assert cleo.get("/me").status_code == 200
    assert sign_in(house, "ben", PASSWORD).status_code == 401
    assert is_spent(house, link)


def test_the_new_password_signs_in(house: House) -> None:
    assert use(house, link_for(house, "ben")).status_code == 302
    assert sign_in(house, "ben", NEW).status_code == 302


def test_everyone_concerned_finds_it_in_the_log(house: House) -> None:
    furnish(house, "ben")
    link = link_for(house, "ben", clears_two_factor=True)
    use(house, link)
    subject = f"user:{house.id_of('ben')}"
    (made,) = house.act(entries, action=Action.RESET_LINK_CREATED, subject=subject)
    assert (made.actor_id, made.detail) == (house.id_of("ada"), {"clears_two_factor": True})
    (used,) = house.act(entries, action=Action.PASSWORD_RESET, subject=subject)
    assert (used.actor_id, used.door) == (None, "page"), "the link proves nobody"
    assert len(house.act(entries, action=Action.TWO_FACTOR_DISABLED, subject=subject)) == 1


def test_only_a_link_that_says_so_takes_the_second_step_away(house: House) -> None:
    furnish(house, "ben")
    link = link_for(house, "ben", clears_two_factor=True)
    assert "The second step is taken away, too." in house.client().get(link).text
    use(house, link)
    assert belongings(house, "ben") == {}
    assert house.person("ben").two_factor_since is None


def test_passkeys_go_with_the_password_that_they_stand_for(house: House) -> None:
    mine, theirs = give_passkey(house, "ben"), give_passkey(house, "cleo")
    link = link_for(house, "ben")
    assert "Your passkeys are taken away, too." in html.unescape(house.client().get(link).text)
    assert come_in_with(mine, house.client()).status_code == 302

    use(house, link)

    assert come_in_with(mine, house.client()).status_code == 401, (
        "whoever had the account before has no way back"
    )
    assert come_in_with(theirs, house.client()).status_code == 302
    (entry,) = house.act(entries, action=Action.PASSKEY_REMOVED, subject=f"user:{house.id_of('ben')}")
    assert entry.door == "page"


def test_passkeys_that_are_the_second_step_stay_and_the_page_says_so(house: House) -> None:
    furnish(house, "ben")
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "ben").values(two_factor_since=clock.now()))
    page = html.unescape(house.client().get(link_for(house, "ben")).text)
    assert "Your passkeys stay." in page
    assert "Your passkeys stay." not in html.unescape(house.client().get(link_for(house, "cleo")).text)


def test_a_link_is_kept_as_its_digest(house: House) -> None:
    link = link_for(house, "ben")
    token = link.removeprefix("/reset/")
    assert len(token) == 43  # 256 bits
    with house.rows() as session:
        assert session.scalars(sa.select(ResetLink.token_digest)).all() == [digest_of(token)]
    assert token.encode() not in b"".join(file.read_bytes() for file in house.data_dir.glob("homechat.db*"))


def test_a_link_lives_for_half_an_hour(house: House) -> None:
    link = link_for(house, "ben")
    with clock.moved(timedelta(minutes=30, seconds=1)):
        assert is_spent(house, link)
    with clock.moved(timedelta(minutes=29, seconds=50)):
        assert not is_spent(house, link)


def test_a_newer_link_ends_the_older_ones_of_the_same_person(house: House) -> None:
    older, cleos = link_for(house, "ben"), link_for(house, "cleo")
    newer = link_for(house, "ben", by="the operator")
    assert is_spent(house, older)
    assert house.client().get(cleos).status_code == 200
    assert use(house, newer).status_code == 302


@pytest.mark.parametrize("fate", ["demoted", "locked"])
def test_a_link_ends_with_the_right_to_make_it(house: House, fate: str) -> None:
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)
    link = link_for(house, "ben", by="cleo")
    if fate == "locked":
        house.act(lock_person, house.actor("ada"), house.id_of("cleo"))
    else:
        house.act(change_role, house.actor("ada"), house.id_of("cleo"), Role.MEMBER)
    assert is_spent(house, link)


def test_a_link_ends_when_its_person_is_locked(house: House) -> None:
    link = link_for(house, "ben", clears_two_factor=True)
    house.act(lock_person, house.actor("ada"), house.id_of("ben"))
    assert is_spent(house, link)
    house.act(unlock_person, house.actor("ada"), house.id_of("ben"))
    assert is_spent(house, link)


def test_a_link_ends_when_its_person_has_changed_the_password_themselves(house: House) -> None:
    links = [link_for(house, name) for name in ("ben", "cleo")]
    form = {"current_password": PASSWORD, "password": NEW}
    assert house.client("ben").post("/me/password", form).status_code == 302
    assert is_spent(house, links[0])
    assert house.client().get(links[1]).status_code == 200


@pytest.mark.parametrize("token", ["guess", "ä" * 20, "x" * 3000])
def test_a_wrong_link_is_not_here(house: House, token: str) -> None:
    link_for(house, "ben")
    assert is_spent(house, f"/reset/{token}")


def test_the_rules_for_passwords_hold_and_a_slip_costs_nothing(house: House) -> None:
    link = link_for(house, "ben")
    for password, sentence in (
        ("short", "Use at least 8 characters."),
        ("ben12345", "too close to a name"),
        ("password1", "one of the first"),
    ):
        reply = use(house, link, password)
        assert reply.status_code == 422
        assert sentence in html.unescape(reply.text).split('id="password-error"')[1]
    assert house.client("ben").get("/me").status_code == 200
    assert use(house, link).status_code == 302


def test_who_is_locked_or_waits_stays_so(house: House) -> None:
    nora = somebody_waiting(house)
    house.act(lock_person, house.actor("ada"), house.id_of("ben"))
    for name in ("ben", "nora"):
        assert use(house, link_for(house, name)).status_code == 302
        assert sign_in(house, name, NEW).status_code != 302
    assert house.person("ben").standing == Standing.LOCKED
    assert house.person("nora").standing == Standing.PENDING
    assert nora == house.id_of("nora")


def test_a_bot_has_no_password(house: House) -> None:
    with pytest.raises(Conflict):
        house.act(make_reset_link, house.actor("ada"), house.id_of("rex"))


def test_the_last_admin_is_helped_from_the_shell(house: House) -> None:
    furnish(house, "ada")
    assert use(house, link_for(house, "ada", by="the operator", clears_two_factor=True)).status_code == 302
    assert sign_in(house, "ada", NEW).status_code == 302


def test_using_links_is_limited_per_address(house: House) -> None:
    strict = House(house.data_dir, sign_up_limit="5/minute")
    link = link_for(strict, "ben")
    replies = [use(strict, link, "short") for _ in range(6)]
    assert [reply.status_code for reply in replies] == [422] * 5 + [429]
    close(strict)
