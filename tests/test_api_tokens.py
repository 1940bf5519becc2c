"""API tokens: making, replacing, revoking them; what they are worth, and for how long."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import audit, clock
from homechat.accounts import api_tokens, bearers, sessions
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Door, Role
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, Invalid, NotFound, StepUpNeeded, TooMany
from homechat.household.people import change_role
from homechat.household.tokens import create_token, scopes_to_give
from homechat.messages.sidebar import conversations
from homechat.rooms.actions import create_room, start_direct
from homechat.rooms.finding import find_room
from homechat.rooms.queries import archived_rooms, may_create_room, public_rooms
from homechat.security.policy import SCOPES, RoomKind, RoomRight, Scope
from tests import secrets_used
from tests.api_client import Program, new_token
from tests.house import House


def at_page(house: House, name: str) -> Actor:
    """Return somebody on a device on which they have just shown who they are."""
    token = house.act(sessions.open_session, house.actor(name), house.person(name))
    with house.rows():
        row = sessions.find_session(token)
        assert row is not None
        return replace(house.actor(name), session_id=row.id)


def find(house: House, spelled: str) -> ApiToken | None:
    return house.act(bearers.find, spelled)


def update(house: House, table: Any, row_id: int, **values: Any) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(table).where(table.id == row_id).values(**values))


def entries(house: House, action: audit.Action) -> list[audit.AuditLog]:
    return house.act(audit.entries, action=action)


# making


def test_somebody_makes_a_token_and_it_opens_what_it_was_made_for(house: House) -> None:
    row, spelled = house.act(
        create_token, at_page(house, "ben"), name=" My  script ", scopes=["search", "messages:read"], hours=2
    )

    assert re.fullmatch(r"hc_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", spelled)
    assert (row.name, row.scopes, row.user_id, row.created_by_id) == (
        "My script",
        "messages:read search",
        house.id_of("ben"),
        house.id_of("ben"),
    )
    found = find(house, spelled)
    assert found is not None
    assert found.id == row.id
    entry = entries(house, audit.Action.API_TOKEN_CREATED)[0]
    assert (entry.subject, entry.actor_id) == (f"token:{row.id}", house.id_of("ben"))
    assert entry.detail == {
        "kind": "made",
        "scopes": "messages:read search",
        "acts_as": house.id_of("ben"),
    }


def test_of_the_secret_only_its_sha256_is_stored(house: House) -> None:
    row, spelled = new_token(house, "ben")
    _hc, prefix, secret = spelled.split("_", 2)

    assert row.prefix == prefix
    assert row.secret_digest == hashlib.sha256(secret.encode()).hexdigest()
    dump = (house.data_dir / "homechat.db").read_bytes() + (house.data_dir / "homechat.db-wal").read_bytes()
    assert prefix.encode() in dump, "guard: this is where it would be"
    assert secret.encode() not in dump


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": ["messages:read", "admin:read"]}, "scopes"),
        ({"hours": 0}, "hours"),
        ({"hours": 10**6}, "hours"),
        ({"room_ids": []}, "room_ids"),
        ({"room_ids": [999]}, "room_ids"),
        ({"room_ids": [2**70]}, "room_ids"),
        ({"scopes": ["bots:write"], "as_bot": True}, "scopes"),
    ],
)
def test_what_makes_no_token_is_named(house: House, wrong: dict[str, Any], field: str) -> None:
    asked = {"name": "Script", "scopes": ["messages:read"], **wrong}
    with pytest.raises(Invalid) as refusal:
        house.act(create_token, at_page(house, "ben"), **asked)

    assert list(refusal.value.fields) == [field]
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ApiToken)) == 0
        assert session.scalar(sa.select(User.id).where(User.username == "script")) is None


@pytest.mark.parametrize("name", ["gus", "olga"])
def test_guests_have_no_tokens(house: House, name: str) -> None:
    with pytest.raises(Forbidden):
        house.act(create_token, at_page(house, name), name="Script", scopes=["messages:read"])
    with pytest.raises(Forbidden):
        new_token(house, name)
    assert house.client(name).get("/me/tokens").status_code == 403


def test_only_the_operator_makes_tokens_for_others(house: House) -> None:
    with pytest.raises(Forbidden):
        house.act(
            create_token,
            at_page(house, "ada"),
            name="Script",
            scopes=["messages:read"],
            owner_id=house.id_of("ben"),
        )


def test_a_token_makes_no_tokens_whatever_it_may_do(house: House) -> None:
    row, _spelled = new_token(house, "ada", *Scope)
    with house.rows() as session:
        actor = bearers.actor_of(session.get_one(ApiToken, row.id), door=Door.API)
    with pytest.raises(Forbidden):
        house.act(create_token, actor, name="Script", scopes=["messages:read"])
    with pytest.raises(Forbidden):
        house.act(api_tokens.rotate, actor, row.id)


def test_who_showed_who_they_are_too_long_ago_is_asked_again(house: House) -> None:
    row, _spelled = new_token(house, "ben")
    ben = at_page(house, "ben")
    with clock.moved(timedelta(minutes=16)):
        with pytest.raises(StepUpNeeded):
            house.act(create_token, ben, name="Script", scopes=["messages:read"])
        with pytest.raises(StepUpNeeded):
            house.act(api_tokens.rotate, ben, row.id)
        house.act(api_tokens.revoke, ben, row.id)  # Closing a door needs no proof.


def test_somebody_has_a_hundred_tokens_at_most(house: House) -> None:
    with house.rows() as session, transaction():
        ben = session.scalars(sa.select(User).where(User.username == "ben")).one()
        for _number in range(100):
            api_tokens.issue(
                Actor.operator(), kind=bearers.TokenKind.MADE, name="Script", acts_as=ben, owner=ben
            )
    with pytest.raises(Conflict):
        new_token(house, "ben")
    new_token(house, "cleo")


def test_the_thirty_first_token_of_an_hour_has_to_wait_also_where_the_others_are_gone(house: House) -> None:
    ben = at_page(house, "ben")
    for _number in range(15):
        row, _spelled = house.act(create_token, ben, name="Script", scopes=["search"], as_bot=True)
        newer, _spelled = house.act(api_tokens.rotate, ben, row.id, overlap_hours=0)
        house.act(api_tokens.revoke, ben, newer.id)
    last, _spelled = new_token(house, "ben")
    for too_many in (
        partial(create_token, ben, name="Script", scopes=["search"], as_bot=True),
        partial(api_tokens.rotate, ben, last.id),
    ):
        with pytest.raises(TooMany):
            house.act(too_many)
    house.act(create_token, at_page(house, "cleo"), name="Script", scopes=["search"])
    with house.rows() as session:
        assert len(session.scalars(sa.select(User).where(User.display_name == "Script")).all()) == 15


def test_fifty_tokens_differ_in_prefix_and_secret(house: House) -> None:
    spelled = [new_token(house, "ben")[1] for _number in range(50)]

    assert len({token.split("_", 2)[1] for token in spelled}) == 50
    assert len({token.split("_", 2)[2] for token in spelled}) == 50


# bots


def test_a_token_may_act_as_a_bot_that_is_made_with_it(house: House) -> None:
    row, spelled = new_token(house, "ben", called="Haus-Lüfter 3000", as_bot=True)

    with house.rows() as session:
        bot = session.get_one(User, row.user_id)
        assert (bot.username, bot.display_name, bot.role) == ("haus_lufter_3000", "Haus-Lüfter 3000", "bot")
        assert bot.password_hash is None
    found = find(house, spelled)
    assert found is not None
    assert (found.user_id, found.created_by_id) == (bot.id, house.id_of("ben"))


@pytest.mark.parametrize("called", ["Rex", "猫", "ab", "x" * 60])
def test_a_bot_gets_a_username_that_is_nobodys_yet(house: House, called: str) -> None:
    names = []
    for _number in range(3):
        row, _spelled = new_token(house, "ben", called=called, as_bot=True)
        with house.rows() as session:
            names.append(session.get_one(User, row.user_id).username)

    assert len({*names, "rex"}) == 4
    assert all(re.fullmatch("[a-z0-9_]{3,30}", name) for name in names)


# what it is worth


def test_a_made_up_or_mangled_token_opens_nothing(house: House) -> None:
    _row, spelled = new_token(house, "ben")
    hc, prefix, secret = spelled.split("_", 2)
    for wrong in (
        "",
        "hc_",
        prefix,
        secret,
        f"{hc}_{prefix}_{secret[:-1]}",
        f"{hc}_{prefix}_{'A' * 43}",
        f"{hc}_aaaaaaaa_{secret}",
        f" {spelled}",
        f"{spelled}\n",
        spelled.upper(),
        "hc_" + "é" * 60,
    ):
        assert find(house, wrong) is None, wrong
    assert find(house, spelled) is not None


def test_a_token_ends_at_its_hour(house: House) -> None:
    _row, spelled = new_token(house, "ben", hours=2)
    with clock.moved(timedelta(hours=2, seconds=-5)):
        assert find(house, spelled) is not None
    with clock.moved(timedelta(hours=2)):
        assert find(house, spelled) is None


@pytest.mark.parametrize(
    "values", [{"standing": Standing.LOCKED}, {"standing": Standing.PENDING}, {"role": "guest"}]
)
def test_a_token_is_worth_nothing_while_its_owner_may_not_have_it(
    house: House, values: dict[str, Any]
) -> None:
    _row, mine = new_token(house, "ben")
    _row, of_bot = new_token(house, "ben", as_bot=True)

    update(house, User, house.id_of("ben"), **values)
    assert find(house, mine) is None
    assert find(house, of_bot) is None

    update(house, User, house.id_of("ben"), standing=Standing.ACTIVE, role="member")
    assert find(house, mine) is not None


def test_a_token_is_worth_nothing_while_its_bot_is_locked_or_its_owner_erased(house: House) -> None:
    row, of_bot = new_token(house, "ben", as_bot=True)
    update(house, User, row.user_id, standing=Standing.LOCKED)
    assert find(house, of_bot) is None
    update(house, User, row.user_id, standing=Standing.ACTIVE)
    assert find(house, of_bot) is not None
    update(house, User, house.id_of("ben"), erased_at=clock.now())
    assert find(house, of_bot) is None


def test_the_admin_scopes_of_a_demoted_admin_are_dead(house: House) -> None:
    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.ADMIN)
    row, _spelled = new_token(house, "ben", "admin:read", "messages:read")

    def scopes() -> frozenset[Scope]:
        with house.rows() as session:
            return bearers.scopes_now(session.get_one(ApiToken, row.id))

    assert scopes() == {Scope.ADMIN_READ, Scope.MESSAGES_READ}
    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.MEMBER)
    assert scopes() == {Scope.MESSAGES_READ}


def test_scopes_are_given_as_the_table_says() -> None:
    everyday = set(Scope) - {Scope.ADMIN_READ, Scope.ADMIN_WRITE}
    assert {
        Role.ADMIN: set(Scope),
        Role.MEMBER: everyday,
        Role.GUEST: everyday - {Scope.BOTS_WRITE},
        Role.BOT: everyday - {Scope.BOTS_WRITE},
    } == SCOPES
    assert set(scopes_to_give(Role.ADMIN, as_bot=True)) == everyday - {Scope.BOTS_WRITE}


def test_use_is_noted_with_its_address_once_a_minute(house: House) -> None:
    row, _spelled = new_token(house, "ben")

    def use(address: str) -> tuple[Any, str]:
        with house.rows() as session:
            bearers.touch(session.get_one(ApiToken, row.id), address)
        with house.rows() as session:
            now = session.get_one(ApiToken, row.id)
            return now.last_used_at, now.last_used_address

    first, address = use("192.0.2.1")
    assert address == "192.0.2.1"
    assert use("192.0.2.2") == (first, "192.0.2.1")
    with clock.moved(timedelta(seconds=61)):
        later, address = use("192.0.2.2")
    assert later > first
    assert address == "192.0.2.2"


# rooms


def test_for_a_token_that_is_bound_to_rooms_no_other_room_exists(house: House) -> None:
    garden, shed = house.room("ben", name="Garden"), house.room("ben", name="Shed")
    attic = house.room("ben", name="Attic", kind=RoomKind.PUBLIC)
    row, _spelled = new_token(house, "ben", *(SCOPES[Role.MEMBER]), room_ids=[garden])
    with house.rows() as session:
        bound = bearers.actor_of(session.get_one(ApiToken, row.id), door=Door.API)

    assert house.act(find_room, bound, garden, RoomRight.POST).room_id == garden
    for other in (shed, attic, house.home().id):
        with pytest.raises(NotFound):
            house.act(find_room, bound, other, RoomRight.SEE)
    assert house.act(public_rooms, bound) == []
    assert house.act(archived_rooms, bound) == []
    assert [line["room_id"] for line in house.act(conversations, bound)["rooms"]] == [garden]
    assert not house.act(may_create_room, bound)
    with pytest.raises(Forbidden):
        house.act(create_room, bound, name="Cellar")
    with pytest.raises(Forbidden):
        house.act(start_direct, bound, [house.id_of("cleo")])
    free = replace(bound, room_ids=None)  # Guard: without the binding all of this works.
    assert house.act(find_room, free, shed, RoomRight.SEE)
    assert len(house.act(public_rooms, free)) == 2
    house.act(create_room, free, name="Cellar")


def test_a_token_is_not_bound_to_rooms_that_its_maker_may_not_know(house: House) -> None:
    secret = house.room("cleo", name="Surprise party")
    with pytest.raises(Invalid) as hidden:
        house.act(create_token, at_page(house, "ada"), name="Script", scopes=["search"], room_ids=[secret])
    with pytest.raises(Invalid) as missing:
        house.act(create_token, at_page(house, "ada"), name="Script", scopes=["search"], room_ids=[9999])
    assert hidden.value.fields == missing.value.fields


# replacing


def test_a_successor_has_the_same_powers_and_both_work_for_a_while(house: House) -> None:
    garden = house.room("ben")
    old, old_spelled = new_token(house, "ben", "search", "messages:read", room_ids=[garden], hours=100)
    with clock.moved(timedelta(hours=1)):
        new, new_spelled = house.act(api_tokens.rotate, at_page(house, "ben"), old.id)

        assert (new.name, new.scopes, new.room_ids, new.user_id) == (
            old.name,
            old.scopes,
            old.room_ids,
            old.user_id,
        )
        assert new.expires_at - new.created_at == timedelta(hours=100)
        assert new.prefix != old.prefix
    with clock.moved(timedelta(hours=24, minutes=59)):
        assert find(house, old_spelled) is not None
        assert find(house, new_spelled) is not None
    with clock.moved(timedelta(hours=25, minutes=1)):
        assert find(house, old_spelled) is None
        assert find(house, new_spelled) is not None
    entry = entries(house, audit.Action.API_TOKEN_ROTATED)[0]
    assert (entry.subject, entry.detail) == (f"token:{old.id}", {"successor": new.id, "hours": 24})


def test_an_old_token_can_end_at_once_but_never_lives_longer_by_being_replaced(house: House) -> None:
    old, old_spelled = new_token(house, "ben")
    house.act(api_tokens.rotate, at_page(house, "ben"), old.id, overlap_hours=0)
    assert find(house, old_spelled) is None

    short, short_spelled = new_token(house, "ben", hours=2)
    house.act(api_tokens.rotate, at_page(house, "ben"), short.id, overlap_hours=168)
    with clock.moved(timedelta(hours=2)):
        assert find(house, short_spelled) is None


def test_replacing_again_and_again_leaves_two_alive_and_lengthens_no_life(house: House) -> None:
    ben = at_page(house, "ben")
    row, spelled = new_token(house, "ben", hours=100)
    spelt = [spelled]
    for _time in range(3):
        row, spelled = house.act(api_tokens.rotate, ben, row.id, overlap_hours=168)
        spelt.append(spelled)
        assert [find(house, each) is not None for each in spelt[-3:]] == [False, True, True][-len(spelt) :]
    assert [find(house, each) is not None for each in spelt] == [False, False, True, True]
    assert len(house.act(api_tokens.tokens_of, ben)) == 2
    assert len(entries(house, audit.Action.API_TOKEN_REVOKED)) == 2
    with clock.moved(timedelta(hours=100)):
        assert [find(house, each) for each in spelt] == [None] * 4


def test_what_is_not_ones_own_is_not_replaced(house: House) -> None:
    old, _spelled = new_token(house, "ben")
    for name in ("cleo", "ada"):  # An admin, too, would come to hold what acts as somebody else.
        with pytest.raises(NotFound):
            house.act(api_tokens.rotate, at_page(house, name), old.id)
    for hours in (-1, 169):
        with pytest.raises(Invalid):
            house.act(api_tokens.rotate, at_page(house, "ben"), old.id, overlap_hours=hours)
    house.act(api_tokens.rotate, at_page(house, "ben"), old.id)
    with pytest.raises(Conflict):
        house.act(api_tokens.rotate, at_page(house, "ben"), old.id)
    for wrong in (0, 999, 2**70):
        with pytest.raises(NotFound):
            house.act(api_tokens.rotate, at_page(house, "ben"), wrong)


# revoking, and seeing


def test_a_revoked_token_opens_nothing_from_that_moment(house: House) -> None:
    row, spelled = new_token(house, "ben")
    with pytest.raises(NotFound):
        house.act(api_tokens.revoke, house.actor("cleo"), row.id)
    assert find(house, spelled) is not None

    house.act(api_tokens.revoke, house.actor("ben"), row.id)

    assert find(house, spelled) is None
    assert entries(house, audit.Action.API_TOKEN_REVOKED)[0].subject == f"token:{row.id}"
    with pytest.raises(NotFound):
        house.act(api_tokens.revoke, house.actor("ben"), row.id)


def test_an_admin_sees_and_revokes_everybodys(house: House) -> None:
    row, spelled = new_token(house, "ben")
    own, _spelled = new_token(house, "ada")
    with pytest.raises(Forbidden):
        house.act(api_tokens.all_tokens, house.actor("ben"))

    seen = house.act(api_tokens.all_tokens, house.actor("ada"))
    house.act(api_tokens.revoke, house.actor("ada"), row.id)

    assert [token.id for token in seen] == [own.id, row.id]
    assert find(house, spelled) is None
    assert [token.id for token in house.act(api_tokens.tokens_of, house.actor("ada"))] == [own.id]


def test_signing_out_elsewhere_and_a_new_password_end_the_apps_and_leave_what_was_made(house: House) -> None:
    _row, made = new_token(house, "ben")
    for path, form in (
        ("/me/devices/revoke-others", {}),
        ("/me/password", {"current_password": "grey otters hum at noon", "password": "three calm herons"}),
    ):
        app = Program(house)
        assert app.sign_in("ben").status_code == 200
        assert app.get("/me").status_code == 200
        assert house.client("ben").post(path, form).status_code == 302
        assert app.get("/me").status_code == 401
    assert find(house, made) is not None


# the page


def shown_token(page: str) -> str:
    found = re.search(r'value="(hc_[^"]+)"', page)
    assert found, "no token on this page"
    secrets_used.remember(found[1])
    return found[1]


def test_the_page_shows_a_new_token_once(house: House) -> None:
    ben = house.client("ben")
    form = {"name": "Lights", "scopes": ["messages:write", "messages:read"], "hours": "0", "acts_as": "me"}

    made = ben.post("/me/tokens/new", form, form_on="/me/tokens/new")
    shown = ben.get(made.location)

    token = find(house, shown_token(shown.text))
    assert token is not None
    assert (token.scopes, token.expires_at, token.room_ids) == ("messages:read messages:write", None, None)
    assert shown.headers["Cache-Control"] == "no-store"
    again = ben.get(made.location).text
    assert "Lights" in again
    assert "Read conversations · Write messages" in again
    assert "It was shown once. If you did not copy it, replace it below" in again
    assert shown_token(shown.text).split("_", 2)[2] not in again
    with house.rows() as session:
        assert session.scalars(sa.select(ApiToken.name)).all() == ["Lights"]
    assert "It was shown once." not in ben.get("/me/tokens").text


def test_a_new_token_is_shown_to_the_sign_in_that_made_it_alone(house: House) -> None:
    phone, tablet = house.client("ben"), house.client("ben")
    made = phone.post("/me/tokens/new", {"name": "Lights", "scopes": ["messages:read"], "hours": "24"})
    assert 'value="hc_' not in tablet.get(made.location).text
    assert shown_token(phone.get(made.location).text)


def test_the_page_says_in_a_few_words_that_a_token_may_do_everything(house: House) -> None:
    new_token(house, "ben", *SCOPES[Role.MEMBER], called="All")
    page = house.client("ben").get("/me/tokens").text
    assert "All that your tokens can" in page
    assert "Read conversations" not in page
    new_token(house, "ben", *sorted(SCOPES[Role.MEMBER])[1:], called="Nearly all")
    assert "See which rooms there are" in house.client("ben").get("/me/tokens").text


def test_the_page_says_what_is_missing_and_keeps_what_was_typed(house: House) -> None:
    page = house.client("ben").post("/me/tokens/new", {"name": "Lights", "reach": "rooms"})

    assert page.status_code == 422
    assert "at least one thing" in page.text
    assert 'value="Lights"' in page.text
    assert page.text.count(" autofocus") == 1, "where one goes on"
    assert re.search(r'<input [^>]*name="scopes"[^>]* autofocus>', page.text)


def test_the_page_replaces_and_revokes(house: House) -> None:
    row, spelled = new_token(house, "ben")
    ben = house.client("ben")

    replaced = ben.post(f"/me/tokens/{row.id}/rotate", {"overlap_hours": "0"}).location
    found = shown_token(ben.get(replaced).text)
    assert "It was shown once." in ben.get(replaced).text
    assert find(house, spelled) is None
    successor = find(house, found)
    assert successor is not None
    assert "stops working at once" in ben.get("/me/tokens").text, "asked before"
    revoked = ben.post(f"/me/tokens/{successor.id}/revoke").location
    assert "Revoked. It opens nothing any more." in ben.get(revoked).text
    assert find(house, found) is None
    assert ben.post(f"/me/tokens/{successor.id}/revoke").status_code == 404


def test_the_page_of_tokens_asks_who_it_is_after_a_while(house: House) -> None:
    ben = house.client("ben")
    with house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(proved_at=None))

    reply = ben.get("/me/tokens")

    assert (reply.status_code, reply.location.partition("?")[0]) == (303, "/confirm")


def test_an_app_that_signed_in_stands_on_ones_own_page_and_is_signed_out_there(house: House) -> None:
    app = Program(house)
    assert app.sign_in("gus").status_code == 200
    gus = house.client("gus")
    with house.rows() as session:
        token_id = session.scalars(sa.select(ApiToken.id)).one()
    assert f"/me/tokens/{token_id}/revoke" in gus.get("/me").text
    assert "/me/devices/revoke-others" in gus.get("/me").text, "all others, be they apps"

    assert gus.post(f"/me/tokens/{token_id}/revoke").location == "/me?saved=device"

    assert app.get("/me").status_code == 401
    assert f"/me/tokens/{token_id}/revoke" not in gus.get("/me").text
    assert "/me/devices/revoke-others" not in gus.get("/me").text


# the shell


def test_the_shell_makes_lists_replaces_and_revokes_tokens(house: House) -> None:
    shell = house.app.test_cli_runner()

    def run(*words: str) -> Any:
        result = shell.invoke(args=["token", *words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    made = run(
        "create", "ben", "--name", "Lights", "--scope", "search", "--scope", "users:read", "--hours", "5"
    )
    assert find(house, made["token"]) is not None
    assert (made["owner"], made["scopes"]) == ("ben", ["search", "users:read"])
    listed = run("list")
    assert [row["id"] for row in listed] == [made["id"]]
    assert "token" not in listed[0]
    new = run("rotate", str(made["id"]), "--overlap-hours", "0")
    assert find(house, made["token"]) is None
    assert find(house, new["token"]) is not None
    assert run("revoke", str(new["id"])) == {"id": new["id"], "revoked": True}
    assert find(house, new["token"]) is None
    assert run("list") == []
    entry = entries(house, audit.Action.API_TOKEN_REVOKED)[0]
    assert (entry.door, entry.actor_id) == ("cli", None)


def test_the_shell_prints_the_bare_token_for_scripts_and_refuses_in_a_sentence(house: House) -> None:
    shell = house.app.test_cli_runner()
    made = shell.invoke(args=["token", "create", "ben", "--name", "Lights", "--scope", "search"])
    assert find(house, made.stdout.strip()) is not None

    for words, sentence in (
        (["create", "gus", "--name", "x", "--scope", "search"], "Tokens are for people of the house."),
        (["create", "nora", "--name", "x", "--scope", "search"], "nobody called nora"),
        (["create", "ben", "--name", "x", "--scope", "admin:read"], "admin:read"),
        (["revoke", "999"], "There is no such token."),
    ):
        refused = shell.invoke(args=["token", *words])
        assert refused.exit_code == 1
        assert sentence in refused.output
        assert "Traceback" not in refused.output
