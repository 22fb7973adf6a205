"""`python -m bench compiled [names…]`: rounds, tables, RESULTS.md."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from .. import report
from ..runner import available
from . import first_call, peak, rounds, table
from .worker import workload

NAMES = ("quadratic", "mlp64", "mlp784", "regression", "lenet", "ppo", "pinn", "gpt", "lstm")
FIRST = "first_call"
NEEDS = {"torch eager": "torch", "torch.compile": "torch", "jax": "jax", "chainrule": "chainrule"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options that only this claim has."""
    parser.add_argument("names", nargs="*", help=f"with compiled: which of {', '.join((*NAMES, FIRST))}")
    parser.add_argument("--threads", default="1,2", help="with compiled: the numbers of threads, as 1,2")
    parser.add_argument(
        "--no-torch-compile", action="store_true", help="with compiled: leave torch.compile out"
    )
    parser.add_argument("--json", type=Path, help="with compiled: write every figure to this file")


def run(options: argparse.Namespace) -> int:
    """Measure, print and, if asked, write; the exit status is 1 if losses differ or chainrule failed."""
    names = options.names or [*NAMES, FIRST]
    unknown = [n for n in names if n not in (*NAMES, FIRST)]
    if unknown:
        print(f"no workload is called {unknown[0]}; there are {', '.join((*NAMES, FIRST))}", file=sys.stderr)
        return 2
    threads = [int(t) for t in options.threads.split(",")]
    rows = [
        _row(name, t, options.rounds, not options.no_torch_compile)
        for name in names
        if name != FIRST
        for t in threads
    ]
    calls = first_call.measure(options.rounds) if FIRST in names else []
    if calls:
        print(first_call.text(calls), flush=True)
    if options.json:
        options.json.write_text(json.dumps(_plain(rows, calls), indent=1) + "\n", encoding="utf8")
    if options.write:
        _write(rows, calls)
    failures = [f"{r.name}, {r.threads} threads: {why}" for r in rows for why in r.failed]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _row(name: str, threads: int, turns: int, torch_compile: bool) -> table.Row:
    peers = [p for p in workload(name).peers if available(NEEDS[p.split("/")[0]])]
    if not torch_compile:
        peers = [p for p in peers if not p.startswith("torch.compile")]
    print(f"{name}, {threads} thread{'s' * (threads > 1)}: {', '.join(peers)}", file=sys.stderr, flush=True)
    before = peak.measure(threads)
    figures = rounds.measure(name, peers, threads, turns)
    after = peak.measure(threads)  # the clock of a shared machine changes: the better one counts
    made = table.row(name, threads, figures, max(before, after) if before and after else None)
    print(table.text([made]), flush=True)
    print(table.ways([made]), flush=True)
    return made


def _plain(rows: list[table.Row], calls: list[first_call.Call]) -> dict[str, Any]:
    return {
        "machine": _machine(),
        "rows": [table.plain(r) for r in rows],
        "first_call": [c._asdict() for c in calls],
    }


def _machine() -> str:
    return report.machine(("numpy", "torch", "jax", "llvmlite"))


def _write(rows: list[table.Row], calls: list[first_call.Call]) -> None:
    """The rows join those measured before on the same machine; the first calls are a section of their own."""
    machine = _machine()
    if rows:
        every = sorted(table.merged(rows, machine), key=lambda r: (NAMES.index(r.name), r.threads))
        best = {t: max((r.peak or 0 for r in every if r.threads == t), default=0) for t in (1, 2)}
        speeds = ", ".join(f"{p:.0f} GFLOP/s on {t}" for t, p in best.items() if p)
        head = f"Measured until {date.today()} on {machine}; FMA peak (threads): {speeds or 'not measured'}."
        report.put(
            "compiled", f"{head}\n\n### compiled: {table.UNIT}\n\n{table.text(every)}\n{table.ways(every)}"
        )
    if calls:
        head = f"Measured {date.today()} on {machine}."
        report.put("first call", f"{head}\n\n### first call of a compiled step\n\n{first_call.text(calls)}")
