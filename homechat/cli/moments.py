"""A moment as one types it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from homechat import clock

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class _Moment(click.ParamType[datetime]):
    """A day or a time in ISO 8601, in UTC unless it says otherwise, or how long ago: 90m, 2h, 7d."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        ago = _AGO.fullmatch(value)
        try:
            if ago:
                return clock.now() - int(ago[1]) * _UNITS[ago[2]]
            return clock.from_iso(value)
        except (ValueError, OverflowError):
            self.fail("Write it like 2026-11-21, 2026-11-21T18:42, 90m, 2h or 7d.", param, ctx)


MOMENT = _Moment()
