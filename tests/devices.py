"""Devices that are signed in already: a session row made in the house, its secret in the device's cookie jar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from homechat.accounts import sessions
from homechat.realtime.models import LiveSocketRow
from tests.house import House
from tests.talkers import WAIT_SECONDS, Talker

MakeDevice = Callable[[str], Talker]


@contextmanager
def devices(url: str, house: House) -> Iterator[MakeDevice]:
    """Give a function that signs somebody in on a new device; all of them are switched off at the end."""
    made: list[Talker] = []

    def make(name: str) -> Talker:
        made.append(new_device(url, house, name))
        return made[-1]

    yield make
    for person in made:
        person.close()


def new_device(url: str, house: House, name: str) -> Talker:
    """Return a device of `name` that is signed in and not connected."""
    person = Talker(url, name)
    secret = house.act(sessions.open_session, house.actor(name), house.person(name))
    person.cookies[house.settings.session_cookie_name] = secret
    return person


def window_of(device: Talker) -> Talker:
    """Return another window on the same device, not connected."""
    window = Talker(device.url, device.name)
    window.cookies = device.cookies
    return window


def settle(*people: Talker) -> None:
    """Whatever was on its way to these people has arrived once a later round trip of their own is done."""
    for person in people:
        assert person.send("room:list", {})["ok"] is True


def live_people(house: House) -> set[int]:
    """Return who is written down as connected."""
    with house.rows() as session:
        return set(session.scalars(sa.select(LiveSocketRow.user_id)))


def live_windows(house: House) -> set[str]:
    """Return the ids of the connections that are written down."""
    with house.rows() as session:
        return set(session.scalars(sa.select(LiveSocketRow.sid)))


def wait_until(is_so: Callable[[], bool], *, within: float = WAIT_SECONDS) -> bool:
    """Return whether `is_so` came true in time."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
