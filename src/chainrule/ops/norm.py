"""Normalisation: values centred and scaled by the mean and standard deviation of their group."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..types import Shape
from .arithmetic import rsqrt
from .forms import normalized
from .movement import reshape
from .record import ADD, Op, Spec, structured
from .reduce import sum

Dims = tuple[int, ...]


def _count(shape: Shape, dims: Dims) -> int:
    return prod(shape[d] for d in dims)


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
    y *= rstd
    if w is not None:
        y *= _broadcastable(w, x.ndim, dims, channel)
    if b is not None:
        y += _broadcastable(b, x.ndim, dims, channel)
    return [y, mean, var]


def _layer_pull(
    g: Any, y: Any, x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float, *, needs: Any
) -> list[Any]:
    """r·(u − mean(u) − x̂·mean(u·x̂)) with u = g·w for x; g·x̂ for w; g for b."""
    r = rsqrt(y[2] + eps)
    hat = (x - y[1]) * r
    dx = dw = None
    if needs[0]:
        u = g[0] if w is None else g[0] * w
        dx = _centred(g, r, u, hat, sum(u, dims, True), sum(u * hat, dims, True), _count(x.shape, dims))
    if needs[1]:
        dw = sum(g[0] * hat, tuple(range(x.ndim - len(dims))), False)
    return [dx, dw, g[0]]


def _batch_pull(
    g: Any, y: Any, x: Any, w: Any, b: Any, dims: Dims, channel: int, eps: float, *, needs: Any
) -> list[Any]:
    """As layer norm's; the weight is constant within a group, so its sums are those of x's share as well."""
    r = rsqrt(y[2] + eps)
    hat = (x - y[1]) * r
    level, along = sum(g[0], dims, True), sum(g[0] * hat, dims, True)
    flat = (-1,)
    dw = reshape(along, flat) if needs[1] else None
    db = reshape(level, flat) if needs[2] else None
    if not needs[0]:
        return [None, dw, db]
    if w is None:
        return [_centred(g, r, g[0], hat, level, along, _count(x.shape, dims)), dw, db]
    tall = _broadcastable(w, x.ndim, dims, channel)
    return [_centred(g, r, g[0] * tall, hat, level * tall, along * tall, _count(x.shape, dims)), dw, db]


def _centred(g: Any, r: Any, u: Any, hat: Any, level: Any, along: Any, n: int) -> Any:
    """The cotangent of x from u's, the sums of u and u·x̂, and the mean's and the variance's cotangents."""
    return (u - ((level - g[1] / r) / n + hat * ((along - 2 * g[2] / (r * r)) / n))) * r


def _shapes(x: Spec, w: Any, b: Any, dims: Dims, channel: int, eps: float) -> list[Shape]:
    small = tuple(1 if i in dims else n for i, n in enumerate(x.shape))
    return [x.shape, small, small]


# The running statistics, moved towards those of the batch; `scale` makes a biased variance the unbiased one.
running = structured(
    "running",
    lambda a, batch, momentum, scale: (a + momentum * (batch.reshape(-1) * scale - a)).astype(
        a.dtype, copy=False
    ),
    nargs=3,
    shape=lambda a, batch, momentum, scale: a.shape,
    dtype=lambda a, *_: a.dtype,
    tex=r"{0} + {2} \, ({3} \, {1} - {0})",
    prec=ADD,
    samples=lambda rng: [
        (rng.normal(size=3), rng.normal(size=(1, 3, 1)), momentum, 1.25) for momentum in (0.1, np.array(0.5))
    ],
    nondiff="it keeps count beside the tape",
)

layer_norm: Op = structured(
    "layer_norm",
    _normalize,
    nargs=3,
    outputs=3,
    shape=_shapes,
    vjp=_layer_pull,
    grad_name="NativeLayerNormBackward0",
    tex=r"\frac{{{0} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot {1} + {2}",
    prec=ADD,
    form=normalized,
    samples=lambda rng: [
        (rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), (1, 2), -1, 1e-5),
        (rng.normal(size=(2, 5)), None, None, (1,), -1, 1e-5),
    ],
)

batch_norm: Op = structured(
    "batch_norm",
    _normalize,
    nargs=3,
    outputs=3,
    shape=_shapes,
    vjp=_batch_pull,
    grad_name="NativeBatchNormBackward0",
    tex=r"\frac{{{0} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot {1} + {2}",
    prec=ADD,
    form=normalized,
    samples=lambda rng: [
        (rng.normal(size=(4, 3, 2)), rng.normal(size=3), rng.normal(size=3), (0, 2), 1, 1e-5),
        (rng.normal(size=(4, 3)), rng.normal(size=3), None, (0,), 1, 1e-5),
    ],
)
