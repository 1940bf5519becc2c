"""What becomes of a message after it was sent: edited, deleted, answered, reacted to; and who may do that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from homechat import audit, clock
from homechat.actor import Actor, Role
from homechat.audit import Action
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, HomeChatError, Invalid, NotFound, TooMany
from homechat.household.log_reading import read_log
from homechat.messages.actions import mark_read, send_message
from homechat.messages.changes import delete_message, edit_message, may_edit
from homechat.messages.finding import find_message
from homechat.messages.history import changes_after, page_before
from homechat.messages.models import Message, MessageReaction
from homechat.messages.reactions import react, unreact
from homechat.messages.sidebar import sidebar
from homechat.messages.unread import unread_in
from homechat.realtime.events import MessageChanged
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import remove_member
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind
from tests.house import House
from tests.test_postgresql import at_once

KINDS = ("public", "home", "private", "direct")
numbers = count(1)


def told(house: House, name: str, room: int, body: str = "hello", **more: Any) -> int:
    """Have somebody say something, and return the message's id."""
    client_id = f"changes-{next(numbers):06}"
    sent = house.act(send_message, house.actor(name), room_id=room, body=body, client_id=client_id, **more)
    return sent.id


def row(house: House, message: int) -> Message:
    with house.rows() as session:
        found: Message = session.get_one(Message, message)
        return found


def last_seq(house: House, room: int) -> int:
    with house.rows() as session:
        number: int = session.get_one(Room, room).last_seq
        return number


def edit(house: House, who: str, message: int, body: str = "other words") -> MessageChanged:
    return house.act(edit_message, house.actor(who), message_id=message, body=body)


def delete(house: House, who: str, message: int) -> MessageChanged:
    return house.act(delete_message, house.actor(who), message_id=message)


def give(house: House, who: str, message: int, emoji: str = "👍") -> MessageChanged:
    return house.act(react, house.actor(who), message_id=message, emoji=emoji)


def take(house: House, who: str, message: int, emoji: str = "👍") -> MessageChanged:
    return house.act(unreact, house.actor(who), message_id=message, emoji=emoji)


ACTS: dict[str, Callable[[House, str, int], MessageChanged]] = {
    "edit": edit,
    "delete": delete,
    "react": give,
    "unreact": take,
}


@contextmanager
def nothing_written(house: House) -> Iterator[None]:
    """Nothing is sent to the database that writes, and no room's number is raised."""
    writes: list[str] = []

    def note(*args: Any) -> None:
        if not args[2].startswith(("SELECT", "PRAGMA", "BEGIN")):
            writes.append(args[2])

    with house.app.app_context():
        engine = house.app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert writes == []


# Editing


def test_an_edited_message_says_the_new_words_and_that_it_was_edited(house: House) -> None:
    room = house.room("ben", "cleo")
    message = told(house, "ben", room, "See you at six")
    told(house, "cleo", room, "fine")

    edited = edit(house, "ben", message, "See you at **seven**  \n")

    assert (edited.body, edited.event_name) == ("See you at **seven**", "message:changed")
    assert "<strong>seven</strong>" in edited.html
    assert edited.edited_at is not None
    assert (edited.seq, edited.changed_seq) == (1, 3), "its place stays; its change is the room's latest"
    assert last_seq(house, room) == 3
    assert row(house, message).body == "See you at **seven**"


def test_the_same_words_change_nothing(house: House) -> None:
    message = told(house, "ben", room := house.room("ben"), "as it is")
    with nothing_written(house):
        again = edit(house, "ben", message, "as it is \n")
    assert (again.edited_at, again.changed_seq, last_seq(house, room)) == (None, 1, 1)


@pytest.mark.parametrize("body", ["", " \n ", "x" * 10_001])
def test_what_cannot_be_sent_cannot_be_edited_into(house: House, body: str) -> None:
    message = told(house, "ben", house.room("ben"), "good")
    with pytest.raises(Invalid) as refusal:
        edit(house, "ben", message, body)
    assert set(refusal.value.fields) == {"body"}
    assert row(house, message).body == "good"


