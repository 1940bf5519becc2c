"""What a file is, by its bytes: nobody's word for it counts, and its name has to agree.

Only what is on this list is ever shown in a page or played there. Everything else is opaque: bytes to save.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from homechat.uploads.names import extension_of

HEAD_BYTES = 4096
OPAQUE_TYPE = "application/octet-stream"


class Group(StrEnum):
    """What is done with a file: pictures are drawn anew, films lose what tells of places, the rest is as it came."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"
    OPAQUE = "opaque"


@dataclass(frozen=True)
class Kind:
    """One kind of file. coder: what draws a picture anew, or takes a film apart."""

    group: Group
    content_type: str
    extensions: frozenset[str] = frozenset()
    coder: str = ""

    def agrees_with(self, name: str) -> bool:
        """Whether a file of this name claims to be of this kind."""
        return extension_of(name) in self.extensions


def _kind(group: Group, content_type: str, extensions: str, coder: str = "") -> Kind:
    return Kind(group, content_type, frozenset(extensions.split()), coder)


OPAQUE = Kind(Group.OPAQUE, OPAQUE_TYPE)
# Phones and cameras write where a picture was taken into these, and we cannot draw them anew.
HEIC = Kind(Group.OPAQUE, OPAQUE_TYPE, coder="heic")  # As iPhones do, and some others.
LOCATED = Kind(Group.OPAQUE, OPAQUE_TYPE, coder="located")

JPEG = _kind(Group.PICTURE, "image/jpeg", "jpg jpeg jpe jfif", "JPEG")
PNG = _kind(Group.PICTURE, "image/png", "png apng", "PNG")
GIF = _kind(Group.PICTURE, "image/gif", "gif", "GIF")
WEBP = _kind(Group.PICTURE, "image/webp", "webp", "WEBP")
# Drawn anew as WebP, which costs a tenth of the work.
AVIF = _kind(Group.PICTURE, "image/webp", "avif", "AVIF")
MP4 = _kind(Group.VIDEO, "video/mp4", "mp4 m4v", "iso")
QUICKTIME = _kind(Group.VIDEO, "video/quicktime", "mov qt", "iso")
M4A = _kind(Group.AUDIO, "audio/mp4", "m4a m4b", "iso")
WEBM = _kind(Group.VIDEO, "video/webm", "webm", "matroska")
# Browsers do not play all of it; it is cleaned all the same.
MATROSKA = Kind(Group.OPAQUE, OPAQUE_TYPE, coder="matroska")
# It may say where it was made, in comments that nothing here takes out.
OGG_VIDEO = Kind(Group.OPAQUE, OPAQUE_TYPE, coder="uncleaned")
OGG = _kind(Group.AUDIO, "audio/ogg", "ogg oga opus")
MP3 = _kind(Group.AUDIO, "audio/mpeg", "mp3")
WAV = _kind(Group.AUDIO, "audio/wav", "wav")
FLAC = _kind(Group.AUDIO, "audio/flac", "flac")

_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"fLaC", FLAC),
    (b"ID3", MP3),
    # TIFF, and what cameras build on it: DNG, NEF, CR2, ARW, ORF, RW2.
    *(
        (start, LOCATED)
        for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
    ),
    (b"FUJIFILMCCD-RAW", LOCATED),
    (b"8BPS", LOCATED),
    # JPEG XL and JPEG 2000, in the container that has room for more than the picture.
    (b"\0\0\0\x0cJXL \r\n\x87\n", LOCATED),
    (b"\0\0\0\x0cjP  \r\n\x87\n", LOCATED),
)
_RIFF = {b"WEBP": WEBP, b"WAVE": WAV}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
# And that of Canon's CR3.
_LOCATED_BRANDS = {b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"crx "}
_AUDIO_BRANDS = {b"M4A ", b"M4B "}
_OLD_QUICKTIME = {b"moov", b"mdat", b"wide", b"pnot"}  # From before files said what they are.
_PICTURES = (JPEG, PNG, GIF, WEBP, AVIF)
# One container, whose brands few programs write as they should.
_NEAR: dict[str, tuple[Kind, ...]] = {"iso": (MP4, QUICKTIME, M4A)}


def kind_of(head: bytes) -> Kind:
    """Return what a file is that begins with `head`: all of it, or its first 4 KiB. OPAQUE where it is not known."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], OPAQUE)
    if head[4:8] == b"ftyp":
        return _iso_kind(head)
    if head[4:8] in _OLD_QUICKTIME:
        return QUICKTIME
    if head.startswith(b"\x1aE\xdf\xa3"):
        return WEBM if b"\x42\x82\x84webm" in head[:64] else MATROSKA
    if head.startswith(b"OggS"):
        return _ogg_kind(head)
    return MP3 if _is_mp3_frame(head) else OPAQUE


def shown_as(kind: Kind, name: str) -> Kind:
    """Return as what a file of this kind and name is served: OPAQUE where the two disagree.

    One kind of picture under the name of another is that picture: cameras write image.jpg above whatever they send, and
    it is drawn anew in any case.
    """
    for candidate in (kind, *_NEAR.get(kind.coder, ())):
        if candidate.agrees_with(name):
            return candidate
    is_called_a_picture = any(picture.agrees_with(name) for picture in _PICTURES)
    return kind if kind.group is Group.PICTURE and is_called_a_picture else OPAQUE


def _iso_kind(head: bytes) -> Kind:
    """By the brands of the box at the beginning (ISO 14496-12, 4.3): the major one, a version, then others."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, size - 3, 4))]
    if _AVIF_BRANDS & {*brands}:
        return AVIF
    if _HEIC_BRANDS & {*brands}:
        return HEIC
    if _LOCATED_BRANDS & {*brands}:
        return LOCATED
    if brands[0] == b"qt  ":
        return QUICKTIME
    return M4A if brands[0] in _AUDIO_BRANDS else MP4


def _ogg_kind(head: bytes) -> Kind:
    if b"\x80theora" in head:
        return OGG_VIDEO
    return OGG if b"OpusHead" in head or b"\x01vorbis" in head or b"Speex  " in head else OPAQUE


def _is_mp3_frame(head: bytes) -> bool:
    """Whether it begins with the header of a frame of layer III, no reserved value in it (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, rate, frequency = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and rate not in (0, 15) and frequency != 3
