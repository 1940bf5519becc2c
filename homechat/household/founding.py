"""Founding the house: the set-up link, the first admin, and people made by the operator."""

from __future__ import annotations

import hmac

from flask_babel import gettext as _

from homechat import audit, settings
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, check_new_person, create_person
from homechat.accounts.models import User
from homechat.accounts.queries import has_admin
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Invalid, NotFound
from homechat.rooms.actions import create_home
from homechat.rooms.membership import welcome_home
from homechat.security import limits, passwords
from homechat.security.tokens import digest_of, new_token
from homechat.text import one_line

HOUSE_NAME_CHARACTERS = (2, 50)


def new_setup_token() -> str | None:
    """Return the secret of a new set-up link, which replaces any earlier one, or None once there is an admin."""
    token = new_token()
    with transaction():
        if has_admin():
            return None
        settings.change(Actor.system(), settings.SETUP_TOKEN_DIGEST, digest_of(token))
    return token


def check_setup_token(token: str) -> None:
    """Raise NotFound unless `token` is the newest set-up link's and the house still has no admin."""
    stored = settings.value_of(settings.SETUP_TOKEN_DIGEST)
    if has_admin() or not stored or not hmac.compare_digest(stored, digest_of(token)):
        raise NotFound(
            _(
                "This link has been used already, or a newer one was printed. Start HomeChat again for a new one."
            )
        )


def found_house(actor: Actor, token: str, *, house_name: str, new: NewPerson) -> tuple[User, str]:
    """Make the first admin, the home room and the house's name; return the admin and their session's secret.

    Works once, however many try at the same time. Raises NotFound for a spent link, Invalid naming the fields.
    """
    limits.spend(limits.SIGN_UP, actor.address)
    check_setup_token(token)
    house_name = checked_house_name(house_name)
    new = check_new_person(new, house_name=house_name)
    password_hash = passwords.hash_password(new.password)
    with transaction() as session:
        # Whoever tries at the same moment waits here, and then finds the link spent.
        session.get(settings.SettingRow, settings.SETUP_TOKEN_DIGEST.key, with_for_update=True)
        check_setup_token(token)
        settings.change(actor, settings.HOUSE_NAME, house_name)
        settings.change(actor, settings.SETUP_TOKEN_DIGEST, "")
        admin = _first_person(actor, new, password_hash)
        return admin, sessions.open_session(actor, admin)


def create_person_from_shell(actor: Actor, new: NewPerson, *, role: Role) -> User:
    """Make a person on the operator's word; the first one founds the house and must be an admin."""
    new = check_new_person(new)
    password_hash = passwords.hash_password(new.password)
    with transaction():
        if not has_admin():
            if role is not Role.ADMIN:
                raise Invalid(_("The first person of a house has to be an admin."))
            settings.change(actor, settings.SETUP_TOKEN_DIGEST, "")
            return _first_person(actor, new, password_hash)
        user = create_person(actor, new, role=role, password_hash=password_hash)
        welcome_home(user)
        return user


def checked_house_name(name: str) -> str:
    """Return the name tidied. Raises Invalid if it is too short or too long."""
    name = one_line(name)
    least, most = HOUSE_NAME_CHARACTERS
    if not least <= len(name) <= most:
        raise Invalid.at(
            "house_name", _("The house's name has %(least)d to %(most)d characters.", least=least, most=most)
        )
    return name


def _first_person(actor: Actor, new: NewPerson, password_hash: str) -> User:
    """Make the admin a house begins with; the home room comes first, for them to be in."""
    create_home(actor)
    admin = create_person(actor, new, role=Role.ADMIN, password_hash=password_hash)
    welcome_home(admin)
    audit.record(actor, audit.Action.HOUSE_FOUNDED, subject=f"user:{admin.id}")
    return admin
