"""Reductions: sums, means, products, extremes along dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .movement import expand, reshape
from .record import ADD, Spec, structured

Dims = tuple[int, ...]


def reduced_shape(a: Spec, dim: Dims, keepdim: bool, *_: Any) -> Shape:
    """The shape after reducing over `dim` (non-negative, normalised)."""
    if keepdim:
        return tuple(1 if i in dim else n for i, n in enumerate(a.shape))
    return tuple(n for i, n in enumerate(a.shape) if i not in dim)


def restore(g: Any, shape: Shape, dim: Dims, keepdim: bool) -> Any:
    """A reduced cotangent spread back over the shape that was reduced."""
    if not keepdim and len(dim) != len(shape):
        g = reshape(g, tuple(1 if i in dim else n for i, n in enumerate(shape)))
    return expand(g, shape)


def _sum(a: Any, dim: Dims, keepdim: bool) -> Any:
    if len(dim) == a.ndim and not keepdim:
        return np.add.reduce(a, axis=None)
    return np.add.reduce(a, axis=dim, keepdims=keepdim)


sum = structured(
    "sum", _sum, vjp=(lambda g, y, a, dim, keepdim: restore(g, a.shape, dim, keepdim),), shape=reduced_shape,
    tex=r"\sum {0}", prec=ADD,
    samples=lambda rng: [(rng.normal(size=(2, 3)), (0, 1), False), (rng.normal(size=(2, 3, 4)), (1,), True)],
)  # fmt: skip


def _mean_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool) -> Any:
    count = 1
    for d in dim:
        count *= a.shape[d]
    return restore(g / count, a.shape, dim, keepdim)


mean = structured(
    "mean", lambda a, dim, keepdim: np.mean(a, axis=dim, keepdims=keepdim), vjp=(_mean_rule,), shape=reduced_shape,
    tex=r"\frac{{1}}{{n}} \sum {0}", prec=ADD,
    samples=lambda rng: [(rng.normal(size=(2, 3)), (0, 1), False), (rng.normal(size=(2, 3, 4)), (1,), True)],
)  # fmt: skip
