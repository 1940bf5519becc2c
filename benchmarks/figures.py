"""Figures, and how they are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One thing that was measured. `line`: under what; `owed`: what docs promise, or nothing."""

    line: str
    what: str
    value: float
    unit: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Row:
    """A figure of ours beside those of others, by name."""

    ours: Figure
    peers: dict[str, float]
    owed: str = ""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` per cent of `values` do not exceed. values: one at least."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def table(rows: Iterable[Row], peers: Sequence[str]) -> str:
    """Return the rows as a table in Markdown; beside each figure of others, how many times theirs ours is."""
    head = ["", "", "HomeChat", *peers, "owed"]
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 3) + ["---"]]
    last = ""
    for row in rows:
        cells = [
            row.ours.line if row.ours.line != last else "",
            row.ours.what,
            _shown(row.ours.value, row.ours.unit),
        ]
        for peer in peers:
            value = row.peers.get(peer)
            cells.append(
                "" if value is None else f"{_shown(value, row.ours.unit)} (× {_ratio(row.ours.value, value)})"
            )
        lines.append([*cells, row.owed])
        last = row.ours.line
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def keep(rows: Iterable[Row], file: Path) -> None:
    """Write the rows as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def _shown(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.1f}" if theirs else "∞"