def test_a_message_can_be_edited_for_a_day(house: House) -> None:
    message = told(house, "ben", house.room("ben"), "first")
    with clock.moved(timedelta(hours=23, minutes=59)):
        assert edit(house, "ben", message, "second").body == "second"
    with clock.moved(timedelta(hours=24, seconds=1)), pytest.raises(Forbidden, match="24 hours"):
        edit(house, "ben", message, "third")
    assert row(house, message).body == "second"


def test_a_bot_edits_what_it_wrote_at_any_time(house: House) -> None:
    room = room_with_all(house, "private", owner="ben")
    message = told(house, "rex", room, "Washing machine: 10 minutes")
    with clock.moved(timedelta(days=30)):
        assert edit(house, "rex", message, "Washing machine: done").body == "Washing machine: done"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ada", "ben", "gus", "rex"])
def test_nobody_edits_what_another_wrote(house: House, kind: str, name: str) -> None:
    room = room_with_all(house, kind, owner=name)
    message = told(house, "cleo", room, "mine")
    with pytest.raises(Forbidden, match="wrote yourself"):
        edit(house, name, message)
    assert row(house, message).body == "mine"
    assert edit(house, "cleo", message).body == "other words"


def test_editing_is_offered_where_it_would_be_done(house: House) -> None:
    message = told(house, "ben", house.room("ben", "cleo"))

    def is_offered(who: str) -> bool:
        actor = house.actor(who)
        return house.act(lambda: may_edit(actor, find_message(actor, message)))

    assert (is_offered("ben"), is_offered("cleo")) == (True, False)
    with clock.moved(timedelta(hours=24, seconds=1)):
        assert not is_offered("ben")
    delete(house, "ben", message)
    assert not is_offered("ben")


# Deleting


def test_a_deleted_message_leaves_its_place_and_nothing_else(house: House) -> None:
    room = house.room("ben", "cleo")
    first = told(house, "cleo", room, "a question")
    message = told(house, "ben", room, "a secret", reply_to_id=first)
    edit(house, "ben", message, "a **secret**")
    give(house, "cleo", message)

    deleted = delete(house, "ben", message)

    assert (deleted.deleted, deleted.body, deleted.reactions, deleted.reply_to) == (True, "", [], None)
    assert "secret" not in deleted.html
    assert (deleted.seq, deleted.edited_at) == (2, None)
    left = row(house, message)
    assert (left.body, left.payload, left.reply_to_id) == ("", None, None)
    assert left.deleted_at is not None
    with house.rows() as session:
        assert session.scalars(sa.select(MessageReaction)).all() == []
    page = house.act(page_before, house.actor("cleo"), room)
    assert [it.id for it in page.messages] == [first, message]


def test_what_was_deleted_is_not_in_the_files_any_more(house: House) -> None:
    word = "Schnittlauchbrotgeheimnis"
    message = told(house, "ben", house.room("ben"), word)
    delete(house, "ben", message)
    with house.rows() as session:
        session.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    files = [file for file in house.data_dir.iterdir() if file.name.startswith("homechat.db")]
    assert files
    assert [file.name for file in files if word.encode() in file.read_bytes()] == []


def test_deleting_twice_changes_nothing(house: House) -> None:
    room = house.room("ben", "cleo", kind=RoomKind.PUBLIC)
    message = told(house, "cleo", room)
    first = delete(house, "ben", message)
    with nothing_written(house):
        assert delete(house, "ben", message) == first
    assert len(deletions(house)) == 1


def test_one_deletes_ones_own_at_any_time(house: House) -> None:
    message = told(house, "gus", house.home().id)
    with clock.moved(timedelta(days=400)):
        assert delete(house, "gus", message).deleted
    assert deletions(house) == []


