"""What of a person's files counts: what is stored for them and not deleted, whoever comes at the same moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from homechat import clock
from homechat.database import transaction
from homechat.errors import NoSpace
from homechat.messages.changes import delete_message
from homechat.uploads.actions import drop_upload, forget_uploads
from homechat.uploads.queries import used_by
from tests.api_client import Program, program_of
from tests.conftest import close
from tests.devices import wait_until
from tests.house import House, copy_house
from tests.sharing import post_form, send, share

QUOTA_BYTES = 1_000_000
MUCH = 600_000


@pytest.fixture
def tight(cast_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A house in which one person's files have little room."""
    house = House(copy_house(cast_folder, tmp_path / "tight"), upload_quota_bytes=QUOTA_BYTES)
    yield house
    close(house)


def used(house: House, name: str) -> tuple[int, int]:
    found = house.act(used_by, house.id_of(name))
    return found.files, found.byte_size


def stored(house: House) -> list[Path]:
    """Return the files that are kept, without what is on its way."""
    return [it for it in (house.data_dir / "uploads").rglob("*") if re.fullmatch(r"[0-9a-f]{64}", it.name)]


def test_what_is_taken_back_counts_no_more(tight: House) -> None:
    home = tight.home().id
    file = share(tight, "ben", home, "a.txt", bytes(MUCH))
    assert used(tight, "ben") == (1, MUCH)

    tight.act(drop_upload, tight.actor("ben"), file.id)

    assert used(tight, "ben") == (0, 0)
    share(tight, "ben", home, "b.txt", bytes(MUCH))


def test_who_shares_and_takes_back_all_day_fills_no_disk(tight: House) -> None:
    home, ben = tight.home().id, tight.actor("ben")
    for number in range(3):
        file = share(tight, "ben", home, "a.txt", bytes([number]) * MUCH)
        tight.act(drop_upload, ben, file.id)

    with pytest.raises(NoSpace, match="free tomorrow"):
        share(tight, "ben", home, "a.txt", b"x" * MUCH)

    share(tight, "ben", home, "small.txt", b"x")
    share(tight, "cleo", home, "hers.txt", b"x" * MUCH)
    with clock.moved(timedelta(hours=25)):
        tight.act(forget_uploads)
        share(tight, "ben", home, "a.txt", b"x" * MUCH)


def test_the_files_of_a_deleted_message_count_no_more_from_that_moment(tight: House) -> None:
    home = tight.home().id
    message = send(tight, "ben", home, share(tight, "ben", home, "a.txt", bytes(MUCH)))
    with pytest.raises(NoSpace, match="Delete messages"):
        share(tight, "ben", home, "b.txt", b"b" * MUCH)

    tight.act(delete_message, tight.actor("ben"), message_id=message.id)

    assert used(tight, "ben") == (0, 0)
    share(tight, "ben", home, "b.txt", b"b" * MUCH)


def test_what_is_refused_takes_no_room_on_the_disk(tight: House) -> None:
    home = tight.home().id
    share(tight, "ben", home, "a.txt", bytes(MUCH))
    for number in range(5):
        with pytest.raises(NoSpace):
            share(tight, "ben", home, "b.txt", bytes([number + 1]) * MUCH)

    assert used(tight, "ben") == (1, MUCH)
    assert len(stored(tight)) == 1


def test_of_two_that_come_at_once_one_has_the_last_room_and_the_other_leaves_nothing(tight: House) -> None:
    home = tight.home().id
    with ThreadPoolExecutor(2) as hands:
        with tight.rows(), transaction():  # Both have looked for room, and neither can write.
            sent = [
                hands.submit(share, tight, "ben", home, "a.txt", bytes([number]) * MUCH) for number in (1, 2)
            ]
            assert wait_until(lambda: len(stored(tight)) == 2)
        errors = [it.exception(20) for it in sent]

    assert sorted(type(error).__name__ for error in errors) == ["NoSpace", "NoneType"]
    assert used(tight, "ben") == (1, MUCH)
    assert len(stored(tight)) == 1


def test_what_is_refused_takes_nobody_elses_bytes_away(tight: House) -> None:
    home = tight.home().id
    share(tight, "ben", home, "a.txt", bytes(MUCH))
    hers = share(tight, "cleo", home, "b.txt", b"b" * MUCH)
    with pytest.raises(NoSpace):
        share(tight, "ben", home, "b.txt", b"b" * MUCH)
    send(tight, "cleo", home, hers)
    assert tight.client("ben").get(hers.url).data == b"b" * MUCH


def test_a_form_of_which_one_file_is_refused_leaves_none_of_the_others(house: House) -> None:
    room, broken = house.room("ben"), b"\x89PNG\r\n\x1a\nbroken"

    reply = post_form(house, "ben", room, ("a.txt", b"words"), ("b.txt", b"more"), ("c.png", broken))

    assert reply.status_code == 422
    assert used(house, "ben") == (0, 0)


@pytest.mark.api
def test_nor_does_one_whose_message_is_refused(house: House) -> None:
    room = house.room("ben")
    form = {"files[]": (BytesIO(b"words"), "a.txt"), "content": "x", "reply_to": "12345"}
    reply = program_of(house, "ben").ask(
        "POST", f"/channels/{room}/messages", data=form, content_type="multipart/form-data"
    )
    assert reply.status_code == 409, reply.text
    assert used(house, "ben") == (0, 0)


def test_the_files_of_a_persons_bots_are_among_theirs(tight: House) -> None:
    home = tight.home().id
    bots = [program_of(tight, "ben", as_bot=True, called=name) for name in ("Lights", "Doors")]
    for name in ("lights", "doors"):
        tight.add("ben", home, name)

    def post(program: Program, size: int) -> int:
        form = {"files[]": (BytesIO(bytes(size)), "a.bin")}
        path, kind = f"/channels/{home}/media", "multipart/form-data"
        return int(program.ask("POST", path, data=form, content_type=kind).status_code)

    assert [post(bots[0], 400_000), post(bots[1], 400_000)] == [200, 200]
    assert used(tight, "ben") == (2, 800_000)
    assert post(bots[1], 400_000) == 507
    with pytest.raises(NoSpace):
        share(tight, "ben", home, "b.txt", b"b" * MUCH)
    share(tight, "cleo", home, "hers.txt", b"x" * MUCH)
