"""Losses of pairs and of class indices.

Class indices are compared with 0 … C-1: the choice of a target's score is then a sum over a row that is read
anyway, where a gather would read it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import classes, loss
from ...ops.bounds import LARGEST
from ...ops.exponential import exp, log, log1p
from ...ops.movement import reshape
from ...ops.nn import softmax
from ...ops.reduce import sum
from ...ops.rounding import abs
from ...ops.search import one_hot
from ...ops.select import maximum, where
from ...ops.view import unsqueeze
from ...types import FROM_NUMPY, int32, int64
from .nn import shifted
from .parts import checked, converted, positions
from .registry import decomposition

# ----- losses of pairs


def _reduced(e: Any, reduction: str) -> Any:
    if reduction == "none":
        return e
    total = sum(e, tuple(range(e.ndim)), False)
    return total if reduction == "sum" else total / float(e.size)


def _pairs(op: Any) -> Callable[..., Any]:
    """Register a function of two numbers as what a loss does with each pair."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @decomposition(op)
        def _(a: Any, b: Any, reduction: str, *options: Any) -> Any:
            return _reduced(function(a, b, *options), reduction)

        return function

    return register


@_pairs(loss.mse_loss)
def _mse(a: Any, b: Any) -> Any:
    d = a - b
    return d * d


@_pairs(loss.smooth_l1_loss)
def _smooth_l1(a: Any, b: Any, beta: float) -> Any:
    d = abs(a - b)
    return where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta)


@_pairs(loss.huber_loss)
def _huber(a: Any, b: Any, delta: float) -> Any:
    d = abs(a - b)
    return where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


@_pairs(loss.binary_cross_entropy)
def _bce(p: Any, t: Any) -> Any:
    p = checked(p, 0, 1, None, "probability")
    return (t - 1) * maximum(log1p(-p), -100.0) - t * maximum(log(p), -100.0)


@_pairs(loss.binary_cross_entropy_with_logits)
def _bce_logits(z: Any, t: Any) -> Any:
    return maximum(z, 0.0) - z * t + log1p(exp(-abs(z)))


@_pairs(loss.soft_margin_loss)
def _soft_margin(a: Any, t: Any) -> Any:
    z = -t * a
    return maximum(z, 0.0) + log1p(exp(-abs(z)))


# ----- losses of class indices: scores (N, C, L), targets (N, L)


def _hits(target: Any, count: int, ignore_index: int) -> Any:
    """Where a class is the target, (N, C, L); refuses targets that are neither a class nor ignored."""
    target = checked(target, 0, count - 1, ignore_index, "target")
    return converted(unsqueeze(target, 1), int32) == positions(count, 0, target.ndim)


def _factors(target: Any, weight: Any, hits: Any, ignore_index: int, dtype: Any) -> tuple[Any, Any]:
    """Per target whether its term counts and its class's weight, 0 where ignored."""
    kept = target != ignore_index
    if weight is None:
        return kept, converted(kept, dtype)
    along = converted(reshape(weight, (weight.size, *(1,) * (target.ndim - 1))), dtype)
    return kept, where(kept, sum(where(hits, along, 0.0), (1,), False), 0.0)


def _shares(g: Any, counts: Any, w: Any, weighted: bool, reduction: str) -> Any:
    """What of the cotangent each term gets, 1/n included; 0 if it does not count, even if none does."""
    if reduction == "mean":
        g = g / sum(w, tuple(range(w.ndim)), False)
    return where(counts, g * w if weighted else g, 0.0)


def _loss(terms: Any, counts: Any, w: Any, weighted: bool, reduction: str) -> Any:
    """Σ w·terms over those that count, divided by Σ w for a mean."""
    terms = where(counts, terms * w if weighted else terms, 0.0)
    if reduction == "none":
        return terms
    every = tuple(range(w.ndim))
    total = sum(terms, every, False)
    return total / sum(w, every, False) if reduction == "mean" else total


@decomposition(classes.nll_loss)
def _nll(logp: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    hits = _hits(target, logp.shape[1], ignore_index)
    counts, w = _factors(target, weight, hits, ignore_index, logp.dtype)
    terms = -sum(where(hits, logp, 0.0), (1,), False)
    return _loss(terms, counts, w, weight is not None, reduction)


@decomposition(classes.nll_place)
def _nll_place(g: Any, target: Any, weight: Any, shape: Any, reduction: str, ignore_index: int) -> Any:
    hits = _hits(target, shape[1], ignore_index)
    counts, w = _factors(target, weight, hits, ignore_index, g.dtype)
    return where(hits, unsqueeze(-_shares(g, counts, w, weight is not None, reduction), 1), 0.0)


@decomposition(classes.cross_entropy)
def _cross_entropy(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """Σ w·(ln Σ eˣ − x at the target), shifted by the largest x of each row."""
    hits = _hits(target, x.shape[1], ignore_index)
    counts, w = _factors(target, weight, hits, ignore_index, x.dtype)
    z = shifted(x, 1) if x.size else x
    terms = log(sum(exp(z), (1,), True)) - sum(where(hits, z, 0.0), (1,), True)  # shared with softmax's
    return _loss(reshape(terms, target.shape), counts, w, weight is not None, reduction)


@decomposition(classes.cross_entropy_pull)
def _cross_entropy_pull(g: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    hits = _hits(target, x.shape[1], ignore_index)
    counts, w = _factors(target, weight, hits, ignore_index, x.dtype)
    p = softmax(x, 1)
    return where(hits, p - 1, p) * unsqueeze(_shares(g, counts, w, weight is not None, reduction), 1)


@decomposition(one_hot)
def _one_hot(a: Any, count: int) -> Any:
    a = checked(checked(a, 0, LARGEST, None, "negative class"), 0, count - 1, None, "class")
    return converted(unsqueeze(converted(a, int32), a.ndim) == positions(count), int64)


@decomposition(classes.term_weights)
def _term_weights(target: Any, weight: Any, reduction: str, ignore_index: int, dtype: Any) -> Any:
    dtype = dtype if hasattr(dtype, "category") else FROM_NUMPY[dtype]
    hits = None if weight is None else _hits(target, weight.size, ignore_index)
    counts, w = _factors(target, weight, hits, ignore_index, dtype)
    return unsqueeze(_shares(1.0, counts, w, True, reduction), 1)
