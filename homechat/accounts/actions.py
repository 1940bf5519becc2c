"""What people do with their own account, and how an account comes to be."""

from __future__ import annotations

import logging
import re
import zlib
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from homechat import audit, settings
from homechat.accounts import api_tokens, challenges, sessions
from homechat.accounts.models import COLOR_COUNT, Standing, User
from homechat.accounts.proof import check_password, not_the_current_password
from homechat.accounts.queries import person_named
from homechat.accounts.revoking import end_reset_links
from homechat.accounts.signals import person_changed
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Invalid
from homechat.extensions import current_settings
from homechat.locales import LOCALES, timezones
from homechat.security import passwords
from homechat.text import one_line

log = logging.getLogger(__name__)

USERNAME_CHARACTERS = (3, 30)
USERNAME = re.compile(f"[a-z0-9_]{{{USERNAME_CHARACTERS[0]},{USERNAME_CHARACTERS[1]}}}")
DISPLAY_NAME_MAX_CHARACTERS = 40
THEMES = ("system", "light", "dark")


@dataclass(frozen=True)
class NewPerson:
    """What somebody types to get an account; already known to be text, not yet to make sense."""

    username: str
    display_name: str
    password: str


def check_new_person(new: NewPerson, *, house_name: str = "") -> NewPerson:
    """Return `new` with its names tidied. Raises Invalid, naming every field that does not do.

    house_name: the name that the house is about to get, when it is being founded.
    """
    username = new.username.strip().lower()
    fields: dict[str, str] = {}
    if not USERNAME.fullmatch(username):
        fields["username"] = _("Use 3 to 30 small letters, digits or _ without spaces.")
    display_name = one_line(new.display_name) or username
    if len(display_name) > DISPLAY_NAME_MAX_CHARACTERS:
        fields["display_name"] = _(
            "Keep the name to %(number)d characters.", number=DISPLAY_NAME_MAX_CHARACTERS
        )
    try:
        check_new_password(new.password, username, house_name=house_name)
    except Invalid as error:
        fields["password"] = error.message
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return NewPerson(username=username, display_name=display_name, password=new.password)


def create_person(
    actor: Actor,
    new: NewPerson,
    *,
    role: Role,
    password_hash: str,
    standing: Standing = Standing.ACTIVE,
) -> User:
    """Add a checked person within the surrounding transaction. Raises Conflict when the username is taken.

    The hash comes from outside, because hashing is slow and nothing slow may happen within a transaction.
    """
    with transaction() as session:
        taken = _taken()  # Made beforehand: its reader's language cannot be asked for after a failed flush.
        if person_named(new.username) is not None:
            raise taken
        user = User(
            username=new.username,
            display_name=new.display_name,
            role=role.value,
            standing=standing.value,
            password_hash=password_hash,
            color=zlib.crc32(new.username.encode()) % COLOR_COUNT,
        )
        session.add(user)
        try:
            session.flush()
        except IntegrityError as error:
            raise taken from error
        audit.record(
            actor, audit.Action.PERSON_CREATED, subject=f"user:{user.id}", detail={"role": role.value}
        )
    return user


def change_password(actor: Actor, *, current: str, new: str) -> str:
    """Give the actor a new password, sign out all their devices, and return this one's new secret.

    This device gets another cookie too: the old one may be in the hands that the new password is to keep out.
    Raises Invalid, naming the field.
    """
    user = db.session.get_one(User, actor.person_id)
    stored = user.password_hash
    check_password(actor, user, current)
    try:
        check_new_password(new, user.username)
    except Invalid as error:
        raise Invalid.at("password", error.message) from error
    password_hash = passwords.hash_password(new)
    with transaction() as session:
        user = session.get_one(User, user.id)
        if user.password_hash != stored:  # Whoever was faster, with a reset link say, has the last word.
            raise not_the_current_password()
        user.password_hash = password_hash
        session.flush()
        sentence = _("The password was changed. Please sign in again.")
        sessions.revoke_all(actor, user.id, reason="password_changed", sentence=sentence)
        api_tokens.end_tokens(actor, user.id)
        challenges.forget_all(user.id)
        end_reset_links(user.id)
        audit.record(actor, audit.Action.PASSWORD_CHANGE, subject=f"user:{user.id}")
        return sessions.open_session(actor, user)


def update_profile(
    actor: Actor, *, display_name: str, color: int, locale: str, timezone: str, theme: str
) -> User:
    """Change how the actor appears and what they see. Raises Invalid, naming every field that does not do."""
    fields: dict[str, str] = {}
    name = one_line(display_name)
    if not name:
        fields["display_name"] = _("Please tell us a name.")
    elif len(name) > DISPLAY_NAME_MAX_CHARACTERS:
        fields["display_name"] = _(
            "Keep the name to %(number)d characters.", number=DISPLAY_NAME_MAX_CHARACTERS
        )
    if not 0 <= color < COLOR_COUNT:
        fields["color"] = _("Choose one of the colours.")
    if locale and locale not in LOCALES:
        fields["locale"] = _("Choose one of the languages.")
    if timezone and timezone not in timezones():
        fields["timezone"] = _("Choose one of the time zones.")
    if theme not in THEMES:
        fields["theme"] = _("Choose light, dark or the device's own.")
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    with transaction() as session:
        user = session.get_one(User, actor.person_id)
        user.display_name = name
        user.color = color
        user.locale = locale or None
        user.timezone = timezone or None
        user.theme = theme
        session.flush()
        person_changed.send(user=user)
    return user


def check_new_password(password: str, username: str, *, house_name: str = "") -> None:
    """Raise Invalid unless `password` does for the person of this username; house_name as for `check_new_person`."""
    configured = current_settings()
    passwords.check_password_rules(
        password,
        username=username,
        house_name=house_name or settings.value_of(settings.HOUSE_NAME),
        at_least=configured.password_characters_min,
        at_most=configured.password_characters_max,
    )


def _taken() -> Conflict:
    return Conflict.at("username", _("That name is taken. Try another one."))
