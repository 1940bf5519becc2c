"""Every page on a wide screen; see every_page.py."""

from __future__ import annotations

import pytest

from tests.browser.every_page import *  # noqa: F403
from tests.browser.every_page import on

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on("wide", metafunc)
