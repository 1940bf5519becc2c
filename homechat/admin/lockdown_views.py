"""Closing the house in an emergency, and opening it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from homechat.admin.lockdown_lines import kind_words, lockdown_lines, past_lockdown_lines
from homechat.admin.panel import Page, blueprint, page
from homechat.doors.forms import errors_of, form_number, form_text
from homechat.doors.people import current_actor
from homechat.errors import HomeChatError, Invalid, StepUpNeeded
from homechat.lockdown import Kind
from homechat.operations import lockdown as closing
from homechat.operations.lockdown import DEFAULT_HOURS, SESSIONS, Reach


@dataclass(frozen=True)
class Preview:
    """What would happen. until: None where nothing stays in force."""

    words: str
    effects: list[str]
    until: datetime | None


@blueprint.get("/lockdown")
def lockdown() -> Page:
    return _lockdown_page()


@blueprint.post("/lockdown")
def start_lockdown() -> Page:
    try:
        if form_text("act") == "show":
            return _lockdown_page(form=request.form, preview=_preview())
        return redirect(url_for("admin.lockdown", done=_start()))
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _lockdown_page(form=request.form, errors=errors_of(error)), error.status


@blueprint.post("/lockdown/lift")
def lift_lockdown() -> Page:
    closing.lift(current_actor())
    return redirect(url_for("admin.lockdown", done="lifted"))


def _lockdown_page(
    *,
    form: MultiDict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    preview: Preview | None = None,
) -> str:
    return page(
        "lockdown",
        closed=lockdown_lines(),
        past=past_lockdown_lines(),
        kinds=_kinds(),
        form=form or MultiDict({"hours": str(DEFAULT_HOURS)}),
        errors=errors,
        preview=preview,
        reason_max=closing.REASON_MAX_CHARACTERS,
    )


def _start() -> str:
    """Do what the form says; return what was done, for the page to say so."""
    hours, reason = form_number("hours", default=DEFAULT_HOURS), form_text("reason")
    if form_text("kind") == SESSIONS:
        closing.sign_everybody_out(current_actor(), reason=reason)
        return "signed-out"
    closing.start(current_actor(), _kind(), hours=hours, reason=reason)
    return "closed"


def _preview() -> Preview:
    """Return what the form would do."""
    hours, reason = form_number("hours", default=DEFAULT_HOURS), form_text("reason")
    if form_text("kind") == SESSIONS:
        count, reach = closing.sign_everybody_out(current_actor(), reason=reason, dry_run=True)
        return Preview(_("Sign everybody out, once"), list(_effects_of_signing_out(count, reach)), None)
    outcome = closing.start(current_actor(), _kind(), hours=hours, reason=reason, dry_run=True)
    effects = list(_effects(outcome.reach, signed_out=outcome.signed_out))
    return Preview(kind_words()[outcome.kind], effects, outcome.until)


def _effects(reach: Reach, *, signed_out: int) -> Iterator[str]:
    if reach.people:
        yield ngettext("%(num)d person has to wait", "%(num)d people have to wait", reach.people)
    if reach.windows:
        yield ngettext(
            "%(num)d open window of theirs is cut", "%(num)d open windows of theirs are cut", reach.windows
        )
    yield ngettext("%(num)d token stops working", "%(num)d tokens stop working", reach.tokens)
    if signed_out:
        yield ngettext(
            "%(num)d device is signed out for good", "%(num)d devices are signed out for good", signed_out
        )
    yield ngettext(
        "%(num)d person who runs the house can still come in",
        "%(num)d people who run the house can still come in",
        reach.admins,
    )


def _effects_of_signing_out(count: int, reach: Reach) -> Iterator[str]:
    yield ngettext("%(num)d device is signed out for good", "%(num)d devices are signed out for good", count)
    yield ngettext(
        "%(num)d person has to sign in again", "%(num)d people have to sign in again", reach.people
    )


def _kind() -> Kind:
    try:
        return Kind(form_text("kind"))
    except ValueError as error:
        raise Invalid.at("kind", _("Choose what to close.")) from error


def _kinds() -> list[tuple[str, str, str]]:
    """Return what one can choose: value, words, and what it does."""
    what = {
        Kind.USERS: _(
            "They wait outside with their programs, and come back in by themselves when it is over."
        ),
        Kind.TOKENS: _("No token works, yours neither. People notice nothing."),
        Kind.ADMIN_ONLY: _("Everybody but those who run the house waits, and no invitation works."),
        Kind.ALL: _("Programs and people, nobody moves in, and every other device is signed out for good."),
    }
    once = (
        SESSIONS,
        _("Sign everybody out, once"),
        _("Every device but this one. They may sign in again at once; there is nothing to lift."),
    )
    return [*((kind.value, words, what[kind]) for kind, words in kind_words().items()), once]
