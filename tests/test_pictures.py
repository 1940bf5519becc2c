"""Pictures that people share are drawn anew: only what one sees is left, and monsters are turned away."""

from __future__ import annotations

import re
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence, features

from homechat.errors import Invalid
from homechat.uploads.cards import FileCard
from homechat.uploads.kinds import LOCATED, kind_of
from tests import corpus
from tests.house import House
from tests.sharing import send, share

WITH_METADATA: dict[str, Any] = {
    "photo.jpg": corpus.jpeg_with_metadata,
    "drawing.png": corpus.png_with_metadata,
    "wave.gif": corpus.gif_with_metadata,
    "sticker.webp": corpus.webp_with_metadata,
    "moving.webp": corpus.moving_webp,
}
if features.check("avif"):
    WITH_METADATA["new.avif"] = corpus.avif_with_metadata


def fetched(house: House, file: FileCard, who: str = "ben") -> dict[str, bytes]:
    """Return every form in which a file is given out."""
    browser = house.client(who)
    replies = {url: browser.get(url) for url in (file.url, file.thumbnail_url) if url}
    assert {reply.status_code for reply in replies.values()} == {200}
    return {url: reply.data for url, reply in replies.items()}


@pytest.mark.parametrize("name", WITH_METADATA)
def test_nothing_of_what_a_camera_wrote_beside_a_picture_is_given_out(house: House, name: str) -> None:
    data = WITH_METADATA[name]()
    assert corpus.CANARY in data  # Guard: it was there.

    file = share(house, "ben", house.home().id, name, data)

    for url, served in fetched(house, file).items():
        assert corpus.CANARY not in served, url
        image = Image.open(BytesIO(served))
        image.load()
        assert not {"exif", "xmp", "comment", "Comment", "Packed", "photoshop"} & set(image.info), url
        assert dict(image.getexif()) == {}, url


@pytest.mark.parametrize("name", WITH_METADATA)
def test_no_byte_on_the_disk_has_it_either(house: House, name: str) -> None:
    share(house, "ben", house.home().id, name, WITH_METADATA[name]())

    kept = [file for file in (house.data_dir / "uploads").rglob("*") if file.is_file()]

    assert kept
    assert [file for file in kept if corpus.CANARY in file.read_bytes()] == []


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_picture_stands_as_it_was_taken(house: House, orientation: int) -> None:
    upright = {1: (60, 40), 3: (60, 40), 6: (40, 60), 8: (40, 60)}[orientation]
    red_at = {1: (0.25, 0.5), 3: (0.75, 0.5), 6: (0.5, 0.25), 8: (0.5, 0.75)}[orientation]

    file = share(house, "ben", house.home().id, "photo.jpg", corpus.jpeg_with_metadata(orientation))

    assert (file.width, file.height) == upright
    for served in fetched(house, file).values():
        image = Image.open(BytesIO(served)).convert("RGB")
        red, _green, blue = image.getpixel((int(image.width * red_at[0]), int(image.height * red_at[1])))
        assert red > blue


@pytest.mark.parametrize("name", ["wave.gif", "moving.webp"])
def test_what_moves_goes_on_moving(house: House, name: str) -> None:
    file = share(house, "ben", house.home().id, name, WITH_METADATA[name]())

    assert file.thumbnail_url is None  # It would stand still.
    (served,) = fetched(house, file).values()
    image = Image.open(BytesIO(served))
    frames = [
        (frame.convert("RGB").getpixel((10, 10))[0], frame.info["duration"])
        for frame in ImageSequence.Iterator(image)
    ]
    assert [duration for _, duration in frames] == [120, 240]
    assert frames[0][0] > 150 > frames[1][0]
    assert image.info["loop"] == 0


def test_a_large_picture_has_a_small_form(house: House) -> None:
    data = corpus.encoded("JPEG", corpus.picture(2400, 1200))
    file = share(house, "ben", house.home().id, "wide.jpeg", data)

    full, small = (Image.open(BytesIO(served)) for served in fetched(house, file).values())

    assert (full.size, full.format) == ((2400, 1200), "JPEG")
    assert (small.size, small.format) == ((800, 400), "WEBP")


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("RGBA", "WEBP"),
        ("P", "GIF"),
    ],
)
def test_every_way_of_colouring_is_understood(house: House, mode: str, form: str) -> None:
    image = Image.new("I;16", (60, 40)) if mode == "I;16" else corpus.picture(mode=mode)
    file = share(house, "ben", house.home().id, f"picture.{form.lower()}", corpus.encoded(form, image))

    assert (file.width, file.height) == (60, 40)
    assert len(fetched(house, file)) == 2


