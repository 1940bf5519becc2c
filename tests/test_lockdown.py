"""Closing the house in an emergency: who has to wait, at which doors, who does not, and that nothing else changes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from homechat import audit, clock, lockdown, settings
from homechat.accounts import sessions
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Role
from homechat.audit import Action, AuditLog
from homechat.config import Settings
from homechat.database import sqlite_driver as sqlite3
from homechat.database import transaction
from homechat.doors.events import EVENTS, Sender, dispatch
from homechat.doors.people import OPEN_IN_LOCKDOWN
from homechat.errors import Forbidden, Invalid, LockedDown, StepUpNeeded
from homechat.household.invitations import invite
from homechat.household.models import Invitation
from homechat.lockdown import InForce, Kind, Lockdown
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.messages.models import Message
from homechat.operations.lockdown import Outcome, lift, sign_everybody_out, start, status
from homechat.realtime.live_sockets import LiveSocket
from homechat.realtime.revocation import current_epoch
from tests.api_client import Program, new_token
from tests.attempts import everything_in
from tests.house import PASSWORD, Browser, House, next_code
from tests.test_cli import flask, refused, said
from tests.test_indexes import plans, statements
from tests.test_policy import every_door
from tests.test_two_factor import finish, shown_at

OPERATOR = Actor.operator()
JSON = {"Accept": "application/json"}
PEOPLE_WAIT = (Kind.USERS, Kind.ADMIN_ONLY, Kind.ALL)
WRITTEN_DOWN = {"lockdowns", "audit_logs", "audit_chain", "security_epoch"}


def close(house: House, kind: Kind = Kind.USERS, **more: Any) -> Any:
    return house.act(start, OPERATOR, kind, **more)


def fresh(house: House, name: str) -> Actor:
    """Return somebody on a device on which they have just shown who they are."""
    token = house.act(sessions.open_session, house.actor(name), house.person(name))
    row = house.act(sessions.find_session, token)
    assert row is not None
    return replace(house.actor(name), session_id=row.id)


def entries(house: House, action: Action) -> list[AuditLog]:
    return list(reversed(house.act(audit.entries, action=action)))


def untouched(house: House, *besides: str) -> dict[str, list[Any]]:
    """Return all that a lockdown has to leave alone."""
    left_out = WRITTEN_DOWN | set(besides)
    return {name: rows for name, rows in everything_in(house).items() if name not in left_out}


def own_message(house: House, name: str) -> int:
    """Return the first message of somebody's, written now if there is none."""
    with house.rows() as session:
        query = sa.select(Message.id).where(Message.author_id == house.id_of(name)).order_by(Message.id)
        found: int | None = session.scalar(query)
    if found is None:
        house.say(name, house.home().id, "hello")
        return own_message(house, name)
    return found


def asking_message(house: House, name: str) -> int:
    """Have somebody ask in home whether everybody has seen it, and return the message's id."""
    asked = {"room_id": house.home().id, "body": "Seen?", "client_id": "asking-0001"}
    return house.act(send_message, house.actor(name), **asked, card=ActionCard(ack_required=True)).id


def sent_by(house: House, name: str, event: str) -> dict[str, Any]:
    """Send an event over a socket of somebody's that is already connected, and return its ack."""
    actor = fresh(house, name)
    assert actor.session_id is not None
    socket = LiveSocket(f"of-{name}", actor.person_id, actor.session_id, house.actor(name).role or Role.GUEST)
    house.app.extensions["homechat_live_sockets"].add(socket, at_most=100)
    room = house.home().id
    message = asking_message(house, "cleo") if event == "message:answer" else own_message(house, name)
    about = {"message_id": message, "emoji": "👍", "action_id": "ack"}
    data = {"room_id": room, "body": "hi", "client_id": f"lockdown-{name}", "seq": 1, "after": 0, **about}
    with house.app.test_request_context():
        ack = dispatch(Sender(socket.sid, "", ""), event, (data,))
    house.app.extensions["homechat_live_sockets"].remove(socket.sid)
    return ack


# the rule


