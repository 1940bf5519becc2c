"""Every door of the house, told a second time: who comes through, who is told what, and that nobody else changes a row.

The table is written from docs/permissions.md, not from the code. Each route, each event and each address of the API is
tried by every kind of actor; one that is not in the table fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock, settings
from homechat.accounts import sessions
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Role
from homechat.api.endpoints import ENDPOINTS
from homechat.database import transaction
from homechat.doors.events import EVENTS, Sender, dispatch
from homechat.realtime.live_sockets import LiveSocket
from homechat.rooms.models import Membership
from homechat.security.policy import SCOPES, RoomKind, RoomRole, Scope
from tests.api_addresses import CALL, address_of, message_in, picture, shared_file
from tests.api_client import Program, new_token
from tests.attempts import ATTEMPTS, Attempt, a_bot, everything_in, house_for, message_of
from tests.backups import after_jobs
from tests.house import PASSWORD, Browser, House
from tests.test_policy import HOUSE, is_turned_away

NOT_FOUND, FORBIDDEN, CONFLICT = 404, 403, 409


@dataclass(frozen=True)
class Door:
    """Who comes through.

    needs: "nothing": strangers, too.  "scraper": programs with a right of their own; in a browser nobody.  "person":
    whoever is signed in.  "own": the one whose thing it is.  "room": a member of the private room that it is about.
    Otherwise a right in the house.
    fresh: only within 15 minutes of showing who one is.  refusal: what those are told who are signed in and may not.
    """

    needs: str
    fresh: bool = False
    refusal: int = NOT_FOUND


ANYBODY, SCRAPER = Door("nothing"), Door("scraper")
PERSON, PERSON_FRESH = Door("person"), Door("person", fresh=True)
OWN, OWN_FRESH = Door("own"), Door("own", fresh=True)
ROOM = Door("room")
PANEL = Door("admin_panel", fresh=True)

DOORS: dict[str, Door] = {
    # accounts
    "accounts.common_passwords": ANYBODY,
    "accounts.sign_in": ANYBODY,
    "accounts.sign_in_now": ANYBODY,
    "accounts.second_step": ANYBODY,
    "accounts.second_step_now": ANYBODY,
    "accounts.enrol": ANYBODY,
    "accounts.enrol_now": ANYBODY,
    "accounts.passkey_to_sign_in": ANYBODY,
    "accounts.sign_in_with_passkey": ANYBODY,
    "accounts.passkey_to_answer": ANYBODY,
    "accounts.answer_with_passkey": ANYBODY,
    "accounts.passkey_to_enrol": ANYBODY,
    "accounts.enrol_with_passkey": ANYBODY,
    "accounts.reset": ANYBODY,
    "accounts.reset_now": ANYBODY,
    "accounts.sign_out": PERSON,
    "accounts.me": PERSON,
    "accounts.update_profile": PERSON,
    "accounts.change_password": PERSON,
    "accounts.confirm": PERSON,
    "accounts.confirm_now": PERSON,
    "accounts.passkey_to_confirm": PERSON,
    "accounts.second_factor": PERSON_FRESH,
    "accounts.turn_on_second_factor": PERSON_FRESH,
    "accounts.turn_on_with_passkey": PERSON_FRESH,
    "accounts.turn_off_second_factor": PERSON,
    "accounts.renew_recovery_codes": PERSON_FRESH,
    "accounts.passkey_to_make": PERSON_FRESH,
    "accounts.add_passkey": PERSON_FRESH,
    "accounts.rename_passkey": OWN,
    "accounts.remove_passkey": OWN_FRESH,
    "accounts.revoke_device": OWN,
    "accounts.revoke_other_devices": PERSON,
    "accounts.rename_device": OWN,
    "accounts.accept_device": OWN,
    # the household
    "household.found": ANYBODY,
    "household.found_now": ANYBODY,
    "household.join": ANYBODY,
    "household.join_now": ANYBODY,
    "household.sign_up": ANYBODY,
    "household.sign_up_now": ANYBODY,
    "household.waiting": ANYBODY,
    "household.history": PERSON,
    "household.approve": Door("approve", refusal=FORBIDDEN),
    "household.refuse": Door("approve", refusal=FORBIDDEN),
    "household.invites": Door("invite", refusal=FORBIDDEN),
    "household.invite": Door("invite", refusal=FORBIDDEN),
    "household.invite_again": Door("invite"),
    "household.revoke_invite": Door("manage_invitations"),
    "household.tokens": Door("make_tokens", fresh=True, refusal=FORBIDDEN),
    "household.new_token": Door("make_tokens", fresh=True, refusal=FORBIDDEN),
    "household.make_token": Door("make_tokens", fresh=True, refusal=FORBIDDEN),
    "household.rotate_token": Door("make_tokens", fresh=True, refusal=FORBIDDEN),
    "household.revoke_token": Door("make_tokens"),
    # the panel
    "admin.overview": PANEL,
    "admin.people": PANEL,
    "admin.person": PANEL,
    "admin.approve": PANEL,
    "admin.refuse": PANEL,
    "admin.change_role": PANEL,
    "admin.lock": PANEL,
    "admin.unlock": PANEL,
    "admin.sign_out_everywhere": PANEL,
    "admin.reset_two_factor": PANEL,
    "admin.reset_link": PANEL,
    "admin.tokens": PANEL,
    "admin.revoke_token": PANEL,
    "admin.bots": PANEL,
    "admin.bot": PANEL,
    "admin.new_bot": PANEL,
    "admin.make_bot": PANEL,
    "admin.change_bot": PANEL,
    "admin.switch_bot_on": PANEL,
    "admin.switch_bot_off": PANEL,
    "admin.renew_bot_secret": PANEL,
    "admin.delete_bot": PANEL,
    "admin.replay_delivery": PANEL,
    "admin.save_private_hosts": PANEL,
    "admin.audit_log": PANEL,
    "admin.check_audit_log": PANEL,
    "admin.export_audit_log": PANEL,
    "admin.settings": PANEL,
    "admin.save_settings": PANEL,
    "admin.lockdown": PANEL,
    "admin.start_lockdown": PANEL,
    "admin.lift_lockdown": PANEL,
    # rooms and messages; who may do what inside a room is in test_policy.py
    "messages.index": PERSON,
    "messages.sidebar_state": PERSON,
    "messages.search": PERSON,
    "messages.conversation": ROOM,
    "messages.history": ROOM,
    "messages.changes": ROOM,
    "messages.post": ROOM,
    "messages.mark_read": ROOM,
    "messages.about": ROOM,
    "messages.edit": ROOM,
    "messages.delete": ROOM,
    "messages.react": ROOM,
    "messages.unreact": ROOM,
    "messages.answer": ROOM,
    "messages.post_files": ROOM,
    "uploads.store": ROOM,
    "uploads.drop": OWN,
    "uploads.file": ROOM,
    "uploads.thumbnail": ROOM,
    "rooms.browse": Door("browse_rooms", refusal=FORBIDDEN),
    "rooms.new": Door("create_room", refusal=FORBIDDEN),
    "rooms.create": Door("create_room", refusal=FORBIDDEN),
    "rooms.join": Door("browse_rooms"),
    "rooms.people": PERSON,
    "rooms.start_direct": Door("start_direct"),
    "rooms.details": ROOM,
    "rooms.leave": ROOM,
    "rooms.archive": ROOM,
    "rooms.rename": ROOM,
    "rooms.add_member": ROOM,
    "rooms.remove_member": ROOM,
    "rooms.make_owner": ROOM,
    # files, and whether it is up
    "health.up": ANYBODY,
    "health.health": ANYBODY,
    "health.metrics": SCRAPER,
    "pages.static_file": ANYBODY,
    "pages.service_worker": ANYBODY,
    "pages.manifest": ANYBODY,
    # what programs may ask for
    "reference.index": PERSON,
}
API: dict[str, str] = {
    "api.sign_up": "nothing",
    "api.sign_in": "nothing",
    "api.health": "nothing",
    "api.server_info": "nothing",
    "api.openapi": "nothing",
    "api.me": "token",
    "api.sign_out": "token",
    "api.user": "token",
    "api.channels": "token",
    "api.channel": "token",
    "api.create_channel": "token",
    "api.join_channel": "token",
    "api.leave_channel": "token",
    "api.leave_channel_by_post": "token",
    "api.members": "token",
    "api.mark_as_read": "token",
    "api.direct_channels": "token",
    "api.direct_conversations": "token",
    "api.start_conversation": "token",
    "api.direct_history": "token",
    "api.write_direct": "token",
    "api.write_to_user": "token",
    "api.messages": "token",
    "api.message": "token",
    "api.answer": "token",
    "api.post_message": "token",
    "api.post_to_channel": "token",
    "api.edit_message": "token",
    "api.delete_message": "token",
    "api.react": "token",
    "api.unreact": "token",
    "api.search_house": "token",
    "api.search_users": "token",
    "api.users": "manage_people",
    "api.health_detailed": "admin_panel",
    "api.metrics": "admin_panel",
    "api.security_metrics": "admin_panel",
    "api.security_alerts": "admin_panel",
    "api.audit_log": "read_audit_log",
    "api.all_settings": "change_settings",
    "api.set_settings": "change_settings",
    "api.lockdown": "lock_down",
    "api.start_lockdown": "lock_down",
    "api.lift_lockdown": "lock_down",
    "api.backups": "make_backups",
    "api.create_backup": "make_backups",
    "api.verify_backup": "make_backups",
    "api.test_restore_backup": "make_backups",
    "api.bots": "make_bots",
    "api.create_bot": "make_bots",
    "api.bot": "make_bots",
    "api.change_bot": "make_bots",
    "api.delete_bot": "make_bots",
    "api.bot_status": "make_bots",
    "api.activate_bot": "make_bots",
    "api.deactivate_bot": "make_bots",
    "api.regenerate_secret": "make_bots",
    "api.webhook": "nothing",
    "api.lock": "manage_people",
    "api.unlock": "manage_people",
    "api.reset": "manage_people",
    "api.post_media": "token",
    "api.upload": "token",
    "api.upload_thumbnail": "token",
}
OF_OTHERS = {"bot": FORBIDDEN, "guest": FORBIDDEN, "member": NOT_FOUND, "admin": NOT_FOUND}
IN_PUBLIC_ROOM: dict[str, dict[str, int]] = {
    "api.edit_message": OF_OTHERS,
    "api.delete_message": OF_OTHERS,
    "api.message": {"member": NOT_FOUND, "admin": NOT_FOUND},
    "api.answer": {"bot": FORBIDDEN, "member": NOT_FOUND, "admin": NOT_FOUND},
    "api.react": {"member": NOT_FOUND, "admin": NOT_FOUND},
    "api.unreact": {"member": NOT_FOUND, "admin": NOT_FOUND},
    "api.create_channel": {"guest": FORBIDDEN},
    "api.join_channel": {"bot": FORBIDDEN},
    "api.mark_as_read": {"bot": CONFLICT, "member": FORBIDDEN, "admin": FORBIDDEN},
}
"""Who is refused by the rules of rooms in one of Cleo's, in which the guest is and nobody else of those who ask."""
OF_BENS_BOT: dict[str, dict[str, int]] = {"api.regenerate_secret": {"admin": FORBIDDEN}}
"""What an admin does not do to somebody else's bot."""
EVENTS_NEED: dict[str, str] = {
    "message:send": "member",
    "message:edit": "author",
    "message:delete": "author",
    "message:react": "member",
    "message:unreact": "member",
    "message:answer": "member, no bot",
    "message:history": "member",
    "message:changes": "member",
    "room:read": "member",
    "room:list": "person",
    "typing:start": "member",
    "typing:stop": "member",
}
SIDE_EFFECTS = {"api_reads", "api_tokens", "audit_logs"}
"""Tables in which a request with a token leaves its trace, also where the token is refused."""
TRACES = SIDE_EFFECTS | {"audit_chain", "users"}
"""The same where the token is good for it, and what it asks for is refused; of people, when they were last here."""
PEOPLE = {"ada": "admin", "ben": "member", "gus": "guest"}
WERE_INSIDE = ["locked", "pending", "erased"]
OUTSIDERS = ["stranger", *WERE_INSIDE, "bot"]


