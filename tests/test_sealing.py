"""Encrypted streams: what was written comes out again, and nothing else ever does."""

from __future__ import annotations

import io
import os
import random

import pytest

from homechat import written_keys
from homechat.operations.backups import sealing
from homechat.operations.backups.sealing import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    Damaged,
    NoKeyFits,
    NotOurs,
    Opener,
    Sealer,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
TAG = 16
SIZES = [
    0,
    1,
    SEGMENT_BYTES - 1,
    SEGMENT_BYTES,
    SEGMENT_BYTES + 1,
    2 * SEGMENT_BYTES,
    3 * SEGMENT_BYTES + 17,
]


def sealed(plain: bytes, *, pieces: int = 65_537) -> bytes:
    target = io.BytesIO()
    sealer = Sealer(target, KEY)
    for at in range(0, len(plain), pieces):
        sealer.write(plain[at : at + pieces])
    sealer.close()
    return target.getvalue()


def opened(stream: bytes, *keys: bytes) -> bytes:
    return Opener(io.BytesIO(stream), list(keys) or [KEY]).read()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_comes_out_again(size: int) -> None:
    plain = random.Random(size).randbytes(size)
    stream = sealed(plain)

    assert opened(stream) == plain
    segments = max(1, -(-size // SEGMENT_BYTES))
    assert len(stream) == HEADER_BYTES + size + segments * TAG
    assert opened(sealed(plain, pieces=2 * SEGMENT_BYTES + 1)) == plain


def test_it_is_read_in_pieces_of_any_size() -> None:
    plain = random.Random(1).randbytes(SEGMENT_BYTES + 1000)
    opener = Opener(io.BytesIO(sealed(plain)), [OTHER_KEY, KEY])
    pieces = [opener.read(size) for size in (0, 1, 7, SEGMENT_BYTES, 10_000, 5)]
    assert b"".join(pieces) == plain
    assert pieces[-1] == b""


def test_the_same_twice_has_nothing_in_common() -> None:
    plain = b"otters" * 1000
    one, other = sealed(plain), sealed(plain)
    assert one[HEADER_BYTES:] != other[HEADER_BYTES:]
    assert b"otters" not in one


@pytest.mark.parametrize(
    "place", [*range(HEADER_BYTES), HEADER_BYTES, -1, -TAG, HEADER_BYTES + SEGMENT_BYTES + TAG]
)
def test_no_flipped_bit_passes(place: int) -> None:
    stream = bytearray(sealed(b"x" * (SEGMENT_BYTES + 100)))
    stream[place] ^= 1
    with pytest.raises((Damaged, NoKeyFits, NotOurs)):
        opened(bytes(stream))


@pytest.mark.parametrize("size", SIZES)
def test_no_cut_off_end_passes(size: int) -> None:
    stream = sealed(b"x" * size)
    at_segments = range(HEADER_BYTES, len(stream), SEGMENT_BYTES + TAG)
    for length in {0, 1, HEADER_BYTES - 1, HEADER_BYTES + 5, len(stream) - 1, *at_segments}:
        if length < len(stream):
            with pytest.raises((Damaged, NotOurs)):
                opened(stream[:length])


def test_segments_cannot_be_swapped_left_out_doubled_or_added() -> None:
    stream = sealed(os.urandom(3 * SEGMENT_BYTES + 100))
    step = SEGMENT_BYTES + TAG
    header, rest = stream[:HEADER_BYTES], stream[HEADER_BYTES:]
    first, second, third, last = (rest[at : at + step] for at in range(0, len(rest), step))
    orders = [
        [second, first, third, last],
        [first, third, last],
        [first, first, second, third, last],
        [first, second, third, last, last],
        [first, second, third],
        [last],
    ]
    for order in orders:
        with pytest.raises(Damaged):
            opened(header + b"".join(order))
    assert opened(header + first + second + third + last)  # Guard: that is how it is put together.


def test_segments_of_another_stream_do_not_fit() -> None:
    one, other = sealed(b"one" * 100), sealed(b"two" * 100)
    with pytest.raises(Damaged):
        opened(one[:HEADER_BYTES] + other[HEADER_BYTES:])


def test_another_key_is_told_from_damage() -> None:
    with pytest.raises(NoKeyFits):
        opened(sealed(b"hello"), OTHER_KEY)
    with pytest.raises(NoKeyFits):
        Opener(io.BytesIO(sealed(b"hello")), [])
    with pytest.raises(NotOurs):
        opened(b"PK" + b"\0" * 1000)


def test_a_stream_says_which_key_it_is_and_nothing_else_of_it() -> None:
    stream = sealed(b"hello")
    assert sealing.key_id(KEY) in stream
    assert KEY not in stream
    assert sealing.key_id(KEY) != sealing.key_id(OTHER_KEY)


# keys as people write them


def test_a_written_key_is_read_however_it_was_typed() -> None:
    key = written_keys.new_key()
    text = written_keys.written(key)
    groups = text.split("-")
    assert [len(group) for group in groups] == [4] * 14
    misread = text.replace("O", "0").replace("I", "1").replace("B", "8")
    for typed in (text, text.lower(), " ".join(groups), "".join(groups), f"  {text}\n", misread):
        assert written_keys.read(typed) == key


def test_a_slip_of_the_pen_is_noticed() -> None:
    text = written_keys.written(KEY)
    for at, letter in enumerate(text):
        if letter != "-":
            wrong = text[:at] + ("A" if letter != "A" else "C") + text[at + 1 :]
            with pytest.raises(ValueError, match="key"):
                written_keys.read(wrong)
    for wrong in ("", "hello", text[:-1], text + "AAAA", text[5:], "é" * 56):
        with pytest.raises(ValueError, match="key"):
            written_keys.read(wrong)