def rows(*kinds: Kind) -> list[InForce]:
    now = clock.now()
    return [InForce(1, kind, "", now, None, now + timedelta(hours=1)) for kind in kinds]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("role", [*Role, None])
def test_everybody_but_admins_waits_and_tokens_open_no_more_than_their_people(
    kind: Kind, role: Role | None
) -> None:
    must_wait = kind in PEOPLE_WAIT and role is not Role.ADMIN
    is_stopped = must_wait or kind in (Kind.TOKENS, Kind.ALL)

    assert (lockdown.refusal(role, rows(kind)) is not None) is must_wait
    assert (lockdown.refusal(role, rows(kind), has_token=True) is not None) is is_stopped


def test_an_open_house_refuses_nobody(house: House) -> None:
    for role in Role:
        house.act(lockdown.refuse, role)
        house.act(lockdown.refuse_token, role)
    house.act(lockdown.refuse_joining)


def test_of_several_lockdowns_the_last_end_and_the_newest_reason_are_told() -> None:
    now = clock.now()
    first = InForce(1, Kind.USERS, "An old reason", now, None, now + timedelta(hours=9))
    second = InForce(2, Kind.ADMIN_ONLY, "A new reason", now, None, now + timedelta(hours=2))
    tokens = InForce(3, Kind.TOKENS, "Not for people", now, None, now + timedelta(hours=20))

    told = lockdown.refusal(Role.MEMBER, [first, second, tokens])

    assert told is not None
    assert (told.reason, told.until) == ("A new reason", first.expires_at)


@pytest.mark.parametrize("kind", Kind)
def test_tokens_are_refused_as_the_table_says(house: House, kind: Kind) -> None:
    close(house, kind)
    for role in Role:
        is_stopped = kind in (Kind.TOKENS, Kind.ALL) or role is not Role.ADMIN
        if is_stopped:
            with pytest.raises(LockedDown):
                house.act(lockdown.refuse_token, role)
        else:
            house.act(lockdown.refuse_token, role)


# pages


@pytest.mark.parametrize("kind", PEOPLE_WAIT)
@pytest.mark.parametrize("name", ["ben", "gus"])
def test_who_has_to_wait_is_told_why_and_until_when_and_is_back_when_it_is_lifted(
    house: House, kind: Kind, name: str
) -> None:
    close(house, kind, hours=3, reason="Somebody's <phone> was stolen")
    browser = house.client(name)  # Whoever was signed out by it may have been let in a moment before.

    page, script = browser.get("/"), browser.get("/", headers=JSON)

    assert page.status_code == script.status_code == 423
    assert "Closed for now" in page.text
    assert "Somebody&#39;s &lt;phone&gt; was stolen" in page.text
    until = house.act(status).in_force[0].expires_at
    assert until.strftime('datetime="%Y-%m-%dT%H:%M:%SZ"') in page.text
    assert script.json["ok"] is False
    assert script.json["code"] == "locked_down"
    assert script.json["reason"] == "Somebody's <phone> was stolen"
    assert script.json["until"] == until.strftime("%Y-%m-%dT%H:%M:%SZ")
    house.act(lift, OPERATOR)
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("kind", [Kind.TOKENS])
def test_people_notice_nothing_of_a_lockdown_of_tokens(house: House, kind: Kind) -> None:
    browser = house.client("ben")
    close(house, kind)
    assert browser.get("/").status_code == 200
    assert sent_by(house, "ben", "room:list")["ok"] is True


@pytest.mark.parametrize("kind", Kind)
def test_admins_go_on(house: House, kind: Kind) -> None:
    house.act(start, ada := fresh(house, "ada"), kind)
    browser = house.client("ada")
    assert browser.get("/").status_code == 200
    assert (
        browser.post("/me/profile", {"display_name": "Ada", "color": 1, "theme": "dark"}).status_code == 302
    )
    assert sent_by(house, "ada", "room:list")["ok"] is True
    assert house.act(sessions.session_by_id, ada.session_id or 0) is not None


