"""``chainrule predict``: what a model file says of the rows of a table."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from chainrule.cli.common import INTERRUPTED, check_writable, names_of
from chainrule.fitting.load import load_fit
from chainrule.fitting.problem import InputError, problem
from chainrule.fitting.progress import json_line
from chainrule.fitting.table.predict import predict_file


def predict(
    model: str, data: str, *, out: str | None, proba: bool, keep: Sequence[str], quiet: bool, as_json: bool
) -> int:
    """Predict and write; the exit status: 2 for a mistake, 130 after Ctrl-C (nothing is written then)."""
    to_stdout = out is None or out == "-"
    try:
        if as_json and to_stdout:
            raise problem(
                "--json and predictions on stdout would mix", fix="write them to a file: -o out.csv"
            )
        if not to_stdout:
            check_writable({"-o": out}, [model, data])
        names = names_of(keep)
        found = predict_file(
            load_fit(model), data, sys.stdout if to_stdout else out or "", proba=proba, keep=names
        )
        sys.stdout.flush()
    except InputError as error:
        print(f"chainrule predict: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("chainrule predict: interrupted", file=sys.stderr)
        return INTERRUPTED
    if as_json:
        facts = {
            "rows": found.rows,
            "unknown": found.unknown,
            "missing": found.missing,
            "ignored": found.ignored,
        }
        print(json_line({"event": "result", **facts, "written": [out]}))
    elif not quiet:
        for remark in found.remarks():
            print(remark, file=sys.stderr)
        if not to_stdout:
            print(f"Written: {out} ({found.rows:,} rows)", file=sys.stderr)
    return 0
