"""Invitations into the house, joining it, and who runs it."""

from __future__ import annotations

import html
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock, settings
from homechat.accounts.models import Standing, User
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Forbidden, NotFound
from homechat.household import invitations
from homechat.household.invitations import INVITATIONS_KEPT_IN_SIGHT
from homechat.household.models import Invitation
from homechat.household.people import change_role
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind
from homechat.security.tokens import digest_of
from homechat.serving import front
from tests.house import PASSWORD, Browser, House
from tests.test_step_up import LATER

SPENT = "This invitation is used up or too old. Ask for a new one."
NORA = {"username": "nora", "display_name": "Nora", "password": PASSWORD}


def invite(browser: Browser, **form: Any) -> str:
    """Make an invitation by its form and return the path of its link."""
    reply = browser.post("/invites", {"role": "member", **form})
    assert reply.status_code == 200, reply.text
    (link,) = re.findall(r'value="http://localhost(/join/[\w-]+)"', reply.text)
    return str(link)


def join(house: House, link: str, **form: str) -> Any:
    return house.client().post(link, {**NORA, **form}, form_on=link)


def is_open(house: House, link: str) -> bool:
    """Whether a link still lets somebody in."""
    reply = house.client().get(link)
    if reply.status_code == 200:
        return True
    assert reply.status_code == 404
    assert SPENT in reply.text
    return False


def rooms_of(house: House, name: str) -> list[str]:
    with house.rows() as session:
        query = sa.select(Room.name).join(Membership, Membership.room_id == Room.id)
        return list(session.scalars(query.where(Membership.user_id == house.id_of(name)).order_by(Room.id)))


def names(house: House) -> list[str]:
    with house.rows() as session:
        return list(session.scalars(sa.select(User.username).order_by(User.id)))


def states(browser: Browser) -> list[str]:
    """Return what the list of invitations says of each, the newest first."""
    return re.findall(r'<span class="tag tag--(\w+)">', browser.get("/invites").text)


def members_invite(house: House, *, allowed: bool) -> None:
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_INVITE, allowed)


# the link


def test_a_link_lets_a_new_member_in_and_signs_them_in(house: House) -> None:
    link = invite(house.client("ada"), note="Come in, Nora!")
    browser = house.client()
    page = browser.get(link)

    reply = browser.post(link, NORA, form_on=link)

    assert "Ada invites you into the house" in page.text
    assert "Come in, Nora!" in page.text
    assert (reply.status_code, reply.location) == (302, "/")
    assert "home" in browser.get("/").text
    nora = house.person("nora")
    assert (nora.display_name, nora.role, nora.standing) == ("Nora", "member", "active")
    assert rooms_of(house, "nora") == ["home"]


def test_the_link_is_shown_once_and_only_its_digest_is_kept(house: House) -> None:
    ada = house.client("ada")

    link = invite(ada)

    token = link.removeprefix("/join/")
    assert len(token) == 43  # 256 bits
    assert token not in ada.get("/invites").text
    with house.rows() as session:
        assert session.scalars(sa.select(Invitation.token_digest)).all() == [digest_of(token)]
    assert token.encode() not in b"".join(file.read_bytes() for file in house.data_dir.glob("homechat.db*"))


def test_the_list_says_who_is_expected_and_how_it_stands(house: House) -> None:
    ada = house.client("ada")
    kitchen = house.room("cleo", name="Kitchen", kind=RoomKind.PUBLIC)
    used = invite(ada, note="for Nora", role="guest", room_ids=kitchen)
    join(house, used)
    invite(ada, note="for the neighbours", hours=1, max_uses=5)
    revoked = invite(ada, note="a mistake")
    (revoke, _) = re.findall(r'action="(/invites/\d+/revoke)"', ada.get("/invites").text)
    ada.post(revoke)
    with clock.moved(timedelta(hours=2)):
        assert states(ada) == ["revoked", "expired", "used"]
    assert states(ada) == ["revoked", "open", "used"]
    page = html.unescape(ada.get("/invites").text)
    assert "1 of 1 moved in" in page
    assert "0 of 5 moved in" in page
    assert "from Ada · <bdi>Kitchen</bdi>" in page
    assert not is_open(house, revoked)


