"""Rooms: making them, finding them, who gets in, who stays outside, and what each of them sees."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import settings
from homechat.accounts.models import Standing, User
from homechat.api.endpoints import ENDPOINTS
from homechat.database import transaction
from homechat.errors import TooMany
from homechat.messages.sidebar import sidebar
from homechat.rooms.membership import join_room, leave_room
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind
from tests.attempts import everything_in
from tests.house import CAST, Browser, House

PUBLIC, PRIVATE = RoomKind.PUBLIC, RoomKind.PRIVATE
NO_SUCH_ROOM = "There is no such conversation, or you are not in it."


def create(browser: Browser, name: str, **form: Any) -> Any:
    return browser.post("/rooms/new", {"name": name, **form}, form_on="/me")


def new_room(browser: Browser, name: str, **form: Any) -> int:
    """Make a room by its form and return its id."""
    reply = create(browser, name, **form)
    assert reply.status_code == 302, reply.text
    return int(reply.location.removeprefix("/rooms/"))


def room_row(house: House, room_id: int) -> Room:
    with house.rows() as session:
        return session.get_one(Room, room_id)


def members(house: House, room_id: int) -> dict[str, str]:
    """Return the names of those in a room, with their role there, in the order they came."""
    query = (
        sa.select(User.username, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == room_id)
        .order_by(Membership.id)
    )
    with house.rows() as session:
        return {name: role for name, role in session.execute(query)}


def conversations(browser: Browser) -> dict[int, dict[str, Any]]:
    """Return the list of conversations as our pages get it, by room."""
    return {line["room_id"]: line for line in browser.get("/sidebar").json["rooms"]}


def texts(reply: Any) -> list[str]:
    assert reply.status_code == 200
    return [message["body"] for message in reply.json["messages"]]


def words_of(reply: Any) -> str:
    return html.unescape(reply.text)


# making a room


def test_whoever_makes_a_room_owns_it_and_the_others_are_in_it(house: House) -> None:
    ben = house.client("ben")

    form = {"description": " Seeds  and\nsoil ", "kind": "private", "member_ids": house.id_of("cleo")}
    room_id = new_room(ben, "  The   Garden ", **form)

    assert members(house, room_id) == {"ben": "owner", "cleo": "member"}
    room = room_row(house, room_id)
    assert (room.name, room.description, room.kind) == ("The Garden", "Seeds and soil", "private")
    assert "The Garden" in ben.get(f"/rooms/{room_id}").text
    assert conversations(house.client("cleo"))[room_id]["name"] == "The Garden"


def test_a_room_is_public_unless_it_is_said_to_be_private(house: House) -> None:
    assert room_row(house, new_room(house.client("ben"), "Open")).kind == "public"


@pytest.mark.parametrize("kind", ["privat", "direct", "PRIVATE", "home"])
def test_a_kind_of_room_that_does_not_exist_makes_no_room(house: House, kind: str) -> None:
    reply = create(house.client("ben"), "Typo", kind=kind)
    assert reply.status_code == 422
    with house.rows() as session:
        assert session.scalars(sa.select(Room.name)).all() == ["home"]


def test_naming_oneself_or_somebody_twice_makes_no_difference(house: House) -> None:
    ben, cleo = house.id_of("ben"), house.id_of("cleo")
    room_id = new_room(house.client("ben"), "Twice", kind="private", member_ids=[ben, cleo, cleo])
    assert members(house, room_id) == {"ben": "owner", "cleo": "member"}


@pytest.mark.parametrize("name", ["ab", "x" * 50, "家庭", "Café 🎈"])
def test_names_of_2_to_50_characters_will_do(house: House, name: str) -> None:
    assert room_row(house, new_room(house.client("ben"), name)).name == name


@pytest.mark.parametrize("name", ["", "a", " a ", "x" * 51, "\u202e\u200f", "\n\t "])
def test_other_names_are_refused_and_what_was_typed_stays(house: House, name: str) -> None:
    reply = create(
        house.client("ben"),
        name,
        description="What it is for",
        member_ids=house.id_of("cleo"),
        kind="private",
    )
    page = words_of(reply)

    assert reply.status_code == 422
    assert 'id="name-error">A room\'s name has 2 to 50 characters.' in page
    assert 'value="What it is for"' in page
    assert re.search(rf'name="member_ids" value="{house.id_of("cleo")}" checked', page)
    assert re.search(r'name="kind" value="private"\s+checked', page)
    with house.rows() as session:
        assert session.scalars(sa.select(Room.name)).all() == ["home"]


def test_a_long_description_is_refused(house: House) -> None:
    reply = create(house.client("ben"), "Garden", description="x" * 201)
    assert reply.status_code == 422
    assert "Keep it to 200 characters." in reply.text


@pytest.mark.parametrize("spelling", ["Kitchen", "KITCHEN", " kitchen ", "\uff2bitchen"])
def test_a_public_name_is_taken_whatever_its_case(house: House, spelling: str) -> None:
    new_room(house.client("ben"), "Kitchen")

    reply = create(house.client("cleo"), spelling)

    assert reply.status_code == 409
    assert 'id="name-error">There is already a room of that name.' in reply.text


def test_the_name_of_a_private_room_is_never_taken(house: House) -> None:
    hidden = new_room(house.client("ben"), "Surprise", kind="private")

    public = new_room(house.client("cleo"), "Surprise")
    second = new_room(house.client("ada"), "surprise", kind="private")

    assert len({hidden, public, second}) == 3


def test_renaming_obeys_the_same_rule(house: House) -> None:
    ben = house.client("ben")
    new_room(ben, "Kitchen")
    public, private = new_room(ben, "Cellar"), new_room(ben, "Attic", kind="private")

    refused = ben.post(f"/rooms/{public}/details", {"name": "kitchen", "description": "Jam"})
    allowed = ben.post(f"/rooms/{private}/details", {"name": "kitchen", "description": "Boxes"})
    itself = ben.post(f"/rooms/{public}/details", {"name": "CELLAR", "description": ""})

    assert refused.status_code == 409
    assert 'id="name-error">There is already a room of that name.' in refused.text
    assert 'value="Jam"' in refused.text, "what was typed stays"
    assert (allowed.status_code, itself.status_code) == (302, 302)
    assert (room_row(house, public).name, room_row(house, private).description) == ("CELLAR", "Boxes")


@pytest.mark.parametrize("name", ["", "a", "x" * 51])
def test_a_room_keeps_its_name_when_the_new_one_will_not_do(house: House, name: str) -> None:
    room_id = house.room("ben", name="Garden")
    reply = house.client("ben").post(f"/rooms/{room_id}/details", {"name": name, "description": "new"})
    assert reply.status_code == 422
    assert (room_row(house, room_id).name, room_row(house, room_id).description) == ("Garden", "")


def test_members_make_rooms_only_while_the_house_lets_them(house: House) -> None:
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_CREATE_ROOMS, False)

    reply = create(house.client("ben"), "Den")

    assert reply.status_code == 403
    assert "You can't make rooms here. Ask whoever runs the house." in words_of(reply)
    assert house.client("ben").get("/rooms/new").status_code == 403
    assert "/rooms/new" not in house.client("ben").get("/rooms").text
    assert "/rooms/new" in house.client("ada").get("/rooms").text
    new_room(house.client("ada"), "Den")
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_CREATE_ROOMS, True)
    new_room(house.client("ben"), "Shed")


@pytest.mark.parametrize("kind", ["public", "private"])
def test_guests_make_no_rooms(house: House, kind: str) -> None:
    reply = create(house.client("gus"), "Mine", kind=kind)
    assert reply.status_code == 403
    assert house.client("gus").get("/rooms/new").status_code == 403


# finding, joining, leaving


def test_the_house_browses_public_rooms_and_sees_which_it_is_in(house: House) -> None:
    kitchen = house.room("cleo", name="Kitchen", kind=PUBLIC)
    house.room("cleo", name="Diary")
    house.room("ben", "cleo", name="Garage")

    page = house.client("ben").get("/rooms").text

    assert f'action="/rooms/{kitchen}/join"' in page
    assert f'<a href="/rooms/{house.home().id}">home</a>' in page
    assert "Diary" not in page
    listed = re.findall(r'<p class="line__title" dir="auto">(?:<a[^>]*>)?([^<]+)', page)
    assert listed == ["home", "Kitchen"]


def test_joining_and_leaving_twice_is_the_same_as_once(house: House) -> None:
    room_id = house.room("cleo", name="Kitchen", kind=PUBLIC)
    ben = house.client("ben")
    for _ in range(2):
        assert ben.post(f"/rooms/{room_id}/join").location == f"/rooms/{room_id}"
        assert members(house, room_id) == {"cleo": "owner", "ben": "member"}
    for _ in range(2):
        assert ben.post(f"/rooms/{room_id}/leave").location == "/"
        assert members(house, room_id) == {"cleo": "owner"}
    assert ben.post(f"/rooms/{room_id}/join").status_code == 302


def test_a_public_room_is_read_after_joining_and_then_from_its_beginning(house: House) -> None:
    room_id = house.room("cleo", name="Kitchen", kind=PUBLIC)
    house.say("cleo", room_id, "There is soup.")
    ben = house.client("ben")

    doorstep = ben.get(f"/rooms/{room_id}")
    refused = ben.get(f"/rooms/{room_id}/messages", headers={"Accept": "application/json"})

    assert (doorstep.status_code, refused.status_code) == (200, 403)
    assert "There is soup." not in doorstep.text
    assert f'action="/rooms/{room_id}/join"' in doorstep.text
    assert refused.json["error"] == "Join this room first."
    assert room_id not in conversations(ben)
    ben.post(f"/rooms/{room_id}/join")
    assert texts(ben.get(f"/rooms/{room_id}/messages")) == ["There is soup."]
    assert conversations(ben)[room_id]["unread"] == 0, "what was said before they came is not unread"


def test_before_joining_one_sees_who_is_in_a_public_room(house: House) -> None:
    room_id = house.room("cleo", name="Kitchen", kind=PUBLIC)
    page = house.client("ben").get(f"/rooms/{room_id}/details").text
    assert "Cleo" in page
    assert house.client("gus").get(f"/rooms/{room_id}/details").status_code == 404
    assert "1 person" in house.client("ben").get(f"/rooms/{room_id}").text


@pytest.mark.parametrize("name", ["ada", "ben"])
def test_nobody_of_the_house_leaves_home(house: House, name: str) -> None:
    home = house.home().id
    browser = house.client(name)

    reply = browser.post(f"/rooms/{home}/leave")

    assert reply.status_code == 409
    assert f'action="/rooms/{home}/leave"' not in browser.get(f"/rooms/{home}/details").text
    assert name in members(house, home)


@pytest.mark.parametrize("taken", ["ben", "ada"])
def test_nobody_of_the_house_is_taken_out_of_home_but_a_guest_is(house: House, taken: str) -> None:
    home = house.home().id
    ada = house.client("ada")
    assert ada.post(f"/rooms/{home}/members/{house.id_of(taken)}/remove").status_code == 409
    assert ada.post(f"/rooms/{home}/members/{house.id_of('gus')}/remove").status_code == 302
    assert list(members(house, home)) == ["ada", "ben", "cleo"]


def test_home_is_never_archived(house: House) -> None:
    home = house.home().id
    reply = house.client("ada").post(f"/rooms/{home}/archive")
    assert reply.status_code == 403
    assert not house.home().is_archived


def test_a_guest_may_leave_home(house: House) -> None:
    home = house.home().id
    assert house.client("gus").post(f"/rooms/{home}/leave").status_code == 302
    assert "gus" not in members(house, home)


# archiving


def test_an_archived_room_is_read_and_left_but_not_changed(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Camp", kind=PUBLIC)
    house.say("cleo", room_id, "The last song")
    ben, cleo = house.client("ben"), house.client("cleo")

    assert ben.post(f"/rooms/{room_id}/archive").location == "/"

    before = everything_in(house)
    for path, form in (
        (f"/rooms/{room_id}/messages", {"body": "one more", "client_id": "archived-1"}),
        (f"/rooms/{room_id}/details", {"name": "Camp 2", "description": ""}),
        (f"/rooms/{room_id}/members", {"user_id": house.id_of("gus")}),
        (f"/rooms/{room_id}/members/{house.id_of('cleo')}/remove", {}),
        (f"/rooms/{room_id}/archive", {}),
    ):
        reply = ben.post(path, form)
        assert reply.status_code == 403, path
        assert "This room is archived. You can read it, but not change it." in words_of(reply)
    assert house.client("ada").post(f"/rooms/{room_id}/join").status_code == 403
    assert everything_in(house)["messages"] == before["messages"]
    assert everything_in(house)["memberships"] == before["memberships"]
    assert texts(cleo.get(f"/rooms/{room_id}/messages")) == ["The last song"]
    page = cleo.get(f"/rooms/{room_id}").text
    assert "This room is archived." in page
    assert "<textarea" not in page
    assert room_id not in conversations(cleo)
    assert "Camp" not in house.client("ada").get("/rooms").text
    assert cleo.post(f"/rooms/{room_id}/leave").status_code == 302


def archived_rooms_on_page(browser: Browser) -> list[str]:
    _public, _, archived = browser.get("/rooms").text.partition('id="archived-title"')
    return re.findall(r'<p class="line__title" dir="auto"><a href="/rooms/\d+">([^<]+)', archived)


def test_an_archived_room_is_found_by_those_who_are_in_it(house: House) -> None:
    camp = house.room("ben", "cleo", name="Camp", kind=PUBLIC)
    diary = house.room("cleo", "ben", name="Diary")
    house.room("cleo", "ben", name="In use")
    house.client("ben").post(f"/rooms/{camp}/archive")
    house.client("cleo").post(f"/rooms/{diary}/archive")
    cleo = house.client("cleo")

    assert archived_rooms_on_page(cleo) == ["Camp", "Diary"]
    assert f'<a href="/rooms/{camp}">Camp</a>' in cleo.get("/rooms").text
    assert cleo.get(f"/rooms/{camp}").status_code == 200
    assert archived_rooms_on_page(house.client("ada")) == []
    cleo.post(f"/rooms/{camp}/leave")
    assert archived_rooms_on_page(cleo) == ["Diary"]


def test_a_house_without_archived_rooms_does_not_speak_of_them(house: House) -> None:
    house.room("ben", name="In use")
    assert "Archived" not in house.client("ben").get("/rooms").text


def test_archiving_frees_the_name(house: House) -> None:
    room_id = house.room("ben", name="Camp", kind=PUBLIC)
    house.client("ben").post(f"/rooms/{room_id}/archive")

    again = new_room(house.client("cleo"), "camp")

    assert room_row(house, again).name == "camp"
    assert room_row(house, room_id).name == "Camp"


def test_the_last_one_out_archives_the_room(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Camp", kind=PUBLIC)
    house.client("ben").post(f"/rooms/{room_id}/leave")
    assert not room_row(house, room_id).is_archived

    house.client("cleo").post(f"/rooms/{room_id}/leave")

    assert room_row(house, room_id).is_archived
    new_room(house.client("ben"), "Camp")


# owners


def test_the_longest_standing_member_inherits_from_the_last_owner(house: House) -> None:
    room_id = house.room("ben", name="Club")
    house.add("ben", room_id, "gus")
    house.add("ben", room_id, "cleo")
    house.add("ben", room_id, "ada")

    house.client("ben").post(f"/rooms/{room_id}/leave")

    assert members(house, room_id) == {"gus": "member", "cleo": "owner", "ada": "member"}
    assert house.client("cleo").post(f"/rooms/{room_id}/archive").status_code == 302


def test_nobody_inherits_while_there_is_another_owner(house: House) -> None:
    room_id = house.room("ben", "cleo", "ada", name="Club")
    make_owner(house, room_id, "ada")
    house.client("ben").post(f"/rooms/{room_id}/leave")
    assert members(house, room_id) == {"cleo": "member", "ada": "owner"}


def test_removing_the_last_owner_passes_the_room_on_too(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Club", kind=PUBLIC)
    house.client("ada").post(f"/rooms/{room_id}/members/{house.id_of('ben')}/remove")
    assert members(house, room_id) == {"cleo": "owner"}


def make_owner(house: House, room_id: int, name: str, *, by: str = "ben") -> Any:
    return house.client(by).post(f"/rooms/{room_id}/members/{house.id_of(name)}/owner")


def may_make_owner(house: House, room_id: int, *, by: str) -> set[str]:
    """Return whom the page of a room lets somebody name an owner."""
    page = house.client(by).get(f"/rooms/{room_id}/details").text
    names = {f'action="/rooms/{room_id}/members/{house.id_of(name)}/owner"': name for name in CAST}
    return {name for form, name in names.items() if form in page}


def test_an_owner_names_another_one_who_then_leads_the_room_too(house: House) -> None:
    room_id = house.room("ben", "cleo", "ada", "gus", name="Club")
    assert may_make_owner(house, room_id, by="ben") == {"cleo", "ada"}, "guests lead nothing"
    assert house.client("cleo").post(f"/rooms/{room_id}/archive").status_code == 403

    reply = make_owner(house, room_id, "cleo")

    assert (reply.status_code, reply.location) == (302, f"/rooms/{room_id}/details")
    assert members(house, room_id) == {"ben": "owner", "cleo": "owner", "ada": "member", "gus": "member"}
    assert may_make_owner(house, room_id, by="cleo") == {"ada"}
    assert house.client("cleo").post(f"/rooms/{room_id}/archive").status_code == 302


def test_only_those_who_lead_a_room_name_owners(house: House) -> None:
    private = house.room("ben", "cleo", "ada", name="Club")
    public = house.room("ben", "cleo", "ada", name="Kitchen", kind=PUBLIC)
    for by, room_id in (("cleo", private), ("cleo", public), ("ada", private)):
        assert make_owner(house, room_id, "cleo", by=by).status_code == 403
        assert may_make_owner(house, room_id, by=by) == set()
    assert make_owner(house, house.home().id, "cleo", by="ada").status_code == 403
    assert make_owner(house, house.direct("ben", "cleo"), "cleo").status_code == 403
    assert set(members(house, public).values()) == {"owner", "member"}

    assert make_owner(house, public, "cleo", by="ada").status_code == 302
    assert members(house, public)["cleo"] == "owner"


def test_only_those_in_a_room_who_belong_to_the_house_come_to_own_it(house: House) -> None:
    room_id = house.room("ben", "gus", name="Club")

    for name, status in (("gus", 409), ("cleo", 404)):
        assert make_owner(house, room_id, name).status_code == status
    nobody = house.client("ben").post(f"/rooms/{room_id}/members/999999/owner")

    assert nobody.status_code == 404
    assert members(house, room_id) == {"ben": "owner", "gus": "member"}


# adding and removing


def test_any_member_adds_people_to_a_private_room(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Club")

    reply = house.client("cleo").post(f"/rooms/{room_id}/members", {"user_id": [house.id_of("ada")]})

    assert reply.location == f"/rooms/{room_id}/details"
    assert members(house, room_id) == {"ben": "owner", "cleo": "member", "ada": "member"}


def test_adding_somebody_again_leaves_them_as_they_are(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Club")
    house.client("cleo").post(f"/rooms/{room_id}/members", {"user_id": [house.id_of("ben")]})
    assert members(house, room_id) == {"ben": "owner", "cleo": "member"}


def test_where_only_owners_add_people_a_member_does_not(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Club", owners_add_only=True)
    form = {"user_id": house.id_of("ada")}

    refused = house.client("cleo").post(f"/rooms/{room_id}/members", form)

    assert refused.status_code == 403
    assert (
        f'action="/rooms/{room_id}/members"' not in house.client("cleo").get(f"/rooms/{room_id}/details").text
    )
    assert house.client("ben").post(f"/rooms/{room_id}/members", form).status_code == 302


def test_whoever_makes_a_private_room_says_who_adds_people_to_it(house: House) -> None:
    ben = house.client("ben")
    form = {"kind": "private", "member_ids": house.id_of("cleo")}
    strict = new_room(ben, "Strict", who_adds="owners", **form)
    easy = new_room(ben, "Easy", who_adds="everyone", **form)
    public = new_room(ben, "Open", kind="public", who_adds="owners")

    assert [room_row(house, room).owners_add_only for room in (strict, easy, public)] == [True, False, False]
    ada = {"user_id": house.id_of("ada")}
    assert house.client("cleo").post(f"/rooms/{strict}/members", ada).status_code == 403
    assert house.client("cleo").post(f"/rooms/{easy}/members", ada).status_code == 302


def test_who_adds_people_can_be_changed_by_owners(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Club")
    path, form = f"/rooms/{room_id}/details", {"name": "Club", "description": ""}
    ben, cleo = house.client("ben"), house.client("cleo")
    assert 'name="who_adds"' not in cleo.get(path).text

    assert cleo.post(path, {**form, "who_adds": "owners"}).status_code == 403
    assert ben.post(path, {**form, "who_adds": "owners"}).status_code == 302

    assert room_row(house, room_id).owners_add_only
    assert re.search(r'name="who_adds" value="owners"\s+checked', ben.get(path).text)
    assert f'action="/rooms/{room_id}/members"' not in cleo.get(path).text
    ben.post(path, form)
    assert room_row(house, room_id).owners_add_only, "a form that does not say leaves it as it is"
    ben.post(path, {**form, "who_adds": "everyone"})
    assert not room_row(house, room_id).owners_add_only


def test_in_a_public_room_everyone_who_is_in_it_adds_people(house: House) -> None:
    room_id = house.room("ben", "cleo", name="Kitchen", kind=PUBLIC)
    path = f"/rooms/{room_id}/details"
    assert 'name="who_adds"' not in house.client("ben").get(path).text
    house.client("ben").post(path, {"name": "Kitchen", "description": "", "who_adds": "owners"})
    assert not room_row(house, room_id).owners_add_only


def test_a_slip_about_who_adds_people_changes_nothing(house: House) -> None:
    room_id = house.room("ben", name="Club")
    form = {"name": "New name", "description": "", "who_adds": "nobody"}
    reply = house.client("ben").post(f"/rooms/{room_id}/details", form)
    assert reply.status_code == 422
    assert 'id="who_adds-error">Choose who may add people.' in reply.text
    assert room_row(house, room_id).name == "Club"
    assert create(house.client("ben"), "Den", kind="private", who_adds="nobody").status_code == 422


def test_an_admin_from_outside_adds_nobody_not_even_themselves(house: House) -> None:
    ada = house.client("ada")
    private = house.room("ben", name="Club")
    public = house.room("ben", name="Kitchen", kind=PUBLIC)
    for form in ({"user_id": house.id_of("ada")}, {"user_id": house.id_of("cleo")}):
        assert ada.post(f"/rooms/{private}/members", form).status_code == 404
        assert ada.post(f"/rooms/{public}/members", form).status_code == 403
    assert members(house, private) == members(house, public) == {"ben": "owner"}


@pytest.mark.parametrize("who", ["locked", "waiting", "nobody"])
def test_people_who_are_not_welcome_are_not_added(house: House, who: str) -> None:
    room_id = house.room("ben", name="Club")
    if who in ("locked", "waiting"):
        standing = Standing.LOCKED if who == "locked" else Standing.PENDING
        with house.rows() as session, transaction():
            session.execute(sa.update(User).where(User.username == "ada").values(standing=standing))
    user_id = 999_999 if who == "nobody" else house.id_of("ada")

    reply = house.client("ben").post(f"/rooms/{room_id}/members", {"user_id": [house.id_of("cleo"), user_id]})

    assert reply.status_code == 404
    assert members(house, room_id) == {"ben": "owner"}, "all or nobody"


def test_owners_remove_people_and_members_do_not(house: House) -> None:
    room_id = house.room("ben", "cleo", "gus", name="Club")
    remove_gus = f"/rooms/{room_id}/members/{house.id_of('gus')}/remove"

    assert house.client("cleo").post(remove_gus).status_code == 403
    assert "gus" in members(house, room_id)
    assert house.client("ben").post(remove_gus).location == f"/rooms/{room_id}/details"
    assert "gus" not in members(house, room_id)
    assert house.client("ben").post(remove_gus).status_code == 404
    assert house.client("gus").get(f"/rooms/{room_id}").status_code == 404


def test_an_admin_removes_people_from_public_rooms_only(house: House) -> None:
    public = house.room("ben", "cleo", name="Kitchen", kind=PUBLIC)
    private = house.room("ben", "cleo", "ada", name="Club")
    ada, cleo = house.client("ada"), house.id_of("cleo")
    assert ada.post(f"/rooms/{public}/members/{cleo}/remove").status_code == 302
    assert ada.post(f"/rooms/{private}/members/{cleo}/remove").status_code == 403
    assert "cleo" not in members(house, public)
    assert "cleo" in members(house, private)


# what is not to be known


@pytest.mark.parametrize("who", ["ada", "cleo", "gus", "olga"])
def test_a_private_room_of_others_is_not_found_at_any_address(house: House, who: str) -> None:
    room_id = house.room("ben", name="Secret plans")
    house.say("ben", room_id, "the canary sings")
    direct = house.direct("ben", "cleo" if who != "cleo" else "ada")
    house.say("ben", direct, "the canary sings")
    browser = house.client(who)
    token = browser.form_token("/me")
    # Cookies open nothing at the API; tests/test_api_channels.py asks the same there.
    rules = house.app.url_map.iter_rules()
    doors = [it for it in rules if "room_id" in it.arguments and it.endpoint not in ENDPOINTS]
    assert len(doors) > 10, "the walk has lost its way"
    before = everything_in(house)
    for rule in doors:
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            replies = []
            for room in (room_id, direct, 999_999):
                values = {"room_id": room, "user_id": house.id_of("ben")}
                built = rule.build({name: values[name] for name in rule.arguments})
                assert built
                reply = browser.client.open(
                    built[1],
                    method=method,
                    base_url="https://localhost",
                    headers={"Referer": "https://localhost/", "Accept": "application/json"},
                    data={"csrf_token": token, "body": "x", "client_id": "outsider", "name": "new name"},
                )
                assert reply.status_code == 404, f"{method} {built[1]}"
                replies.append(reply.json if method != "HEAD" else None)
            assert replies[0] == replies[1] == replies[2]
    assert everything_in(house) == before
    for path in ("/", "/people", "/me", "/sidebar", "/rooms", "/rooms/new", "/invites"):
        page = browser.get(path).text
        assert "Secret plans" not in page
        assert "canary" not in page


def test_the_page_of_a_room_of_others_says_nothing_but_not_here(house: House) -> None:
    reply = house.client("ada").get(f"/rooms/{house.room('ben', name='Secret plans')}")
    assert reply.status_code == 404
    assert NO_SUCH_ROOM in reply.text
    assert "Secret" not in reply.text


# guests


def test_the_thirty_first_join_of_a_minute_waits(house: House) -> None:
    room = house.room("ada", name="In and out", kind=RoomKind.PUBLIC)
    ben = house.actor("ben")
    for _ in range(30):
        house.act(join_room, ben, room)
        house.act(leave_room, ben, room)

    with pytest.raises(TooMany) as refusal:
        house.act(join_room, ben, room)

    assert 1 <= refusal.value.retry_after <= 60
    assert house.act(join_room, house.actor("cleo"), room).id == room, "and nobody else does"


def test_a_guest_neither_browses_nor_joins(house: House) -> None:
    room_id = house.room("ben", name="Kitchen", kind=PUBLIC)
    gus = house.client("gus")

    assert gus.get("/rooms").status_code == 403
    assert gus.get(f"/rooms/{room_id}").status_code == 404
    assert gus.post(f"/rooms/{room_id}/join").status_code == 404
    assert 'href="/rooms"' not in gus.get("/").text
    assert members(house, room_id) == {"ben": "owner"}


def test_a_guest_reads_and_writes_where_they_were_let_in(house: House) -> None:
    room_id = house.room("ben", "gus", name="Homework")
    house.say("ben", room_id, "Page 12")
    gus = house.client("gus")
    assert texts(gus.get(f"/rooms/{room_id}/messages")) == ["Page 12"]
    reply = gus.post(f"/rooms/{room_id}/messages", {"body": "Done", "client_id": "gus-00001"})
    assert reply.status_code == 302
    assert set(conversations(gus)) == {house.home().id, room_id}


def test_a_guest_who_founded_nothing_adds_and_removes_nobody_even_as_the_last_owner(house: House) -> None:
    room_id = house.room("ben", "gus", "olga", name="Club")
    house.client("ben").post(f"/rooms/{room_id}/leave")
    gus = house.client("gus")
    assert members(house, room_id)["gus"] == "owner"
    for path, form in (
        ("members", {"user_id": house.id_of("ben")}),
        (f"members/{house.id_of('olga')}/remove", {}),
        ("archive", {}),
        ("details", {"name": "Mine", "description": ""}),
    ):
        assert gus.post(f"/rooms/{room_id}/{path}", form).status_code == 403


def names_on_people_page(browser: Browser) -> list[str]:
    page = browser.get("/people").text
    return list(dict.fromkeys(re.findall(r'class="person__name" dir="auto">([^<]+)', page)))


def test_a_guest_knows_only_whom_they_share_a_room_with(house: House) -> None:
    assert names_on_people_page(house.client("olga")) == []
    assert names_on_people_page(house.client("gus")) == ["Ada", "Ben", "Cleo"]

    house.room("ben", "olga", "gus", name="Tea")

    assert names_on_people_page(house.client("olga")) == ["Ben", "Gus"]
    assert names_on_people_page(house.client("gus")) == ["Ada", "Ben", "Cleo", "Olga"]


def test_a_guest_starts_conversations_only_with_those_they_know(house: House) -> None:
    gus, olga = house.client("gus"), house.client("olga")
    for browser, name in ((gus, "olga"), (olga, "gus"), (olga, "ben"), (olga, "ada"), (gus, "rex")):
        known = browser.post("/direct", {"user_id": house.id_of(name)})
        unknown = browser.post("/direct", {"user_id": 999_999})
        assert known.status_code == unknown.status_code == 404
        assert sentence_of(known) == sentence_of(unknown)
    assert gus.post("/direct", {"user_id": house.id_of("ben")}).status_code == 302
    assert gus.post("/direct", {"user_id": [house.id_of("ben"), house.id_of("olga")]}).status_code == 404


def test_a_guests_acquaintance_ends_with_the_last_room_they_share(house: House) -> None:
    room_id = house.room("ben", "olga", name="Tea")
    house.client("ben").post(f"/rooms/{room_id}/leave")
    assert house.client("olga").post("/direct", {"user_id": house.id_of("ben")}).status_code == 404


def test_a_member_writes_to_a_guest_or_a_bot_only_when_they_share_a_room(house: House) -> None:
    ben = house.client("ben")
    assert "Olga" not in names_on_people_page(ben)
    for name in ("olga", "rex"):
        refused = ben.post("/direct", {"user_id": house.id_of(name)})
        assert refused.status_code == 403
        assert sentence_of(refused) == "You can write to a guest or a bot once you share a room."
    assert ben.post("/direct", {"user_id": house.id_of("gus")}).status_code == 302
    assert house.client("ada").post("/direct", {"user_id": house.id_of("olga")}).status_code == 302
    house.room("ben", "olga", name="Tea")
    assert "Olga" in names_on_people_page(ben)
    assert ben.post("/direct", {"user_id": house.id_of("olga")}).status_code == 302


def sentence_of(reply: Any) -> str:
    found = re.search(r'class="doorstep__words">([^<]+)', reply.text)
    assert found, reply.text
    return found[1]


# from their arrival on


@pytest.fixture
def diary(house: House) -> int:
    """A private room in which newcomers see what comes after them; Cleo came between the two messages."""
    form = {"kind": "private", "newcomers_see": "from_arrival"}
    room_id = new_room(house.client("ben"), "Diary", **form)
    house.say("ben", room_id, "before she came")
    house.add("ben", room_id, "cleo")
    return room_id


def test_a_newcomer_sees_nothing_of_what_was_said_before(house: House, diary: int) -> None:
    cleo = house.client("cleo")

    assert texts(cleo.get(f"/rooms/{diary}/messages")) == []
    assert texts(cleo.get(f"/rooms/{diary}/messages?before=99")) == []
    assert texts(cleo.get(f"/rooms/{diary}/changes?after=0")) == []
    assert "before she came" not in cleo.get(f"/rooms/{diary}").text
    assert "before she came" not in cleo.get("/").text
    line = conversations(cleo)[diary]
    assert (line["last_message"], line["unread"]) == (None, 0)
    assert texts(house.client("ben").get(f"/rooms/{diary}/messages")) == ["before she came"]


def test_a_newcomer_sees_everything_from_then_on(house: House, diary: int) -> None:
    seq = house.say("ben", diary, "hello Cleo")
    cleo = house.client("cleo")

    history = cleo.get(f"/rooms/{diary}/messages")

    assert texts(history) == texts(cleo.get(f"/rooms/{diary}/changes?after=0")) == ["hello Cleo"]
    assert (history.json["has_more"], history.json["oldest_seq"]) == (False, seq)
    assert f'data-first-unread-seq="{seq}"' in cleo.get(f"/rooms/{diary}").text
    line = conversations(cleo)[diary]
    assert (line["last_message"]["preview"], line["unread"]) == ("hello Cleo", 1)


def test_coming_back_is_a_new_arrival(house: House, diary: int) -> None:
    house.say("ben", diary, "hello Cleo")
    house.client("cleo").post(f"/rooms/{diary}/leave")
    house.say("ben", diary, "she is gone")
    house.add("ben", diary, "cleo")
    assert texts(house.client("cleo").get(f"/rooms/{diary}/messages")) == []


def test_in_other_rooms_a_newcomer_sees_everything(house: House) -> None:
    private = new_room(house.client("ben"), "Open diary", kind="private", newcomers_see="everything")
    public = new_room(house.client("ben"), "Kitchen", kind="public", newcomers_see="from_arrival")
    for room_id in (private, public):
        house.say("ben", room_id, "long ago")
        house.add("ben", room_id, "cleo")
        assert texts(house.client("cleo").get(f"/rooms/{room_id}/messages")) == ["long ago"]


# direct conversations


def start_direct(browser: Browser, *user_ids: int) -> int:
    reply = browser.post("/direct", {"user_id": list(user_ids)})
    assert reply.status_code == 302, reply.text
    return int(reply.location.removeprefix("/rooms/"))


def test_a_direct_conversation_is_the_same_from_both_ends(house: House) -> None:
    ben, cleo = house.id_of("ben"), house.id_of("cleo")

    by_ben = start_direct(house.client("ben"), cleo)

    assert start_direct(house.client("cleo"), ben) == by_ben
    assert start_direct(house.client("ben"), cleo, cleo, ben) == by_ben
    assert room_row(house, by_ben).direct_key == f"{ben}-{cleo}"
    assert members(house, by_ben) == {"ben": "member", "cleo": "member"}


def test_it_carries_the_others_names(house: House) -> None:
    ada, ben, cleo = (house.id_of(name) for name in ("ada", "ben", "cleo"))
    two = start_direct(house.client("ben"), cleo)
    three = start_direct(house.client("ben"), cleo, ada)
    assert two != three
    assert room_row(house, three).direct_key == f"{ada}-{ben}-{cleo}"
    house.say("ben", two, "psst")
    house.say("ben", three, "you two")
    lines = conversations(house.client("cleo"))
    assert (lines[two]["name"], lines[two]["other"]["id"]) == ("Ben", ben)
    assert sorted(lines[three]["name"].split(", ")) == ["Ada", "Ben"]
    assert lines[three]["other"] is None


def test_it_shows_to_the_other_once_something_was_said(house: House) -> None:
    room_id = start_direct(house.client("ben"), house.id_of("cleo"))
    assert room_id in conversations(house.client("ben"))
    assert room_id not in conversations(house.client("cleo"))
    house.say("ben", room_id, "psst")
    assert conversations(house.client("cleo"))[room_id]["unread"] == 1


def test_up_to_eight_people_talk_directly(house: House) -> None:
    with house.rows() as session, transaction():
        for number in range(8):
            session.add(User(username=f"kid_{number}", display_name=f"Kid {number}", role="member"))
    kids = [house.id_of(f"kid_{number}") for number in range(8)]
    ben = house.client("ben")

    refused = ben.post("/direct", {"user_id": kids})

    assert refused.status_code == 422
    assert "A direct conversation takes up to 8 people. Make a room instead." in refused.text
    assert len(members(house, start_direct(ben, *kids[:7]))) == 8


def test_one_can_keep_notes_to_oneself(house: House) -> None:
    ben = house.client("ben")
    notes = start_direct(ben, house.id_of("ben"))
    assert start_direct(ben) == notes
    assert members(house, notes) == {"ben": "member"}
    assert conversations(ben)[notes]["name"] == "Notes to yourself"
    assert house.client("ada").get(f"/rooms/{notes}").status_code == 404
    assert "Notes to yourself" in ben.get(f"/rooms/{notes}").text


@pytest.mark.parametrize("path", ["leave", "archive", "details", "members"])
def test_a_direct_conversation_stays_what_it_is(house: House, path: str) -> None:
    room_id = house.direct("ben", "cleo")
    form = {"name": "Club", "description": "", "user_id": house.id_of("ada")}

    reply = house.client("ben").post(f"/rooms/{room_id}/{path}", form)

    assert reply.status_code == (409 if path == "leave" else 403)
    assert "Everyone of the house is in here" not in reply.text
    assert members(house, room_id) == {"ben": "member", "cleo": "member"}
    assert room_row(house, room_id).name == ""


@pytest.mark.parametrize(
    ("user_id", "status"),
    [
        *[(number, 404) for number in ("0", "-1", "999999")],
        *[(number, 422) for number in (str(2**63), "x", "1.5", "9" * 30)],
    ],
)
def test_a_number_that_is_nobodys_starts_no_conversation(house: House, user_id: str, status: int) -> None:
    reply = house.client("ben").post("/direct", {"user_id": user_id})
    assert reply.status_code == status
    with house.rows() as session:
        assert session.scalars(sa.select(Room.kind)).all() == ["public"]


# addresses


@pytest.mark.parametrize("number", ["0", "999999", str(2**63 - 1), str(2**63), "9" * 40, "-1", "x", "1.0"])
def test_a_room_number_that_cannot_be_is_not_found(house: House, number: str) -> None:
    browser = house.client("ada")
    for path in ("", "/details", "/messages", "/changes"):
        assert browser.get(f"/rooms/{number}{path}").status_code == 404
    for path in (
        "/join",
        "/leave",
        "/archive",
        "/read",
        "/messages",
        "/members",
        f"/members/{number}/remove",
    ):
        assert browser.post(f"/rooms/{number}{path}").status_code == 404


def test_a_person_number_that_cannot_be_is_not_found(house: House) -> None:
    room_id = house.room("ben", name="Club")
    for number in (0, 999_999, 2**63 - 1, 2**63):
        reply = house.client("ben").post(f"/rooms/{room_id}/members/{number}/remove")
        assert reply.status_code == 404


def test_the_list_puts_the_newest_conversation_first(house: House) -> None:
    older, newer = house.room("ben", name="Older"), house.room("ben", name="Newer")
    house.say("ben", newer, "1")
    house.say("ben", older, "2")
    names = [line.room.name for line in house.act(sidebar, house.id_of("ben"))]
    assert names[:2] == ["Older", "Newer"]
