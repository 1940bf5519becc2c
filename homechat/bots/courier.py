"""Who carries deliveries out, in the background of each server: a bounded number at once, and chat waits for none."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from flask import Flask, current_app

from homechat import clock, lockdown
from homechat.bots import deliveries
from homechat.bots.deliveries import Job, Outcome
from homechat.bots.parcels import Undeliverable, parcel_for
from homechat.errors import Unavailable
from homechat.extensions import socketio
from homechat.security import field_encryption
from homechat.security.sending import LookupsBusy, NotSent, post

log = logging.getLogger(__name__)

AT_ONCE_MAX = 20
LOOK_SECONDS = 5.0
"""How often it is looked whether another process has queued something."""
LEAST_SECONDS = 0.05


class Courier:
    """How many deliveries of this server are under way, and whether it is time to look for more."""

    def __init__(self) -> None:
        self._under_way = 0
        self._lock = threading.Lock()
        self._woken = threading.Event()

    @property
    def free(self) -> int:
        """How many more may be under way at once."""
        return AT_ONCE_MAX - self._under_way

    def wake(self) -> None:
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Return when somebody calls `wake`, or after some seconds."""
        self._woken.wait(seconds)
        self._woken.clear()

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
        self.wake()


def courier_here() -> Courier:
    """Return the courier of this process. It sleeps where nothing is served; a server finds by itself what waits."""
    return _courier(current_app)


def carry_for_ever(app: Flask) -> None:
    """Send what is due, again and again."""
    courier = _courier(app)
    while True:
        with app.app_context():
            looked_at = clock.now()
            for job in _taken(courier.free):
                courier.begin()
                socketio.start_background_task(_carry, app, job)
            seconds = _seconds_to_wait(looked_at)
        courier.wait(seconds)


def carry_out(app: Flask, job: Job) -> Outcome | None:
    """Send one delivery and return what came of it; None when there is nothing left to send, or it has to wait.

    Waits for the other end, 10 s at most, and holds nothing of the database meanwhile.
    """
    with app.app_context():
        if lockdown.stops_bots():  # Since it was taken.
            deliveries.put_back(job)
            return None
        try:
            parcel = parcel_for(job)
        except field_encryption.Unreadable:
            log.exception("delivery %d cannot be signed", job.delivery_id)
            return Outcome(problem="unsigned")
    if parcel is None:
        return None
    if isinstance(parcel, Undeliverable):
        return Outcome(problem=parcel.problem, is_final=True)
    try:
        status = post(
            parcel.url, parcel.body, parcel.headers, listed=parcel.listed, person_id=parcel.owner_id
        )
    except LookupsBusy:
        with app.app_context():
            deliveries.put_back(job)
        return None
    except NotSent as error:
        return Outcome(problem=error.problem)
    return Outcome(status=status)


def _carry(app: Flask, job: Job) -> None:
    try:
        outcome = carry_out(app, job)
        if outcome is None:
            return
        with app.app_context():
            deliveries.finish(job, outcome)
        if not outcome.is_delivered:
            why = outcome.problem or outcome.status
            log.info("delivery %d was not taken: %s", job.delivery_id, why)
    except Unavailable:
        log.warning("what came of delivery %d could not be stored; it is sent again", job.delivery_id)
    except Exception:
        log.exception("delivery %d failed", job.delivery_id)
    finally:
        _courier(app).end()


def _taken(at_most: int) -> list[Job]:
    try:
        return deliveries.take(at_most)
    except Unavailable:  # The database is busy; there will be a next time.
        return []


def _seconds_to_wait(looked_at: datetime) -> float:
    """Return how long nothing new can be due. What was due and not taken waits for another one, whose end wakes us."""
    due = deliveries.next_due(looked_at)
    if due is None:
        return LOOK_SECONDS
    return min(LOOK_SECONDS, max(LEAST_SECONDS, (due - clock.now()).total_seconds()))


def _courier(app: Flask) -> Courier:
    courier: Courier = app.extensions["homechat_courier"]
    return courier
