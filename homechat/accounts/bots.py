"""Bots: machines that write under a name of their own. They have no password and cannot sign in."""

from __future__ import annotations

import re
import unicodedata
import zlib

from homechat import audit, clock
from homechat.accounts.models import COLOR_COUNT, Standing, User
from homechat.accounts.queries import person_named
from homechat.actor import Actor, Role
from homechat.database import transaction

NAME_TO_BUILD_ON_MAX_CHARACTERS = 24  # Of 30 that a username may have: leaves room for a number.


def make_bot(actor: Actor, name: str) -> User:
    """Within a transaction, return a new bot that is called `name`, with a username made of it that is nobody's yet."""
    username = _free_username(name)
    with transaction() as session:
        bot = User(
            username=username,
            display_name=name,
            role=Role.BOT.value,
            standing=Standing.ACTIVE.value,
            password_hash=None,
            color=zlib.crc32(username.encode()) % COLOR_COUNT,
        )
        session.add(bot)
        session.flush()
        audit.record(
            actor, audit.Action.PERSON_CREATED, subject=f"user:{bot.id}", detail={"role": Role.BOT.value}
        )
    return bot


def retire_bot(user: User) -> None:
    """Within a transaction, have a bot be nobody any more: what it wrote keeps its name, and its username is free."""
    with transaction() as session:
        user.username = f"-{user.id}"  # Nobody can choose a name with "-" in it.
        user.erased_at = clock.now()
        session.flush()


def _free_username(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:NAME_TO_BUILD_ON_MAX_CHARACTERS].strip("_")
    wanted = words if len(words) > 2 else "bot"
    number, username = 1, wanted
    while person_named(username) is not None:
        number += 1
        username = f"{wanted}_{number}"
    return username
