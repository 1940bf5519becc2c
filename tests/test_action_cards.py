"""Cards: what programs ask people with a message; the first tap counts, and whoever asked is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.accounts import api_tokens
from homechat.actor import Actor, Door
from homechat.bots.actions import change_bot, set_active
from homechat.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from homechat.household.people import lock_person
from homechat.messages.action_cards import OPEN_MAX, ActionCard, CardAction, Style
from homechat.messages.actions import send_message
from homechat.messages.answering import answer_card
from homechat.messages.changes import delete_message, edit_message
from homechat.messages.history import changes_after, page_before
from homechat.messages.models import Message, MessageAnswer
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import remove_member
from homechat.security import limits
from homechat.security.policy import RoomKind, Scope
from tests.api_client import Program, app_of, new_token, program_of
from tests.conftest import close
from tests.house import House
from tests.postgres import empty_house, move_in
from tests.receivers import Receiver, black_hole
from tests.test_bots import make_bot
from tests.test_deliveries import deliver, listening, rows, states
from tests.test_postgresql import at_once
from tests.test_webhooks import Hook, signed

BUTTONS = (
    CardAction("let_in", "Let in", Style.PRIMARY),
    CardAction("wait", "Wait"),
    CardAction("away", "Send away", Style.DANGER, "Really send them away?"),
)
AS_SENT = [
    {"id": "let_in", "label": "Let in", "style": "primary"},
    {"id": "wait", "label": "Wait"},
    {"id": "away", "label": "Send away", "style": "danger", "confirm": "Really send them away?"},
]
AS_GIVEN = [{"style": "default", "confirm": "", **button} for button in AS_SENT]
HOUR = timedelta(hours=1)
numbers = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house of either kind with Ada (admin), Ben and Cleo (members) in it."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
        return
    house = move_in(empty_house(request.getfixturevalue("postgres_url"), tmp_path / "pg"))
    yield house
    close(house)


def ask(
    house: House, room: int, who: str = "ada", actions: tuple[CardAction, ...] = BUTTONS, **more: Any
) -> int:
    """Have a message be sent with a card on it, and return its id."""
    sent = house.act(
        send_message,
        house.actor(who, Door.API),
        room_id=room,
        body="Somebody rings",
        client_id=f"card-{next(numbers):06}",
        card=ActionCard(actions=actions, **more),
    )
    return sent.id


def tap(house: House, who: str, message: int, action: str = "let_in") -> dict[str, Any]:
    """Have somebody tap a button, and return the message as they are told of it."""
    return house.act(answer_card, house.actor(who), message_id=message, action_id=action).payload()


def taps(house: House) -> list[tuple[int, str, bool]]:
    with house.rows() as session:
        query = sa.select(MessageAnswer).order_by(MessageAnswer.id)
        return [(row.user_id, row.action_id, row.is_ack) for row in session.scalars(query)]


def person(house: House, name: str) -> dict[str, Any]:
    return {"id": house.id_of(name), "username": name}


# what is asked


def test_a_card_is_in_the_message_wherever_that_shows(house: House) -> None:
    room = house.room("ben", "cleo")
    end = clock.now().replace(microsecond=0) + HOUR
    message = ask(house, room, "ben", ack_required=True, expires_at=end)

    expected = {
        "actions": AS_GIVEN,
        "answered": None,
        "ack_required": True,
        "acks": [],
        "waiting_for": [person(house, "cleo")],
        "expires_at": clock.as_iso(end),
    }
    in_history = house.act(lambda: page_before(house.actor("cleo"), room).as_dict())["messages"][-1]
    caught_up = house.act(changes_after, house.actor("cleo"), room, after=0)["messages"][-1]
    at_the_api = program_of(house, "cleo").get(f"/messages/{message}").json["message"]
    for told in (in_history, caught_up, at_the_api):
        assert {name: told[name] for name in expected} == expected
    for told in (in_history, caught_up):
        assert 'data-action-id="let_in"' in told["html"]


def test_a_message_without_a_card_asks_nothing(house: House) -> None:
    room = house.room("ben", "cleo")
    house.say("ben", room, "hello")
    told = house.act(lambda: page_before(house.actor("cleo"), room).as_dict())["messages"][-1]
    assert (told["actions"], told["answered"], told["ack_required"], told["acks"]) == ([], None, False, [])
    assert (told["waiting_for"], told["expires_at"]) == ([], None)
    with pytest.raises(Invalid, match="no such button"):
        tap(house, "cleo", told["id"])


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "five buttons": ("actions", {"actions": tuple(CardAction(f"a{n}", "A") for n in range(5))}),
    "no id": ("actions", {"actions": (CardAction("", "A"),)}),
    "an id with a space": ("actions", {"actions": (CardAction("a b", "A"),)}),
    "a long id": ("actions", {"actions": (CardAction("a" * 65, "A"),)}),
    "an id twice": ("actions", {"actions": (CardAction("a", "A"), CardAction("a", "B"))}),
    "no label": ("actions", {"actions": (CardAction("a", " \u200b"),)}),
    "a long label": ("actions", {"actions": (CardAction("a", "A" * 41),)}),
    "an unknown style": ("actions", {"actions": (CardAction("a", "A", "huge"),)}),
    "a long question": ("actions", {"actions": (CardAction("a", "A", confirm="?" * 201),)}),
    "an ack of its own": ("actions", {"actions": (CardAction("ack", "A"),), "ack_required": True}),
    "an end that was": ("expires_at", {"expires_at": clock.now() - HOUR}),
    "an end far away": ("expires_at", {"expires_at": clock.now() + OPEN_MAX + HOUR}),
    "an end of nothing": ("expires_at", {"actions": (), "expires_at": clock.now() + HOUR}),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_a_card_that_makes_no_sense_is_refused_and_nothing_is_sent(house: House, what: str) -> None:
    room = house.room("ben", "cleo")
    field, card = WRONG[what]
    with pytest.raises(Invalid) as refused:
        ask(house, room, "ben", **card)
    assert set(refused.value.fields) == {field}
    assert house.act(changes_after, house.actor("ben"), room, after=0)["messages"] == []


def test_a_card_at_every_limit_is_taken(house: House) -> None:
    room = house.room("ben", "cleo")
    widest = tuple(CardAction(f"{n}" * 64, "🦦" * 40, Style.DANGER, "?" * 200) for n in range(4))
    message = ask(house, room, "ben", widest, ack_required=True, expires_at=clock.now() + OPEN_MAX)
    assert tap(house, "cleo", message, "3" * 64)["answered"]["action_id"] == "3" * 64


# the first tap counts


def test_the_first_tap_wins_and_everybody_is_told(both: House) -> None:
    room = both.room("ben", "cleo", "ada")
    message = ask(both, room, "ada")

    told = tap(both, "ben", message)

    answered = {"action_id": "let_in", "by": person(both, "ben"), "at": told["answered"]["at"]}
    assert told["answered"] == answered
    assert told["answer"] == {"type": "action", **answered}
    assert told["changed_seq"] == told["seq"] + 1
    assert "Ben</strong>: <span" in told["html"]
    assert 'data-action-id="wait"' not in told["html"]
    with pytest.raises(Conflict, match="Ben was first: Let in"):
        tap(both, "cleo", message, "wait")
    with pytest.raises(Conflict, match="Ben was first: Let in"):
        tap(both, "cleo", message, "let_in")
    with pytest.raises(Conflict, match="You have answered already: Let in"):
        tap(both, "ben", message, "wait")
    assert taps(both) == [(both.id_of("ben"), "let_in", False)]


def test_the_same_tap_again_changes_nothing(both: House) -> None:
    room = both.room("ben", "cleo")
    message = ask(both, room, "cleo", ack_required=True, expires_at=clock.now() + HOUR)
    first = tap(both, "ben", message)
    seen = tap(both, "ben", message, "ack")
    with clock.moved(2 * HOUR):
        again = [tap(both, "ben", message), tap(both, "ben", message, "ack")]
    assert {it["changed_seq"] for it in again} == {seen["changed_seq"]}
    assert again[0]["answered"] == first["answered"]
    assert len(taps(both)) == 2


def test_of_taps_at_once_exactly_one_wins(both: House) -> None:
    names = ["ada", "ben", "cleo"]
    room = both.room(*names)
    for _round in range(4):
        message = ask(both, room, "ada")

        results = at_once(
            *[partial(tap, both, name, message, action.id) for name in names for action in BUTTONS[:2]]
        )

        won = [result for result in results if isinstance(result, dict)]
        lost = [result for result in results if not isinstance(result, dict)]
        assert (len(won), len(lost)) == (1, 5)
        with both.rows() as session:
            rows = session.scalars(sa.select(MessageAnswer).where(MessageAnswer.message_id == message)).all()
        assert [(row.user_id, row.action_id) for row in rows] == [
            (won[0]["answered"]["by"]["id"], won[0]["answered"]["action_id"])
        ]
        assert {type(refusal) for refusal in lost} == {Conflict}
        others = [str(refusal) for refusal in lost if "already" not in str(refusal)]
        assert len(others) == 4
        assert all("was first" in sentence for sentence in others)


def test_the_database_itself_knows_one_winner(both: House) -> None:
    message = ask(both, both.room("ben", "cleo"), "ben")
    tap(both, "ben", message)
    row = {"message_id": message, "user_id": both.id_of("cleo"), "action_id": "wait", "is_ack": False}
    with both.rows() as session, pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.insert(MessageAnswer), [row])


# have you seen it?


def test_each_person_says_that_they_have_seen_it(both: House) -> None:
    room = both.room("ben", "cleo", "ada")
    message = ask(both, room, "ben", (), ack_required=True)

    first = tap(both, "cleo", message, "ack")
    assert [ack["by"]["username"] for ack in first["acks"]] == ["cleo"]
    assert [it["username"] for it in first["waiting_for"]] == ["ada"]
    assert first["answer"]["type"] == "ack"

    second = tap(both, "ada", message, "ack")
    assert [ack["by"]["username"] for ack in second["acks"]] == ["cleo", "ada"]
    assert second["waiting_for"] == []
    assert second["answered"] is None


def test_people_at_once_have_all_seen_it(both: House) -> None:
    names = ["ada", "ben", "cleo"]
    message = ask(both, both.room(*names), "ada", ack_required=True)
    results = at_once(*[partial(tap, both, name, message, "ack") for name in names * 2])
    assert all(isinstance(result, dict) for result in results)
    assert sorted(taps(both)) == sorted((both.id_of(name), "ack", True) for name in names)


def test_nobody_waits_for_bots_for_who_came_later_or_who_is_locked_out(house: House) -> None:
    room = house.room("ben", "cleo", "gus", "rex", name="Pets", kind=RoomKind.PUBLIC)
    message = ask(house, room, "ben", (), ack_required=True)
    house.add("ben", room, "ada")
    house.act(lock_person, house.actor("ada"), house.id_of("cleo"))
    told = house.act(lambda: page_before(house.actor("ada"), room).as_dict())["messages"][-1]
    assert [it["username"] for it in told["waiting_for"]] == ["gus"]
    assert [ack["by"]["username"] for ack in tap(house, "ada", message, "ack")["acks"]] == ["ada"]  # But may.


# who may


def test_guests_answer_where_they_are(house: House) -> None:
    message = ask(house, house.home().id)
    assert tap(house, "gus", message)["answered"]["by"]["username"] == "gus"


@pytest.mark.parametrize("kind", ["public", "private"])
def test_who_is_not_in_the_room_does_not_know_of_it(house: House, kind: str) -> None:
    message = ask(house, house.room("ben", kind=RoomKind(kind)), "ben")
    for name in ("ada", "cleo", "gus", "olga"):
        with pytest.raises(NotFound):
            tap(house, name, message)
    assert taps(house) == []
    assert tap(house, "ben", message)  # Guard.


def test_bots_do_not_answer(house: House) -> None:
    public = ask(house, house.room("ben", kind=RoomKind.PUBLIC), "ben")
    private = ask(house, house.room("ben", "rex"), "ben")
    for message in (public, private):
        with pytest.raises(Forbidden, match="Only people"):
            tap(house, "rex", message)
    assert taps(house) == []


def test_nobody_answers_in_an_archived_room_nor_after_leaving(house: House) -> None:
    room = house.room("ben", "cleo", "ada")
    message = ask(house, room, "ben", ack_required=True)
    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))
    with pytest.raises(NotFound):
        tap(house, "cleo", message)
    house.act(archive_room, house.actor("ben"), room)
    for action in ("let_in", "ack"):
        with pytest.raises(Forbidden, match="archived"):
            tap(house, "ada", message, action)


def test_the_token_that_asked_does_not_answer_and_its_person_does(house: House) -> None:
    room = house.room("ben", "cleo")
    script, phone = program_of(house, "ben"), app_of(house, "ben")
    sent = script.post(f"/channels/{room}/messages", {"message": "Ring", "actions": AS_SENT})
    path = f"/messages/{sent.json['message']['id']}/answer"

    refused = script.post(path, {"action_id": "let_in"})
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert taps(house) == []
    assert phone.post(path, {"action_id": "let_in"}).status_code == 200


def test_there_are_so_many_answers_a_minute(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True)
    for _ in range(30):
        house.act(limits.spend, limits.ANSWERS, house.id_of("cleo"))
    with pytest.raises(TooMany):
        tap(house, "cleo", message)
    assert tap(house, "ben", message)


# what becomes of the message


def test_after_its_end_nobody_answers(house: House) -> None:
    message = ask(house, house.room("ben", "cleo"), "ben", ack_required=True, expires_at=clock.now() + HOUR)
    with clock.moved(HOUR + timedelta(seconds=1)):
        for action in ("let_in", "ack"):
            with pytest.raises(Conflict, match="too late"):
                tap(house, "cleo", message, action)
    assert taps(house) == []
    with clock.moved(HOUR - timedelta(seconds=30)):
        assert tap(house, "cleo", message)["answered"]


@pytest.mark.parametrize("action", ["let_in", "ack"])
def test_what_was_answered_is_not_given_another_text(house: House, action: str) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True)
    program = program_of(house, "ben", Scope.MESSAGES_READ.value, Scope.MESSAGES_WRITE.value)
    about = f"/messages/{message}"
    assert program.patch(about, {"message": "Who rings?"}).status_code == 200
    assert f"{about[1:]}/edit" in house.client("ben").get(about).text
    tap(house, "cleo", message, action)

    changed_buttons = {"message": "Burn it all?", "actions": AS_SENT[:1]}
    for sent in ({"message": "Burn it all?"}, changed_buttons):
        reply = program.patch(about, sent)
        assert (reply.status_code, reply.json["code"]) == (409, "conflict")
        assert reply.json["error"] == "Somebody has answered this as it is. Write a new one to put it right."
    ben = house.client("ben")
    refused = ben.post(f"{about}/edit", {"body": "Burn it all?"})
    assert refused.status_code == 409
    assert "Somebody has answered this as it is." in refused.text
    assert f"{about[1:]}/edit" not in ben.get(about).text
    with house.rows() as session:
        row = session.get(Message, message, populate_existing=True)
        assert row.body == "Who rings?"
        assert [button["id"] for button in row.payload["card"]["actions"]] == ["let_in", "wait", "away"]
    house.act(edit_message, house.actor("ben"), message_id=message, body="Who rings?")  # As it is.


def test_a_bot_that_was_answered_says_it_anew_too(house: House) -> None:
    _row, spelled = new_token(house, "ada", "messages:write", as_bot=True, called="Bell")
    bot = Program(house, spelled)
    message = bot.post("/messages", {"message": "Somebody rings", "actions": AS_SENT}).json["message"]["id"]
    assert bot.patch(f"/messages/{message}", {"message": "Who rings?"}).status_code == 200
    tap(house, "cleo", message)
    assert bot.patch(f"/messages/{message}", {"message": "Burn it all?"}).status_code == 409


def test_of_an_answer_and_an_edit_at_once_the_answer_is_to_the_text_that_stays(both: House) -> None:
    room = both.room("ada", "ben", "cleo")
    for number in range(8):
        message = ask(both, room, "ada")
        edit = partial(both.act, edit_message, both.actor("ada"), message_id=message, body=f"Number {number}")
        edited, tapped = at_once(edit, partial(tap, both, "cleo", message))
        assert isinstance(tapped, dict)
        if isinstance(edited, Exception):
            assert isinstance(edited, Conflict)
        else:
            assert edited.payload()["changed_seq"] < tapped["changed_seq"]


def test_an_edited_message_keeps_its_buttons_and_a_deleted_one_loses_them(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True)
    edited = house.act(edit_message, house.actor("ben"), message_id=message, body="Who rings?").payload()
    assert [button["id"] for button in edited["actions"]] == ["let_in", "wait", "away"]
    tap(house, "cleo", message)

    deleted = house.act(delete_message, house.actor("ben"), message_id=message).payload()
    assert (deleted["actions"], deleted["answered"], deleted["ack_required"]) == ([], None, False)
    assert "action-card" not in deleted["html"]
    assert taps(house) == []
    with pytest.raises(Conflict, match="deleted"):
        tap(house, "ben", message, "ack")


# the API


def test_a_program_asks_and_reads_the_answer(house: House) -> None:
    room = house.room("ben", "cleo")
    script, cleo = program_of(house, "ben"), app_of(house, "cleo")
    end = clock.as_iso(clock.now() + HOUR)
    asked = {"actions": AS_SENT, "ack_required": True, "expires_at": end}
    ways = [
        ("/messages", {"room_id": room}),
        (f"/channels/{room}/messages", {}),
        (f"/users/{house.id_of('cleo')}/messages", {}),
    ]
    for path, where in ways:
        reply = script.post(path, {"message": "Somebody rings", **where, **asked})
        assert reply.status_code == 200, reply.json
        sent = reply.json["message"]
        assert (sent["actions"], sent["ack_required"], sent["expires_at"]) == (AS_GIVEN, True, end)

        answered = cleo.post(f"/messages/{sent['id']}/answer", {"action_id": "let_in"})
        assert answered.status_code == 200, answered.json
        assert answered.json["data"]["message"] == answered.json["message"]
        read = script.get(f"/messages/{sent['id']}").json["message"]
        assert read["answered"] == answered.json["message"]["answered"]
        assert (read["answered"]["by"], read["answered"]["action_id"]) == (person(house, "cleo"), "let_in")
        again = cleo.post(f"/messages/{sent['id']}/answer", {"action_id": "let_in"})
        assert again.status_code == 200
        late = app_of(house, "ben").post(f"/messages/{sent['id']}/answer", {"action_id": "wait"})
        assert (late.status_code, late.json["error"]) == (409, "Cleo was first: Let in")


def test_a_form_with_a_picture_asks_too(house: House) -> None:
    room = house.room("ben", "cleo")
    form = {
        "message": "Who is that?",
        "actions": '[{"id": "let_in", "label": "Let in"}]',
        "ack_required": "true",
        "files[]": (BytesIO(b"no picture"), "door.txt"),
    }
    reply = program_of(house, "ben").ask(
        "POST", f"/channels/{room}/messages", data=form, content_type="multipart/form-data"
    )
    assert reply.status_code == 200, reply.json
    sent = reply.json["message"]
    assert ([button["id"] for button in sent["actions"]], sent["ack_required"]) == (["let_in"], True)
    assert len(sent["files"]) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actions", "yes"),
        ("actions", "[" * 5000),
        ("actions", {"id": "a", "label": "A"}),
        ("actions", [{"id": "a"}]),
        ("actions", [{"id": 7, "label": "A"}]),
        ("actions", [["a", "A"]]),
        ("actions", [{"id": "a", "label": "A", "style": "loud"}]),
        ("actions", [{"id": "a", "label": "A", "style": 0}]),
        ("actions", [{"id": "a", "label": "A", "confirm": False}]),
        ("actions", [{"id": "a", "label": "A\0"}]),
        ("actions", AS_SENT * 2),
        ("ack_required", "perhaps"),
        ("ack_required", 0),
        ("ack_required", 1),
        ("expires_at", "tomorrow"),
        ("expires_at", 7),
        ("expires_at", "2001-01-01"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(house: House, field: str, value: Any) -> None:
    room = house.room("ben", "cleo")
    asked = {"message": "hm", "actions": AS_SENT, field: value}
    by_api = program_of(house, "ben").post(f"/channels/{room}/messages", asked)
    assert (by_api.status_code, by_api.json["code"]) == (422, "invalid")
    assert list(by_api.json["fields"]) == [field]
    made = make_bot(house, "ada", "Mower")
    by_hook = Hook(house, made.bot, made.secret).call(asked)
    if "\\x00" not in repr(value):  # What nobody sees is taken out of what a hook says.
        assert by_hook.status_code == 422, by_hook.json
        assert list(by_hook.json["fields"]) == [field]


@pytest.mark.parametrize(
    ("value", "is_asked"), [("true", True), ("false", False), (None, False), (True, True)]
)
def test_both_doors_read_the_same_of_what_is_asked(house: House, value: Any, is_asked: bool) -> None:
    button = {"id": "a", "label": "A", "style": "", "confirm": None}
    asked = {"message": "hm", "actions": [button], "ack_required": value, "expires_at": None}
    ada = program_of(house, "ada")
    made = make_bot(house, "ada", "Mower")
    for called in (ada.post("/messages", asked), Hook(house, made.bot, made.secret).call(asked)):
        assert called.status_code == 200, called.json
        sent = ada.get(f"/messages/{called.json['message']['id']}").json["message"]
        assert sent["actions"] == [{**button, "style": "default", "confirm": ""}]
        assert (sent["ack_required"], sent["expires_at"]) == (is_asked, None)


def test_answering_needs_the_scope_a_person_and_a_button_that_is_there(house: House) -> None:
    room = house.room("ben", "cleo", kind=RoomKind.PUBLIC)
    path = f"/messages/{ask(house, room, 'ben')}/answer"
    reader = Program(house, new_token(house, "cleo", Scope.MESSAGES_READ.value)[1])
    bot = program_of(house, "cleo", as_bot=True)
    cleo = program_of(house, "cleo")

    assert reader.post(path, {"action_id": "let_in"}).json["code"] == "scope_needed"
    assert bot.post(path, {"action_id": "let_in"}).json["code"] == "forbidden"
    assert program_of(house, "ada").post(path, {"action_id": "let_in"}).status_code == 404
    for sent in ({}, {"action_id": "no"}, {"action_id": ""}, {"action_id": 7}, {"action_id": "ack"}):
        refused = cleo.post(path, sent)
        assert (refused.status_code, list(refused.json["fields"])) == (422, ["action_id"])
    assert taps(house) == []
    assert cleo.post(path, {"action_id": "let_in"}).status_code == 200


def test_one_message_is_read_by_those_who_may(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben")
    assert program_of(house, "cleo").get(f"/messages/{message}").json["message"]["id"] == message
    assert program_of(house, "ada").get(f"/messages/{message}").status_code == 404
    assert (
        program_of(house, "cleo", Scope.MESSAGES_WRITE.value).get(f"/messages/{message}").status_code == 403
    )
    house.act(delete_message, house.actor("ben"), message_id=message)
    assert program_of(house, "cleo").get(f"/messages/{message}").status_code == 404


# pages without a script


def test_a_page_without_a_script_answers(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True)
    cleo = house.client("cleo")
    page = cleo.get(f"/messages/{message}").text
    assert "Really send them away?" in page

    reply = cleo.post(f"/messages/{message}/answer", {"action_id": "away"}, form_on=f"/messages/{message}")
    assert (reply.status_code, reply.location) == (302, f"/messages/{message}")
    assert taps(house) == [(house.id_of("cleo"), "away", False)]
    late = house.client("ben").post(f"/messages/{message}/answer", {"action_id": "wait"})
    assert late.status_code == 409
    assert "Cleo was first: Send away" in late.text
    seen = cleo.post(
        f"/messages/{message}/answer", {"action_id": "ack"}, headers={"Accept": "application/json"}
    )
    assert [ack["by"]["username"] for ack in seen.json["message"]["acks"]] == ["cleo"]


def test_the_page_of_a_message_says_in_words_how_its_card_stands(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True, expires_at=clock.now() + HOUR)
    assert words_about(house, "ben", message)[0] == "Waiting for Cleo"
    assert words_about(house, "cleo", message)[0] == "Waiting for you"
    assert "Open until" in words_about(house, "ben", message)[1]
    with clock.moved(HOUR + timedelta(seconds=1)):
        assert words_about(house, "ben", message)[0] == "Not seen by Cleo"
        assert "Expired" in words_about(house, "ben", message)[1]

    tap(house, "cleo", message, "ack")
    assert words_about(house, "ben", message)[0] == "Seen by Cleo"
    tap(house, "cleo", message)
    assert words_about(house, "ben", message) == ["Seen by Cleo"]


def test_who_asks_is_not_asked_whether_they_have_seen_it(house: House) -> None:
    room = house.room("ben", "cleo")
    message = ask(house, room, "ben", ack_required=True)
    assert 'value="ack"' in house.client("cleo").get(f"/messages/{message}").text
    assert 'value="ack"' not in house.client("ben").get(f"/messages/{message}").text


def words_about(house: House, who: str, message: int) -> list[str]:
    """Return what stands below the message on the page about it, a line for each thing."""
    page = house.client(who).get(f"/messages/{message}").text
    below = page.partition('<div class="about-message__people">')[2].partition("</div>")[0]
    lines = re.findall(r"<p>(.*?)</p>", below, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", line).split()) for line in lines]


# whoever asked is told


def asking_bot(house: House, url: str, room: int) -> Hook:
    made = listening(house, url, room=room)
    return Hook(house, made.bot, made.secret)


def test_a_bot_that_asked_by_a_signed_call_is_told_by_one(house: House) -> None:
    room = house.home().id
    with Receiver(500, 200) as receiver:
        hook = asking_bot(house, receiver.url, room)
        called = hook.call({"message": "Somebody rings", "actions": AS_SENT, "ack_required": True})
        message = called.json["message"]["id"]
        told = tap(house, "ben", message)
        assert [outcome.status for outcome in deliver(house) if outcome] == [500]
        with clock.moved(timedelta(seconds=6)):
            assert [outcome.status for outcome in deliver(house) if outcome] == [200]
        tap(house, "gus", message, "ack")
        deliver(house)
        first, second, third = receiver.received
    assert first.body == second.body
    assert first.headers["x-homechat-delivery"] == second.headers["x-homechat-delivery"]
    assert second.json == {
        "type": "action",
        "message_id": message,
        "action_id": "let_in",
        "by": person(house, "ben"),
        "room_id": house.home().name,
        "channel_id": room,
        "timestamp": told["answered"]["at"],
    }
    assert (third.json["type"], third.json["action_id"], third.json["by"]) == (
        "ack",
        "ack",
        person(house, "gus"),
    )
    for call in receiver.received:
        assert call.headers["x-homechat-signature"] == signed(hook.secret, call.body)
        assert call.headers["x-hub-signature-256"] == call.headers["x-homechat-signature"]
    assert states(house) == [("delivered", 2, 200, ""), ("delivered", 1, 200, "")]


def test_a_bot_of_a_token_is_told_though_it_hears_nothing_else(house: House) -> None:
    room = house.room("ben", "cleo", name="Porch", kind=RoomKind.PUBLIC)
    script = program_of(house, "ben", as_bot=True, called="Porch light")
    sent = script.post("/messages", {"message": "Off?", "room": "Porch", "actions": AS_SENT}).json["message"]
    with Receiver() as receiver:
        listening(house)
        with house.rows() as session:
            bot = session.execute(sa.text("SELECT id FROM bots WHERE bot_type = 'api'")).scalar_one()
        house.act(change_bot, house.actor("ben"), bot, {"callback_url": receiver.url})
        house.say("cleo", room, "@porch_light are you there?")
        tap(house, "cleo", sent["id"], "wait")
        deliver(house)
        (call,) = receiver.received
    assert (call.json["type"], call.json["action_id"]) == ("action", "wait")


def test_what_a_token_of_a_person_asked_is_told_to_the_bot_that_it_made(house: House) -> None:
    script = program_of(house, "ben")
    other = program_of(house, "ben", called="Another script")
    with Receiver() as receiver:
        listening(house)
        wanted = {"name": "Home", "bot_type": "webhook", "callback_url": receiver.url}
        made = script.post("/bots", {"bot": wanted}).json["bot"]
        others = other.post("/messages", {"message": "Off?", "room": "home", "actions": AS_SENT}).json[
            "message"
        ]
        asked = script.post("/messages", {"message": "On?", "room": "home", "actions": AS_SENT}).json[
            "message"
        ]
        tap(house, "cleo", others["id"], "wait")
        tap(house, "cleo", asked["id"], "wait")
        deliver(house)
        (call,) = receiver.received
    assert (call.json["type"], call.json["message_id"]) == ("action", asked["id"])
    assert call.headers["x-homechat-signature"] == signed(made["webhook_secret"], call.body)


def test_a_program_is_one_however_often_its_token_was_replaced(house: House) -> None:
    scopes = (Scope.BOTS_WRITE, Scope.MESSAGES_WRITE, Scope.MESSAGES_READ)
    row, spelled = new_token(house, "ben", *(scope.value for scope in scopes))
    card = {"message": "On?", "room": "home", "actions": AS_SENT}
    with Receiver() as receiver:
        listening(house)
        wanted = {"name": "Home", "bot_type": "webhook", "callback_url": receiver.url}
        made = Program(house, spelled).post("/bots", {"bot": wanted}).json["bot"]
        first = Program(house, spelled).post("/messages", card).json["message"]
        for _time in range(2):
            row, spelled = house.act(api_tokens.rotate, Actor.operator(), row.id)
        script = Program(house, spelled)

        assert script.post("/bots", {"bot": wanted}).json["bot"]["id"] == made["id"]
        assert script.post(f"/messages/{first['id']}/answer", {"action_id": "wait"}).status_code == 403
        asked = script.post("/messages", card).json["message"]
        tap(house, "cleo", asked["id"], "wait")
        house.say("cleo", house.home().id, "not for it")
        deliver(house)
        told = [call.json for call in receiver.received if call.json["type"] == "action"]
    assert [call["message_id"] for call in told] == [asked["id"]]


def test_a_script_of_a_person_is_not_called(house: House) -> None:
    listening(house)
    message = ask(house, house.home().id)
    tap(house, "ben", message)
    assert [row.kind for row in rows(house)] == ["message"]


def test_who_lost_the_race_is_not_told_of_and_a_retry_of_a_tap_neither(house: House) -> None:
    hook = asking_bot(house, "https://hooks.example.org/x", house.home().id)
    message = hook.call({"message": "Ring", "actions": AS_SENT}).json["message"]["id"]
    tap(house, "ben", message)
    tap(house, "ben", message)
    with pytest.raises(Conflict):
        tap(house, "cleo", message, "wait")
    assert [(row.kind, row.action_id, row.person_id) for row in rows(house)] == [
        ("action", "let_in", house.id_of("ben"))
    ]


def test_an_answer_goes_out_though_the_message_was_deleted_since(house: House) -> None:
    with Receiver() as receiver:
        hook = asking_bot(house, receiver.url, house.home().id)
        message = hook.call({"message": "Ring", "actions": AS_SENT}).json["message"]["id"]
        tap(house, "ben", message)
        house.act(delete_message, house.actor("ada"), message_id=message)
        deliver(house)
        (call,) = receiver.received
    assert (call.json["action_id"], call.json["by"]) == ("let_in", person(house, "ben"))


def test_a_bot_that_was_taken_out_of_the_room_or_switched_off_is_not_told(house: House) -> None:
    room = house.room("ben", "cleo", name="Cellar")
    hook = asking_bot(house, "https://hooks.example.org/x", house.home().id)
    house.add("ben", room, hook.bot.user.username)
    first = hook.call({"message": "One", "actions": AS_SENT, "room": "Cellar"}).json["message"]["id"]
    second = hook.call({"message": "Two", "actions": AS_SENT, "room": "Cellar"}).json["message"]["id"]
    tap(house, "cleo", first)
    house.act(remove_member, house.actor("ben"), room, hook.bot.user_id)
    deliver(house)
    assert states(house) == [("dead", 1, None, "left")]
    house.act(set_active, house.actor("ada"), hook.bot.id, active=False)
    tap(house, "cleo", second)
    assert len(rows(house)) == 1


def test_a_bot_that_never_answers_holds_up_nobody_who_taps(house: House) -> None:
    with black_hole() as port:
        hook = asking_bot(house, f"http://127.0.0.1:{port}/", house.home().id)
        messages = [
            hook.call({"message": "Ring", "actions": AS_SENT}).json["message"]["id"] for _ in range(3)
        ]
        for message in messages:
            assert tap(house, "ben", message)["answered"]
    assert states(house) == [("waiting", 0, None, "")] * 3


def test_what_others_send_to_a_hook_may_have_actions_of_its_own(house: House) -> None:
    made = make_bot(house, "ada", "Mower")
    hook = Hook(house, made.bot, made.secret)
    for sent in (
        {"action": "opened", "actions": 7, "alerts": [{"status": "firing"}]},
        {"command": "ping", "actions": "x"},
        {"state": "on", "actions": [1]},
    ):
        reply = hook.call(sent)
        assert reply.status_code == 200, reply.json
    with house.rows() as session:
        payloads = session.scalars(sa.select(Message.payload).where(Message.author_id == made.bot.user_id))
        assert list(payloads) == [None] * 3
