"""WebM (RFC 9559): tags, attachments, chapters and titles are blanked where they stand; nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from homechat.uploads.boxes import CannotCleanError, Counter, length_of, read_at, write_zeros

HEADER, SEGMENT = 0x1A45DFA3, 0x18538067
SEEK_HEAD, INFO, TRACKS, CUES, CLUSTER = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1F43B675
# Where a recording went out live, nobody knew how long a cluster would be: then its content stands among the others.
IN_CLUSTER = frozenset({0xE7, 0xA7, 0xAB, 0xA3, 0xA0})
KEPT = frozenset({SEEK_HEAD, CUES, CLUSTER, *IN_CLUSTER})
# How time is counted, how long, and by which program.
KEPT_OF_INFO = frozenset({0x2AD7B1, 0x4489, 0x4D80, 0x5741})
VOID, TRACK, TRACK_KIND = 0xEC, 0xAE, 0x83
SEEN_OR_HEARD = frozenset({1, 2})


@dataclass(frozen=True)
class Element:
    """One element. end: None where it is not said."""

    kind: int
    start: int
    inside: int
    end: int | None


def clean(file: IO[bytes]) -> None:
    """Blank everything in a film but pictures and sound. Raises CannotCleanError, and leaves it in any state then."""
    _Cleaning(file).run()


class _Cleaning:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._length = length_of(file)
        self._counter = Counter()

    def run(self) -> None:
        header = self._element_at(0, self._length)
        segment = self._element_at(self._end(header), self._length)
        if (header.kind, segment.kind) != (HEADER, SEGMENT):
            raise CannotCleanError
        end = segment.end or self._length
        self._clean_segment(segment.inside, end)
        write_zeros(self._file, end, self._length - end)

    def _clean_segment(self, place: int, end: int) -> None:
        while place < end:
            element = self._element_at(place, end)
            if element.end is None:
                if element.kind != CLUSTER:
                    raise CannotCleanError
                place = element.inside
                continue
            if element.kind == INFO:
                self._clean_info(element)
            elif element.kind == TRACKS:
                self._look_at_tracks(element)
            elif element.kind not in KEPT:
                self._blank(element)
            place = element.end

    def _clean_info(self, info: Element) -> None:
        for element in self._inside(info):
            if element.kind not in KEPT_OF_INFO:
                self._blank(element)

    def _look_at_tracks(self, tracks: Element) -> None:
        """Refuse what is neither seen nor heard: places can be written down as subtitles, too."""
        for track in self._inside(tracks):
            if track.kind != TRACK:
                continue
            for element in self._inside(track):
                size = self._end(element) - element.inside
                if element.kind == TRACK_KIND and (
                    size != 1 or read_at(self._file, element.inside, 1)[0] not in SEEN_OR_HEARD
                ):
                    raise CannotCleanError

    def _inside(self, outer: Element) -> list[Element]:
        elements, place, end = [], outer.inside, self._end(outer)
        while place < end:
            element = self._element_at(place, end)
            elements.append(element)
            place = self._end(element)
        return elements

    def _element_at(self, place: int, end: int) -> Element:
        self._counter.one()
        kind, inside = self._number_at(place, keeps_mark=True)
        size, inside = self._number_at(inside, keeps_mark=False)
        if size is None:
            return Element(kind or 0, place, inside, None)
        if inside + size > end:
            raise CannotCleanError
        return Element(kind or 0, place, inside, inside + size)

    def _number_at(self, place: int, *, keeps_mark: bool) -> tuple[int | None, int]:
        """Return a number of 1 to 8 bytes, whose first bits say how many (RFC 8794, 4), and where it ends.

        None where all its bits are 1: not known.
        """
        first = read_at(self._file, place, 1)[0]
        length = 9 - first.bit_length()
        if length > 8:
            raise CannotCleanError
        number = int.from_bytes(read_at(self._file, place, length), "big")
        if keeps_mark:
            return number, place + length
        number -= 1 << 7 * length
        return (None if number == (1 << 7 * length) - 1 else number), place + length

    def _end(self, element: Element) -> int:
        if element.end is None:
            raise CannotCleanError
        return element.end

    def _blank(self, element: Element) -> None:
        """Make it a Void of the same length, its content zeros."""
        whole = self._end(element) - element.start
        length = min(8, element.inside - element.start - 1)
        size = whole - 1 - length
        write_zeros(self._file, element.start, whole)
        self._file.seek(element.start)
        self._file.write(bytes([VOID]) + ((1 << 7 * length) | size).to_bytes(length, "big"))
