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


def page(name: str, rows: Sequence[Json], *, has_more: bool) -> Json:
    """Return a page as programs read it: the rows under `name`, in their order, and how to go on. Each has an `id`."""
    return {
        name: list(rows),
        "has_more": has_more,
        "oldest_id": min((row["id"] for row in rows), default=None),
    }
