"""What all pages of the panel share: who comes in here, and what stands on each of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from homechat.accounts import step_up
from homechat.doors.people import current_actor
from homechat.errors import NotFound
from homechat.security.policy import HouseRight, house_right

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

Page = str | Response | tuple[str, int]


@blueprint.before_request
def _only_for_who_runs_the_house() -> None:
    """To everybody else there is nothing here; and a borrowed phone is not enough."""
    actor = current_actor()
    if not house_right(actor.role, HouseRight.ADMIN_PANEL):
        raise NotFound(_("There is nothing at this address."))
    step_up.require(actor)


@blueprint.app_context_processor
def _for_every_page() -> dict[str, Any]:
    return {"may_run_house": lambda: house_right(current_actor().role, HouseRight.ADMIN_PANEL)}


def page(template: str, *, errors: dict[str, str] | None = None, **variables: Any) -> str:
    """Return a page of the panel; `done` in its address says what was just done."""
    return render_template(
        f"admin/{template}.html", errors=errors or {}, done=request.args.get("done", ""), **variables
    )
