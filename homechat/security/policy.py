"""Who may do what, on one screen: the code of the table in docs/permissions.md.

Everything here is pure. `room_rights()` answers for one room, `house_right()` for the house. Whether somebody may
*know* of a room is the right SEE; where that is missing, the answer at every door is "not found".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from homechat.actor import Actor, Role


class RoomKind(StrEnum):
    """public: for everyone of the house.  private: for its members.  direct: a conversation of two to eight people."""

    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


class RoomRole(StrEnum):
    """What a person is to one room."""

    OWNER = "owner"
    MEMBER = "member"


class HouseRight(StrEnum):
    """What a person may do in the house."""

    BROWSE_ROOMS = "browse_rooms"
    CREATE_ROOM = "create_room"
    START_DIRECT = "start_direct"
    MEET_EVERYONE = "meet_everyone"
    WRITE_TO_GUESTS = "write_to_guests"
    INVITE = "invite"
    INVITE_ADMIN = "invite_admin"
    MANAGE_INVITATIONS = "manage_invitations"
    APPROVE = "approve"
    CHANGE_ROLES = "change_roles"
    MANAGE_PEOPLE = "manage_people"
    CHANGE_SETTINGS = "change_settings"
    MAKE_TOKENS = "make_tokens"
    MANAGE_TOKENS = "manage_tokens"
    MAKE_BOTS = "make_bots"
    MANAGE_BOTS = "manage_bots"
    READ_AUDIT_LOG = "read_audit_log"
    LOCK_DOWN = "lock_down"
    MAKE_BACKUPS = "make_backups"
    ADMIN_PANEL = "admin_panel"


class RoomRight(StrEnum):
    """What a person may do in one room."""

    SEE = "see"
    JOIN = "join"
    READ = "read"
    POST = "post"
    ANSWER = "answer"
    DELETE_OTHERS = "delete_others"
    RENAME = "rename"
    ARCHIVE = "archive"
    ADD = "add"
    REMOVE = "remove"
    NAME_OWNERS = "name_owners"
    LEAVE = "leave"


HOUSE_RIGHTS: dict[HouseRight, frozenset[Role]] = {
    HouseRight.BROWSE_ROOMS: frozenset({Role.ADMIN, Role.MEMBER}),
    HouseRight.CREATE_ROOM: frozenset({Role.ADMIN, Role.MEMBER}),
    HouseRight.START_DIRECT: frozenset({Role.ADMIN, Role.MEMBER, Role.GUEST}),
    HouseRight.MEET_EVERYONE: frozenset({Role.ADMIN, Role.MEMBER}),
    HouseRight.WRITE_TO_GUESTS: frozenset({Role.ADMIN}),
    HouseRight.INVITE: frozenset({Role.ADMIN}),
    HouseRight.INVITE_ADMIN: frozenset({Role.ADMIN}),
    HouseRight.MANAGE_INVITATIONS: frozenset({Role.ADMIN}),
    HouseRight.APPROVE: frozenset({Role.ADMIN}),
    HouseRight.CHANGE_ROLES: frozenset({Role.ADMIN}),
    HouseRight.MANAGE_PEOPLE: frozenset({Role.ADMIN}),
    HouseRight.CHANGE_SETTINGS: frozenset({Role.ADMIN}),
    HouseRight.MAKE_TOKENS: frozenset({Role.ADMIN, Role.MEMBER}),
    HouseRight.MANAGE_TOKENS: frozenset({Role.ADMIN}),
    HouseRight.MAKE_BOTS: frozenset({Role.ADMIN, Role.MEMBER}),
    HouseRight.MANAGE_BOTS: frozenset({Role.ADMIN}),
    HouseRight.READ_AUDIT_LOG: frozenset({Role.ADMIN}),
    HouseRight.LOCK_DOWN: frozenset({Role.ADMIN}),
    HouseRight.MAKE_BACKUPS: frozenset({Role.ADMIN}),
    HouseRight.ADMIN_PANEL: frozenset({Role.ADMIN}),
}


class Scope(StrEnum):
    """What an API token may be used for. It never gives a right that its person lacks."""

    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    MEDIA_WRITE = "media:write"
    CHANNELS_READ = "channels:read"
    CHANNELS_WRITE = "channels:write"
    MEMBERS_READ = "members:read"
    SEARCH = "search"
    USERS_READ = "users:read"
    BOTS_WRITE = "bots:write"
    ADMIN_READ = "admin:read"
    ADMIN_WRITE = "admin:write"


_NOT_FOR_MEMBERS = frozenset({Scope.ADMIN_READ, Scope.ADMIN_WRITE})
SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.MEMBER: frozenset(Scope) - _NOT_FOR_MEMBERS,
    Role.GUEST: frozenset(Scope) - _NOT_FOR_MEMBERS - {Scope.BOTS_WRITE},
    Role.BOT: frozenset(Scope) - _NOT_FOR_MEMBERS - {Scope.BOTS_WRITE},
}
"""What a token may be good for at most, by whom it acts as, and by whose it is."""

LISTENING_SCOPE = Scope.MESSAGES_READ
"""What a token needs to open a live connection: whoever is connected hears what is said."""

EVENT_SCOPES: dict[str, Scope] = {
    "message:send": Scope.MESSAGES_WRITE,
    "message:edit": Scope.MESSAGES_WRITE,
    "message:delete": Scope.MESSAGES_WRITE,
    "message:react": Scope.MESSAGES_WRITE,
    "message:unreact": Scope.MESSAGES_WRITE,
    "message:answer": Scope.MESSAGES_WRITE,
    "message:history": Scope.MESSAGES_READ,
    "message:changes": Scope.MESSAGES_READ,
    "room:read": Scope.MESSAGES_READ,
    "room:list": Scope.CHANNELS_READ,
    "typing:start": Scope.MESSAGES_WRITE,
    "typing:stop": Scope.MESSAGES_WRITE,
}
"""What a token needs to send an event. Whatever is not listed here, no token may send."""


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What the rules need to know of a room."""

    kind: RoomKind
    is_home: bool = False
    is_archived: bool = False
    owners_add_only: bool = False