# What permissions.md says, told a second time: who deletes another's message, by the kind of room.
DELETE_OTHERS = {
    "public": {"admin", "owner"},
    "home": {"admin"},
    "private": {"owner", "admin who owns it"},
    "direct": set(),
}
WHO = {
    "admin": "ada",
    "owner": "ben",
    "member": "ben",
    "guest": "gus",
    "guest who owns it": "gus",
    "bot": "rex",
}


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (who, kind)
        for who in (*WHO, "admin who owns it")
        for kind in KINDS
        if not ("own" in who and kind in ("home", "direct"))  # Nobody owns those.
    ],
)
def test_who_deletes_what_another_wrote(house: House, kind: str, who: str) -> None:
    name = WHO.get(who, "ada")
    room = room_with_all(
        house, kind, owner=name if "own" in who and kind in ("public", "private") else "cleo"
    )
    allowed = DELETE_OTHERS[kind] | ({"admin who owns it"} if "admin" in DELETE_OTHERS[kind] else set())
    message = told(house, "olga" if kind != "home" else "cleo", room, "not for everybody's eyes")

    if who not in allowed:
        with pytest.raises(Forbidden, match="wrote yourself"):
            delete(house, name, message)
        assert row(house, message).deleted_at is None
        assert deletions(house) == []
        return
    assert delete(house, name, message).deleted
    (entry,) = deletions(house)
    author = house.id_of("olga" if kind != "home" else "cleo")
    assert (entry.actor_id, entry.about_id, entry.subject) == (house.id_of(name), author, f"room:{room}")
    assert entry.detail == {"message": message}


def test_an_admin_deletes_nothing_in_a_public_room_they_are_not_in(house: House) -> None:
    message = told(house, "ben", house.room("ben", kind=RoomKind.PUBLIC))
    with pytest.raises(NotFound):
        delete(house, "ada", message)


def test_the_log_tells_admins_nothing_of_what_is_deleted_in_a_private_room(house: House) -> None:
    message = told(house, "cleo", house.room("ben", "cleo"))
    delete(house, "ben", message)
    seen = house.act(read_log, house.actor("ada"), audit.Filters(action=Action.MESSAGE_DELETED_BY_ADMIN))
    assert seen.entries == []
    assert len(deletions(house)) == 1


# Everybody else


@pytest.mark.parametrize("act", ACTS)
def test_a_message_of_others_is_not_found_like_one_that_never_was(house: House, act: str) -> None:
    message = told(house, "cleo", house.room("cleo"))
    refusals = set()
    for name in ("ada", "ben", "gus", "rex"):
        for number in (message, 999_999, 0, -1, 2**63):
            with pytest.raises(NotFound) as refusal:
                ACTS[act](house, name, number)
            refusals.add(refusal.value.message)
    assert len(refusals) == 1


@pytest.mark.parametrize("act", ACTS)
def test_nothing_changes_in_an_archived_room(house: House, act: str) -> None:
    room = house.room("ben", "cleo")
    message = told(house, "ben", room, "as it was")
    give(house, "ben", message)
    house.act(archive_room, house.actor("ben"), room)
    for name in ("ben", "cleo"):
        with pytest.raises(Forbidden, match="archived"):
            ACTS[act](house, name, message)
    assert (row(house, message).body, last_seq(house, room)) == ("as it was", 2)


@pytest.mark.parametrize("act", ACTS)
def test_whoever_was_taken_out_of_a_room_changes_nothing_there(house: House, act: str) -> None:
    room = house.room("ben", "cleo")
    message = told(house, "cleo", room)
    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))
    with pytest.raises(NotFound):
        ACTS[act](house, "cleo", message)


@pytest.mark.parametrize("act", ["edit", "react", "unreact"])
def test_a_deleted_message_stays_as_it_is(house: House, act: str) -> None:
    message = told(house, "ben", room := house.room("ben"))
    delete(house, "ben", message)
    with pytest.raises(Conflict, match="deleted"):
        ACTS[act](house, "ben", message)
    assert (row(house, message).body, last_seq(house, room)) == ("", 2)


# Reacting


