"""Recordings keep what one sees and hears, and lose what tells where they were made; or they are refused."""

from __future__ import annotations

import contextlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homechat.errors import Invalid
from homechat.uploads import iso_media, matroska
from homechat.uploads.boxes import CannotCleanError
from tests import corpus
from tests.house import House
from tests.sharing import share


def cleaned(data: bytes, cleaner: object = iso_media) -> bytes:
    file = BytesIO(data)
    cleaner.clean(file)  # type: ignore[attr-defined]
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "content_type"),
    [
        ("walk.mp4", corpus.film(), "video/mp4"),
        ("walk.m4v", corpus.film(brand=b"M4V "), "video/mp4"),
        ("walk.mov", corpus.film(brand=b"qt  "), "video/quicktime"),
        ("song.m4a", corpus.film(brand=b"M4A "), "audio/mp4"),
        ("walk.webm", corpus.webm(), "video/webm"),
        ("live.webm", corpus.webm(live=True), "video/webm"),
    ],
)
def test_no_place_is_left_in_a_film_and_nothing_has_moved(
    house: House, name: str, data: bytes, content_type: str
) -> None:
    assert corpus.CANARY in data

    file = share(house, "ben", house.home().id, name, data)
    reply = house.client("ben").get(file.url)

    assert reply.content_type == content_type
    assert reply.headers["Content-Disposition"].startswith("inline")
    assert corpus.CANARY[:6] not in reply.data
    assert len(reply.data) == len(data)
    assert reply.data.count(b"FRAMES") == data.count(b"FRAMES")
    assert reply.data.index(b"FRAMES") == data.index(b"FRAMES")


def test_a_film_of_any_name_loses_its_places(house: House) -> None:
    file = share(house, "ben", house.home().id, "walk.3gp", corpus.film(brand=b"3gp4"))

    reply = house.client("ben").get(file.url)

    assert reply.content_type == "application/octet-stream"
    assert corpus.CANARY[:6] not in reply.data


def test_boxes_that_say_how_to_play_it_stay_as_they_are() -> None:
    data = corpus.film(with_places=False)
    result = cleaned(data)
    for kind in (
        b"ftyp",
        b"mdat",
        b"moov",
        b"mvhd",
        b"trak",
        b"tkhd",
        b"mdia",
        b"hdlr",
        b"stbl",
        b"stsz",
        b"stco",
    ):
        assert result.index(kind) == data.index(kind)
    for kind in (b"udta", b"meta", b"uuid", b"loci", b"gps ", b"\xa9xyz"):
        assert kind not in result


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.film(fragments=True), id="places in fragments"),
        pytest.param(corpus.film()[:-10], id="cut off"),
        pytest.param(corpus.box(b"ftyp", b"isom", bytes(4)), id="no film"),
        pytest.param(corpus.box(b"ftyp", b"isom", bytes(4)) + corpus.box(b"moov", corpus.HTML), id="words"),
        pytest.param(corpus.box(b"ftyp", b"isom") + b"\0\0\0\4moov" + bytes(8), id="smaller than itself"),
        pytest.param(
            corpus.box(b"moov", corpus.track(2, b"meta", [(0, [2**31] * 3)])), id="samples beyond the end"
        ),
        pytest.param(corpus.box(b"free") * 200_000, id="very many boxes"),
    ],
)
def test_a_film_that_we_do_not_understand_is_refused(house: House, data: bytes) -> None:
    with pytest.raises(CannotCleanError):
        cleaned(data)


def test_boxes_in_boxes_without_end_are_refused() -> None:
    data = b""
    for _ in range(5000):
        data = corpus.box(b"moov", data)
    with pytest.raises(CannotCleanError):
        cleaned(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.webm(track_kind=17), id="subtitles"),
        pytest.param(corpus.webm()[:-10], id="cut off"),
        pytest.param(corpus.element(0x1A45DFA3, b"", length=1), id="no segment"),
        pytest.param(corpus.webm()[:60] + b"\0" * 60, id="zeros"),
    ],
)
def test_a_webm_that_we_do_not_understand_is_refused(data: bytes) -> None:
    with pytest.raises(CannotCleanError):
        cleaned(data, matroska)


def test_the_refusal_is_a_sentence(house: House) -> None:
    with pytest.raises(Invalid, match="where it was made"):
        share(house, "ben", house.home().id, "walk.mp4", corpus.film()[:-10])


@given(st.binary(max_size=300), st.sampled_from([iso_media, matroska]))
def test_no_bytes_at_all_are_more_than_a_refusal(noise: bytes, cleaner: object) -> None:
    whole = corpus.film() if cleaner is iso_media else corpus.webm()
    for data in (noise, whole[:200] + noise, noise.join([whole[:100], whole[100:]])):
        with contextlib.suppress(CannotCleanError):
            assert len(cleaned(data, cleaner)) == len(data)


@pytest.mark.parametrize(
    ("name", "data", "content_type"),
    [
        ("bark.wav", corpus.wav(), "audio/wav"),
        ("song.mp3", b"ID3\x04\0\0\0\0\0\0" + bytes(100), "audio/mpeg"),
        ("song.mp3", b"\xff\xfb\x90\x64" + bytes(413), "audio/mpeg"),
        ("song.flac", b"fLaC" + bytes(100), "audio/flac"),
        ("voice.ogg", b"OggS" + bytes(24) + b"OpusHead" + bytes(50), "audio/ogg"),
    ],
)
def test_sound_is_known_by_its_bytes_and_its_name(
    house: House, name: str, data: bytes, content_type: str
) -> None:
    home = house.home().id
    assert share(house, "ben", home, name, data).content_type == content_type
    assert share(house, "ben", home, "other.txt", data).content_type == "application/octet-stream"
    assert share(house, "ben", home, name, b"just words").content_type == "application/octet-stream"


def test_a_film_that_nothing_here_can_clean_is_refused(house: House) -> None:
    data = b"OggS" + bytes(24) + b"\x80theora" + bytes(50) + corpus.CANARY
    for name in ("film.ogv", "film.ogg", "film.bin"):
        with pytest.raises(Invalid, match="where it was made"):
            share(house, "ben", house.home().id, name, data)


def test_what_is_like_webm_and_is_not_played_is_cleaned_too(house: House) -> None:
    data = corpus.webm().replace(b"\x42\x82\x84webm", b"\x42\x82\x84mkv!", 1)
    assert corpus.CANARY in data  # Guard.
    file = share(house, "ben", house.home().id, "film.mkv", data)
    served = house.client("ben").get(file.url).data
    assert file.content_type == "application/octet-stream"
    assert len(served) == len(data)
    assert corpus.CANARY not in served