def house_right(role: Role | None, right: HouseRight) -> bool:
    """Return whether somebody of `role` has `right` in the house; strangers have none."""
    return role is not None and role in HOUSE_RIGHTS[right]


def may_in_house(actor: Actor, right: HouseRight) -> bool:
    """Return whether the actor has `right` in the house: by role, and the operator in any case."""
    return actor.is_trusted_operator or house_right(actor.role, right)


def has_scope(actor: Actor, scope: Scope) -> bool:
    """Return whether the actor's token is good for `scope`; who comes without a token is not limited by scopes."""
    return actor.scopes is None or scope in actor.scopes


def was_given(actor: Actor, scope: Scope) -> bool:
    """Return whether the actor came with a token that is good for `scope`; nobody else was given anything."""
    return actor.scopes is not None and scope in actor.scopes


def room_rights(role: Role, *, room: RoomFacts, here: RoomRole | None) -> frozenset[RoomRight]:
    """Return all rights of somebody of `role` in `room`, where they are `here` (None: not a member)."""
    rights: set[RoomRight] = set()
    is_public = room.kind is RoomKind.PUBLIC
    leads = role.belongs_to_house and (here is RoomRole.OWNER or (is_public and role is Role.ADMIN))

    if here is not None:
        rights |= {RoomRight.SEE, RoomRight.READ, RoomRight.POST}
        if role is not Role.BOT:  # What programs ask, people answer.
            rights.add(RoomRight.ANSWER)
        if not room.is_home or not role.belongs_to_house:
            rights.add(RoomRight.LEAVE)
    if is_public and role.belongs_to_house:
        rights.add(RoomRight.SEE)
        if here is None:
            rights.add(RoomRight.JOIN)
    # What a machine has to say needs no joining; a token needs its scope as well.
    if is_public and role is Role.BOT:
        rights |= {RoomRight.SEE, RoomRight.READ, RoomRight.POST}
    if room.kind is not RoomKind.DIRECT:
        if leads:
            rights |= {RoomRight.RENAME, RoomRight.ARCHIVE, RoomRight.REMOVE, RoomRight.NAME_OWNERS}
        if leads and here is not None:  # Nobody deletes what they cannot read.
            rights.add(RoomRight.DELETE_OTHERS)
        if (
            role.belongs_to_house
            and here is not None
            and not (room.owners_add_only and here is not RoomRole.OWNER)
        ):
            rights.add(RoomRight.ADD)
    if room.kind is RoomKind.DIRECT:
        rights.discard(RoomRight.LEAVE)
    if room.is_home:
        rights -= {RoomRight.ARCHIVE, RoomRight.NAME_OWNERS}
    if room.is_archived:
        rights &= {RoomRight.SEE, RoomRight.READ, RoomRight.LEAVE}
    return frozenset(rights)
