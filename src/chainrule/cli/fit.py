"""``chainrule fit``: a formula fitted to a table, printed, and kept in files that are asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.cli.common import INTERRUPTED, check_resume, check_writable, mode_of, say_resume
from chainrule.fitting.atomic import write_file
from chainrule.fitting.charts import figure
from chainrule.fitting.checkpoint import parse_duration
from chainrule.fitting.formula.fit import FormulaFit
from chainrule.fitting.formula.fit import fit as fit_formula
from chainrule.fitting.formula.options import assignments
from chainrule.fitting.problem import InputError, problem
from chainrule.fitting.progress import json_line


def fit(
    formula: str, data: str, *, init: Sequence[str], fix: Sequence[str], bounds: Sequence[str],
    out: str | None, report: str | None, plot: str | None, checkpoint: str | None, every: str,
    resume: bool, quiet: bool, as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Fit, print and write; the exit status: 2 for a mistake, 130 after Ctrl-C."""
    files = {"--out": out, "--report": report, "--plot": plot}
    try:
        mode = mode_of(quiet, as_json)
        if os.path.exists(formula) and not os.path.exists(data):
            raise problem(
                "the formula comes first, then the table",
                came=f"chainrule fit {formula} {data!r}",
                fix=f'chainrule fit "{data}" {formula}',
            )
        check_writable(files, [data, checkpoint])
        if plot is not None:
            figure([])  # without matplotlib there is no use in fitting first
        check_resume(resume, checkpoint)
        found = fit_formula(
            formula, data, init=assignments(init, "--init"), fix=assignments(fix, "--fix"),
            bounds=assignments(bounds, "--bounds"), progress=mode, checkpoint=checkpoint,
            every=parse_duration(every), resume=resume, **options,
        )  # fmt: skip
        if not as_json:
            print(f"{_derived(found)}{found}" if not quiet else found)
        written = _write(found, out, report, plot)
    except InputError as error:
        print(f"chainrule fit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("chainrule fit: interrupted before there was a fit; nothing is written", file=sys.stderr)
        return INTERRUPTED
    interrupted = found.stopped == "interrupted"
    if as_json:
        print(json_line({"event": "result", **result(found), "written": written}))
    elif not quiet:
        _say(found, data, written, checkpoint if interrupted else None)
    return INTERRUPTED if interrupted else 0


def _derived(found: FormulaFit) -> str:
    """The derivation of the gradients that the fit follows."""
    from chainrule.explainer.pages import sections, sides
    from chainrule.explainer.unicode import plain

    e = found.gradients
    if e is None:
        return ""
    lines = []
    for _, steps in sections(e):
        for s in steps:
            if s.formula is not None:
                lines.append("  " + plain(" = ".join(sides(e, s.symbol, s.formula))).rstrip())
    what = "The loss of one row" if found.squares else "The formula in one row"
    return f"{what}, and its gradient\n" + "\n".join(lines) + "\n\n"


def _write(found: FormulaFit, out: str | None, report: str | None, plot: str | None) -> list[str]:
    """Write the files that are asked for; their names."""
    steps: list[tuple[str | None, Callable[[str], Any]]] = [
        (out, found.save),
        (report, found.report),
        (plot, lambda path: write_file(path, found.png())),
    ]
    for path, write in steps:
        if path is not None:
            write(path)
    return [path for path, _ in steps if path is not None]


def _say(found: FormulaFit, data: str, written: Sequence[str], checkpoint: str | None) -> None:
    """What was written and what can be done next, on stderr."""
    stem = os.path.splitext(os.path.basename(data))[0]
    if written:
        print("\nWritten: " + ", ".join(written), file=sys.stderr)
    else:
        options = f"--out {stem}.safetensors --report {stem}.html --plot {stem}.png"
        print(f"\nTo keep the model, a report and a picture: {options}", file=sys.stderr)
    if checkpoint is not None:
        say_resume(checkpoint)


def result(found: FormulaFit) -> dict[str, Any]:
    """The fit as JSON has it."""
    return {
        "formula": found.written,
        "params": found.params,
        "errors": found.errors,
        "intervals": found.intervals,
        "confidence": found.confidence,
        "r2": found.r2,
        "rss": found.rss,
        "sd": found.sd,
        "dof": found.dof,
        "loss": found.loss,
        "rows": len(found.residuals),
        "covariance": found.covariance.tolist(),
        "optimizer": found.optimizer,
        "steps": found.steps,
        "stopped": found.stopped,
        "start": found.start,
        "remarks": found.remarks,
    }
