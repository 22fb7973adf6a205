"""Normalisation: values centred and scaled by the mean and standard deviation of their group."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .movement import reshape
from .record import Spec, structured
from .reduce import sum

Dims = tuple[int, ...]


def _count(shape: Shape, dims: Dims) -> int:
    n = 1
    for d in dims:
        n *= shape[d]
    return n


def _broadcastable(w: Any, ndim: int, dims: Dims, channel: int) -> Any:
    """Layer norm's weight covers the last dimensions as it is; batch norm's lies along `channel`."""
    if channel < 0 or ndim - 1 == channel:
        return w
    return reshape(w, (-1, *(1,) * (ndim - 1 - channel)))


def _normalize(x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> list[Any]:
    n = _count(x.shape, dims) or 1
    mean = np.add.reduce(x, axis=dims, keepdims=True) / n
    y = x - mean
    if x.size:
        var = np.add.reduce(y * y, axis=dims, keepdims=True) / n
    else:
        var = mean
    rstd = 1 / np.sqrt(var + eps)
    if rstd.dtype != x.dtype:
        rstd = rstd.astype(x.dtype)
    y *= rstd
    if w is not None:
        y *= _broadcastable(w, x.ndim, dims, channel)
    if b is not None:
        y += _broadcastable(b, x.ndim, dims, channel)
    return [y, mean, rstd]


def _normalize_input(g: Any, y: Any, x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> Any:
    """r·(u − mean(u) − x̂·mean(u·x̂)) with u = g·w, and the shares of the cotangents of the mean and of r = 1/σ."""
    n = _count(x.shape, dims)
    mean, r = y[1], y[2]
    u = g[0] if w is None else g[0] * _broadcastable(w, x.ndim, dims, channel)
    hat = (x - mean) * r
    along = sum(u * hat, dims, True) + g[2] * r
    level = sum(u, dims, True) - g[1] / r
    return (u - (level + hat * along) / n) * r


def _normalize_weight(g: Any, y: Any, x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> Any:
    return _gather(g[0] * ((x - y[1]) * y[2]), w.shape, channel)


def _normalize_bias(g: Any, y: Any, x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> Any:
    return g[0] if channel < 0 else _gather(g[0], None, channel)


def _gather(g: Any, shape: Any, channel: int) -> Any:
    """Summed over everything but the channel (batch norm), or left for the engine to sum (layer norm)."""
    if channel < 0:
        return sum(g, tuple(range(g.ndim - len(shape))), False)
    return sum(g, tuple(i for i in range(g.ndim) if i != channel), False)


def _shapes(x: Spec, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> list[Shape]:
    small = tuple(1 if i in dims else n for i, n in enumerate(x.shape))
    return [x.shape, small, small]


_RULES = (_normalize_input, _normalize_weight, _normalize_bias)

layer_norm = structured(
    "layer_norm", _normalize, nargs=3, outputs=3, shape=_shapes, vjp=_RULES, grad_name="NativeLayerNormBackward0",
    tex=r"\frac{{{0} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot {1} + {2}",
    samples=lambda rng: [
        (rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), (1, 2), -1, 1e-5),
        (rng.normal(size=(2, 5)), None, None, (1,), -1, 1e-5),
    ],
)  # fmt: skip

batch_norm = structured(
    "batch_norm", _normalize, nargs=3, outputs=3, shape=_shapes, vjp=_RULES, grad_name="NativeBatchNormBackward0",
    tex=r"\frac{{{0} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot {1} + {2}",
    samples=lambda rng: [
        (rng.normal(size=(4, 3, 2)), rng.normal(size=3), rng.normal(size=3), (0, 2), 1, 1e-5),
        (rng.normal(size=(4, 3)), rng.normal(size=3), None, (0,), 1, 1e-5),
    ],
)  # fmt: skip
