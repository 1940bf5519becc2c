"""The unbound Flask extensions; `create_app` binds them."""

from __future__ import annotations

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_socketio import SocketIO
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from homechat.database import db

__all__ = ["babel", "csrf", "db", "limiter", "login_manager", "migrate", "socketio", "talisman"]

migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)
socketio = SocketIO()
talisman = Talisman()
babel = Babel()
