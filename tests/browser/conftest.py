"""One Chromium for all browser tests, and windows in it that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import PROGRAM, open_chromium
from tests.browser.windows import WAIT_MILLISECONDS, Windows, windows_of
from tests.server_process import ServerProcess

pytest.register_assert_rewrite("tests.browser.every_page")

WindowsAt = Callable[[ServerProcess], Windows]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Chromium, closed when this folder is done: other tests start one of their own."""
    if PROGRAM is None:
        pytest.skip("needs chromium (on Debian: apt install chromium)")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def people_at(chromium: Browser) -> Iterator[WindowsAt]:
    """Gives for a server what `person` is for the shared one."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(windows_of(chromium, server))


@pytest.fixture
def person(people_at: WindowsAt, shared_server: ServerProcess) -> Windows:
    """Opens a window in which somebody of the cast is signed in: `person("ada", size="phone")`."""
    return people_at(shared_server)
