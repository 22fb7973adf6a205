"""`python -m bench sklearn [digits table]`: MLPClassifier of chainrule.sklearn against scikit-learn's.

Claim: at equal batch size and epochs at least 5 times as fast, with equal accuracy on rows held out. The same
parameters, random_state, dtype and solver (Adam), each fit in a fresh process: the first fit with nothing
compiled and nothing in the cache, then fits of 1 and of more epochs, whose difference is what an epoch takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date
from importlib.metadata import version
from typing import Any, NamedTuple

from . import report
from .compiled.rounds import environment

AIM = 5.0
LIBRARIES = {"scikit-learn": "sklearn.neural_network", "chainrule": "chainrule.sklearn"}


class Data(NamedTuple):
    """A data set, the epochs of the whole fit, and those more that an epoch's time is taken from."""

    what: str
    whole: int
    more: int


DATA = {
    "digits": Data("digits, 1,437 × 64, 10 classes", 200, 40),
    "table": Data("make_classification, 100,000 × 50, 2 classes", 10, 3),
}


class Row(NamedTuple):
    """What both libraries took, in every round."""

    data: str
    dtype: str
    threads: int
    figures: dict[str, list[dict[str, float]]]

    def median(self, library: str, what: str) -> float:
        return statistics.median(f[what] for f in self.figures[library])

    def ratio(self, what: str) -> float:
        """How many times longer scikit-learn takes."""
        return self.median("scikit-learn", what) / self.median("chainrule", what)


def run(options: argparse.Namespace) -> int:
    """Measure, print and, if asked, write."""
    names = options.names or list(DATA)
    unknown = [n for n in names if n not in DATA]
    if unknown:
        print(f"no data set is called {unknown[0]}; there are {', '.join(DATA)}", file=sys.stderr)
        return 2
    rows = [
        _row(name, dtype, threads, options.rounds)
        for name in names
        for dtype in ("float32", "float64")
        for threads in map(int, options.threads.split(","))
    ]
    if options.write:
        machine = f"{report.machine(('numpy', 'llvmlite'))}, scikit-learn {version('scikit-learn')}"
        report.put("sklearn", f"Measured {date.today()} on {machine}.\n\n### {TITLE}\n\n{text(rows)}")
    return 0


TITLE = (
    "sklearn: MLPClassifier(random_state=0) of scikit-learn and of chainrule.sklearn; ratio = times longer"
)


def text(rows: list[Row]) -> str:
    """The table in Markdown: medians, and of an epoch the shortest and the longest too."""
    head = ["data", "dtype", "threads", "epoch, scikit-learn (ms)", "epoch, chainrule (ms)", "ratio", "aim"]
    head += ["first fit, scikit-learn (s)", "chainrule, compiling (s)", "chainrule, later fits (s)"]
    head += ["ratio of the first fit", "of later fits", "accuracy"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for r in rows:
        cells = [f"{DATA[r.data].what}, {DATA[r.data].whole} epochs", r.dtype, str(r.threads)]
        for library in LIBRARIES:
            each = [f["epoch"] * 1e3 for f in r.figures[library]]
            cells.append(f"{statistics.median(each):.2f} ({min(each):.2f}–{max(each):.2f})")
        cells += [f"{r.ratio('epoch'):.2f}×", f"≥ {AIM}×", f"{r.median('scikit-learn', 'first'):.2f}"]
        cells += [f"{r.median('chainrule', what):.2f}" for what in ("first", "later")]
        cells += [f"{r.ratio('first'):.2f}×", f"{r.ratio('later'):.2f}×"]
        found = [f"{r.median(library, 'accuracy'):.4f}" for library in LIBRARIES]
        cells.append(found[0] if found[0] == found[1] else " and ".join(found))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _row(name: str, dtype: str, threads: int, rounds: int) -> Row:
    figures: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
    for _ in range(rounds):  # in turn: a slow spell of the machine hits both
        for library in LIBRARIES:
            figures[library].append(_one(library, name, dtype, threads))
    made = Row(name, dtype, threads, figures)
    print(text([made]), flush=True)
    return made


def _one(library: str, name: str, dtype: str, threads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        env = {**environment(threads), "CHAINRULE_CACHE": cache}
        command = [sys.executable, "-m", "bench.estimators", library, name, dtype]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{library} failed on {name}:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _data(name: str, dtype: str) -> list[Any]:
    from sklearn.datasets import load_digits, make_classification
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    if name == "digits":
        x, y = load_digits(return_X_y=True)
        x = x / 16
    else:
        x, y = make_classification(120_000, 50, n_informative=20, random_state=0)
        x = StandardScaler().fit_transform(x)
    held = 360 if name == "digits" else 20_000
    parts: list[Any] = train_test_split(x.astype(dtype), y, test_size=held, random_state=0, stratify=y)
    return parts


def measure(library: str, name: str, dtype: str) -> dict[str, float]:
    """In this process: seconds of the first fit, a later one and an epoch; accuracy on held-out rows."""
    import importlib

    kind = importlib.import_module(LIBRARIES[library]).MLPClassifier
    x, held_x, y, held_y = _data(name, dtype)
    warnings.simplefilter("ignore")  # too few epochs to converge in

    def seconds(epochs: int) -> tuple[float, Any]:
        model = kind(random_state=0, max_iter=epochs, tol=0.0, n_iter_no_change=10_000)
        began = time.perf_counter()
        model.fit(x, y)
        return time.perf_counter() - began, model

    data = DATA[name]
    first, model = seconds(data.whole)
    later = first if library == "scikit-learn" else seconds(data.whole)[0]
    one = min(seconds(1)[0] for _ in range(3))
    many = min(seconds(1 + data.more)[0] for _ in range(3))
    return {
        "first": first,
        "later": later,
        "epoch": (many - one) / data.more,
        "accuracy": float(model.score(held_x, held_y)),
    }


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
