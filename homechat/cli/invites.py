"""Commands about invitations."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from homechat import clock
from homechat.accounts.models import User
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.cli.kit import ROLES, about_a_house, as_json, person_called, public_link, show
from homechat.household.invitations import DEFAULT_HOURS, invitations_for, invite, revoke_invitation
from homechat.household.models import Invitation
from homechat.rooms.queries import public_rooms

invite_group = AppGroup("invite", help="Invitations into the house.")


@invite_group.command("create")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.option(
    "--room", "rooms", multiple=True, help="The name of a public room they start in; again for more."
)
@click.option("--hours", default=DEFAULT_HOURS, show_default=True, help="How long it works: 1 to 720.")
@click.option("--uses", default=1, show_default=True, help="For how many people: 1 to 50.")
@click.option("--note", default="", help="What they read when they open it.")
@click.option("--from", "inviter", default="", help="Who invites; the first admin when left out.")
@as_json
@about_a_house
def invite_create(
    role: str, rooms: tuple[str, ...], hours: int, uses: int, note: str, inviter: str, as_json: bool
) -> None:
    """Print the link of a new invitation. It ends when the person it comes from may invite no more."""
    host = person_called(inviter) if inviter else _first_admin()
    actor = Actor.operator().acting_as(host.id, Role(host.role))
    row, token = invite(
        actor,
        role=Role(role),
        room_ids=[_room_called(actor, name) for name in rooms],
        hours=hours,
        max_uses=uses,
        note=note,
    )
    link = public_link("household.join", token=token)
    show({**_facts(row), "link": link}, [link], as_json=as_json)


@invite_group.command("list")
@as_json
@about_a_house
def invite_list(as_json: bool) -> None:
    """Print all invitations, the newest first. Their links are not kept, so they are not shown."""
    rows = [_facts(row) for row in invitations_for(Actor.operator())]
    columns = ("id", "state", "role", "uses", "max_uses", "expires_at", "inviter", "note")
    show(rows, ["\t".join(str(row[column]) for column in columns) for row in rows], as_json=as_json)


@invite_group.command("revoke")
@click.argument("number", type=int)
@as_json
@about_a_house
def invite_revoke(number: int, as_json: bool) -> None:
    """Take an invitation back, by its number in the list."""
    revoke_invitation(Actor.operator(), number)
    show({"id": number, "open": False}, [f"Invitation {number} lets nobody in any more."], as_json=as_json)


def _first_admin() -> User:
    admins = people(roles=[Role.ADMIN])
    if not admins:
        raise click.ClickException("Nobody runs this house yet. Make an admin with: flask user create")
    return min(admins, key=lambda admin: admin.id)


def _room_called(actor: Actor, name: str) -> int:
    for room in public_rooms(actor):
        if room.name.casefold() == name.strip().casefold():
            return room.id
    raise click.ClickException(f"There is no public room called {name} here.")


def _facts(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state(clock.now()),
        "role": row.role,
        "uses": row.uses,
        "max_uses": row.max_uses,
        "expires_at": clock.as_iso(row.expires_at),
        "inviter": row.created_by.username,
        "note": row.note,
        "rooms": [room.name for room in row.rooms if room.kind == "public"],
    }