def test_an_invitation_does_not_tell_the_names_of_private_rooms(house: House) -> None:
    room_id = house.room("ada", "ben", name="Surprise party")
    link = invite(house.client("ada"), room_ids=room_id)
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)

    assert "Surprise" not in house.client("cleo").get("/invites").text
    assert "Surprise" not in house.client().get(link).text
    join(house, link)
    assert rooms_of(house, "nora") == ["home", "Surprise party"]


def test_the_link_leads_to_the_public_address(house: House) -> None:
    below = House(house.data_dir, public_url="https://house.example/chat")
    front.install(below.app, below.settings)
    browser = below.client()
    form = {"username": "ada", "password": PASSWORD}
    browser.post("/chat/sign-in", form, form_on="/chat/sign-in")
    page = browser.post("/chat/invites", {"role": "member"}, form_on="/chat/me").text
    assert re.search(r'value="https://house\.example/chat/join/[\w-]{43}"', page)


def test_the_form_tells_the_browser_the_same_limits(house: House) -> None:
    page = house.client("ada").get("/invites").text
    assert re.search(r'name="max_uses"[^>]* max="50"', page)
    assert re.search(r'name="note"[^>]* maxlength="100"', page)


# how long and how often


@pytest.mark.parametrize("hours", [1, 72, 720])
def test_an_invitation_ends_when_its_time_is_over(house: House, hours: int) -> None:
    link = invite(house.client("ada"), hours=hours)
    late = house.client()
    token = late.form_token(link)

    with clock.moved(timedelta(hours=hours, minutes=-1)):
        assert is_open(house, link)
    with clock.moved(timedelta(hours=hours, seconds=5)):
        assert not is_open(house, link)
        reply = late.post(link, {**NORA, "csrf_token": token}, form_on="/sign-in")
    assert reply.status_code == 404
    assert "nora" not in names(house)


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("hours", "0", "An invitation lasts from 1 hour to 30 days."),
        ("hours", "721", "An invitation lasts from 1 hour to 30 days."),
        ("hours", "-5", "An invitation lasts from 1 hour to 30 days."),
        ("hours", "soon", "Type a number."),
        ("max_uses", "0", "An invitation works for 1 to 50 people."),
        ("max_uses", "51", "An invitation works for 1 to 50 people."),
        ("max_uses", "many", "Type a number."),
        ("note", "x" * 101, "Keep it to 100 characters."),
        ("role", "bot", "Choose one of the roles."),
        ("role", "king", "Choose one of the roles."),
    ],
)
def test_an_invitation_that_does_not_do_is_not_made(
    house: House, field: str, typed: str, sentence: str
) -> None:
    form = {"role": "member", "hours": "24", "max_uses": "3", "note": "Hello", field: typed}

    reply = house.client("ada").post("/invites", form)

    assert reply.status_code == 422
    assert f'id="{field}-error">{sentence}' in html.unescape(reply.text)
    if field != "note":
        assert 'value="Hello"' in reply.text, "what was typed stays"
    with house.rows() as session:
        assert session.scalars(sa.select(Invitation.id)).all() == []


def test_an_invitation_works_as_often_as_it_says(house: House) -> None:
    link = invite(house.client("ada"), max_uses=2)
    late = house.client()
    token = late.form_token(link)

    assert join(house, link, username="nora").status_code == 302
    assert is_open(house, link)
    assert join(house, link, username="otto").status_code == 302

    assert not is_open(house, link)
    third = late.post(link, {**NORA, "username": "third", "csrf_token": token}, form_on="/sign-in")
    assert third.status_code == 404
    assert names(house)[-2:] == ["nora", "otto"]


def test_two_who_take_the_last_use_at_once_do_not_both_get_in(house: House) -> None:
    link = invite(house.client("ada"))
    count = 6
    browsers = [house.client() for _ in range(count)]
    tokens = [browser.form_token(link) for browser in browsers]
    barrier = threading.Barrier(count)
    statuses: list[int] = []

    def take(number: int) -> None:
        form = {**NORA, "username": f"kid_{number}", "csrf_token": tokens[number]}
        barrier.wait()
        headers = {"Referer": "https://localhost/"}
        reply = browsers[number].client.post(link, data=form, base_url="https://localhost", headers=headers)
        statuses.append(reply.status_code)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [302, *[404] * (count - 1)]
    assert len([name for name in names(house) if name.startswith("kid_")]) == 1


def test_a_slip_while_joining_costs_no_use(house: House) -> None:
    link = invite(house.client("ada"))
    assert join(house, link, password="short").status_code == 422
    assert join(house, link, username="ben").status_code == 409
    assert join(house, link).status_code == 302


