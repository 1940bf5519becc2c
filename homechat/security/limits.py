"""Named budgets for every door: how often one person, or one address, may do what.

A budget is spent where the thing happens (`limits.spend(limits.MESSAGES, actor.person_id)`), so that pages,
sockets and API share it. Moving windows: no more than N in *any* span of that length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import NamedTuple

from flask import Flask, Response, current_app, g
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from limits import RateLimitItem, parse
from limits.strategies import MovingWindowRateLimiter

from homechat import clock
from homechat.addresses import address_key
from homechat.config import Settings
from homechat.errors import TooMany, Unavailable
from homechat.security.limit_storage import SCHEME, HouseholdStorage

KEY_PART_CHARACTERS_MAX = 64
LONG_WAIT_SECONDS = 90


@dataclass(frozen=True, eq=False)
class Budget:
    """What may be spent.

    rate: "60/minute", or how to read it from the settings.  reason: first half of the sentence of a refusal.
    by_address: the first key part is an address, see `address_key`.
    """

    name: str
    rate: str | Callable[[Settings], str]
    reason: str
    by_address: bool = False


_FAST = lazy_gettext("That was very fast.")
_SIGN_IN = lazy_gettext("That was a lot of tries.")
_LOADING = lazy_gettext("This device asks for a lot at once.")

MESSAGES = Budget(
    "messages",
    lambda settings: f"{settings.messages_per_minute}/minute",
    lazy_gettext("You're sending very fast."),
)
# Of the event itself, above MESSAGES: bounds sends that are refused for their shape or their room.
SENDS = Budget("sends", lambda settings: f"{2 * settings.messages_per_minute}/minute", MESSAGES.reason)
# Editing and deleting.
CHANGES = Budget(
    "changes",
    lambda settings: f"{settings.messages_per_minute}/minute",
    lazy_gettext("That is a lot of changes."),
)
REACTIONS = Budget("reactions", "30/minute", lazy_gettext("That is a lot of reactions."))
ANSWERS = Budget("answers", "30/minute", lazy_gettext("That is a lot of answers."))
# Of all of these events themselves, as SENDS.
TOUCHES = Budget("touches", lambda settings: f"{4 * settings.messages_per_minute}/minute", CHANGES.reason)
READ = Budget("read", "120/minute", _LOADING)
HISTORY = Budget("history", "240/minute", _LOADING)
SEARCH = Budget("search", "30/minute", lazy_gettext("That is a lot of searches."))
TYPING = Budget("typing", "120/minute", _FAST)
SOCKET_EVENTS = Budget(
    "socket_events", lambda settings: f"{10 * settings.messages_per_minute}/minute", _LOADING
)
# A whole family comes back at once after a restart, but each with a few windows only.
CONNECTS = Budget(
    "connects",
    lambda settings: f"{max(60, settings.messages_per_minute)}/minute",
    lazy_gettext("This device connects again and again."),
)
JOINS = Budget("joins", "30/minute", _FAST)
CREATE_ROOMS = Budget("create_rooms", "60/hour", lazy_gettext("That is a lot of new rooms."))
INVITES = Budget("invites", "20/hour", lazy_gettext("That is a lot of invitations."))
UPLOADS = Budget("uploads", lambda settings: settings.upload_limit, lazy_gettext("That is a lot of files."))
# Each may come with a bot, whose name is taken for good.
NEW_TOKENS = Budget("new_tokens", "30/hour", _FAST)
# Each is a process that reads the whole house; one at a time besides.
BACKUPS = Budget("backups", "20/hour", lazy_gettext("That is a lot of backups."))
SIGN_IN = Budget("sign_in", lambda settings: settings.sign_in_limit, _SIGN_IN, by_address=True)
SIGN_IN_ADDRESS = Budget(
    "sign_in_address", lambda settings: settings.sign_in_address_limit, _SIGN_IN, by_address=True
)
# Of one hook, beside MESSAGES of its bot: whoever calls one too often uses up no other, nor what people have.
WEBHOOKS = Budget(
    "webhooks", lambda settings: settings.webhook_limit, lazy_gettext("That is a lot of calls.")
)
API = Budget("api", lambda settings: settings.api_limit, lazy_gettext("That is a lot of requests."))
API_ADDRESS = Budget("api_address", API.rate, API.reason, by_address=True)
# Calls for no hook, or wrongly signed: of the address that they come from, and of no bot.
WRONG_CALLS = Budget("wrong_calls", API.rate, WEBHOOKS.reason, by_address=True)
# Each sign-in page asks one question by itself, so that the browser can offer a passkey beside the name.
PASSKEY_QUESTIONS = Budget("passkey_questions", "120/minute", _SIGN_IN, by_address=True)
SIGN_UP = Budget("sign_up", lambda settings: settings.sign_up_limit, _SIGN_IN, by_address=True)

BUDGETS = (
    *(MESSAGES, SENDS, CHANGES, REACTIONS, TOUCHES, READ, HISTORY, SEARCH, TYPING, SOCKET_EVENTS, CONNECTS),
    *(JOINS, CREATE_ROOMS, INVITES, UPLOADS, NEW_TOKENS, SIGN_IN, SIGN_IN_ADDRESS, SIGN_UP, API, API_ADDRESS),
    *(PASSKEY_QUESTIONS, WEBHOOKS, WRONG_CALLS, ANSWERS, BACKUPS),
)


def init_limits(app: Flask, settings: Settings) -> None:
    """Give `app` its budgets, and Flask-Limiter, bound later, the same way of counting."""
    app.extensions["homechat_budgets"] = Budgets(settings)
    app.config.update(
        RATELIMIT_STORAGE_URI=f"{SCHEME}://",
        RATELIMIT_STORAGE_OPTIONS={"redis_url": settings.redis_url, "redis_name": settings.redis_name},
        RATELIMIT_STRATEGY="moving-window",
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_DEFAULT=settings.page_limit,
    )
    app.after_request(_tell_the_right_wait)  # Before Flask-Limiter is bound, so that this runs after it.


def spend(budget: Budget, *key_parts: object) -> None:
    """Take one from `budget` of whoever `key_parts` name, in the current app. Raises TooMany."""
    try:
        _budgets().spend(budget, *key_parts)
    except TooMany as refusal:
        # For the headers of whichever reply comes of this.
        g.retry_after, g.spent_budget = refusal.retry_after, (budget, *key_parts)
        raise


def standing(budget: Budget, *key_parts: object) -> Standing:
    """Return how much of `budget` they have, and have left."""
    return _budgets().standing(budget, *key_parts)


def is_redis_lost() -> bool:
    """Whether the settings name a Redis that did not answer when it was asked last; that was a moment ago."""
    return _budgets().storage.is_degraded


class Standing(NamedTuple):
    """How somebody stands with a budget. reset_at: when the next one comes free, in seconds since 1970."""

    limit: int
    remaining: int
    reset_at: int


class Budgets:
    """The budgets of one house, counted here or in its Redis."""

    def __init__(self, settings: Settings) -> None:
        self.storage = HouseholdStorage(redis_url=settings.redis_url, redis_name=settings.redis_name)
        self._windows = MovingWindowRateLimiter(self.storage)
        self._rates = {budget: _rate(budget, settings) for budget in BUDGETS}

    def spend(self, budget: Budget, *key_parts: object) -> None:
        """Take one from the `budget` of whoever `key_parts` name.

        Raises TooMany when it is spent, with the seconds after which there is one again. What was refused
        does not count: waiting that long is always enough.
        """
        rate, key = self._rates[budget], _key(budget, key_parts)
        if self._windows.hit(rate, *key):
            return
        free_at = self._windows.get_window_stats(rate, *key).reset_time
        seconds = max(1, ceil(free_at - clock.now().timestamp()))
        raise TooMany(f"{budget.reason} {_wait(seconds)}", retry_after=seconds)

    def standing(self, budget: Budget, *key_parts: object) -> Standing:
        """Return how much of `budget` they have, and have left."""
        stats = self._windows.get_window_stats(self._rates[budget], *_key(budget, key_parts))
        return Standing(self._rates[budget].amount, stats.remaining, ceil(stats.reset_time))


def _tell_the_right_wait(response: Response) -> Response:
    """Flask-Limiter writes the wait for its own window on every reply; a wait belongs on a refusal, with its own."""
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(Unavailable.retry_after)
    elif "retry_after" in g and response.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.CONFLICT):
        response.headers["Retry-After"] = str(g.retry_after)
    elif response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
        response.headers.pop("Retry-After", None)
    return response


def _budgets() -> Budgets:
    budgets: Budgets = current_app.extensions["homechat_budgets"]
    return budgets


def _rate(budget: Budget, settings: Settings) -> RateLimitItem:
    return parse(budget.rate if isinstance(budget.rate, str) else budget.rate(settings))


def _key(budget: Budget, key_parts: tuple[object, ...]) -> list[str]:
    parts = [str(part) for part in key_parts]
    if budget.by_address:
        parts[0] = address_key(parts[0])
    return [budget.name, *map(_short, parts)]


def _short(part: str) -> str:
    """Keys stay small and in order whatever a stranger types as a name."""
    if len(part) <= KEY_PART_CHARACTERS_MAX and "/" not in part.removesuffix("::/64"):
        return part
    return hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()


def _wait(seconds: int) -> str:
    if seconds >= LONG_WAIT_SECONDS:
        return str(_("Wait %(number)d minutes and try again.", number=ceil(seconds / 60)))
    return str(ngettext("Wait %(num)d second and try again.", "Wait %(num)d seconds and try again.", seconds))
