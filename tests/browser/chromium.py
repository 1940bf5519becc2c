"""Debian's Chromium, driven by Playwright.

Its headless shell, where that is installed: the same engine without the frame around it, of which every window takes a
second of a processor.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-features=Translate,MediaRouter,OptimizationHints",
]
PROGRAM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start Chromium, and end it. Playwright can run once at a time in a thread."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=[*ARGUMENTS, *as_root])
        yield browser
        browser.close()
