"""Who acts, and through which door: the explicit first argument of every action."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Role(StrEnum):
    """What a person is to the house; permissions.md says what each may do."""

    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    BOT = "bot"

    @property
    def belongs_to_house(self) -> bool:
        """Whether people of this role live here; guests and bots do not."""
        return self in (Role.ADMIN, Role.MEMBER)


class Door(StrEnum):
    """The way in; written beside each audit entry."""

    PAGE = "page"
    SOCKET = "socket"
    API = "api"
    CLI = "cli"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """One person (or the house itself) acting once.

    user_id: None for strangers and for the house.  session_id: the login session behind a page or socket.
    socket_id: the connection behind a socket event.
    browser_digest: SHA-256 of the cookie by which a page's browser is known; empty where there is none.
    token_id: the API token behind a request or a socket.  maker_id: who made that, if its bot acts and not they.
    scopes: what it may be used for; None where there is none.
    room_ids: the only rooms that exist for it; None: all that its person sees.
    address, user_agent: as the door saw them, for limits and the audit log.
    """

    user_id: int | None
    role: Role | None
    door: Door
    address: str = ""
    user_agent: str = ""
    session_id: int | None = None
    socket_id: str = ""
    browser_digest: str = field(default="", repr=False)
    token_id: int | None = None
    maker_id: int | None = None
    scopes: frozenset[str] | None = None
    room_ids: frozenset[int] | None = None

    @classmethod
    def system(cls) -> Actor:
        """The house acting on its own: schedules, start-up, migrations."""
        return cls(user_id=None, role=None, door=Door.SYSTEM)

    @classmethod
    def operator(cls) -> Actor:
        """Whoever has a shell on the box; stands outside the roles and may do what the commands do."""
        return cls(user_id=None, role=None, door=Door.CLI)

    @classmethod
    def stranger(cls, *, door: Door, address: str = "", user_agent: str = "") -> Actor:
        """Somebody who is not signed in."""
        return cls(user_id=None, role=None, door=door, address=address, user_agent=user_agent)

    def acting_as(self, user_id: int, role: Role) -> Actor:
        """Return this person acting through the same door, without the session of whoever stood there before."""
        return replace(self, user_id=user_id, role=role, session_id=None, socket_id="")

    @property
    def person_id(self) -> int:
        """The id of the person acting; a stranger here is a programming error, stopped loudly."""
        if self.user_id is None:
            raise LookupError("this action needs a person, and nobody is signed in")
        return self.user_id

    @property
    def answerable_id(self) -> int:
        """The id of the person on whose account it goes what is done: of a bot, whoever lets it act."""
        return self.person_id if self.maker_id is None else self.maker_id

    @property
    def is_trusted_operator(self) -> bool:
        """True for the shell and for the house itself, which no role limits."""
        return self.user_id is None and self.door in (Door.CLI, Door.SYSTEM)
