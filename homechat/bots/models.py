"""Tables of bots, and of what is delivered to them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime

NAME_MAX_CHARACTERS = 60
DESCRIPTION_MAX_CHARACTERS = 200
WEBHOOK_ID_MIN_CHARACTERS = 16
WEBHOOK_ID_MAX_CHARACTERS = 128
CALLBACK_URL_MAX_CHARACTERS = 2000


class BotType(StrEnum):
    """webhook: what people write is delivered to its address.  api: it asks by itself, and hears taps alone."""

    WEBHOOK = "webhook"
    API = "api"


class DeliveryState(StrEnum):
    """waiting: for its next try.  delivered: the other end said so.  dead: nobody tries any more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class DeliveryKind(StrEnum):
    """message: what somebody wrote.  action, ack: what somebody tapped on a message of the bot's own."""

    MESSAGE = "message"
    ACTION = "action"
    ACK = "ack"


class Bot(Base):
    """What makes a bot of one row of `users`: whose it is, where it is reached, and what it signs with.

    owner: whoever made it.  token_id: the API token that asked for it, which gets the same one again by its name.
    webhook_id: the end of the address at which it takes calls; nobody guesses it.
    sealed_secret: signs calls in both directions, so the server must be able to read it; see `field_encryption`.
    callback_url: where deliveries go; empty: nowhere.  default_room_id: where it writes when a call names no room.
    kept_off: it was switched off by somebody who runs the house, and only such a person switches it on.
    """

    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("api_tokens.id", ondelete="SET NULL"), index=True
    )
    bot_type: Mapped[str] = mapped_column(sa.String(10), default=BotType.WEBHOOK)
    description: Mapped[str] = mapped_column(sa.String(DESCRIPTION_MAX_CHARACTERS), default="")
    webhook_id: Mapped[str] = mapped_column(sa.String(WEBHOOK_ID_MAX_CHARACTERS), unique=True)
    sealed_secret: Mapped[str] = mapped_column(sa.Text)
    callback_url: Mapped[str] = mapped_column(sa.String(CALLBACK_URL_MAX_CHARACTERS), default="")
    default_room_id: Mapped[int | None] = mapped_column(sa.ForeignKey("rooms.id"))
    active: Mapped[bool] = mapped_column(default=True)
    kept_off: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="joined", innerjoin=True)
    owner: Mapped[User] = relationship(foreign_keys=[owner_id], lazy="joined", innerjoin=True)

    @property
    def name(self) -> str:
        return self.user.display_name

    @property
    def is_reachable(self) -> bool:
        """Whether there is anywhere to tell it what people tapped on its messages."""
        return self.active and bool(self.callback_url)

    @property
    def hears(self) -> bool:
        """Whether there is anywhere to tell it what people write."""
        return self.is_reachable and self.bot_type == BotType.WEBHOOK


class WebhookDelivery(Base):
    """One message, or one answer, on its way to one bot. What was said stands in `messages` only, and is read when it
    is sent.

    kind, action_id, person_id: of an answer, what was tapped and by whom; that goes on its way whatever becomes of the
    message. It was tapped when this row was made.
    uuid: what the other end knows it by, the same at each try.  tries: how often it was tried.
    leased_until, lease: while somebody is about to send it, nobody else does; a lease that ran out counts for nothing.
    response_status: the other end's last answer.  problem: a word for why there was none, or why it is dead.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        sa.Index("ix_webhook_deliveries_state_next_try_at", "state", "next_try_at"),
        sa.Index("ix_webhook_deliveries_bot_id_id", "bot_id", "id"),
        sa.Index("ix_webhook_deliveries_bot_id_state", "bot_id", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    bot_id: Mapped[int] = mapped_column(sa.ForeignKey("bots.id", ondelete="CASCADE"))
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(
        sa.String(10), default=DeliveryKind.MESSAGE, server_default=DeliveryKind.MESSAGE.value
    )
    action_id: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(sa.String(10), default=DeliveryState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease: Mapped[str] = mapped_column(sa.String(32), default="")
    response_status: Mapped[int | None]
    problem: Mapped[str] = mapped_column(sa.String(20), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    bot: Mapped[Bot] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_answer(self) -> bool:
        return self.kind != DeliveryKind.MESSAGE

    @property
    def has_somewhere_to_go(self) -> bool:
        """Whether its bot takes such deliveries."""
        return self.bot.is_reachable if self.is_answer else self.bot.hears