def old(house: House, browser: Browser) -> Browser:
    """Have everybody have shown who they are 16 minutes ago."""
    with house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(proved_at=clock.now() - timedelta(minutes=16)))
    return browser


def who_comes_through(door: Door, owner: str) -> set[str]:
    if door.needs == "person":
        return set(PEOPLE)
    if door.needs in ("own", "room"):
        return {owner}
    return {name for name, role in PEOPLE.items() if door.needs in HOUSE[role].split()}


def outsider(house: House, kind: str) -> tuple[Browser, dict[str, str]]:
    """Return the browser of somebody who does not live here (any more, or yet), and what they send along."""
    if kind in ("stranger", "bot"):
        # What a bot has is a token, and that opens no page.
        key = new_token(house, "ada", *SCOPES[Role.MEMBER])[1] if kind == "bot" else ""
        return house.client(), {"Authorization": f"Bearer {key}"} if key else {}
    browser = house.client("olga")
    values: dict[str, Any] = {"erased_at": clock.now()} if kind == "erased" else {"standing": Standing(kind)}
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "olga").values(**values))
    return browser, {}


@contextmanager
def with_outsider(house: House, kind: str) -> Iterator[tuple[Browser, dict[str, str]]]:
    yield outsider(house, kind)
    with house.rows() as session, transaction():
        back = {"standing": Standing.ACTIVE, "erased_at": None}
        session.execute(sa.update(User).where(User.username == "olga").values(**back))


