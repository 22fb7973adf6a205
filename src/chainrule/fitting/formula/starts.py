"""Where a fit begins when nobody says: linear parameters solved for, the others looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .lm import Tolerances, minimise
from .squares import Squares

Array = np.ndarray[Any, Any]
_DRAWS, _TRIED, _ROWS = 100, 6, 2000


class Start(NamedTuple):
    """A start point, and in words how it was found."""

    p: Array
    words: str


def start(problem: Squares, given: Mapping[str, float], lower: Array, upper: Array, seed: int = 0) -> Start:
    """A start point: `given` values stay, linear parameters are solved for, the others are looked for."""
    names = problem.names
    ones = np.clip(np.array([given.get(n, 1.0) for n in names], float), lower, upper)
    if all(n in given for n in names):
        return Start(ones, "as given")
    flags = dict(zip(problem.model.parameters, problem.model.linear()))
    linear = np.array([flags[n] and n not in given for n in names], bool)
    few = _thinned(problem)
    others = "1 for every other parameter" if given else "1 for every parameter"
    if linear.all():  # one minimum, which every start leads to
        return Start(ones, others)
    open_ = ~linear & np.array([n not in given for n in names], bool)
    rng = np.random.default_rng(seed)
    draws = [ones, *(_drawn(few, ones, open_, lower, upper, rng) for _ in range(_DRAWS))]
    points = [_solved(few, p, linear, lower, upper) for p in draws]
    losses = np.array([few.loss(p) for p in points])
    order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
    chosen = dict.fromkeys([0, *order[:_TRIED].tolist()])
    ends = []
    for i in chosen:
        if np.isfinite(losses[i]):
            found = minimise(few, points[i], lower, upper, Tolerances(1e-8, 1e-8, 1e-12, 60))
            if np.isfinite(found.linear.loss):
                ends.append((found.linear.loss, i, points[i]))
    if not ends:
        return Start(ones, others)
    best = min(e[0] for e in ends)
    _, i, p = next(e for e in ends if e[0] <= best * (1 + 1e-6))  # the first of equals: 1 if it is as good
    solved = ", the linear ones solved for" if linear.any() else ""
    words = others if i == 0 else f"the best of {_DRAWS} seeded draws"
    return Start(p, words + solved)


def _thinned(problem: Squares) -> Squares:
    """The same problem with so many rows at the most, evenly chosen."""
    n = len(problem.target)
    if n <= _ROWS:
        return problem
    rows = np.linspace(0, n - 1, _ROWS).astype(int)
    data = {name: problem.data[name][rows] for name in problem.model.columns}
    return Squares(problem.model, data, problem.target[rows], problem.of, problem.fixed)


def _solved(problem: Squares, p: Array, linear: Array, lower: Array, upper: Array) -> Array:
    """The point with its linear parameters at their least squares, the others as they are."""
    if not linear.any():
        return p
    zero = np.where(linear, 0.0, p)
    with np.errstate(all="ignore"):
        value, jacobian = problem.model.jacobian(problem.whole(zero), problem.data)
    a, b = jacobian[:, problem.free][:, linear], problem.target - value
    scale = np.linalg.norm(a, axis=0) if np.isfinite(a).all() else np.zeros(1)
    if not np.isfinite(b).all() or not np.all(scale > 0) or not np.isfinite(scale).all():
        return p
    out = p.copy()
    out[linear] = np.linalg.lstsq(a / scale, b, rcond=1e-13)[0] / scale
    return np.clip(out, lower, upper)


def _drawn(
    problem: Squares, p: Array, which: Array, lower: Array, upper: Array, rng: np.random.Generator
) -> Array:
    """A point with some parameters drawn: sizes around 1, and places and widths as the columns have them."""
    out = p.copy()
    columns = [problem.data[n] for n in problem.model.columns] + [problem.target]
    for i in np.flatnonzero(which):
        column = columns[rng.integers(len(columns))]
        spread = float(np.ptp(column)) or 1.0
        value = (
            rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-2, 2),
            float(rng.choice(column)),
            spread * 10 ** rng.uniform(-1.5, 0),
            rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(0, 1.5) / spread,
        )[rng.integers(4)]
        if np.isfinite(lower[i]) and np.isfinite(upper[i]):
            value = rng.uniform(lower[i], upper[i])
        out[i] = np.clip(value, lower[i], upper[i])
    return out
