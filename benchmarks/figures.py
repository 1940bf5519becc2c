"""Figures, what is owed, and how both are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One thing that was measured. `line`: under what."""

    line: str
    what: str
    value: float
    unit: str


@dataclass(frozen=True)
class Row:
    """A figure of ours beside the same of others, by name; owed: what is promised and whether it is kept."""

    ours: Figure
    peers: Mapping[str, float]
    owed: str = ""


@dataclass(frozen=True)
class Limit:
    """What is promised of a figure, in its unit: to be less than `below`, or less than a peer's, or `at_least`."""

    below: float | None = None
    below_peer: str = ""
    at_least: float | None = None

    def verdict(self, figure: Figure, peers: Mapping[str, float]) -> str:
        """Return the promise in words, and whether the figure keeps it; nothing of that if the peer is missing."""
        if self.at_least is not None:
            shown = _shown(self.at_least, figure.unit)
            return f"≥ {shown}, {_kept(is_kept=figure.value >= self.at_least)}"
        if self.below is not None:
            return f"< {_shown(self.below, figure.unit)}, {_kept(is_kept=figure.value < self.below)}"
        if self.below_peer not in peers:
            return f"below {self.below_peer}"
        return f"below {self.below_peer}, {_kept(is_kept=figure.value < peers[self.below_peer])}"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` per cent of `values` do not exceed. values: one at least."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def waits(line: str, seconds: Sequence[float], *percents: int, what: str = "") -> list[Figure]:
    """Return these percentiles of how long something took, in milliseconds."""
    prefix = f"{what} " if what else ""
    return [
        Figure(line, f"{prefix}p{percent}", percentile(seconds, percent) * 1e3, "ms") for percent in percents
    ]


def rows(
    ours: Sequence[Figure], others: Mapping[str, Sequence[Figure]], limits: Mapping[tuple[str, str], Limit]
) -> list[Row]:
    """Return our figures, each beside the figure that others have under the same line and name."""
    found = []
    for figure in ours:
        key = (figure.line, figure.what)
        peers = {
            name: other.value for name, theirs in others.items() for other in theirs if _key(other) == key
        }
        owed = limits[key].verdict(figure, peers) if key in limits else ""
        found.append(Row(figure, peers, owed))
    return found


def table(rows: Iterable[Row], peers: Sequence[str], missing: Iterable[str] = ()) -> str:
    """Return the rows as a table in Markdown; after each figure of a peer, how many times theirs ours is."""
    beside = [cell for peer in peers for cell in (peer, f"× {peer}")]
    lines = [["", "", "HomeChat", *beside, "owed"], ["---"] * 2 + ["---:"] * (1 + len(beside)) + ["---"]]
    last = ""
    for row in rows:
        line = row.ours.line if row.ours.line != last else ""
        cells = [line, row.ours.what, _shown(row.ours.value, row.ours.unit)]
        for peer in peers:
            cells += _beside(row, peer, is_missing=peer in missing)
        lines.append([*cells, row.owed])
        last = row.ours.line
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def keep(rows: Iterable[Row], file: Path, **about: Any) -> None:
    """Write the rows as JSON, with what is to be known about the run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {**about, "rows": [asdict(row) for row in rows]}
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _key(figure: Figure) -> tuple[str, str]:
    return figure.line, figure.what


def _kept(*, is_kept: bool) -> str:
    return "met" if is_kept else "missed"


def _beside(row: Row, peer: str, *, is_missing: bool) -> list[str]:
    if is_missing:
        return ["missing", ""]
    if peer not in row.peers:
        return ["", ""]
    value = row.peers[peer]
    return [_shown(value, row.ours.unit), _ratio(row.ours.value, value)]


def _shown(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if theirs else ""
