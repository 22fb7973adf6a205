"""``chainrule train``: a network trained on a table, measured, and kept in a model file."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from chainrule.cli.common import INTERRUPTED, check_resume, check_writable, mode_of, names_of, say_resume
from chainrule.fitting.checkpoint import parse_duration
from chainrule.fitting.model_file import load_model
from chainrule.fitting.problem import InputError, problem
from chainrule.fitting.progress import json_line
from chainrule.fitting.table.fit import TableFit, fit_table


def train(
    data: str, target: str, *, hidden: str, drop: Sequence[str], category: Sequence[str], out: str | None,
    report: str | None, checkpoint: str | None, every: str, resume: bool, quiet: bool, as_json: bool,
    **options: Any,
) -> int:  # fmt: skip
    """Train, print and write; the exit status: 2 for a mistake, 130 after Ctrl-C."""
    try:
        mode = mode_of(quiet, as_json)
        check_resume(resume, checkpoint)
        model_file = out or _default_name(data)
        check_writable({"--out": model_file, "--report": report, "--checkpoint": checkpoint}, [data])
        found = fit_table(
            data, target, hidden=_widths(hidden), drop=names_of(drop), categories=names_of(category),
            progress=mode, checkpoint=checkpoint, every=parse_duration(every), resume=resume, **options,
        )  # fmt: skip
        replaced = os.path.exists(model_file)
        found.save(model_file)
        if report is not None:
            found.report(report)
    except InputError as error:
        print(f"chainrule train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("chainrule train: interrupted before there was a model; nothing is written", file=sys.stderr)
        return INTERRUPTED
    written = [model_file] if report is None else [model_file, report]
    interrupted = found.stopped == "interrupted"
    if as_json:
        print(json_line({"event": "result", **result(found), "written": written}))
    else:
        print(found)
    if not quiet and not as_json:
        _say(model_file, replaced, report, checkpoint if interrupted else None, interrupted)
    return INTERRUPTED if interrupted else 0


def _default_name(data: str) -> str:
    """The data's name with .safetensors, in this folder; only a model of ours is replaced unasked."""
    path = os.path.splitext(os.path.basename(data))[0] + ".safetensors"
    if os.path.exists(path):
        try:
            load_model(path, ["table"])
        except InputError:
            raise problem(
                f"{path} is there, and is no model of a table",
                fix=f"--out OTHER.safetensors, or --out {path} to replace it",
                file=path,
            ) from None
    return path


def _widths(text: str) -> tuple[int, ...]:
    """Widths from "64,64"; none from "" or "none"."""
    if text.strip().lower() in ("", "none", "0"):
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise problem(
            "--hidden: no widths of layers", came=repr(text), expected="64,64 or 32; none for a linear model"
        ) from None


def _say(
    model_file: str, replaced: bool, report: str | None, checkpoint: str | None, interrupted: bool
) -> None:
    """What was written and what can be done next, on stderr."""
    files = [f"{model_file}{' (replaced)' if replaced else ''}", *([report] if report else [])]
    print(f"\nWritten: {', '.join(files)}", file=sys.stderr)
    if checkpoint is not None:
        say_resume(checkpoint)
    elif interrupted:
        print("It holds the best epoch so far; with --checkpoint a run can be resumed", file=sys.stderr)
    else:
        print(f"Next: chainrule predict {model_file} NEW.csv -o predicted.csv", file=sys.stderr)


def result(found: TableFit) -> dict[str, Any]:
    """The run as JSON has it."""
    goal = found.schema.target
    more = (
        {}
        if goal.task == "regression"
        else {"classes": goal.classes, "confusion": found.confusion().tolist()}
    )
    return {
            "target": goal.name, "task": goal.task, "rows": found.rows, "measured_on": found.held_out,
            "metrics": found.metrics, "baseline": found.baseline, "importance": found.importance,
            "lr": found.lr, "rates": found.rates, "epochs": len(found.history),
            "best_epoch": found.best_epoch, "stopped": found.stopped, "remarks": found.remarks, **more,
    }  # fmt: skip
