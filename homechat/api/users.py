"""People, looked up by those who may know of them."""

from __future__ import annotations

from homechat.accounts.cards import cards_of
from homechat.actor import Actor
from homechat.api.endpoints import Json, endpoint
from homechat.api.people import person_as_json
from homechat.api.shapes import OneUser
from homechat.rooms.people import person_in_sight
from homechat.security.policy import Scope


@endpoint("GET", "/users/<int:user_id>", needs=Scope.USERS_READ, gives=OneUser)
def user(actor: Actor, data: Json, user_id: int) -> Json:
    """Somebody."""
    return {"user": person_as_json(cards_of([person_in_sight(actor, user_id)])[0])}