def send(browser: Browser, attempt: Attempt, form_on: str, **headers: str) -> Any:
    return browser.post(attempt.path, attempt.form, form_on=form_on, headers=headers)


def is_asked_who_it_is(reply: Any) -> bool:
    if reply.status_code == FORBIDDEN:
        return 'href="/confirm' in reply.text or 'action="/confirm' in reply.text
    return reply.status_code in (302, 303) and reply.location.startswith("/confirm")


def is_through(reply: Any) -> bool:
    return reply.status_code < 400 and not is_asked_who_it_is(reply)


# Nothing is forgotten


def test_every_route_every_address_and_every_event_is_in_the_table(house: House) -> None:
    assert {rule.endpoint for rule in house.app.url_map.iter_rules()} == {*DOORS, *API}
    assert set(API) == set(ENDPOINTS)
    assert set(EVENTS_NEED) == set(EVENTS)
    rights = {door.needs for door in DOORS.values()} | set(API.values())
    assert rights - set(HOUSE["admin"].split()) == {"nothing", "scraper", "person", "own", "room", "token"}


# What is sent


@pytest.mark.parametrize("endpoint", sorted(ATTEMPTS))
def test_only_those_of_the_table_change_anything(endpoint: str, cast_folder: Path, tmp_path: Path) -> None:
    door = DOORS[endpoint]
    with house_for(endpoint, cast_folder, tmp_path / "data") as house:
        make = ATTEMPTS[endpoint]
        attempt = make(house)
        if door == ANYBODY:
            before = everything_in(house)
            assert is_through(send(attempt.browser(house), attempt, attempt.form_on))
            assert everything_in(house) != before
            return
        assert attempt.who
        allowed = who_comes_through(door, attempt.who)
        assert attempt.who in allowed
        for kind in OUTSIDERS:
            with with_outsider(house, kind) as (browser, headers):
                before = everything_in(house)
                page = send(browser, attempt, "/sign-in", **headers)
                script = send(browser, attempt, "/sign-in", Accept="application/json", **headers)
                assert is_turned_away(page), kind
                assert (script.status_code, script.json["code"]) == (401, "unauthenticated"), kind
                assert everything_in(house) == before, kind

        # "cleo" is one more member, to whom nothing of the others belongs.
        refused = sorted(set(PEOPLE) - allowed) + (["cleo"] if door.needs == "own" else [])
        for name in refused:
            browser = house.client(name)
            before = everything_in(house)
            assert send(browser, attempt, "/me").status_code == door.refusal, name
            assert everything_in(house) == before, name

        for name in [attempt.who, *sorted(allowed - {attempt.who})]:
            mine = attempt if name == attempt.who else make(house, name)
            browser = old(house, mine.browser(house))
            before = everything_in(house)
            reply = send(browser, mine, mine.form_on if not door.fresh else "/me")
            if door.fresh:
                assert is_asked_who_it_is(reply), name
                assert everything_in(house) == before, name
                browser = mine.browser(house)
                before = everything_in(house)
                reply = send(browser, mine, mine.form_on)
            assert is_through(reply), (name, reply.status_code, reply.text)
            assert everything_in(house) != before, name


