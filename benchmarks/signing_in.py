"""Twenty people sign in at the same moment, again and again, while a hundred windows chat; and what refusals tell."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import sqlalchemy as sa

from benchmarks import ticking_server
from benchmarks.chatting import Evening
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Limit, percentile, waits
from benchmarks.processes import calm_down
from benchmarks.servers import GENEROUS, ROOMS, HomeChat, let_settle
from homechat.accounts import lockout
from homechat.accounts.models import Standing, User
from homechat.database import transaction
from tests.house import PASSWORD
from tests.talkers import Talker

AT_ONCE = 20
PACE = 20
SECONDS = 30.0
QUICK_SECONDS = 6.0
ATTEMPTS = 200
QUICK_ATTEMPTS = 40
LATE_SECONDS = 10.0
ALONE, TOGETHER = "100 windows chat", f"100 windows chat, {AT_ONCE} sign in at once"
REFUSALS = "A-1 refused sign-ins"
STALLS = f"A-2 {AT_ONCE} sign in at once"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')

OWED = {
    (TOGETHER, "delivery p95"): Limit(below=50),
    (REFUSALS, "slowest to fastest kind"): Limit(below=1.10),
    (STALLS, "loop stood still p99"): Limit(below=25),
}


def measure_chat(server: HomeChat, seconds: float = SECONDS) -> list[Figure]:
    """Measure how soon messages are heard, first without and then with a crowd at the door."""
    windows = [server.client(number, room=number) for _ in range(2) for number in range(1, ROOMS + 1)]
    found: list[Figure] = []
    with Crowd(windows) as crowd:
        calm_down(server.pid)
        for line, crowd_at_door in ((ALONE, False), (TOGETHER, True)):
            crowd.rest(1.0)  # The last receipts of the evening before.
            evening = Evening(server, crowd.clients[:ROOMS])
            took: list[float] = []
            over = Event()
            door = Thread(target=_keep_signing_in, args=(server, over, took))
            if crowd_at_door:
                door.start()
            _chat(crowd, evening, seconds)
            over.set()
            if crowd_at_door:
                door.join()
            found += waits(line, evening.took, 50, 95, what="delivery")
            if took:
                found += waits(line, took, 50, 95, what="sign-in")
    let_settle(server)
    return found


def measure_refusals(server: HomeChat, attempts: int = ATTEMPTS) -> list[Figure]:
    """Measure whether the time that a refusal takes tells why: the medians of each kind, taken in turn."""
    tried = server.names[60:]  # So many that none of them is locked out.
    _lock(server, server.names[58], server.names[59])
    kinds: dict[str, Callable[[int], str]] = {
        "wrong password": lambda number: tried[number % len(tried)],
        "unknown name": lambda number: f"nobody_{number}",
        "locked out": lambda number: server.names[58],
        "locked by an admin": lambda number: server.names[59],
    }
    visitor = Talker(server.url, "nobody")
    token = _token(visitor)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(attempts):
        for kind, name in kinds.items():
            password = PASSWORD if kind.startswith("locked") else "not the right one"
            took[kind].append(_sign_in(visitor, token, name(number), password, status=401))
    # Whoever is measured next finds everybody at home.
    _set_standing(server, server.names[59], Standing.ACTIVE)
    medians = {kind: median(times) for kind, times in took.items()}
    ratio = max(medians.values()) / min(medians.values())
    return [
        *(Figure(REFUSALS, f"{kind} p50", value * 1000, "ms") for kind, value in medians.items()),
        Figure(REFUSALS, "slowest to fastest kind", ratio, "×"),
    ]


def measure_stalls(seconds: float = SECONDS) -> list[Figure]:
    """Measure for how long passwords hold up the loop of a server of its own, where nobody does anything else."""
    with TemporaryDirectory() as folder:
        ticks = Path(folder) / "ticks"
        settings = {**GENEROUS, ticking_server.TICKS_FILE: str(ticks)}
        module = ticking_server.__name__
        with closing(HomeChat(people=2 * AT_ONCE, stored=0, settings=settings, module=module)) as server:
            calm_down(server.pid)
            before = len(_late_milliseconds(ticks))
            over = Event()
            door = Thread(target=_keep_signing_in, args=(server, over, []))
            door.start()
            time.sleep(seconds)
            late = _late_milliseconds(ticks)[before:]
            over.set()
            door.join()
    return [
        Figure(STALLS, "loop stood still p50", percentile(late, 50), "ms"),
        Figure(STALLS, "loop stood still p99", percentile(late, 99), "ms"),
        Figure(STALLS, "loop stood still at most", max(late), "ms"),
    ]


def _late_milliseconds(ticks: Path) -> list[float]:
    return [float(tick) for tick in ticks.read_text().split()]


def _chat(crowd: Crowd, evening: Evening, seconds: float) -> None:
    began = time.perf_counter()
    messages = int(PACE * seconds)

    def is_over() -> bool:
        due = min(messages, int((time.perf_counter() - began) * PACE))
        while len(evening.said) < due:
            evening.say_next()
        return due == messages and evening.heard == messages * 2

    crowd.listen(evening.hear, is_over, seconds=seconds + LATE_SECONDS)


def _keep_signing_in(server: HomeChat, over: Event, took: list[float]) -> None:
    """Have twenty people who are not among those who chat sign in at once, until it is over."""
    visitors = [Talker(server.url, name) for name in server.names[-AT_ONCE:]]
    tokens = [_token(visitor) for visitor in visitors]
    with ThreadPoolExecutor(AT_ONCE) as people:
        while not over.is_set():
            began = time.perf_counter()
            jobs = [
                people.submit(_sign_in, visitor, token, visitor.name, PASSWORD, status=302)
                for visitor, token in zip(visitors, tokens, strict=True)
            ]
            took += [job.result() for job in jobs]
            for number, visitor in enumerate(visitors):
                visitor.cookies.clear()
                tokens[number] = _token(visitor)
            over.wait(max(0.0, 2.0 - (time.perf_counter() - began)))


def _token(visitor: Talker) -> str:
    found = TOKEN.search(visitor.get("/sign-in").text)
    assert found
    return found[1]


def _sign_in(visitor: Talker, token: str, name: str, password: str, *, status: int) -> float:
    form = {"csrf_token": token, "username": name, "password": password}
    began = time.perf_counter()
    reply = visitor.request("POST", "/sign-in", data=form)
    took = time.perf_counter() - began
    assert reply.status_code == status, reply.text
    return took


def _lock(server: HomeChat, locked_out: str, locked: str) -> None:
    """Have one account be locked out here for guessing, and another be locked by an admin."""
    visitor = Talker(server.url, locked_out)
    token = _token(visitor)
    for _ in range(max(lockout.LOCKS)):
        _sign_in(visitor, token, locked_out, "a guess", status=401)
    _set_standing(server, locked, Standing.LOCKED)


def _set_standing(server: HomeChat, name: str, standing: Standing) -> None:
    with server.house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == name).values(standing=standing.value))