def test_reactions_are_counted_in_the_order_in_which_they_were_first_given(house: House) -> None:
    room = house.room("ben", "cleo", "gus")
    message = told(house, "ben", room)
    ben, cleo, gus = (house.id_of(name) for name in ("ben", "cleo", "gus"))
    give(house, "gus", message, "🎉")
    give(house, "cleo", message, "👍")
    given = give(house, "ben", message, "🎉")

    assert given.reactions == [
        {"emoji": "🎉", "count": 2, "person_ids": [gus, ben]},
        {"emoji": "👍", "count": 1, "person_ids": [cleo]},
    ]
    assert (given.changed_seq, given.edited_at) == (4, None)
    assert "🎉" in given.html
    assert take(house, "gus", message, "🎉").reactions == [
        {"emoji": "👍", "count": 1, "person_ids": [cleo]},
        {"emoji": "🎉", "count": 1, "person_ids": [ben]},
    ]


def test_giving_twice_and_taking_what_is_not_there_changes_nothing(house: House) -> None:
    message = told(house, "ben", room := house.room("ben"))
    first = give(house, "ben", message)
    with nothing_written(house):
        assert give(house, "ben", message) == first
        assert take(house, "ben", message, "🎉") == first
    assert last_seq(house, room) == 2


def test_one_emoji_in_two_spellings_is_one(house: House) -> None:
    message = told(house, "ben", room := house.room("ben", "cleo"))
    give(house, "ben", message, "❤")
    given = give(house, "cleo", message, "❤️")
    assert [(it["emoji"], it["count"]) for it in given.reactions] == [("❤️", 2)]
    assert take(house, "cleo", message, "❤").reactions[0]["count"] == 1
    assert last_seq(house, room) == 4


