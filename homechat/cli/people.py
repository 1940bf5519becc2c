"""Commands about people: making them, their roles, signing them out."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.cli.kit import ROLES, about_a_house, asked_password, person_called
from homechat.database import transaction
from homechat.household.founding import create_person_from_shell
from homechat.household.people import change_role

user = AppGroup("user", help="People of the house.")


@user.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.option("--display-name", default="", help="What others see; the name itself when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: one line.")
@about_a_house
def user_create(name: str, role: str, display_name: str, password_stdin: bool) -> None:
    """Make a person. The first one founds the house and has to be an admin."""
    password = asked_password(from_stdin=password_stdin)
    made = create_person_from_shell(
        Actor.operator(), NewPerson(name, display_name, password), role=Role(role)
    )
    click.echo(f"{made.username} is now {made.role} here.")


@user.command("list")
@about_a_house
def user_list() -> None:
    """Print everyone who may come in."""
    for person in people():
        click.echo(f"{person.username}\t{person.role}\t{person.display_name}")


@user.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@about_a_house
def user_role(name: str, role: str) -> None:
    """Give somebody another role; their open windows reconnect with it."""
    change_role(Actor.operator(), person_called(name).id, Role(role))
    click.echo(f"{name} is now {role} here.")


@user.command("sign-out")
@click.argument("name")
@about_a_house
def user_sign_out(name: str) -> None:
    """Sign somebody out on every device; open windows end within a second."""
    person = person_called(name)
    with transaction():
        count = sessions.revoke_all(
            Actor.operator(), person.id, sentence="You were signed out by whoever runs the house."
        )
    click.echo(f"{count} device(s) of {name} signed out.")
