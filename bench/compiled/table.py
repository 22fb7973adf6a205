"""Rows, verdicts and the tables of RESULTS.md."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from .rounds import Figure, differing
from .worker import workload
from .workload import Aim

STORE = Path(__file__).parent / "results.json"
UNIT = "µs per training step, median of rounds (least of all); the fastest way of each library"
LIBRARIES = ("chainrule", "torch eager", "torch.compile", "jax")


class Row(NamedTuple):
    """One workload on some threads: every peer's figure, who found other losses, the FMA peak in GFLOP/s."""

    name: str
    threads: int
    figures: dict[str, Figure]
    differing: list[str]
    peak: float | None
    day: str

    @property
    def failed(self) -> list[str]:
        """Why this row is not to be believed; a peer that could not run is only named in the table."""
        said = [f"{p}: other losses" for p in self.differing]
        return said + [
            f"{p}: {f.error}" for p, f in self.figures.items() if f.error and p.startswith("chainrule")
        ]


def row(name: str, threads: int, figures: dict[str, Figure], peak: float | None) -> Row:
    return Row(name, threads, figures, differing(name, figures), peak, str(date.today()))


def fastest(figures: dict[str, Figure], names: str) -> str | None:
    """The quickest peer of `names` ("a|b"; each with all its variants)."""
    wanted = names.split("|")
    found = [
        p for p, f in figures.items() if f.rounds and any(p == n or p.startswith(n + "/") for n in wanted)
    ]
    return min(found, key=lambda p: figures[p].median, default=None)


def measured(row: Row, aim: Aim) -> float | None:
    """The ratio (or share of the peak) that the aim speaks of."""
    ours = fastest(row.figures, aim.ours)
    if ours is None:
        return None
    us = row.figures[ours].median
    if aim.theirs == "peak":
        flops = workload(row.name).flops
        return flops / us / 1e3 / row.peak if flops and row.peak else None
    theirs = fastest(row.figures, aim.theirs)
    return row.figures[theirs].median / us if theirs else None


def verdict(row: Row, aim: Aim, value: float | None) -> str:
    if row.differing:
        return "fail: losses differ"
    if value is None:
        return "not measured"
    ours = fastest(row.figures, aim.ours)
    note = row.figures[ours].note if ours else ""
    return ("ok" if value >= aim.factor else "miss") + (f" ({note.split(':')[0]})" if note else "")


def text(rows: list[Row]) -> str:
    """Two tables: the figures, then the aims."""
    head = ["workload", "threads", *LIBRARIES, "× eager", "× compile", "× JAX", "GFLOP/s", "losses"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for r in rows:
        best = {x: fastest(r.figures, x) for x in LIBRARIES}
        ratios = [measured(r, Aim(r.threads, x, 0)) for x in LIBRARIES[1:]]
        lines.append(
            "| " + " | ".join([
                workload(r.name).claim, str(r.threads), *(_cell(r, x, peer) for x, peer in best.items()),
                *("" if x is None else f"{x:.3g}×" for x in ratios), _speed(r),
                "agree" if not r.differing else "differ: " + ", ".join(r.differing),
            ]) + " |"
        )  # fmt: skip
    aims = [(r, a) for r in rows for a in workload(r.name).aims if a.threads == r.threads]
    if aims:
        lines += ["", "| workload | threads | aim | measured | met |", "|---|---|---|---|---|"]
    for r, aim in aims:
        value = measured(r, aim)
        share = aim.theirs == "peak"
        goal = (
            f"{aim.ours} ≥ {aim.factor:.0%} of the FMA peak"
            if share
            else f"{aim.ours} ≥ {aim.factor:g}× {_or(aim)}"
        )
        shown = "" if value is None else f"{value:.0%}" if share else f"{value:.3g}×"
        lines.append(f"| {r.name} | {r.threads} | {goal} | {shown} | {verdict(r, aim, value)} |")
    return "\n".join(lines) + "\n"


def ways(rows: list[Row]) -> str:
    """Every way of every library, and why one failed."""
    lines = [
        "| workload | threads | way | µs/step: median (least) | CPU µs/step (busy cores) | |",
        "|---" * 6 + "|",
    ]
    for r in rows:
        for peer, f in r.figures.items():
            figure = f"{_us(f.median)} ({_us(f.least)})" if f.rounds else ""
            busy = f"{_us(f.cpu)} ({f.cores:.2f})" if f.rounds else ""
            lines.append(
                f"| {r.name} | {r.threads} | {peer} | {figure} | {busy} | {_safe(f.error or f.note)} |"
            )
    return "\n".join(lines) + "\n"


def _us(x: float) -> str:
    return f"{x:.{1 if x >= 10 else 2 if x >= 1 else 4}f}"


def _safe(text: str) -> str:
    return text.replace("|", "/")


def _or(aim: Aim) -> str:
    names = aim.theirs.split("|")
    return names[0] if len(names) == 1 else "the best of " + ", ".join(names)


def _cell(row: Row, library: str, peer: str | None) -> str:
    """Median (least) of a library's best way, and which that is; or why there is none."""
    if peer is None:
        said = [f.error for p, f in row.figures.items() if p.split("/")[0] == library and f.error]
        return "failed: " + _safe(said[0]) if said else "—"
    f = row.figures[peer]
    way = f.note.split(":")[0] or "/".join(peer.split("/")[1:])
    return f"{_us(f.median)} ({_us(f.least)})" + (f" {way}" if way else "")


def _speed(row: Row) -> str:
    flops, ours = workload(row.name).flops, fastest(row.figures, "chainrule")
    if not flops or not ours:
        return ""
    speed = flops / row.figures[ours].median / 1e3
    return f"{speed:.0f}" + (f" of {row.peak:.0f}" if row.peak else "")


def merged(rows: list[Row], machine: str) -> list[Row]:
    """Keep these rows in results.json beside earlier ones of the same machine; all of them."""
    kept: dict[str, Any] = json.loads(STORE.read_text(encoding="utf8")) if STORE.exists() else {}
    old = kept["rows"] if kept.get("machine") == machine else {}
    old |= {f"{r.name}@{r.threads}": plain(r) for r in rows}
    STORE.write_text(json.dumps({"machine": machine, "rows": old}, indent=1) + "\n", encoding="utf8")
    return [Row(**(r | {"figures": {p: Figure(**f) for p, f in r["figures"].items()}})) for r in old.values()]


def plain(row: Row) -> dict[str, Any]:
    """The row as JSON can hold it."""
    return row._asdict() | {"figures": {p: f._asdict() for p, f in row.figures.items()}}