def test_nothing_else_is_reached_by_who_has_to_wait(house: House) -> None:
    browser = house.client("ben")
    token = browser.form_token("/me")
    close(house)
    doors = every_door(house)
    assert len(doors) > 60, "the walk has lost its way"
    before = untouched(house)

    reached = set()
    for endpoint, method, path in doors:
        if endpoint == "accounts.sign_out" or endpoint.startswith("api."):  # Cookies are nothing to the API.
            continue
        headers = {"Referer": "https://localhost/", "X-CSRFToken": token, **JSON}
        reply = browser.client.open(path, method=method, base_url="https://localhost", headers=headers)
        if reply.status_code != 423 and method != "OPTIONS":
            reached.add(endpoint)

    assert reached == OPEN_IN_LOCKDOWN - {"accounts.sign_out"}
    assert untouched(house) == before


def test_who_has_to_wait_can_sign_out_and_an_admin_sign_in_there(house: House) -> None:
    browser = house.client("ben")
    close(house)
    page = browser.get("/").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found

    reply = browser.client.post(
        "/sign-out",
        data={"csrf_token": found[1]},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )

    assert reply.status_code == 302
    assert signs_in(browser, "ada").status_code == 302
    assert browser.get("/").status_code == 200


def test_the_page_comes_back_to_where_somebody_wanted_to_go(house: House) -> None:
    home = house.home().id
    browser = house.client("ben")
    token = browser.form_token("/me")
    close(house)

    page = browser.get(f"/rooms/{home}?before=3").text
    posted = browser.client.post(
        f"/rooms/{home}/messages",
        data={"csrf_token": token, "body": "hi", "client_id": "lockdown-0001"},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )

    assert f'data-onward="/rooms/{home}?before=3"' in page
    assert 'data-ask="/sidebar"' in page
    assert posted.status_code == 423
    assert 'data-onward="/"' in posted.text, "that address answers no GET"


def test_a_page_asks_once_whether_the_house_is_closed(house: House) -> None:
    browser = house.client("ben")
    with statements(house) as seen:
        assert browser.get("/").status_code == 200
    assert sum("FROM lockdowns" in statement for statement, _ in seen) == 1


def test_static_files_ask_nobody(house: House) -> None:
    browser = house.client("ben")
    close(house)
    with statements(house) as seen:
        assert browser.get("/manifest.webmanifest").status_code == 200
        assert browser.get("/up").status_code == 200
    assert seen == []


def test_whether_the_house_is_closed_is_found_by_an_index(house: House) -> None:
    ((statement, plan),) = plans(house, lambda: house.act(lockdown.in_force, clock.now()))
    assert "SEARCH lockdowns USING INDEX ix_lockdowns_expires_at" in plan, statement


# events


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_is_refused_to_who_has_to_wait_and_changes_nothing(house: House, event: str) -> None:
    assert sent_by(house, "ben", event)["ok"] is True, "guard: it works as long as the house is open"
    close(house, reason="We look into it.")
    before = untouched(house, "login_sessions")

    ack = sent_by(house, "ben", event)

    assert (ack["ok"], ack["code"], ack["reason"]) == (False, "locked_down", "We look into it.")
    assert untouched(house, "login_sessions") == before


# signing in


def signs_in(browser: Browser, name: str, password: str = PASSWORD, **more: Any) -> Any:
    return browser.post("/sign-in", {"username": name, "password": password}, form_on="/sign-in", **more)


@pytest.mark.parametrize("kind", PEOPLE_WAIT)
def test_who_has_to_wait_cannot_sign_in_and_is_told_so_after_the_right_password_only(
    house: House, kind: Kind
) -> None:
    close(house, kind, reason="We look into it.")
    before = untouched(house)

    right, wrong = signs_in(house.client(), "ben"), signs_in(house.client(), "cleo", "not this one")
    script = signs_in(house.client(), "ben", headers=JSON)

    assert (right.status_code, wrong.status_code) == (423, 401)
    assert "We look into it." in right.text
    assert "<locked-door" not in right.text, "there is nothing to come back to"
    assert "We look into it." not in wrong.text
    assert (script.status_code, script.json["code"]) == (423, "locked_down")
    assert untouched(house, "sign_in_failures") == {
        name: rows for name, rows in before.items() if name != "sign_in_failures"
    }
    assert signs_in(house.client(), "ada").status_code == 302


