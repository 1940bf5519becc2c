"""Reads QR codes, for tests: from the dark modules back to the text, as ISO/IEC 18004 says. It mends no errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Matrix = list[list[bool]]  # True is dark; rows from the top, without the quiet zone.

QUIET = 4
# Of versions 1 to 10 at level M: data bytes of each block (table 9), and where alignment patterns are (annex E).
BLOCKS = [
    *([16], [28], [44], [32] * 2, [43] * 2, [27] * 4, [31] * 4),
    *([38, 38, 39, 39], [36, 36, 36, 37, 37], [43, 43, 43, 43, 44]),
]
ALIGNMENT = [
    *([], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]),
]
MASKS: list[Callable[[int, int], int]] = [
    lambda y, x: (y + x) % 2,
    lambda y, x: y % 2,
    lambda y, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
]
LEVEL_M = 0b00
BYTES = 0b0100


def without_quiet_zone(modules: Matrix) -> Matrix:
    """Return the code itself. Fails unless it has four light modules on each side."""
    rim = [*modules[:QUIET], *modules[-QUIET:], *(row[:QUIET] + row[-QUIET:] for row in modules)]
    assert not any(any(row) for row in rim), "the quiet zone is not quiet"
    return [row[QUIET:-QUIET] for row in modules[QUIET:-QUIET]]


def text_in(code: Matrix) -> str:
    """Return the text of a code of version 1 to 10 at level M, in bytes."""
    size = len(code)
    version, rest = divmod(size - 17, 4)
    assert rest == 0
    assert 1 <= version <= 10
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        assert is_finder(code, top, left)
    bits = "".join(str(int(bit)) for bit in data_bits(code, version, mask_of(code)))
    sent = [int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)]
    stream = "".join(f"{byte:08b}" for byte in deinterleaved(sent, BLOCKS[version - 1]))
    assert int(stream[:4], 2) == BYTES
    header = 12 if version < 10 else 20
    count = int(stream[4:header], 2)
    return bytes(int(stream[header + 8 * n : header + 8 * n + 8], 2) for n in range(count)).decode()


def is_finder(code: Matrix, top: int, left: int) -> bool:
    return all(
        code[top + y][left + x] == (max(abs(y - 3), abs(x - 3)) != 2) for y in range(7) for x in range(7)
    )


def mask_of(code: Matrix) -> Callable[[int, int], int]:
    """Return the mask, from the format bits beside the finder at the top left."""
    places = [(8, x) for x in (0, 1, 2, 3, 4, 5, 7)] + [(8, 8)] + [(y, 8) for y in (7, 5, 4, 3, 2, 1, 0)]
    bits = int("".join(str(int(code[y][x])) for y, x in places), 2) ^ 0b101010000010010
    assert bits >> 13 == LEVEL_M
    return MASKS[bits >> 10 & 0b111]


def data_bits(code: Matrix, version: int, mask: Callable[[int, int], int]) -> Iterator[bool]:
    """Yield the unmasked bits in the order of their placement: pairs of columns, up and down, from the right."""
    size = len(code)
    columns = [x for x in range(size - 1, 0, -2) if x > 6] + [5, 3, 1]
    for turn, right in enumerate(columns):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        for y in rows:
            for x in (right, right - 1):
                if not is_function(y, x, size, version):
                    yield code[y][x] != (mask(y, x) == 0)


def is_function(y: int, x: int, size: int, version: int) -> bool:
    """Whether a module belongs to a pattern, the format or the version, and not to the data."""
    near, far = 9, size - 8
    if (y < near and (x < near or x >= far)) or (y >= far and x < near) or 6 in (y, x):
        return True
    if version >= 7 and ((y < 6 and x >= size - 11) or (x < 6 and y >= size - 11)):
        return True
    centres = ALIGNMENT[version - 1]
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    return any(
        abs(y - row) <= 2 and abs(x - column) <= 2
        for row in centres
        for column in centres
        if (row, column) not in corners
    )


def deinterleaved(sent: list[int], sizes: list[int]) -> list[int]:
    """Return the data bytes block after block: they were sent in turns, the first of each, then the second."""
    blocks: list[list[int]] = [[] for _ in sizes]
    order = [block for turn in range(max(sizes)) for block, size in enumerate(sizes) if turn < size]
    for byte, block in zip(sent, order, strict=False):
        blocks[block].append(byte)
    return [byte for block in blocks for byte in block]
