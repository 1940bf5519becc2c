"""Counting requests where their log lines are written: by status, by how long they took, and how many broke at once."""

from __future__ import annotations

from pathlib import Path

from homechat.request_counts import BUCKET_SECONDS, RequestCounts
from tests.small_app import make_app, settings_for


def test_answers_are_counted_by_their_class_and_by_how_long_they_took() -> None:
    counts = RequestCounts()
    for status, seconds in ((200, 0.001), (204, 0.005), (404, 0.3), (503, 60.0)):
        counts.add(status, seconds)

    seen = counts.answered()

    assert seen.by_class == {1: 0, 2: 2, 3: 0, 4: 1, 5: 1}
    assert dict(zip(BUCKET_SECONDS, seen.at_most, strict=True)) == {
        **dict.fromkeys((0.005, 0.01, 0.025, 0.05, 0.1, 0.25), 2),
        **dict.fromkeys((0.5, 1.0, 2.5, 5.0, 10.0), 3),
    }
    assert (seen.timed, round(seen.seconds, 3)) == (4, 60.306)


def test_a_live_connection_that_lasted_for_days_is_counted_and_not_timed() -> None:
    counts = RequestCounts()
    counts.add(101, 200_000.0)

    seen = counts.answered()

    assert seen.by_class[1] == 1
    assert (seen.timed, seen.seconds, set(seen.at_most)) == (0, 0.0, {0})


def test_the_worst_second_of_broken_answers_is_remembered() -> None:
    counts = RequestCounts()
    assert counts.broken_peak() == 0
    for _number in range(30):
        counts.add(500, 0.001)
    counts.add(200, 0.001)

    assert 15 <= counts.broken_peak() <= 30, "all of them, unless a second ended in between"


def test_what_the_front_answers_is_counted(tmp_path: Path) -> None:
    app = make_app(settings_for(tmp_path))
    for path in ("/ok", "/ok", "/moved", "/nothing", "/broken"):
        app.test_client().get(path, buffered=True)

    counts: RequestCounts = app.extensions["homechat_request_counts"]

    assert counts.answered().by_class == {1: 0, 2: 2, 3: 1, 4: 1, 5: 1}
    assert counts.answered().timed == 5
