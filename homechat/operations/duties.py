"""What a serving process does beside answering: at its start, in the background, and before it stops."""

from __future__ import annotations

from flask import Flask, current_app, url_for

from homechat import clock, connection
from homechat.accounts import api_requests, kept_answers
from homechat.bots import courier, deliveries
from homechat.database import is_sqlite
from homechat.errors import Unavailable
from homechat.extensions import settings_of, socketio
from homechat.household.founding import new_setup_token
from homechat.operations import retention
from homechat.operations.checks import DUTIES_DONE
from homechat.realtime import presence, revocation
from homechat.uploads.actions import forget_uploads

LOOK_FOR_OLD_SECONDS = 3600.0


def install(app: Flask) -> None:
    """Leave the duties where the server looks for them."""
    app.extensions["homechat_on_start"] = [_begin]
    app.extensions["homechat_background"] = [
        lambda: _watch(app),
        lambda: _beat(app),
        lambda: _store_api_reads(app),
        lambda: _forget_what_is_old(app),
        lambda: _forget_files(app),
        lambda: courier.carry_for_ever(app),
    ]
    app.extensions["homechat_on_stop"] = [connection.say_goodbye, presence.unregister_process]
    app.extensions["homechat_at_last"] = [api_requests.flush]


def setup_link(app: Flask) -> str | None:
    """Return a new one-time set-up link, which replaces any earlier one, or None once there is an admin."""
    token = new_setup_token()
    if token is None:
        return None
    return link_to(app, "household.found", token=token)


def link_to(app: Flask, endpoint: str, *, token: str) -> str:
    """Return the public address of the page behind the secret `token`, for who asks at the shell."""
    settings = settings_of(app)
    with app.test_request_context(base_url=settings.origin):
        path = url_for(endpoint, token=token)
    return f"{settings.public_url}{path}"


def _begin() -> list[str]:
    presence.register_process()
    deliveries.forget_leases()
    link = setup_link(current_app._get_current_object())  # type: ignore[attr-defined]
    if link is None:
        return []
    return ["", "Nobody lives here yet. Open this link once to found your household:", "", f"  {link}", ""]


def _watch(app: Flask) -> None:
    settings = settings_of(app)
    with app.app_context():
        revocation.watch_epoch(connection.look_again, every_seconds=settings.epoch_poll_seconds)


def _beat(app: Flask) -> None:
    """On SQLite there is one process only, and the disk is spared; elsewhere others must see that we live."""
    with app.app_context():
        if is_sqlite():
            return
    while True:
        socketio.sleep(presence.PROCESS_HEARTBEAT.total_seconds())
        with app.app_context():
            connection.beat()


def _store_api_reads(app: Flask) -> None:
    while True:
        socketio.sleep(api_requests.FLUSH_EVERY.total_seconds())
        with app.app_context():
            api_requests.flush()


def _forget_what_is_old(app: Flask) -> None:
    while True:
        with app.app_context():
            try:
                if count := retention.prune_audit_log_if_overdue():
                    app.logger.info("%d old entries of the audit log were deleted", count)
                if count := deliveries.forget_old():
                    app.logger.info("%d old deliveries were deleted", count)
            except Exception:
                app.logger.exception("deleting what is old failed")
            try:
                kept_answers.forget_old()
            except Unavailable:
                app.logger.warning("old answers of the API could not be deleted; there will be a next time")
            app.extensions[DUTIES_DONE] = clock.now()
        socketio.sleep(LOOK_FOR_OLD_SECONDS)


def _forget_files(app: Flask) -> None:
    while True:
        with app.app_context():
            try:
                if count := forget_uploads():
                    app.logger.info("%d files that nobody has any more were deleted", count)
            except Exception:
                app.logger.exception("deleting files that nobody has any more failed")
        socketio.sleep(LOOK_FOR_OLD_SECONDS)
