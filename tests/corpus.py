"""Files that people share, and files that nobody should: made here, byte by byte, none of anybody's else."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image, PngImagePlugin

CANARY = b"CANARY-48.2082N-16.3738E"
LEFT, RIGHT = (200, 30, 30), (30, 30, 200)
GPS_IFD, ORIENTATION, DESCRIPTION = 0x8825, 0x0112, 0x010E
SCRIPT = b"<script>document.title='owned'</script>"
HTML = b"<!doctype html><html><body>" + SCRIPT + b"</body></html>"
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'owned\'">'
    + SCRIPT
)
SVG += b"</svg>"


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height))
    return image.convert(mode)


def encoded(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = BytesIO()
    (image or picture()).save(out, form, **options)
    return out.getvalue()


def exif(orientation: int = 6) -> Image.Exif:
    """Return what a telephone writes beside a picture: which way is up, and where it was taken."""
    told = Image.Exif()
    told[ORIENTATION] = orientation
    told[DESCRIPTION] = CANARY.decode()
    told.get_ifd(GPS_IFD)[29] = CANARY.decode()
    return told


def jpeg_with_metadata(orientation: int = 6) -> bytes:
    """A JPEG with a canary in EXIF and its GPS part, XMP, IPTC and a comment."""
    plain = encoded("JPEG", exif=exif(orientation), quality=95)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + CANARY + b"</x:xmpmeta>"
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0" + bytes([len(CANARY)]) + CANARY
    segments = [(0xE1, xmp), (0xED, iptc), (0xFE, CANARY)]
    inserted = b"".join(
        b"\xff" + bytes([kind]) + struct.pack(">H", len(it) + 2) + it for kind, it in segments
    )
    return plain[:2] + inserted + plain[2:] + CANARY


def png_with_metadata() -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", CANARY.decode())
    told.add_text("Packed", CANARY.decode(), zip=True)
    told.add_itxt("XML:com.adobe.xmp", CANARY.decode())
    return encoded("PNG", pnginfo=told, exif=exif(1).tobytes()) + CANARY


def gif_with_metadata() -> bytes:
    frames = [picture(), picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    plain = encoded(
        "GIF", frames[0], save_all=True, append_images=frames[1:], duration=[120, 240], loop=0, comment=CANARY
    )
    assert CANARY in plain
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes([len(CANARY)]) + CANARY + b"\0"
    return plain[:-1] + xmp + b"\x3b" + CANARY


def webp_with_metadata() -> bytes:
    return encoded("WEBP", exif=exif(1).tobytes(), xmp=CANARY)


def moving_webp() -> bytes:
    frames = [picture(), picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    more = {"save_all": True, "append_images": frames[1:], "duration": [120, 240], "loop": 0}
    return encoded("WEBP", frames[0], exif=exif(1).tobytes(), xmp=CANARY, **more)


def avif_with_metadata() -> bytes:
    return encoded("AVIF", exif=exif(1).tobytes(), xmp=CANARY)


# Monsters


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(side: int = 13_000) -> bytes:
    """A picture of 169 megapixels in 20 kB."""
    row = bytes(1 + (side + 7) // 8)
    packed = zlib.compress(row * side, 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def png_with_packed_text(megabytes: int = 100) -> bytes:
    text = b"Comment\0\1\0\0\0" + zlib.compress(bytes(megabytes * 1_000_000), 9)
    plain = encoded("PNG")
    return plain[:33] + chunk(b"iTXt", text) + plain[33:]


def long_gif(frames: int = 30_000) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 1000, 1000, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def jpeg_of_many_scans(scans: int = 10_000) -> bytes:
    plain = encoded("JPEG", picture(2000, 2000), progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:last] + plain[last:-2] * scans + b"\xff\xd9"


def huge_webp() -> bytes:
    bits = 16382 | 16382 << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(64)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


# Films


def box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def track(number: int, handler: bytes, chunks: list[tuple[int, list[int]]]) -> bytes:
    """Return a track. chunks: where each begins in the file, and how long its samples are."""
    sizes = [size for _, samples in chunks for size in samples]
    stsc = b"".join(
        struct.pack(">III", at, len(samples), 1) for at, (_, samples) in enumerate(chunks, start=1)
    )
    table = box(
        b"stbl",
        box(
            b"stsd", bytes(4), struct.pack(">I", 1), box(b"mebx" if handler == b"meta" else b"avc1", bytes(8))
        ),
        box(b"stsc", bytes(4), struct.pack(">I", len(chunks)), stsc),
        box(b"stsz", bytes(4), struct.pack(">II", 0, len(sizes)), struct.pack(f">{len(sizes)}I", *sizes)),
        box(b"stco", bytes(4), struct.pack(f">{len(chunks) + 1}I", len(chunks), *(at for at, _ in chunks))),
    )
    media = box(
        b"mdia", box(b"mdhd", bytes(24)), box(b"hdlr", bytes(8), handler, bytes(13)), box(b"minf", table)
    )
    return box(
        b"trak", box(b"tkhd", bytes(12), struct.pack(">I", number), bytes(68)), media, box(b"udta", CANARY)
    )


def film(*, brand: bytes = b"isom", with_places: bool = True, fragments: bool = False) -> bytes:
    """Return an MP4 with a canary wherever places are written; its pictures are the word FRAMES, twice."""
    head = box(b"ftyp", brand, bytes(4), brand, b"mp42")
    frames, places = b"FRAMES", CANARY[:10]
    data_at = len(head) + 8
    data = box(b"mdat", frames, places, frames, places)
    seen = [(data_at, [3, 3]), (data_at + 16, [6])]
    told = [(data_at + 6, [4, 6]), (data_at + 22, [10])]
    tracks = [track(1, b"vide", seen)] + ([track(2, b"meta", told)] if with_places else [])
    location = box(b"\xa9xyz", struct.pack(">HH", len(CANARY), 0x15C7), CANARY)
    places_of_film = [
        box(b"udta", location, box(b"loci", CANARY), box(b"meta", CANARY)),
        box(b"meta", box(b"keys", CANARY), box(b"ilst", CANARY)),
        box(b"gps ", CANARY),
        box(b"uuid", bytes(16), CANARY),
    ]
    moov = box(b"moov", box(b"mvhd", bytes(100)), *tracks, *places_of_film)
    tail = [box(b"moof", box(b"mfhd", bytes(8)))] if fragments else []
    return head + data + moov + b"".join(tail) + box(b"uuid", bytes(16), CANARY) + box(b"free", CANARY)


def element(kind: int, content: bytes, *, length: int = 8) -> bytes:
    name = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    return name + ((1 << 7 * length) | len(content)).to_bytes(length, "big") + content


def webm(*, track_kind: int = 1, live: bool = False) -> bytes:
    """Return a WebM with a canary in its tags, title and attachments; its pictures are the word FRAMES."""
    head = element(0x1A45DFA3, element(0x4282, b"webm", length=1), length=1)
    info = element(
        0x1549A966, element(0x2AD7B1, b"\x0f\x42\x40", length=1) + element(0x7BA9, CANARY, length=1)
    )
    tracks = element(0x1654AE6B, element(0xAE, element(0x83, bytes([track_kind]), length=1)))
    block = element(0xA3, b"FRAMES", length=1)
    cluster = b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + block if live else element(0x1F43B675, block)
    tags = element(0x1254C367, CANARY) + element(0x1941A469, CANARY, length=2)
    inside = info + tracks + cluster + tags
    segment = b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + inside if live else element(0x18538067, inside)
    return head + segment


def wav() -> bytes:
    samples = bytes(800)
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


HEIC = box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic") + box(b"meta", CANARY)
HEIF = box(b"ftyp", b"mif1", bytes(4), b"mif1", b"unci") + box(b"meta", CANARY)

# What claims to be something else. None of it may ever run anything in our origin.
POLYGLOTS: dict[str, bytes] = {
    "page.html": HTML,
    "page.htm": HTML,
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>'
    + SCRIPT
    + b"</body></html>",
    "drawing.svg": SVG,
    "drawing.png": SVG,
    "drawing.jpg": SVG,
    "drawing.webp": SVG,
    "drawing.xml": SVG,
    "page.png": HTML,
    "page.jpg": HTML,
    "page.gif": HTML,
    "page.mp4": HTML,
    "page.mp3": HTML,
    "page.pdf": HTML,
    "page.txt": HTML,
    "page": HTML,
    "script.js": b"document.title='owned'",
    "script.mjs": b"document.title='owned'",
    "script.png": b"document.title='owned'",
    "style.css": b"@import 'https://elsewhere.example'; body { color: red }",
    "paper.pdf": b"%PDF-1.4\n" + HTML,
    "paper.png": b"%PDF-1.4\n" + HTML,
    "paper.html": b"%PDF-1.4\n" + HTML,
    "picture.html": encoded("PNG") + HTML,
    "picture.svg": encoded("JPEG") + SVG,
    "comment.gif.html": b"GIF89a" + HTML,
    "app.js": b"GIF89a/*" + bytes(20) + b"*/=1;document.title='owned'",
    "sound.html": b"ID3\x04\0\0\0\0\0\0" + HTML,
    "film.html": box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"moov", HTML),
    "pack.zip": b"PK\3\4" + HTML,
    "pack.jar": b"PK\3\4" + HTML,
    "page.mht": b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + HTML,
    "page.shtml": HTML,
    "page.php": b"<?php echo 1 ?>" + HTML,
    "list.csv": b"=cmd|'/c calc'!A1\n" + HTML,
    "data.json": b'{"a": "' + HTML + b'"}',
    "utf16.html": HTML.decode().encode("utf-16"),
    "utf7.html": b"+ADw-script+AD4-document.title='owned'+ADw-/script+AD4-",
    "mask.ico": b"\0\0\1\0" + HTML,
    "notes.rtf": b"{\\rtf1 " + HTML,
    "raw.bmp": b"BM" + HTML,
}
# Shown, for they are what they say; what is hidden behind them is gone or never looked at.
DISGUISED: dict[str, bytes] = {
    "tail.png": encoded("PNG") + HTML,
    "tail.jpg": encoded("JPEG") + HTML,
    "tail.gif": encoded("GIF") + HTML,
    "tail.webp": encoded("WEBP") + HTML,
}
EVIL_NAMES = (
    *("../../etc/passwd", "..\\..\\boot.ini", "a\0b.txt", "a\r\nSet-Cookie: x=1.txt", "x" * 300 + ".txt"),
    *(
        "photo\u202egpj.exe",
        "CON",
        "nul.txt",
        ".hidden",
        "%2e%2e%2fx",
        "...",
        "",
        " ",
        'a"; filename="b.html',
    ),
    *("a/b/c.txt", "\ud800.txt", "Großmutter 🦦.txt", "thumbnail", "a?b#c.txt", "<script>.txt"),
)
