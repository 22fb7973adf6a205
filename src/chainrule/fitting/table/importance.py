"""Which columns matter to a trained network: how much worse it is with a column shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import Array
from .network import loss_of, outputs_of
from .schema import Schema

_ROWS, _WORK = 5_000, 400_000_000  # rows measured; weights × rows × columns × repeats, about a few seconds


def permutation_importance(
    model: Any, schema: Schema, x: Array, y: Array, seed: int
) -> dict[str, tuple[float, float]]:
    """By how much the loss grows if the values of a column are shuffled among the rows; mean and deviation.

    The largest come first (L. Breiman, Random Forests, Machine Learning 45, 2001, section 10). Columns that
    tell the same share their importance.
    """
    draw = np.random.default_rng(seed)
    some = draw.permutation(len(x))[:_ROWS]
    x, y = x[some].copy(), y[some]
    task = schema.target.task
    base = loss_of(outputs_of(model, x), y, task)
    weights = sum(p.numel() for p in model.parameters())
    repeats = int(np.clip(_WORK // max(weights * len(x) * len(schema.features), 1), 1, 5))
    found: dict[str, tuple[float, float]] = {}
    for name, place in schema.slices().items():
        own = x[:, place].copy()
        grown = []
        for _ in range(repeats):
            x[:, place] = own[draw.permutation(len(x))]
            grown.append(loss_of(outputs_of(model, x), y, task) - base)
        x[:, place] = own
        found[name] = (float(np.mean(grown)), float(np.std(grown)))
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))
