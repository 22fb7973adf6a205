"""Softmax and normalisation."""

from __future__ import annotations

from math import prod
from typing import Any

from ...ops import norm
from ...ops.arithmetic import rsqrt
from ...ops.exponential import exp, log
from ...ops.extreme import amax
from ...ops.movement import reshape
from ...ops.nn import log_softmax, softmax
from ...ops.reduce import sum
from .parts import converted
from .registry import decomposition

# ----- softmax


def shifted(a: Any, dim: int) -> Any:
    """a less its largest element along `dim`, so that no exponential overflows."""
    return a - amax(a, (dim,), True) if a.ndim else a - a


@decomposition(softmax)
def softmaxed(a: Any, dim: int) -> Any:
    """eᵃ / Σ eᵃ."""
    if not a.size:
        return a
    e = exp(shifted(a, dim))
    return e / sum(e, (dim,), True) if a.ndim else e


@decomposition(log_softmax)
def _log_softmax(a: Any, dim: int) -> Any:
    if not a.size:
        return a
    z = shifted(a, dim)
    return z - log(sum(exp(z), (dim,), True)) if a.ndim else z


# ----- normalisation


@decomposition(norm.layer_norm, norm.batch_norm)
def _normalize(x: Any, w: Any, b: Any, dims: Any, channel: int, eps: float) -> list[Any]:
    """(x - mean) / √(var + ε) · w + b, the mean and the biased variance."""
    n = float(prod(x.shape[d] for d in dims) or 1)
    mean = sum(x, dims, True) / n
    centred = x - mean
    var = sum(centred * centred, dims, True) / n if x.size else mean
    y = centred * rsqrt(var + eps)
    if w is not None:
        y = y * _broadcastable(w, x.ndim, channel)
    if b is not None:
        y = y + _broadcastable(b, x.ndim, channel)
    return [y, mean, var]


def _broadcastable(w: Any, ndim: int, channel: int) -> Any:
    """Layer norm's weight covers the last dimensions as it is; batch norm's lies along `channel`."""
    if channel < 0 or ndim - 1 == channel:
        return w
    return reshape(w, (w.size, *(1,) * (ndim - 1 - channel)))


@decomposition(norm.running)
def _running(a: Any, batch: Any, momentum: float, scale: float) -> Any:
    seen = reshape(batch, (batch.size,)) * scale
    return converted(a + momentum * (seen - a), a.dtype)
