"""Scans: running sums, products and extremes along one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape, int64
from .complex import conj as conjugate
from .exponential import exp
from .record import ATOM, Op, Spec, structured
from .rules import is_complex, same_shape, sum_dtype
from .scatter import ungather

_LOWER = "by its NumPy forward: a scan goes step by step along its dimension"


def conj(x: Any) -> Any:
    """The complex conjugate; real values as they are, unrecorded."""
    return conjugate(x) if is_complex(x) else x


def along(a: Any, dim: int, part: slice) -> Any:
    """The part of `a` along one dimension, as a view."""
    return a[(slice(None),) * dim + (part,)]


def accumulate(ufunc: np.ufunc, a: Any, dim: int, reverse: bool) -> Any:
    """ufunc.accumulate along `dim`, from the front or from the back; 0-dim arrays are their own scan."""
    if a.dtype.kind in "biu":
        a = a.astype(np.int64)
    if not a.ndim:
        return np.array(a)
    if a.dtype.itemsize == 2:
        return accumulate(ufunc, a.astype(np.float32), dim, reverse).astype(a.dtype)
    if reverse:
        flipped = along(a, dim, slice(None, None, -1))
        return np.ascontiguousarray(along(ufunc.accumulate(flipped, axis=dim), dim, slice(None, None, -1)))
    return ufunc.accumulate(a, axis=dim)


def _scan_samples(rng: np.random.Generator) -> list[Any]:
    return [
        (rng.normal(size=(2, 3)), 1, False),
        (rng.normal(size=(4, 2)), 0, True),
        (rng.normal(size=()), 0, False),
    ]


cumsum: Op = structured(
    "cumsum",
    lambda a, dim, reverse: accumulate(np.add, a, dim, reverse),
    vjp=(lambda g, y, a, dim, reverse: cumsum(g, dim, not reverse),),
    shape=same_shape,
    dtype=sum_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{cumsum}}({0})",
    samples=_scan_samples,
)


# ----- shift and recurrence: the two that every product-like scan is differentiated with


def _shift(a: Any, dim: int, by: int, fill: float) -> Any:
    if not a.ndim:
        return np.full((), fill, a.dtype)
    out = np.full(a.shape, fill, a.dtype)
    if by > 0:
        along(out, dim, slice(by, None))[...] = along(a, dim, slice(None, -by))
    else:
        along(out, dim, slice(None, by))[...] = along(a, dim, slice(-by, None))
    return out


shift: Op = structured(
    "shift",
    _shift,
    vjp=(lambda g, y, a, dim, by, fill: shift(g, dim, -by, 0.0),),
    shape=same_shape,
    tex=r"\operatorname{{shift}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1, 1, 1.0), (rng.normal(size=(4,)), 0, -1, 0.0)],
)

_SERIAL = 32


def _recur(a: Any, b: Any, dim: int, reverse: bool) -> Any:
    """y_k = b_k + a_k y_{k-1} (k+1 if reversed): one by one if short, else by doubling in log₂ n rounds."""
    if not b.ndim:
        return np.array(b)
    step = slice(None, None, -1) if reverse else slice(None)
    a, b = along(a, dim, step), along(b, dim, step)
    n = b.shape[dim]
    y = np.array(b, np.result_type(a, b))
    if n <= _SERIAL:
        for k in range(1, n):
            at, before = along(y, dim, slice(k, k + 1)), along(y, dim, slice(k - 1, k))
            at += along(a, dim, slice(k, k + 1)) * before
    else:
        a = np.array(a)
        reach = 1
        while reach < n:
            late, early = slice(reach, None), slice(None, -reach)
            along(y, dim, late)[...] += along(a, dim, late) * along(y, dim, early)
            along(a, dim, late)[...] *= along(a, dim, early).copy()
            reach *= 2
    return np.ascontiguousarray(along(y, dim, step))


def _recur_rule(g: Any, y: Any, a: Any, b: Any, dim: int, reverse: bool) -> Any:
    back, forth = (1, -1) if reverse else (-1, 1)
    carried = recur(conj(shift(a, dim, back, 0.0)), g, dim, not reverse)
    return carried * conj(shift(y, dim, forth, 0.0)), carried


recur: Op = structured(
    "recur",
    _recur,
    nargs=2,
    vjp=_recur_rule,
    shape=lambda a, b, dim, reverse: b.shape,
    lower=_LOWER,
    tex=r"y_k = {1}_k + {0}_k \, y_{{k-1}}",
    samples=lambda rng: [
        (rng.normal(size=(2, 4)), rng.normal(size=(2, 4)), 1, False),
        (rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), 0, True),
        (rng.uniform(-1, 1, size=(40,)), rng.normal(size=(40,)), 0, False),
    ],
)


# ----- products and log-sum-exp


def _cumprod_rule(g: Any, y: Any, a: Any, dim: int, reverse: bool) -> Any:
    """Σ_i g_i ∏_{j≤i, j≠k} a_j as (product before k)·(recurrence behind k): no division, no trouble at 0."""
    back, forth = (1, -1) if reverse else (-1, 1)
    behind = recur(conj(shift(a, dim, back, 0.0)), g, dim, not reverse)
    return behind * conj(shift(y, dim, forth, 1.0))


cumprod: Op = structured(
    "cumprod",
    lambda a, dim, reverse: accumulate(np.multiply, a, dim, reverse),
    vjp=(_cumprod_rule,),
    shape=same_shape,
    dtype=sum_dtype,
    lower=_LOWER,
    tex=r"\operatorname{{cumprod}}({0})",
    samples=lambda rng: [*_scan_samples(rng), (np.array([2.0, 0.0, 3.0, 0.0, 1.5]), 0, False)],
)


def _logcumsumexp(a: Any, dim: int) -> Any:
    if a.dtype.kind != "c":
        return accumulate(np.logaddexp, a, dim, False)
    if not a.ndim:
        return np.array(a)
    out = np.array(a)
    for k in range(1, a.shape[dim]):  # the phase is not wrapped: each step adds to the larger of the two
        x, z = along(out, dim, slice(k - 1, k)), along(a, dim, slice(k, k + 1))
        first = x.real >= z.real
        high, low = np.where(first, x, z), np.where(first, z, x)
        along(out, dim, slice(k, k + 1))[...] = high + np.log1p(np.exp(low - high))
    return out


def _logcumsumexp_rule(g: Any, y: Any, a: Any, dim: int) -> Any:
    """e^{a-y} · (Σ behind, each step scaled by e^{y_{k-1} - y_k} ≤ 1): nothing can overflow."""
    scale = exp(shift(y, dim, 1, float("-inf")) - y)
    return conj(exp(a - y)) * recur(conj(shift(scale, dim, -1, 0.0)), g, dim, True)


logcumsumexp = structured(
    "logcumsumexp",
    _logcumsumexp,
    vjp=(_logcumsumexp_rule,),
    shape=same_shape,
    lower=_LOWER,
    tex=r"\ln \operatorname{{cumsum}}(e^{{{0}}})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1), (rng.normal(size=(4, 2)) * 3, 0)],
)


# ----- running extremes


def _running(ufunc: np.ufunc) -> Any:
    def forward(a: Any, dim: int) -> tuple[Any, Any]:
        if not a.ndim:
            return np.array(a), np.zeros((), np.int64)
        best = ufunc.accumulate(a, axis=dim)
        place = np.arange(a.shape[dim]).reshape((-1,) + (1,) * (a.ndim - 1 - dim))
        reached = (a == best) | (a != a)  # the last of equal ones counts, and a NaN stays
        return best, np.maximum.accumulate(np.where(reached, place, 0), axis=dim)

    return forward


def placed_rule(g: Any, y: Any, a: Any, dim: int, *_: Any) -> Any:
    """Each cotangent goes where its value came from: the result has the positions."""
    return ungather(g[0], y[1], a.shape, dim) if a.ndim else g[0]


def _pair_shape(a: Spec, *_: Any) -> list[Shape]:
    return [a.shape, a.shape]


def _running_record(name: str, ufunc: np.ufunc) -> Any:
    return structured(
        name,
        _running(ufunc),
        outputs=2,
        vjp=(placed_rule,),
        shape=_pair_shape,
        dtype=lambda a, *_: [a.dtype, int64],
        lower=_LOWER,
        tex=rf"\operatorname{{{{{name}}}}}({{0}})",
        prec=ATOM,
        singular="of equal values the last one gets the derivative",
        samples=lambda rng: [(rng.normal(size=(2, 5)), 1), (rng.normal(size=(4, 2)), 0)],
    )


cummax = _running_record("cummax", np.maximum)
cummin = _running_record("cummin", np.minimum)
