"""Lockdowns as scripts read them: one shape at the API and behind `flask lockdown … --json`."""

from __future__ import annotations

from typing import Any

from homechat import clock
from homechat.lockdown import InForce
from homechat.operations.lockdown import SESSIONS, Outcome, Reach, Status

Data = dict[str, Any]


def status_data(status: Status) -> Data:
    """Return what is in force, and whom that concerns."""
    return {"in_force": [in_force_data(each) for each in status.in_force], **_reach_data(status.reach)}


def in_force_data(each: InForce) -> Data:
    """Return one lockdown. `started_by`: somebody's number, or None for the operator."""
    return {
        "id": each.id,
        "kind": each.kind.value,
        "reason": each.reason,
        "started_at": clock.as_iso(each.started_at),
        "until": clock.as_iso(each.expires_at),
        "started_by": each.started_by_id,
    }


def outcome_data(outcome: Outcome, *, dry_run: bool) -> Data:
    """Return what was done, or would be."""
    return {
        "kind": outcome.kind.value,
        "dry_run": dry_run,
        "is_new": outcome.is_new,
        "reason": outcome.reason,
        "until": clock.as_iso(outcome.until),
        **_reach_data(outcome.reach),
        "signed_out": outcome.signed_out,
    }


def signing_out_data(count: int, reach: Reach, *, dry_run: bool) -> Data:
    """Return how many devices were signed out at one stroke, or would be, and whose."""
    return {
        "kind": SESSIONS,
        "dry_run": dry_run,
        "signed_out": count,
        "people": reach.people,
        "windows": reach.windows,
    }


def _reach_data(reach: Reach) -> Data:
    return {
        "people": reach.people,
        "devices": reach.devices,
        "windows": reach.windows,
        "tokens": reach.tokens,
        "admins": reach.admins,
    }
