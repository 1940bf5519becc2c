"""Who is here and who is writing: over several windows and devices, and only to those whom it concerns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.actor import Role
from homechat.connection import OFFLINE_GRACE_SECONDS
from homechat.database import transaction
from homechat.errors import Unavailable
from homechat.messages.typing import TYPING_TIMEOUT_SECONDS, Windows
from homechat.realtime import presence
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from homechat.realtime.models import LiveSocketRow
from homechat.realtime.models import ServerProcess as ServerRow
from tests.devices import (
    MakeDevice,
    devices,
    live_people,
    live_windows,
    new_device,
    settle,
    wait_until,
    window_of,
)
from tests.house import House
from tests.server_process import ServerProcess
from tests.talkers import Talker

pytestmark = pytest.mark.sockets


@pytest.fixture
def device(shared_server: ServerProcess, shared_house: House) -> Iterator[MakeDevice]:
    """Signs people in on new devices, once everybody of the test before has left."""
    assert wait_until(lambda: not live_people(shared_house))
    with devices(shared_server.url, shared_house) as make:
        yield make


def test_coming_and_going_is_told_to_those_who_share_a_room(device: MakeDevice, shared_house: House) -> None:
    ben, ada = device("ben").connect(), device("ada")
    ada_id = shared_house.id_of("ada")

    ada.connect()

    came = ben.hear("presence:changed", lambda data: data["person_id"] == ada_id)
    assert came == {"person_id": ada_id, "online": True, "last_seen_at": None}
    assert _home_line(ben, shared_house)["here"] == 1

    ada.close()

    left = ben.hear("presence:changed", lambda data: not data["online"])
    assert left["person_id"] == ada_id
    assert left["last_seen_at"] == clock.as_iso(shared_house.person("ada").last_seen_at)
    assert _home_line(ben, shared_house)["here"] == 0
    assert live_people(shared_house) == {shared_house.id_of("ben")}


def test_those_who_share_no_room_hear_nothing_of_each_other(device: MakeDevice, shared_house: House) -> None:
    olga, ben = device("olga").connect(), device("ben").connect()

    ada = device("ada").connect()
    ada.send("typing:start", {"room_id": shared_house.home().id})
    ada.close()

    ben.hear("typing:started")
    ben.hear("presence:changed", lambda data: not data["online"])
    settle(olga)
    assert [name for name, _ in olga.events if name != "server:hello"] == []


def test_somebody_is_here_until_the_last_of_their_windows_and_devices_closes(
    device: MakeDevice, shared_house: House
) -> None:
    ben, cleo = device("ben").connect(), device("cleo").connect()
    phone, tablet = device("ada").connect(), device("ada").connect()
    window = window_of(phone).connect()
    ben.hear("presence:changed", lambda data: data["person_id"] == shared_house.id_of("ada"))

    phone.close()
    window.close()
    cleo.close()

    # Cleo went after Ada's first two windows, so whatever there was to say of them has been said by now.
    ben.hear("presence:changed", lambda data: not data["online"])
    assert _told_of("ada", ben, shared_house) == [True]
    tablet.close()
    ben.hear(
        "presence:changed", lambda data: not data["online"] and data["person_id"] == shared_house.id_of("ada")
    )
    assert _told_of("ada", ben, shared_house) == [True, False]


def test_changing_the_page_tells_nobody_anything(device: MakeDevice, shared_house: House) -> None:
    ben, cleo, ada = device("ben").connect(), device("cleo").connect(), device("ada").connect()
    ben.hear("presence:changed", lambda data: data["person_id"] == shared_house.id_of("ada"))

    for _ in range(3):
        _change_page(ada, ben)
    cleo.close()

    # Cleo went after Ada's pages, so whatever there was to say of them has been said by now.
    ben.hear("presence:changed", lambda data: not data["online"])
    assert _told_of("ada", ben, shared_house) == []
    ada.close()
    ben.hear(
        "presence:changed", lambda data: not data["online"] and data["person_id"] == shared_house.id_of("ada")
    )
    assert _told_of("ada", ben, shared_house) == [False]


def test_after_a_crash_nobody_is_shown_who_is_not_there(server: ServerProcess) -> None:
    house = House(server.data_dir)
    ada = new_device(server.url, house, "ada").connect()
    new_device(server.url, house, "ben").connect()
    assert len(live_people(house)) == 2

    server.kill()
    server.start()
    ada.connect()

    assert _home_line(ada, house)["here"] == 0
    assert live_people(house) == {house.id_of("ada")}
    ada.close()


def test_who_connects_while_the_server_is_not_on_the_list_gets_in_quietly(server: ServerProcess) -> None:
    house = House(server.data_dir)
    with house.rows() as session:
        session.execute(sa.delete(ServerRow))
        session.commit()

    with devices(server.url, house) as device:
        ada = device("ada").connect()
        assert ada.say(house.home().id, "hello", "unlisted-001")["ok"] is True

    server.assert_no_traceback()


def test_a_process_that_others_took_for_dead_comes_back_with_its_sockets(house: House) -> None:
    ada, ben = house.id_of("ada"), house.id_of("ben")
    with house.app.app_context():
        presence.register_process()
        here = LiveSocket("socket-1", ada, session_id=1, role=Role.MEMBER)
        assert live_sockets().add(here, at_most=9)
        assert presence.opened(here)
        with transaction() as session:
            session.execute(sa.delete(ServerRow))
        with pytest.raises(Unavailable):
            presence.opened(LiveSocket("socket-2", ben, session_id=2, role=Role.MEMBER))
        assert presence.everyone_online() == set()

        presence.beat()

        assert presence.everyone_online() == {ada}
        assert presence.opened(LiveSocket("socket-2", ben, session_id=2, role=Role.MEMBER))


def test_a_process_that_no_longer_beats_is_forgotten(house: House) -> None:
    ada = house.id_of("ada")
    with house.app.app_context():
        presence.register_process()
        with transaction() as session:
            session.add(ServerRow(id="other", seen_at=clock.now() - timedelta(seconds=29)))
            session.flush()
            session.add(LiveSocketRow(sid="theirs", process_id="other", user_id=ada))
        presence.beat()
        assert presence.everyone_online() == {ada}

        with transaction() as session:
            session.get_one(ServerRow, "other").seen_at = clock.now() - timedelta(seconds=31)
        assert presence.beat() == {ada}

        assert presence.everyone_online() == set()


def test_somebody_whose_connection_ends_writes_no_more(device: MakeDevice, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Cut short")
    ada, ben, cleo = device("ada").connect(), device("ben").connect(), device("cleo").connect()
    ada.send("typing:start", {"room_id": room})
    ben.hear("typing:started")

    ada.close()

    assert ben.hear("typing:stopped") == {"room_id": room, "person_id": shared_house.id_of("ada")}
    settle(cleo)
    assert cleo.heard("typing:started") == cleo.heard("typing:stopped") == []


def test_somebody_writes_until_the_last_window_in_which_they_do_is_gone(
    device: MakeDevice, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Two windows")
    phone, tablet, ben = device("ada").connect(), device("ada").connect(), device("ben").connect()
    third = device("ada").connect()
    for window in (phone, tablet, third):
        window.send("typing:start", {"room_id": room})

    phone.send("typing:stop", {"room_id": room})
    _close_for_good(third, shared_house)

    settle(ben)
    assert ben.heard("typing:stopped") == []
    tablet.close()
    ben.hear("typing:stopped")


def test_what_was_said_ends_the_writing_of_all_windows(device: MakeDevice, shared_house: House) -> None:
    room = shared_house.room("ada", "ben", name="Said")
    phone, tablet, ben = device("ada").connect(), device("ada").connect(), device("ben").connect()
    for window in (phone, tablet):
        window.send("typing:start", {"room_id": room})

    phone.say(room, "done", "presence-said-1")
    ben.hear("typing:stopped")
    ben.forget()
    _close_for_good(tablet, shared_house)
    _close_for_good(phone, shared_house)

    settle(ben)
    assert ben.heard("typing:stopped") == []


def test_writing_in_one_room_says_nothing_of_another(device: MakeDevice, shared_house: House) -> None:
    kitchen = shared_house.room("ada", "ben", name="Kitchen of Ben")
    cellar = shared_house.room("ada", "cleo", name="Cellar of Cleo")
    ada, ben, cleo = device("ada").connect(), device("ben").connect(), device("cleo").connect()
    ada.send("typing:start", {"room_id": kitchen})
    ada.send("typing:start", {"room_id": cellar})

    ada.close()

    assert ben.hear("typing:stopped")["room_id"] == kitchen
    assert cleo.hear("typing:stopped")["room_id"] == cellar
    settle(ben, cleo)
    assert {data["room_id"] for data in ben.heard("typing:started") + ben.heard("typing:stopped")} == {
        kitchen
    }
    assert {data["room_id"] for data in cleo.heard("typing:started") + cleo.heard("typing:stopped")} == {
        cellar
    }


def test_a_room_one_was_removed_from_is_not_told_that_one_went(
    device: MakeDevice, shared_house: House
) -> None:
    room = shared_house.room("ada", "ben", name="Shown out")
    ada, ben = device("ada").connect(), device("ben").connect()
    ben.send("typing:start", {"room_id": room})
    ada.post(f"/rooms/{room}/members/{shared_house.id_of('ben')}/remove")
    ada.hear("member:left", lambda data: data["room_id"] == room)

    ben.close()

    ada.hear("presence:changed", lambda data: not data["online"])
    assert ada.heard("typing:stopped") == []


def test_writing_is_forgotten_unless_it_is_said_again() -> None:
    windows = Windows()
    windows.begin(1, 7, "phone")
    windows.begin(1, 7, "tablet")
    assert windows.rooms_of("phone") == {1}

    with clock.moved(timedelta(seconds=TYPING_TIMEOUT_SECONDS - 1)):
        windows.begin(1, 7, "tablet")
        assert windows.rooms_of("phone") == {1}
    with clock.moved(timedelta(seconds=TYPING_TIMEOUT_SECONDS + 1)):
        assert windows.rooms_of("phone") == set()
        assert windows.rooms_of("tablet") == {1}
        assert windows.end(1, 7, "tablet") is True


def _home_line(person: Talker, house: House) -> dict:
    home = house.home().id
    return next(line for line in person.send("room:list", {})["rooms"] if line["room_id"] == home)


def _told_of(name: str, listener: Talker, house: House) -> list[bool]:
    """Return what `listener` was told of somebody's presence, in order."""
    person_id = house.id_of(name)
    return [data["online"] for data in listener.heard("presence:changed") if data["person_id"] == person_id]


def _change_page(person: Talker, listener: Talker) -> None:
    """Close and open again like a browser. A busy machine may be slower than the grace; then it is tried anew."""
    for _ in range(10):
        listener.forget()
        began = time.monotonic()
        person.close()
        person.connect(wait=False)
        if time.monotonic() - began < OFFLINE_GRACE_SECONDS:
            return
        time.sleep(2 * OFFLINE_GRACE_SECONDS)
    pytest.fail("no page could be changed within the grace")


def _close_for_good(person: Talker, house: House) -> None:
    """Close a window and wait until the server has done all that follows from it."""
    sid = person.socket.get_sid()
    assert sid in live_windows(house)
    person.close()
    assert wait_until(lambda: sid not in live_windows(house))
