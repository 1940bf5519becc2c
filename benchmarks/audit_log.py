"""Proving that nothing in a long audit log was changed."""

from __future__ import annotations

import time

from benchmarks.figures import Figure
from benchmarks.servers import HomeChat, let_settle
from homechat import audit
from homechat.actor import Actor
from homechat.database import transaction
from tests.conftest import close
from tests.house import House
from tests.server_process import run_flask

ENTRIES = 1_000_000
QUICK_ENTRIES = 50_000
AT_ONCE = 1_000


def measure(server: HomeChat, entries: int = ENTRIES) -> list[Figure]:
    """Fill the log, then have the command walk all of it; its start is part of what is measured."""
    house = House(server.process.data_dir)
    with house.rows():
        for number in range(entries // AT_ONCE):
            with transaction():
                for _ in range(AT_ONCE):
                    audit.record(
                        Actor.operator(), audit.Action.LOGIN, subject=f"user:{number}", detail={"session": 1}
                    )
    close(house)
    began = time.perf_counter()
    done = run_flask(server.process.data_dir, "audit", "verify")
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    let_settle(server)
    line = f"audit log of {entries:,} entries"
    return [Figure(line, "verified in", took, "s"), Figure(line, "verified", entries / took, "a second")]
