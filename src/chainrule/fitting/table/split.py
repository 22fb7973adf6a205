"""Which rows are learned from, which choose the epoch, and which are held out to the end."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Split(NamedTuple):
    """Row numbers, in random order."""

    train: Array
    validation: Array
    test: Array


def split(rows: int, test: float, validation: float, seed: int, classes: Array | None = None) -> Split:
    """Parts of the rows, drawn from the seed; with `classes` each part has its share of every class.

    A class of few rows gives them to training first.

    >>> [len(part) for part in split(100, 0.2, 0.1, seed=0)]
    [70, 10, 20]
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(rows)
    if classes is None:
        counts = round(rows * validation), round(rows * test)
        return _cut(order, *counts)
    parts: list[Split] = []
    carried = [0.0, 0.0]  # what rounding left over, so that many small classes still fill the parts
    of_class = classes[order]
    by_class = order[np.argsort(of_class, kind="stable")]
    for group in np.split(by_class, np.cumsum(np.bincount(of_class))[:-1]):
        counts_here: list[int] = []
        for i, part in enumerate((validation, test)):
            wanted = len(group) * part + carried[i]
            count = min(round(wanted), max(len(group) - 1 - sum(counts_here), 0))
            carried[i] = min(wanted - count, 1.0)
            counts_here.append(count)
        parts.append(_cut(group, *counts_here))
    joined = [np.concatenate(pieces) for pieces in zip(*parts)]
    return Split(*(draw.permutation(piece) for piece in joined))


def _cut(order: Array, validation: int, test: int) -> Split:
    return Split(order[validation + test :], order[:validation], order[validation : validation + test])
