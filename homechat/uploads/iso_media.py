"""MP4, M4A and QuickTime (ISO 14496-12): what is no picture and no sound is blanked where it stands.

Nothing moves, so that all offsets stay true. It goes by a list of what may stay: `udta`, `meta`, `uuid`, `loci`, a
camera's own boxes and whatever we have never heard of become empty `free` boxes. Tracks that are neither seen nor heard
are emptied with all that belongs to them in `mdat`: telephones write a place for each second into such.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from homechat.uploads.boxes import CannotCleanError, Counter, length_of, read_at, write_zeros

DEPTH_MAX = 8
SAMPLES_MAX = 200_000
CONTAINERS = frozenset(b"moov mdia minf stbl edts dinf mvex moof traf mfra".split())
KEPT = frozenset(
    b"ftyp styp mdat sidx ssix mvhd iods mehd trex leva tkhd mdhd hdlr elng vmhd smhd dref elst tapt load "
    b"stsd stts ctts cslg stsc stsz stz2 stco co64 stss stps stsh stdp sdtp padb subs sgpd sbgp saiz saio "
    b"mfhd tfhd tfdt trun tfra mfro".split()
)
PADDING = frozenset(b"free skip wide".split())
SEEN_OR_HEARD = frozenset(b"vide soun".split())


@dataclass(frozen=True)
class Box:
    """One box. start: of its header.  inside: where its content begins.  end: where the next one does."""

    kind: bytes
    start: int
    inside: int
    end: int


def clean(file: IO[bytes]) -> None:
    """Blank everything in a film but pictures and sound. Raises CannotCleanError, and leaves it in any state then."""
    cleaning = _Cleaning(file)
    cleaning.walk(0, length_of(file))
    if not cleaning.has_film or (cleaning.has_fragments and cleaning.has_emptied):
        raise CannotCleanError


class _Cleaning:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._length = length_of(file)
        self._counter = Counter()
        self._emptied_bytes = 0
        self.has_film = False
        self.has_fragments = False
        self.has_emptied = False

    def walk(self, start: int, end: int, depth: int = 0) -> None:
        if depth > DEPTH_MAX:
            raise CannotCleanError
        for box in self._boxes(start, end):
            self.has_film |= box.kind == b"moov"
            self.has_fragments |= box.kind == b"moof"
            if box.kind == b"trak":
                self._clean_track(box, depth)
            elif box.kind in CONTAINERS:
                self.walk(box.inside, box.end, depth + 1)
            elif box.kind not in KEPT:
                self._blank(box)

    def _boxes(self, start: int, end: int) -> list[Box]:
        boxes = []
        while end - start >= 8:
            self._counter.one()
            box = self._box_at(start, end)
            boxes.append(box)
            start = box.end
        # Nothing stands in so few bytes, but something could be written.
        write_zeros(self._file, start, end - start)
        return boxes

    def _box_at(self, start: int, end: int) -> Box:
        size, kind = struct.unpack(">I4s", read_at(self._file, start, 8))
        inside = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", read_at(self._file, inside, 8))
            inside += 8
        elif size == 0:
            size = end - start
        if start + size > end or start + size < inside:
            raise CannotCleanError
        return Box(kind, start, inside, start + size)

    def _blank(self, box: Box) -> None:
        if box.kind not in PADDING:
            self._file.seek(box.start + 4)
            self._file.write(b"free")
        write_zeros(self._file, box.inside, box.end - box.inside)

    def _clean_track(self, track: Box, depth: int) -> None:
        if self._handler_of(track) in SEEN_OR_HEARD:
            self.walk(track.inside, track.end, depth + 1)
            return
        self.has_emptied = True
        self._empty_samples(track)
        self._blank(track)

    def _handler_of(self, track: Box) -> bytes:
        handler = self._find(track, b"mdia", b"hdlr")
        return read_at(self._file, handler.inside + 8, 4) if handler else b""

    def _find(self, box: Box, *path: bytes) -> Box | None:
        for kind in path:
            inner = [it for it in self._boxes(box.inside, box.end) if it.kind == kind]
            if not inner:
                return None
            box = inner[0]
        return box

    def _empty_samples(self, track: Box) -> None:
        """Overwrite all that a track has in `mdat` (14496-12, 8.7): its chunks, as long as the samples in each."""
        table = self._find(track, b"mdia", b"minf", b"stbl")
        if table is None:
            return
        places, runs, sizes = self._places(table), self._runs(table), self._sizes(table)
        sample, count = 0, 0
        for number, place in enumerate(places, start=1):
            while runs and runs[0][0] <= number:
                count = runs.pop(0)[1]
            size = sum(sizes[sample : sample + count])
            sample += count
            self._emptied_bytes += size
            if place + size > self._length or self._emptied_bytes > self._length:
                raise CannotCleanError
            write_zeros(self._file, place, size)

    def _places(self, table: Box) -> tuple[int, ...]:
        for kind, form in ((b"stco", "I"), (b"co64", "Q")):
            if box := self._find(table, kind):
                return self._numbers(box, form, per_entry=1)
        return ()

    def _runs(self, table: Box) -> list[tuple[int, int]]:
        """Return from which chunk on there are how many samples in each."""
        box = self._find(table, b"stsc")
        numbers = self._numbers(box, "I", per_entry=3) if box else ()
        if len(numbers) > 3000:
            raise CannotCleanError
        return list(zip(numbers[::3], numbers[1::3], strict=True))

    def _sizes(self, table: Box) -> list[int]:
        box = self._find(table, b"stsz")
        if box is None:
            if self._find(table, b"stz2"):
                raise CannotCleanError
            return []
        same, count = struct.unpack(">II", read_at(self._file, box.inside + 4, 8))
        if count > SAMPLES_MAX:
            raise CannotCleanError
        if same:
            return [same] * count
        return list(struct.unpack(f">{count}I", read_at(self._file, box.inside + 12, 4 * count)))

    def _numbers(self, box: Box, form: str, *, per_entry: int) -> tuple[int, ...]:
        (count,) = struct.unpack(">I", read_at(self._file, box.inside + 4, 4))
        if count > SAMPLES_MAX:
            raise CannotCleanError
        count *= per_entry
        data = read_at(self._file, box.inside + 8, count * struct.calcsize(f">{form}"))
        return struct.unpack(f">{count}{form}", data)
