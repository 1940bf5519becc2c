"""A person's API tokens: pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from homechat.accounts import api_tokens, step_up
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.doors import shown_once
from homechat.doors.forms import errors_of, form_number, form_numbers, form_text
from homechat.doors.people import current_actor
from homechat.errors import HomeChatError, StepUpNeeded
from homechat.household.scope_words import scope_words
from homechat.household.tokens import create_token, scopes_to_give
from homechat.household.views import Page, blueprint
from homechat.rooms.queries import my_rooms, public_rooms, rooms_to_open
from homechat.security.policy import HouseRight, Scope, house_right

DEFAULT_HOURS = 24 * 90
ABOUT = "the new token"


@dataclass(frozen=True)
class TokenLine:
    """One line of the list of tokens. room_names: of those it is bound to and the person knows; None: not bound.

    may_everything: it has every scope that its owner can give.
    """

    id: int
    name: str
    prefix: str
    bot_name: str
    scopes: list[str]
    may_everything: bool
    room_names: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_address: str
    has_successor: bool


@blueprint.app_context_processor
def _tokens_for_every_page() -> dict[str, Any]:
    return {"may_make_tokens": lambda: house_right(current_actor().role, HouseRight.MAKE_TOKENS)}


@blueprint.get("/me/tokens")
def tokens() -> Page:
    actor = current_actor()
    _check_may_look(actor)
    words, known_rooms = scope_words(), _known_rooms(actor)
    return render_template(
        "household/tokens.html",
        tokens=[_line(row, known_rooms, words) for row in api_tokens.tokens_of(actor)],
        new=shown_once.take(ABOUT),
        done=request.args.get("done", ""),
    )


@blueprint.get("/me/tokens/new")
def new_token() -> Page:
    return _new_token_page(current_actor(), form=MultiDict({"hours": str(DEFAULT_HOURS)}), errors={})


@blueprint.post("/me/tokens/new")
def make_token() -> Page:
    actor = current_actor()
    try:
        with transaction():
            _row, spelled = create_token(
                actor,
                name=form_text("name"),
                scopes=request.form.getlist("scopes")[: len(Scope) + 1],
                room_ids=form_numbers("room_ids") if form_text("reach") == "rooms" else None,
                hours=form_number("hours", default=DEFAULT_HOURS) or None,
                as_bot=form_text("acts_as") == "bot",
            )
            shown_once.keep(ABOUT, spelled)
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _new_token_page(actor, form=request.form, errors=errors_of(error)), error.status
    return _to_list(done="made")


@blueprint.post("/me/tokens/<int:token_id>/rotate")
def rotate_token(token_id: int) -> Page:
    actor = current_actor()
    hours = form_number("overlap_hours", default=api_tokens.OVERLAP_HOURS)
    with transaction():
        _row, spelled = api_tokens.rotate(actor, token_id, overlap_hours=hours)
        shown_once.keep(ABOUT, spelled)
    return _to_list(done="replaced")


@blueprint.post("/me/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> Page:
    is_app = api_tokens.revoke(current_actor(), token_id).kind == TokenKind.SIGN_IN
    if is_app:
        return redirect(url_for("accounts.me", saved="device"))
    return redirect(url_for("household.tokens", done="revoked"))


def _to_list(*, done: str) -> Page:
    """Go to the list of tokens, which shows the one that was made this moment."""
    return redirect(url_for("household.tokens", done=done))


def _new_token_page(actor: Actor, *, form: MultiDict[str, str], errors: dict[str, str]) -> str:
    _check_may_look(actor)
    words = scope_words()
    return render_template(
        "household/new_token.html",
        rooms=rooms_to_open(actor),
        scopes=[(scope.value, words[scope]) for scope in scopes_to_give(Role(actor.role or ""))],
        name_max=api_tokens.NAME_MAX_CHARACTERS,
        form=form,
        errors=errors,
    )


def _check_may_look(actor: Actor) -> None:
    api_tokens.check_may_make(actor)
    step_up.require(actor)


def _known_rooms(actor: Actor) -> dict[int, str]:
    return {room.id: room.name for room in (*public_rooms(actor), *my_rooms(actor))}


def _line(row: ApiToken, known_rooms: dict[int, str], words: dict[str, str]) -> TokenLine:
    is_bot = row.user_id != row.created_by_id
    possible = {scope.value for scope in scopes_to_give(Role(row.created_by.role), as_bot=is_bot)}
    return TokenLine(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        bot_name=row.user.display_name if is_bot else "",
        scopes=[words[Scope(name)] for name in row.scopes.split()],
        may_everything=possible <= set(row.scopes.split()),
        room_names=None
        if row.room_ids is None
        else [known_rooms[room_id] for room_id in row.room_ids if room_id in known_rooms],
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_address=row.last_used_address,
        has_successor=row.replaced_by_id is not None,
    )
