"""A Flask app of a few routes behind HomeChat's front, for tests that need none of its features."""

from flask import Flask, Response, abort, request
from flask_socketio import SocketIO

from homechat import pages
from homechat.config import Settings
from homechat.security.headers import init_headers
from homechat.serving import front


def settings_for(tmp_path, **changes):
    given = {"data_dir": tmp_path, "secret_key": "k" * 64, "public_url": "https://chat.example", **changes}
    return Settings(**given)


def make_app(settings):
    app = Flask("house", static_folder=None)
    app.config.update(SECRET_KEY=settings.secret_key, MAX_CONTENT_LENGTH=1000)
    init_headers(app, settings)
    app.register_blueprint(pages.pages)
    SocketIO().init_app(
        app,
        async_mode="threading",
        transports=["websocket"],
        cors_allowed_origins=[settings.origin, *settings.allowed_origins],
    )
    private = {"Cache-Control": "private, no-cache"}
    add(app, "/ok", lambda: "ok")
    add(app, "/private", lambda: Response("mine", headers=private))
    add(app, "/moved", lambda: ("", 302, {"Location": "/ok"}))
    add(app, "/too-many", lambda: abort(429))
    add(app, "/broken", lambda: 1 // 0)
    add(app, "/echo", lambda: {"bytes": len(request.get_data())}, methods=["POST"])
    add(app, "/where", lambda: {"host": request.host, "url": request.base_url})
    add(app, "/who", lambda: {"address": request.remote_addr, "secure": request.is_secure})
    front.install(app, settings)
    return app


def add(app, path, view, endpoint=None, methods=("GET",)):
    endpoint = endpoint or path.strip("/").replace("/", "-") or "home"
    app.add_url_rule(path, endpoint, view, methods=methods)


def static_address(client, name="css/base.css"):
    return f"/static/{client.application.extensions['homechat_build']}/{name}"
