"""Losses: how far predictions are from targets; each is one record with its derivative in closed form.

A reduction is "none", "mean" or "sum".
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..types import Shape
from .exponential import log, sigmoid
from .forms import pairwise, squares
from .record import ADD, ATOM, MUL, Op, Rule, Spec, structured
from .select import where


def reduced(e: Any, reduction: str) -> Any:
    """The values themselves, their mean or their sum."""
    if reduction == "none":
        return e
    total = np.add.reduce(e, axis=None)
    return total if reduction == "sum" else total / e.dtype.type(e.size) if e.size else total / total


def _loss_shape(a: Spec, b: Spec, reduction: str, *_: Any) -> Shape:
    return a.shape if reduction == "none" else ()


def pointwise_loss(
    name: str,
    f: Rule,
    da: Rule,
    db: Rule | None,
    *,
    tex: str,
    prec: int = ATOM,
    grad_name: str = "",
    singular: str = "",
    options: tuple[Any, ...] = (),
    samples: Rule | None = None,
) -> Op:
    """A loss of pairs: f(a, b, *options), its partial derivatives, and a reduction over all pairs."""

    def forward(a: Any, b: Any, reduction: Any, *options: Any) -> Any:
        return reduced(f(a, b, *options), reduction)

    def share(g: Any, shape: Shape, reduction: str) -> Any:
        return g / prod(shape) if reduction == "mean" else g

    vjp = (
        lambda g, y, a, b, reduction, *options: share(g, a.shape, reduction) * da(a, b, *options),
        None
        if db is None
        else lambda g, y, a, b, reduction, *options: share(g, a.shape, reduction) * db(a, b, *options),
    )
    pairs = samples or (lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))))
    return structured(
        name,
        forward,
        nargs=2,
        vjp=vjp,
        shape=_loss_shape,
        tex=tex,
        prec=prec,
        form=pairwise((tex, prec)),
        grad_name=grad_name,
        singular=singular,
        samples=lambda rng: [(*pairs(rng), r, *options) for r in ("none", "mean", "sum")],
    )


def _clipped(z: Any) -> Any:
    """z limited to [-1, 1]."""
    return where(z > 1, 1.0, where(z < -1, -1.0, z))


def _squares(a: Any, b: Any, reduction: str) -> Any:
    d = a - b
    if reduction == "none":
        return d * d
    if (
        d.dtype.kind == "f" and d.size < 4096
    ):  # the quickest way for small arrays; beyond, pairwise sums are more exact
        flat = d.ravel()
        total = np.dot(flat, flat)
    else:
        total = np.add.reduce(d * d, axis=None)
    return total if reduction == "sum" else total / d.dtype.type(d.size or np.nan)


def _mse_pull(g: Any, a: Any, b: Any, reduction: str) -> Any:
    return (a - b) * (g * (2 / prod(a.shape) if reduction == "mean" else 2))


mse_loss: Op = structured(
    "mse_loss",
    _squares,
    nargs=2,
    shape=_loss_shape,
    tex=r"\frac{{1}}{{n}} \lVert {0} - {1} \rVert^2",
    prec=MUL,
    form=squares,
    vjp=(
        lambda g, y, a, b, reduction: _mse_pull(g, a, b, reduction),
        lambda g, y, a, b, reduction: _mse_pull(g, b, a, reduction),
    ),
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), r) for r in ("none", "mean", "sum")
    ],
)


def _smooth_l1(a: Any, b: Any, beta: float) -> Any:
    d = np.abs(a - b)
    return np.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta)


smooth_l1_loss = pointwise_loss(
    "smooth_l1_loss",
    _smooth_l1,
    lambda a, b, beta: _clipped((a - b) / beta),
    lambda a, b, beta: _clipped((b - a) / beta),
    tex=r"\operatorname{{smooth}}_{{L_1}}({0} - {1})",
    options=(0.7,),
)


def _huber(a: Any, b: Any, delta: float) -> Any:
    d = np.abs(a - b)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


huber_loss = pointwise_loss(
    "huber_loss",
    _huber,
    lambda a, b, delta: _clipped((a - b) / delta) * delta,
    lambda a, b, delta: _clipped((b - a) / delta) * delta,
    tex=r"\operatorname{{huber}}({0} - {1})",
    options=(0.7,),
)


def _probabilities(rng: Any) -> Any:
    return rng.uniform(0.1, 0.9, size=(2, 3)), rng.uniform(0.1, 0.9, size=(2, 3))


def _bce(p: Any, t: Any) -> Any:
    if p.size and (p.real.min() < 0 or p.real.max() > 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    with np.errstate(divide="ignore"):
        return (t - 1) * np.maximum(np.log1p(-p), -100) - t * np.maximum(np.log(p), -100)


binary_cross_entropy = pointwise_loss(
    "binary_cross_entropy",
    _bce,
    lambda p, t: (p - t) / where((1 - p) * p > 1e-12, (1 - p) * p, 1e-12),
    lambda p, t: _log_at_least(1 - p) - _log_at_least(p),
    tex=r"-{1} \, \ln({0}) - (1 - {1}) \, \ln(1 - {0})",
    prec=ADD,
    samples=_probabilities,
    singular="p = 0 or 1: logarithms are held at -100, denominators at 1e-12",
)


def _log_at_least(p: Any) -> Any:
    """ln p, but not below -100."""
    tiny = 3.720075976020836e-44  # e^-100
    return where(p > tiny, log(where(p > tiny, p, 1.0)), -100.0)


def _bce_logits(z: Any, t: Any) -> Any:
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


binary_cross_entropy_with_logits = pointwise_loss(
    "binary_cross_entropy_with_logits",
    _bce_logits,
    lambda z, t: sigmoid(z) - t,
    lambda z, t: -z,
    tex=r"\ln(1 + e^{{{0}}}) - {0} \, {1}",
    prec=ADD,
    samples=lambda rng: (rng.normal(size=(2, 3)), rng.uniform(size=(2, 3))),
)


def _soft_margin(a: Any, t: Any) -> Any:
    z = -t * a
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


soft_margin_loss = pointwise_loss(
    "soft_margin_loss",
    _soft_margin,
    lambda a, t: -t * sigmoid(-t * a),
    lambda a, t: -a * sigmoid(-t * a),
    tex=r"\ln(1 + e^{{-{1} \, {0}}})",
)
