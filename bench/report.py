"""Tables as text, and bench/RESULTS.md."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from .runner import Figure, available

RESULTS = Path(__file__).parent / "RESULTS.md"


class Row(NamedTuple):
    """One workload: the libraries' figures and the ratio that is aimed at."""

    name: str
    threads: int
    figures: dict[str, Figure]
    target: float | None

    @property
    def ratio(self) -> float | None:
        """How many times longer torch takes."""
        if "torch" not in self.figures or "chainrule" not in self.figures:
            return None
        return self.figures["torch"].median / self.figures["chainrule"].median


class Table(NamedTuple):
    name: str
    unit: str
    rows: list[Row]


def text(table: Table) -> str:
    """The table in Markdown."""
    libraries = list(table.rows[0].figures)
    head = ["workload", "threads", *libraries, "ratio", "aim", "losses"]
    lines = [f"### {table.name}: {table.unit}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in table.rows:
        cells = [row.name, str(row.threads)]
        cells += [f"{f.median:.1f} ({min(f.rounds):.1f}–{max(f.rounds):.1f})" for f in row.figures.values()]
        cells += [
            "" if row.ratio is None else f"{row.ratio:.2f}×",
            "" if row.target is None else f"≥ {row.target}×",
        ]
        losses = [f.loss for f in row.figures.values()]
        agree = max(losses) - min(losses) <= 1e-4 * max(1e-3, abs(losses[0]))
        cells.append("equal" if agree else f"differ: {losses}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def machine(packages: tuple[str, ...] = ("numpy", "torch")) -> str:
    """The processor, its cores, and the versions of what was measured."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        name = next(
            (x.split(":")[1].strip() for x in info.read_text().splitlines() if x.startswith("model name")),
            name,
        )
    found = [p for p in packages if available(p)]
    versions = ", ".join(f"{p} {version(p)}" for p in found)
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, {versions}"
    )


def write(tables: dict[str, Table]) -> None:
    """Put the tables into RESULTS.md, in place of those of the same claims."""
    for name, table in tables.items():
        put(name, f"Measured {date.today()} on {machine()}.\n\n{text(table)}")


def put(name: str, section: str) -> None:
    """Put a section into RESULTS.md between its marks, in place of what stood there."""
    old = RESULTS.read_text(encoding="utf8") if RESULTS.exists() else "# Measured figures\n"
    mark = f"<!-- {name} -->"
    block = f"{mark}\n{section}{mark}\n"
    if mark in old:
        before, _, rest = old.partition(mark)
        tail = rest.partition(mark)[2].lstrip("\n")
        old = before + block + (f"\n{tail}" if tail else "")
    else:
        old += "\n" + block
    RESULTS.write_text(old, encoding="utf8")