def test_a_second_step_that_was_begun_before_opens_nothing(house: House) -> None:
    secret, _codes = house.turn_on_second_step("ben")
    browser = house.client()
    assert signs_in(browser, "ben").location == "/sign-in/code"
    close(house)

    refused_now = browser.post("/sign-in/code", {"code": next_code(secret)}, form_on="/sign-in/code")

    assert refused_now.status_code == 423
    assert browser.get("/me").status_code == 302, "no session was opened"
    house.act(lift, OPERATOR)
    again = browser.post("/sign-in/code", {"code": next_code(secret)}, form_on="/sign-in/code")
    assert again.status_code == 302, "the code was not used up"


def test_a_second_step_that_the_house_wants_is_not_set_up_while_its_owner_has_to_wait(house: House) -> None:
    house.act(settings.change, OPERATOR, settings.TWO_FACTOR_REQUIRED, "everybody")
    browser = house.client()
    assert signs_in(browser, "ben").location == "/sign-in/set-up"
    shown = shown_at(browser, "/sign-in/set-up")
    close(house)

    reply = finish(browser, "/sign-in/set-up", shown)

    assert reply.status_code == 423
    assert house.person("ben").two_factor_since is None, "nobody would have seen the recovery codes"


# joining


def newcomer(browser: Browser, path: str, **more: Any) -> Any:
    form = {"username": "nora", "display_name": "Nora", "password": PASSWORD}
    return browser.post(path, form, form_on="/sign-in", **more)


@pytest.mark.parametrize("kind", Kind)
def test_nobody_joins_a_house_that_is_closed_to_all(house: House, kind: Kind) -> None:
    is_closed = kind in (Kind.ADMIN_ONLY, Kind.ALL)
    house.act(settings.change, OPERATOR, settings.SIGN_UP_OPEN, True)
    token = house.act(invite, house.actor("ada"), role=Role.MEMBER)[1]
    close(house, kind, reason="Not for strangers")

    looks = [house.client().get(f"/join/{token}"), house.client().get("/join")]
    joins = newcomer(house.client(), f"/join/{token}")
    script = newcomer(house.client(), "/join", headers=JSON)

    assert {reply.status_code for reply in looks} == {423 if is_closed else 200}
    assert joins.status_code == (423 if is_closed else 302)
    assert "Not for strangers" not in joins.text + looks[0].text
    with house.rows() as session:
        assert session.scalar(sa.select(Invitation.uses)) == (0 if is_closed else 1)
    if is_closed:
        assert script.json["code"] == "locked_down"
        house.act(lift, OPERATOR)
        assert newcomer(house.client(), f"/join/{token}").status_code == 302, "the invitation is as it was"


# starting and lifting


@pytest.mark.parametrize("kind", Kind)
def test_lifting_restores_exactly_what_was(house: House, kind: Kind) -> None:
    make_token(house, "ben")
    browsers = [house.client(name) for name in ("ada", "ben", "gus")]
    besides = ["login_sessions"] if kind is Kind.ALL else []
    before = untouched(house, *besides)

    close(house, kind, hours=5, reason="All of it")
    for browser in browsers:
        browser.get("/")
        browser.get("/", headers=JSON)
    sent_by_all = [] if kind is Kind.ALL else [browser.get("/sidebar", headers=JSON) for browser in browsers]
    house.act(lift, OPERATOR)

    assert len(sent_by_all) in (0, 3)
    assert untouched(house, *besides) == before
    assert house.act(audit.verify) is None
    if kind is not Kind.ALL:
        assert [browser.get("/").status_code for browser in browsers] == [200, 200, 200]


def make_token(house: House, name: str, **more: Any) -> None:
    with house.rows(), transaction() as session:
        user = house.id_of(name)
        session.add(
            ApiToken(
                prefix=name.ljust(8, "0"),
                secret_digest="0" * 64,
                name="t",
                user_id=user,
                created_by_id=user,
                **more,
            )
        )


