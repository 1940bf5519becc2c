"""Invitations into the house: links with a role, rooms, an end and a number of uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock, settings
from homechat.accounts import step_up
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.audit import AuditLog
from homechat.database import db, row_of, transaction
from homechat.errors import Forbidden, Invalid, NotFound
from homechat.household.models import Invitation
from homechat.rooms.finding import RoomInHand, look_up_room
from homechat.rooms.models import Room
from homechat.security import limits
from homechat.security.policy import HouseRight, RoomKind, RoomRight, house_right, may_in_house
from homechat.security.tokens import digest_of, new_token
from homechat.text import one_line

INVITATION_HOURS = (1, 30 * 24)
DEFAULT_HOURS = 72
INVITATION_MAX_USES = 50
INVITATIONS_KEPT_IN_SIGHT = 100
NOTE_MAX_CHARACTERS = 100
INVITABLE = (Role.MEMBER, Role.GUEST, Role.ADMIN)


def invite(
    actor: Actor,
    *,
    role: Role,
    room_ids: Sequence[int] = (),
    hours: int = DEFAULT_HOURS,
    max_uses: int = 1,
    note: str = "",
) -> tuple[Invitation, str]:
    """Return a new invitation and the secret of its link, which is shown once and not stored.

    role: member, guest or admin.  room_ids: rooms the newcomer will be in, besides home for those of the house.
    hours: 1 to 720.  max_uses: 1 to 50.  note: up to 100 characters, shown to the guest.
    Raises Forbidden without the right, StepUpNeeded for the role of an admin, NotFound for a room the actor may not add
    people to, Invalid naming the fields.
    """
    if not may_invite(actor):
        raise Forbidden(_("You can't invite people. Ask whoever runs the house."))
    if role is Role.ADMIN and not house_right(actor.role, HouseRight.INVITE_ADMIN):
        raise Forbidden(_("Only an admin can invite another admin."))
    if role is Role.ADMIN:
        step_up.require(actor)
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
            rooms=[room_to_open(actor, room_id).room for room_id in dict.fromkeys(room_ids)],
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


def invite_again(actor: Actor, invitation_id: int) -> tuple[Invitation, str]:
    """Return a new invitation like an earlier one, whose link was lost, and the secret of its link.

    It comes from the actor, and leads into those of its rooms that they may let newcomers into. The earlier one stays
    as it is. Raises NotFound for those the actor may not know of, and as `invite`.
    """
    earlier = _find_invitation(actor, invitation_id)
    lifetime = earlier.expires_at - earlier.created_at
    return invite(
        actor,
        role=Role(earlier.role),
        room_ids=[room.id for room in earlier.rooms if _may_open(actor, room)],
        hours=round(lifetime.total_seconds() / 3600),
        max_uses=earlier.max_uses,
        note=earlier.note,
    )


def revoke_invitation(actor: Actor, invitation_id: int) -> None:
    """Make an open invitation worthless. Raises NotFound for those the actor may not know of."""
    with transaction() as session:
        invitation = _find_invitation(actor, invitation_id)
        if invitation.state(clock.now()) == "open":
            invitation.revoked_at = clock.now()
            session.flush()
            audit.record(actor, audit.Action.INVITE_REVOKED, subject=f"invitation:{invitation.id}")


def open_invitation(token: str) -> Invitation:
    """Return the invitation behind a link. Raises NotFound unless it can still be used."""
    invitation = db.session.scalar(sa.select(Invitation).where(Invitation.token_digest == digest_of(token)))
    if invitation is None or invitation.state(clock.now()) != "open" or not _could_be_made_now(invitation):
        raise NotFound(_("This invitation is used up or too old. Ask for a new one."))
    return invitation


def invitations_for(actor: Actor) -> list[Invitation]:
    """Return the invitations an actor may manage, the newest first: all with the right to, else their own.

    Of those whose time is over, the INVITATIONS_KEPT_IN_SIGHT newest.
    """
    mine: sa.ColumnElement[bool] = sa.true()
    if not may_in_house(actor, HouseRight.MANAGE_INVITATIONS):
        mine = Invitation.created_by_id == actor.person_id
    newest = (
        sa.select(Invitation.id).where(mine).order_by(Invitation.id.desc()).limit(INVITATIONS_KEPT_IN_SIGHT)
    )
    in_sight = sa.or_(Invitation.expires_at > clock.now(), Invitation.id.in_(newest))
    return list(
        db.session.scalars(sa.select(Invitation).where(mine, in_sight).order_by(Invitation.id.desc()))
    )


def arrivals_by_invitation(invitations: Iterable[Invitation]) -> dict[int, list[User]]:
    """Return for each invitation, by its id, who came with it and was not turned away, whoever came first first.

    The audit log knows; where its old entries are gone, nobody is named.
    """
    subjects = {f"invitation:{invitation.id}": invitation.id for invitation in invitations}
    query = (
        sa.select(AuditLog.subject, User)
        .join(User, User.id == AuditLog.actor_id)
        .where(
            AuditLog.subject.in_(list(subjects)),
            AuditLog.action == audit.Action.INVITE_USED.value,
            User.erased_at.is_(None),
        )
        .order_by(AuditLog.id)
    )
    arrivals: dict[int, list[User]] = defaultdict(list)
    for subject, user in db.session.execute(query):
        arrivals[subjects[subject]].append(user)
    return arrivals


def may_invite(actor: Actor) -> bool:
    """Whether the actor may invite: by role, and members by a setting of the house."""
    if actor.role is Role.MEMBER:
        return settings.value_of(settings.MEMBERS_INVITE)
    return house_right(actor.role, HouseRight.INVITE)


def _could_be_made_now(invitation: Invitation) -> bool:
    """Whether whoever made it still may: otherwise a demoted admin could come back in by a link kept in store."""
    inviter = inviter_of(invitation)
    if not invitation.created_by.is_welcome or not may_invite(inviter):
        return False
    return invitation.role != Role.ADMIN or house_right(inviter.role, HouseRight.INVITE_ADMIN)


def inviter_of(invitation: Invitation) -> Actor:
    return Actor.system().acting_as(invitation.created_by_id, Role(invitation.created_by.role))


def room_to_open(actor: Actor, room_id: int) -> RoomInHand:
    """Return a room the actor may let newcomers into: one they may add people to, or any public one."""
    found = look_up_room(actor, room_id)
    if found is None or RoomRight.SEE not in found.rights or found.room.is_archived or found.room.is_direct:
        raise NotFound(_("There is no such room."))
    if RoomRight.ADD not in found.rights and found.room.kind != RoomKind.PUBLIC:
        raise Forbidden(_("You can't add people to this room."))
    return found


def _may_open(actor: Actor, room: Room) -> bool:
    try:
        return room_to_open(actor, room.id) is not None
    except (NotFound, Forbidden):
        return False


def _find_invitation(actor: Actor, invitation_id: int) -> Invitation:
    invitation = row_of(Invitation, invitation_id)
    if invitation is None or not _may_manage(actor, invitation):
        raise NotFound(_("There is no such invitation."))
    return invitation


def _may_manage(actor: Actor, invitation: Invitation) -> bool:
    manages_all = may_in_house(actor, HouseRight.MANAGE_INVITATIONS)
    return manages_all or (actor.user_id is not None and invitation.created_by_id == actor.user_id)


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
