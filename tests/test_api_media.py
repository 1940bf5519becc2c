"""Files at the API: sent as programs send them, shown in messages, fetched with the token."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import FrameType
from typing import Any

import pytest

from homechat import offload
from homechat.security.policy import RoomKind
from tests.api_client import Program, app_of, program_of
from tests.corpus import encoded
from tests.house import House

pytestmark = pytest.mark.api


def form(*names: str, field: str = "files[]", **more: str) -> dict[str, Any]:
    return {field: [(BytesIO(encoded("PNG")), name, "image/jpeg") for name in names], **more}


def send(program: Program, room: int, data: dict[str, Any], *, to: str = "media", **more: Any) -> Any:
    kind = "multipart/form-data"
    return program.ask("POST", f"/channels/{room}/{to}", data=data, content_type=kind, **more)


def messages_in(program: Program, room: int) -> list[dict[str, Any]]:
    reply = program.get(f"/messages?channel_id={room}")
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json["messages"]
    return found


@pytest.mark.parametrize("field", ["files[]", "files", "file"])
def test_a_camera_sends_a_picture_and_whoever_is_in_the_room_fetches_it(field: str, house: House) -> None:
    room = house.room("ben", "cleo", name="Front door")

    reply = send(program_of(house, "ben"), room, form("door.png", field=field, caption="Who is this?"))

    assert reply.status_code == 200, reply.text
    (sent,) = reply.json["data"]["files"]
    assert (reply.json["data"]["channel_id"], sent["name"], sent["content_type"]) == (
        room,
        "door.png",
        "image/png",
    )
    cleo = app_of(house, "cleo")
    (message,) = messages_in(cleo, room)
    assert (message["id"], message["content"], message["files"]) == (
        reply.json["data"]["id"],
        "Who is this?",
        [sent],
    )
    address = sent["url"].partition("/api/v1")[2]
    picture = cleo.get(address)
    assert (picture.status_code, picture.mimetype, len(picture.data)) == (
        200,
        "image/png",
        sent["byte_size"],
    )
    assert app_of(house, "ada").get(address).status_code == 404


def test_words_and_files_come_as_one_message(house: House) -> None:
    room = house.room("ben", name="Garden")
    data = form("one.png", "two.png", content="Two of them", title="Tomatoes", sender="Camera")

    reply = send(program_of(house, "ben"), room, data, to="messages")

    assert reply.status_code == 200, reply.text
    message = reply.json["message"]
    assert [file["name"] for file in message["files"]] == ["one.png", "two.png"]
    assert (message["content"], message["title"], message["sender"]) == ("Two of them", "Tomatoes", "Camera")


def test_a_public_room_is_entered_by_sending_to_it(house: House) -> None:
    room = house.room("ben", name="Open", kind=RoomKind.PUBLIC)
    cleo = app_of(house, "cleo")

    assert send(cleo, room, form("a.png")).status_code == 200

    assert cleo.get(f"/channels/{room}").json["channel"]["is_member"] is True


def test_into_others_rooms_nothing_is_sent(house: House) -> None:
    room = house.room("ben", name="Surprise")

    for to in ("media", "messages"):
        assert send(app_of(house, "cleo"), room, form("a.png", content="hi"), to=to).status_code == 404
    assert messages_in(app_of(house, "ben"), room) == []


def test_files_need_a_scope_of_their_own(house: House) -> None:
    room = house.room("ben", name="Garden")
    program = program_of(house, "ben", "messages:write", "messages:read")

    for to in ("media", "messages"):
        reply = send(program, room, form("a.png", content="hi"), to=to)
        assert (reply.status_code, reply.json["scope"]) == (403, "media:write"), to
    assert messages_in(program, room) == []


def test_a_form_without_a_file_is_refused_with_a_sentence(house: House) -> None:
    room = house.room("ben", name="Garden")

    for reply in (
        send(program_of(house, "ben"), room, {"caption": "Nothing"}),
        program_of(house, "ben").post(f"/channels/{room}/media", {"caption": "Nothing"}),
    ):
        assert (reply.status_code, set(reply.json["fields"])) == (422, {"files[]"})


def test_sent_twice_under_one_key_it_is_one_message(house: House) -> None:
    room = house.room("ben", name="Garden")
    program = program_of(house, "ben")
    replies = [
        send(program, room, form("a.png", caption="Once"), headers={"Idempotency-Key": "cam-1"})
        for _ in range(2)
    ]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].json == replies[1].json
    assert len(messages_in(program, room)) == 1

    other = send(program, room, form("b.png", caption="Once"), headers={"Idempotency-Key": "cam-1"})
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")


def test_large_files_are_compared_where_it_holds_up_nobody(house: House) -> None:
    room = house.room("ben", name="Garden")
    program = program_of(house, "ben")
    hashed_here = 0

    def note(frame: FrameType, event: str, called: Any) -> None:
        nonlocal hashed_here
        is_ours = frame.f_code.co_filename.endswith("idempotency.py")
        hashed_here += is_ours and event == "c_call" and called.__name__ == "update"

    data = {"files[]": [(BytesIO(bytes(400_000)), "film.bin")]}
    before = sys.getprofile()
    with ThreadPoolExecutor(1) as elsewhere:
        offload.install(
            lambda function, *args, **kwargs: elsewhere.submit(function, *args, **kwargs).result()
        )
        sys.setprofile(note)
        try:
            reply = send(program, room, data, headers={"Idempotency-Key": "film-1"})
        finally:
            sys.setprofile(before)
            offload.install(None)

    assert reply.status_code == 200, reply.text
    assert hashed_here == 0, "seven pieces, each of them elsewhere"


def test_a_caption_that_is_too_long_is_refused_by_the_name_it_came_under(house: House) -> None:
    reply = send(program_of(house, "ben"), house.home().id, form("a.png", caption="x" * 10_001))
    assert (reply.status_code, list(reply.json["fields"])) == (422, ["caption"])
