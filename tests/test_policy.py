"""Who may do what: the rules against the house's table, and every door against both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.routing import IntegerConverter, Rule

import homechat.app  # noqa: F401  It registers the events.
from homechat.accounts import sessions
from homechat.actor import Actor, Door, Role
from homechat.api.endpoints import ENDPOINTS, Who
from homechat.database import transaction
from homechat.doors.events import EVENTS, Sender, dispatch
from homechat.doors.people import PUBLIC_ENDPOINTS
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.realtime.live_sockets import LiveSocket
from homechat.rooms.models import Membership
from homechat.security.policy import (
    HouseRight,
    RoomFacts,
    RoomKind,
    RoomRight,
    RoomRole,
    house_right,
    room_rights,
)
from tests.attempts import everything_in
from tests.conftest import close
from tests.house import House, copy_house

# Written down from the household's own table of permissions, not from the code. What is not named is not allowed.

HOUSE = {
    "admin": "browse_rooms create_room start_direct meet_everyone write_to_guests invite invite_admin "
    "manage_invitations approve change_roles manage_people change_settings make_tokens manage_tokens "
    "make_bots manage_bots read_audit_log lock_down make_backups admin_panel",
    "member": "browse_rooms create_room start_direct meet_everyone make_tokens make_bots",
    "guest": "start_direct",
    "bot": "",
}
ROOMS = {
    # room, standing there: what each role may do
    ("public", "outside"): {
        "admin": "see join rename archive remove name_owners",
        "member": "see join",
        "guest": "",
        "bot": "see read post",
    },
    ("public", "member"): {
        "admin": "see read post answer delete_others leave add rename archive remove name_owners",
        "member": "see read post answer leave add",
        "guest": "see read post answer leave",
        "bot": "see read post leave",
    },
    ("public", "owner"): {
        "admin": "see read post answer delete_others leave add rename archive remove name_owners",
        "member": "see read post answer delete_others leave add rename archive remove name_owners",
        "guest": "see read post answer leave",
        "bot": "see read post leave",
    },
    ("private", "outside"): {"admin": "", "member": "", "guest": "", "bot": ""},
    ("private", "member"): {
        "admin": "see read post answer leave add",
        "member": "see read post answer leave add",
        "guest": "see read post answer leave",
        "bot": "see read post leave",
    },
    ("private", "owner"): {
        "admin": "see read post answer delete_others leave add rename archive remove name_owners",
        "member": "see read post answer delete_others leave add rename archive remove name_owners",
        "guest": "see read post answer leave",
        "bot": "see read post leave",
    },
    ("direct", "outside"): {"admin": "", "member": "", "guest": "", "bot": ""},
    ("direct", "member"): {
        "admin": "see read post answer",
        "member": "see read post answer",
        "guest": "see read post answer",
        "bot": "see read post",
    },
    ("home", "outside"): {
        "admin": "see join rename remove",
        "member": "see join",
        "guest": "",
        "bot": "see read post",
    },
    ("home", "member"): {
        "admin": "see read post answer delete_others add rename remove",
        "member": "see read post answer add",
        "guest": "see read post answer leave",
        "bot": "see read post leave",
    },
}
CELLS = [(room, here, role) for (room, here), row in ROOMS.items() for role in row]


def facts(room: str, **more: bool) -> RoomFacts:
    kind = RoomKind.PUBLIC if room == "home" else RoomKind(room)
    return RoomFacts(kind=kind, is_home=room == "home", **more)


def standing(here: str) -> RoomRole | None:
    return None if here == "outside" else RoomRole(here)


# the rules


def test_the_table_has_a_line_for_every_role_room_and_standing() -> None:
    owned = {(room, "owner") for room in ("direct", "home")}  # These two have no owners.
    every = set(product(["home", *RoomKind], ["outside", *RoomRole])) - owned
    assert {(room, here) for room, here in ROOMS} == every
    assert all(set(row) == set(Role) for row in ROOMS.values())
    named = {right for row in ROOMS.values() for rights in row.values() for right in rights.split()}
    assert named == set(RoomRight)
    assert set(HOUSE) == set(Role)
    assert {right for rights in HOUSE.values() for right in rights.split()} == set(HouseRight)


@pytest.mark.parametrize(("room", "here", "role"), CELLS)
def test_rights_in_a_room_are_those_of_the_table(room: str, here: str, role: str) -> None:
    expected = ROOMS[room, here][role].split()
    given = room_rights(Role(role), room=facts(room), here=standing(here))
    assert sorted(given) == sorted(expected)


@pytest.mark.parametrize(("role", "right"), list(product(Role, HouseRight)))
def test_rights_in_the_house_are_those_of_the_table(role: Role, right: HouseRight) -> None:
    assert house_right(role, right) is (right in HOUSE[role].split())


@pytest.mark.parametrize(("room", "here", "role"), CELLS)
def test_an_archived_room_can_be_read_and_left_and_nothing_else(room: str, here: str, role: str) -> None:
    expected = set(ROOMS[room, here][role].split()) & {"see", "read", "leave"}
    assert room_rights(Role(role), room=facts(room, is_archived=True), here=standing(here)) == expected


@pytest.mark.parametrize(("room", "here", "role"), CELLS)
def test_where_only_owners_add_people_everything_else_stays_the_same(room: str, here: str, role: str) -> None:
    expected = set(ROOMS[room, here][role].split())
    if here != "owner":
        expected -= {"add"}
    assert room_rights(Role(role), room=facts(room, owners_add_only=True), here=standing(here)) == expected


def test_a_stranger_has_no_right_in_the_house() -> None:
    assert not any(house_right(None, right) for right in HouseRight)


def test_admins_and_members_belong_to_the_house() -> None:
    assert {role for role in Role if role.belongs_to_house} == {"admin", "member"}


def test_only_the_shell_and_the_house_itself_are_trusted_whoever_acts_through_their_doors() -> None:
    for actor in (Actor.operator(), Actor.system()):
        assert actor.is_trusted_operator
        assert not actor.acting_as(7, Role.ADMIN).is_trusted_operator
    assert not Actor.stranger(door=Door.PAGE).is_trusted_operator


def test_acting_as_somebody_keeps_the_door_and_leaves_the_session_behind() -> None:
    before = Actor(3, Role.MEMBER, Door.SOCKET, "192.0.2.7", "Firefox", session_id=5, socket_id="abc")
    assert before.acting_as(7, Role.GUEST) == Actor(7, Role.GUEST, Door.SOCKET, "192.0.2.7", "Firefox")


# the doors of a room

WHO = {"admin": "ada", "member": "ben", "guest": "gus"}  # Bots have no door yet.
NAMES = (f"Room {number}" for number in range(10_000))
CLIENT_IDS = (f"policy-{number:04d}" for number in range(10_000))
# right: how somebody tries to use it
ACTS: dict[str, tuple[str, str, Callable[[House], dict[str, Any]]]] = {
    "see": ("GET", "/rooms/{}", lambda house: {}),
    "join": ("POST", "/rooms/{}/join", lambda house: {}),
    "read": ("GET", "/rooms/{}/messages", lambda house: {}),
    "read changes": ("GET", "/rooms/{}/changes", lambda house: {}),
    "read on": ("POST", "/rooms/{}/read", lambda house: {"seq": 1}),
    "post": ("POST", "/rooms/{}/messages", lambda house: {"body": "hi", "client_id": next(CLIENT_IDS)}),
    "rename": ("POST", "/rooms/{}/details", lambda house: {"name": next(NAMES), "description": ""}),
    "archive": ("POST", "/rooms/{}/archive", lambda house: {}),
    "add": ("POST", "/rooms/{}/members", lambda house: {"user_id": house.id_of("gus")}),
    "remove": ("POST", "/rooms/{}/members/%d/remove", lambda house: {}),
    "name_owners": ("POST", "/rooms/{}/members/%d/owner", lambda house: {}),
    "leave": ("POST", "/rooms/{}/leave", lambda house: {}),
}


@pytest.fixture(scope="module")
def crowded(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that the tests of the doors share; each makes rooms of its own."""
    house = House(copy_house(cast_folder, tmp_path_factory.mktemp("crowded") / "data"))
    house.app.extensions["homechat_budgets"].storage.reset()
    yield house
    close(house)


