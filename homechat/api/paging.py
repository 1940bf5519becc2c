"""Long lists, a page at a time: by the ids of what is in them, so that nothing is shown twice or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import post_load

from homechat.api.endpoints import Body, Json
from homechat.doors.shapes import NumberInAddress

PAGE = 50
PAGE_MAX = 100


class Paged(Body):
    """Which page of a long list: `limit` at most, those next older than `before`, or next newer than `after`."""

    ABOUT = {
        "limit": "How many at most: 50 unless you say, never more than 100.",
        "before": "Those next older than this number.",
        "after": "Those next newer than this number.",
    }

    limit = NumberInAddress(load_default=PAGE, at_least=1)
    before = NumberInAddress(load_default=None, at_least=1)
    after = NumberInAddress(load_default=None)

    @post_load
    def _not_too_many(self, data: Json, **kwargs: Any) -> Json:
        return {**data, "limit": min(data["limit"], PAGE_MAX)}


class PagedIfAsked(Body):
    """Which part of a list that is short enough to come whole, unless you ask for less."""

    ABOUT = {
        "limit": "How many at most, never more than 100; left out: all of them.",
        "before": "Only those with a smaller number.",
        "after": "Only those with a larger number.",
    }

    limit = NumberInAddress(load_default=None, at_least=1)
    before = NumberInAddress(load_default=None, at_least=1)
    after = NumberInAddress(load_default=None)


def part(name: str, rows: Sequence[Json], asked: Json) -> Json:
    """Return of all rows those that were asked for (`PagedIfAsked`), in their order; see `page`.

    Past the limit, those with the largest ids are in it; where `after` says from where on, those with the smallest.
    """
    before, after, limit = asked["before"], asked["after"], asked["limit"]
    within = [
        row for row in rows if (before is None or row["id"] < before) and (after is None or row["id"] > after)
    ]
    if limit is None or len(within) <= (limit := min(limit, PAGE_MAX)):
        return page(name, within, has_more=False)
    ids = sorted((row["id"] for row in within), reverse=after is None)[:limit]
    return page(name, [row for row in within if row["id"] in set(ids)], has_more=True)


def page(name: str, rows: Sequence[Json], *, has_more: bool) -> Json:
    """Return a page as programs read it: the rows under `name`, in their order, and how to go on. Each has an `id`."""
    return {
        name: list(rows),
        "has_more": has_more,
        "oldest_id": min((row["id"] for row in rows), default=None),
    }
