"""The API, `/api/v1`: a door for programs with bearer tokens, and no rules of its own."""

from __future__ import annotations

from homechat.api import house, lockdown, people, sessions
from homechat.api.endpoints import ENDPOINTS, blueprint, guard

__all__ = ["ENDPOINTS", "PARTS", "blueprint", "guard"]

PARTS = (house, lockdown, people, sessions)
"""Imported for the endpoints that they add."""