# taking back


def test_an_invitation_that_was_taken_back_lets_nobody_in(house: House) -> None:
    ada = house.client("ada")
    link = invite(ada)
    late = house.client()
    token = late.form_token(link)
    (revoke,) = re.findall(r'action="(/invites/\d+/revoke)"', ada.get("/invites").text)

    assert ada.post(revoke).location == "/invites"

    assert not is_open(house, link)
    assert late.post(link, {**NORA, "csrf_token": token}, form_on="/sign-in").status_code == 404
    assert "nora" not in names(house)
    assert ada.post(revoke).status_code == 302, "once more is no harm"


@pytest.mark.parametrize("number", ["999999", "0", str(2**63), "9" * 40])
def test_an_invitation_that_does_not_exist_is_not_found(house: House, number: str) -> None:
    assert house.client("ada").post(f"/invites/{number}/revoke").status_code == 404


@pytest.mark.parametrize("token", ["guess", "ä" * 20, "x" * 3000])
def test_a_wrong_link_is_not_here(house: House, token: str) -> None:
    invite(house.client("ada"))
    assert not is_open(house, f"/join/{token}")


# who invites


@pytest.mark.parametrize("name", ["ben", "gus", "olga"])
def test_only_admins_invite_unless_the_house_says_otherwise(house: House, name: str) -> None:
    browser = house.client(name)
    page, sent = browser.get("/invites"), browser.post("/invites", {"role": "member"})
    assert (page.status_code, sent.status_code) == (403, 403)
    assert 'href="/invites"' not in browser.get("/").text
    with house.rows() as session:
        assert session.scalars(sa.select(Invitation.id)).all() == []


def test_members_invite_members_and_guests_while_the_house_lets_them(house: House) -> None:
    members_invite(house, allowed=True)
    ben = house.client("ben")

    assert "Invite people" in ben.get("/").text, "the page's button, as an admin has it"
    assert 'class="sidebar__way" href="/invites"' in ben.get("/people").text
    link = invite(ben)
    invite(ben, role="guest")
    admin = ben.post("/invites", {"role": "admin"})

    assert admin.status_code == 403
    assert "Only an admin can invite another admin." in admin.text
    assert 'value="admin"' not in ben.get("/invites").text
    assert join(house, link).status_code == 302
    assert house.client("gus").get("/invites").status_code == 403


def test_an_admin_invites_an_admin(house: House) -> None:
    join(house, invite(house.client("ada"), role="admin"))
    assert house.person("nora").role == "admin"


@pytest.mark.parametrize("way", ["anew", "one more"])
def test_an_admin_shows_who_they_are_before_they_invite_another(house: House, way: str) -> None:
    ada = house.client("ada")
    invite(ada, role="admin")
    (again,) = re.findall(r'action="(/invites/\d+)/revoke"', ada.get("/invites").text)
    path, form = ("/invites", {"role": "admin"}) if way == "anew" else (f"{again}/again", {})

    with clock.moved(LATER):
        reply = ada.post(path, form)
        invite(ada)

    assert reply.status_code == 403
    assert "Is it still you" in reply.text
    assert f'name="then" value="{path}"' in reply.text
    with house.rows() as session:
        assert [row.role for row in session.scalars(sa.select(Invitation))] == ["admin", "member"]


def test_a_member_manages_their_own_invitations_and_an_admin_all(house: House) -> None:
    members_invite(house, allowed=True)
    bens, adas = invite(house.client("ben")), invite(house.client("ada"))
    of_ben = re.findall(r'action="(/invites/\d+/revoke)"', house.client("ben").get("/invites").text)
    of_ada = re.findall(r'action="(/invites/\d+/revoke)"', house.client("ada").get("/invites").text)
    assert len(of_ben) == 1
    assert len(of_ada) == 2
    (not_bens,) = set(of_ada) - set(of_ben)

    assert house.client("ben").post(not_bens).status_code == 404
    assert is_open(house, adas)
    assert house.client("ada").post(of_ben[0]).status_code == 302
    assert not is_open(house, bens)


