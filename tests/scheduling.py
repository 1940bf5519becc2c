"""Pytest plugin: what begins first, and what need not run a second time.

Files are handed to workers whole, one after the other: one of minutes that begins last is all that is left in the end.
"""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server_process import ServerProcess

LONGEST_FIRST = (
    *("packaging/test_image", "test_authorisation_fuzz", "browser/test_bad_network", "test_lockdown_live"),
    *("test_cli", "browser/test_every_page_on_a_phone", "browser/test_every_page_wide", "packaging/test_bin"),
    *(
        "test_two_servers",
        "test_realtime_examples",
        "test_memory",
        "test_server",
        "test_api",
        "test_every_door",
    ),
    *("test_connection", "test_audit", "test_backups_live", "test_nothing_lost", "test_no_secret_in_logs"),
    *(
        "test_examples",
        "test_api_backups",
        "test_postgresql",
        "test_deliveries",
        "browser/test_first_evening",
    ),
    *("browser/test_locks", "browser/test_at_the_door", "browser/test_changing_messages", "test_cli_backups"),
)
PLACES = {f"tests/{name}.py": place for place, name in enumerate(LONGEST_FIRST)}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: PLACES.get(item.nodeid.partition("::")[0], len(PLACES)))
    if os.environ.get("HOMECHAT_TEST_ASYNC_MODE") != "threading":
        return
    same = [item for item in items if not _can_tell(item)]
    config.hook.pytest_deselected(items=same)
    items[:] = [item for item in items if _can_tell(item)]


def _can_tell(item: pytest.Item) -> bool:
    """Whether a test may end otherwise in another mode: the applications that tests build themselves have but one."""
    if item.get_closest_marker("api") is None or item.get_closest_marker("sockets") is not None:
        return True
    fixtures: dict[str, Any] = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    functions = [item.function] if isinstance(item, pytest.Function) else []
    functions += [made.func for makers in fixtures.values() for made in makers]
    return any(_starts_server(function) for function in functions)


@functools.cache
def _starts_server(function: types.FunctionType) -> bool:
    """Whether a function of the tests, or one that it names, may start a server."""
    seen: set[types.FunctionType] = set()
    waiting = [function]
    while waiting:
        each = waiting.pop()
        seen.add(each)
        for code in _codes(each.__code__):
            named = [each.__globals__[name] for name in code.co_names if name in each.__globals__]
            if ServerProcess in named:
                return True
            waiting += [
                it for it in named if isinstance(it, types.FunctionType) and _is_ours(it) and it not in seen
            ]
    return False


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a function's code and that of what is written within it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _is_ours(function: types.FunctionType) -> bool:
    return function.__module__.startswith("tests.")
