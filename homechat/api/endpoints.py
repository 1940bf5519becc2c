"""Endpoints of the API: one registry and one path that all of them take.

budget → token → what it is good for → shape → handler. What is registered here knows its address, the scope that it
needs and the schema of what it takes: all that describing it needs, too. What is not registered is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from inspect import getdoc
from typing import Any, NoReturn, TypeVar

from flask import Blueprint, Flask, Response, g, request
from flask_babel import gettext as _
from marshmallow import EXCLUDE, Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from homechat.accounts import api_requests, bearers
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Door
from homechat.api import cross_origin, idempotency
from homechat.api.replies import reply_of, unless_known
from homechat.api.shapes import Described, Shape
from homechat.config import API_PREFIX
from homechat.doors.bearers import (
    is_for_the_api,
    refuse_in_lockdown,
    require_scope,
    token_of_request,
)
from homechat.doors.people import client_address, client_user_agent
from homechat.doors.replies import CARRIED, answer_as_json
from homechat.doors.shapes import flat
from homechat.errors import Forbidden, Invalid, Malformed, NotFound, Unauthenticated
from homechat.extensions import current_settings, settings_of
from homechat.security import limits
from homechat.security.policy import Scope

Json = dict[str, Any]
Handler = Callable[..., "Json | tuple[Json, int] | Response"]
Gives = type[Shape] | Mapping[int, type[Shape]]
HandlerT = TypeVar("HandlerT", bound=Handler)

READING = {"GET", "HEAD"}
FORM_WITH_FILES = "multipart/form-data"

blueprint = Blueprint("api", __name__, url_prefix=API_PREFIX)


class Who(StrEnum):
    """Whom an endpoint answers that needs no particular scope."""

    ANYBODY = "anybody"
    ANY_TOKEN = "any token"  # noqa: S105  # nosec B105


class Body(Described):
    """What an endpoint takes: a JSON object, or for GET what stands behind the `?`; unknown fields are ignored."""

    class Meta:
        unknown = EXCLUDE


@dataclass(frozen=True)
class Endpoint:
    """One thing that programs may ask for.

    needs: the scope of the token, or who is answered without one.  takes: its shape; None: nothing.
    gives: the shape of each reply, by its status.  refusals_carry: what each refusal has in it beside the error,
    because clients look for it.  creates: whether it makes something new, so that an Idempotency-Key counts.
    example: what one may send to it.  takes_files: whether a form with files (multipart) may come in place of JSON.
    gives_bytes: whether what it gives is no JSON but a file.  gives_text: whether it is text for who prefers that.
    counts_itself: the budget of which its handler spends, by address, where that of everybody's requests is not for it.
    """

    method: str
    path: str
    needs: Scope | Who
    takes: Schema | None
    refusals_carry: Json
    handler: Handler
    gives: Mapping[int, Shape] = field(default_factory=dict)
    creates: bool = False
    example: Json | None = None
    takes_files: bool = False
    gives_bytes: bool = False
    gives_text: bool = False
    counts_itself: limits.Budget | None = None

    @property
    def summary(self) -> str:
        """What it does, in a few words: how the docstring of its handler begins."""
        return (getdoc(self.handler) or "").partition("\n")[0]

    @property
    def tag(self) -> str:
        """What it is about: the name of the module that it stands in."""
        return self.handler.__module__.rpartition(".")[2]


ENDPOINTS: dict[str, Endpoint] = {}
"""Every endpoint by its name in Flask, such as `api.me`."""


def endpoint(
    method: str,
    path: str,
    *,
    needs: Scope | Who,
    takes: type[Schema] | None = None,
    gives: Gives | None = None,
    refusals_carry: Json | None = None,
    creates: bool | None = None,
    example: Json | None = None,
    takes_files: bool = False,
    gives_bytes: bool = False,
    gives_text: bool = False,
    counts_itself: limits.Budget | None = None,
) -> Callable[[HandlerT], HandlerT]:
    """Register a handler behind the one path that all of them take; see `Endpoint`.

    gives: the shape of its reply, or those of several by their status.  creates: None: where it answers 201 to a token.
    The handler is given the actor, what was sent, and the parts of its address by name. It returns the reply's JSON,
    that with a status, or a whole reply where it is no JSON. Its docstring says to the world what it does.
    """
    shapes = gives if isinstance(gives, Mapping) else {200: gives} if gives else {}

    def register(handler: HandlerT) -> HandlerT:
        name = handler.__name__
        found = Endpoint(
            method,
            path,
            needs,
            takes() if takes else None,
            refusals_carry or {},
            handler,
            gives={status: shape() for status, shape in shapes.items()},
            creates=(201 in shapes and needs is not Who.ANYBODY) if creates is None else creates,
            example=example,
            takes_files=takes_files,
            gives_bytes=gives_bytes,
            gives_text=gives_text,
            counts_itself=counts_itself,
        )
        ENDPOINTS[f"{blueprint.name}.{name}"] = found
        if found.refusals_carry:
            CARRIED[API_PREFIX + path] = found.refusals_carry
        blueprint.add_url_rule(
            path,
            endpoint=name,
            view_func=lambda **places: _answer(found, places),
            methods=[method],
            provide_automatic_options=False,
            merge_slashes=False,
        )
        return handler

    return register


def guard(app: Flask) -> None:
    """Have `app` look at the token of everything that comes to the API, and tell how much of its budget is left.

    Before anything else looks at the request: refusals are JSON from here on.
    """
    cross_origin.let_pages_in(app, settings_of(app))
    app.before_request(_check_caller)
    app.after_request(_tell_budget)


def current_actor() -> Actor:
    """Return who asks: whom the token acts as, or a stranger where none is needed."""
    actor: Actor = g.api_actor
    return actor


def _check_caller() -> None:
    if not is_for_the_api():
        return
    found = ENDPOINTS.get(request.endpoint or "")
    answer_as_json(**(found.refusals_carry if found else {}))
    g.api_actor = Actor.stranger(door=Door.API, address=client_address(), user_agent=client_user_agent())
    if found is None or found.needs is Who.ANYBODY:
        if found is not None and found.counts_itself is not None:
            g.api_budget = (found.counts_itself, client_address())
        else:
            _spend(limits.API_ADDRESS, client_address())
        _refuse_plain_http(None, found)
        if request.endpoint is not None and found is None:
            raise NotFound(_("There is nothing at this address."))
        return
    text = token_of_request()
    row = bearers.find(text) if text else None
    if row is None:
        _spend(limits.API_ADDRESS, client_address())
        _refuse_plain_http(None, found)
        _refuse_stranger(has_token=bool(text))
    _spend(limits.API, row.id)
    g.person_id = row.user_id
    g.api_actor = actor = bearers.actor_of(
        row, door=Door.API, address=client_address(), user_agent=client_user_agent()
    )
    _refuse_plain_http(row, found)
    refuse_in_lockdown(actor)
    if isinstance(found.needs, Scope):
        require_scope(actor, found.needs)
    bearers.touch(row, actor.address)


def _spend(budget: limits.Budget, key: object) -> None:
    g.api_budget = (budget, key)
    limits.spend(budget, key)


def _refuse_stranger(*, has_token: bool) -> NoReturn:
    if has_token:
        raise Unauthenticated(_("This token opens nothing here. It may have ended or been revoked."))
    raise Unauthenticated(_("Please send a token: Authorization: Bearer hc_…"))


def _refuse_plain_http(row: ApiToken | None, found: Endpoint | None) -> None:
    """Refuse what others on the way could read: a token that came like this, or a password, is known to them now."""
    if not current_settings().is_https or request.is_secure:
        return
    if row is not None:
        why = "plain http"
        api_requests.note_refused(current_actor(), method=request.method, route=_route(), why=why)
    elif found is None or (found.needs is Who.ANYBODY and found.method in READING):
        return
    raise Forbidden(_("Please use https here. A token that came without is no secret any more: replace it."))


def _answer(found: Endpoint, places: Json) -> Response:
    actor = current_actor()
    data = _checked(found)
    key = idempotency.key_of_request(actor) if found.creates else None
    if key is not None:
        return idempotency.once(actor, key, lambda: _done(found, actor, data, places))
    return _done(found, actor, data, places)


def _done(found: Endpoint, actor: Actor, data: Json, places: Json) -> Response:
    if found.method in READING:
        api_requests.note_read(actor)
    elif actor.token_id is not None:
        api_requests.note_write(actor, method=found.method, route=_route())
    reply = found.handler(actor, data, **places)
    if isinstance(reply, Response):  # The bytes of a file, or text.
        return reply
    body, status = reply if isinstance(reply, tuple) else (reply, 200)
    response = reply_of(found.gives, body, status)
    return unless_known(response) if found.method in READING else response


def _checked(found: Endpoint) -> Json:
    """Return what was sent in the shape that the endpoint takes. Raises Malformed, Invalid naming the fields."""
    if found.takes is None:
        return {}
    sent = request.args.to_dict() if found.method in READING else _form() if _is_form(found) else _json()
    try:
        data: Json = found.takes.load(sent)
    except ValidationError as error:
        raise Invalid(_("Some of this has the wrong shape."), fields=flat(error.messages)) from error
    return data


def _is_form(found: Endpoint) -> bool:
    return found.takes_files and request.mimetype == FORM_WITH_FILES


def _form() -> Json:
    return request.form.to_dict()


def _json() -> Json:
    if not request.content_length and not request.mimetype:
        return {}  # As somebody does who has nothing to say.
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        sent = json.loads(request.get_data().decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # ValueError: no UTF-8, no JSON, or a number of 5,000 digits.
        raise Malformed(_("That isn't JSON.")) from error
    if not isinstance(sent, dict):
        raise Invalid(_("Please send one JSON object."))
    return sent


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _route() -> str:
    return str(request.url_rule) if request.url_rule is not None else ""


def _tell_budget(response: Response) -> Response:
    if "api_budget" in g:
        is_refused = response.status_code == HTTPStatus.TOO_MANY_REQUESTS and "spent_budget" in g
        standing = limits.standing(*(g.spent_budget if is_refused else g.api_budget))
        response.headers["X-RateLimit-Limit"] = str(standing.limit)
        response.headers["X-RateLimit-Remaining"] = str(standing.remaining)
        response.headers["X-RateLimit-Reset"] = str(standing.reset_at)
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
    return response
