"""How the servers of one house tell each other live what happens: by Redis, which may be away, or hang.

What gets lost here is not told again. Clients notice the gap, or look once a minute: the table is the replay log.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from socketio import RedisManager

from homechat.config import Settings

REDIS_TIMEOUT_SECONDS = 1
REDIS_RETRY_SECONDS = 10
HUNG_SECONDS = 0.5

Publish = Callable[[Any], Any]


def bus(settings: Settings) -> RedisManager | None:
    """Return what Socket.IO reaches the other servers by, or None for a server that is alone."""
    if not settings.redis_url:
        return None
    there = functools.partial(
        RedisManager,
        settings.redis_url,
        channel=settings.redis_name,
        redis_options={
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
        },
    )
    manager = there()
    # By a connection of its own: one that fails is replaced, together with what somebody else waits for to hear.
    manager._publish = patient(there(write_only=True)._publish)
    return manager


def patient(publish: Publish) -> Publish:
    """Return `publish`, which leaves out what comes in the 10 s after Redis kept somebody waiting in vain.

    Whoever writes waits until everybody has been told. While Redis refuses connections that costs milliseconds; one
    that hangs (its machine is off or overloaded) costs two timeouts, and holds up those who write for 2 s in 12.
    publish: returns None when it failed.
    """
    silent_until = 0.0

    def publish_unless_hung(message: Any) -> None:
        nonlocal silent_until
        began = time.monotonic()
        if began < silent_until:
            return
        if silent_until:
            # Others leave it while this caller tries.
            silent_until = began + REDIS_RETRY_SECONDS
        has_failed = publish(message) is None
        ended = time.monotonic()
        silent_until = ended + REDIS_RETRY_SECONDS if has_failed and ended - began > HUNG_SECONDS else 0.0

    return publish_unless_hung
