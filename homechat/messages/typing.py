"""Who is writing where, window by window, so that nobody seems to write on after their last one is gone."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from flask import current_app

from homechat import clock
from homechat.accounts.cards import PersonCard
from homechat.realtime.events import TypingStarted, TypingStopped, room_audience, tell
from homechat.realtime.live_sockets import LiveSocket
from homechat.rooms.queries import room_ids_of

TYPING_TIMEOUT_SECONDS = 6
"""Clients say every 3 s that somebody still writes, and forget it after this without another word."""


class Windows:
    """The windows of this process in which somebody is believed to write."""

    def __init__(self) -> None:
        self._until: dict[tuple[int, int, str], datetime] = {}
        self._lock = threading.Lock()

    def begin(self, room_id: int, person_id: int, socket_id: str) -> None:
        """Note that a person writes to a room; it counts for TYPING_TIMEOUT_SECONDS."""
        with self._lock:
            self._forget_old()
            until = clock.now() + timedelta(seconds=TYPING_TIMEOUT_SECONDS)
            self._until[room_id, person_id, socket_id] = until

    def end(self, room_id: int, person_id: int, socket_id: str) -> bool:
        """Forget one window; return whether there is no other one in which the person writes to this room."""
        with self._lock:
            self._forget_old()
            self._until.pop((room_id, person_id, socket_id), None)
            return all((room, person) != (room_id, person_id) for room, person, _ in self._until)

    def end_all(self, room_id: int, person_id: int) -> bool:
        """Forget every window in which the person writes to this room; return whether there was one."""
        with self._lock:
            ended = [key for key in self._until if key[:2] == (room_id, person_id)]
            for key in ended:
                del self._until[key]
        return bool(ended)

    def rooms_of(self, socket_id: str) -> set[int]:
        """Return the rooms that are written to in one window."""
        with self._lock:
            self._forget_old()
            return {room_id for room_id, _, socket in self._until if socket == socket_id}

    def _forget_old(self) -> None:
        now = clock.now()
        self._until = {key: until for key, until in self._until.items() if until > now}


def started(person: PersonCard, room_id: int, socket_id: str) -> None:
    """Tell a room that somebody writes to it."""
    _windows().begin(room_id, person.id, socket_id)
    tell(TypingStarted(room_id=room_id, person=person.as_dict()), room_audience(room_id))


def stopped(person_id: int, room_id: int, socket_id: str) -> None:
    """Tell a room that somebody stopped writing to it, unless they write on in another window."""
    if _windows().end(room_id, person_id, socket_id):
        tell(TypingStopped(room_id=room_id, person_id=person_id), room_audience(room_id))


def said(person_id: int, room_id: int) -> None:
    """Tell a room that what somebody wrote there has been said; clients that have the message know it anyway."""
    if _windows().end_all(room_id, person_id):
        tell(TypingStopped(room_id=room_id, person_id=person_id), room_audience(room_id))


def window_closed(socket: LiveSocket) -> None:
    """Tell the rooms to which somebody wrote in a window that is gone now, if they are still in them."""
    rooms = _windows().rooms_of(socket.sid)
    if rooms:
        for room_id in rooms.intersection(room_ids_of(socket.user_id)):
            stopped(socket.user_id, room_id, socket.sid)


def _windows() -> Windows:
    windows: Windows = current_app.extensions["homechat_typing"]
    return windows