def test_of_invitations_that_are_over_the_newest_hundred_are_shown_and_of_the_others_all(
    house: House,
) -> None:
    act, ada = house.act, house.actor("ada")
    oldest = act(invitations.invite, ada, role=Role.MEMBER, hours=48, note="Still open")[0].id
    with house.rows() as session, transaction():
        for number in range(INVITATIONS_KEPT_IN_SIGHT + 1):
            over = clock.now() - timedelta(days=1)
            session.add(
                Invitation(
                    token_digest=f"{number}", role=Role.MEMBER, expires_at=over, created_by_id=ada.user_id
                )
            )

    shown = [row.id for row in act(invitations.invitations_for, ada)]

    assert shown[-1] == oldest
    assert len(shown) == 1 + INVITATIONS_KEPT_IN_SIGHT
    assert act(invitations.invitations_for, house.actor("ben")) == []


def test_an_invitation_ends_with_the_right_to_make_it(house: House) -> None:
    members_invite(house, allowed=True)
    by_member = invite(house.client("ben"))
    by_cleo = invite(house.client("cleo"))
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)
    for_admin = invite(house.client("cleo"), role="admin")
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.MEMBER)
    assert is_open(house, by_member)
    assert is_open(house, by_cleo)
    assert not is_open(house, for_admin), "a demoted admin must not come back in by a link kept in store"

    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "cleo").values(standing=Standing.LOCKED))
    assert not is_open(house, by_cleo)
    members_invite(house, allowed=False)
    assert not is_open(house, by_member)
    assert join_status(house, by_member) == join_status(house, for_admin) == 404


def join_status(house: House, link: str) -> int:
    """Send the form of a page that was opened while the link still worked."""
    return int(house.client().post(link, NORA, form_on="/sign-in").status_code)


# which rooms


def test_a_guest_is_only_where_they_were_invited(house: House) -> None:
    kitchen = house.room("cleo", name="Kitchen", kind=RoomKind.PUBLIC)
    homework = house.room("ada", name="Homework")
    house.room("ada", name="Other")

    join(house, invite(house.client("ada"), role="guest", room_ids=[kitchen, homework]))
    join(house, invite(house.client("ada"), role="guest"), username="otto")

    assert rooms_of(house, "nora") == ["Kitchen", "Homework"]
    assert rooms_of(house, "otto") == []
    assert house.client("nora").get(f"/rooms/{house.home().id}").status_code == 404


def test_a_member_is_at_home_and_where_they_were_invited(house: House) -> None:
    home = house.home().id
    homework = house.room("ada", name="Homework")
    join(house, invite(house.client("ada"), room_ids=[homework, home, homework]))
    assert rooms_of(house, "nora") == ["home", "Homework"]


def test_nobody_invites_into_a_room_they_may_not_open(house: House) -> None:
    members_invite(house, allowed=True)
    hidden = house.room("cleo", name="Hidden")
    archived = house.room("ben", "ada", name="Archived")
    house.client("ben").post(f"/rooms/{archived}/archive")
    direct = house.direct("ada", "ben")
    for name in ("ada", "ben"):
        for room_id in (hidden, archived, direct, 999_999):
            reply = house.client(name).post("/invites", {"role": "guest", "room_ids": room_id})
            assert reply.status_code == 404
            assert "There is no such room." in reply.text
        assert "Hidden" not in house.client(name).get("/invites").text
    with house.rows() as session:
        assert session.scalars(sa.select(Invitation.id)).all() == []


def test_where_only_owners_add_people_a_member_does_not_invite_into_it(house: House) -> None:
    members_invite(house, allowed=True)
    room_id = house.room("cleo", "ben", name="Club", owners_add_only=True)
    assert house.client("ben").post("/invites", {"role": "guest", "room_ids": room_id}).status_code == 403
    assert house.client("cleo").post("/invites", {"role": "guest", "room_ids": room_id}).status_code == 200


def test_a_room_that_the_inviter_left_or_that_was_archived_stays_closed(house: House) -> None:
    left = house.room("cleo", "ada", name="Left")
    archived = house.room("ada", name="Archived")
    kept = house.room("ada", name="Kept")
    link = invite(house.client("ada"), role="guest", room_ids=[left, archived, kept])
    house.client("ada").post(f"/rooms/{left}/leave")
    house.client("ada").post(f"/rooms/{archived}/archive")

    join(house, link)

    assert rooms_of(house, "nora") == ["Kept"]


# joining


