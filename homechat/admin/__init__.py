"""The admin panel: pages for whoever runs the house. A door without rules of its own."""

from __future__ import annotations

from homechat.admin import (
    audit_views,
    bot_views,
    lockdown_views,
    overview_views,
    people_views,
    settings_views,
    token_views,
)
from homechat.admin.panel import blueprint

PAGES = (overview_views, people_views, token_views, bot_views, audit_views, settings_views, lockdown_views)

__all__ = ["PAGES", "blueprint"]