@pytest.mark.parametrize(
    "emoji",
    ["👍", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇦🇹", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "3️⃣", "☺️", " 🎉 ", "👩🏾‍🚒", "✅"],
)
def test_any_one_emoji_will_do(house: House, emoji: str) -> None:
    message = told(house, "ben", house.room("ben"))
    assert [it["emoji"] for it in give(house, "ben", message, emoji).reactions] == [emoji.strip()]


@pytest.mark.parametrize(
    "emoji",
    [
        *("", " ", "a", "1", "#", "lol", "👍👍", "👍 👍", "👍a", ":+1:", "©", "🇦", "\u200d", "\ufe0f", "🏽"),
        *("<b>", "👍\n👍", "👨‍" * 12 + "👦", "👍\U000e0068\U000e0069\U000e007f", "x" * 10_000),
    ],
)
def test_anything_else_is_refused_with_a_sentence(house: House, emoji: str) -> None:
    message = told(house, "ben", room := house.room("ben"))
    with pytest.raises(Invalid, match="one emoji") as refusal:
        give(house, "ben", message, emoji)
    assert set(refusal.value.fields) == {"emoji"}
    assert last_seq(house, room) == 1


def test_a_message_takes_twenty_different_emoji(house: House) -> None:
    message = told(house, "ben", house.room("ben", "cleo"))
    for number in range(20):
        give(house, "ben", message, chr(0x1F600 + number))
    with pytest.raises(Conflict, match="20 different"):
        give(house, "cleo", message, "🎉")
    assert give(house, "cleo", message, chr(0x1F600)).reactions[0]["count"] == 2
    take(house, "ben", message, chr(0x1F601))
    assert len(give(house, "cleo", message, "🎉").reactions) == 20


def test_the_thirty_first_reaction_of_a_minute_waits(house: House) -> None:
    message = told(house, "ben", house.room("ben", "cleo"))
    for _ in range(15):
        give(house, "ben", message)
        take(house, "ben", message)
    with pytest.raises(TooMany) as refusal:
        give(house, "ben", message)
    assert 1 <= refusal.value.retry_after <= 60
    give(house, "cleo", message)
    assert take(house, "ben", message).reactions[0]["count"] == 1, "what changes nothing costs nothing"
    with clock.moved(timedelta(seconds=61)):
        assert give(house, "ben", message).reactions[0]["count"] == 2


def test_editing_and_deleting_have_a_budget_of_their_own(cast_folder: Any, tmp_path: Any) -> None:
    from tests.house import copy_house

    house = House(copy_house(cast_folder, tmp_path / "data"), messages_per_minute=3)
    room = house.room("ben")
    message = told(house, "ben", room)
    for number in range(3):
        edit(house, "ben", message, f"version {number}")
    with pytest.raises(TooMany, match="changes"):
        delete(house, "ben", message)
    edit(house, "ben", message, "version 2")  # The same again is none.
    told(house, "ben", room, "and one goes on writing")
    with house.app.app_context():
        house.app.extensions["sqlalchemy"].engine.dispose()


# Answering


def test_an_answer_shows_what_it_answers(house: House) -> None:
    room = house.room("ben", "cleo")
    question = told(house, "ben", room, "Who has the **key**?\n\nAnybody?")
    answer = told(house, "cleo", room, "me", reply_to_id=question)

    page = house.act(page_before, house.actor("ben"), room)
    with house.app.app_context():
        messages = page.as_dict()["messages"]
    assert [it["reply_to"] for it in messages] == [
        None,
        {
            "id": question,
            "seq": 1,
            "author_name": "Ben",
            "preview": "Who has the key? Anybody?",
            "deleted": False,
        },
    ]
    assert f'data-quoted-id="{question}"' in messages[1]["html"]
    edit(house, "ben", question, "Who has it?")
    assert give(house, "ben", answer).reply_to == {
        "id": question,
        "seq": 1,
        "author_name": "Ben",
        "preview": "Who has it?",
        "deleted": False,
    }
    delete(house, "ben", question)
    quoted = give(house, "cleo", answer).reply_to
    assert quoted is not None
    assert (quoted["preview"], quoted["deleted"], quoted["author_name"]) == ("", True, "Ben")


def test_a_retried_answer_is_the_first_one_as_it_is_now(house: House) -> None:
    room = house.room("ben")
    question = told(house, "ben", room)
    ask = partial(house.act, send_message, house.actor("ben"), room_id=room, body="a", client_id="twice-0001")
    first = ask(reply_to_id=question)
    give(house, "ben", first.id)
    again = ask(reply_to_id=question)
    assert (again.id, again.reply_to) == (first.id, first.reply_to)
    assert [it["emoji"] for it in again.reactions] == ["👍"]
    delete(house, "ben", first.id)
    assert ask(reply_to_id=question).deleted, "what was deleted does not come back with a retry"


def test_only_what_one_can_read_in_this_room_and_is_not_deleted_can_be_answered(house: House) -> None:
    room = house.room("ben", "cleo")
    elsewhere = told(house, "ben", house.room("ben", name="Shed"))
    of_others = told(house, "ada", house.room("ada", name="Attic"))
    gone = told(house, "ben", room)
    delete(house, "ben", gone)
    before = last_seq(house, room)
    for message in (elsewhere, of_others, gone, 999_999, -1):
        with pytest.raises(Conflict, match="without it") as refusal:
            told(house, "ben", room, "what?", reply_to_id=message)
        assert set(refusal.value.fields) == {"reply_to_id"}
    assert last_seq(house, room) == before


# Where newcomers see a room from their arrival on


def test_newcomers_learn_nothing_of_what_was_said_before_them(house: House) -> None:
    room = house.room("ben", "cleo", from_arrival=True)
    old = told(house, "ben", room, "the old secret")
    first_answer = told(house, "cleo", room, "psst", reply_to_id=old)
    assert give(house, "cleo", first_answer).reply_to is not None
    house.add("ben", room, "gus")
    seen_by_gus = house.actor("gus")

    answer = told(house, "cleo", room, "what I said", reply_to_id=old)
    changed = edit(house, "ben", old, "the old secret, told anew")

    for act in ACTS.values():
        with pytest.raises(NotFound):
            act(house, "gus", old)
    with pytest.raises(Conflict):
        told(house, "gus", room, "what secret?", reply_to_id=old)
    caught_up = house.act(changes_after, seen_by_gus, room, after=0)
    assert [it["id"] for it in caught_up["messages"]] == [answer]
    assert caught_up["last_seq"] == changed.changed_seq, "they know that they have everything"
    assert "secret" not in str(caught_up)
    assert caught_up["messages"][0]["reply_to"] == {
        "id": old,
        "seq": 1,
        "author_name": "",
        "preview": "",
        "deleted": False,
    }


# Numbers: unread, the list of conversations, catching up


def test_changes_are_no_news_and_leave_what_is_unread_as_it_was(house: House) -> None:
    room = house.room("ben", "cleo")
    cleo = house.id_of("cleo")
    first, second = told(house, "ben", room, "one"), told(house, "ben", room, "two")
    assert unread(house, room) == 2
    edit(house, "ben", first)
    give(house, "ben", second)
    assert unread(house, room) == 2
    house.act(mark_read, house.actor("cleo"), room_id=room, seq=1)
    assert unread(house, room) == 1
    delete(house, "ben", second)
    assert unread(house, room) == 0

    third = told(house, "ben", room, "three")
    assert row(house, third).seq == 6, "places have gaps where there were changes"
    assert unread(house, room) == 1
    (line,) = [it for it in house.act(sidebar, cleo) if it.room.id == room]
    assert (line.unread, line.last_seq) == (1, 6)
    assert line.last_message is not None
    assert line.last_message.preview == "three"
    delete(house, "ben", third)
    (line,) = [it for it in house.act(sidebar, cleo) if it.room.id == room]
    assert line.last_message is not None
    assert (line.unread, line.last_message.preview) == (0, "other words")
    assert house.act(mark_read, house.actor("cleo"), room_id=room, seq=999) == 0
    with house.rows() as session:
        mine = sa.select(Membership.last_read_seq).filter_by(room_id=room, user_id=cleo)
        assert session.scalar(mine) == last_seq(house, room)
    told(house, "ben", room, "four")
    assert unread(house, room) == 1


def test_whoever_was_away_catches_up_with_every_kind_of_change(house: House) -> None:
    room = house.room("ben", "cleo")
    messages = [told(house, "ben", room, f"message {number}") for number in range(5)]
    seen = last_seq(house, room)
    edit(house, "ben", messages[0], "edited")
    delete(house, "ben", messages[1])
    give(house, "cleo", messages[2])
    give(house, "cleo", messages[3])
    take(house, "cleo", messages[3])
    new = told(house, "ben", room, "new", reply_to_id=messages[4])

    missed = house.act(changes_after, house.actor("cleo"), room, after=seen)

    by_id = {it["id"]: it for it in missed["messages"]}
    assert list(by_id) == [*messages[:4], new]
    assert by_id[messages[0]]["body"] == "edited"
    assert by_id[messages[1]]["deleted"] is True
    assert [it["emoji"] for it in by_id[messages[2]]["reactions"]] == ["👍"]
    assert by_id[messages[3]]["reactions"] == []
    assert by_id[new]["reply_to"]["preview"] == "message 4"
    assert missed["last_seq"] == max(it["changed_seq"] for it in missed["messages"])
    assert house.act(changes_after, house.actor("cleo"), room, after=missed["last_seq"])["messages"] == []


def test_a_page_of_many_reactions_and_answers_asks_no_more_than_one_of_few(house: House) -> None:
    room = house.room("ben", "cleo")
    first = told(house, "ben", room)
    give(house, "ben", told(house, "ben", room, reply_to_id=first))

    def asked() -> int:
        seen: list[str] = []
        with house.app.app_context():
            engine = house.app.extensions["sqlalchemy"].engine

        def note(*args: Any) -> None:
            seen.append(args[2])

        event.listen(engine, "before_cursor_execute", note)
        house.act(changes_after, house.actor("cleo"), room, after=0)
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    before = asked()
    for _ in range(10):
        give(house, "cleo", told(house, "ben", room, reply_to_id=first))
    assert asked() == before


# At the same moment


def test_of_two_who_delete_at_once_one_is_written_down(house: House) -> None:
    room = house.room("ben", "cleo", "ada", kind=RoomKind.PUBLIC)
    for _ in range(5):
        message = told(house, "cleo", room)
        before, entries = last_seq(house, room), len(deletions(house))
        results = at_once(*[partial(delete, house, name, message) for name in ("ben", "ada")])
        assert [result.deleted for result in results] == [True, True]
        assert last_seq(house, room) == before + 1
        assert len(deletions(house)) == entries + 1


def test_what_is_deleted_and_edited_at_once_ends_deleted(house: House) -> None:
    room = house.room("ben", "cleo")
    for _ in range(5):
        message = told(house, "ben", room, "before")
        results = at_once(
            partial(edit, house, "ben", message, "after"),
            partial(delete, house, "ben", message),
            partial(give, house, "cleo", message),
        )
        assert all(isinstance(it, MessageChanged | Conflict) for it in results), results
        left = row(house, message)
        assert (left.body, left.edited_at, left.deleted_at is not None) == ("", None, True)
        with house.rows() as session:
            assert session.scalars(sa.select(MessageReaction).filter_by(message_id=message)).all() == []


def test_the_same_reaction_twice_at_once_is_one(house: House) -> None:
    room = house.room("ben", "cleo")
    for _ in range(5):
        message = told(house, "ben", room)
        before = last_seq(house, room)
        results = at_once(*[partial(give, house, "cleo", message) for _ in range(3)])
        assert not [it for it in results if isinstance(it, HomeChatError)]
        assert {it.reactions[0]["count"] for it in results} == {1}
        assert last_seq(house, room) == before + 1


def test_each_change_takes_a_number_of_its_own(house: House) -> None:
    room = house.room("ben", "cleo")
    message = told(house, "ben", room)
    results = at_once(
        *[partial(edit, house, "ben", message, f"version {number}") for number in range(3)],
        *[partial(give, house, name, message, "🎉") for name in ("ben", "cleo")],
        *[partial(told, house, "cleo", room) for _ in range(3)],
    )
    changed = [it.changed_seq for it in results if isinstance(it, MessageChanged)]
    assert sorted([*changed, *(row(house, it).seq for it in results if isinstance(it, int))]) == [
        *range(2, 10)
    ]


# helpers


def room_with_all(house: House, kind: str, *, owner: str) -> int:
    """Make a room of this kind with the whole cast in it; in a public or private one `owner` leads."""
    everybody = ["ada", "ben", "cleo", "gus", "rex", "olga"]
    if kind == "direct":
        room = house.direct("ada", *(name for name in everybody if name not in ("ada", "rex")))
    elif kind == "home":
        room = house.home().id
    else:
        room = house.room("cleo", name=f"All {next(numbers)}", kind=RoomKind(kind))
    with house.rows() as session, transaction():
        here = set(session.scalars(sa.select(Membership.user_id).filter_by(room_id=room)))
        for name in everybody:
            if house.id_of(name) not in here and not (kind == "home" and name == "olga"):
                session.add(Membership(room_id=room, user_id=house.id_of(name), role="member"))
        session.flush()
        if kind in ("public", "private"):
            session.execute(sa.update(Membership).filter_by(room_id=room).values(role="member"))
            mine = sa.update(Membership).filter_by(room_id=room, user_id=house.id_of(owner))
            session.execute(mine.values(role="owner"))
    return room


def deletions(house: House) -> list[Any]:
    return house.act(audit.entries, action=Action.MESSAGE_DELETED_BY_ADMIN)


def unread(house: House, room: int) -> int:
    return house.act(unread_in, house.id_of("cleo"), room)


def test_the_cast_is_what_these_tests_take_it_for(house: House) -> None:
    roles = {name: Role(house.person(name).role) for name in ("ada", "ben", "gus", "rex")}
    assert roles == {"ada": Role.ADMIN, "ben": Role.MEMBER, "gus": Role.GUEST, "rex": Role.BOT}
    assert isinstance(house.actor("ben"), Actor)