def room_of_cleo(house: House, room: str, name: str, here: str) -> int:
    """Make a room of Cleo's in which `name` stands as `here` says; one message in it waits to be read."""
    inside = [] if here == "outside" else [name]
    if room == "direct":
        room_id = house.direct("cleo", *(inside or ["ada" if name != "ada" else "ben"]))
    else:
        house.app.extensions["homechat_budgets"].storage.reset()
        room_id = house.room("cleo", *inside, name=next(NAMES), kind=RoomKind(room))
    house.say("cleo", room_id, "Who is there?")
    if here == "owner":
        with house.rows() as session, transaction():
            mine = Membership.user_id == house.id_of(name)
            session.execute(
                sa.update(Membership).where(Membership.room_id == room_id, mine).values(role=here)
            )
    return room_id


def expected_status(act: str, rights: list[str], here: str) -> int:
    right = act.split()[0]
    if "see" not in rights:
        return 404
    if act == "join" and here != "outside":
        return 302  # Nothing happens to those who are in already,
    if act == "leave" and here == "outside":
        return 302  # nor to those who are not.
    if right not in rights:
        return 409 if act == "leave" else 403
    return 200 if act in ("see", "read", "read changes") else 302


@pytest.mark.parametrize(
    ("room", "here", "role"),
    [cell for cell in CELLS if cell[0] != "home" and cell[2] in WHO],
)
def test_pages_answer_as_the_table_says(crowded: House, room: str, here: str, role: str) -> None:
    rights, name = ROOMS[room, here][role].split(), WHO[role]
    browser = crowded.client(name)
    token = browser.form_token("/me")
    for act, (method, path, form) in ACTS.items():
        room_id = room_of_cleo(crowded, room, name, here)
        before = everything_in(crowded)

        reply = browser.client.open(
            path.format(room_id).replace("%d", str(crowded.id_of("cleo"))),
            method=method,
            data={"csrf_token": token, **form(crowded)} if method == "POST" else None,
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
        )

        expected = expected_status(act, rights, here)
        assert reply.status_code == expected, act
        if expected >= 400:
            assert everything_in(crowded) == before, act


