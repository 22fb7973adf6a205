"""Variance and standard deviation, alone and together with the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .record import Spec, structured
from .reduce import Dims, add_reduce, count, mean, reduced_shape, restore
from .rules import real_dtype
from .select import where


def _moments(a: Any, dim: Dims, correction: float, keepdim: bool) -> tuple[Any, Any]:
    """Variance and mean, in two passes: Σ|a - mean|² / max(0, n - correction)."""
    if a.dtype.itemsize == 2:
        var, mid = _moments(a.astype(np.float32), dim, correction, keepdim)
        return var.astype(a.dtype), mid.astype(a.dtype)
    mid = mean.forward(a, dim, True)
    off = a - mid
    squares = off.real * off.real + off.imag * off.imag if off.dtype.kind == "c" else off * off
    total = np.asarray(add_reduce(squares, dim, keepdim))
    with np.errstate(all="ignore"):
        var = total / total.dtype.type(max(0.0, count(a.shape, dim) - correction))
    return var, mid if keepdim else mid.reshape(var.shape)


def _var_rule(g: Any, y: Any, a: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    free = count(a.shape, dim) - correction
    scale = 2.0 / free if free > 0 else float("nan")
    return restore(g * scale, a.shape, dim, keepdim) * (a - mean(a, dim, True))


def _std_rule(g: Any, y: Any, a: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    return _var_rule(where(y == 0, 0.0, g / (2 * y)), None, a, dim, correction, keepdim)


def _pair_shape(a: Spec, dim: Dims, correction: float, keepdim: bool) -> list[Shape]:
    return [reduced_shape(a, dim, keepdim)] * 2


def _var_mean_rule(g: Any, y: Any, a: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    spread = restore(g[1] / (count(a.shape, dim) or 1), a.shape, dim, keepdim)
    return _var_rule(g[0], None, a, dim, correction, keepdim) + spread


def _std_mean_rule(g: Any, y: Any, a: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    deviation = std(a, dim, correction, keepdim)
    spread = restore(g[1] / (count(a.shape, dim) or 1), a.shape, dim, keepdim)
    return _std_rule(g[0], deviation, a, dim, correction, keepdim) + spread


def _std_mean(a: Any, dim: Dims, correction: float, keepdim: bool) -> tuple[Any, Any]:
    var, mid = _moments(a, dim, correction, keepdim)
    return np.sqrt(var), mid


def _moment_samples(rng: np.random.Generator) -> list[Any]:
    return [
        (rng.normal(size=(2, 3)), (0, 1), 1.0, False),
        (rng.normal(size=(2, 3, 4)), (1,), 0.0, True),
        (rng.normal(size=(4, 3)), (0,), 0.5, False),
    ]


def _moment_shape(a: Spec, dim: Dims, correction: float, keepdim: bool) -> Shape:
    return reduced_shape(a, dim, keepdim)


_TEX_VAR = r"\operatorname{{Var}}({0})"
var = structured(
    "var",
    lambda a, dim, correction, keepdim: _moments(a, dim, correction, keepdim)[0],
    vjp=(_var_rule,),
    shape=_moment_shape,
    dtype=real_dtype,
    tex=_TEX_VAR,
    samples=_moment_samples,
)
std = structured(
    "std",
    lambda a, dim, correction, keepdim: np.sqrt(_moments(a, dim, correction, keepdim)[0]),
    vjp=(_std_rule,),
    shape=_moment_shape,
    dtype=real_dtype,
    tex=r"\sigma({0})",
    samples=_moment_samples,
    singular="where all elements are equal the derivative is taken as 0",
)
var_mean = structured(
    "var_mean",
    _moments,
    outputs=2,
    vjp=(_var_mean_rule,),
    shape=_pair_shape,
    dtype=lambda a, *_: [real_dtype(a), a.dtype],
    tex=_TEX_VAR,
    samples=_moment_samples,
)
std_mean = structured(
    "std_mean",
    _std_mean,
    outputs=2,
    vjp=(_std_mean_rule,),
    shape=_pair_shape,
    dtype=lambda a, *_: [real_dtype(a), a.dtype],
    tex=r"\sigma({0})",
    samples=_moment_samples,
)
