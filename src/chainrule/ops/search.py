"""Finding places and counting: the results are whole numbers or counts, without a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import DType, Shape, float32, float64, int64
from .record import Bad, structured

_WHOLE = "whole numbers have no derivative"
_LOWER = "by its NumPy forward: searching and counting branch on values"


def _search(s: Any, v: Any, side: Any, dtype: DType) -> Any:
    if s.ndim == 1:
        return np.asarray(np.searchsorted(s, v, side)).astype(dtype.np)
    found = np.zeros(v.shape, dtype.np)
    for at in np.ndindex(*s.shape[:-1]):
        found[at] = np.searchsorted(s[at], v[at], side)
    return found


searchsorted = structured(
    "searchsorted",
    _search,
    nargs=2,
    shape=lambda s, v, side, dtype: v.shape,
    dtype=lambda s, v, side, dtype: dtype,
    tex=r"\operatorname{{searchsorted}}({0}, {1})",
    lower=_LOWER,
    nondiff=_WHOLE,
    samples=lambda rng: [
        (np.sort(rng.normal(size=5)), rng.normal(size=(2, 3)), "left", int64),
        (np.sort(rng.normal(size=(2, 5))), rng.normal(size=(2, 3)), "right", int64),
    ],
)

isin = structured(
    "isin",
    lambda a, b, invert: np.asarray(np.isin(a, b, invert=invert)),
    nargs=2,
    shape=lambda a, b, invert: a.shape,
    dtype="bool",
    tex=r"{0} \in {1}",
    lower=_LOWER,
    nondiff="true or false has no derivative",
    samples=lambda rng: [(rng.integers(0, 5, (2, 3)), rng.integers(0, 5, 2), i) for i in (False, True)],
)


def _one_hot(a: Any, classes: int) -> Any:
    if a.size and a.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if a.size and a.max() >= classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (np.asarray(a)[..., None] == np.arange(classes)).astype(np.int64)


one_hot = structured(
    "one_hot",
    _one_hot,
    shape=lambda a, classes: (*a.shape, classes),
    dtype="int64",
    tex=r"e_{{{0}}}",
    nondiff=_WHOLE,
    samples=lambda rng: [(rng.integers(0, 3, (2, 3)), 4)],
    bad=[
        Bad(lambda: (np.array([4]), 3), RuntimeError, "must be smaller than num_classes"),
        Bad(lambda: (np.array([-1]), 3), RuntimeError, "must be non-negative"),
    ],
)


def counted(columns: list[Any], edges: list[Any], weight: Any) -> Any:
    """Counts on the grid of edges; each interval holds its left edge, the last one its right edge too."""
    inside = np.ones(columns[0].shape, bool)
    at = []
    for x, e in zip(columns, edges):
        inside &= (x >= e[0]) & (x <= e[-1])
        at.append(np.minimum(np.searchsorted(e, x, side="right") - 1, len(e) - 2))
    shape = tuple(len(e) - 1 for e in edges)
    flat = np.ravel_multi_index([p[inside] for p in at], shape)
    weights = None if weight is None else weight[inside].astype(np.float64)
    return np.bincount(flat, weights, int(np.prod(shape))).reshape(shape)


histc = structured(
    "histc",
    lambda a, low, high, bins: counted(
        [a.reshape(-1).astype(np.float64)], [np.linspace(low, high, bins + 1)], None
    ).astype(a.dtype),
    shape=lambda a, low, high, bins: (bins,),
    tex=r"\operatorname{{hist}}({0})",
    lower=_LOWER,
    nondiff="counts have no derivative",
    samples=lambda rng: [(rng.normal(size=(2, 3)), -1.0, 1.0, 4)],
)


def _bincount(a: Any, weights: Any, length: int) -> Any:
    if a.size and a.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return np.bincount(a.astype(np.int64), minlength=length).astype(np.int64)
    kind = np.float32 if weights.dtype == np.float32 else np.float64
    return np.bincount(a.astype(np.int64), weights.astype(np.float64), length).astype(kind)


def _count_dtype(weights: Any) -> DType:
    if weights is None:
        return int64
    return float32 if weights.dtype is float32 else float64


def _bincount_shape(a: Any, weights: Any, length: int) -> Shape:
    return (length,)


bincount = structured(
    "bincount",
    _bincount,
    nargs=2,
    shape=_bincount_shape,
    dtype=lambda a, weights, length: _count_dtype(weights),
    tex=r"\operatorname{{count}}({0})",
    lower=_LOWER,
    nondiff="counts have no derivative",
    samples=lambda rng: [(np.array([0, 2, 2]), None, 3), (np.array([0, 2, 2]), rng.normal(size=3), 4)],
    bad=[Bad(lambda: (np.array([-1]), None, 1), RuntimeError, "non-negative integral inputs")],
)
