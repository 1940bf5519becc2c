"""The browsers and apps that an account knows: who may try again where a stranger is locked out, and what is new."""

from __future__ import annotations

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import contains_eager

from homechat import clock
from homechat.accounts.bearers import has_ended
from homechat.accounts.device_names import device_name
from homechat.accounts.models import Device, LoginSession, User
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.errors import Invalid, NotFound
from homechat.realtime.events import DeviceAdded, announce, person_audience
from homechat.security.tokens import digest_of, new_token
from homechat.text import one_line

DEVICE_NAME_MAX_CHARACTERS = 40


def known_device(user_id: int, browser_digest: str) -> Device | None:
    """Return the device as which `user_id` has signed in from this browser before, or None."""
    if not browser_digest:
        return None
    return db.session.scalar(
        sa.select(Device).where(Device.user_id == user_id, Device.browser_digest == browser_digest)
    )


def recognise(actor: Actor, user: User) -> Device | None:
    """Within a transaction, return the device that `user` signs in on; the others hear of one that is new.

    None where there is no browser to be known: at the shell.
    """
    if not actor.browser_digest:
        return None
    known = known_device(user.id, actor.browser_digest)
    return known or _add(actor, user, actor.browser_digest, device_name(actor.user_agent))


def recognise_app(actor: Actor, user: User, name: str) -> Device:
    """Within a transaction, return the device of an app that `user` signs in with; the others hear of one that is new.

    An app keeps no cookie. It is known by what it calls itself and where it is, if its person accepted such a one.
    """
    known = db.session.scalar(
        sa.select(Device)
        .join(ApiToken, ApiToken.device_id == Device.id)
        .where(
            ApiToken.created_by_id == user.id,
            ApiToken.name == name,
            ApiToken.last_used_address == actor.address,
            Device.accepted_at.is_not(None),
        )
        .limit(1)
    )
    return known or _add(actor, user, digest_of(new_token()), name)


def _add(actor: Actor, user: User, digest: str, name: str) -> Device:
    has_others = db.session.scalar(sa.select(Device.id).where(Device.user_id == user.id).limit(1)) is not None
    now = clock.now()
    device = Device(
        user_id=user.id, browser_digest=digest, created_at=now, accepted_at=None if has_others else now
    )
    with transaction() as session:
        session.add(device)
        session.flush()
        if has_others:
            announce(
                DeviceAdded(device_id=device.id, name=name, address=actor.address, at=clock.as_iso(now)),
                person_audience(user.id),
            )
    return device


def rename_device(actor: Actor, session_id: int, name: str) -> None:
    """Call one of the actor's devices `name`; empty: what it calls itself. Raises NotFound, Invalid."""
    name = one_line(name)
    if len(name) > DEVICE_NAME_MAX_CHARACTERS:
        raise Invalid.at(
            "device_name", _("Keep the name to %(number)d characters.", number=DEVICE_NAME_MAX_CHARACTERS)
        )
    with transaction() as session:
        row = session.get(LoginSession, session_id)
        if row is None or row.user_id != actor.person_id or row.revoked_at is not None or row.device is None:
            raise NotFound(_("There is no such device."))
        row.device.name = name
        session.flush()


def accept_device(actor: Actor, device_id: int) -> None:
    """Have the actor say that a new device is theirs; see `may_answer_for`. Raises NotFound."""
    with transaction() as session:
        device = session.get(Device, device_id)
        if device is None or device.user_id != actor.person_id or not may_answer_for(device, actor):
            raise NotFound(_("There is no such device."))
        device.accepted_at = device.accepted_at or clock.now()
        session.flush()


def new_devices(actor: Actor) -> list[LoginSession]:
    """Return where the actor is signed in on a device that they have not said is theirs, and for which they may."""
    rows = db.session.scalars(
        sa.select(LoginSession)
        .join(LoginSession.device)
        .options(contains_eager(LoginSession.device))
        .where(
            LoginSession.user_id == actor.person_id,
            LoginSession.revoked_at.is_(None),
            Device.accepted_at.is_(None),
        )
        .order_by(LoginSession.id.desc())
    )
    now = clock.now()
    return [row for row in rows if row.is_live(now) and row.device and may_answer_for(row.device, actor)]


def new_apps(actor: Actor) -> list[ApiToken]:
    """Return the apps that signed in as the actor, of which they have not said that they are theirs, and may."""
    rows = db.session.scalars(
        sa.select(ApiToken)
        .join(ApiToken.device)
        .options(contains_eager(ApiToken.device))
        .where(
            ApiToken.created_by_id == actor.person_id,
            ApiToken.revoked_at.is_(None),
            Device.accepted_at.is_(None),
        )
        .order_by(ApiToken.id.desc())
    )
    now = clock.now()
    return [
        row for row in rows if not has_ended(row, now) and row.device and may_answer_for(row.device, actor)
    ]


def may_answer_for(device: Device, actor: Actor) -> bool:
    """Return whether the actor, where they are signed in, can say that a device of theirs is theirs.

    From one that was accepted itself, or is older: whoever has a stolen password could sign in twice otherwise, and
    have the two speak for each other. The session tells which device it is; a cookie can be left out.
    """
    row = db.session.get(LoginSession, actor.session_id) if actor.session_id is not None else None
    if row is None:
        return False
    if row.device is None:  # From before devices were known.
        return row.created_at < device.created_at
    return row.device.id != device.id and (row.device.accepted_at is not None or row.device.id < device.id)
