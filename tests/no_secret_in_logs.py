"""Pytest plugin: a run fails when any log that was written during it holds a secret that was used in it.

Loaded by tests/conftest.py. With pytest-xdist each worker looks through its own logs for its own secrets.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from homechat.logs import _Formatter
from tests import secrets_used

LEAKED = 10
"""How such a run ends, whatever else failed in it: trying again those that failed must not hide it."""
FOUND = pytest.StashKey[list[str]]()
COUNTS = pytest.StashKey[list[int]]()


class Ears(logging.Handler):
    """Notes what is logged in this process as the server would have written it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        secrets_used.note_line(self.format(record))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND], config.stash[COUNTS] = [], [0, 0]
    secrets_used.listen()
    logging.getLogger().addHandler(Ears())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    found, counts = secrets_used.leaks(), secrets_used.counts()
    if hasattr(config, "workeroutput"):
        config.workeroutput["secrets_in_logs"] = (found, counts)
        return
    _add(config, found, counts)
    if config.stash[FOUND]:
        session.exitstatus = LEAKED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist is done: take over what it has found."""
    _add(node.config, *getattr(node, "workeroutput", {}).get("secrets_in_logs", ([], [0, 0])))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    secrets, logs = config.stash[COUNTS]
    terminalreporter.line(f"{logs} logs were looked through for {secrets} secrets.")
    for leak in config.stash[FOUND]:
        terminalreporter.line(f"FAILED a secret was logged: {leak}", red=True)


def _add(config: pytest.Config, found: list[str], counts: list[int]) -> None:
    config.stash[FOUND] += found
    config.stash[COUNTS] = [one + more for one, more in zip(config.stash[COUNTS], counts, strict=True)]
