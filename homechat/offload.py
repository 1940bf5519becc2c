"""Where slow C work runs (argon2, fsync, image decoding), so that it does not hold up everybody else.

The server installs an executor that hands work to native threads while the other green threads go on.
Without one, as in the CLI, in tests and with ordinary threads, work runs right here. Work handed over sees
neither Flask's contexts nor the database session and must not log: give it plain values, let it return some.
"""

import threading
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Executor(Protocol):
    """Runs `function` elsewhere; returns what it returns and raises what it raises."""

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...


def install(executor: Executor | None, *, calm: Executor | None = None) -> None:
    """Use `executor` from now on; None means right here. calm: the one for what is dear; as the other unless given."""
    global _executor, _calm
    _executor, _calm = executor, calm or executor


def in_native_thread(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Return `function(*args, **kwargs)`, computed where it holds up nobody."""
    if _executor is None:
        return function(*args, **kwargs)
    result: R = _executor(function, *args, **kwargs)
    return result


class Bounded:
    """As `in_native_thread`, for work that is dear: at most `at_most` calls at once, and everybody else goes first."""

    def __init__(self, at_most: int) -> None:
        self._turns = threading.BoundedSemaphore(at_most)

    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._turns:
            if _calm is None:
                return function(*args, **kwargs)
            result: R = _calm(function, *args, **kwargs)
            return result


_executor: Executor | None = None
_calm: Executor | None = None