def test_it_ends_by_the_clock_and_not_before(house: House) -> None:
    browser = house.client("ben")
    close(house, hours=2)
    with clock.moved(timedelta(hours=2) - timedelta(minutes=1)):
        assert browser.get("/").status_code == 423
    with clock.moved(timedelta(hours=2, minutes=1)):
        assert browser.get("/").status_code == 200
        assert sent_by(house, "ben", "room:list")["ok"] is True
        assert house.act(status).in_force == []
        assert house.act(lift, OPERATOR) == []


def test_starting_again_keeps_one_and_never_shortens_it(house: House) -> None:
    first = close(house, hours=10, reason="First")
    shorter, longer = close(house, hours=1), close(house, hours=20, reason="Second")

    (row,) = house.act(status).in_force
    assert (first.is_new, shorter.is_new, longer.is_new) == (True, False, False)
    assert shorter.until == first.until
    assert (row.expires_at, row.reason) == (longer.until, "Second")
    assert len(house.act(lift, OPERATOR)) == 1
    assert house.act(lift, OPERATOR) == []
    assert len(entries(house, Action.LOCKDOWN_LIFTED)) == 1
    assert house.client("ben").get("/").status_code == 200


def test_lifting_ends_all_of_them(house: House) -> None:
    close(house, Kind.TOKENS)
    close(house, Kind.USERS)
    assert [each.kind for each in house.act(lift, OPERATOR)] == [Kind.TOKENS, Kind.USERS]
    house.act(lockdown.refuse_token, Role.BOT)
    house.act(lockdown.refuse, Role.MEMBER)


def test_it_is_written_down_with_its_reason_and_who_it_was(house: House) -> None:
    ada = fresh(house, "ada")
    epoch = house.act(current_epoch)

    house.act(start, ada, Kind.USERS, hours=7, reason="  A   stolen phone ")
    house.act(lift, OPERATOR, uid=1000)

    (began,), (ended,) = entries(house, Action.LOCKDOWN), entries(house, Action.LOCKDOWN_LIFTED)
    assert (began.actor_id, began.door) == (house.id_of("ada"), "page")
    assert began.subject == ended.subject == "lockdown:1"
    assert began.detail == {"kind": "users", "hours": 7, "reason": "A stolen phone"}
    assert (ended.actor_id, ended.door, ended.detail) == (None, "cli", {"kind": "users", "uid": 1000})
    with house.rows() as session:
        row = session.scalars(sa.select(Lockdown)).one()
        assert (row.started_by_id, row.lifted_by_id) == (house.id_of("ada"), None)
    assert house.act(current_epoch) > epoch, "servers would not look again"


@pytest.mark.parametrize("hours", [-1, 0, 721])
def test_it_lasts_from_one_hour_to_thirty_days(house: House, hours: int) -> None:
    with pytest.raises(Invalid) as error:
        close(house, hours=hours)
    assert set(error.value.fields) == {"hours"}
    assert house.act(status).in_force == []


def test_a_reason_has_to_fit(house: House) -> None:
    with pytest.raises(Invalid) as error:
        close(house, reason="x" * 201)
    assert set(error.value.fields) == {"reason"}
    assert close(house, reason="x" * 200, hours=720).reason == "x" * 200


@pytest.mark.parametrize("name", ["ben", "gus", "rex"])
def test_only_admins_may(house: House, name: str) -> None:
    actor = fresh(house, name)
    before = everything_in(house)
    for act in (lambda: start(actor, Kind.USERS), lambda: sign_everybody_out(actor), lambda: lift(actor)):
        with pytest.raises(Forbidden):
            house.act(act)
    assert everything_in(house) == before


def test_an_admin_has_to_show_who_they_are_first(house: House) -> None:
    ada = fresh(house, "ada")
    with clock.moved(timedelta(minutes=16)):
        for act in (lambda: start(ada, Kind.USERS), lambda: sign_everybody_out(ada), lambda: lift(ada)):
            with pytest.raises(StepUpNeeded):
                house.act(act)
    assert house.act(start, ada, Kind.USERS).is_new


