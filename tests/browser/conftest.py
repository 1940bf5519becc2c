"""One Chromium for all browser tests, and windows in it that are watched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.windows import WAIT_MILLISECONDS, Windows, windows_of
from tests.server_process import ServerProcess

ARGUMENTS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
WindowsAt = Callable[[ServerProcess], Windows]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Chromium, closed when this folder is done: Playwright runs once at a time, and others start it too."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium (on Debian: apt install chromium)")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *as_root])
        yield browser
        browser.close()


@pytest.fixture
def people_at(chromium: Browser) -> Iterator[WindowsAt]:
    """Gives for a server what `person` is for the shared one."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(windows_of(chromium, server))


@pytest.fixture
def person(people_at: WindowsAt, shared_server: ServerProcess) -> Windows:
    """Opens a window in which somebody of the cast is signed in: `person("ada", size="phone")`."""
    return people_at(shared_server)
