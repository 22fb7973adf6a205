"""Average pooling and interpolation: along each dimension a few taps per output, as `Taps` describes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import resample
from ...ops.index import INDEX, index, part
from ...ops.movement import embed
from ...ops.product import matmul
from ...ops.record import Op
from ...ops.reduce import sum
from ...ops.resample import Taps
from ...ops.view import transpose
from .parts import along
from .registry import decomposition

_FEW = 16  # taps that are added up one by one; more are a product with the dense matrix


def _resampled(op: Op) -> None:
    @decomposition(op)
    def resampled(a: Any, taps: tuple[Taps, ...]) -> Any:
        """A mean over all is a sum, many taps are a product; the rest is left to a kernel that takes them."""
        if len(taps) <= 2 and not any(_is_mean(t) or len(t.index) > _FEW for t in taps):
            return op(a, taps)
        for axis, t in enumerate(taps, a.ndim - len(taps)):
            a = _along(a, t, axis)
        return a


for _op in (resample.avg_pool, resample.adaptive_avg_pool, resample.upsample):
    _resampled(_op)


def _along(a: Any, taps: Taps, axis: int) -> Any:
    weights = taps.weights(a.dtype.np)
    if _is_mean(taps):
        return sum(a, (axis,), True) * float(taps.weight[0, 0])
    if len(taps.index) > _FEW:
        moved = a if axis == a.ndim - 1 else transpose(a, axis, a.ndim - 1)
        y = matmul(moved, _dense(taps, a.dtype.np))
        return y if axis == a.ndim - 1 else transpose(y, axis, a.ndim - 1)
    if taps.has_gaps:  # index n reads a zero
        whole = (*a.shape[:axis], a.shape[axis] + 1, *a.shape[axis + 1 :])
        a = embed(a, whole, ((part, (along(axis, slice(0, a.shape[axis])),)),))
    total: Any = None
    for place, w in zip(taps.places, weights):
        v = _taken(a, place, axis)
        term = v * (float(w) if np.ndim(w) == 0 else w.reshape(-1, *(1,) * (a.ndim - 1 - axis)))
        total = term if total is None else total + term
    return total


def _is_mean(taps: Taps) -> bool:
    """Whether the only output is the plain mean of all inputs, or a multiple of it."""
    if taps.out != 1 or taps.has_gaps:
        return False
    every = np.array_equal(np.sort(taps.index[:, 0]), np.arange(taps.n))
    return every and bool((taps.weight == taps.weight[0, 0]).all())


def _taken(a: Any, place: Any, axis: int) -> Any:
    if isinstance(place, slice):
        return part(a, along(axis, place))
    return index(a, place, along(axis, INDEX))


def _dense(taps: Taps, dtype: Any) -> Any:
    """The taps as a matrix (n, out)."""
    matrix = np.zeros((taps.n + 1, taps.out))
    np.add.at(matrix, (taps.index, np.arange(taps.out)), taps.weight)
    return matrix[: taps.n].astype(dtype)
