"""Pictures are drawn two at a time, one of each person, and nothing of the database is held meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from homechat.database import transaction
from homechat.turns import NoTurnError, TooManyWaitError, Turns
from homechat.uploads import images
from homechat.uploads.actions import store_upload
from tests import corpus
from tests.api_client import Program, program_of
from tests.devices import wait_until
from tests.house import House

ADA, BEN, CLEO = 1, 2, 3


class People:
    """Who takes turns: each in a thread of their own, at work until told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def come(self, person_id: int, what: str) -> None:
        """Have somebody come, and return when they wait or are at work."""
        before = self.turns.waiting() + len(self.began)
        self._ends[what] = threading.Event()
        self._threads.append(threading.Thread(target=self._work, args=(person_id, what)))
        self._threads[-1].start()
        assert wait_until(lambda: self.turns.waiting() + len(self.began) > before)

    def end(self, what: str, *, then: int) -> None:
        """Have somebody be done, and return when so many have begun in all."""
        self._ends[what].set()
        assert wait_until(lambda: len(self.began) == then)

    def all_go(self) -> None:
        for end in self._ends.values():
            end.set()
        for thread in self._threads:
            thread.join(20)

    def _work(self, person_id: int, what: str) -> None:
        with self.turns.one(person_id, seconds=20):
            self.began.append(what)
            self._ends[what].wait(20)


def test_one_of_each_person_is_at_work_and_people_take_turns() -> None:
    people = People(Turns(2, waiting_max=20))
    for person_id, what in ((BEN, "b1"), (BEN, "b2"), (BEN, "b3"), (BEN, "b4"), (CLEO, "c1"), (CLEO, "c2")):
        people.come(person_id, what)
    people.come(ADA, "a1")
    assert people.began == ["b1", "c1"], "one of each, though Ben's second came before"

    people.end("b1", then=3)
    people.end("b2", then=4)
    people.end("a1", then=5)
    people.all_go()

    assert people.began[:5] == ["b1", "c1", "b2", "a1", "b3"], (
        "who came last waits for one of Ben's, not for all"
    )
    assert set(people.began[5:]) == {"b4", "c2"}


def test_where_two_of_a_person_may_go_on_a_third_waits() -> None:
    people = People(Turns(4, of_one_person=2, waiting_max=20))
    for person_id, what in ((BEN, "b1"), (BEN, "b2"), (BEN, "b3"), (CLEO, "c1")):
        people.come(person_id, what)
    assert people.began == ["b1", "b2", "c1"]
    people.end("b1", then=4)
    people.all_go()
    assert people.began[3:] == ["b3"]


def test_who_has_very_many_waiting_already_is_told_so_and_others_are_not() -> None:
    turns = Turns(1, waiting_max=2)
    people = People(turns)
    for what in ("b1", "b2", "b3"):
        people.come(BEN, what)

    with pytest.raises(TooManyWaitError), turns.one(BEN, seconds=0):
        pass
    with pytest.raises(NoTurnError), turns.one(CLEO, seconds=0):
        pass
    assert turns.waiting() == 2, "who gave up waits no more"
    people.all_go()
    with turns.one(BEN, seconds=0):
        pass


def send_picture(program: Program, room: int) -> TestResponse:
    reply: TestResponse = program.ask(
        "POST",
        f"/channels/{room}/media",
        data={"files[]": (BytesIO(corpus.encoded("PNG")), "a.png")},
        content_type="multipart/form-data",
    )
    return reply


def test_of_one_persons_pictures_twenty_wait_and_nobody_else_for_them(house: House) -> None:
    room = house.home().id
    ben, cleo = program_of(house, "ben"), program_of(house, "cleo")
    with ThreadPoolExecutor(images.WAITING_MAX) as hands:
        with images.turns.one(house.id_of("ben"), seconds=0):
            waiting = [hands.submit(send_picture, ben, room) for _ in range(images.WAITING_MAX)]
            assert wait_until(lambda: images.turns.waiting() == images.WAITING_MAX)

            refused, others = send_picture(ben, room), send_picture(cleo, room)

        assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
        assert (
            refused.json["error"] == "That is a lot of pictures at once. Send the others when these are done."
        )
        assert refused.headers["Retry-After"] == "10"
        assert others.status_code == 200
        assert {it.result().status_code for it in waiting} == {200}


def test_while_a_picture_waits_and_is_drawn_no_connection_to_the_database_is_held(house: House) -> None:
    room = house.home().id
    program = program_of(house, "ben")
    engine = house.act(lambda: house.app.extensions["sqlalchemy"].engine)
    held: list[int] = []
    with ThreadPoolExecutor(2) as hands:
        with images.turns.one(house.id_of("ben"), seconds=0):
            sent = hands.submit(send_picture, program, room)
            assert wait_until(lambda: images.turns.waiting() == 1)
            held.append(engine.pool.checkedout())
        held += while_drawing(sent, engine.pool.checkedout)

    assert sent.result().status_code == 200
    assert len(held) > 1  # Guard: it was seen while it was drawn.
    assert set(held) == {0}


def while_drawing(sent: Future[TestResponse], look: Callable[[], int]) -> list[int]:
    """Return what `look` returned each time that a program of ours drew before it and still did after it."""
    seen: list[int] = []
    while not sent.done():
        for children in Path("/proc/self/task").glob("*/children"):
            for process in children.read_text().split():
                before, found, after = is_drawing(process), look(), is_drawing(process)
                seen += [found] if before and after else []
    return seen


def is_drawing(process: str) -> bool:
    try:
        return "image_worker" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:  # It is done already.
        return False


def test_nothing_slow_is_begun_within_a_transaction(house: House) -> None:
    ben, room = house.actor("ben"), house.home().id
    with house.rows(), transaction(), pytest.raises(RuntimeError, match="nothing slow"):
        store_upload(ben, room_id=room, name="a.txt", stream=BytesIO(b"x"))
