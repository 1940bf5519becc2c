"""The operator's commands about people and invitations."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from homechat import settings
from homechat.accounts.models import Standing
from homechat.accounts.queries import person_named
from homechat.actor import Actor, Role
from homechat.audit import Action, entries
from homechat.household.people import change_role
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind
from tests.attempts import everything_in, somebody_waiting
from tests.house import House
from tests.test_cli import flask, refused, said
from tests.test_household import NORA, join, rooms_of
from tests.test_joining import sign_in
from tests.test_other_people import furnish
from tests.test_recovery import NEW, use


def told(house: House, *arguments: str) -> Any:
    """Return what a command prints for scripts."""
    return json.loads(said(flask(house, *arguments, "--json")))


def test_everybody_is_listed_with_how_they_stand(house: House) -> None:
    somebody_waiting(house)
    said(flask(house, "user", "lock", "cleo"))

    lines = said(flask(house, "user", "list", "--all")).splitlines()

    assert "cleo\tmember\tCleo\tlocked" in lines
    assert "nora\tmember\tNora\tpending" in lines
    assert "rex\tbot\tRex\tactive" in lines
    listed = {person["username"]: person["standing"] for person in told(house, "user", "list")}
    assert listed == dict.fromkeys(("ada", "ben", "gus", "olga"), "active")
    everybody = {person["username"] for person in told(house, "user", "list", "--all")}
    assert everybody == {"ada", "ben", "cleo", "gus", "nora", "olga", "rex"}


def test_a_person_is_shown_without_anything_secret(house: House) -> None:
    house.client("ben")
    furnish(house, "ben")
    facts = told(house, "user", "show", "BEN")
    assert (facts["username"], facts["role"], facts["standing"]) == ("ben", "member", "active")
    assert (facts["two_factor"], facts["devices"]) == (True, 1)
    text = said(flask(house, "user", "show", "ben"))
    assert "two_factor: True" in text
    assert "argon2" not in text + json.dumps(facts)


def test_locking_and_unlocking(house: House) -> None:
    ben = house.client("ben")
    assert said(flask(house, "user", "lock", "ben")) == "ben is locked.\n"
    assert ben.get("/me").status_code == 302
    assert house.person("ben").standing == Standing.LOCKED
    assert told(house, "user", "unlock", "ben")["standing"] == "active"
    assert said(flask(house, "user", "unlock", "ben")) == "ben was not locked.\n"
    assert sign_in(house, "ben").status_code == 302
    (row,) = house.act(entries, action=Action.ACCOUNT_LOCKED)
    assert (row.actor_id, row.door) == (None, "cli")


def test_the_last_admin_is_not_locked(house: House) -> None:
    before = everything_in(house)
    assert refused(flask(house, "user", "lock", "ada")).startswith("Somebody has to run the house")
    assert everything_in(house) == before


def test_letting_in_and_turning_away(house: House) -> None:
    somebody_waiting(house)
    somebody_waiting(house, "otto")
    assert said(flask(house, "user", "approve", "nora")) == "nora is in and can sign in now.\n"
    assert sign_in(house, "nora").status_code == 302
    assert told(house, "user", "refuse", "otto")["refused"] is True
    assert house.act(person_named, "otto") is None
    for command in ("approve", "refuse"):
        assert refused(flask(house, "user", command, "ben")).startswith("Nobody like that waits")


def test_a_reset_link_is_printed_and_nothing_else(house: House) -> None:
    furnish(house, "ben")
    below = House(house.data_dir, public_url="https://house.example/chat")
    link = said(flask(below, "user", "reset", "ben")).strip()
    assert re.fullmatch(r"https://house\.example/chat/reset/[\w-]{43}", link)
    path = link.removeprefix("https://house.example/chat")
    assert use(house, path).status_code == 302
    assert house.person("ben").two_factor_since is not None
    assert sign_in(house, "ben", NEW).status_code == 302

    clearing = told(house, "user", "reset", "ben", "--clear-2fa")
    assert (clearing["minutes"], clearing["clears_two_factor"]) == (30, True)
    assert use(house, clearing["link"].removeprefix("http://localhost")).status_code == 302
    assert house.person("ben").two_factor_since is None


def test_a_bot_gets_no_reset_link(house: House) -> None:
    assert refused(flask(house, "user", "reset", "rex")) == "A bot has no password."


def test_a_second_step_is_taken_away(house: House) -> None:
    furnish(house, "ben")
    assert said(flask(house, "user", "reset-2fa", "ben")) == "ben signs in with the password alone now.\n"
    assert said(flask(house, "user", "reset-2fa", "ben")) == "ben has no second step.\n"
    assert told(house, "user", "reset-2fa", "ben")["two_factor"] is False


def test_programs_that_somebody_signed_in_are_signed_out_too(house: House) -> None:
    furnish(house, "ben")
    house.client("ben")
    assert told(house, "user", "sign-out", "ben") == {"devices": 1, "tokens": 1}


def test_the_other_commands_speak_json_too(house: House) -> None:
    assert told(house, "user", "role", "ben", "guest")["role"] == "guest"
    made = flask(house, "user", "create", "nora", "--password-stdin", "--json", text=NORA["password"])
    assert json.loads(said(made))["username"] == "nora"


@pytest.mark.parametrize(
    "command", ["show", "lock", "unlock", "approve", "refuse", "sign-out", "reset", "reset-2fa"]
)
def test_somebody_who_does_not_live_here_is_named(house: House, command: str) -> None:
    assert refused(flask(house, "user", command, "nobody")) == "There is nobody called nobody here."


# invitations


def test_an_invitation_from_the_shell_lets_somebody_in(house: House) -> None:
    house.room("cleo", name="Kitchen", kind=RoomKind.PUBLIC)
    arguments = ["--role", "guest", "--room", "kitchen", "--hours", "24", "--uses", "2", "--note", "Hello"]
    link = said(flask(house, "invite", "create", *arguments)).strip()
    assert re.fullmatch(r"http://localhost/join/[\w-]{43}", link)

    join(house, link.removeprefix("http://localhost"))

    assert (house.person("nora").role, rooms_of(house, "nora")) == ("guest", ["Kitchen"])
    (row,) = told(house, "invite", "list")
    assert (row["state"], row["uses"], row["max_uses"], row["inviter"]) == ("open", 1, 2, "ada")
    assert (row["note"], row["rooms"]) == ("Hello", ["Kitchen"])
    assert link not in said(flask(house, "invite", "list"))
    (entry,) = house.act(entries, action=Action.INVITE_CREATED)
    assert (entry.actor_id, entry.door) == (house.id_of("ada"), "cli")


def test_an_invitation_from_the_shell_is_taken_back(house: House) -> None:
    made = told(house, "invite", "create")
    path = made["link"].removeprefix("http://localhost")
    assert house.client().get(path).status_code == 200

    said(flask(house, "invite", "revoke", str(made["id"])))

    assert house.client().get(path).status_code == 404
    assert told(house, "invite", "list")[0]["state"] == "revoked"
    assert refused(flask(house, "invite", "revoke", "999999")) == "There is no such invitation."


def test_an_invitation_comes_from_somebody_who_may_invite(house: House) -> None:
    assert refused(flask(house, "invite", "create", "--from", "ben")).startswith("You can't invite people.")
    house.act(settings.change, Actor.operator(), settings.MEMBERS_INVITE, True)
    assert told(house, "invite", "create", "--from", "ben")["inviter"] == "ben"
    house.act(change_role, Actor.operator(), house.id_of("cleo"), Role.ADMIN)
    assert told(house, "invite", "create", "--from", "cleo")["inviter"] == "cleo"


def test_what_does_not_do_is_said(house: House) -> None:
    assert "There is no public room called Attic here." in refused(
        flask(house, "invite", "create", "--room", "Attic")
    )
    house.room("ada", name="Secret")
    assert "no public room called Secret" in refused(flask(house, "invite", "create", "--room", "Secret"))
    assert "An invitation lasts from 1 hour to 30 days." in refused(
        flask(house, "invite", "create", "--hours", "0")
    )
    with house.rows() as session:
        assert session.query(Room).count() == 2
    assert told(house, "invite", "list") == []
