"""The unbound Flask extensions; `create_app` binds them."""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_socketio import SocketIO
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from homechat.addresses import address_key
from homechat.database import db
from homechat.translations import HouseBabel

__all__ = ["babel", "csrf", "db", "limiter", "login_manager", "socketio", "talisman"]

login_manager = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(key_func=lambda: address_key(request.remote_addr or ""))
socketio = SocketIO()
talisman = Talisman()
babel = HouseBabel()
