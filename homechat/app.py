"""The application, put together: a table of contents of everything that makes it up."""

from __future__ import annotations

import functools

from flask import Flask

from homechat import admin, api, config, connection, context, lockdown, paths
from homechat.accounts import passkey_views, proof_models, sign_in_views, token_models, two_factor_views
from homechat.accounts.api_requests import ReadCounts
from homechat.accounts.views import blueprint as accounts
from homechat.bots import listeners as bots_listeners
from homechat.bots import models as bots_models
from homechat.bots.courier import Courier
from homechat.config import Settings
from homechat.database import db, engine_options
from homechat.doors import people, replies
from homechat.doors.events import UnderWay
from homechat.doors.forms import CONVERTERS
from homechat.extensions import babel, csrf, limiter, login_manager, socketio
from homechat.household import token_views
from homechat.household.views import blueprint as household
from homechat.messages import listeners as messages_listeners
from homechat.messages import message_views, typing
from homechat.messages import sockets as messages_sockets
from homechat.messages.views import blueprint as messages
from homechat.operations import duties
from homechat.operations import views as operations_views
from homechat.operations.health import blueprint as health
from homechat.pages import pages
from homechat.realtime.live_sockets import LiveSockets
from homechat.request_counts import RequestCounts
from homechat.rooms import listeners as rooms_listeners
from homechat.rooms.views import blueprint as rooms
from homechat.security import field_encryption
from homechat.security.headers import init_headers
from homechat.security.limits import init_limits
from homechat.uploads.receiving import init_receiving
from homechat.uploads.views import blueprint as uploads

FEATURES = (
    pages,
    health,
    accounts,
    household,
    messages,
    uploads,
    rooms,
    admin.blueprint,
    api.blueprint,
    api.reference,
)
# Imported for what they connect to: events, and signals of features further down.
LISTENERS = (messages_sockets, messages_listeners, rooms_listeners, bots_listeners)
# Imported for the pages that they add to a feature's own.
MORE_PAGES = (
    sign_in_views,
    two_factor_views,
    passkey_views,
    token_views,
    message_views,
    operations_views,
)
# Imported for their tables, which migrations are compared with.
TABLES = (proof_models, token_models, lockdown, bots_models)


def build_app(settings: Settings | None, *, async_mode: str, commands: bool = True) -> Flask:
    """Return the application.

    settings: where it lives and what it allows; read from the environment and homechat.toml when None.
    async_mode: how Socket.IO runs side by side; only the server passes "eventlet".
    commands: whether `flask …` may be said to it. A server goes without: they bring much that it has no use for.
    """
    settings = settings or config.load()
    app = Flask("homechat", template_folder=str(paths.TEMPLATES), static_folder=None)
    _configure(app, settings)
    app.extensions["homechat_settings"] = settings
    app.extensions["homechat_live_sockets"] = LiveSockets()
    app.extensions["homechat_typing"] = typing.Windows()
    app.extensions["homechat_events"] = UnderWay()
    app.extensions["homechat_api_reads"] = ReadCounts()
    app.extensions["homechat_request_counts"] = RequestCounts()
    app.extensions["homechat_courier"] = Courier()
    app.extensions["homechat_build_elsewhere"] = functools.partial(build_app, async_mode="threading")
    app.extensions["homechat_field_encryption"] = field_encryption.Box(settings)

    db.init_app(app)
    context.init_app(app, babel)
    init_headers(app, settings)
    init_limits(app, settings)
    limiter.init_app(app)
    login_manager.init_app(app)
    login_manager.request_loader(lambda request: people.load_session_from_cookie())
    api.guard(app)
    people.deny_by_default(app)  # Before CSRF: somebody signed out is told so, not that their form is stale.
    init_receiving(app)
    csrf.init_app(app)
    replies.give_errors_words(app)
    app.url_map.converters.update(CONVERTERS)
    for feature in FEATURES:
        app.register_blueprint(feature)
    for unlimited in (pages, health, api.blueprint):  # The API has a limit of its own.
        limiter.exempt(unlimited)
    csrf.exempt(api.blueprint)  # It takes no cookies.

    socketio.init_app(app, **connection.socketio_options(settings, async_mode=async_mode))
    connection.install(socketio)
    duties.install(app)
    app.extensions["homechat_on_warm_up"] = [api.openapi.describe_api]
    if commands:
        from homechat import cli

        cli.install(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key or None,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        MAX_CONTENT_LENGTH=settings.request_bytes,
        MAX_FORM_MEMORY_SIZE=settings.request_bytes,
        # Flask's own cookie holds the form token, and for a moment what is shown once; who is signed in stands in the
        # session's row.
        SESSION_COOKIE_NAME=f"{settings.session_cookie_name}-form",
        SESSION_COOKIE_SECURE=settings.is_secure_context,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH=settings.path_prefix or "/",
        WTF_CSRF_TIME_LIMIT=None,  # A chat stays open for days.
        BABEL_DEFAULT_LOCALE="en",
        PREFERRED_URL_SCHEME="https" if settings.is_https else "http",
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
