"""Lengths: the p-norm of vectors."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from .index import masked_fill
from .record import structured
from .reduce import Dims, reduced_shape, restore, sum
from .rounding import abs, sign

_add: Any = np.add  # NumPy's stubs know keepdims only as a literal
_maximum: Any = np.maximum
_minimum: Any = np.minimum


def _vector_norm(a: Any, dim: Dims, keepdim: bool, p: float) -> Any:
    kind = a.dtype
    if kind.itemsize == 2:
        a = a.astype(np.float32)
    if p == 2:
        out = np.sqrt(_add.reduce(a * a, axis=dim, keepdims=keepdim))
    elif p == 1:
        out = _add.reduce(np.abs(a), axis=dim, keepdims=keepdim)
    elif p == 0:
        out = _add.reduce(a != 0, axis=dim, keepdims=keepdim).astype(kind)
    elif p == inf:
        out = _maximum.reduce(np.abs(a), axis=dim, keepdims=keepdim)
    elif p == -inf:
        out = _minimum.reduce(np.abs(a), axis=dim, keepdims=keepdim)
    else:
        out = _add.reduce(np.abs(a) ** p, axis=dim, keepdims=keepdim) ** (1 / p)
    return out if out.dtype == kind else out.astype(kind)


def _norm_rule(g: Any, y: Any, a: Any, dim: Dims, keepdim: bool, p: float) -> Any:
    """g·sgn(a)·(|a|/‖a‖)ᵖ⁻¹, and 0 where the norm is 0; ties of the largest share it equally."""
    g, y = restore(g, a.shape, dim, keepdim), restore(y, a.shape, dim, keepdim)
    if p == 2:
        return masked_fill(g * (a / y), y == 0, 0)
    if p == 1:
        return g * sign(a)
    if p == 0:
        return g * 0
    size = abs(a)
    if p in (inf, -inf):
        tied = sign(size - y) ** 2 == 0
        return sign(a) * masked_fill(g / _count(tied, g, dim), ~tied, 0)
    part = size ** (p - 1) * sign(a) if p != int(p) or p < 2 else a * size ** (p - 2)
    if p < 1:
        part = masked_fill(part, a == 0, 0)
    return masked_fill(g * part * y ** (1 - p), y == 0, 0)


def _count(tied: Any, like: Any, dim: Dims) -> Any:
    """How many elements attain the extreme."""
    return sum(masked_fill(like * 0 + 1, ~tied, 0), dim, True)


vector_norm = structured(
    "vector_norm",
    _vector_norm,
    vjp=(_norm_rule,),
    shape=reduced_shape,
    tex=r"\lVert {0} \rVert",
    grad_name="LinalgVectorNormBackward0",
    singular="a norm of 0 has derivative 0; ties of the largest share it equally",
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), dim, keep, p)
        for p, dim, keep in [
            (2.0, (0, 1), False),
            (1.0, (1,), True),
            (3.0, (0,), False),
            (inf, (1,), False),
            (0.5, (0,), False),
        ]
    ],
)
