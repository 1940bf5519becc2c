"""What people write reaches bots: signed, again until it is taken, across restarts; and nobody in the house waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from homechat import audit, clock, settings
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.bots import actions, courier, deliveries, delivery_log
from homechat.bots.deliveries import DELAYS, KEPT, LEASE, Job, Outcome
from homechat.bots.delivery_log import counts_of
from homechat.bots.hearing import called_in, hearers_of
from homechat.bots.models import Bot, BotType, WebhookDelivery
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.lockdown import Kind
from homechat.messages.action_cards import ActionCard, CardAction
from homechat.messages.actions import send_message
from homechat.messages.answering import answer_card
from homechat.messages.models import Message
from homechat.operations.lockdown import lift
from homechat.operations.lockdown import start as lock_down
from homechat.rooms.membership import remove_member
from homechat.security import field_encryption, sending
from homechat.security.policy import RoomKind
from tests import secrets_used
from tests.api_client import Program, new_token
from tests.conftest import GENEROUS_LIMITS, close
from tests.devices import devices
from tests.house import House, copy_house
from tests.postgres import empty_house, move_in
from tests.receivers import LISTED, WAIT_SECONDS, Receiver, black_hole, certificate_in, dripping, redirect_to
from tests.server_process import ServerProcess
from tests.test_bots import make_bot
from tests.test_webhooks import Hook, signed

NOWHERE = "https://hooks.example.org/x"


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house of either kind with Ada (admin), Ben and Cleo (members) in it."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
        return
    house = move_in(empty_house(request.getfixturevalue("postgres_url"), tmp_path / "pg"))
    yield house
    close(house)


def listening(
    house: House, url: str = NOWHERE, *, name: str = "Lights", owner: str = "ada", room: int | None = None
) -> Any:
    """Make a bot that is told at `url` what is said in home, or in `room`; return it with its secret."""
    house.act(settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, LISTED)
    made = make_bot(house, owner, name, callback_url=url)
    house.add(owner, house.home().id if room is None else room, made.bot.user.username)
    return made


def rows(house: House) -> list[WebhookDelivery]:
    with house.rows() as session:
        query = sa.select(WebhookDelivery).order_by(WebhookDelivery.id)
        return list(session.scalars(query.execution_options(populate_existing=True)))


def deliver(house: House) -> list[Outcome | None]:
    """Do what a server does in the background, once for each bot; return what came of it."""
    came = []
    for job in house.act(deliveries.take, 10):
        outcome = courier.carry_out(house.app, job)
        if outcome is not None:
            house.act(deliveries.finish, job, outcome)
        came.append(outcome)
    return came


def states(house: House) -> list[tuple[str, int, int | None, str]]:
    return [(row.state, row.tries, row.response_status, row.problem) for row in rows(house)]


# who hears what


def test_a_bot_is_told_what_people_write_where_it_is(house: House) -> None:
    room = house.room("ben", "cleo", name="Cellar")
    elsewhere = house.room("ben", name="Attic")
    with Receiver() as receiver:
        made = listening(house, receiver.url, room=house.home().id)
        house.add("ben", room, made.bot.user.username)
        house.say("ben", room, "Light **on**, please ☕")
        house.say("ben", elsewhere, "Nobody hears this @lights")
        assert [outcome.status for outcome in deliver(house) if outcome] == [200]
        (call,) = receiver.received
    (row,) = rows(house)
    with house.rows() as session:
        message = session.get(Message, row.message_id)
    assert call.json == {
        "type": "message",
        "message": "Light **on**, please ☕",
        "sender": "ben",
        "sender_name": "Ben",
        "room_id": "Cellar",
        "channel_id": room,
        "message_id": message.id,
        "timestamp": clock.as_iso(message.created_at),
    }
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-homechat-signature"] == signed(made.secret, call.body)
    assert call.headers["x-hub-signature-256"] == call.headers["x-homechat-signature"]
    assert call.headers["x-homechat-delivery"] == row.uuid
    assert (row.state, row.tries, row.response_status) == ("delivered", 1, 200)


def test_a_bot_that_is_called_by_name_hears_it_in_public_rooms_only(house: House) -> None:
    public = house.room("ben", name="Garden", kind=RoomKind.PUBLIC)
    private = house.room("ben", name="Cellar")
    listening(house)
    for body in ("@lights on", "Hey @Lights!", "no lights", "@lightsaber", "me@lights.example", "x@lights"):
        house.say("ben", public, body)
        house.say("ben", private, body)
    with house.rows() as session:
        query = sa.select(Message.body).join(WebhookDelivery, WebhookDelivery.message_id == Message.id)
        assert list(session.scalars(query.order_by(Message.id))) == ["@lights on", "Hey @Lights!"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("@ben @Cleo, look", {"ben", "cleo"}),
        ("(@ben) *@cleo* @gus.", {"ben", "cleo", "gus"}),
        ("ben@example.org @@ben @b", set()),
        ("@ben-x @ben_x", {"ben_x"}),
    ],
)
def test_whom_a_text_calls(body: str, names: set[str]) -> None:
    assert called_in(body) == names


def test_a_direct_conversation_with_a_bot_reaches_it(house: House) -> None:
    with Receiver() as receiver:
        made = listening(house, receiver.url)
        room = house.direct("ben", made.bot.user.username)
        house.say("ben", room, "Only for you")
        deliver(house)
        (call,) = receiver.received
    assert (call.json["message"], call.json["room_id"], call.json["channel_id"]) == (
        "Only for you",
        "Ben",
        room,
    )


def test_what_bots_write_goes_to_no_bot(house: House) -> None:
    made = listening(house)
    listening(house, name="Echo")
    house.say(made.bot.user.username, house.home().id, "@echo @lights I am a bot")
    assert rows(house) == []
    house.say("ben", house.home().id, "And I am not")
    assert len(rows(house)) == 2  # Guard.


@pytest.mark.parametrize("kind", ["off", "api", "no address"])
def test_a_bot_that_is_not_to_be_told_anything_is_not(house: House, kind: str) -> None:
    more = {"api": {"bot_type": actions.BotType.API}, "no address": {"callback_url": ""}}.get(kind, {})
    made = make_bot(house, **{"callback_url": NOWHERE, **more})
    house.add("ben", house.home().id, made.bot.user.username)
    if kind == "off":
        house.act(actions.set_active, house.actor("ben"), made.bot.id, active=False)
    house.say("ben", house.home().id, "hi @lights")
    assert rows(house) == []


@pytest.mark.api
@pytest.mark.parametrize("way", ["locked", "guest", "erased", "the bot is locked"])
def test_a_bot_whose_owner_may_have_none_neither_hears_nor_speaks_until_they_are_back(
    house: House, way: str
) -> None:
    with Receiver() as receiver:
        house.act(settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, LISTED)
        row, token = new_token(house, "cleo", "messages:read", "messages:write", as_bot=True, called="Lights")
        with house.rows() as session, transaction():
            bot = session.scalars(sa.select(Bot).where(Bot.user_id == row.user_id)).one()
            bot.bot_type, bot.callback_url = BotType.WEBHOOK, receiver.url
            hook = Hook(house, bot, house.act(field_encryption.unseal, bot.sealed_secret))
        house.add("ben", house.home().id, "lights")
        program, person = Program(house, token), "lights" if way == "the bot is locked" else "cleo"

        def doors() -> list[int]:
            said = program.post("/messages", {"message": "by token"})
            return [program.get("/me").status_code, said.status_code, hook.call({"message": "x"}).status_code]

        def told() -> list[str]:
            return [call.json["message"] for call in receiver.received]

        def stand(values: dict[str, Any]) -> None:
            with house.rows() as session, transaction():
                session.execute(sa.update(User).where(User.username == person).values(**values))

        assert doors() == [200, 200, 200]
        house.say("ben", house.home().id, "waits")
        stand(
            {"guest": {"role": "guest"}, "erased": {"erased_at": clock.now()}}.get(
                way, {"standing": "locked"}
            )
        )
        house.say("ben", house.home().id, "not heard")
        assert len(rows(house)) == 1
        deliver(house)
        assert (doors(), told()) == ([401, 401, 404], [])
        assert states(house) == [("dead", 1, None, "switched_off")]

        stand({"role": "bot" if person == "lights" else "member", "erased_at": None, "standing": "active"})
        house.say("ben", house.home().id, "heard again")
        deliver(house)
        assert (doors(), told()) == ([200, 200, 200], ["heard again"])


def test_what_was_taken_back_meanwhile_is_not_delivered(house: House) -> None:
    with Receiver() as receiver:
        room = house.room("ben", name="Cellar")
        made = listening(house, receiver.url)
        house.add("ben", room, made.bot.user.username)

        house.say("ben", room, "Forget it")
        with house.rows() as session, transaction():
            session.execute(sa.update(Message).values(deleted_at=clock.now()))
        deliver(house)

        house.say("ben", room, "Not for machines")
        house.act(remove_member, house.actor("ben"), room, made.bot.user_id)
        deliver(house)

        house.add("ben", room, made.bot.user.username)
        house.say("ben", room, "Off with you")
        (job,) = house.act(deliveries.take, 1)
        house.act(actions.set_active, house.actor("ada"), made.bot.id, active=False)
        assert courier.carry_out(house.app, job) == Outcome(problem="switched_off", is_final=True)
        house.act(actions.set_active, house.actor("ada"), made.bot.id, active=True)
        deliver(house)
        assert receiver.received == []
    assert [(state, problem) for state, _tries, _status, problem in states(house)] == [
        ("dead", "deleted"),
        ("dead", "left"),
        ("dead", "switched_off"),
    ]


# again and again


def test_what_is_not_taken_is_tried_six_times_under_the_same_id(home: House) -> None:
    with Receiver(500, 404, 302, 503, 401, 400) as receiver:
        listening(home, receiver.url)
        home.say("ben", home.home().id, "hi")
        passed = timedelta()
        for number, delay in enumerate([*DELAYS, None], start=1):
            with clock.moved(passed):
                assert len(deliver(home)) == 1
                assert deliver(home) == []  # Not before its time.
                (row,) = rows(home)
                assert row.tries == number
                if delay is not None:
                    assert abs((row.next_try_at - clock.now() - delay).total_seconds()) < 5
            passed += (delay or timedelta()) + timedelta(seconds=1)
        with clock.moved(passed + timedelta(days=1)):
            assert deliver(home) == []
        ids = {call.headers["x-homechat-delivery"] for call in receiver.received}
        assert len(receiver.received) == 6
        assert ids == {row.uuid}
    assert states(home) == [("dead", 6, 400, "")]
    assert [delay.total_seconds() for delay in DELAYS] == [5, 30, 120, 600, 3600]


def test_after_a_while_it_arrives(house: House) -> None:
    with Receiver(500, 200) as receiver:
        listening(house, receiver.url)
        house.say("ben", house.home().id, "hi")
        deliver(house)
        with clock.moved(timedelta(seconds=6)):
            deliver(house)
        assert receiver.received[0].body == receiver.received[1].body
    assert states(house) == [("delivered", 2, 200, "")]


def test_what_goes_wrong_is_written_down_in_a_word(house: House) -> None:
    with black_hole() as hole, Receiver() as inside, Receiver(answer=redirect_to(inside.url)) as elsewhere:
        listening(house, elsewhere.url, name="Redirected")
        listening(house, f"http://127.0.0.1:{hole}/", name="Hole")
        listening(house, "http://192.0.2.9/", name="Forbidden")
        listening(house, "http://nowhere.invalid/", name="Unknown")
        for job in _taken_after(house, "hi"):
            began = time.monotonic()
            outcome = courier.carry_out(house.app, job)
            assert outcome is not None
            if outcome.problem == "timeout":
                assert 10 <= time.monotonic() - began < 20
            house.act(deliveries.finish, job, outcome)
        assert inside.received == []
    assert {(status, problem) for _state, _tries, status, problem in states(house)} == {
        (307, ""),
        (None, "timeout"),
        (None, "refused"),
        (None, "unknown_host"),
    }


def _taken_after(house: House, body: str) -> list[Job]:
    house.say("ben", house.home().id, body)
    jobs = house.act(deliveries.take, 10)
    assert len(jobs) == 4
    return jobs


def test_a_try_for_which_no_name_could_be_looked_up_counts_for_nothing(house: House) -> None:
    listening(house, "http://nowhere.invalid/")
    house.say("ben", house.home().id, "hi")
    with ExitStack() as busy:
        for person_id in range(-sending.LOOKUPS_AT_ONCE_MAX, 0):
            busy.enter_context(sending.lookups.one(person_id, seconds=1))
        assert deliver(house) == [None]
    assert states(house) == [("waiting", 0, None, "")]
    deliver(house)
    assert states(house) == [("waiting", 1, None, "unknown_host")]


def test_a_secret_that_nobody_can_read_any_more_is_not_tried_for_ever(house: House) -> None:
    made = listening(house)
    with house.rows() as session, transaction():
        session.get(Bot, made.bot.id).sealed_secret = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    house.say("ben", house.home().id, "hi")
    deliver(house)
    assert states(house) == [("waiting", 1, None, "unsigned")]
    with clock.moved(timedelta(seconds=6)):
        renewed = house.act(actions.renew_secret, Actor.operator(), made.bot.id)
        secrets_used.remember(renewed.secret)
        deliver(house)
    assert [row.problem for row in rows(house)] != ["unsigned"]


def test_an_address_at_home_is_called_once_it_is_listed(house: House) -> None:
    with Receiver() as receiver:
        listening(house, receiver.url)
        house.act(settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, "")
        house.say("ben", house.home().id, "hi")
        deliver(house)
        assert receiver.received == []
        house.act(settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, "127.0.0.1")
        with clock.moved(timedelta(seconds=6)):
            deliver(house)
        assert len(receiver.received) == 1


# one at a time, by one of us


def test_two_servers_do_not_both_send(home: House) -> None:
    listening(home)
    home.say("ben", home.home().id, "hi")
    (job,) = home.act(deliveries.take, 10)
    assert home.act(deliveries.take, 10) == []
    with clock.moved(LEASE + timedelta(seconds=1)):  # It was killed.
        (later,) = home.act(deliveries.take, 10)
        home.act(deliveries.finish, job, Outcome(status=500))  # Or was it?
        assert states(home) == [("waiting", 0, None, "")]
        home.act(deliveries.finish, later, Outcome(status=200))
    assert states(home) == [("delivered", 1, 200, "")]


def test_each_bot_has_one_under_way_and_the_oldest_goes_first(home: House) -> None:
    listening(home)
    for number in range(3):
        home.say("ben", home.home().id, f"Number {number}")
    listening(home, name="Echo")
    home.say("ben", home.home().id, "Number 3")
    first, second = home.act(deliveries.take, 10)
    ids = [row.id for row in rows(home)]
    assert [first.delivery_id, second.delivery_id] == [ids[0], ids[4]]
    assert home.act(deliveries.take, 10) == []
    assert home.act(deliveries.next_due, clock.now()) is None
    home.act(deliveries.finish, first, Outcome(status=200))
    assert [job.delivery_id for job in home.act(deliveries.take, 10)] == [ids[1]]


def test_owners_take_turns_and_nobody_has_more_than_ten_under_way(home: House) -> None:
    for number in range(12):
        listening(home, name=f"Dead {number}")
    home.say("ben", home.home().id, "first")
    listening(home, name="Ben's", owner="ben")
    listening(home, name="Cleo's", owner="cleo")
    home.say("ben", home.home().id, "second")

    def take(at_most: int) -> list[str]:
        ids = [job.delivery_id for job in home.act(deliveries.take, at_most)]
        found = {row.id: row.bot for row in rows(home)}
        return [found[delivery_id].name for delivery_id in ids]

    assert take(3) == ["Dead 0", "Ben's", "Cleo's"]
    assert take(20) == [f"Dead {number}" for number in range(1, 10)]
    assert take(20) == []
    listening(home, name="Ben's other", owner="ben")
    home.say("ben", home.home().id, "third")
    assert take(20) == ["Ben's other"]


def test_what_waits_for_others_of_its_owner_hides_nothing_that_is_due_later(home: House) -> None:
    for number in range(11):
        listening(home, name=f"Dead {number}")
    home.say("ben", home.home().id, "hi")
    home.act(deliveries.take, 20)
    cellar = home.room("ben", name="Cellar")
    listening(home, name="Ben's", owner="ben", room=cellar)
    home.say("ben", cellar, "hi")
    (job,) = home.act(deliveries.take, 10)
    home.act(deliveries.finish, job, Outcome(status=500))
    due = home.act(deliveries.next_due, clock.now())
    assert timedelta() < due - clock.now() <= DELAYS[0]


def test_no_more_are_taken_than_there_are_hands(house: House) -> None:
    for name in ("One", "Two", "Three"):
        listening(house, name=name)
    house.say("ben", house.home().id, "hi")
    assert house.act(deliveries.take, 0) == []
    assert len(house.act(deliveries.take, 2)) == 2
    assert len(house.act(deliveries.take, 2)) == 1


def test_where_only_one_server_can_be_it_begins_with_what_another_left_behind(home: House) -> None:
    listening(home)
    home.say("ben", home.home().id, "hi")
    home.act(deliveries.take, 1)
    home.act(deliveries.forget_leases)
    taken = home.act(deliveries.take, 1)
    assert len(taken) == (1 if home.settings.sqlite_file else 0)


def test_what_is_not_stored_is_not_delivered_either(house: House) -> None:
    listening(house)
    house.say("ben", house.home().id, "Guard: this one is")

    def say_and_fail() -> None:
        with house.rows(), transaction():
            hearing = hearers_of(house.home().id, "hi")
            deliveries.put_in_queue(hearing, message_id=1)
            raise LookupError

    with pytest.raises(LookupError):
        say_and_fail()
    assert len(rows(house)) == 1


# while the house is closed


@pytest.mark.parametrize("kind", Kind)
def test_while_the_house_is_closed_deliveries_wait_and_go_out_when_it_is_lifted(
    home: House, kind: Kind
) -> None:
    with Receiver() as receiver:
        listening(home, receiver.url)
        home.say("ada", home.home().id, "before")
        home.say("ada", home.home().id, "behind it")
        (taken,) = home.act(deliveries.take, 10)
        home.act(lock_down, Actor.operator(), kind, hours=2)
        assert courier.carry_out(home.app, taken) is None  # It was in hand already.
        home.say("ada", home.home().id, "meanwhile")
        assert deliver(home) == []
        assert states(home) == [("waiting", 0, None, "")] * 3
        assert receiver.received == []

        home.act(lift, Actor.operator())
        for _number in range(3):
            assert [outcome.status for outcome in deliver(home) if outcome] == [200]
        told = [call.json["message"] for call in receiver.received]
    assert told == ["before", "behind it", "meanwhile"]
    assert states(home) == [("delivered", 1, 200, "")] * 3


def test_a_closed_house_that_opens_by_the_clock_delivers_then(house: House) -> None:
    with Receiver() as receiver:
        listening(house, receiver.url)
        house.say("ben", house.home().id, "hi")
        house.act(lock_down, Actor.operator(), Kind.ALL, hours=1)
        assert deliver(house) == []
        with clock.moved(timedelta(hours=1, seconds=1)):
            deliver(house)
        assert len(receiver.received) == 1


# no more than so much


def test_more_than_a_thousand_wait_for_no_bot_and_taps_always_get_in(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliveries.WAITING_MAX == 1000
    monkeypatch.setattr(deliveries, "WAITING_MAX", 2)
    with Receiver() as receiver:
        made = listening(home, receiver.url)
        for body in ("one", "two", "three", "four"):
            home.say("ben", home.home().id, body)
        assert states(home) == [("waiting", 0, None, "")] * 2 + [("dead", 0, None, "queue_full")] * 2
        other = listening(home, receiver.url, name="Other")
        home.say("ben", home.home().id, "five")
        last = {row.bot_id: row.state for row in rows(home)}
        assert last == {made.bot.id: "dead", other.bot.id: "waiting"}

        bot = home.actor(made.bot.user.username)
        card = ActionCard(actions=(CardAction("yes", "Yes"),))
        said = {"room_id": home.home().id, "body": "Well?", "client_id": "well-0001", "card": card}
        asked = home.act(send_message, bot, **said).id
        home.act(answer_card, home.actor("ben"), message_id=asked, action_id="yes")
        assert [(row.kind, row.state) for row in rows(home)][-1] == ("action", "waiting")

        assert home.act(counts_of, made.bot.id) == {"waiting": 3, "delivered": 0, "dead": 3}
        dropped = next(row for row in rows(home) if row.problem == "queue_full")
        home.act(delivery_log.replay, home.actor("ada"), dropped.id)
        for _time in range(4):
            deliver(home)
        told = [call.json.get("message", "a tap") for call in receiver.received]
        assert sorted(told) == ["a tap", "five", "one", "three", "two"]
        home.say("ben", home.home().id, "six")
    assert states(home)[-2:] == [("waiting", 0, None, "")] * 2


def test_the_log_says_in_words_that_too_much_was_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "WAITING_MAX", 1)
    made = listening(house)
    house.say("ben", house.home().id, "hi")
    page = house.client("ada").get(f"/admin/bots/{made.bot.id}").text
    assert "Too much" not in page  # Guard.
    house.say("ben", house.home().id, "hi again")
    page = house.client("ada").get(f"/admin/bots/{made.bot.id}").text
    assert "Too much was waiting for this bot already." in page


# the log


def test_an_admin_replays_a_delivery_under_its_id_and_nobody_else_does(house: House) -> None:
    with Receiver(200) as receiver:
        made = listening(house, receiver.url)
        house.say("ben", house.home().id, "hi")
        deliver(house)
        (row,) = rows(house)
        for name in ("ben", "gus", made.bot.user.username):
            with pytest.raises(Forbidden):
                house.act(delivery_log.replay, house.actor(name), row.id)
            with pytest.raises(Forbidden):
                house.act(delivery_log.log_of, house.actor(name))
        assert deliver(house) == []
        house.act(delivery_log.replay, house.actor("ada"), row.id)
        deliver(house)
        first, second = receiver.received
    assert first.headers["x-homechat-delivery"] == second.headers["x-homechat-delivery"] == row.uuid
    assert states(house) == [("delivered", 2, 200, "")]
    entry = house.act(audit.entries, action=audit.Action.BOT_CHANGED)[-1]
    assert entry.detail == {"what": "replay", "delivery": row.id}
    with pytest.raises(NotFound):
        house.act(delivery_log.replay, house.actor("ada"), 999_999)
    house.act(actions.set_active, house.actor("ada"), made.bot.id, active=False)
    with pytest.raises(Conflict):
        house.act(delivery_log.replay, house.actor("ada"), row.id)


def test_a_dead_one_that_is_replayed_has_one_more_try(house: House) -> None:
    with Receiver(500) as receiver:
        listening(house, receiver.url)
        house.say("ben", house.home().id, "hi")
        with house.rows() as session, transaction():
            session.execute(sa.update(WebhookDelivery).values(state="dead", tries=6))
        (row,) = rows(house)
        house.act(delivery_log.replay, house.actor("ada"), row.id)
        deliver(house)
        assert len(receiver.received) == 1
    assert states(house) == [("dead", 7, 500, "")]


def test_the_log_is_kept_for_thirty_days(home: House) -> None:
    listening(home)
    home.say("ben", home.home().id, "old and done")
    home.say("ben", home.home().id, "old and waiting")
    with home.rows() as session, transaction():
        first = sa.select(sa.func.min(WebhookDelivery.id)).scalar_subquery()
        session.execute(
            sa.update(WebhookDelivery).where(WebhookDelivery.id == first).values(state="delivered")
        )
    assert home.act(deliveries.forget_old) == 0
    with clock.moved(KEPT + timedelta(seconds=1)):
        assert home.act(deliveries.forget_old) == 1
    assert [state for state, *_ in states(home)] == ["waiting"]


# a real server


def house_at(server: ServerProcess) -> House:
    return House(server.data_dir)


@pytest.mark.sockets
def test_a_black_hole_holds_up_neither_chat_nor_other_bots(server: ServerProcess) -> None:
    house = house_at(server)
    with black_hole() as hole, Receiver() as good, Receiver(answer=dripping) as slow:
        for number in range(3):
            listening(house, f"http://127.0.0.1:{hole}/", name=f"Hole {number}")
        listening(house, slow.url, name="Slow")
        listening(house, good.url, name="Good")
        room = house.home().id
        with devices(server.url, house) as device:
            ben, cleo = device("ben").connect(), device("cleo").connect()
            for number in range(20):
                said = {"room_id": room, "body": f"Number {number}", "client_id": f"hole-{number:04d}"}
                assert ben.send("message:send", said)["ok"] is True
            cleo.hear("message:posted", lambda told: told["client_id"] == "hole-0019")
            calls = good.wait_for(20)
    assert [call.json["message"] for call in calls] == [f"Number {number}" for number in range(20)]
    server.assert_no_traceback()
    close(house)


@pytest.mark.sockets
def test_what_waits_survives_kill_9_and_arrives_after_the_next_start(
    cast_folder: Path, tmp_path: Path
) -> None:
    server = ServerProcess(copy_house(cast_folder, tmp_path / "data"), GENEROUS_LIMITS)
    house = house_at(server)
    with black_hole() as hole:
        made = listening(house, f"http://127.0.0.1:{hole}/")
        with server, devices(server.url, house) as device:
            ben = device("ben").connect()
            said = {"room_id": house.home().id, "body": "Still there?", "client_id": "kill-0001"}
            assert ben.send("message:send", said)["ok"] is True
            _wait(lambda: any(row.leased_until for row in rows(house)))
            server.kill()
    assert states(house) == [("waiting", 0, None, "")]
    with Receiver() as receiver:
        house.act(actions.change_bot, house.actor("ada"), made.bot.id, {"callback_url": receiver.url})
        with server:
            (call,) = receiver.wait_for(1)
            _wait(lambda: states(house)[0][0] == "delivered")
    assert call.json["message"] == "Still there?"
    assert call.headers["x-homechat-delivery"] == rows(house)[0].uuid
    close(house)


@pytest.mark.sockets
def test_a_failed_one_is_tried_again_by_the_server_itself(server: ServerProcess) -> None:
    house = house_at(server)
    with Receiver(500, 200) as receiver:
        listening(house, receiver.url)
        house.say("ben", house.home().id, "From another process")
        first, second = receiver.wait_for(2)
        _wait(lambda: states(house)[0][0] == "delivered")
    assert first.headers["x-homechat-delivery"] == second.headers["x-homechat-delivery"]
    close(house)


@pytest.mark.sockets
def test_a_server_delivers_by_https(cast_folder: Path, tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path)
    env = {**GENEROUS_LIMITS, "SSL_CERT_FILE": str(certificate)}
    server = ServerProcess(copy_house(cast_folder, tmp_path / "data"), env)
    house = house_at(server)
    with server, Receiver(certificate=certificate) as receiver:
        listening(house, receiver.url)
        house.say("ben", house.home().id, "For your ears only")
        (call,) = receiver.wait_for(1)
        _wait(lambda: states(house) == [("delivered", 1, 200, "")])
    assert call.json["message"] == "For your ears only"
    close(house)


def _wait(is_so: Any) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
