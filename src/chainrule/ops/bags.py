"""Bags of rows of a table, and rows scaled down to a norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from .index import require_in_range
from .record import structured


def shortened(weight: Any, ix: Any, max_norm: float, p: float) -> tuple[Any, Any]:
    """The rows used that are longer than max_norm, and their values at that norm."""
    used = np.unique(ix)
    require_in_range(used, weight.shape[0])
    rows = weight[used]
    if p == 2:
        lengths = np.sqrt((rows * rows).sum(-1, keepdims=True))
    else:
        lengths = np.linalg.norm(rows, p, -1, keepdims=True)
    over = (lengths > max_norm)[:, 0]
    return used[over], rows[over] * (max_norm / (lengths[over] + 1e-7)).astype(rows.dtype)


def _renormed(weight: Any, ix: Any, max_norm: float, p: float) -> Any:
    out = np.array(weight)
    rows, values = shortened(weight, ix, max_norm, p)
    out[rows] = values
    return out


renormed = structured(
    "embedding_renorm",
    _renormed,
    nargs=2,
    shape=lambda weight, ix, max_norm, p: weight.shape,
    dtype=lambda weight, *_: weight.dtype,
    tex=r"{0} \text{{ with rows of norm at most }} {2}",
    lower="by its NumPy forward: it changes only the rows that are too long",
    nondiff="it changes the table before the step, outside the tape",
    samples=lambda rng: [(rng.normal(size=(4, 3)), np.array([0, 2, 2]), 0.5, p) for p in (2.0, 1.0)],
)


def _largest(rows: Any, bags: Any, count: int) -> Any:
    """Which row holds the largest of each column per bag; the first of equal ones, -1 in an empty bag."""
    best = np.full((count, rows.shape[1]), -1, np.int64)
    columns = np.arange(rows.shape[1])
    for i, b in enumerate(bags):
        if 0 <= b < count:
            better = (best[b] < 0) | (rows[i] > rows[best[b], columns])
            best[b][better] = i
    return best


bag_argmax = structured(
    "bag_argmax",
    _largest,
    nargs=2,
    shape=lambda rows, bags, count: (count, rows.shape[1]),
    dtype="int64",
    tex=r"\operatorname{{argmax}}({0})",
    lower="by its NumPy forward: which rows are compared depends on the bags",
    nondiff="places are whole numbers",
    samples=lambda rng: [(rng.normal(size=(4, 3)), np.array([0, 0, 2, -1]), 3)],
)
