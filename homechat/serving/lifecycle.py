"""What serving a house takes, whichever way requests run side by side: checks, opening, closing.

Nothing here knows eventlet. `create_app` leaves lists of callables in `app.extensions`: `homechat_on_warm_up` (each
does what a visitor would wait for), `homechat_on_start` (each returns lines to print), `homechat_background` (each is
run in a task of its own, and again if it breaks), `homechat_on_stop` (each tells people that the server goes away) and
`homechat_at_last` (each stores what is only in memory, when nobody is served any more).
"""

import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from flask import Flask
from flask_babel import force_locale
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import configure_mappers

from homechat import create_app, data_folder, locales, logs, paths, revisions
from homechat.config import CannotStartError, Settings, prepare
from homechat.serving import front, packet_guard, send_buffer, websocket_repairs
from homechat.serving.strangers import Strangers
from homechat.words import words

log = logging.getLogger(__name__)

FINISH_SECONDS = 8.0
LAST_RESORT_SECONDS = 9
RESTART_SECONDS = 5.0
INSIDES_KNOWN = {
    "eventlet": "0.41",
    "python-engineio": "4.15",
    "python-socketio": "5.18",
    "simple-websocket": "1.1",
}
LARGE_BLOCK_BYTES = 1_048_576
MALLOC_ARENAS = 2
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of malloc.h
_TRUE = {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class House:
    """An app that is ready to be served."""

    app: Flask
    settings: Settings
    strangers: Strangers


def open_house(settings: Settings, *, async_mode: str) -> House:
    """Check everything that must be right, then return the app. Raises CannotStartError with a sentence."""
    _refuse_debugging(settings)
    _refuse_unknown_insides()
    settings = prepare(settings)
    _refuse_unmigrated(settings)
    if settings.sqlite_file:
        data_folder.claim(settings.sqlite_file)
    logs.configure(settings)
    _allow_connections(settings)
    _give_memory_back()
    app = create_app(settings, async_mode=async_mode, commands=False)
    if settings.environment == "production" and (app.debug or app.testing):
        raise CannotStartError("HomeChat does not serve with debugging or testing turned on.")
    front.install(app, settings)
    websocket_repairs.repair_engineio()
    send_buffer.bound()
    server = app.extensions["socketio"].server
    packet_guard.watch(server)
    strangers = Strangers(server, at_most_per_address=settings.anonymous_sockets_per_address)
    strangers.watch()
    warm_up(app)
    _set_aside_what_stays()
    return House(app, settings, strangers)


def warm_up(app: Flask) -> None:
    """Do now what the first visitor would wait for, and everybody else with them: it holds up the loop.

    A page that is shown for the first time costs the compilation of its templates, 10 ms each on a small box, and
    a language what is known of it; the description of the API is made of a hundred shapes.
    """
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    configure_mappers()
    locales.timezones()
    for code in locales.LOCALES:
        with app.app_context(), force_locale(code):
            words()
    for callback in app.extensions.get("homechat_on_warm_up", ()):
        callback()


def greet(house: House) -> None:
    """Print where the house is, and whatever else its owner needs to know now; before anybody gets in."""
    lines = [f"HomeChat is at {house.settings.public_url}"]
    if not house.settings.is_secure_context:
        lines.append("Careful: this address has no HTTPS, so others on the network can read along.")
    with house.app.app_context():
        for callback in _callbacks(house, "homechat_on_start"):
            lines.extend(callback())
    print(*lines, sep="\n", flush=True)  # noqa: T201


def start_background(house: House, spawn: Callable[..., object], sleep: Callable[[float], object]) -> None:
    """Run each background callable in a task of its own, made by `spawn(function, *args)`."""
    spawn(_run_for_ever, lambda: house.strangers.send_away_for_ever(sleep), sleep)
    for callback in _callbacks(house, "homechat_background"):
        spawn(_run_for_ever, callback, sleep)


def address_of(settings: Settings) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the family and address to listen on. Raises CannotStartError if there is no such host."""
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise cannot_listen(settings, error) from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def send_at_once(listener: socket.socket) -> None:
    """Have the connections of a listener send small pieces at once.

    Else an answer behind a message waits until the client has confirmed the message, which it puts off for 40 ms.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def cannot_listen(settings: Settings, error: OSError) -> CannotStartError:
    """Return why there is no listening on the address of the settings."""
    return CannotStartError(
        f"HomeChat cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
        "Set HOMECHAT_PORT or HOMECHAT_HOST to another one."
    )


def end_at_last() -> float:
    """Have this process end in time whatever hangs; called when a stop begins.

    Return until when, of `time.monotonic()`, others may take to finish.
    """
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.alarm(LAST_RESORT_SECONDS)
    return time.monotonic() + FINISH_SECONDS


def say_goodbye(house: House) -> None:
    """Tell people that the server goes away."""
    _call_each(house, "homechat_on_stop")


def close_sockets(house: House) -> None:
    """Close every live connection, when all is sent that waits for it; the clients come back by themselves."""
    for connection in list(house.app.extensions["socketio"].server.eio.sockets.values()):
        try:
            # abort: without saying that it was meant, at which the Python client stays away for good.
            connection.close(wait=False, abort=True)
        except Exception:
            log.exception("a live connection could not be closed in good order")


def close_database(house: House) -> None:
    """Store what is only in memory, fold SQLite's write-ahead log into the database file, and let go of both."""
    _call_each(house, "homechat_at_last")
    with house.app.app_context():
        engine = house.app.extensions["sqlalchemy"].engine
        try:
            if house.settings.sqlite_file:
                connection = engine.raw_connection()
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                connection.close()
            engine.dispose()
        except Exception:
            log.exception("the database was not closed in good order; nothing is lost")


def _refuse_debugging(settings: Settings) -> None:
    for name in ("FLASK_DEBUG", "FLASK_TESTING", "TESTING"):
        if settings.environment == "production" and os.environ.get(name, "").lower() in _TRUE:
            raise CannotStartError(
                f"{name} is set, and HomeChat does not serve a real house that way. Take it out of the "
                "environment, or set HOMECHAT_ENVIRONMENT=development."
            )


def _refuse_unknown_insides() -> None:
    """What we put right in other libraries is right for the versions that we have read."""
    for name, known in INSIDES_KNOWN.items():
        present = metadata.version(name)
        if not present.startswith(f"{known}."):
            raise CannotStartError(
                f"HomeChat works with {name} {known}, and {present} is installed. "
                "Install what requirements/app.txt names."
            )


def _refuse_unmigrated(settings: Settings) -> None:
    file = settings.sqlite_file
    if file and not file.exists():
        raise CannotStartError(f"There is no house at {file} yet. Make one with: flask prepare")
    try:
        present = revisions.present(settings.database_url)
    except SQLAlchemyError as error:
        raise CannotStartError(
            f"The database cannot be read ({type(error).__name__}). "
            "Check HOMECHAT_DATABASE_URL, and that the database is up."
        ) from error
    if present - revisions.known(paths.MIGRATIONS):
        raise CannotStartError(
            "This database was made by a newer HomeChat. Install that version, or restore an older backup."
        )
    if present != revisions.wanted(paths.MIGRATIONS):
        raise CannotStartError(
            "This database is of an older HomeChat. Bring it up to date with: flask prepare"
        )


def _allow_connections(settings: Settings) -> None:
    """Each connection takes a file descriptor, and many systems start with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + 512
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        if limit < wanted:
            log.warning("this system allows %d open files, so fewer connections than wanted", limit)


def _give_memory_back() -> None:
    """Have glibc return large blocks at once; nothing happens where there is another C library.

    Argon2 takes 19 MiB each time. glibc would keep that much for every native thread that ever checked a password.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(_M_ARENA_MAX, MALLOC_ARENAS)


def _set_aside_what_stays() -> None:
    """Have the garbage collector pass over everything that is here by now: 150,000 objects that never become garbage.

    To look at them all takes it 0.1 s on two x86-64 processors, 0.8 s when these are busy. Nobody gets an answer then;
    and it did so in the middle of a talk.
    """
    gc.collect()
    gc.freeze()


def _run_for_ever(callback: Callable[[], object], sleep: Callable[[float], object]) -> None:
    while True:
        try:
            callback()
        except Exception:
            log.exception("a background task broke and starts again")
            sleep(RESTART_SECONDS)
        else:
            return


def _call_each(house: House, name: str) -> None:
    """Call these one after the other; one that breaks keeps none of the others from its work."""
    with house.app.app_context():
        for callback in _callbacks(house, name):
            try:
                callback()
            except Exception:
                log.exception("something could not be done before the stop")


def _callbacks(house: House, name: str) -> Iterable[Callable[[], Any]]:
    return list(house.app.extensions.get(name, ()))
