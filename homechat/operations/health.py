"""Whether the house is up: for the container, the proxy and the eyes of whoever runs it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from homechat import clock
from homechat.database import db

SOURCE_VERSION = "0.1.0"

blueprint = Blueprint("health", __name__)


def app_version() -> str:
    """Return the version of this HomeChat: of the installed package, or of the checkout."""
    try:
        return version("homechat")
    except PackageNotFoundError:
        return SOURCE_VERSION


@blueprint.get("/up")
def up() -> Response:
    return Response("OK", mimetype="text/plain")


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    body, status = health_report()
    return jsonify(body), status


def health_report() -> tuple[dict[str, str], int]:
    """Return what anybody may know of how the house is, and the status that says the same."""
    is_readable = _database_is_readable()
    body = {
        "status": "ok" if is_readable else "unavailable",
        "service": "HomeChat",
        "version": app_version(),
        "timestamp": clock.as_iso(clock.now()),
    }
    return body, 200 if is_readable else 503


def _database_is_readable() -> bool:
    try:
        db.session.execute(sa.text("SELECT 1 FROM users LIMIT 1"))
    except SQLAlchemyError:
        return False
    return True
