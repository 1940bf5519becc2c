"""What those who run the house do to other people's accounts: lock, unlock, sign out, take a second step away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock, settings
from homechat.accounts.api_sign_in import open_app
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.proof_models import (
    Challenge,
    Passkey,
    Purpose,
    RecoveryCode,
    SignInFailures,
    TotpSecret,
)
from homechat.accounts.recovery import make_reset_link
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Door, Role
from homechat.audit import Action, entries
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.household.invitations import invite
from homechat.household.people import (
    change_role,
    lock_person,
    reset_two_factor,
    sign_out_everywhere,
    unlock_person,
)
from tests.api_client import Program
from tests.attempts import everything_in, somebody_waiting
from tests.house import House
from tests.talkers import Talker
from tests.test_joining import sign_in

ACTS: dict[str, Callable[..., Any]] = {
    "lock": lock_person,
    "unlock": unlock_person,
    "sign out": sign_out_everywhere,
    "reset 2fa": reset_two_factor,
    "reset link": make_reset_link,
    "role": partial(change_role, role=Role.GUEST),
}


def furnish(house: House, name: str) -> None:
    """Give somebody one of everything with which they come in."""
    user_id = house.id_of(name)
    with house.rows() as session, transaction():
        session.add(TotpSecret(user_id=user_id, sealed_secret="sealed", confirmed_at=clock.now()))
        session.add(RecoveryCode(user_id=user_id, salt="s", digest="d"))
        session.add(Passkey(user_id=user_id, credential_id=name.encode(), public_key=b"key"))
        session.add(
            Challenge(
                token_digest=name.ljust(64, "-"),
                purpose=Purpose.SECOND_STEP,
                user_id=user_id,
                expires_at=clock.now() + timedelta(minutes=5),
            )
        )
        until = clock.now() + timedelta(hours=1)
        session.add(SignInFailures(user_id=user_id, place="anywhere", count=10, locked_until=until))
        for kind in TokenKind:
            session.add(
                ApiToken(
                    prefix=f"{name[:3]}{kind[:4]}",
                    secret_digest="x" * 64,
                    kind=kind,
                    name=kind,
                    user_id=user_id,
                    created_by_id=user_id,
                )
            )
        session.execute(sa.update(User).where(User.id == user_id).values(two_factor_since=clock.now()))


def belongings(house: House, name: str) -> dict[str, int]:
    """Return how many of each somebody still has that count."""
    user_id = house.id_of(name)
    tables = {"codes": TotpSecret, "recovery": RecoveryCode, "passkeys": Passkey}
    tables |= {"half-way": Challenge, "failures": SignInFailures}  # type: ignore[dict-item]
    with house.rows() as session:
        found = {
            what: session.scalar(
                sa.select(sa.func.count()).select_from(table).where(table.user_id == user_id)
            )
            for what, table in tables.items()
        }
        live = sa.select(sa.func.count(ApiToken.id)).filter_by(created_by_id=user_id, revoked_at=None)
        for kind in TokenKind:
            found[f"{kind} tokens"] = session.scalar(live.filter_by(kind=kind))
        found["devices"] = session.scalar(
            sa.select(sa.func.count(LoginSession.id)).filter_by(user_id=user_id, revoked_at=None)
        )
    return {what: number for what, number in found.items() if number}


ALL = {"codes": 1, "recovery": 1, "passkeys": 1, "half-way": 1, "failures": 1, "devices": 1}
ALL |= {"sign_in tokens": 1, "made tokens": 1}


# who may


@pytest.mark.parametrize(("wanted", "has_one"), [("nobody", False), ("admins", False), ("admins", True)])
def test_whoever_is_to_run_the_house_sets_up_the_second_step_that_it_wants_first(
    house: House, wanted: str, has_one: bool
) -> None:
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, wanted)
    if has_one:
        house.turn_on_second_step("ben")
    browser, app = house.client("ben"), Program(house, house.act(_open_app, house.person("ben")))

    house.act(change_role, house.actor("ada"), house.id_of("ben"), Role.ADMIN)

    comes_in = wanted == "nobody" or has_one
    assert browser.get("/admin").status_code == (200 if comes_in else 302)
    assert app.get("/users").status_code == (200 if comes_in else 401)


def _open_app(user: User) -> str:
    with transaction():
        return open_app(Actor.stranger(door=Door.API), user)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ["ben", "gus", "rex"])
def test_only_those_who_run_the_house_may(house: House, name: str, act: str) -> None:
    before = everything_in(house)
    for user_id in (house.id_of("cleo"), 999_999):
        with pytest.raises(Forbidden):
            house.act(ACTS[act], house.actor(name), user_id)
    assert everything_in(house) == before


@pytest.mark.parametrize("act", ACTS)
def test_nobody_does_it_to_themselves(house: House, act: str) -> None:
    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.ADMIN)
    before = everything_in(house)
    with pytest.raises(Forbidden, match="your own account"):
        house.act(ACTS[act], house.actor("ada"), house.id_of("ada"))
    assert everything_in(house) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["an admin", "the operator"])
def test_who_is_not_there_is_not_found(house: House, act: str, who: str) -> None:
    actor = house.actor("ada") if who == "an admin" else Actor.operator()
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(erased_at=clock.now()))
    for user_id in (999_999, 0, -1, 2**63, house.id_of("olga")):
        with pytest.raises(NotFound):
            house.act(ACTS[act], actor, user_id)


@pytest.mark.parametrize("act", ["lock", "role"])
@pytest.mark.parametrize("who", ["the operator", "an admin who was one a moment ago"])
def test_the_last_admin_stays(house: House, act: str, who: str) -> None:
    actor = Actor.operator()
    if who != "the operator":
        house.act(change_role, Actor.operator(), house.id_of("ben"), Role.ADMIN)
        actor = house.actor("ben")
        house.act(change_role, Actor.operator(), house.id_of("ben"), Role.MEMBER)
    with pytest.raises(Forbidden, match="its last admin"):
        house.act(ACTS[act], actor, house.id_of("ada"))
    person = house.person("ada")
    assert (person.role, person.standing) == ("admin", "active")


def test_a_person_becomes_no_bot_and_a_bot_no_person(house: House) -> None:
    for name, role in (("ben", Role.BOT), ("rex", Role.ADMIN)):
        with pytest.raises(Conflict):
            house.act(change_role, house.actor("ada"), house.id_of(name), role)


# locking


def test_who_is_locked_is_out_everywhere_until_unlocked(house: House) -> None:
    ben = house.client("ben")
    furnish(house, "ben")

    house.act(lock_person, house.actor("ada"), house.id_of("ben"))

    assert ben.get("/me").status_code == 302
    locked, wrong = sign_in(house, "ben"), sign_in(house, "ben", "not this one")
    assert (locked.status_code, wrong.status_code) == (401, 401)
    assert "Couldn&#39;t sign you in" in locked.text
    left = {
        what: number for what, number in ALL.items() if what not in ("devices", "half-way", "sign_in tokens")
    }
    left["failures"] = 2  # Where the wrong password came from is counted, too.
    assert belongings(house, "ben") == left, (
        "what they own stays theirs; the token opens nothing while locked"
    )
    (row,) = house.act(entries, action=Action.ACCOUNT_LOCKED)
    assert (row.actor_id, row.subject) == (house.id_of("ada"), f"user:{house.id_of('ben')}")
    before = everything_in(house)
    house.act(lock_person, house.actor("ada"), house.id_of("ben"))
    assert everything_in(house) == before, "once more is nothing new"

    assert house.act(unlock_person, house.actor("ada"), house.id_of("ben")) is True

    assert ben.get("/me").status_code == 302, "devices stay signed out"
    assert house.person("ben").standing == Standing.ACTIVE
    assert "failures" not in belongings(house, "ben")
    (row,) = house.act(entries, action=Action.ACCOUNT_UNLOCKED)
    assert row.subject == f"user:{house.id_of('ben')}"
    assert house.act(unlock_person, house.actor("ada"), house.id_of("ben")) is False
    assert len(house.act(entries, action=Action.ACCOUNT_UNLOCKED)) == 1


def test_unlocking_ends_a_lock_that_failures_brought(house: House) -> None:
    furnish(house, "ben")
    assert house.act(unlock_person, house.actor("ada"), house.id_of("ben")) is True
    assert "failures" not in belongings(house, "ben")
    assert len(house.act(entries, action=Action.ACCOUNT_UNLOCKED)) == 1


def test_who_waits_is_let_in_or_turned_away_but_not_locked(house: House) -> None:
    nora = somebody_waiting(house)
    with pytest.raises(Conflict):
        house.act(lock_person, house.actor("ada"), nora)
    house.act(unlock_person, house.actor("ada"), nora)
    assert house.person("nora").standing == Standing.PENDING


def test_invitations_of_who_is_locked_let_nobody_in_until_they_are_unlocked(house: House) -> None:
    house.act(settings.change, Actor.operator(), settings.MEMBERS_INVITE, True)
    link = f"/join/{house.act(invite, house.actor('ben'), role=Role.MEMBER)[1]}"
    house.act(lock_person, house.actor("ada"), house.id_of("ben"))
    assert house.client().get(link).status_code == 404
    house.act(unlock_person, house.actor("ada"), house.id_of("ben"))
    assert house.client().get(link).status_code == 200


@pytest.mark.sockets
def test_the_open_window_of_who_is_locked_ends_within_a_second_from_the_shell(
    talker: Callable[..., Talker], shared_house: House
) -> None:
    cleo, ada = talker("cleo"), talker("ada")
    shared_house.act(lock_person, Actor.operator(), shared_house.id_of("cleo"))
    assert cleo.ended.wait(5)
    ada.say(shared_house.home().id, "Cleo must not hear this", "after-the-lock")
    ada.hear("message:posted", lambda message: message["client_id"] == "after-the-lock")
    assert not [m for m in cleo.heard("message:posted") if m["client_id"] == "after-the-lock"]
    shared_house.act(unlock_person, Actor.operator(), shared_house.id_of("cleo"))
    assert talker("cleo").hear("server:hello")


# signing out, and the second step


def test_signing_somebody_out_everywhere_leaves_what_they_made_by_hand(house: House) -> None:
    furnish(house, "ben")
    furnish(house, "cleo")
    browsers = [house.client("ben"), house.client("ben"), house.client("cleo")]

    ended = house.act(sign_out_everywhere, house.actor("ada"), house.id_of("ben"))

    assert (ended.devices, ended.tokens) == (2, 1)
    assert [browser.get("/me").status_code for browser in browsers] == [302, 302, 200]
    kept = {what: 1 for what in ALL if what not in ("devices", "half-way", "sign_in tokens")}
    assert belongings(house, "ben") == kept
    assert belongings(house, "cleo") == ALL
    subject = f"user:{house.id_of('ben')}"
    (row,) = house.act(entries, action=Action.ADMIN_ACTION, subject=subject)
    assert (row.actor_id, row.detail) == (house.id_of("ada"), {"what": "sign_out", "devices": 2, "tokens": 1})
    assert len(house.act(entries, action=Action.API_TOKEN_REVOKED)) == 1


def test_a_second_step_that_was_taken_away_leaves_nothing_and_signs_out(house: House) -> None:
    furnish(house, "ben")
    furnish(house, "cleo")
    house.client("cleo")
    ben = house.client("ben")

    assert house.act(reset_two_factor, house.actor("ada"), house.id_of("ben")) is True

    assert belongings(house, "ben") == {"failures": 1, "made tokens": 1}
    assert house.person("ben").two_factor_since is None
    assert ben.get("/me").status_code == 302
    assert belongings(house, "cleo") == ALL
    (row,) = house.act(entries, action=Action.TWO_FACTOR_DISABLED)
    assert (row.actor_id, row.subject) == (house.id_of("ada"), f"user:{house.id_of('ben')}")


def test_where_there_is_no_second_step_nothing_happens(house: House) -> None:
    ben = house.client("ben")
    assert house.act(reset_two_factor, house.actor("ada"), house.id_of("ben")) is False
    assert ben.get("/me").status_code == 200
    assert house.act(entries, action=Action.TWO_FACTOR_DISABLED) == []
