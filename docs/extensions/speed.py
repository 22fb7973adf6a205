"""Bars of measured speed, read from the tables of bench/RESULTS.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

_LEFT, _BAR, _RIGHT, _ROW, _GROUP = 262, 380, 56, 18, 14
_LIBRARIES = {"torch eager": "PyTorch", "torch.compile": "torch.compile", "jax": "JAX"}


class Speed(NamedTuple):
    """One workload: microseconds per step of each library, medians."""

    workload: str
    threads: int
    us: dict[str, float]


def compiled(text: str) -> list[Speed]:
    """The rows of the table `compiled`.

    >>> table = "<!-- compiled -->\\n| workload | threads | chainrule | jax |\\n|---|---|---|---|\\n"
    >>> compiled(table + "| net | 1 | 2.5 (2.1) loop | — |\\n<!-- compiled -->")
    [Speed(workload='net', threads=1, us={'chainrule': 2.5})]
    """
    table = text.split("<!-- compiled -->")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line[:1] == "|"
    ]
    head = next(row for row in rows if row[0] == "workload")
    found = []
    for row in rows[rows.index(head) + 2 :]:
        if row[0] == "workload":  # the next table
            break
        cells = dict(zip(head, row))
        us = {
            name: float(number[0])
            for name in ("chainrule", *_LIBRARIES)
            if name in cells and (number := re.match(r"[\d.e+]+", cells[name]))
        }
        found.append(Speed(cells["workload"], int(cells["threads"]), us))
    return found


def chart(text: str, threads: int, names: Mapping[str, str]) -> str:
    """An SVG of how many times as fast a compiled step is; `names` says what workloads are called."""
    rows = {row.workload: row for row in compiled(text) if row.threads == threads}
    missing = [name for name in names if name not in rows]
    if missing:
        raise ValueError(f"bench/RESULTS.md has no workload {missing[0]!r}, but {', '.join(rows)}")
    ratios = {
        shown: {
            lib: us / rows[name].us["chainrule"] for lib, us in rows[name].us.items() if lib != "chainrule"
        }
        for name, shown in names.items()
    }
    longest = max(ratio for each in ratios.values() for ratio in each.values())
    unit, parts, y = _BAR / longest, [], 0
    for shown, each in ratios.items():
        y += _GROUP
        parts.append(f'<text x="0" y="{y + 13}" class="workload">{escape(shown)}</text>')
        for library, ratio in each.items():
            parts.append(_bar(y, ratio * unit, _LIBRARIES[library], ratio, tuple(_LIBRARIES).index(library)))
            y += _ROW
    one = _LEFT + unit
    line = f'<line x1="{one:.1f}" x2="{one:.1f}" y1="4" y2="{y + 4}" class="one"/>'
    words = ", ".join(f"{shown}: {_times(each)}" for shown, each in ratios.items())
    size = f'viewBox="0 0 {_LEFT + _BAR + _RIGHT} {y + 8}"'
    return f'<svg {size} role="img" aria-label="{escape(words)}">{"".join(parts)}{line}</svg>'


def _bar(y: float, width: float, library: str, ratio: float, kind: int) -> str:
    return (
        f'<text x="{_LEFT - 8}" y="{y + 13}" class="library">{library}</text>'
        f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="13" class="bar{kind}"/>'
        f'<text x="{_LEFT + width + 5:.1f}" y="{y + 13}" class="ratio">{ratio:.3g}×</text>'
    )


def _times(each: Mapping[str, float]) -> str:
    return " and ".join(f"{ratio:.3g} times as fast as {_LIBRARIES[lib]}" for lib, ratio in each.items())
