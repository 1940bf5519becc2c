"""Files that people share: what they may be called, who may have them, how they are given out and when they go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.api.endpoints import ENDPOINTS
from homechat.database import transaction
from homechat.errors import Forbidden, Invalid, NoSpace, NotFound, TooLarge
from homechat.messages.history import changes_after, page_before
from homechat.messages.models import Message
from homechat.messages.rendering import payloads
from homechat.messages.sidebar import sidebar
from homechat.rooms.membership import remove_member
from homechat.security.policy import RoomKind
from homechat.uploads.actions import FILES_MAX, drop_upload, forget_uploads
from homechat.uploads.cards import FileCard
from homechat.uploads.models import Upload
from homechat.uploads.names import clean_name
from homechat.uploads.receiving import MANY_FILES, ONE_FILE
from tests import corpus
from tests.api_client import Program, new_token
from tests.conftest import close
from tests.house import House, copy_house
from tests.sharing import post_form, send, share
from tests.test_indexes import statements

PNG = corpus.encoded("PNG")
OPAQUE = "application/octet-stream"


@pytest.fixture
def tight(cast_folder: Path, tmp_path: Path) -> Iterator[Any]:
    """Makes a house with little room for files."""
    made: list[House] = []

    def make(**settings: Any) -> House:
        made.append(House(copy_house(cast_folder, tmp_path / f"data-{len(made)}"), **settings))
        return made[-1]

    yield make
    for house in made:
        close(house)


def test_whoever_lets_large_bodies_in_knows_each_address_that_takes_files(house: House) -> None:
    views = house.app.view_functions.items()
    pages = {name for name, view in views if "received_files" in view.__code__.co_names}
    assert pages == {"uploads.store", "messages.post_files"}
    of_the_api = {name for name, it in ENDPOINTS.items() if it.takes_files}
    rules = [rule for rule in house.app.url_map.iter_rules() if rule.endpoint in pages | of_the_api]
    assert len(rules) == len(pages | of_the_api)
    for rule in rules:
        address = re.sub(r"<int:\w+>", "7", rule.rule)
        assert bool(ONE_FILE.fullmatch(address)) == (rule.endpoint == "uploads.store")
        assert bool(MANY_FILES.fullmatch(address)) == (rule.endpoint != "uploads.store")


def on_disk(house: House) -> list[Path]:
    return sorted(file for file in (house.data_dir / "uploads").rglob("*") if file.is_file())


def delete_message(house: House, message_id: int) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(Message).where(Message.id == message_id).values(deleted_at=clock.now()))


# A message with files


def test_a_message_carries_its_files_live_in_history_and_in_catching_up_alike(house: House) -> None:
    room = house.room("ben", "cleo")
    picture = share(house, "ben", room, "otter.png", PNG)
    letter = share(house, "ben", room, "letter.txt", b"Dear all")

    told = send(house, "ben", room, picture, letter, body="Look")

    assert [file["name"] for file in told.files] == ["otter.png", "letter.txt"]
    assert told.files[0] == {
        "id": picture.id,
        "name": "otter.png",
        "content_type": "image/png",
        "byte_size": picture.byte_size,
        "url": f"/uploads/{picture.id}/otter.png",
        "thumbnail_url": f"/uploads/{picture.id}/thumbnail",
        "width": 60,
        "height": 40,
    }
    with house.app.app_context():
        page = payloads(page_before(house.actor("cleo"), room).messages)
        later = changes_after(house.actor("cleo"), room, after=0)["messages"]
    assert page == later == [told.payload()]
    for part in ('class="picture__image"', f'src="{picture.thumbnail_url}"', 'width="60"', 'alt="otter.png"'):
        assert part in told.html
    assert f'href="{letter.url}" download="letter.txt"' in told.html


def test_a_message_may_be_files_only_but_not_nothing(house: House) -> None:
    room = house.room("ben", "cleo")
    told = send(house, "ben", room, share(house, "ben", room, "a.png", PNG), body="  \n ")

    assert (told.body, len(told.files)) == ("", 1)
    with pytest.raises(Invalid, match="Write something first"):
        send(house, "ben", room, body="  ")
    (line,) = [it for it in house.act(sidebar, house.id_of("cleo")) if it.room.id == room]
    assert line.last_message is not None
    assert line.last_message.preview == "1 file"


def test_sending_again_with_the_same_id_is_the_same_message_with_its_files(house: House) -> None:
    room = house.room("ben")
    file = share(house, "ben", room, "a.png", PNG)

    first = send(house, "ben", room, file, client_id="once-and-only")
    again = send(house, "ben", room, file, client_id="once-and-only")

    assert again.payload() == first.payload()


def test_a_file_goes_with_one_message_of_its_owner_in_its_room(house: House) -> None:
    room, other = house.room("ben", "cleo"), house.room("ben", "cleo", name="Shed")
    file = share(house, "ben", room, "a.png", PNG)
    last_seq = house.say("ben", room, "before")

    for who, where in (("cleo", room), ("ben", other)):
        with pytest.raises(Invalid, match="not here any more"):
            send(house, who, where, file)
    send(house, "ben", room, file)
    with pytest.raises(Invalid, match="not here any more") as refused:
        send(house, "ben", room, file)
    assert list(refused.value.fields) == ["upload_ids"]  # So a browser knows what to bring once more.
    assert house.say("ben", room, "after") == last_seq + 2  # What was refused took no place.


def test_a_message_takes_twenty_files(house: House) -> None:
    room = house.room("ben")
    files = [share(house, "ben", room, f"{number}.txt", b"x") for number in range(FILES_MAX + 1)]

    with pytest.raises(Invalid, match="up to 20 files"):
        send(house, "ben", room, *files)
    assert len(send(house, "ben", room, *files[:FILES_MAX]).files) == FILES_MAX


def test_a_page_without_files_asks_nothing_of_files_and_one_with_many_asks_once(house: House) -> None:
    room = house.room("ben", "cleo")
    house.say("ben", room, "words")
    cleo = house.actor("cleo")

    def asked() -> list[str]:
        with statements(house) as seen, house.app.app_context():
            payloads(page_before(cleo, room).messages)
        return [statement for statement, _ in seen if "uploads" in statement]

    assert asked() == []
    for number in range(3):
        send(house, "ben", room, share(house, "ben", room, f"{number}.txt", b"x"))
    assert len(asked()) == 1


# The form


def test_the_composers_form_sends_files_and_words_without_a_script(house: House) -> None:
    room = house.room("ben", "cleo")

    reply = post_form(house, "ben", room, ("otter.png", PNG), ("note.txt", b"hi"), body="Both of them")

    assert reply.status_code == 302
    (message,) = house.act(page_before, house.actor("cleo"), room).messages
    page = house.client("cleo").get(f"/rooms/{room}").text
    assert reply.location.endswith(f"/rooms/{room}#message-{message.id}")
    assert "Both of them" in page
    assert 'alt="otter.png"' in page
    assert 'download="note.txt"' in page


def test_the_form_without_a_file_is_a_message_like_any_other(house: House) -> None:
    room = house.room("ben")
    reply = house.client("ben").post(
        f"/rooms/{room}/files",
        {"body": "Just words", "client_id": "form-words", "files": (BytesIO(b""), "")},
        content_type="multipart/form-data",
    )
    assert reply.status_code == 302
    assert [it.body for it in house.act(page_before, house.actor("ben"), room).messages] == ["Just words"]


def test_the_form_sent_twice_is_one_message(house: House) -> None:
    room = house.room("ben")
    for _ in range(2):
        assert post_form(house, "ben", room, ("a.png", PNG), client_id="form-twice").status_code == 302

    (message,) = house.act(page_before, house.actor("ben"), room).messages
    with house.rows() as session:
        assert [it.message_id for it in session.scalars(sa.select(Upload))] == [message.id]


def test_one_file_at_a_time_comes_back_as_the_house_knows_it(house: House) -> None:
    room = house.room("ben")
    browser = house.client("ben")

    reply = browser.post(
        f"/rooms/{room}/uploads", {"files": (BytesIO(PNG), "a.png")}, content_type="multipart/form-data"
    )

    assert reply.json["ok"]
    form = {"body": "", "client_id": "one-by-one", "upload_ids": [reply.json["file"]["id"]]}
    sent = browser.post(f"/rooms/{room}/messages", form, headers={"Accept": "application/json"})
    assert [it["id"] for it in sent.json["message"]["files"]] == [reply.json["file"]["id"]]


def test_a_file_that_is_taken_back_is_gone_and_nobody_elses_can_be(house: House) -> None:
    room = house.room("ben", "cleo")
    file, sent = (share(house, "ben", room, "a.txt", b"x") for _ in range(2))
    send(house, "ben", room, sent)

    for who, upload in (("cleo", file), ("ben", sent)):
        with pytest.raises(NotFound):
            house.act(drop_upload, house.actor(who), upload.id)
    house.act(drop_upload, house.actor("ben"), file.id)

    assert house.client("ben").get(file.url).status_code == 404
    assert house.client("ben").get(sent.url).status_code == 200


# What it is


@pytest.mark.parametrize("name", corpus.POLYGLOTS)
def test_what_is_not_known_is_bytes_to_save(house: House, name: str) -> None:
    try:
        file = share(house, "ben", house.home().id, name, corpus.POLYGLOTS[name])
    except Invalid:
        return  # Nor is it given out.
    reply = house.client("ben").get(file.url)

    assert reply.content_type == OPAQUE
    assert reply.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("name", corpus.DISGUISED)
def test_what_hides_behind_a_picture_is_gone(house: House, name: str) -> None:
    file = share(house, "ben", house.home().id, name, corpus.DISGUISED[name])

    reply = house.client("ben").get(file.url)

    assert reply.content_type.startswith("image/")
    assert b"<script>" not in reply.data


@pytest.mark.parametrize("stated", ["image/jpeg", "text/html", "image/svg+xml", ""])
def test_nobodys_word_for_what_it_is_counts(house: House, stated: str) -> None:
    room = house.room("ben")
    for name, data, found in (("a.png", PNG, "image/png"), ("a.html", corpus.HTML, OPAQUE)):
        form = {"files": (BytesIO(data), name, stated)}
        reply = house.client("ben").post(f"/rooms/{room}/uploads", form, content_type="multipart/form-data")
        assert reply.json["file"]["content_type"] == found


@pytest.mark.parametrize("name", corpus.EVIL_NAMES)
def test_an_evil_name_is_a_harmless_one(house: House, name: str) -> None:
    file = share(house, "ben", house.home().id, name, b"words")
    reply = house.client("ben").get(file.url)

    assert reply.status_code == 200
    value = reply.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+", value)
    shown = unquote(value.partition("''")[2])
    assert shown == file.name == clean_name(name)
    assert 1 <= len(shown) <= 120
    assert not re.search(r"[/\\\x00-\x1f\u202e\"<>]|^\.", shown)
    assert shown.partition(".")[0].lower() not in ("con", "nul")
    assert all(re.fullmatch(r"[0-9a-f]{64}", it.name) for it in on_disk(house))


def test_a_name_with_words_of_many_languages_stays_as_it_is(house: House) -> None:
    for name in ("Großmutter 🦦.txt", "صورة.pdf", "写真 1.zip", "a" * 116 + ".txt"):
        assert clean_name(name) == name
    assert clean_name("x" * 300 + ".tar") == "x" * 116 + ".tar"


# How it is given out


def test_a_picture_is_shown_with_the_headers_that_were_promised(house: House) -> None:
    file = share(house, "ben", house.home().id, "a.png", PNG)
    for url, content_type in ((file.url, "image/png"), (file.thumbnail_url, "image/webp")):
        reply = house.client("ben").get(url)
        assert reply.content_type == content_type
        assert reply.headers["Content-Disposition"] == "inline; filename*=UTF-8''a.png"
        assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert reply.headers["Cache-Control"] == "private, no-cache"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "Last-Modified" not in reply.headers
        assert "ETag" in reply.headers


def test_who_has_it_already_gets_no_bytes_but_only_while_they_may_have_it(house: House) -> None:
    room = house.room("ben", "cleo")
    file = share(house, "ben", room, "a.png", PNG)
    send(house, "ben", room, file)
    cleo = house.client("cleo")
    known = {"If-None-Match": cleo.get(file.url).headers["ETag"]}

    again = cleo.get(file.url, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "private, no-cache"

    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))
    assert cleo.get(file.url, headers=known).status_code == 404


def test_a_film_is_given_out_in_parts(house: House) -> None:
    data = corpus.film(with_places=False)
    file = share(house, "ben", house.home().id, "walk.mp4", data)
    ben = house.client("ben")

    part = ben.get(file.url, headers={"Range": "bytes=4-11"})
    beyond = ben.get(file.url, headers={"Range": f"bytes={len(data) + 5}-"})

    assert (part.status_code, part.data) == (206, b"ftypisom")
    assert part.headers["Content-Range"] == f"bytes 4-11/{len(data)}"
    assert part.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert beyond.status_code == 416


# Who may have it


def test_only_those_in_the_room_have_it_and_only_while_they_are(house: House) -> None:
    room = house.room("ben", "cleo")
    file = share(house, "ben", room, "a.png", PNG)
    urls = [file.url, file.thumbnail_url]
    people = {name: house.client(name) for name in ("ada", "ben", "cleo", "gus")}

    def have_it() -> set[str]:
        return {
            name for name, it in people.items() if [it.get(url).status_code for url in urls] == [200, 200]
        }

    assert have_it() == {"ben"}  # Until a message has it.
    send(house, "ben", room, file)
    assert have_it() == {"ben", "cleo"}
    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))
    assert have_it() == {"ben"}
    assert people["cleo"].get(file.url).status_code == 404
    assert house.client().get(file.url).status_code == 302  # To the door.


def test_it_goes_with_its_message(house: House) -> None:
    room = house.room("ben", "cleo")
    file = share(house, "ben", room, "a.png", PNG)
    message = send(house, "ben", room, file)

    delete_message(house, message.id)

    for name in ("ben", "cleo"):
        assert house.client(name).get(file.url).status_code == 404
        assert house.client(name).get(file.thumbnail_url).status_code == 404
    with house.app.app_context():
        (deleted,) = payloads(page_before(house.actor("cleo"), room).messages)
    assert deleted["files"] == []
    assert file.id not in deleted["html"]


def test_a_newcomer_has_no_file_of_before_their_arrival(house: House) -> None:
    room = house.room("ben", name="Secret", from_arrival=True)
    before = share(house, "ben", room, "before.png", PNG)
    send(house, "ben", room, before)
    house.add("ben", room, "cleo")
    after = share(house, "ben", room, "after.png", PNG)
    send(house, "ben", room, after)

    cleo = house.client("cleo")

    assert [cleo.get(file.url).status_code for file in (before, after)] == [404, 200]


def test_an_id_cannot_be_guessed_and_leads_nowhere_else(house: House) -> None:
    ids = {share(house, "ben", house.home().id, "a.txt", b"x").id for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{24}", it) for it in ids)  # 144 bits.
    ben = house.client("ben")
    for path in ("/uploads", "/uploads/", "/uploads/x", "/uploads/x/y", "/uploads/../homechat.db/x"):
        assert ben.get(path).status_code == 404


def test_who_may_not_write_in_a_room_shares_nothing_there(house: House) -> None:
    room = house.room("ben")
    with pytest.raises(NotFound):
        share(house, "cleo", room, "a.txt", b"x")
    public = house.room("ben", name="Hall", kind=RoomKind.PUBLIC)
    with pytest.raises(Forbidden, match="Join"):
        share(house, "cleo", public, "a.txt", b"x")
    assert on_disk(house) == []


def answers_to(house: House, name: str, file: FileCard, etags: dict[str, str]) -> dict[str, set[int]]:
    """Return what somebody is answered who asks for a file and its small form, with a cookie and with a token."""
    browser, program = house.client(name), Program(house, new_token(house, name)[1])
    doors = {
        file.url: browser.get,
        file.thumbnail_url: browser.get,
        f"/uploads/{file.id}": program.get,
        f"/uploads/{file.id}/thumbnail": program.get,
    }
    answers: dict[str, set[int]] = {}
    for url, get in doors.items():
        known = etags.setdefault(url or "", get(url).headers.get("ETag", ""))
        asked = {
            "whole": {},
            "a part": {"Range": "bytes=0-3"},
            "unless it is known": {"If-None-Match": known},
            "a part of what is known": {"Range": "bytes=0-3", "If-Range": known},
        }
        for what, headers in asked.items():
            answers.setdefault(what, set()).add(get(url, headers=headers).status_code)
    return answers


@pytest.mark.api
def test_each_fetch_through_each_door_asks_whether_one_may(house: House) -> None:
    room = house.room("ben", "cleo")
    file = share(house, "ben", room, "a.png", PNG)
    message = send(house, "ben", room, file)
    etags: dict[str, str] = {}
    may = {"whole": {200}, "a part": {206}, "unless it is known": {304}, "a part of what is known": {206}}
    may_not = {what: {404} for what in may}

    assert answers_to(house, "ben", file, etags) == answers_to(house, "cleo", file, etags) == may
    assert answers_to(house, "ada", file, etags) == may_not, "an admin is not in it"
    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))
    assert answers_to(house, "cleo", file, etags) == may_not
    assert answers_to(house, "ben", file, etags) == may

    house.client("ben").post(f"/messages/{message.id}/delete")

    assert answers_to(house, "ben", file, etags) == may_not, "gone for who wrote it, too"


@pytest.mark.api
def test_a_program_has_what_its_person_may_see(house: House) -> None:
    room, home = house.room("ben"), house.home().id
    mine, everybodys = share(house, "ben", room, "a.png", PNG), share(house, "ben", home, "b.png", PNG)
    send(house, "ben", room, mine)
    send(house, "ben", home, everybodys)
    bens, cleos = (Program(house, new_token(house, name)[1]) for name in ("ben", "cleo"))
    bound = Program(house, new_token(house, "ben", room_ids=[home])[1])
    writes = Program(house, new_token(house, "ben", "messages:write")[1])

    def answers(program: Program) -> list[int]:
        return [program.get(f"/uploads/{file.id}").status_code for file in (mine, everybodys)]

    assert answers(bens) == [200, 200]
    assert answers(cleos) == [404, 200]
    assert answers(bound) == [404, 200]
    assert answers(writes) == [403, 403]
    assert answers(Program(house)) == [401, 401]
    reply = bens.get(f"/uploads/{mine.id}/thumbnail", headers={"Range": "bytes=0-3"})
    assert (reply.status_code, reply.data) == (206, b"RIFF")
    assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert reply.headers["Cache-Control"] == "private, no-cache"
    assert house.client("ben").get(f"/api/v1/uploads/{mine.id}").status_code == 401  # A cookie is no token.


# How much


def test_an_empty_file_and_one_that_is_too_large_are_refused(tight: Any) -> None:
    house = tight(upload_bytes=65_536)
    home = house.home().id
    with pytest.raises(Invalid, match="This file is empty"):
        share(house, "ben", home, "a.txt", b"")
    with pytest.raises(TooLarge):
        share(house, "ben", home, "a.txt", bytes(65_537))
    assert share(house, "ben", home, "a.txt", bytes(65_536)).byte_size == 65_536


def test_nobody_has_more_than_their_share(tight: Any) -> None:
    house = tight(upload_quota_files=10, upload_quota_bytes=1_000_000)
    home = house.home().id
    for number in range(9):
        share(house, "ben", home, f"{number}.txt", bytes(100_000))
    with pytest.raises(NoSpace, match="as many files as fit"):
        share(house, "ben", home, "large.txt", bytes(100_001))
    share(house, "ben", home, "last.txt", b"x")
    with pytest.raises(NoSpace):
        share(house, "ben", home, "one-more.txt", b"x")
    reply = house.client("ben").post(
        f"/rooms/{home}/uploads",
        {"files": (BytesIO(b"x"), "a.txt")},
        content_type="multipart/form-data",
        headers={"Accept": "application/json"},
    )
    assert (reply.status_code, reply.json["code"]) == (507, "no_space")
    share(house, "cleo", home, "hers.txt", bytes(500_000))


def test_on_a_full_disk_no_file_is_taken_and_talk_goes_on(tight: Any) -> None:
    house = tight(disk_free_percent=99)
    home = house.home().id
    with pytest.raises(NoSpace, match="hardly any room"):
        share(house, "ben", home, "a.txt", b"x")
    assert house.say("ben", home, "Still here")


def test_files_of_one_minute_are_limited(house: House) -> None:
    room = house.room("ben")
    browser = house.client("ben")
    token = browser.form_token("/me")

    def hand_in() -> int:
        status: int = browser.client.post(
            f"/rooms/{room}/uploads",
            data={"csrf_token": token, "files": (BytesIO(b"x"), "a.txt")},
            base_url="https://localhost",
            headers={"Referer": "https://localhost/", "Accept": "application/json"},
        ).status_code
        return status

    assert {hand_in() for _ in range(60)} == {200}
    assert hand_in() == 429


# Once on the disk, and gone in time


def test_the_same_bytes_lie_there_once(house: House) -> None:
    home = house.home().id
    for who, name in (("ben", "a.txt"), ("ben", "b.txt"), ("cleo", "c.txt")):
        share(house, who, home, name, b"the same")

    assert len(on_disk(house)) == 1
    (file,) = on_disk(house)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.name == file.name[:2]


def test_what_no_message_takes_is_forgotten_after_a_day_and_its_bytes_a_day_later(house: House) -> None:
    home = house.home().id
    left, sent = (
        share(house, "ben", home, "left.txt", b"left"),
        share(house, "ben", home, "sent.txt", b"sent"),
    )
    send(house, "ben", home, sent)
    ben = house.client("ben")

    with clock.moved(timedelta(hours=23)):
        house.act(forget_uploads)
        assert ben.get(left.url).status_code == 200
    with clock.moved(timedelta(hours=25)):
        house.act(forget_uploads)
        assert ben.get(left.url).status_code == 404
        assert len(on_disk(house)) == 2  # A backup that began before may want it.
    with clock.moved(timedelta(hours=50)):
        assert house.act(forget_uploads) == 1
        assert [it.read_bytes() for it in on_disk(house)] == [b"sent"]
        assert ben.get(sent.url).status_code == 200


def test_the_bytes_of_a_deleted_message_go_after_a_day_unless_another_has_them(house: House) -> None:
    home = house.home().id
    messages = [send(house, "ben", home, share(house, "ben", home, "a.png", PNG)) for _ in range(2)]
    kept = on_disk(house)
    assert len(kept) == 2  # The picture and its small form.

    delete_message(house, messages[0].id)
    house.act(forget_uploads)
    with clock.moved(timedelta(hours=25)):
        house.act(forget_uploads)
        assert on_disk(house) == kept
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 1

    delete_message(house, messages[1].id)
    with clock.moved(timedelta(hours=26)):
        house.act(forget_uploads)
    with clock.moved(timedelta(hours=51)):
        house.act(forget_uploads)
    assert on_disk(house) == []


def test_bytes_that_are_sent_again_in_their_last_minute_stay(house: House) -> None:
    home = house.home().id
    share(house, "ben", home, "a.txt", b"again")
    with clock.moved(timedelta(hours=25)):
        house.act(forget_uploads)
    (file,) = on_disk(house)
    os.utime(file, (0, 0))
    again = share(house, "cleo", home, "b.txt", b"again")
    send(house, "cleo", home, again)

    with clock.moved(timedelta(hours=60)):
        house.act(forget_uploads)
        assert house.client("cleo").get(again.url).data == b"again"


def test_what_a_power_cut_left_behind_is_cleared_away(house: House) -> None:
    share(house, "ben", house.home().id, "a.txt", b"kept")
    orphan = house.data_dir / "uploads" / "ab" / ("ab" + "0" * 62)
    bench = house.data_dir / "uploads" / "incoming" / "left"
    for place in (orphan, bench / "source"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"half")

    house.act(forget_uploads)
    assert orphan.exists()
    assert bench.exists()
    with clock.moved(timedelta(hours=25)):
        house.act(forget_uploads)
    assert not orphan.exists()
    assert not bench.exists()


def test_a_refused_file_leaves_nothing_behind(house: House) -> None:
    for name, data in (("a.png", b"\x89PNG\r\n\x1a\nbroken"), ("a.txt", b"")):
        with pytest.raises(Invalid):
            share(house, "ben", house.home().id, name, data)
    assert on_disk(house) == []
    assert list((house.data_dir / "uploads" / "incoming").iterdir()) == []


def test_a_file_whose_bytes_are_gone_is_not_found(house: House) -> None:
    file = share(house, "ben", house.home().id, "a.txt", b"x")
    on_disk(house)[0].unlink()
    assert house.client("ben").get(file.url).status_code == 404