# What is looked at

PAGES: dict[str, Callable[[House], str]] = {
    "reference.index": lambda house: "/api/docs",
    "accounts.me": lambda house: "/me",
    "accounts.confirm": lambda house: "/confirm",
    "accounts.second_factor": lambda house: "/me/two-factor",
    "household.history": lambda house: "/me/history",
    "household.invites": lambda house: "/invites",
    "household.tokens": lambda house: "/me/tokens",
    "household.new_token": lambda house: "/me/tokens/new",
    "admin.overview": lambda house: "/admin",
    "admin.people": lambda house: "/admin/people",
    "admin.person": lambda house: f"/admin/people/{house.id_of('ben')}",
    "admin.tokens": lambda house: "/admin/tokens",
    "admin.bots": lambda house: "/admin/bots",
    "admin.new_bot": lambda house: "/admin/bots/new",
    "admin.bot": lambda house: f"/admin/bots/{a_bot(house)}",
    "admin.audit_log": lambda house: "/admin/audit",
    "admin.settings": lambda house: "/admin/settings",
    "admin.lockdown": lambda house: "/admin/lockdown",
    "messages.index": lambda house: "/",
    "messages.sidebar_state": lambda house: "/sidebar",
    "messages.search": lambda house: "/search?q=hello",
    "messages.conversation": lambda house: f"/rooms/{house.room('ben')}",
    "messages.history": lambda house: f"/rooms/{house.room('ben')}/messages",
    "messages.changes": lambda house: f"/rooms/{house.room('ben')}/changes",
    "messages.about": lambda house: f"/messages/{message_of(house, 'ben')}",
    "uploads.file": lambda house: shared_file(house, house.room("ben")).url,
    "uploads.thumbnail": lambda house: str(shared_file(house, house.room("ben")).thumbnail_url),
    "rooms.browse": lambda house: "/rooms",
    "rooms.new": lambda house: "/rooms/new",
    "rooms.people": lambda house: "/people",
    "rooms.details": lambda house: f"/rooms/{house.room('ben')}/details",
}


