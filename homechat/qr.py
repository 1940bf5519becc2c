"""QR codes, made offline."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup, escape


def svg(text: str, label: str) -> Markup:
    """Return `text` as an SVG to put into a page; `label` says to those who do not see it what it is."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, dark="#000", light="#fff"
    )
    drawn = out.getvalue().decode("ascii")
    return Markup(drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))  # noqa: S704  # nosec B704