def test_it_says_whom_it_concerns(house: House) -> None:
    for name in ("ada", "ben", "ben", "gus"):
        house.client(name)
    make_token(house, "ada")
    make_token(house, "ben")
    make_token(house, "rex")
    make_token(house, "olga")
    make_token(house, "gus", revoked_at=clock.now())
    make_token(house, "cleo", expires_at=clock.now() - timedelta(seconds=1))
    with house.rows(), transaction() as session:
        session.execute(sa.update(User).where(User.username == "olga").values(standing=Standing.LOCKED))

    reaches = {kind: close(house, kind, dry_run=True).reach for kind in Kind}

    assert (reaches[Kind.TOKENS].people, reaches[Kind.TOKENS].devices) == (0, 0)
    assert {kind: reach.tokens for kind, reach in reaches.items()} == {
        Kind.TOKENS: 3,
        Kind.USERS: 2,
        Kind.ADMIN_ONLY: 2,
        Kind.ALL: 3,
    }
    for kind in PEOPLE_WAIT:
        assert (reaches[kind].people, reaches[kind].devices, reaches[kind].admins) == (3, 3, 1)


@pytest.mark.parametrize("kind", Kind)
def test_a_dry_run_changes_nothing_and_says_the_same(house: House, kind: Kind) -> None:
    house.client("ben")
    before = everything_in(house)

    expected = close(house, kind, hours=3, reason="Why", dry_run=True)

    assert everything_in(house) == before
    done = close(house, kind, hours=3, reason="Why")
    assert replace(expected, until=done.until) == done
    again = close(house, kind, hours=1, dry_run=True)
    assert (again.is_new, again.until, again.signed_out) == (False, done.until, 0)


# signing everybody out


def test_everybody_is_signed_out_at_one_stroke_and_may_come_back(house: House) -> None:
    browsers = [house.client(name) for name in ("ada", "ben", "ben", "gus")]
    before = untouched(house, "login_sessions")

    count, reach = house.act(sign_everybody_out, OPERATOR, reason="A stolen backup", uid=0)

    assert (count, reach.people, reach.devices) == (4, 3, 4)
    assert {browser.get("/me").status_code for browser in browsers} == {302}
    assert untouched(house, "login_sessions") == before
    (entry,) = entries(house, Action.LOCKDOWN)
    assert entry.detail == {"kind": "sessions", "devices": 4, "reason": "A stolen backup", "uid": 0}
    assert entries(house, Action.SESSION_REVOKED) == [], "one entry for all"
    assert house.act(status).in_force == []
    assert signs_in(house.client(), "ben").status_code == 302
    assert house.act(lift, OPERATOR) == [], "there is nothing to lift"


@pytest.mark.parametrize("way", ["sessions", "all"])
def test_apps_and_what_is_half_way_in_are_signed_out_too_and_no_token_made_by_hand(
    house: House, way: str
) -> None:
    secret, _codes = house.turn_on_second_step("cleo")
    half_way, app, by_hand = house.client(), Program(house), Program(house, new_token(house, "ben")[1])
    app.sign_in("ben")
    assert signs_in(half_way, "cleo").location == "/sign-in/code"
    sign_out = (
        partial(close, house, Kind.ALL) if way == "all" else partial(house.act, sign_everybody_out, OPERATOR)
    )

    expected, outcome = sign_out(dry_run=True), sign_out()

    if isinstance(outcome, Outcome):
        assert (expected.signed_out, outcome.signed_out) == (1, 1)
    else:
        assert expected == outcome
        assert (outcome[0], outcome[1].people) == (1, 1)
    house.act(lift, OPERATOR)
    assert [program.get("/me").status_code for program in (app, by_hand)] == [401, 200]
    reply = half_way.post("/sign-in/code", {"code": next_code(secret)}, form_on="/sign-in")
    assert reply.status_code == 401
    assert half_way.get("/me").status_code == 302


def test_an_admin_who_signs_everybody_out_stays(house: House) -> None:
    ada = fresh(house, "ada")
    others = [fresh(house, "ada"), fresh(house, "ben")]
    assert house.act(sign_everybody_out, ada)[0] == 2
    assert house.act(sessions.session_by_id, ada.session_id) is not None
    assert [house.act(sessions.session_by_id, other.session_id) for other in others] == [None, None]