def test_every_page_that_is_not_for_anybody_is_looked_at(house: House) -> None:
    asked = {rule.endpoint for rule in house.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert set(PAGES) == {name for name in asked & set(DOORS) if DOORS[name] not in (ANYBODY, SCRAPER)}


@pytest.mark.parametrize("endpoint", sorted(PAGES))
def test_only_those_of_the_table_see_anything(endpoint: str, house: House) -> None:
    door, path = DOORS[endpoint], PAGES[endpoint](house)
    for kind in OUTSIDERS:
        with with_outsider(house, kind) as (browser, headers):
            assert is_turned_away(browser.get(path, headers=headers)), kind
            script = browser.get(path, headers={"Accept": "application/json", **headers})
            assert (script.status_code, script.json["code"]) == (401, "unauthenticated"), kind

    allowed = who_comes_through(door, "ben")
    for name in PEOPLE:
        browser = old(house, house.client(name))
        reply = browser.get(path)
        if name not in allowed:
            assert reply.status_code == door.refusal, name
        elif door.fresh:
            assert is_asked_who_it_is(reply), name
            assert house.client(name).get(path).status_code == 200, name
        else:
            assert reply.status_code == 200, name


@pytest.mark.parametrize("kind", [*OUTSIDERS, *PEOPLE])
def test_what_is_for_scrapers_is_there_for_nobody_in_a_browser(kind: str, house: House) -> None:
    paths = [str(rule) for rule in house.app.url_map.iter_rules() if DOORS.get(rule.endpoint) == SCRAPER]
    assert paths == ["/metrics"]
    with with_outsider(house, kind) if kind in OUTSIDERS else nullcontext((house.client(kind), {})) as who:
        browser, headers = who
        page = browser.get("/metrics", headers=headers)
        script = browser.get("/metrics", headers={"Accept": "application/json", **headers})
    assert page.status_code == NOT_FOUND
    assert (script.status_code, script.json["code"]) == (NOT_FOUND, "not_found")


# Programs

BODIES: dict[str, Any] = {
    "api.sign_in": {"username": "ben", "password": PASSWORD},
    "api.sign_up": {"username": "nora", "password": PASSWORD, "password_confirmation": PASSWORD},
    "api.set_settings": {"house_name": "Our house"},
    "api.start_lockdown": {"kind": "users"},
    "api.create_channel": {"name": "Another room"},
    "api.start_conversation": {"username": "cleo"},
    "api.post_message": {"message": "hi"},
    "api.post_to_channel": {"message": "hi"},
    "api.write_direct": {"message": "hi"},
    "api.write_to_user": {"message": "hi"},
    "api.edit_message": {"message": "hello"},
    "api.answer": {"action_id": "ack"},
    "api.create_bot": {"bot": {"name": "Lights"}},
    "api.change_bot": {"bot": {"description": "In the hall"}},
    "api.webhook": CALL,
}


def program_of(house: House, kind: str) -> Program:
    """Return a program of somebody of this kind with all that it may have."""
    program = Program(house)
    if kind == "stranger":
        return program
    if kind == "bot":
        return Program(house, new_token(house, "ben", *SCOPES[Role.BOT], as_bot=True)[1])
    names = {"admin": "ada", "member": "ben", "guest": "gus"}
    assert program.sign_in(names.get(kind, "olga")).status_code == 200
    return program


@pytest.mark.api
@pytest.mark.parametrize("endpoint", sorted(API))
def test_only_those_of_the_table_get_an_answer(endpoint: str, house: House) -> None:
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    needs, found = API[endpoint], ENDPOINTS[endpoint]
    for kind in ("stranger", "locked", "pending", "erased", "bot", "guest", "member", "admin"):
        program = program_of(house, kind)
        with with_outsider(house, kind) if kind in WERE_INSIDE else nullcontext():
            asked = asked_for(house, endpoint, kind)
            before = everything_in(house)
            reply = program.ask(found.method, **asked)
            if needs == "nothing":
                assert reply.status_code in (200, 201), kind
            elif kind in OUTSIDERS and kind != "bot":
                assert (reply.status_code, reply.json["code"]) == (401, "unauthenticated"), kind
                assert everything_in(house) == before, kind
            elif needs == "token" or needs in HOUSE[kind].split():
                refusal = {**IN_PUBLIC_ROOM, **OF_BENS_BOT}.get(endpoint, {}).get(kind)
                if refusal is None:
                    assert reply.status_code in (200, 201, 202), (kind, reply.text)
                else:
                    assert reply.status_code == refusal, (kind, reply.text)
                    assert changed(before, everything_in(house)) <= TRACES, kind
            else:
                assert (reply.status_code, reply.json["code"]) == (403, "scope_needed"), kind
                assert changed(before, everything_in(house)) <= SIDE_EFFECTS, kind
    after_jobs(house)


def asked_for(house: House, endpoint: str, kind: str) -> dict[str, Any]:
    """Return what is sent to an endpoint, and to which address: of things that are really there, and new each time."""
    found, body = ENDPOINTS[endpoint], BODIES.get(endpoint)
    path, headers = address_of(house, found.path)
    if endpoint == "api.sign_up":
        body = {**BODIES[endpoint], "username": f"nora_{kind}"}
    if endpoint == "api.create_channel":
        body = {"name": f"Room of {kind}"}
    query = "?q=open" if "search" in path else ""
    sent = picture() if found.takes_files and body is None else {"json": body}
    return {"path": path + query, "headers": headers, **sent}


BEGINS_CONVERSATIONS = {"api.write_direct", "api.write_to_user"}
"""To answer, a bot needs one scope; to begin, `channels:write` besides."""


@pytest.mark.api
@pytest.mark.parametrize(
    "endpoint", sorted(name for name, it in ENDPOINTS.items() if isinstance(it.needs, Scope))
)
def test_one_scope_is_enough_for_what_it_is_for_and_all_others_are_not(endpoint: str, house: House) -> None:
    found = ENDPOINTS[endpoint]
    for kind, name, role in (
        ("bot", "ben", Role.BOT),
        ("member", "ben", Role.MEMBER),
        ("admin", "ada", Role.ADMIN),
    ):
        others = sorted(SCOPES[role] - {found.needs})
        _row, token = new_token(house, name, *others, as_bot=kind == "bot")
        refused = Program(house, token).ask(found.method, **asked_for(house, endpoint, f"{kind} 1"))
        assert (refused.status_code, refused.json["code"]) == (403, "scope_needed"), kind
        assert refused.json["scope"] == found.needs
        if found.needs not in SCOPES[role]:
            continue
        _row, token = new_token(house, name, found.needs, as_bot=kind == "bot")
        alone = Program(house, token).ask(found.method, **asked_for(house, endpoint, f"{kind} 2"))
        after_jobs(house)
        if kind == "bot" and endpoint in BEGINS_CONVERSATIONS:
            assert (alone.status_code, alone.json["code"]) == (403, "forbidden")
            continue
        able = program_of(house, kind).ask(found.method, **asked_for(house, endpoint, f"{kind} 3"))
        assert alone.status_code == able.status_code, (kind, alone.text)
    after_jobs(house)


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    """Return the tables in which something is different."""
    return {table for table in after if before[table] != after[table]}


# Events


@pytest.mark.sockets
@pytest.mark.parametrize("event", sorted(EVENTS_NEED))
def test_only_those_of_the_table_are_heard(event: str, house: House) -> None:
    room = house.room("cleo", name="Plans", kind=RoomKind.PRIVATE)
    message = message_in(house, room)
    outside = "ok" if EVENTS_NEED[event] == "person" else "not_found"
    expected = {
        "member of the room": "ok",
        "bot in the room": "forbidden" if EVENTS_NEED[event] in ("author", "member, no bot") else "ok",
        "admin": outside,
        "member": outside,
        "guest": outside,
        "bot": outside,
        **dict.fromkeys(("stranger", "locked", "pending", "erased"), "unauthenticated"),
    }
    answers = {}
    for number, kind in enumerate(expected):
        socket = listener(house, kind, room)
        with with_outsider(house, kind) if kind in WERE_INSIDE else nullcontext():
            before = everything_in(house)
            said = {"room_id": room, "client_id": f"doors-{number:04d}", "message_id": message}
            answers[kind] = answer_to(house, socket, event, said)
            if answers[kind] != "ok":
                # That a program tried is written down.
                noted = {"api_tokens", "audit_logs", "audit_chain"}
                assert changed(before, everything_in(house)) <= noted, kind
    assert answers == expected


def listener(house: House, kind: str, room: int) -> LiveSocket | None:
    """Return the connection of somebody of this kind, as the handshake leaves it behind; None where there is none."""
    if kind == "stranger":
        return None
    if kind.startswith("bot"):
        row, _spelled = new_token(house, "ben", *SCOPES[Role.BOT], as_bot=True, called=kind)
        with house.rows() as session, transaction():
            bot = session.get_one(ApiToken, row.id).user_id
            if kind == "bot in the room":
                session.add(
                    Membership(room_id=room, user_id=bot, role=RoomRole.MEMBER, joined_at=clock.now())
                )
        return LiveSocket(f"of-{kind}", bot, None, Role.BOT, token_id=row.id)
    name = {"member of the room": "cleo", "admin": "ada", "member": "ben", "guest": "gus"}.get(kind, "olga")
    person = house.person(name)
    secret = house.act(sessions.open_session, house.actor(name), person)
    with house.rows() as session:
        newest = sa.select(LoginSession.id).order_by(LoginSession.id.desc())
        device = session.scalars(newest).first()
    assert secret
    return LiveSocket(f"of-{kind}", person.id, device, Role(person.role))


def answer_to(house: House, socket: LiveSocket | None, event: str, said: dict[str, Any]) -> str:
    """Return "ok", or the code with which the event was refused."""
    fields = {"body": "hi", "seq": 1, "after": 0, "emoji": "👍", "action_id": "ack", **said}
    with house.app.test_request_context():
        if socket is not None:
            house.app.extensions["homechat_live_sockets"].add(socket, at_most=1)
        reply = dispatch(Sender(socket.sid if socket else "of-nobody", "", ""), event, (fields,))
    return "ok" if reply["ok"] else str(reply["code"])