def test_a_room_that_may_not_be_known_answers_like_one_that_does_not_exist(crowded: House) -> None:
    room_id = crowded.room("cleo", name="Secret plans")
    browser = crowded.client("ada")
    for path in ("/rooms/{}", "/rooms/{}/details", "/rooms/{}/messages", "/rooms/{}/changes"):
        real = browser.get(path.format(room_id), headers={"Accept": "application/json"})
        missing = browser.get(path.format(999_999), headers={"Accept": "application/json"})
        assert (real.status_code, real.json) == (missing.status_code, missing.json) == (404, missing.json)


# strangers at the doors


def address_of(rule: Rule) -> str:
    """Return a path that `rule` answers: room 1 and person 1 exist."""
    is_number = {name: isinstance(rule._converters[name], IntegerConverter) for name in rule.arguments}
    built = rule.build({name: 1 if is_number[name] else "x" for name in rule.arguments})
    assert built, rule
    return built[1]


def every_door(house: House) -> list[tuple[str, str, str]]:
    """Return endpoint, method and path of everything that the house answers."""
    return [
        (rule.endpoint, method, address_of(rule))
        for rule in house.app.url_map.iter_rules()
        for method in sorted(rule.methods or set())
    ]


def is_turned_away(reply: Any) -> bool:
    return reply.status_code == 401 or (
        reply.status_code in (302, 303) and reply.location.partition("?")[0] == "/sign-in"
    )


def visit(browser: Any, method: str, path: str, **headers: str) -> Any:
    token = browser.form_token("/sign-in")
    return browser.client.open(
        path,
        method=method,
        base_url="https://localhost",
        headers={"Referer": "https://localhost/", "X-CSRFToken": token, **headers},
    )


def test_every_door_turns_a_stranger_away_unless_it_is_listed_as_public(house: House) -> None:
    doors = every_door(house)
    assert len({endpoint for endpoint, _, _ in doors}) > 30, "the walk has lost its way"
    open_doors = set()
    for endpoint, method, path in doors:
        for accept in ("text/html", "application/json"):
            reply = visit(house.client(), method, path, Accept=accept)
            if not is_turned_away(reply):
                open_doors.add(endpoint)
            assert reply.status_code < 500
            assert "Cleo" not in reply.text, f"{method} {path} tells a stranger who lives here"
    of_the_api = {name for name, found in ENDPOINTS.items() if found.needs is Who.ANYBODY}
    assert open_doors == PUBLIC_ENDPOINTS | of_the_api


def test_the_list_of_public_endpoints_names_only_what_exists(house: House) -> None:
    assert {rule.endpoint for rule in house.app.url_map.iter_rules()} >= PUBLIC_ENDPOINTS


def test_a_view_that_nobody_thought_about_is_closed(house: House) -> None:
    house.app.add_url_rule("/forgotten", endpoint="forgotten", view_func=lambda: "secret")

    reply = house.client().get("/forgotten")

    assert is_turned_away(reply)
    assert "secret" not in reply.text
    assert house.client("olga").get("/forgotten").text == "secret"


# strangers at the events


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_refuses_whoever_is_not_signed_in(house: House, event: str) -> None:
    room = house.home().id
    asked = {"room_id": room, "body": "hi", "client_id": "policy-0001"}
    message = house.act(send_message, house.actor("ben"), **asked, card=ActionCard(ack_required=True)).id
    args = ({**asked, "seq": 1, "after": 0, "message_id": message, "emoji": "👍", "action_id": "ack"},)
    token = house.act(sessions.open_session, house.actor("ben"), house.person("ben"))
    with house.app.test_request_context():
        row = sessions.find_session(token)
        assert row is not None
        device = row.id
        socket = LiveSocket(sid="of-ben", user_id=row.user_id, session_id=device, role=Role.MEMBER)
        house.app.extensions["homechat_live_sockets"].add(socket, at_most=1)
        assert dispatch(Sender("of-ben", "", ""), event, args)["ok"] is True
    before = everything_in(house)

    with house.app.test_request_context():
        stranger = dispatch(Sender("of-nobody", "", ""), event, args)
    house.client("ben").post(f"/me/devices/{device}/revoke")
    after_revoking = everything_in(house)
    with house.app.test_request_context():
        signed_out = dispatch(Sender("of-ben", "", ""), event, args)

    for ack in (stranger, signed_out):
        assert (ack["ok"], ack["code"]) == (False, "unauthenticated")
    assert before["messages"] == after_revoking["messages"]
    assert everything_in(house) == after_revoking


def test_there_are_events_to_be_tried() -> None:
    assert {"message:send", "message:history", "room:read", "typing:start"} <= set(EVENTS)
