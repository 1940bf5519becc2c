"""A bad line, a dead server, a second tab: whatever was written arrives, once, and the page says how it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from homechat import clock
from homechat.accounts.models import LoginSession
from homechat.database import transaction
from homechat.messages.models import Message
from tests.bad_wifi import BAD, Sender
from tests.browser.conftest import WindowsAt
from tests.browser.conversation import (
    TEXT,
    bodies,
    delivery,
    enter,
    expect_message,
    go_live,
    message,
    pill,
    say,
    wait_until,
)
from tests.browser.windows import Windows
from tests.browser.wire import RoughAir, Wire, first, impossible, is_ack_of_message, is_event, unharmed
from tests.devices import MakeDevice, devices
from tests.house import House
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIGN_IN = re.compile("/sign-in")
ACK_MILLISECONDS = 10_000  # As in static/js/socket.js: how long the page waits for an answer.


@pytest.fixture
def own(people_at: WindowsAt, server: ServerProcess) -> Windows:
    """Opens windows on a server that this test may kill."""
    return people_at(server)


@pytest.fixture
def device(person: Windows) -> Iterator[MakeDevice]:
    with devices(person.server.url, person.house) as make:
        yield make


def stored(house: House, room_id: int) -> list[str]:
    """Return what the server has kept of a room, in order."""
    with house.rows() as session:
        query = sa.select(Message.body).where(Message.room_id == room_id).order_by(Message.seq)
        return list(session.scalars(query))


def expect_all_sent(page: Page) -> None:
    expect(page.locator(".message--pending")).to_have_count(0, timeout=40_000)


# The server goes away


def test_what_is_written_around_a_crash_is_sent_once_each(own: Windows, server: ServerProcess) -> None:
    room = own.house.room("ada", "ben")
    ada, ben = enter(own("ada"), room), enter(own("ben", size="phone"), room)
    say(ada, "before the crash")
    expect_message(ben, "before the crash")

    for number in range(3):
        say(ada, f"into the crash {number}")
    server.kill()
    say(ada, "during the crash")
    say(ben, "me too")
    expect(pill(ada)).to_have_text("You are offline. What you write will be sent later.")
    expect(delivery(message(ada, "during the crash"))).to_have_attribute("data-delivery", "waiting")

    server.start()
    for page in (ada, ben):
        expect_all_sent(page)
    expect(pill(ada)).to_have_text("Back online")
    expect(pill(ada)).to_be_hidden()
    written = ["before the crash", *(f"into the crash {n}" for n in range(3)), "during the crash", "me too"]
    wait_until(ada, lambda: len(bodies(ada)) == len(bodies(ben)) == len(written))
    assert sorted(stored(own.house, room)) == sorted(written)
    assert bodies(ada) == bodies(ben) == stored(own.house, room)
    assert [body for body in bodies(ada) if body != "me too"] == written[:-1], "in the order of writing"


def test_a_reload_in_the_middle_of_it_loses_nothing(own: Windows, server: ServerProcess) -> None:
    room = own.house.room("ada", "ben")
    ada = enter(own("ada"), room)
    server.kill()
    say(ada, "written to a dead server")
    ada.locator(TEXT).press_sequentially("and half a th")
    ada.wait_for_timeout(400)  # Drafts are kept at every pause.

    server.start()
    ada.reload()

    expect_message(ada, "written to a dead server")
    expect(ada.locator(TEXT)).to_have_value("and half a th")
    assert stored(own.house, room) == ["written to a dead server"]


def test_a_server_that_restarts_is_found_again(own: Windows, server: ServerProcess) -> None:
    room = own.house.room("ada", "ben")
    ada = enter(own("ada"), room)
    assert server.stop() == 0
    expect(pill(ada)).to_be_visible()

    own.house.say("ben", room, "said while nobody listened")
    server.start()

    expect_message(ada, "said while nobody listened")
    expect(pill(ada)).to_be_hidden()


def test_two_tabs_of_one_person_send_each_message_once(own: Windows, server: ServerProcess) -> None:
    room = own.house.room("ada", "ben")
    first_tab = enter(own("ada"), room)
    second_tab = enter(first_tab.context.new_page(), room)
    third_tab = enter(first_tab.context.new_page(), room)
    server.kill()
    say(first_tab, "from the first")
    say(second_tab, "from the second")
    say(third_tab, "from a tab that is closed")
    expect(message(first_tab, "from the second")).to_have_count(1)
    third_tab.close()

    server.start()

    for page in (first_tab, second_tab):
        expect_all_sent(page)
    first_tab.wait_for_timeout(1_000)  # Time enough for a second one.
    texts = ["from a tab that is closed", "from the first", "from the second"]
    assert sorted(stored(own.house, room)) == texts
    wait_until(first_tab, lambda: sorted(bodies(first_tab)) == sorted(bodies(second_tab)) == texts)


# The line is bad


def test_what_is_written_offline_is_sent_when_the_network_is_back(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    ada = enter(person("ada", size="phone"), room)
    ben = enter(person("ben"), room)
    ada.context.set_offline(True)
    say(ada, "in the tunnel")
    say(ben, "Where are you?")
    expect(pill(ada)).to_have_text("You are offline. What you write will be sent later.")
    expect(delivery(message(ada, "in the tunnel"))).to_have_attribute("data-delivery", "waiting")

    ada.context.set_offline(False)

    expect_message(ben, "in the tunnel")
    expect_message(ada, "Where are you?")
    assert bodies(ada) == bodies(ben) == ["Where are you?", "in the tunnel"]


def test_a_lost_answer_makes_no_second_message(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    wire = Wire(ada := person("ada"))
    ada.clock.install()
    wire.enter(room)

    wire.loses_coming = first(1, is_ack_of_message)
    say(ada, "only the answer is lost")
    expect_message(ada, "only the answer is lost")

    lost: list[str] = []

    def loses(frame: str) -> bool:
        is_lost = not lost and is_ack_of_message(frame)
        lost.extend([frame] * is_lost)
        return is_lost or is_event(frame, "message:posted")

    wire.loses_coming = loses
    say(ada, "all news of it is lost")
    wait_until(ada, lambda: bool(lost))
    expect(delivery(message(ada, "all news of it is lost"))).to_have_attribute("data-delivery", "waiting")
    ada.clock.fast_forward(ACK_MILLISECONDS + 1_000)
    ada.clock.fast_forward(ACK_MILLISECONDS)  # Now it tries again.
    expect_message(ada, "all news of it is lost")
    assert stored(person.house, room) == ["only the answer is lost", "all news of it is lost"]


def test_a_message_that_was_missed_is_asked_for(person: Windows, device: MakeDevice) -> None:
    room = person.house.room("ada", "ben")
    wire = Wire(ada := person("ada"))
    wire.enter(room)
    ben = device("ben").connect()

    wire.loses_coming = first(1, lambda frame: is_event(frame, "message:posted"))
    ben.say(room, "lost on the way", "lost-on-the-way")
    ben.say(room, "this one came", "this-one-came")

    expect_message(ada, "this one came")
    expect_message(ada, "lost on the way")
    assert bodies(ada) == ["lost on the way", "this one came"]


def test_two_browsers_on_a_bad_line_show_a_thousand_messages_once_each_in_one_order(
    own: Windows, server: ServerProcess
) -> None:
    authors = ("ada", "ben", "cleo", "gus")
    room = own.house.room("ada", *authors[1:])
    pages = [own("ben"), own("gus", size="phone")]
    wires = [Wire(page) for page in pages]
    random = Random("bad line")
    for wire in wires:
        wire.enter(room)
        wire.comes = RoughAir(random)
    with devices(server.url, own.house) as device, ThreadPoolExecutor() as pool:
        senders = [Sender(device(name), room, Random(f"bad line {name}"), BAD) for name in authors]
        for part in range(0, 250, 50):
            for name, sender in zip(authors, senders, strict=True):
                sender.outbox |= {f"line-{name}-{n:04d}": f"{n} of {name}" for n in range(part, part + 50)}
            sending = [pool.submit(sender.deliver) for sender in senders]
            wires[part // 50 % 2].cut()
            while not all(task.done() for task in sending):
                pages[0].wait_for_timeout(200)
            for task in sending:
                task.result()
            for page in pages:  # Whoever is away for 500 messages would load the newest only.
                wait_until(page, lambda page=page, part=part: len(bodies(page)) > 4 * part, seconds=60)

    for wire in wires:
        wire.comes = unharmed
        wire.cut()  # Coming back, a page asks for what it has missed.
    in_order = stored(own.house, room)
    assert len(in_order) == len(set(in_order)) == 1000
    for page in pages:
        wait_until(page, lambda page=page: bodies(page) == in_order, seconds=60)
    assert all(wire.opened > 2 for wire in wires), "guard: both lines broke"


def test_nonsense_on_the_line_means_a_new_line(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    wire = Wire(ada := person("ada"))
    wire.enter(room)

    for nonsense in ("4nonsense{", '42["message:posted"', "9", '42["message:posted", null'):
        lines = wire.greetings
        wire.say_to_page(nonsense)
        wait_until(ada, lambda lines=lines: wire.greetings > lines)

    say(ada, "still here")
    expect_message(ada, "still here")
    assert stored(person.house, room) == ["still here"]


def test_without_websocket_the_page_sends_and_hears_by_plain_requests(
    person: Windows, device: MakeDevice
) -> None:
    room = person.house.room("ada", "ben")
    ada = person("ada", size="phone")
    impossible(ada)
    ada.clock.install()
    ada.goto(f"/rooms/{room}")
    say(ada, "by pigeon")
    ben = device("ben").connect()

    def is_there() -> bool:
        ada.clock.run_for(500)
        return stored(person.house, room) == ["by pigeon"]

    wait_until(ada, is_there)
    expect_message(ada, "by pigeon")
    expect(pill(ada)).not_to_have_attribute("data-state", "offline")
    assert ben.say(room, "by return", "by-return-pigeon")["ok"]
    ada.clock.run_for(6_000)
    expect_message(ada, "by return")
    ada.clock.run_for(1_000)
    assert ben.hear("room:read", lambda read: read["person_id"] == person.house.id_of("ada"))


# The page's time is over


def test_signing_out_in_one_tab_ends_the_others(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    ada = enter(person("ada"), room)
    other_tab = go_live(ada.context.new_page(), "/me")

    other_tab.get_by_role("button", name="Sign out on this device").click()

    expect(ada).to_have_url(SIGN_IN)
    assert f"next=%2Frooms%2F{room}" in ada.url


def test_signing_a_device_out_from_another_ends_its_page(person: Windows) -> None:
    room = person.house.room("cleo", "ben")
    phone = enter(person("cleo", size="phone", user_agent="Lost phone"), room)
    desk = go_live(person("cleo"), "/me")

    desk.locator(".line", has=desk.get_by_role("button", name="Sign out")).get_by_role("button").click()

    expect(phone).to_have_url(SIGN_IN)
    phone.goto(f"/rooms/{room}")
    expect(phone).to_have_url(SIGN_IN)
    expect(desk.get_by_text("Saved.")).to_be_visible()


def test_a_device_that_was_signed_out_while_the_house_was_away_is_told_so(
    own: Windows, server: ServerProcess
) -> None:
    ada = enter(own("ada"), own.house.room("ada", "ben"))
    assert server.stop() == 0
    expect(pill(ada)).to_be_visible()
    with own.house.rows() as session, transaction():
        session.execute(sa.update(LoginSession).values(revoked_at=clock.now()))

    server.start()

    expect(ada).to_have_url(SIGN_IN, timeout=40_000)


def test_a_page_of_yesterday_says_that_homechat_was_updated(person: Windows) -> None:
    room = person.house.room("ada", "ben")
    wire = Wire(ada := person("ada"))
    wire.enter(room)
    expect(pill(ada)).to_be_hidden()

    wire.tell("server:hello", contract=1, build="of-today", person_id=1, ping_seconds=20)
    expect(pill(ada)).to_contain_text("HomeChat was updated.")
    say(ada, "works on")
    expect_message(ada, "works on")

    pill(ada).get_by_role("button", name="Reload").click()
    expect(ada.locator("message-list.is-ready")).to_be_attached()
    expect(pill(ada)).to_be_hidden()


def test_where_somebody_else_has_signed_in_what_waits_does_not_go_out_in_their_name(person: Windows) -> None:
    house = person.house
    room, ben = house.room("ada", "ben"), house.id_of("ben")
    ada = person("ada")
    wire = Wire(ada)
    wire.enter(room)
    say(ada, "mine")
    expect(delivery(expect_message(ada, "mine"))).not_to_have_attribute("data-state", "pending")

    def as_bens(frame: str) -> list[str]:
        is_hello = is_event(frame, "server:hello")
        return [re.sub(r'"person_id": ?\d+', f'"person_id":{ben}', frame) if is_hello else frame]

    wire.comes = as_bens
    wire.cut()
    say(ada, "not his")
    expect(pill(ada)).to_have_attribute("data-state", "ended")
    assert stored(house, room) == ["mine"]
