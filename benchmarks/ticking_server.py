"""HomeChat's server with a ticker on its loop: how late that is woken is for how long the loop stood still.

Each line of the file named by BENCHMARK_TICKS_FILE has the ticks of about a second, in milliseconds too late.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from homechat import server

if TYPE_CHECKING:
    from homechat.serving.lifecycle import House

TICKS_FILE = "BENCHMARK_TICKS_FILE"
TICK_SECONDS = 0.005
TICKS_A_LINE = 200


def main() -> int:
    """Serve as `python -m homechat.server` does."""
    watch = server._watch_loop

    def watch_and_tick(house: House) -> None:
        watch(house)
        house.app.extensions["homechat_background"].append(_tick_for_ever)

    server._watch_loop = watch_and_tick
    return server.main()


def _tick_for_ever() -> None:
    with open(os.environ[TICKS_FILE], "a", buffering=1) as file:
        while True:
            file.write(" ".join(f"{_late():.2f}" for _ in range(TICKS_A_LINE)) + "\n")


def _late() -> float:
    """Sleep, as a task of the loop (the server has patched `time`); return how many milliseconds too long it took."""
    due = time.monotonic() + TICK_SECONDS
    time.sleep(TICK_SECONDS)
    return (time.monotonic() - due) * 1000


if __name__ == "__main__":
    sys.exit(main())
