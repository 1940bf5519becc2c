"""Handing a job over to a process of its own, so that nothing of it holds up who serves people.

What to do goes to its standard input, secrets too: others see a command, and a pipe nobody. The process has the turn of
the folder from the one that began it, and gives it back by ending, however it ends.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess  # nosec B404
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homechat.actor import Actor, Door, Role
from homechat.config import Settings
from homechat.extensions import current_settings
from homechat.operations.backups.working import Work
from homechat.paths import PACKAGE

PROGRAM = "homechat.backup_job"


@dataclass(frozen=True)
class Order:
    """What a process is to do, for whom, in which house."""

    settings: Settings
    actor: Actor
    work: Work
    backup_id: str


def begin(actor: Actor, work: Work, backup_id: str, *, turn: int) -> subprocess.Popen[bytes]:
    """Start a job, and return its process. turn: the lock of the folder, which the process holds from here on."""
    settings = current_settings()
    order = {"settings": _plain(settings), "actor": _plain(actor), "work": work.value, "backup_id": backup_id}
    # Nothing in the command was said by anybody.
    process = subprocess.Popen(  # noqa: S603  # nosec B603
        [sys.executable, "-m", PROGRAM], stdin=subprocess.PIPE, pass_fds=(turn,), cwd=PACKAGE.parent
    )
    with process.stdin as pipe:  # type: ignore[union-attr]
        pipe.write(json.dumps(order).encode())
    return process


def read(text: str) -> Order:
    """Return the order that `begin` wrote."""
    order = json.loads(text)
    return Order(
        Settings(**order["settings"]), _actor(order["actor"]), Work(order["work"]), order["backup_id"]
    )


def _plain(thing: Settings | Actor) -> dict[str, Any]:
    """Return the fields of a dataclass as JSON has them."""
    fields = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    return {name: _plain_value(value) for name, value in fields.items() if name != "origins"}


def _plain_value(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple | frozenset) else value


def _actor(fields: dict[str, Any]) -> Actor:
    role = Role(fields["role"]) if fields["role"] else None
    kept = {name: fields[name] for name in ("user_id", "address", "user_agent", "token_id")}
    return Actor(role=role, door=Door(fields["door"]), **kept)
