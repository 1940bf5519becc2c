"""How the servers of one house tell each other live what happens: by Redis.

What gets lost here is not told again. Clients notice the gap, or look once a minute: the table is the replay log.
"""

from __future__ import annotations

import hashlib
import hmac

from socketio import RedisManager

from homechat.config import Settings


def bus(settings: Settings) -> RedisManager | None:
    """Return what Socket.IO reaches the other servers by, or None for a server that is alone."""
    if not settings.redis_url:
        return None
    return RedisManager(settings.redis_url, channel=_channel(settings.secret_key))


def _channel(secret_key: str) -> str:
    """Return where the servers of this house meet: those of another one may use the same Redis.

    The number of a Redis database does not keep houses apart: channels belong to all of them.
    """
    return f"homechat:{hmac.new(secret_key.encode(), b'redis channel', hashlib.sha256).hexdigest()[:32]}"