def test_closing_everything_signs_everybody_out_when_it_begins_and_not_again(house: House) -> None:
    house.client("ada")
    house.client("ben")

    assert close(house, Kind.ALL).signed_out == 2

    ada = house.client("ada")
    again = close(house, Kind.ALL)
    assert (again.is_new, again.signed_out) == (False, 0)
    assert ada.get("/me").status_code == 200
    with house.rows() as session:
        assert session.scalars(sa.select(LoginSession.revoked_at.is_(None))).all() == [False, False, True]


@pytest.mark.parametrize("kind", PEOPLE_WAIT)
def test_the_last_admin_always_gets_in(house: House, kind: Kind) -> None:
    close(house, kind, hours=720)
    browser = house.client()
    assert signs_in(browser, "ada").status_code == 302
    assert browser.get("/").status_code == 200


# from the shell

CLOSING = {"tokens": "tokens", "users": "users", "admin-only": "admin_only", "all": "all"}


@pytest.mark.parametrize("command", CLOSING)
def test_the_commands_close_the_house_and_say_whom_it_concerns(house: House, command: str) -> None:
    house.client("ben")
    arguments = ["lockdown", command, "--hours", "6", "--reason", "Stolen", "--json"]

    tried = json.loads(said(flask(house, *arguments, "--dry-run")))
    assert house.act(status).in_force == []
    done = json.loads(said(flask(house, *arguments)))

    (row,) = house.act(status).in_force
    assert (row.kind, row.reason, row.expires_at - row.started_at) == (
        CLOSING[command],
        "Stolen",
        timedelta(hours=6),
    )
    assert (tried["dry_run"], done["dry_run"]) == (True, False)
    ignored = ("dry_run", "until")
    assert {k: v for k, v in tried.items() if k not in ignored} == {
        k: v for k, v in done.items() if k not in ignored
    }
    assert done["people"] == (0 if command == "tokens" else 4)
    assert done["signed_out"] == (1 if command == "all" else 0)
    (entry,) = entries(house, Action.LOCKDOWN)
    assert (entry.door, entry.detail and entry.detail["uid"]) == ("cli", os.getuid())


def test_the_commands_speak_to_people_too(house: House) -> None:
    house.client("ben")
    lines = said(flask(house, "lockdown", "users", "--reason", "Stolen")).splitlines()
    assert re.fullmatch(r"Nobody but admins comes in until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", lines[0])
    assert lines[1:] == [
        "People who have to wait: 4 (on 1 device(s), 0 open window(s)).",
        "API tokens that do not work: 0.",
        "Admins who can come in: 1.",
    ]
    assert "(users). Reason: Stolen" in said(flask(house, "lockdown", "status"))
    assert said(flask(house, "lockdown", "lift", "--dry-run")) == "Would be lifted: users.\n"
    assert house.act(status).in_force
    assert said(flask(house, "lockdown", "lift")) == "Lifted: users.\nThe house is open.\n"
    assert said(flask(house, "lockdown", "lift")) == "The house was open already.\n"
    assert said(flask(house, "lockdown", "status")) == "The house is open.\n"


def test_the_state_is_there_for_scripts(house: House) -> None:
    close(house, Kind.ADMIN_ONLY, reason="Stolen")
    state = json.loads(said(flask(house, "lockdown", "status", "--json")))
    (row,) = state["in_force"]
    assert (row["id"], row["kind"], row["reason"], row["started_by"]) == (1, "admin_only", "Stolen", None)
    assert state["people"] == 4
    lifted = json.loads(said(flask(house, "lockdown", "lift", "--json")))
    assert [each["kind"] for each in lifted["lifted"]] == ["admin_only"]
    assert json.loads(said(flask(house, "lockdown", "status", "--json")))["in_force"] == []


def test_the_shell_signs_everybody_out(house: House) -> None:
    browser = house.client("ben")
    tried = said(flask(house, "lockdown", "sessions", "--dry-run"))
    assert tried == "Would be signed out: 1 device(s) of 1 people, 0 open window(s) among them.\n"
    assert browser.get("/me").status_code == 200
    done = json.loads(said(flask(house, "lockdown", "sessions", "--json")))
    assert (done["signed_out"], done["dry_run"]) == (1, False)
    assert browser.get("/me").status_code == 302


