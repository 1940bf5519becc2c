"""Where requests to the API go in tests: addresses of things that are really there."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import sqlalchemy as sa

from homechat.actor import Actor
from homechat.bots import actions as bot_actions
from homechat.bots.checking import Wanted
from homechat.bots.models import Bot
from homechat.bots.signatures import signature_of
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.security import field_encryption
from homechat.security.policy import RoomKind
from homechat.uploads.cards import FileCard
from tests.backups import a_backup
from tests.corpus import encoded
from tests.house import House
from tests.sharing import send as send_files
from tests.sharing import share

_numbers = itertools.count(1)
CALL: dict[str, Any] = {"message": "hi"}
"""What a bot's webhook is called with."""


def address_of(
    house: House, path: str, *, person: str = "cleo", author: str = "cleo", owner: str = "ben"
) -> tuple[str, dict[str, str]]:
    """Return an address with something real in each of its places, and the headers that it needs.

    person: whom it is about.  author: who made the public room that it is about, in which the guest is, and wrote the
    message or sent the file.  owner: whose bot it is.
    """
    path = path.replace("<int:user_id>", str(house.id_of(person))).replace("<emoji>", "👍")
    if "<int:room_id>" in path or "<int:message_id>" in path:
        room = house.room(author, "gus", name=f"Open {next(_numbers)}", kind=RoomKind.PUBLIC)
        path = path.replace("<int:room_id>", str(room))
        path = path.replace("<int:message_id>", str(message_in(house, room, author)))
    if "<upload_id>" in path:
        path = path.replace("<upload_id>", shared_file(house, house.home().id, author).id)
    if "<backup_id>" in path:
        path = path.replace("<backup_id>", a_backup(house))
    if "<int:bot_id>" in path or "<webhook_id>" in path:
        return _address_of_bot(house, path, owner)
    return path, {}


def message_in(house: House, room: int, author: str = "cleo") -> int:
    """Have somebody say something in a room that everybody shall have seen, and return the message's id."""
    asked = {"room_id": room, "body": "Who is there?", "client_id": f"of-{author}-{room}"}
    return house.act(send_message, house.actor(author), **asked, card=ActionCard(ack_required=True)).id


def shared_file(house: House, room: int, author: str = "ben") -> FileCard:
    """Return a picture that somebody sent to a room."""
    file = share(house, author, room, "a.png", encoded("PNG"))
    send_files(house, author, room, file)
    return file


def picture() -> dict[str, Any]:
    """Return a form with a picture, as a request carries it."""
    return {
        "data": {"files[]": (io.BytesIO(encoded("PNG")), "a.png")},
        "content_type": "multipart/form-data",
    }


def _address_of_bot(house: House, path: str, owner: str) -> tuple[str, dict[str, str]]:
    with house.rows() as session:
        bot = session.scalar(sa.select(Bot).where(Bot.owner_id == house.id_of(owner)))
    if bot is None:
        wanted = Wanted("Mower", callback_url="https://hooks.example.org/x")
        bot = house.act(bot_actions.create_bot, Actor.operator(), wanted, owner_id=house.id_of(owner)).bot
    house.act(bot_actions.set_active, Actor.operator(), bot.id, active=True)
    secret = house.act(field_encryption.unseal, bot.sealed_secret)
    signature = signature_of(secret, json.dumps(CALL).encode())
    address = path.replace("<int:bot_id>", str(bot.id)).replace("<webhook_id>", bot.webhook_id)
    return address, {"X-HomeChat-Signature": signature}
