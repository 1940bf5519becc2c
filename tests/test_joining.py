"""Joining with and without an invitation, waiting at the door, and being let in or turned away."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from socketio.exceptions import ConnectionError as RefusedError

from homechat import settings
from homechat.accounts import sessions
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.queries import person_named
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Role
from homechat.audit import Action, entries
from homechat.database import transaction
from homechat.errors import Forbidden, NotFound
from homechat.household.invitations import invite as make_invitation
from homechat.household.joining import WAITING_MAX, approve, how_many_wait, newcomers, refuse_newcomer
from homechat.household.models import Newcomer
from homechat.household.people import change_role, lock_person
from homechat.rooms.models import Membership
from homechat.security.policy import RoomKind
from tests.api_client import Program
from tests.attempts import everything_in, somebody_waiting
from tests.conftest import close
from tests.house import PASSWORD, House
from tests.server_process import prepare_house
from tests.talkers import Talker
from tests.test_accounts import is_signed_in
from tests.test_household import NORA, invite, join, rooms_of
from tests.test_two_factor import finish, shown_at

BY_INVITATION = "You need an invitation to move in here."


def allow(house: House, *, open_to_all: bool = False, wait: bool = False) -> None:
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, open_to_all)
    house.act(settings.change, Actor.operator(), settings.NEWCOMERS_WAIT, wait)


def sign_up(house: House, **form: str) -> Any:
    return house.client().post("/join", {**NORA, **form}, form_on="/sign-in")


def sign_in(house: House, name: str, password: str = PASSWORD) -> Any:
    return house.client().post("/sign-in", {"username": name, "password": password}, form_on="/sign-in")


def sessions_of(house: House, name: str) -> int:
    with house.rows() as session:
        query = sa.select(sa.func.count(LoginSession.id)).where(LoginSession.user_id == house.id_of(name))
        return int(session.scalar(query))


# without an invitation


def test_a_closed_house_says_that_it_takes_an_invitation(house: House) -> None:
    before = everything_in(house)

    page, sent = house.client().get("/join"), sign_up(house)

    for reply in (page, sent):
        assert reply.status_code == 403
        assert BY_INVITATION in reply.text
    assert "<form" not in page.text
    assert 'href="/join"' not in house.client().get("/sign-in").text
    assert everything_in(house) == before


def test_in_an_open_house_anybody_joins_as_a_member(house: House) -> None:
    allow(house, open_to_all=True)
    browser = house.client()
    assert 'href="/join"' in browser.get("/sign-in").text

    reply = browser.post("/join", {**NORA, "role": "admin", "standing": "active"}, form_on="/join")

    assert (reply.status_code, reply.location) == (302, "/")
    assert browser.get("/rooms").status_code == 200
    nora = house.person("nora")
    assert (nora.role, nora.standing) == ("member", "active")
    assert rooms_of(house, "nora") == ["home"]


def test_a_house_that_is_closed_again_lets_nobody_in_who_has_the_page_open(house: House) -> None:
    allow(house, open_to_all=True)
    late = house.client()
    token = late.form_token("/join")
    allow(house)

    reply = late.post("/join", {**NORA, "csrf_token": token}, form_on="/sign-in")

    assert reply.status_code == 403
    assert house.act(person_named, "nora") is None


def test_nobody_joins_a_house_that_is_not_founded_whatever_its_settings_say(tmp_path: Any) -> None:
    prepare_house(tmp_path / "data")
    empty = House(tmp_path / "data")
    allow(empty, open_to_all=True)

    assert empty.client().get("/join").status_code == 403
    assert sign_up(empty).status_code == 403
    assert Program(empty).get("/server_info").json["sign_up_open"] is False, "no door may promise it"

    with empty.rows() as session:
        assert session.scalars(sa.select(User.id)).all() == []
    close(empty)


def test_a_slip_keeps_what_was_typed_and_says_why(house: House) -> None:
    allow(house, open_to_all=True)
    reply = sign_up(house, username="ben")
    assert reply.status_code == 409
    assert "That name is taken. Try another one." in reply.text
    assert 'value="Nora"' in reply.text


def test_signing_up_is_limited_per_address_together_with_invitations(house: House) -> None:
    strict = House(house.data_dir, sign_up_limit="5/minute")
    allow(strict, open_to_all=True)
    link = invite(strict.client("ada"), max_uses=9)
    replies = [sign_up(strict, username="no") for _ in range(3)]
    replies += [join(strict, link, username="no") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [422] * 5 + [429]
    close(strict)


# where the house wants a second step


@pytest.mark.parametrize(
    ("wanted", "role", "is_asked"),
    [("admins", "admin", True), ("admins", "member", False), ("everybody", "guest", True)],
)
def test_newcomers_of_whom_a_second_step_is_wanted_set_it_up_first(
    house: House, wanted: str, role: str, is_asked: bool
) -> None:
    link = invite(house.client("ada"), role=role)
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, wanted)
    browser = house.client()

    reply = browser.post(link, NORA, form_on=link)

    assert reply.location == ("/sign-in/set-up" if is_asked else "/")
    assert is_signed_in(browser) is not is_asked
    assert sessions_of(house, "nora") == (0 if is_asked else 1)
    if is_asked:
        shown = shown_at(browser, "/sign-in/set-up")
        assert finish(browser, "/sign-in/set-up", shown).status_code == 200
        assert is_signed_in(browser)


def test_a_program_does_not_get_round_a_second_step_by_joining(house: House) -> None:
    allow(house, open_to_all=True)
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "everybody")
    new = {"username": "nora", "password": PASSWORD, "password_confirmation": PASSWORD}

    reply = Program(house).post("/signup", new)

    assert (reply.status_code, "token" in reply.json) == (202, False)
    assert "Sign in once in a browser to set it up." in reply.json["message"]
    assert house.person("nora").standing == Standing.ACTIVE
    with house.rows() as session:
        assert session.scalars(sa.select(ApiToken.id)).all() == []


# waiting


@pytest.mark.parametrize("way", ["with an invitation", "as an admin", "without one"])
def test_who_waits_has_no_session_no_token_and_no_room(house: House, way: str) -> None:
    allow(house, open_to_all=True, wait=True)
    role = "admin" if way == "as an admin" else "member"
    link = "/join" if way == "without one" else invite(house.client("ada"), role=role)
    browser = house.client()

    reply = browser.post(link, NORA, form_on=link)

    assert (reply.status_code, reply.location) == (302, "/waiting")
    assert not [header for header in reply.headers.getlist("Set-Cookie") if "form" not in header]
    page = browser.get("/waiting")
    assert page.status_code == 200
    assert "has to let you in" in page.text
    assert browser.get("/").status_code == 302
    assert house.person("nora").standing == Standing.PENDING
    assert rooms_of(house, "nora") == []
    with house.rows() as session:
        assert session.scalars(sa.select(ApiToken.id)).all() == []
    assert sessions_of(house, "nora") == 0
    assert sign_in(house, "nora").status_code != 302
    assert sessions_of(house, "nora") == 0
    for path in ("/people", "/"):
        assert "Nora" not in house.client("ben").get(path).text


def test_even_a_session_that_somebody_came_by_opens_nothing_while_they_wait(house: House) -> None:
    somebody_waiting(house)
    browser = house.client("nora")  # Puts the cookie of a new session there, as no door does.
    assert browser.get("/me").status_code == 302
    house.act(approve, house.actor("ada"), house.id_of("nora"))
    assert browser.get("/me").status_code == 200


def test_the_page_says_beforehand_that_there_is_a_wait(house: House) -> None:
    allow(house, open_to_all=True)
    assert "lets you in after that" not in house.client().get("/join").text
    allow(house, open_to_all=True, wait=True)
    assert "lets you in after that" in house.client().get("/join").text
    link = invite(house.client("ada"))
    assert "lets you in after that" in house.client().get(link).text


def test_who_waits_is_added_to_no_room_and_written_to_by_nobody(house: House) -> None:
    nora = somebody_waiting(house)
    room = house.room("ada")
    assert house.client("ada").post(f"/rooms/{room}/members", {"user_id": nora}).status_code == 404
    assert house.client("ada").post("/direct", {"user_id": nora}).status_code == 404


def test_strangers_cannot_take_every_name_but_the_invited_still_come(house: House) -> None:
    allow(house, open_to_all=True, wait=True)
    new = {"role": "member", "standing": "pending", "password_hash": None, "color": 0, "theme": "system"}
    with house.rows() as session, transaction():
        for number in range(WAITING_MAX):
            name = f"crowd_{number}"
            user = User(username=name, display_name=name, **new)
            session.add(user)
            session.flush()
            session.add(Newcomer(user_id=user.id))

    assert sign_up(house).status_code == 409
    link = invite(house.client("ada"))
    assert join(house, link).location == "/waiting"
    assert house.act(how_many_wait) == WAITING_MAX + 1


# the queue


def test_an_admin_lets_somebody_in_with_the_rooms_of_their_invitation(house: House) -> None:
    allow(house, wait=True)
    kitchen = house.room("cleo", name="Kitchen", kind=RoomKind.PUBLIC)
    secret = house.room("ada", name="Secret")
    link = invite(house.client("ada"), room_ids=[kitchen, secret], note="for Nora")
    join(house, link)
    ada = house.client("ada")
    page = html.unescape(ada.get("/invites").text)
    assert "At the door" in page
    assert re.search(r"Invited by Ada\s*: <q dir=\"auto\">for Nora</q>", page)
    assert "1 person waits to be let in" in ada.get("/").text.split("<nav")[1]

    reply = ada.post(f"/newcomers/{house.id_of('nora')}/approve")

    assert reply.location == "/invites?done=approved"
    assert "Let in." in ada.get(reply.location).text
    assert "At the door" not in ada.get("/invites").text
    assert "to be let in" not in ada.get("/").text.split("<nav")[1]
    assert rooms_of(house, "nora") == ["home", "Kitchen", "Secret"]
    assert sign_in(house, "nora").location == "/"
    (row,) = house.act(entries, action=Action.PERSON_APPROVED)
    assert (row.actor_id, row.subject) == (house.id_of("ada"), f"user:{house.id_of('nora')}")


def test_somebody_turned_away_is_gone_and_their_name_is_free(house: House) -> None:
    allow(house, open_to_all=True, wait=True)
    sign_up(house)
    nora = house.id_of("nora")

    reply = house.client("ada").post(f"/newcomers/{nora}/refuse")

    assert reply.location == "/invites?done=refused"
    assert house.act(person_named, "nora") is None
    assert sign_in(house, "nora").status_code == 401
    assert sign_in(house, f"-{nora}").status_code == 401
    with house.rows() as session:
        row = session.get_one(User, nora)
        assert (row.display_name, row.password_hash, row.is_welcome) == (f"-{nora}", None, False)
        assert session.scalars(sa.select(Newcomer.user_id)).all() == []
    (entry,) = house.act(entries, action=Action.PERSON_REFUSED)
    assert (entry.subject, entry.detail) == (f"user:{nora}", {})
    assert sign_up(house).location == "/waiting"
    assert house.id_of("nora") != nora


def test_each_answer_is_given_once(house: House) -> None:
    ada, nora, otto = house.client("ada"), somebody_waiting(house), somebody_waiting(house, "otto")
    ada.post(f"/newcomers/{nora}/approve")
    ada.post(f"/newcomers/{otto}/refuse")
    before = everything_in(house)
    for number in (nora, otto, house.id_of("ben"), 999_999, 2**63, 0):
        for answer in ("approve", "refuse"):
            assert ada.post(f"/newcomers/{number}/{answer}").status_code == 404
    assert everything_in(house) == before


@pytest.mark.parametrize("name", ["ben", "gus"])
def test_only_admins_see_who_waits_and_answer(house: House, name: str) -> None:
    house.act(settings.change, Actor.operator(), settings.MEMBERS_INVITE, True)
    nora = somebody_waiting(house)
    browser = house.client(name)
    before = everything_in(house)

    assert browser.post(f"/newcomers/{nora}/approve").status_code == 403
    assert browser.post(f"/newcomers/{nora}/refuse").status_code == 403
    assert browser.post("/newcomers/999999/approve").status_code == 403, "and learn nothing by trying"
    with pytest.raises(Forbidden):
        house.act(newcomers, house.actor(name))

    for path in ("/invites", "/"):
        assert not re.search("Nora|newcomer-badge>", browser.get(path).text)
    assert everything_in(house) == before


def test_the_operator_answers_too(house: House) -> None:
    nora, otto = somebody_waiting(house), somebody_waiting(house, "otto")
    assert [row.user_id for row in house.act(newcomers, Actor.operator())] == [nora, otto]
    house.act(approve, Actor.operator(), nora)
    house.act(refuse_newcomer, Actor.operator(), otto)
    assert house.person("nora").standing == Standing.ACTIVE
    with pytest.raises(NotFound):
        house.act(approve, Actor.operator(), otto)


def test_a_role_given_to_who_waits_brings_them_nowhere_yet(house: House) -> None:
    nora = somebody_waiting(house)
    house.act(change_role, house.actor("ada"), nora, Role.ADMIN)
    assert rooms_of(house, "nora") == []
    house.act(approve, house.actor("ada"), nora)
    assert rooms_of(house, "nora") == ["home"]


def test_rooms_of_an_inviter_who_was_locked_meanwhile_stay_closed(house: House) -> None:
    allow(house, wait=True)
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)
    secret = house.room("cleo", name="Secret")
    join(house, invite(house.client("cleo"), room_ids=secret))
    house.act(lock_person, house.actor("ada"), house.id_of("cleo"))

    house.act(approve, house.actor("ada"), house.id_of("nora"))

    assert rooms_of(house, "nora") == ["home"]


# invitations: who came, and once more


def test_the_list_says_who_came_with_an_invitation_and_who_was_turned_away_is_not_there(house: House) -> None:
    link = invite(house.client("ada"), max_uses=3)
    join(house, link)
    allow(house, wait=True)
    join(house, link, username="otto", display_name="Otto")
    join(house, link, username="pia", display_name="Pia")
    house.act(refuse_newcomer, house.actor("ada"), house.id_of("pia"))

    page = house.client("ada").get("/invites").text

    came = re.search(r"Came with it:(.*)</p>", page)
    assert came is not None
    assert re.findall(r"<bdi>([^<]+)</bdi>", came[1]) == ["Nora", "Otto, who waits"]


def test_one_more_like_an_earlier_invitation_is_a_tap(house: House) -> None:
    kitchen = house.room("cleo", name="Kitchen", kind=RoomKind.PUBLIC)
    ada = house.client("ada")
    lost = invite(ada, role="guest", room_ids=kitchen, hours=24, max_uses=4, note="for Nora")
    (again,) = re.findall(r'action="(/invites/\d+/again)"', ada.get("/invites").text)

    page = ada.post(again).text

    (link,) = re.findall(r'value="http://localhost(/join/[\w-]+)"', page)
    assert link != lost
    assert house.client().get(lost).status_code == 200, "the earlier one stays as it is"
    join(house, link)
    assert (house.person("nora").role, rooms_of(house, "nora")) == ("guest", ["Kitchen"])
    newest, _earlier = re.findall(r"\d of \d moved in", ada.get("/invites").text)
    assert newest == "1 of 4 moved in"


def test_one_more_leads_into_no_room_that_its_maker_may_not_open(house: House) -> None:
    house.act(settings.change, Actor.operator(), settings.MEMBERS_INVITE, True)
    secret = house.room("ben", name="Secret")
    row, _token = house.act(make_invitation, house.actor("ben"), role=Role.GUEST, room_ids=[secret])

    page = house.client("ada").post(f"/invites/{row.id}/again").text
    (link,) = re.findall(r'value="http://localhost(/join/[\w-]+)"', page)
    join(house, link)

    assert rooms_of(house, "nora") == []
    assert house.client("cleo").post(f"/invites/{row.id}/again").status_code == 404
    assert house.client("gus").post(f"/invites/{row.id}/again").status_code == 404


# live


@pytest.mark.sockets
def test_admins_hear_at_once_how_many_wait_and_nobody_else_does(
    talker: Callable[..., Talker], shared_house: House
) -> None:
    house = shared_house
    allow(house, open_to_all=True, wait=True)
    ada, ben = talker("ada"), talker("ben")
    stranger = Talker(ada.url, "vera")
    assert ada.hear("newcomer:waiting") == {"count": 0}
    form = {"username": "vera", "display_name": "Vera", "password": PASSWORD}
    assert stranger.post("/join", form, form_on="/join").headers["Location"] == "/waiting"

    ada.hear("newcomer:waiting", lambda news: news["count"] == 1)
    later = talker("ada")
    assert later.hear("newcomer:waiting") == {"count": 1}, "who was away is told when they come"

    ada.forget()
    ada.post(f"/newcomers/{house.id_of('vera')}/approve")
    ada.hear("newcomer:waiting", lambda news: news["count"] == 0)
    stranger.sign_in().connect()
    room = house.home().id
    ada.say(room, "Hello Vera", "welcome-vera")
    stranger.hear("message:posted", lambda message: message["body"] == "Hello Vera")
    ben.hear("message:posted", lambda message: message["body"] == "Hello Vera")
    stranger.close()
    assert ben.heard("newcomer:waiting") == []
    assert stranger.heard("newcomer:waiting") == []
    allow(house)


@pytest.mark.sockets
def test_who_waits_gets_no_socket(talker: Callable[..., Talker], shared_house: House) -> None:
    somebody_waiting(shared_house, "wanda")
    allow(shared_house)
    wanda = talker("ben", connect=False)
    token = shared_house.act(sessions.open_session, shared_house.actor("wanda"), shared_house.person("wanda"))
    wanda.cookies = {shared_house.settings.session_cookie_name: token}
    with pytest.raises(RefusedError):
        wanda.connect()
    with shared_house.rows() as session:
        assert not session.scalars(
            sa.select(Membership.id).where(Membership.user_id == shared_house.id_of("wanda"))
        ).all()
