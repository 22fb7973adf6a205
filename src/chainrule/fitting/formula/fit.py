"""fit(): a formula and data in, parameters with their errors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..history import History
from ..problem import problem
from ..progress import Mode, Progress
from . import options
from .data import Data, data_for
from .losses import loss as loss_of
from .model import Model
from .result import FormulaFit, FormulaModel, model_from
from .search import OPTIMIZERS, Run, search
from .singular import no_value
from .squares import Squares
from .starts import Start, start

Array = np.ndarray[Any, Any]
__all__ = ["FormulaFit", "FormulaModel", "fit", "model_from"]


def fit(
    formula: str, data: Any, *, init: Mapping[str, Any] | None = None, fix: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None, loss: str = "mse", optimizer: str = "lm",
    lr: float | None = None, epochs: int | None = None, batch_size: int | None = None, seed: int = 0,
    confidence: float = 0.95, progress: Mode = "quiet", checkpoint: Any = None, every: float = 30.0,
    resume: bool = False,
) -> FormulaFit:  # fmt: skip
    """Fit a formula such as "y = w1*x**2 + w2*x + b" to data: its names that are no columns are parameters.

    minimises (1/n) Σᵢ ρ(f(xᵢ; θ) - yᵢ), ρ(r) = r² by default. `data` is a file (CSV, TSV, Parquet, NumPy), a
    dict of columns, a DataFrame, or a structured array. Derivatives are exact; computations are in float64.

    init, fix, bounds  values by parameter: where to start, what to hold, and (low, high) with None for open
    loss               mse, half-sum, sum, huber or huber:δ, mae, log-cosh
    optimizer          lm (Levenberg–Marquardt), lbfgs, sgd, momentum, rmsprop, adam
    lr, batch_size     of sgd, momentum, rmsprop and adam: 0.01, and 32 rows
    epochs             1000 for these, 2000 steps for lm and lbfgs
    seed               of the order of batches, and of start points that are looked for
    confidence         of the intervals, by Student's t
    progress           what is shown on the way: quiet, auto, rich, plain, json
    checkpoint         a file that is written every so many seconds, and gone on from with resume=True

    Raises InputError for what is wrong with the formula, the data or an option, in words.

    >>> found = fit("y = w*x + b", {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.1, 2.9, 5.1, 6.9]})
    >>> {name: round(value, 6) for name, value in found.params.items()}
    {'w': 1.96, 'b': 1.06}
    >>> round(found.errors["w"], 6), round(found.r2, 6)
    (0.056569, 0.998337)

    Source: Levenberg–Marquardt as in MINPACK's lmder (Moré 1978); intervals as in NIST's StRD.
    """
    given = data_for(formula, data)
    model = Model(given.parts)
    held = options.numbers(fix, "fix", model.parameters)
    first = options.numbers(init, "init", model.parameters)
    lower, upper = options.bounds(bounds, model.parameters)
    _both(first, held)
    free = np.array([n not in held for n in model.parameters], bool)
    squares = Squares(model, given.columns, given.target, loss_of(loss), held)
    _checked(squares, given, optimizer, confidence, lr, epochs, batch_size)
    lower, upper = lower[free], upper[free]
    _inside(squares, first, held, bounds, lower, upper)
    run = Run(
        optimizer, lr or 0.01, int(epochs) if epochs else (2000 if optimizer in ("lm", "lbfgs") else 1000),
        int(batch_size or 32), seed, History(), None, Checkpoint(checkpoint, every) if checkpoint else None,
        resume, {"formula": formula, "data": _fingerprint(given), "loss": loss, "fix": held},
    )  # fmt: skip
    total = None if optimizer in ("lm", "lbfgs") else run.epochs
    with np.errstate(all="ignore"), Progress(progress, title="fit", total=total) as run.progress:
        began = start(squares, first, lower, upper, seed)
        _defined(squares, began, given)
        found = search(squares, began.p, lower, upper, run)
        return FormulaFit(given, squares, found, began, run, lower, upper, confidence)


def _both(first: Mapping[str, float], held: Mapping[str, float]) -> None:
    for name in first:
        if name in held:
            raise problem(f"{name} is given a start value and held", fix=f"leave out init or fix of {name}")


def _checked(
    squares: Squares, given: Data, optimizer: str, confidence: float, lr: float | None,
    epochs: int | None, batch_size: int | None,
) -> None:  # fmt: skip
    if not squares.names:
        raise problem("all parameters are held: nothing is left to fit", fix="leave out one of fix")
    if optimizer not in OPTIMIZERS:
        raise problem("there is no such optimizer", came=repr(optimizer), expected=", ".join(OPTIMIZERS))
    if optimizer in ("lm", "lbfgs") and not lr is batch_size is None:
        name = "lr" if lr is not None else "batch_size"
        raise problem(
            f"{name} is not for {optimizer}, which takes all rows at once and finds its own steps",
            fix=f"leave {name} out, or choose sgd, momentum, rmsprop or adam",
        )
    if not 0 < confidence < 1:
        raise problem("confidence must lie between 0 and 1", came=str(confidence), expected="such as 0.95")
    for name, value in (("lr", lr), ("epochs", epochs), ("batch_size", batch_size)):
        if value is not None and not (value > 0 and np.isfinite(value)):
            raise problem(f"{name} must be positive", came=str(value))
        if value is not None and name != "lr" and int(value) != value:
            raise problem(f"{name} must be a whole number", came=str(value))
    rows, k = len(given.target), len(squares.names)
    if rows < k:
        raise problem(
            f"{given.table.source}: {rows} row{'s are' if rows > 1 else ' is'} too few for {k} parameters "
            f"({', '.join(squares.names)})",
            expected=f"{k} rows at least, and more to know how sure the parameters are",
            fix="hold some parameters (fix), or add rows",
        )


def _inside(
    squares: Squares, first: Mapping[str, float], held: Mapping[str, float], bounds: Any, lower: Array,
    upper: Array,
) -> None:  # fmt: skip
    """Start values lie within their bounds; held parameters have none."""
    for name in held:
        if name in (bounds or {}):
            raise problem(f"{name} is held and has bounds", fix=f"leave out fix or bounds of {name}")
    for i, name in enumerate(squares.names):
        if name in first and not lower[i] <= first[name] <= upper[i]:
            raise problem(
                f"the start value of {name} lies outside its bounds",
                came=f"{first[name]:g}",
                expected=f"from {lower[i]:g} to {upper[i]:g}",
            )


def _defined(squares: Squares, began: Start, given: Data) -> None:
    """Refuse a start point at which the formula or its derivative has no value in some row."""
    if squares.linear(began.p).finite:
        return
    whole = squares.whole(began.p)
    with np.errstate(all="ignore"):
        value, jacobian = squares.model.jacobian(whole, squares.data)
    bad, what = np.flatnonzero(~np.isfinite(value)), "formula"
    if not len(bad):
        what = "formula's derivative"
        bad = np.flatnonzero(~np.isfinite(jacobian).all(1))
    if not len(bad):  # every number is finite, their squares are not
        raise problem(
            f"the squares of the residuals are too large for float64 at the start point ({began.words})",
            came=f"a value of {np.max(np.abs(value)):.3g} and a derivative of {np.max(np.abs(jacobian)):.3g}",
            expected="numbers below 1e150",
            fix="give another start (--init name=value), or columns in other units",
        )
    row = int(bad[0])
    here = {n: float(given.columns[n][row]) for n in squares.model.columns}
    here |= dict(zip(squares.model.parameters, whole.tolist()))
    raise no_value(
        given.parts.right,
        here,
        given.table,
        row,
        f"the {what} has no value at the start point ({began.words})",
        "give a start where every row has one (--init name=value), or bounds that keep to one",
    )


def _fingerprint(given: Data) -> str:
    """What tells these data from others, for a checkpoint."""
    import hashlib

    found = hashlib.sha256()
    for a in (*given.columns.values(), given.target):
        found.update(np.ascontiguousarray(a).tobytes())
    return found.hexdigest()[:16]
