"""Reductions: means, variances, norms, log-sum-exp and extremes with their positions."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ...ops import extreme, moments, reduce
from ...ops.arithmetic import sqrt
from ...ops.compare import isfinite, isnan
from ...ops.complex import angle
from ...ops.distance import vector_norm
from ...ops.exponential import exp, log
from ...ops.extreme import amax, amin, argmax, argmin, attains
from ...ops.movement import reshape, to
from ...ops.reduce import count, reduced_shape, sum
from ...ops.rounding import abs
from ...ops.select import either, where
from ...program.passes.rewrite import NO_MATCH
from ...types import BOOL, FLOAT, bool_, int64, uint8
from .parts import converted, positions
from .registry import decomposition

# ----- sums


@decomposition(reduce.mean)
def _mean(a: Any, dim: Any, keepdim: bool) -> Any:
    return sum(a, dim, keepdim) / float(count(a.shape, dim))


@decomposition(reduce.nansum)
def _nansum(a: Any, dim: Any, keepdim: bool) -> Any:
    return sum(where(a == a, a, 0.0) if a.dtype.category == FLOAT else a, dim, keepdim)


@decomposition(reduce.not_nan)
def _not_nan(a: Any) -> Any:
    return to(a == a, a.dtype)


@decomposition(reduce.count_nonzero)
def _count_nonzero(a: Any, dim: Any, keepdim: bool) -> Any:
    return sum(a != 0, dim, keepdim)


@decomposition(reduce.logsumexp)
def _logsumexp(a: Any, dim: Any, keepdim: bool) -> Any:
    """ln Σ eᵃ, shifted by the largest element unless that is infinite."""
    if not a.size:
        return log(sum(a, dim, keepdim))
    top = amax(a, dim, True)
    top = where(isfinite(top), top, 0.0)
    out = log(sum(exp(a - top), dim, True)) + top
    return out if keepdim else reshape(out, reduced_shape(a.var.spec, dim, False))


@decomposition(reduce.all)
def _all(a: Any, dim: Any, keepdim: bool) -> Any:
    return NO_MATCH if a.dtype.category == BOOL else _truth(reduce.all, a, dim, keepdim)


@decomposition(reduce.any)
def _any(a: Any, dim: Any, keepdim: bool) -> Any:
    return NO_MATCH if a.dtype.category == BOOL else _truth(reduce.any, a, dim, keepdim)


def _truth(op: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    return converted(op(a != 0, dim, keepdim), uint8 if a.dtype is uint8 else bool_)


# ----- variances: two passes, so that no difference of large squares is taken


def _moments(a: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
    mid = sum(a, dim, True) / float(count(a.shape, dim))
    off = a - mid
    var = sum(off * off, dim, keepdim) / max(0.0, count(a.shape, dim) - correction)
    return var, mid if keepdim else reshape(mid, var.shape)


@decomposition(moments.var)
def _var(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    return _moments(a, dim, correction, keepdim)[0]


@decomposition(moments.std)
def _std(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    return sqrt(_moments(a, dim, correction, keepdim)[0])


@decomposition(moments.var_mean)
def _var_mean(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    return _moments(a, dim, correction, keepdim)


@decomposition(moments.std_mean)
def _std_mean(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    var, mid = _moments(a, dim, correction, keepdim)
    return sqrt(var), mid


@decomposition(vector_norm)
def _vector_norm(a: Any, dim: Any, keepdim: bool, p: float) -> Any:
    if p == 2:
        return sqrt(sum(a * a, dim, keepdim))
    if p == 0:
        return to(sum(a != 0, dim, keepdim), a.dtype)
    size = abs(a)
    if p == 1:
        return sum(size, dim, keepdim)
    if p in (inf, -inf):
        return (amax if p > 0 else amin)(size, dim, keepdim)
    return sum(size**p, dim, keepdim) ** (1 / p)


# ----- extremes


@decomposition(extreme.max_all)
def _max_all(a: Any, dim: Any, keepdim: bool) -> Any:
    return amax(a, dim, keepdim)


@decomposition(extreme.min_all)
def _min_all(a: Any, dim: Any, keepdim: bool) -> Any:
    return amin(a, dim, keepdim)


@decomposition(extreme.aminmax)
def _aminmax(a: Any, dim: Any, keepdim: bool) -> Any:
    return amin(a, dim, keepdim), amax(a, dim, keepdim)


@decomposition(extreme.ties)
def _ties(a: Any, y: Any, dim: Any, keepdim: bool) -> Any:
    if not keepdim and dim and len(dim) != a.ndim:
        y = reshape(y, reduced_shape(a.var.spec, dim, True))
    hit = to(attains(a, y), a.dtype)
    return hit / sum(hit, dim, True) if dim else hit


def _position(a: Any, best: Any, dim: Any) -> Any:
    """The first place, counted over `dim` alone or over the whole array, where a attains its extreme."""
    n = count(a.shape, dim)
    if len(dim) == a.ndim:
        places = np.arange(n, dtype=np.int32).reshape(a.shape)
    else:
        places = positions(n, dim[0], a.ndim)
    return where(attains(a, best), places, n)


@decomposition(argmax)
def _argmax(a: Any, dim: Any, keepdim: bool) -> Any:
    return to(amin(_position(a, amax(a, dim, True), dim), dim, keepdim), int64)


@decomposition(argmin)
def _argmin(a: Any, dim: Any, keepdim: bool) -> Any:
    return to(amin(_position(a, amin(a, dim, True), dim), dim, keepdim), int64)


def _with_position(a: Any, dim: int, keepdim: bool, value: Any, position: Any) -> Any:
    if not a.ndim:
        return a, np.zeros((), np.int64)
    return value(a, (dim,), keepdim), position(a, (dim,), keepdim)


@decomposition(extreme.max_dim)
def _max_dim(a: Any, dim: int, keepdim: bool) -> Any:
    return _with_position(a, dim, keepdim, amax, argmax)


@decomposition(extreme.min_dim)
def _min_dim(a: Any, dim: int, keepdim: bool) -> Any:
    return _with_position(a, dim, keepdim, amin, argmin)


@decomposition(angle)
def _angle(a: Any) -> Any:
    return where(isnan(a), a, either(a < 0, a, np.pi, 0.0))
