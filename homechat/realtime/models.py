"""What serving processes tell each other through the database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from homechat import clock
from homechat.database import Base, UtcDateTime


class ServerProcess(Base):
    """One serving process. Who has not been seen for 30 s is struck off, and its sockets with it."""

    __tablename__ = "server_processes"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = {}


class LiveSocketRow(Base):
    """One connected socket, as other processes see it."""

    __tablename__ = "live_sockets"

    sid: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    process_id: Mapped[str] = mapped_column(
        sa.ForeignKey("server_processes.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)

    __table_args__ = {}


class SecurityEpoch(Base):
    """One number, raised whenever it changes who may hear what, so that all processes look again."""

    __tablename__ = "security_epoch"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)
