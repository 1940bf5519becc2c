"""Static files, the service worker and the manifest."""

import gzip

import pytest

from homechat import pages, paths
from tests.small_app import add, make_app, settings_for, static_address


@pytest.fixture
def client(tmp_path):
    return make_app(settings_for(tmp_path)).test_client()


def test_a_static_file_of_this_build_may_be_kept_for_ever(client):
    reply = client.get(static_address(client))
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.content_type == "text/css; charset=utf-8"


def test_a_static_file_of_another_build_is_the_current_one_and_not_kept(client):
    reply = client.get("/static/0123456789abcdef/css/base.css")
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.data == client.get(static_address(client)).data


@pytest.mark.parametrize(
    "path", ["../pyproject.toml", "%2e%2e/pyproject.toml", "css/../../pyproject.toml", "css", "x.js"]
)
def test_nothing_outside_the_static_folder_is_served(client, path):
    build = client.application.extensions["homechat_build"]
    assert client.get(f"/static/{build}/{path}").status_code == 404


def test_text_travels_compressed_to_those_who_can_unpack_it(client):
    plain = client.get(static_address(client))
    packed = client.get(static_address(client), headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_there_is_no_unversioned_static_route(client):
    assert client.get("/static/css/base.css").status_code == 404


def test_every_static_file_has_a_known_type():
    unknown = [
        str(file)
        for file in paths.STATIC.rglob("*")
        if file.is_file() and pages.type_of(file.name) == "application/octet-stream"
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("app.js", "text/javascript"),
        ("icon.SVG", "image/svg+xml"),
        ("x.webmanifest", "application/manifest+json"),
        ("font.woff2", "font/woff2"),
        ("unknown.xyz", "application/octet-stream"),
    ],
)
def test_types_do_not_depend_on_the_machine(name, media_type):
    assert pages.type_of(name) == media_type


def test_the_build_changes_with_each_name_and_content(tmp_path):
    (tmp_path / "a.js").write_text("1")
    first = pages.build_of(tmp_path)
    assert pages.build_of(tmp_path) == first
    (tmp_path / "a.js").write_text("2")
    second = pages.build_of(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first, second, pages.build_of(tmp_path)}) == 3


def test_the_service_worker_is_at_the_root_and_asked_for_each_time(client):
    reply = client.get("/sw.js")
    assert reply.status_code == 200
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.mimetype == "text/javascript"


def test_the_manifest_honours_the_path_prefix(tmp_path):
    app = make_app(settings_for(tmp_path, public_url="https://chat.example/chat"))
    add(app, "/", lambda: "", endpoint="messages.index")
    reply = app.test_client().get("/chat/manifest.webmanifest")
    assert reply.mimetype == "application/manifest+json"
    assert reply.json["name"] == reply.json["short_name"] == "HomeChat"
    assert (reply.json["start_url"], reply.json["scope"]) == ("/chat/", "/chat/")
    assert all(icon["src"].startswith("/chat/static/") for icon in reply.json["icons"])
