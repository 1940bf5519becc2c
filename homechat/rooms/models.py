"""Tables of rooms and of who is in them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime
from homechat.security.policy import RoomFacts, RoomKind

NAME_MIN_CHARACTERS = 2
NAME_MAX_CHARACTERS = 50
DESCRIPTION_MAX_CHARACTERS = 200
DIRECT_MAX_PEOPLE = 8


class Room(Base):
    """A place to talk. Never deleted; an archived room can still be read by its members.

    last_seq: the number of the room's latest change; it orders everything that happens here.
    name_key: the folded name of a public room, unique among those that are not archived, else None.
    direct_key: the sorted ids of the people of a direct conversation, "3-7", else None.
    from_arrival: newcomers see what was said from their arrival on (never changed afterwards).
    """

    __tablename__ = "rooms"
    __table_args__ = (
        sa.Index(
            "uq_rooms_is_home",
            "is_home",
            unique=True,
            sqlite_where=sa.text("is_home"),
            postgresql_where=sa.text("is_home"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10), index=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_MAX_CHARACTERS), default="")
    name_key: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    direct_key: Mapped[str | None] = mapped_column(sa.String(160), unique=True)
    description: Mapped[str] = mapped_column(sa.String(DESCRIPTION_MAX_CHARACTERS), default="")
    is_home: Mapped[bool] = mapped_column(default=False)
    from_arrival: Mapped[bool] = mapped_column(default=False)
    owners_add_only: Mapped[bool] = mapped_column(default=False)
    last_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_direct(self) -> bool:
        return self.kind == RoomKind.DIRECT

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    def shows_to(self, user_id: int) -> bool:
        """Whether it belongs in the list of somebody who may see it.

        A direct conversation shows to those who did not begin it once something was said there.
        """
        return not self.is_direct or self.last_seq > 0 or self.created_by_id == user_id

    @property
    def facts(self) -> RoomFacts:
        """What the rules need to know of it."""
        return RoomFacts(
            kind=RoomKind(self.kind),
            is_home=self.is_home,
            is_archived=self.is_archived,
            owners_add_only=self.owners_add_only,
        )


class Membership(Base):
    """One person in one room. Leaving deletes the row; coming back makes a new one.

    joined_seq: the room's last_seq at arrival.  last_read_seq: up to where this person has read, on all devices.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        sa.UniqueConstraint("room_id", "user_id"),
        sa.Index("ix_memberships_user_id_room_id", "user_id", "room_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(sa.ForeignKey("rooms.id"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    role: Mapped[str] = mapped_column(sa.String(10))
    joined_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    last_read_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    notify: Mapped[str] = mapped_column(sa.String(10), default="all")
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    room: Mapped[Room] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise")
