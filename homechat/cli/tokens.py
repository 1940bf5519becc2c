"""Commands about API tokens: making, listing, replacing and revoking them."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from homechat import clock
from homechat.accounts import api_tokens
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor
from homechat.cli.kit import about_a_house, as_json, person_called, show
from homechat.household.tokens import create_token
from homechat.security.policy import Scope

token_group = AppGroup("token", help="API tokens: what programs come in with.")

SCOPES = click.Choice([scope.value for scope in Scope])


@token_group.command("create")
@click.argument("owner")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope", "scopes", type=SCOPES, multiple=True, required=True, help="What it may do; again for more."
)
@click.option(
    "--room", "room_ids", type=int, multiple=True, help="The only room that exists for it; again for more."
)
@click.option("--hours", type=int, help="How long it works; for ever when left out.")
@click.option("--bot", "as_bot", is_flag=True, help="It acts as a new bot of this name, not as its owner.")
@as_json
@about_a_house
def token_create(
    owner: str,
    name: str,
    scopes: tuple[str, ...],
    room_ids: tuple[int, ...],
    hours: int | None,
    as_bot: bool,
    as_json: bool,
) -> None:
    """Make a token that belongs to OWNER, and print it: this once."""
    row, spelled = create_token(
        Actor.operator(),
        name=name,
        scopes=scopes,
        room_ids=list(room_ids) or None,
        hours=hours,
        as_bot=as_bot,
        owner_id=person_called(owner).id,
    )
    show({**_as_data(row), "token": spelled}, [spelled], as_json=as_json)


@token_group.command("list")
@as_json
@about_a_house
def token_list(as_json: bool) -> None:
    """Print everybody's tokens that have not ended."""
    rows = api_tokens.all_tokens(Actor.operator())
    show([_as_data(row) for row in rows], [_as_line(row) for row in rows], as_json=as_json)


@token_group.command("rotate")
@click.argument("token_id", type=int)
@click.option(
    "--overlap-hours",
    type=int,
    default=api_tokens.OVERLAP_HOURS,
    show_default=True,
    help="How long the old one works on.",
)
@as_json
@about_a_house
def token_rotate(token_id: int, overlap_hours: int, as_json: bool) -> None:
    """Give a token a successor with the same powers, and print that: this once."""
    row, spelled = api_tokens.rotate(Actor.operator(), token_id, overlap_hours=overlap_hours)
    show({**_as_data(row), "token": spelled}, [spelled], as_json=as_json)


@token_group.command("revoke")
@click.argument("token_id", type=int)
@as_json
@about_a_house
def token_revoke(token_id: int, as_json: bool) -> None:
    """End a token at once; its live connections end within a second."""
    row = api_tokens.revoke(Actor.operator(), token_id)
    show(
        {"id": row.id, "revoked": True},
        [f"Token {row.id} ({row.name}) opens nothing any more."],
        as_json=as_json,
    )


def _as_data(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "prefix": row.prefix,
        "kind": row.kind,
        "name": row.name,
        "owner": row.created_by.username,
        "acts_as": row.user.username,
        "scopes": row.scopes.split(),
        "room_ids": row.room_ids,
        "created_at": clock.as_iso(row.created_at),
        "expires_at": clock.as_iso(row.expires_at) if row.expires_at else None,
        "last_used_at": clock.as_iso(row.last_used_at) if row.last_used_at else None,
        "last_used_address": row.last_used_address,
    }


def _as_line(row: ApiToken) -> str:
    used = clock.as_iso(row.last_used_at) if row.last_used_at else "never used"
    what = row.scopes or "everything its owner may do"
    return "\t".join([str(row.id), row.created_by.username, row.user.username, row.name, what, used])
