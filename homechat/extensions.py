"""The unbound Flask extensions; `create_app` binds them. And the settings, which it keeps beside them."""

from __future__ import annotations

from flask import Flask, current_app, request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_socketio import SocketIO
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from homechat.addresses import address_key
from homechat.config import Settings
from homechat.database import db
from homechat.translations import HouseBabel

__all__ = [
    "babel",
    "csrf",
    "current_settings",
    "db",
    "limiter",
    "login_manager",
    "settings_of",
    "socketio",
    "talisman",
]

login_manager = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(key_func=lambda: address_key(request.remote_addr or ""))
socketio = SocketIO()
talisman = Talisman()
babel = HouseBabel()


def current_settings() -> Settings:
    """Return the settings of the current app."""
    return settings_of(current_app)


def settings_of(app: Flask) -> Settings:
    """Return the settings of `app`."""
    settings: Settings = app.extensions["homechat_settings"]
    return settings
