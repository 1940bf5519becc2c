"""QR codes for a phone's camera, drawn here: what is in them goes to nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import segno
from markupsafe import Markup

from homechat.offload import in_native_thread

QUIET_ZONE_MODULES = 4  # ISO/IEC 18004, 6.3.8; cameras look for it.
_SVG = Markup(
    '<svg class="qr" role="img" aria-label="{label}" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
    '<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
)


def svg(text: str, *, label: str) -> Markup:
    """Return `text` as a QR code: an inline SVG, dark on light in both themes, to be sized by the class "qr".

    text: up to 2,300 bytes, such as a link.  label: what it is, for those who don't see it.
    Takes 10 ms, off the event loop. Raises ValueError for a text that is too long.
    """
    path, size = in_native_thread(_drawn, text)
    return _SVG.format(label=label, size=size, path=path)


def _drawn(text: str) -> tuple[str, int]:
    """Return the dark modules as an SVG path, and the width of it all in modules."""
    # Level M survives 15 % of damage: a cracked screen, a reflection.
    code = segno.make_qr(text, error="m", boost_error=False)
    path = "".join(
        f"M{start + QUIET_ZONE_MODULES} {y + QUIET_ZONE_MODULES}h{length}v1h-{length}z"
        for y, row in enumerate(code.matrix)
        for start, length in _dark_runs(row)
    )
    return path, len(code.matrix) + 2 * QUIET_ZONE_MODULES


def _dark_runs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where dark modules begin, and how many follow each other."""
    start = None
    for x, is_dark in enumerate([*row, 0]):
        if is_dark and start is None:
            start = x
        elif not is_dark and start is not None:
            yield start, x - start
            start = None
