"""Finding what was said, rooms and people: of each only what one may see, whatever is typed; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homechat import clock
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import Standing, User
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Invalid, TooMany
from homechat.household.founding import create_person_from_shell
from homechat.messages.models import Message
from homechat.messages.search import COUNTED_MAX, Found, What, search, search_people
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import join_room, leave_room, remove_member
from homechat.rooms.models import Membership
from homechat.security.policy import RoomKind
from tests.conftest import close
from tests.house import PASSWORD, House
from tests.postgres import empty_house, move_in

minutes = count(1)
"""Moments of their own for what is not about how often one may search."""


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house with Ada (admin), Ben and Cleo (members), and Gus (guest), on either database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
        return
    house = move_in(empty_house(request.getfixturevalue("postgres_url"), tmp_path / "on-postgresql"))
    house.act(create_person_from_shell, Actor.operator(), NewPerson("gus", "Gus", PASSWORD), role=Role.GUEST)
    house.add("ada", house.home().id, "gus")
    yield house
    close(house)


def find(house: House, name: str, q: str, **more: Any) -> Found:
    return house.act(search, house.actor(name), q, **more)


def said(house: House, name: str, q: str, **more: Any) -> list[str]:
    """Return the texts of the messages that somebody finds, newest first."""
    return [hit.message.body for hit in find(house, name, q, **more).messages.page]


def people(house: House, name: str, q: str) -> list[str]:
    return [person.username for person in find(house, name, q).people]


def rooms(house: House, name: str, q: str) -> list[str]:
    return [room.name for room in find(house, name, q).rooms]


def change(house: House, says: str, **values: Any) -> None:
    """Change the message that says `says`, as an object."""
    with house.rows() as session, transaction():
        message = session.query(Message).filter_by(body=says).one()
        for name, value in values.items():
            setattr(message, name, value)


# what is found


FOUND_BY: dict[str, tuple[list[str], list[str]]] = {
    "Frau Müller backt Apfelkuchen.": (
        ["muller", "MÜLLER", "müll", "apfel", "frau muller"],
        ["kuchen", "ller"],
    ),
    "東京タワーへ行きました": (["東京", "タワー", "京タ", "東"], ["京東"]),
    "오늘 초등학교에서 만나요": (["초등학교", "학교", "오늘 만나"], ["교학"]),
    "วันนี้กินข้าวที่บ้าน": (["ข้าว", "บ้าน"], ["ข้าวบ้าน"]),
    "**red** car, old _bike_": (
        ["red car", '"red car"', "bike red", '"old bike"'],
        ['"car red"', '"ed car"'],
    ),
    "see [the shop](https://example.org/hidden)": (["the shop"], ["hidden", "example"]),
    "İstanbul'da 🦦 var": (["istanbul", "ISTANBUL", "🦦"], ["🐕"]),
}
"""By what a message is found, and by what it is not."""


def test_words_are_found_however_they_are_written(anywhere: House) -> None:
    room = anywhere.room("ben")
    for body in FOUND_BY:
        anywhere.say("ben", room, body)
    for body, (queries, others) in FOUND_BY.items():
        with clock.moved(timedelta(minutes=next(minutes))):
            assert {q: said(anywhere, "ben", q) for q in queries} == {q: [body] for q in queries}
            assert {q: said(anywhere, "ben", q) for q in others} == {q: [] for q in others}


def test_the_newest_come_first_and_pages_lead_to_all_of_them(anywhere: House) -> None:
    room, other = anywhere.room("ben"), anywhere.room("ben", name="Attic")
    for number in range(25):
        anywhere.say("ben", (room, other)[number % 2], f"otter {number}")

    first = find(anywhere, "ben", "otter", limit=20).messages
    second = find(anywhere, "ben", "otter", limit=20, before=first.page[-1].message.id).messages

    texts = [hit.message.body for hit in (*first.page, *second.page)]
    assert texts == [f"otter {number}" for number in reversed(range(25))]
    assert (first.has_more, first.count, first.has_uncounted) == (True, 25, False)
    assert (second.has_more, second.count) == (False, 25)


def test_more_than_a_hundred_are_said_to_be_more(anywhere: House) -> None:
    room = anywhere.room("ben")
    for _ in range(COUNTED_MAX + 1):
        anywhere.say("ben", room, "otter")
    found = find(anywhere, "ben", "otter", limit=1000)
    assert (len(found.messages.page), found.messages.count, found.total) == (100, 100, 100)
    assert found.messages.has_uncounted
    assert found.messages.has_more


def test_a_hit_comes_with_its_room_and_the_words_around_it(anywhere: House) -> None:
    direct = anywhere.direct("ben", "cleo")
    anywhere.say("ben", direct, "I saw an **otter** today")
    (hit,) = find(anywhere, "cleo", "otter").messages.page
    assert (hit.room.id, hit.room.name, hit.message.author.username) == (direct, "Ben", "ben")
    assert [(piece.text, piece.is_hit) for piece in hit.pieces] == [
        ("I saw an ", False),
        ("otter", True),
        (" today", False),
    ]


def test_who_wants_no_excerpts_is_given_none_and_all_else(house: House) -> None:
    house.say("ben", house.home().id, "I saw an otter today")
    (hit,) = find(house, "cleo", "otter", with_excerpts=False).messages.page
    assert (hit.message.body, hit.pieces) == ("I saw an otter today", [])


@pytest.mark.parametrize("what", list(What))
def test_only_what_was_asked_for_is_looked_for(house: House, what: What) -> None:
    house.room("ben", name="Ben's room", kind=RoomKind.PUBLIC)
    house.say("ben", house.home().id, "Ben was here")
    found = find(house, "cleo", "ben", what=what)
    assert [bool(found.people), bool(found.rooms), bool(found.messages.page)] == [
        what in (What.ALL, kind) for kind in (What.PEOPLE, What.ROOMS, What.MESSAGES)
    ]


# what is not: of others' rooms


def test_nobody_finds_what_was_said_where_they_are_not(anywhere: House) -> None:
    anywhere.say("ben", anywhere.room("ben", "cleo"), "otter in the private room")
    anywhere.say("ben", anywhere.direct("ben", "cleo"), "otter between two")
    public = anywhere.room("ben", "cleo", name="Pond", kind=RoomKind.PUBLIC)
    anywhere.say("ben", public, "otter in the public room")

    assert said(anywhere, "ada", "otter") == said(anywhere, "gus", "otter") == []
    assert find(anywhere, "ada", "otter").total == 0
    assert said(anywhere, "cleo", "otter") == [
        "otter in the public room",
        "otter between two",
        "otter in the private room",
    ]

    anywhere.act(join_room, anywhere.actor("ada"), public)
    assert said(anywhere, "ada", "otter") == ["otter in the public room"]


def test_who_leaves_or_is_taken_out_finds_it_no_more(anywhere: House) -> None:
    room = anywhere.room("ben", "cleo", "gus")
    anywhere.say("ben", room, "otter")
    assert said(anywhere, "cleo", "otter") == said(anywhere, "gus", "otter") == ["otter"]
    anywhere.act(leave_room, anywhere.actor("cleo"), room)
    anywhere.act(remove_member, anywhere.actor("ben"), room, anywhere.id_of("gus"))
    assert said(anywhere, "cleo", "otter") == said(anywhere, "gus", "otter") == []
    assert said(anywhere, "ben", "otter") == ["otter"]


def test_newcomers_find_what_was_said_from_their_arrival_on(anywhere: House) -> None:
    room = anywhere.room("ben", from_arrival=True)
    anywhere.say("ben", room, "otter before")
    anywhere.add("ben", room, "cleo")
    anywhere.say("ben", room, "otter after")
    assert said(anywhere, "cleo", "otter") == ["otter after"]
    assert find(anywhere, "cleo", "otter").messages.count == 1
    assert len(said(anywhere, "ben", "otter")) == 2


def test_a_token_that_is_bound_to_rooms_finds_nothing_elsewhere(anywhere: House) -> None:
    room = anywhere.room("ben", "cleo", name="Otter den")
    anywhere.room("ben", name="Otter attic")
    anywhere.say("ben", room, "otter here")
    anywhere.say("ben", anywhere.home().id, "otter there")
    bound = replace(anywhere.actor("ben"), token_id=1, room_ids=frozenset({room}))

    found = anywhere.act(search, bound, "otter")

    assert [hit.message.body for hit in found.messages.page] == ["otter here"]
    assert [each.name for each in found.rooms] == ["Otter den"]
    assert [person.username for person in anywhere.act(search_people, bound, "cleo")] == ["cleo"]
    assert anywhere.act(search_people, bound, "ada") == []
    nowhere = replace(bound, room_ids=frozenset())
    assert anywhere.act(search, nowhere, "otter").total == 0


def test_a_bot_finds_what_was_said_where_it_is(house: House) -> None:
    kitchen = house.room("ada", name="Kitchen", kind=RoomKind.PRIVATE)
    house.say("ada", kitchen, "otter in the kitchen")
    rex = house.actor("rex")
    assert house.act(search, rex, "otter").total == house.act(search, rex, "kitchen").total == 0
    with house.rows() as session, transaction():
        session.add(Membership(room_id=kitchen, user_id=rex.user_id, role="member"))
    found = house.act(search, rex, "otter")
    assert [hit.message.body for hit in found.messages.page] == ["otter in the kitchen"]


def test_what_was_said_in_an_archived_room_is_found_by_who_is_in_it(anywhere: House) -> None:
    room = anywhere.room("ben", "cleo", name="Old pond", kind=RoomKind.PUBLIC)
    anywhere.say("ben", room, "otter")
    anywhere.act(archive_room, anywhere.actor("ben"), room)
    assert (said(anywhere, "cleo", "otter"), rooms(anywhere, "cleo", "pond")) == (["otter"], ["Old pond"])
    assert (said(anywhere, "ada", "otter"), rooms(anywhere, "ada", "pond")) == ([], [])


# nor what is not there any more


def test_what_was_changed_is_found_as_it_reads_now(anywhere: House) -> None:
    anywhere.say("ben", anywhere.room("ben"), "an otter")
    change(anywhere, "an otter", body="a beaver", edited_at=clock.now())
    assert (said(anywhere, "ben", "otter"), said(anywhere, "ben", "beaver")) == ([], ["a beaver"])


@pytest.mark.parametrize("how", [{"deleted_at": True}, {"deleted_at": True, "body": ""}, {"body": ""}])
def test_what_was_deleted_is_not_found(anywhere: House, how: dict[str, Any]) -> None:
    anywhere.say("ben", anywhere.room("ben"), "an otter")
    change(anywhere, "an otter", **{**how, **({"deleted_at": clock.now()} if "deleted_at" in how else {})})
    assert find(anywhere, "ben", "otter").total == 0


# people and rooms


def test_people_are_found_by_both_their_names(anywhere: House) -> None:
    with anywhere.rows() as session, transaction():
        session.query(User).filter_by(username="cleo").one().display_name = "Zoë Müller"
    for q in ("cleo", "LEO", "zoe", "Muller zoë"):
        assert people(anywhere, "ben", q) == ["cleo"], q
    assert people(anywhere, "ben", "zoe ben") == []
    assert people(anywhere, "ben", "be") == ["ben"]


def test_guests_find_only_people_they_share_a_room_with(anywhere: House) -> None:
    def strangers_to_gus(name: str) -> list[str]:
        return people(anywhere, "gus", name)

    assert strangers_to_gus("ben") == ["ben"]
    assert (
        anywhere.act(remove_member, anywhere.actor("ada"), anywhere.home().id, anywhere.id_of("gus")) is None
    )
    assert strangers_to_gus("ben") == strangers_to_gus("ada") == []
    assert strangers_to_gus("gus") == ["gus"]
    assert people(anywhere, "cleo", "gus") == ["gus"]


@pytest.mark.parametrize(
    "values", [{"standing": Standing.LOCKED}, {"standing": Standing.PENDING}, {"erased_at": True}]
)
def test_who_may_not_come_in_is_not_found(house: House, values: dict[str, Any]) -> None:
    with house.rows() as session, transaction():
        cleo = session.query(User).filter_by(username="cleo").one()
        for name, value in values.items():
            setattr(cleo, name, clock.now() if value is True else value)
    assert people(house, "ada", "cleo") == []


def test_rooms_are_found_by_name_and_description_by_who_may_see_them(anywhere: House) -> None:
    anywhere.room("ben", name="Secret garden", description="hush")
    public = anywhere.room("ben", name="Green", kind=RoomKind.PUBLIC, description="The garden, mostly")
    assert rooms(anywhere, "ben", "garden") == ["Green", "Secret garden"]
    assert rooms(anywhere, "ben", "hush") == ["Secret garden"]
    assert rooms(anywhere, "cleo", "garden") == ["Green"]
    assert rooms(anywhere, "gus", "garden") == []
    anywhere.add("ben", public, "gus")
    assert rooms(anywhere, "gus", "GARDEN") == ["Green"]
    (mine,) = find(anywhere, "gus", "garden").rooms
    (theirs,) = find(anywhere, "cleo", "garden").rooms
    assert (mine.is_member, theirs.is_member) == (True, False)


# how often, and what is refused


def test_thirty_searches_a_minute(house: House) -> None:
    for _ in range(30):
        find(house, "ben", "otter")
    with pytest.raises(TooMany):
        find(house, "ben", "otter")
    with pytest.raises(TooMany):
        house.act(search_people, house.actor("ben"), "otter")
    find(house, "cleo", "otter")


@pytest.mark.parametrize("q", ["", "x", "?!", "x" * 201, "x" * 10_000])
def test_what_cannot_be_looked_for_is_refused_and_costs_nothing(house: House, q: str) -> None:
    for _ in range(31):
        with pytest.raises(Invalid) as refusal:
            find(house, "ben", q)
    assert "q" in refusal.value.fields
    find(house, "ben", "otter")


MINE = "my otter and or not near ß a"
HOSTILE = [
    *('"', '""', '"otter', "'otter'", "otter*", "^otter", "-otter", "+otter", "otter OR secret", "NOT otter"),
    *("NEAR(otter secret, 5)", "NEAR(", "words:secret", "{words}: secret", "message_words", "rank:secret"),
    *("otter AND", "AND OR NOT", "((((((", "otter)", "'); DROP TABLE messages; --", "otter' <-> 'secret"),
    *("secret:*", "!secret", "otter|secret", "otter & secret", "\\", "\0otter\0", "otter\0secret", "%", "_%"),
    *("a " * 100, "ß" * 200, "ﷺ" * 200, "otter " * 33, "\u202esecret", "\U0001f9a6" * 200, "\u0300" * 200),
]


@pytest.fixture
def with_secrets(anywhere: House) -> House:
    """A house with much that was said where Cleo is not, and something where she is."""
    house = anywhere
    secret = house.room("ada", "ben", name="secret otters")
    for number in range(5):
        house.say("ben", secret, f"secret otter words rank message near and or not {number} ß a")
    house.say("cleo", house.room("cleo", name="Mine"), MINE)
    return house


def never_leaks(house: House, q: str) -> None:
    """Look for it as Cleo; she gets an answer or a refusal, and nothing of the others."""
    try:
        with clock.moved(timedelta(minutes=next(minutes))):
            found = find(house, "cleo", q)
    except Invalid:
        return
    assert {hit.message.body for hit in found.messages.page} <= {MINE}
    assert {room.name for room in found.rooms} <= {"Mine", "home"}


def test_whatever_is_typed_is_answered_and_shows_nothing_of_others(with_secrets: House) -> None:
    for q in HOSTILE:
        never_leaks(with_secrets, q)
    assert said(with_secrets, "cleo", "NOT otter") == said(with_secrets, "cleo", "otter AND") == [MINE]


def test_so_is_anything_else(with_secrets: House) -> None:
    pieces = st.sampled_from(
        ['"', "*", "^", "(", ")", "NEAR", "AND", "otter", "secret", " ", ":", "'", "-", "\0"]
    )

    @hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces | st.text(max_size=3), max_size=30).map("".join))
    @example("ẞ ﬃ İ")
    def anything(q: str) -> None:
        never_leaks(with_secrets, q)

    anything()