def test_what_makes_no_sense_is_refused_in_a_sentence(house: House) -> None:
    why = refused(flask(house, "lockdown", "users", "--hours", "721"))
    assert "A lockdown lasts from 1 hour to 30 days" in why
    assert flask(house, "lockdown", "users", "--hours", "many").exit_code == 2
    assert house.act(status).in_force == []


def test_a_house_without_an_admin_is_told_what_to_do(house: House) -> None:
    with house.rows(), transaction() as session:
        session.execute(sa.update(User).where(User.username == "ada").values(standing=Standing.LOCKED))
    assert "flask user role NAME admin" in said(flask(house, "lockdown", "users"))


def test_where_nothing_can_be_stored_it_says_that_nothing_was_changed(house: House) -> None:
    writer = sqlite3.connect(house.settings.sqlite_file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        why = refused(flask(house, "lockdown", "users"))
        assert why.startswith("NOTHING WAS CHANGED")
        assert said(flask(house, "lockdown", "users", "--dry-run")), "looking needs no lock"
        assert said(flask(house, "lockdown", "status")) == "The house is open.\n"
    finally:
        writer.close()


# the drill


@pytest.fixture
def lived_in(house: House) -> Iterator[House]:
    """A house with something in it: rooms, messages, tokens, a second step, devices."""
    room = house.room("ben", "cleo", name="Garden")
    house.say("ben", room, "Nobody's business")
    house.turn_on_second_step("cleo")
    make_token(house, "ben")
    house.client("ben")
    return house


def test_a_drill_tries_everything_on_a_copy_and_leaves_the_house_alone(lived_in: House) -> None:
    close(lived_in, Kind.USERS, reason="It may be closed right now")
    before = everything_in(lived_in)

    result = json.loads(said(flask(lived_in, "lockdown", "drill", "--json")))

    assert result["held"] is True
    assert all(step["held"] for step in result["steps"])
    for kind in CLOSING:
        assert any(step["what"].startswith(f"{kind}, lifted: nothing else") for step in result["steps"])
    assert everything_in(lived_in) == before
    close_again = lived_in.client("ben").get("/")
    assert close_again.status_code == 423, "it still is"


def test_a_drill_takes_no_messages_along_and_nothing_stays_behind(
    lived_in: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build = lived_in.app.extensions["homechat_build_elsewhere"]
    found: list[bytes] = []

    def build_and_look_later(settings: Settings) -> Flask:
        app: Flask = build(settings)

        @app.before_request
        def look() -> None:
            file = settings.sqlite_file
            assert file is not None
            assert file.parent.stat().st_mode & 0o077 == 0
            found.append(file.read_bytes() + Path(f"{file}-wal").read_bytes())

        return app

    lived_in.app.extensions["homechat_build_elsewhere"] = build_and_look_later
    said(flask(lived_in, "lockdown", "drill"))

    assert any(b"Garden" in content for content in found), "guard: the copy has what the house has"
    assert not any(b"Nobody's business" in content for content in found)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("homechat-drill")] == []


def test_a_drill_that_finds_a_door_open_says_which_and_fails(lived_in: House) -> None:
    build = lived_in.app.extensions["homechat_build_elsewhere"]

    def with_an_open_door(settings: Settings) -> Flask:
        app: Flask = build(settings)
        app.before_request_funcs[None] = [
            hook for hook in app.before_request_funcs[None] if hook.__name__ != "_most_wait_in_lockdown"
        ]
        return app

    lived_in.app.extensions["homechat_build_elsewhere"] = with_an_open_door
    result = flask(lived_in, "lockdown", "drill")

    assert result.exit_code == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert failed == [
        f"FAIL  {kind}: a member has to wait at a page" for kind in ("users", "admin-only", "all")
    ]
    assert result.stdout.splitlines()[-1] == f"3 of {len(result.stdout.splitlines()) - 1} did not hold."
