"""Founding the house and letting people in."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock, lockdown, settings
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, check_new_person, create_person
from homechat.accounts.models import User
from homechat.accounts.queries import has_admin, people
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Forbidden, Invalid, NotFound
from homechat.household.models import Invitation
from homechat.realtime import revocation
from homechat.rooms.actions import create_home, hand_over_rooms, welcome_home, welcome_into
from homechat.rooms.queries import RoomInHand, look_up_room
from homechat.security import limits, passwords
from homechat.security.policy import HouseRight, RoomKind, RoomRight, house_right
from homechat.security.tokens import digest_of, new_token
from homechat.text import one_line

HOUSE_NAME_CHARACTERS = (2, 50)
INVITATION_HOURS = (1, 30 * 24)
INVITATION_MAX_USES = 50
NOTE_MAX_CHARACTERS = 100
INVITABLE = (Role.MEMBER, Role.GUEST, Role.ADMIN)


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


def invite(
    actor: Actor,
    *,
    role: Role,
    room_ids: Sequence[int] = (),
    hours: int = 72,
    max_uses: int = 1,
    note: str = "",
) -> tuple[Invitation, str]:
    """Return a new invitation and the secret of its link, which is shown once and not stored.

    role: member, guest or admin.  room_ids: rooms the newcomer will be in, besides home for those of the house.
    hours: 1 to 720.  max_uses: 1 to 50.  note: up to 100 characters, shown to the guest.
    Raises Forbidden without the right, NotFound for a room the actor may not add people to, Invalid naming the fields.
    """
    if not may_invite(actor):
        raise Forbidden(_("You can't invite people. Ask whoever runs the house."))
    if role is Role.ADMIN and not house_right(actor.role, HouseRight.INVITE_ADMIN):
        raise Forbidden(_("Only an admin can invite another admin."))
    note = one_line(note)
    _check_invitation(role, hours, max_uses, note)
    limits.spend(limits.INVITES, actor.person_id)
    token = new_token()
    with transaction() as session:
        invitation = Invitation(
            token_digest=digest_of(token),
            created_by=session.get_one(User, actor.person_id),
            role=role.value,
            note=note,
            max_uses=max_uses,
            expires_at=clock.now() + timedelta(hours=hours),
            rooms=[_room_to_open(actor, room_id).room for room_id in dict.fromkeys(room_ids)],
        )
        session.add(invitation)
        session.flush()
        audit.record(
            actor,
            audit.Action.INVITE_CREATED,
            subject=f"invitation:{invitation.id}",
            detail={"role": role.value, "uses": max_uses, "hours": hours},
        )
    return invitation, token


def revoke_invitation(actor: Actor, invitation_id: int) -> None:
    """Make an open invitation worthless. Raises NotFound for those the actor may not know of."""
    with transaction() as session:
        invitation = session.get(Invitation, invitation_id)
        if invitation is None or not _may_manage(actor, invitation):
            raise NotFound(_("There is no such invitation."))
        if invitation.state(clock.now()) == "open":
            invitation.revoked_at = clock.now()
            audit.record(actor, audit.Action.INVITE_REVOKED, subject=f"invitation:{invitation.id}")


def open_invitation(token: str) -> Invitation:
    """Return the invitation behind a link. Raises NotFound unless it can still be used."""
    invitation = db.session.scalar(sa.select(Invitation).where(Invitation.token_digest == digest_of(token)))
    if invitation is None or invitation.state(clock.now()) != "open" or not _could_be_made_now(invitation):
        raise NotFound(_("This invitation is used up or too old. Ask for a new one."))
    return invitation


def join_house(actor: Actor, token: str, new: NewPerson) -> tuple[User, str]:
    """Make the newcomer, put them into their rooms, and return them with their session's secret.

    Raises NotFound for a spent link, LockedDown while nobody may join, Invalid or Conflict naming the fields.
    """
    limits.spend(limits.SIGN_UP, actor.address)
    lockdown.refuse_joining()
    open_invitation(token)
    new = check_new_person(new)
    password_hash = passwords.hash_password(new.password)
    with transaction() as session:
        lockdown.refuse_joining()
        invitation = open_invitation(token)
        session.refresh(invitation, with_for_update=True)
        if invitation.state(clock.now()) != "open":
            raise NotFound(_("This invitation is used up or too old. Ask for a new one."))
        invitation.uses += 1
        user = create_person(actor, new, role=Role(invitation.role), password_hash=password_hash)
        newcomer = actor.acting_as(user.id, Role(user.role))
        welcome_home(user)
        for room in invitation.rooms:
            with suppress(NotFound, Forbidden):  # It was archived, or whoever invites has left it meanwhile.
                welcome_into(newcomer, user, _room_to_open(_inviter(invitation), room.id).room)
        audit.record(newcomer, audit.Action.INVITE_USED, subject=f"invitation:{invitation.id}")
        return user, sessions.open_session(actor, user)


def invitations_for(actor: Actor) -> list[Invitation]:
    """Return the invitations an actor may manage, the newest first: all with the right to, else their own."""
    query = sa.select(Invitation).order_by(Invitation.id.desc())
    if not house_right(actor.role, HouseRight.MANAGE_INVITATIONS):
        query = query.where(Invitation.created_by_id == actor.person_id)
    return list(db.session.scalars(query))


def may_invite(actor: Actor) -> bool:
    """Whether the actor may invite: by role, and members by a setting of the house."""
    if actor.role is Role.MEMBER:
        return settings.value_of(settings.MEMBERS_INVITE)
    return house_right(actor.role, HouseRight.INVITE)


def change_role(actor: Actor, user_id: int, role: Role) -> None:
    """Give somebody another role; their devices reconnect with it. The last admin stays one.

    Raises Forbidden without the right, to their own role, and for the last admin; NotFound when nobody has this id.
    """
    if not _may_change_role_of(actor, user_id):
        raise Forbidden(_("You can't change this role."))
    with transaction() as session:
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(_("There is nobody like that here."))
        if user.role == Role.ADMIN and role is not Role.ADMIN and _is_last_admin(user):
            raise Forbidden(_("Somebody has to run the house: this is its last admin."))
        if user.role == role:
            return
        audit.record(
            actor,
            audit.Action.ROLE_CHANGE,
            subject=f"user:{user.id}",
            detail={"from": user.role, "to": role.value},
        )
        user.role = role.value
        session.flush()
        welcome_home(user)
        hand_over_rooms(actor, user)
        sessions.shorten(user)
        revocation.disconnect_user(
            user.id, reason="role_changed", sentence=_("What you may do here has changed. Please reload.")
        )


def _first_person(actor: Actor, new: NewPerson, password_hash: str) -> User:
    """Make the admin a house begins with; the home room comes first, for them to be in."""
    create_home(actor)
    admin = create_person(actor, new, role=Role.ADMIN, password_hash=password_hash)
    welcome_home(admin)
    audit.record(actor, audit.Action.HOUSE_FOUNDED, subject=f"user:{admin.id}")
    return admin


def _inviter(invitation: Invitation) -> Actor:
    return Actor.system().acting_as(invitation.created_by_id, Role(invitation.created_by.role))


def _could_be_made_now(invitation: Invitation) -> bool:
    """Whether whoever made it still may: otherwise a demoted admin could come back in by a link kept in store."""
    inviter = _inviter(invitation)
    if not invitation.created_by.is_welcome or not may_invite(inviter):
        return False
    return invitation.role != Role.ADMIN or house_right(inviter.role, HouseRight.INVITE_ADMIN)


def _room_to_open(actor: Actor, room_id: int) -> RoomInHand:
    """Return a room the actor may let newcomers into: one they may add people to, or any public one."""
    found = look_up_room(actor, room_id)
    if found is None or RoomRight.SEE not in found.rights or found.room.is_archived or found.room.is_direct:
        raise NotFound(_("There is no such room."))
    if RoomRight.ADD not in found.rights and found.room.kind != RoomKind.PUBLIC:
        raise Forbidden(_("You can't add people to this room."))
    return found


def _may_manage(actor: Actor, invitation: Invitation) -> bool:
    manages_all = house_right(actor.role, HouseRight.MANAGE_INVITATIONS)
    return manages_all or invitation.created_by_id == actor.user_id


def _may_change_role_of(actor: Actor, user_id: int) -> bool:
    if actor.is_trusted_operator:
        return True
    return house_right(actor.role, HouseRight.CHANGE_ROLES) and user_id != actor.user_id


def _is_last_admin(user: User) -> bool:
    return all(other.id == user.id for other in people(roles=[Role.ADMIN]))


def checked_house_name(name: str) -> str:
    """Return the name tidied. Raises Invalid if it is too short or too long."""
    name = one_line(name)
    least, most = HOUSE_NAME_CHARACTERS
    if not least <= len(name) <= most:
        sentence = _("The house's name has %(least)d to %(most)d characters.", least=least, most=most)
        raise Invalid(sentence, fields={"house_name": sentence})
    return name


def _check_invitation(role: Role, hours: int, max_uses: int, note: str) -> None:
    fields = {}
    if role not in INVITABLE:
        fields["role"] = _("Choose one of the roles.")
    if not INVITATION_HOURS[0] <= hours <= INVITATION_HOURS[1]:
        fields["hours"] = _("An invitation lasts from 1 hour to 30 days.")
    if not 1 <= max_uses <= INVITATION_MAX_USES:
        fields["max_uses"] = _("An invitation works for 1 to %(most)d people.", most=INVITATION_MAX_USES)
    if len(note) > NOTE_MAX_CHARACTERS:
        fields["note"] = _("Keep it to %(number)d characters.", number=NOTE_MAX_CHARACTERS)
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
