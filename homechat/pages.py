"""Pages of no feature: static files, the service worker and the web app's manifest.

Static files live under `/static/<build>/…`, where the build is a hash over all of them: a browser may keep
such a file for ever, and JavaScript modules that import each other by relative paths are always of one build.
"""

import functools
import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, jsonify, request, url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.security import safe_join

from homechat import paths

pages = Blueprint("pages", __name__)

FOR_EVER = "public, max-age=31536000, immutable"
# The machine's own table of types differs from one Linux to the next, and `nosniff` forgives nothing.
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
THEME_COLOR = "#f1eadf"
BACKGROUND_COLOR = "#f9f5ee"


@pages.record_once
def _start(state: BlueprintSetupState) -> None:
    build = build_of(paths.STATIC)
    state.app.extensions["homechat_build"] = build
    state.app.jinja_env.globals.update(build=build, static_url=static_url)


@pages.get("/static/<build>/<path:filename>")
def static_file(build: str, filename: str) -> Response:
    """A static file. Asked for under another build, it is the current one, not to be kept without asking."""
    return _send(filename, FOR_EVER if build == current_build() else "no-cache")


@pages.get("/sw.js")
def service_worker() -> Response:
    """The service worker; at the root, because a worker governs only what lies below it."""
    return _send("sw.js", "no-cache")


@pages.get("/manifest.webmanifest")
def manifest() -> Response:
    """What a phone needs to know to put HomeChat on its home screen."""
    home = url_for("messages.index") if "messages.index" in current_app.view_functions else "./"
    response = jsonify(
        id=home,
        name="HomeChat",
        short_name="HomeChat",
        start_url=home,
        scope=home,
        display="standalone",
        theme_color=THEME_COLOR,
        background_color=BACKGROUND_COLOR,
        icons=[
            {"src": static_url("img/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
            {"src": static_url("img/icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": static_url("img/icon-512.png"), "sizes": "512x512", "type": "image/png"},
        ],
    )
    response.mimetype = TYPES[".webmanifest"]
    response.headers["Cache-Control"] = "no-cache"
    return response


def static_url(filename: str) -> str:
    """Return the address of a static file of the current build: `static_url("css/base.css")`."""
    return url_for("pages.static_file", build=current_build(), filename=filename)


def current_build() -> str:
    """Return the hash of the static files, as of the start of this process."""
    build: str = current_app.extensions["homechat_build"]
    return build


def build_of(folder: Path) -> str:
    """Return a short SHA-256 over the names and contents of all files in `folder`."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:16]


def type_of(filename: str) -> str:
    """Return the media type of a file by its name."""
    return TYPES.get(Path(filename).suffix.lower(), "application/octet-stream")


@dataclass(frozen=True)
class Packed:
    """What many browsers ask for, made once: as it is, and as it travels to those who can unpack it."""

    content: bytes
    gzipped: bytes
    etag: str


def packed(content: bytes, *, is_compressed: bool = False) -> Packed:
    """Return `content` ready to be sent. Takes milliseconds per 100 kB."""
    return Packed(
        content=content,
        gzipped=content if is_compressed else gzip.compress(content, mtime=0),
        etag=hashlib.sha256(content).hexdigest()[:32],
    )


def reply_with(file: Packed, *, media_type: str, cache_control: str) -> Response:
    """Return the reply that carries `file`, compressed where the browser can unpack it."""
    response = Response(file.content, mimetype=media_type)
    response.headers["Cache-Control"] = cache_control
    etag = file.etag
    if len(file.gzipped) < len(file.content):
        response.vary.add("Accept-Encoding")
        if request.accept_encodings.quality("gzip") > 0:
            response.set_data(file.gzipped)
            response.content_encoding = "gzip"
            etag += "-gzip"
    response.set_etag(etag)
    response.make_conditional(request)
    return response


def _send(filename: str, cache_control: str) -> Response:
    path = safe_join(str(paths.STATIC), filename)
    if path is None or not os.path.isfile(path):
        abort(404)
    file = _read(path, os.stat(path).st_mtime_ns)
    return reply_with(file, media_type=type_of(filename), cache_control=cache_control)


@functools.lru_cache(maxsize=500)
def _read(path: str, modified: int) -> Packed:
    is_compressed = Path(path).suffix in (".png", ".jpg", ".webp", ".woff2", ".mp3", ".ogg")
    return packed(Path(path).read_bytes(), is_compressed=is_compressed)
