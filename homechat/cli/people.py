"""Commands about people: making them, letting them in, their roles, keeping them out and helping them back in."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from homechat import clock
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import User
from homechat.accounts.queries import everyone, people
from homechat.accounts.recovery import RESET_LINK_LIFE, make_reset_link
from homechat.actor import Actor, Role
from homechat.cli.kit import ROLES, about_a_house, as_json, asked_password, person_called, public_link, show
from homechat.household import joining
from homechat.household import people as household
from homechat.household.founding import create_person_from_shell

user = AppGroup("user", help="People of the house.")


@user.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.option("--display-name", default="", help="What others see; the name itself when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: one line.")
@as_json
@about_a_house
def user_create(name: str, role: str, display_name: str, password_stdin: bool, as_json: bool) -> None:
    """Make a person. The first one founds the house and has to be an admin."""
    password = asked_password(from_stdin=password_stdin)
    made = create_person_from_shell(
        Actor.operator(), NewPerson(name, display_name, password), role=Role(role)
    )
    show(_facts(made), [f"{made.username} is now {made.role} here."], as_json=as_json)


@user.command("list")
@click.option("--all", "everybody", is_flag=True, help="Those who are locked or wait to be let in, too.")
@as_json
@about_a_house
def user_list(everybody: bool, as_json: bool) -> None:
    """Print everyone who may come in."""
    found = everyone() if everybody else people()
    lines = ["\t".join(_cells(person, with_standing=everybody)) for person in found]
    show([_facts(person) for person in found], lines, as_json=as_json)


@user.command("show")
@click.argument("name")
@as_json
@about_a_house
def user_show(name: str, as_json: bool) -> None:
    """Print what the house knows of a person's account; nothing of what they wrote."""
    person = person_called(name)
    facts = {**_facts(person), "devices": len(sessions.devices_of(person.id))}
    show(
        facts, [f"{key}: {'-' if value is None else value}" for key, value in facts.items()], as_json=as_json
    )


@user.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@as_json
@about_a_house
def user_role(name: str, role: str, as_json: bool) -> None:
    """Give somebody another role; their open windows reconnect with it."""
    household.change_role(Actor.operator(), person_called(name).id, Role(role))
    _say(name, f"{name} is now {role} here.", as_json=as_json)


@user.command("lock")
@click.argument("name")
@as_json
@about_a_house
def user_lock(name: str, as_json: bool) -> None:
    """Keep somebody out: signed out everywhere within a second, their API tokens open nothing, until unlocked."""
    household.lock_person(Actor.operator(), person_called(name).id)
    _say(name, f"{name} is locked.", as_json=as_json)


@user.command("unlock")
@click.argument("name")
@as_json
@about_a_house
def user_unlock(name: str, as_json: bool) -> None:
    """Let somebody in again who was locked, or failed to sign in too often."""
    was_locked = household.unlock_person(Actor.operator(), person_called(name).id)
    _say(name, f"{name} may sign in again." if was_locked else f"{name} was not locked.", as_json=as_json)


@user.command("approve")
@click.argument("name")
@as_json
@about_a_house
def user_approve(name: str, as_json: bool) -> None:
    """Let somebody in who has joined and waits."""
    joining.approve(Actor.operator(), person_called(name).id)
    _say(name, f"{name} is in and can sign in now.", as_json=as_json)


@user.command("refuse")
@click.argument("name")
@as_json
@about_a_house
def user_refuse(name: str, as_json: bool) -> None:
    """Turn somebody away who has joined and waits; the name is free again."""
    refused = person_called(name).id
    joining.refuse_newcomer(Actor.operator(), refused)
    show({"id": refused, "refused": True}, [f"{name} was turned away."], as_json=as_json)


@user.command("sign-out")
@click.argument("name")
@as_json
@about_a_house
def user_sign_out(name: str, as_json: bool) -> None:
    """Sign somebody out on every device and program; open windows end within a second."""
    ended = household.sign_out_everywhere(Actor.operator(), person_called(name).id)
    lines = [f"{ended.devices} device(s) of {name} signed out."]
    if ended.tokens:
        lines.append(f"{ended.tokens} program(s) that {name} had signed in, too.")
    show({"devices": ended.devices, "tokens": ended.tokens}, lines, as_json=as_json)


@user.command("reset")
@click.argument("name")
@click.option("--clear-2fa", is_flag=True, help="Take the second step away, too, when the link is used.")
@as_json
@about_a_house
def user_reset(name: str, clear_2fa: bool, as_json: bool) -> None:
    """Print a one-time link with which somebody sets a new password; it works for half an hour."""
    token = make_reset_link(Actor.operator(), person_called(name).id, clears_two_factor=clear_2fa)
    link = public_link("accounts.reset", token=token)
    minutes = int(RESET_LINK_LIFE.total_seconds() // 60)
    show({"link": link, "minutes": minutes, "clears_two_factor": clear_2fa}, [link], as_json=as_json)


@user.command("reset-2fa")
@click.argument("name")
@as_json
@about_a_house
def user_reset_2fa(name: str, as_json: bool) -> None:
    """Have the password alone do again, for who lost phone and recovery codes; signs them out everywhere."""
    had_one = household.reset_two_factor(Actor.operator(), person_called(name).id)
    sentence = f"{name} signs in with the password alone now." if had_one else f"{name} has no second step."
    _say(name, sentence, as_json=as_json)


def _say(name: str, sentence: str, *, as_json: bool) -> None:
    """Print how somebody stands now, as JSON, or what was done, for people."""
    show(_facts(person_called(name)), [sentence], as_json=as_json)


def _cells(person: User, *, with_standing: bool) -> list[str]:
    return [person.username, person.role, person.display_name, *([person.standing] if with_standing else [])]


def _facts(person: User) -> dict[str, Any]:
    return {
        "id": person.id,
        "username": person.username,
        "display_name": person.display_name,
        "role": person.role,
        "standing": person.standing,
        "two_factor": person.two_factor_since is not None,
        "created_at": clock.as_iso(person.created_at),
        "last_seen_at": clock.as_iso(person.last_seen_at) if person.last_seen_at else None,
    }
