"""Where budgets are counted: in Redis when servers share them; in this process otherwise, or when it is away.

For the `limits` library, and by its scheme `household://` for Flask-Limiter too. Its own memory storage would
start a thread for almost every hit and cannot follow clock.py; its Redis storage fails when Redis does.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from limits.storage import MovingWindowSupport, RedisStorage, Storage
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from homechat import clock

SCHEME = "household"
KEYS_MAX = 50_000
REDIS_TIMEOUT_SECONDS = 2
REDIS_RETRY_SECONDS = 10

log = logging.getLogger(__name__)
T = TypeVar("T")


class MovingWindows:
    """When each key was hit lately, in the memory of this process; at most KEYS_MAX keys."""

    def __init__(self) -> None:
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()
        self._seconds: dict[str, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._hits)

    def acquire(self, key: str, limit: int, seconds: int, amount: int = 1) -> bool:
        """Note `amount` hits of `key` and return True, or False if that would exceed `limit` in `seconds`."""
        with self._lock:
            now = clock.now().timestamp()
            self._forget_some(now)
            hits = self._hits.get(key, deque[float]())
            _drop_expired(hits, now, seconds)
            if len(hits) + amount > limit:
                return False
            hits.extend([now] * amount)
            self._hits[key], self._seconds[key] = hits, seconds
            return True

    def window(self, key: str, seconds: int) -> tuple[float, int]:
        """Return the time of the oldest hit in the window (now when there is none) and the number of hits."""
        with self._lock:
            now = clock.now().timestamp()
            hits = self._hits.get(key, deque[float]())
            _drop_expired(hits, now, seconds)
            return (hits[0] if hits else now), len(hits)

    def clear(self, key: str) -> None:
        """Forget the hits of `key`."""
        with self._lock:
            self._forget(key)

    def clear_all(self) -> int:
        """Forget everything; return how many keys there were."""
        with self._lock:
            count = len(self._hits)
            self._hits.clear()
            self._seconds.clear()
            return count

    def _forget_some(self, now: float) -> None:
        """Look at two keys per hit, so that old ones go faster than new ones come, and never all at once."""
        for key in [key for key, _ in zip(self._hits, range(2), strict=False)]:
            _drop_expired(self._hits[key], now, self._seconds[key])
            if self._hits[key]:
                self._hits.move_to_end(key)
            else:
                self._forget(key)
        if len(self._hits) >= KEYS_MAX:
            self._forget(next(iter(self._hits)))

    def _forget(self, key: str) -> None:
        self._hits.pop(key, None)
        self._seconds.pop(key, None)


def _drop_expired(hits: deque[float], now: float, seconds: int) -> None:
    if hits and hits[-1] > now:
        # The clock was set back. Taken as hits of this moment, they still count, and no longer than a window.
        present = [min(hit, now) for hit in hits]
        hits.clear()
        hits.extend(present)
    while hits and hits[0] <= now - seconds:
        hits.popleft()


class HouseholdStorage(Storage, MovingWindowSupport):
    """Counts moving windows in Redis while it answers, and in this process while it does not.

    redis_url: "" to count here only.  redis_name: what begins the keys of this house there.
    After Redis failed it is asked again every 10 s, by one caller, so that a Redis that hangs holds up one request in
    a while and not all of them.
    """

    STORAGE_SCHEME = [SCHEME]

    def __init__(
        self,
        uri: str = f"{SCHEME}://",
        *,
        redis_url: str = "",
        redis_name: str = "",
        wrap_exceptions: bool = False,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._here = MovingWindows()
        self._shared = _redis_storage(redis_url, redis_name) if redis_url else None
        self._ask_redis_from = 0.0

    @property
    def is_degraded(self) -> bool:
        """True while Redis is set up and does not answer."""
        return self._shared is not None and self._ask_redis_from > 0

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Nothing: what goes wrong is dealt with in here."""
        return ()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note `amount` hits of `key` and return True, or False if that would exceed `limit`."""
        return self._ask(
            lambda redis: redis.acquire_entry(key, limit, expiry, amount),
            lambda: self._here.acquire(key, limit, expiry, amount),
        )

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return the time of the oldest hit in the window (now when there is none) and the number of hits."""
        return self._ask(
            lambda redis: redis.get_moving_window(key, limit, expiry),
            lambda: self._here.window(key, expiry),
        )

    def clear(self, key: str) -> None:
        """Forget the hits of `key`."""
        self._here.clear(key)
        self._ask(lambda redis: redis.clear(key), lambda: None)

    def reset(self) -> int | None:
        """Forget everything; return how many keys there were."""
        count = self._here.clear_all()
        return self._ask(lambda redis: redis.reset(), lambda: count)

    def check(self) -> bool:
        """Return True: something always counts."""
        return True

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("only moving windows are counted here")

    def get(self, key: str) -> int:
        raise NotImplementedError("only moving windows are counted here")

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError("only moving windows are counted here")

    def _ask(self, redis: Callable[[RedisStorage], T], here: Callable[[], T]) -> T:
        if self._shared is None or time.monotonic() < self._ask_redis_from:
            return here()
        was_degraded = self.is_degraded
        if was_degraded:
            # Others go on counting here while this caller tries.
            self._ask_redis_from = time.monotonic() + REDIS_RETRY_SECONDS
        try:
            answer = redis(self._shared)
        except (RedisError, OSError) as error:
            self._ask_redis_from = time.monotonic() + REDIS_RETRY_SECONDS
            if not was_degraded:
                log.warning(
                    "Redis does not answer; limits are counted in this process: %s", type(error).__name__
                )
            return here()
        if was_degraded:
            log.info("Redis answers again; limits are shared")
        self._ask_redis_from = 0.0
        return answer


def _redis_storage(url: str, name: str) -> RedisStorage:
    # No retries: with them a Redis that is down costs each caller many times the timeout.
    return RedisStorage(
        url,
        key_prefix=f"{name}:limits",
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
    )
