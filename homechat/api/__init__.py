"""The API, `/api/v1`: a door for programs with bearer tokens, and no rules of its own."""

from __future__ import annotations

from homechat.api import (
    backups,
    bots,
    channels,
    directs,
    house,
    lockdown,
    messages,
    openapi,
    people,
    search,
    sessions,
    uploads,
    users,
    watching,
    webhooks,
)
from homechat.api.endpoints import ENDPOINTS, blueprint, guard
from homechat.api.reference_views import blueprint as reference

__all__ = ["ENDPOINTS", "PARTS", "blueprint", "guard", "reference"]

PARTS = (
    backups,
    bots,
    channels,
    directs,
    house,
    lockdown,
    messages,
    openapi,
    people,
    search,
    sessions,
    uploads,
    users,
    watching,
    webhooks,
)
"""Imported for the endpoints that they add."""
