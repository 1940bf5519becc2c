"""One writer at a time, and one COMMIT for all who came while the one before was being stored.

fsync is slow (milliseconds on an SSD, a tenth of a second on an SD card), and who waits for it waits with everybody. So
writers share a transaction, each within a savepoint of its own, as long as others queue behind them; whoever finds
nobody behind stores it for all. Nobody hears of success before their own changes are stored for good.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from homechat.errors import Unavailable

log = logging.getLogger(__name__)

CANNOT_STORE = "The house can't store anything right now. Nothing was lost; try again soon."
PATIENCE_SECONDS = (0.01, 0.1)
"""Least and most for which a group takes in more; between them it takes as long as the last COMMIT took."""

Callback = Callable[[], object]

_in_callback: ContextVar[bool] = ContextVar("homechat_in_callback", default=False)


class WriteQueue:
    """The writers of one database in this process. `waiting`: how many wait for their turn."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self.waiting = 0
        self._group: _Group | None = None
        self._patience = PATIENCE_SECONDS[0]
        self._stored: deque[_Group] = deque()
        self._telling = threading.Lock()

    @contextmanager
    def turn(
        self, begin: Callable[[], Connection], callbacks: list[Callback], *, waits: bool
    ) -> Iterator[Connection]:
        """Write on the connection given, which may hold the changes of others, too: within a savepoint.

        What the block changed is stored when this returns, and `callbacks` have been run. When the block raises, only
        its savepoint is to be rolled back, which is the block's own affair. An IntegrityError goes on when the group is
        stored: what it collided with may be in there, and whoever looks for that now shall find it.
        begin: opens a connection in a transaction that may write.
        waits: False to raise Unavailable at once when it is somebody else's turn.
        Raises what `begin` raises, and Unavailable when COMMIT fails: then nothing of the group is stored.
        RuntimeError within a callback: all who wrote later wait for it, and it would wait for them.
        """
        if _in_callback.get():
            raise RuntimeError("what hangs on a commit cannot write; start a task of its own for that")
        self._take(waits=waits)
        writer = _Writer(callbacks)
        collision: IntegrityError | None = None
        try:
            group = self._group = self._group or _Group(begin())
            try:
                yield group.connection
            except IntegrityError as error:
                if not group.writers:
                    raise
                writer, collision = _Writer([]), error
            group.writers.append(writer)
        finally:
            self._leave()
        writer.wait()
        if collision is not None:
            raise collision

    def _take(self, *, waits: bool) -> None:
        if not waits:
            if not self._turn.acquire(blocking=False):
                raise Unavailable(CANNOT_STORE)
            return
        self._count(+1)
        try:
            self._turn.acquire()
        except BaseException:  # The task is being ended; a group may have counted on it.
            self._count(-1)
            if self._turn.acquire(blocking=False):
                self._leave()
            raise
        self._count(-1)

    def _leave(self) -> None:
        """End the turn; if nobody else takes part in the group, store it and tell everybody in it."""
        try:
            group = self._group
            if group is None or (self.waiting and group.takes_more(self._patience)):
                return
            self._group = None
            least, most = PATIENCE_SECONDS
            self._patience = min(max(group.store(), least), most)
            self._stored.append(group)
        finally:
            self._turn.release()
        self._tell_stored()

    def _tell_stored(self) -> None:
        """Tell the groups that are stored, one after the other; whoever comes meanwhile leaves theirs to us."""
        ended: BaseException | None = None
        while self._stored and self._telling.acquire(blocking=False):
            try:
                while self._stored:
                    ended = self._stored.popleft().tell() or ended
            finally:
                self._telling.release()
        if ended is not None:
            raise ended

    def _count(self, change: int) -> None:
        with self._counting:
            self.waiting += change


class _Writer:
    """Somebody whose changes are in a group. What they want done afterwards is done in their own context."""

    def __init__(self, callbacks: list[Callback]) -> None:
        self._callbacks = callbacks
        self._context: Context = copy_context()
        self._is_told = threading.Event()
        self._error: Exception | None = None

    def tell(self, error: Exception | None) -> None:
        self._error = error
        try:
            if error is None:
                self._context.run(self._call_back)
        finally:
            self._is_told.set()

    def wait(self) -> None:
        self._is_told.wait()
        if self._error is not None:
            raise Unavailable(CANNOT_STORE) from self._error

    def _call_back(self) -> None:
        _in_callback.set(True)  # In this context, which is a copy for the callbacks alone.
        for callback in self._callbacks:
            try:
                callback()
            except Exception:  # The write is already safe.
                log.exception("something after a commit went wrong")


class _Group:
    """A transaction that several writers share."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.writers: list[_Writer] = []
        self._began = time.monotonic()
        self._error: Exception | None = None
        self._ended: BaseException | None = None

    def takes_more(self, patience: float) -> bool:
        return self._is_sound() and time.monotonic() - self._began < patience

    def store(self) -> float:
        """Commit, or roll back where nothing was changed; return how many seconds it took. `tell` tells of errors."""
        began = time.monotonic()
        try:
            if self.writers and not self._is_sound():
                # COMMIT would say nothing.
                raise RuntimeError("the database has given up the transaction by itself")
            if self.writers:
                self.connection.commit()
            else:
                self.connection.rollback()
        except BaseException as error:
            log.exception("the database refused to store")
            if isinstance(error, Exception):
                self._error = error
            else:  # The task was ended in the middle of it; nobody knows whether it is stored.
                self._error, self._ended = RuntimeError("ended while storing"), error
            self.connection.invalidate()  # SQLAlchemy would hand on what COMMIT left behind.
        finally:
            self.connection.close()
        return time.monotonic() - began

    def tell(self) -> BaseException | None:
        """Tell all writers, in the order in which they wrote, that it is stored, or why not.

        Return what ended the task that tells, if anything did: the others wait to hear all the same.
        """
        ended = self._ended
        for writer in self.writers:
            try:
                writer.tell(self._error)
            except BaseException as error:
                ended = error
        return ended

    def _is_sound(self) -> bool:
        """Whether the transaction still stands. SQLite ends it by itself when the disk is full or broken."""
        if self.connection.invalidated:
            return False
        driver_connection = self.connection.connection.dbapi_connection
        return bool(getattr(driver_connection, "in_transaction", True))
