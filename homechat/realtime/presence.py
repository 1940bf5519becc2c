"""Who is here, in whichever process: written down in the database, where all of them look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from homechat import clock
from homechat.database import db, is_sqlite, transaction
from homechat.errors import Unavailable
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from homechat.realtime.models import LiveSocketRow, ServerProcess

PROCESS_HEARTBEAT = timedelta(seconds=10)
PROCESS_GONE_AFTER = timedelta(seconds=30)


def register_process() -> None:
    """Write down that this process serves, and forget those that are gone (on SQLite: all others)."""
    sockets = live_sockets()
    with transaction() as session:
        gone = sa.delete(ServerProcess)
        if not is_sqlite():
            gone = gone.where(_is_gone())
        session.execute(gone)
        session.add(ServerProcess(id=sockets.process_id))


def unregister_process() -> None:
    """Forget this process and its sockets: it stops."""
    with transaction() as session:
        session.execute(sa.delete(ServerProcess).where(ServerProcess.id == live_sockets().process_id))


def beat() -> set[int]:
    """Say that this process still serves, and forget those that no longer say so; return who is offline by that.

    One that stood still for long (a suspended machine) was forgotten by the others, and its sockets with it.
    """
    sockets = live_sockets()
    with transaction() as session:
        me = session.get(ServerProcess, sockets.process_id)
        if me is None:
            session.add(ServerProcess(id=sockets.process_id))
            session.flush()
            session.add_all(_row_of(socket) for socket in sockets.all() if socket.is_present)
        else:
            me.seen_at = clock.now()
        left = sa.select(LiveSocketRow.user_id).join(ServerProcess).where(_is_gone()).distinct()
        leaving = set(session.scalars(left))
        session.execute(sa.delete(ServerProcess).where(_is_gone()))
        return leaving - online_among(leaving)


def opened(socket: LiveSocket) -> bool:
    """Write down a connected socket for all processes to see; return whether it is the person's first anywhere.

    One by which nobody is here is not written down.
    Raises Unavailable while this process itself is not written down: it stops, or stood still for long.
    """
    with transaction() as session:
        if session.get(ServerProcess, live_sockets().process_id) is None:
            raise Unavailable("This server is not on the list of those that serve.")
        if not socket.is_present:
            return False
        is_first = socket.user_id not in online_among([socket.user_id])
        session.merge(_row_of(socket))
    return is_first


def closed(socket: LiveSocket) -> bool:
    """Strike a socket off again; return whether it was the person's last anywhere."""
    with transaction() as session:
        row = session.get(LiveSocketRow, socket.sid)
        if row is None:
            return False
        session.delete(row)
        session.flush()
        return socket.user_id not in online_among([socket.user_id])


def online_among(user_ids: Iterable[int]) -> set[int]:
    """Return those of `user_ids` who have a socket open in any process."""
    wanted = list(user_ids)
    if not wanted:
        return set()
    query = sa.select(LiveSocketRow.user_id).where(LiveSocketRow.user_id.in_(wanted)).distinct()
    return set(db.session.scalars(query))


def everyone_online() -> set[int]:
    """Return the ids of all who have a socket open in any process."""
    return set(db.session.scalars(sa.select(LiveSocketRow.user_id).distinct()))


def open_windows() -> int:
    """Return how many sockets are open in all processes."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(LiveSocketRow)) or 0


def _is_gone() -> sa.ColumnElement[bool]:
    return ServerProcess.seen_at < clock.now() - PROCESS_GONE_AFTER


def _row_of(socket: LiveSocket) -> LiveSocketRow:
    return LiveSocketRow(sid=socket.sid, process_id=live_sockets().process_id, user_id=socket.user_id)
