"""Pytest plugin for `bin/test --strict`: a test that is left out is a failure, not a skip.

Loaded by tests/conftest.py, switched on by HOMECHAT_TEST_STRICT=1. Green then means that every test ran.
"""

import os

import pytest

IS_STRICT = os.environ.get("HOMECHAT_TEST_STRICT") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip at run time into a failure; an expected failure (xfail) stays what it is."""
    report = yield
    if IS_STRICT and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The same for a whole module that leaves itself out while it is being read."""
    report = yield
    if IS_STRICT and report.skipped:
        _fail(report)
    return report


def _fail(report):
    _path, _line, reason = report.longrepr
    report.outcome = "failed"
    report.longrepr = f"Left out in a strict run: {reason}"