def test_what_can_be_seen_through_stays_so(house: House) -> None:
    image = corpus.picture(mode="RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    file = share(house, "ben", house.home().id, "hole.png", corpus.encoded("PNG", image))

    for served in fetched(house, file).values():
        assert Image.open(BytesIO(served)).convert("RGBA").getpixel((0, 0))[3] < 64


MONSTERS = {
    "huge.png": corpus.huge_png,
    "packed.png": corpus.png_with_packed_text,
    "long.gif": corpus.long_gif,
    "scans.jpg": corpus.jpeg_of_many_scans,
    "huge.webp": corpus.huge_webp,
    "half.jpg": lambda: corpus.encoded("JPEG", corpus.picture(600, 400))[:800],
    "nothing.png": lambda: b"\x89PNG\r\n\x1a\n",
    "words.gif": lambda: b"GIF89a is how this text begins",
}


@pytest.mark.parametrize("name", MONSTERS)
def test_a_monster_is_turned_away_with_a_sentence(house: House, name: str) -> None:
    data = MONSTERS[name]()

    with pytest.raises(Invalid, match=r"This (moving )?picture"):
        share(house, "ben", house.home().id, name, data)

    left = [file for file in (house.data_dir / "uploads").rglob("*") if file.is_file()]
    assert left == []


def test_the_sentence_says_what_is_wrong(house: House) -> None:
    home = house.home().id
    with pytest.raises(Invalid, match="Up to 40 megapixels"):
        share(house, "ben", home, "huge.png", corpus.huge_png())
    with pytest.raises(Invalid, match="too long to be shared"):
        share(house, "ben", home, "long.gif", corpus.long_gif())
    with pytest.raises(Invalid, match="can't be read"):
        share(house, "ben", home, "words.gif", MONSTERS["words.gif"]())


def test_a_picture_under_the_name_of_another_kind_is_the_picture_that_it_is(house: House) -> None:
    file = share(house, "ben", house.home().id, "camera.png", corpus.jpeg_with_metadata())

    assert (file.name, file.content_type) == ("camera.jpeg", "image/jpeg")
    assert all(corpus.CANARY not in served for served in fetched(house, file).values())


def test_what_is_called_no_picture_is_bytes_to_save_and_tells_no_place_either(house: House) -> None:
    file = share(house, "ben", house.home().id, "photo.html", corpus.jpeg_with_metadata())

    (served,) = fetched(house, file).values()

    assert (file.content_type, file.width) == ("application/octet-stream", None)
    assert corpus.CANARY not in served
    assert Image.open(BytesIO(served)).format == "JPEG"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(corpus.HEIC, r"iPhone picture \(HEIC\)"), (corpus.HEIF, "picture: it tells where it was taken")],
)
def test_a_picture_of_a_kind_that_we_cannot_draw_is_refused_and_its_kind_is_named(
    house: House, data: bytes, kind: str
) -> None:
    """Phones write into these where they were taken."""
    for name in ("IMG_1.heic", "IMG_1.jpg", "IMG_1.bin"):
        with pytest.raises(Invalid, match=f"can't take this kind of {kind}.* screenshot of it"):
            share(house, "ben", house.home().id, name, data)


def test_what_cameras_write_besides_jpeg_is_refused_for_it_tells_where_it_was_taken(house: House) -> None:
    exif = Image.Exif()
    exif[270] = corpus.CANARY.decode()
    tiff = BytesIO()
    Image.new("RGB", (8, 8)).save(tiff, "TIFF", exif=exif)
    heads = (b"MM\0*", b"II+\0", b"IIRO", b"IIU\0", b"FUJIFILMCCD-RAW", b"8BPS", b"\0\0\0\x0cJXL \r\n\x87\n")
    raw = corpus.box(b"ftyp", b"crx ", bytes(4), b"crx ")
    for data in (tiff.getvalue(), raw, *(head + bytes(100) for head in heads)):
        for name in ("IMG_1.tiff", "IMG_1.jpg", "IMG_1.bin"):
            assert kind_of(data) is LOCATED
            with pytest.raises(Invalid, match="where it was taken"):
                share(house, "ben", house.home().id, name, data)


def workers(seen: list[dict[str, str]], is_done: threading.Event) -> None:
    """Note what the kernel says of every program that draws for us, while it does."""
    while not is_done.wait(0.005):
        for children in Path("/proc/self/task").glob("*/children"):
            for process in children.read_text().split():
                try:
                    facts = {
                        it: Path(f"/proc/{process}/{it}").read_text()
                        for it in ("cmdline", "environ", "limits")
                    }
                except OSError:  # It is done already.
                    continue
                if "image_worker" in facts["cmdline"]:
                    seen.append(facts)


def test_the_program_that_draws_knows_nothing_of_ours_and_has_little(house: House) -> None:
    seen: list[dict[str, str]] = []
    is_done = threading.Event()
    watcher = threading.Thread(target=workers, args=(seen, is_done))
    watcher.start()
    try:
        share(house, "ben", house.home().id, "a.png", corpus.encoded("PNG", corpus.picture(1500, 1500)))
    finally:
        is_done.set()
        watcher.join()

    assert {facts["environ"] for facts in seen} == {""}
    limits = seen[-1]["limits"]
    for words in (r"Max address space +536870912 ", r"Max cpu time +10 ", r"Max file size +134217728 "):
        assert re.search(words, limits)


def test_a_message_keeps_the_order_of_its_pictures(house: House) -> None:
    room = house.room("ben", "cleo")
    names = [f"{number}.png" for number in (3, 1, 2)]
    cards = [share(house, "ben", room, name, corpus.encoded("PNG")) for name in names]

    told = send(house, "ben", room, *cards)

    assert [file["name"] for file in told.files] == names