@pytest.mark.parametrize(
    ("field", "typed", "status", "sentence"),
    [
        ("username", "no", 422, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("username", "x" * 31, 422, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("username", "nora m", 422, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("username", "nöra", 422, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("username", "", 422, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("username", "ben", 409, "That name is taken. Try another one."),
        ("username", " BEN ", 409, "That name is taken. Try another one."),
        ("display_name", "x" * 41, 422, "Keep the name to 40 characters."),
        ("password", "", 422, "Use at least 8 characters."),
        ("password", "nora2026", 422, "That password is too close to a name that others know."),
        ("password", "password1", 422, "That password is one of the first that others would try."),
    ],
)
def test_a_field_that_does_not_do_says_why_and_keeps_what_was_typed(
    house: House, field: str, typed: str, status: int, sentence: str
) -> None:
    link = invite(house.client("ada"))
    form = {**NORA, field: typed}

    reply = join(house, link, **{field: typed})

    page = html.unescape(reply.text)
    assert reply.status_code == status
    assert re.search(rf'id="{field}-error">{re.escape(sentence)}', page), page
    assert f'id="display_name" name="display_name" type="text" value="{form["display_name"]}"' in page
    assert f'id="username" name="username" type="text" value="{form["username"]}"' in page
    assert f'value="{PASSWORD}"' not in page
    assert "nora" not in names(house)


def test_every_wrong_field_is_named_at_once(house: House) -> None:
    link = invite(house.client("ada"))
    page = join(house, link, username="!", display_name="x" * 41, password="x").text
    assert re.findall(r'id="(\w+)-error"', page) == ["display_name", "username", "password"]


def test_without_a_display_name_the_sign_in_name_shows(house: House) -> None:
    join(house, invite(house.client("ada")), username="Nora_7", display_name=" ")
    assert (house.person("nora_7").username, house.person("nora_7").display_name) == ("nora_7", "nora_7")


def test_nobody_chooses_their_own_role(house: House) -> None:
    join(house, invite(house.client("ada"), role="guest"), role="admin", standing="active", is_admin="1")
    assert house.person("nora").role == "guest"


def test_joining_is_limited_per_address(house: House) -> None:
    strict = House(house.data_dir, sign_up_limit="5/minute")
    link = invite(strict.client("ada"), max_uses=9)
    replies = [join(strict, link, username="no") for _ in range(6)]
    assert [reply.status_code for reply in replies] == [422] * 5 + [429]
    assert 1 <= int(replies[-1].headers["Retry-After"]) <= 60


# who runs the house


@pytest.mark.parametrize("role", [Role.MEMBER, Role.GUEST])
@pytest.mark.parametrize("spare", ["none", "locked"])
def test_the_last_admin_stays_one(house: House, role: Role, spare: str) -> None:
    if spare == "locked":
        with house.rows() as session, transaction():
            locked = {"role": "admin", "standing": Standing.LOCKED}
            session.execute(sa.update(User).where(User.username == "cleo").values(**locked))

    with pytest.raises(Forbidden, match="Somebody has to run the house: this is its last admin"):
        house.act(change_role, Actor.operator(), house.id_of("ada"), role)

    assert house.person("ada").role == "admin"


def test_an_admin_goes_once_there_is_another(house: House) -> None:
    house.act(change_role, Actor.operator(), house.id_of("ben"), Role.ADMIN)
    house.act(change_role, Actor.operator(), house.id_of("ada"), Role.MEMBER)
    assert (house.person("ada").role, house.person("ben").role) == ("member", "admin")


@pytest.mark.parametrize("name", ["ada", "ben", "gus"])
def test_nobody_raises_their_own_role(house: House, name: str) -> None:
    with pytest.raises(Forbidden):
        house.act(change_role, house.actor(name), house.id_of(name), Role.ADMIN)


@pytest.mark.parametrize("name", ["ben", "gus"])
def test_only_an_admin_changes_somebody_elses_role(house: House, name: str) -> None:
    with pytest.raises(Forbidden):
        house.act(change_role, house.actor(name), house.id_of("cleo"), Role.GUEST)
    assert house.person("cleo").role == "member"
    house.act(change_role, house.actor("ada"), house.id_of("cleo"), Role.GUEST)
    assert house.person("cleo").role == "guest"


def test_a_role_of_nobody_is_not_changed(house: House) -> None:
    with pytest.raises(NotFound, match="There is nobody like that here"):
        house.act(change_role, Actor.operator(), 999_999, Role.ADMIN)


def test_a_guest_who_becomes_a_member_comes_home(house: House) -> None:
    assert rooms_of(house, "olga") == []
    house.act(change_role, Actor.operator(), house.id_of("olga"), Role.MEMBER)
    assert rooms_of(house, "olga") == ["home"]
