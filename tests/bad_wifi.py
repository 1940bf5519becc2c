"""Clients behind a bad wireless network: what they lose, double, turn round and cut off, and how they cope with it.

`Sender` and `Watcher` do what docs/realtime.md asks of every client: send again under the same id until it is
acknowledged, and after any gap ask for everything since.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from socketio.exceptions import ConnectionError as RefusedError
from socketio.exceptions import SocketIOError

from tests.talkers import Talker

WINDOW_MESSAGES = 10
PATIENCE_SECONDS = 5.0
RETRY_SECONDS = 0.1
AWAY_SECONDS = 60.0
LOOK_SECONDS = 0.3
"""Catching up at each look stays below the 240 a minute that a person has for it."""

Message = dict[str, Any]


@dataclass(frozen=True)
class Weather:
    """How often things go wrong, from 0 to 1."""

    lost_acks: float = 0.0
    doubled: float = 0.0
    lost_events: float = 0.0
    cuts: float = 0.0
    turns_round: bool = False


FAIR = Weather()
BAD = Weather(lost_acks=0.15, doubled=0.15, lost_events=0.1, cuts=0.08, turns_round=True)


class Sender:
    """Sends its outbox to a room until all of it is acknowledged, over any number of connections.

    acked: what the server answered, by client id.  refused: answers that were no message.
    """

    def __init__(self, device: Talker, room: int, random: Random, weather: Weather = FAIR) -> None:
        self.device = device
        self.outbox: dict[str, str] = {}
        self.acked: dict[str, Message] = {}
        self.refused: list[Message] = []
        self._room = room
        self._random = random
        self._weather = weather
        self._answers = threading.Condition()
        self._expected: set[str] = set()

    def deliver(self) -> None:
        """Send until nothing is left. Nothing of it may be refused."""
        while left := self.left():
            assert self.refused == []
            self.deliver_some(left[:WINDOW_MESSAGES])

    def left(self) -> list[str]:
        return [client_id for client_id in self.outbox if client_id not in self.acked]

    def deliver_some(self, client_ids: list[str]) -> None:
        """Send these once or twice, and wait for the answers; those that do not come will be asked for again."""
        come_back(self.device)
        if self._weather.turns_round:
            self._random.shuffle(client_ids)
        with self._answers:
            self._expected = set(client_ids)
        is_cut = self._happens(self._weather.cuts)
        with suppress(SocketIOError, OSError):
            for client_id in client_ids:
                self._send(client_id)
                if self._happens(self._weather.doubled):
                    self._send(client_id)
        if is_cut:
            self.device.close()
        self._wait()

    def _send(self, client_id: str) -> None:
        data = {"room_id": self._room, "body": self.outbox[client_id], "client_id": client_id}
        self.device.socket.emit("message:send", data, callback=lambda ack: self._on_ack(client_id, ack))

    def _on_ack(self, client_id: str, ack: Message) -> None:
        with self._answers:
            if not ack["ok"]:
                self.refused.append(ack)
            elif not self._happens(self._weather.lost_acks):
                self.acked[client_id] = ack["message"]
            self._expected.discard(client_id)
            self._answers.notify_all()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._answers:
            while self._expected and self.device.socket.connected and time.monotonic() < deadline:
                self._answers.wait(RETRY_SECONDS)

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance


class Watcher:
    """Follows a room: takes what it is told, notices gaps and catches up. `messages`: what its window shows, by id."""

    def __init__(self, device: Talker, room: int, random: Random, weather: Weather = FAIR) -> None:
        self.device = device
        self.messages: dict[int, Message] = {}
        self.caught_up = 0
        self.loaded_anew = 0
        self._seen = 0
        self._room = room
        self._random = random
        self._weather = weather
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> Watcher:
        self._thread.start()
        return self

    def finish(self) -> list[str]:
        """Catch up one last time and return the ids of what the window shows, in its order."""
        self._is_over.set()
        self._thread.join()
        come_back(self.device)
        self._catch_up()
        shown = sorted(self.messages.values(), key=lambda message: message["seq"])
        return [message["client_id"] for message in shown]

    def _follow(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            come_back(self.device)
            with suppress(SocketIOError, OSError):
                self._take_what_came()
                if self._random.random() < self._weather.cuts:
                    self.device.close()
                    come_back(self.device)
                    self._catch_up()

    def _take_what_came(self) -> None:
        told = self.device.heard("message:posted")
        self.device.forget()
        has_gap = False
        for message in told:
            if message["room_id"] != self._room or self._random.random() < self._weather.lost_events:
                continue
            self.messages[message["id"]] = message
            has_gap = has_gap or message["changed_seq"] > self._seen + 1
            if not has_gap:
                self._seen = max(self._seen, message["changed_seq"])
        if has_gap:
            self._catch_up()

    def _catch_up(self) -> None:
        changes = self.device.send("message:changes", {"room_id": self._room, "after": self._seen})
        assert changes["ok"] is True, changes
        self.caught_up += 1
        if changes["reload"]:
            self._load_anew()
        self.messages.update({message["id"]: message for message in changes["messages"]})
        self._seen = max(self._seen, changes["last_seq"])

    def _load_anew(self) -> None:
        self.loaded_anew += 1
        self.messages.clear()
        before = None
        while True:
            page = self.device.send(
                "message:history", {"room_id": self._room, "before": before, "limit": 100}
            )
            assert page["ok"] is True, page
            self.messages.update({message["id"]: message for message in page["messages"]})
            if not page["has_more"]:
                return
            before = page["oldest_seq"]


def come_back(device: Talker) -> None:
    """Connect again if need be, though the server may be away for a while."""
    deadline = time.monotonic() + AWAY_SECONDS
    while not device.socket.connected:
        assert time.monotonic() < deadline, "the server did not come back"
        try:
            device.connect(wait=False)
        except (RefusedError, OSError):
            time.sleep(RETRY_SECONDS)
