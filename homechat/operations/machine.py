"""What this process and its machine have and use: asked of the kernel, and none of it is slow."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from homechat.config import Settings
from homechat.database import db


def memory_bytes() -> int:
    """Return how much memory this process has in hand; where the kernel does not say, the most it ever had."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cpu_seconds() -> float:
    """Return for how long this process was at work, all its threads together."""
    return time.process_time()


def load_percent() -> int:
    """Return how busy the machine was in the last five minutes, all it runs together; 100: each CPU all the time.

    More than that where work had to wait. (See getloadavg(3).)
    """
    return round(os.getloadavg()[1] * 100 / (os.cpu_count() or 1))


def free_percent(folder: Path) -> int:
    """Return how much of the disk is free on which `folder` is, rounded down."""
    usage = shutil.disk_usage(folder)
    return usage.free * 100 // usage.total


def database_bytes(settings: Settings) -> int:
    """Return how much room the database takes; on SQLite with what is not folded into it yet."""
    file = settings.sqlite_file
    if file is None:
        return int(db.session.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
    return sum(each.stat().st_size for each in (file, Path(f"{file}-wal")) if each.exists())
