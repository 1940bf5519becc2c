"""The page about the API, for people who are signed in: what there is to ask for, and how."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from homechat.api.openapi import REFUSALS, document
from homechat.api.reference import groups_of
from homechat.extensions import current_settings

blueprint = Blueprint("reference", __name__)


@blueprint.get("/api/docs")
def index() -> str:
    whole = document(root=request.script_root)
    return render_template(
        "api/reference.html",
        groups=groups_of(whole, origin=current_settings().origin),
        refusals=REFUSALS,
        base_url=current_settings().api_url,
    )
