"""Losses of class indices, negative log-likelihood and cross entropy: scores (N, C, L), targets (N, L).

NOTE [What counts] A term counts unless its target is ignored, whatever its weight: ∞ with the weight 0 is
NaN. Where nothing counts a mean is NaN, and its gradient is 0, as that of every term that does not count.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..types import FROM_NUMPY, Shape, float64
from .arithmetic import mul
from .forms import entropy, entropy_pull
from .movement import reshape
from .nn import peak, softmax, softmax_pull
from .record import ADD, MUL, NEG, Bad, Op, Spec, structured
from .reduce import sum


def _weights(target: Any, weight: Any, ignore_index: int, dtype: Any) -> tuple[Any, Any]:
    """Per target whether its term counts, and the weight of its class, 0 where ignored."""
    kept = target != ignore_index
    if weight is None:
        return kept, kept.astype(dtype)
    return kept, np.where(kept, weight[np.where(kept, target, 0)], 0)


def _shares(g: Any, target: Any, weight: Any, reduction: str, ignore_index: int, dtype: Any) -> Any:
    """What of the cotangent g each term gets, 1/n included; see NOTE [What counts]."""
    kept, w = _weights(target, weight, ignore_index, dtype)
    if reduction == "mean":
        g = g / np.add.reduce(w, axis=None)
    return np.where(kept, w * g, 0)


def _loss(terms: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """The terms weighted, then as they are, their mean or their sum."""
    kept, w = _weights(target, weight, ignore_index, terms.dtype)
    terms = np.where(kept, terms * w, 0)
    if reduction == "none":
        return terms
    total = np.add.reduce(terms, axis=None)
    return total if reduction == "sum" else total / np.add.reduce(w, axis=None)


def _all_valid(target: Any, classes: int, ignore_index: int) -> bool:
    """Whether every target is a class that counts; refuses targets that are neither a class nor ignored."""
    if not target.size:
        return True
    # a negative one is huge as an unsigned number: one pass checks both ends
    if target.dtype == np.int64 and np.maximum.reduce(target.view(np.uint64), axis=None) < classes:
        return ignore_index < 0 or ignore_index not in target
    wrong = target[((target < 0) | (target >= classes)) & (target != ignore_index)]
    if wrong.size:
        raise IndexError(f"Target {int(wrong.flat[0])} is out of bounds.")
    return ignore_index not in target


@lru_cache(64)
def _row_starts(rows: int, classes: int) -> Any:
    starts = np.arange(0, rows * classes, classes)
    starts.flags.writeable = False
    return starts


def _at(target: Any, classes: int) -> Any:
    """Flat places of each target's class in (N, C, L)."""
    n = target.shape[0]
    if target.ndim == 1:
        return target + _row_starts(n, classes) if classes else target
    length = target.shape[1]
    return target * length + np.arange(length) + (np.arange(n) * (classes * length))[:, None]


def _nll(logp: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    classes = logp.shape[1]
    if _all_valid(target, classes, ignore_index) and weight is None and reduction != "none":
        total = -np.add.reduce(logp.reshape(-1)[_at(target, classes)], axis=None)
        return total if reduction == "sum" else total / logp.dtype.type(target.size or np.nan)
    place = _at(np.where(target == ignore_index, 0, target), classes)
    return _loss(-logp.reshape(-1)[place], target, weight, reduction, ignore_index)


def _nll_place(g: Any, target: Any, weight: Any, shape: Shape, reduction: str, ignore_index: int) -> Any:
    """Minus each term's factor at its target's class, zeros elsewhere."""
    w = _shares(g, target, weight, reduction, ignore_index, g.dtype)
    out = np.zeros(shape, g.dtype)
    out.reshape(-1)[_at(np.where(target == ignore_index, 0, target), shape[1])] = -w
    return out


def _nll_shape(logp: Spec, target: Spec, weight: Spec | None, reduction: str, ignore_index: int) -> Shape:
    return target.shape if reduction == "none" else ()


def _class_samples(rng: Any) -> list[Any]:
    x, t, w = rng.normal(size=(4, 3)), np.array([0, 2, 1, 2]), rng.uniform(0.5, 2, size=3)
    image = rng.normal(size=(2, 3, 4)), rng.integers(0, 3, size=(2, 4)), None
    return [(x, t, None, "mean", -100), (x, t, w, "mean", 2), (x, t, w, "none", -100), (*image, "sum", -100)]


_ONE_HOT = r"-\operatorname{{onehot}}({1})"
_SOFTMAX_ERROR = r"\operatorname{{softmax}}({1}) - \operatorname{{onehot}}({2})"
_OUT_OF_BOUNDS = Bad(
    lambda: (np.zeros((2, 3)), np.array([0, 5]), None, "mean", -100), IndexError, "Target 5 is out of bounds."
)

nll_loss: Op = structured(
    "nll_loss",
    _nll,
    nargs=3,
    shape=_nll_shape,
    tex=r"-\frac{{1}}{{n}} \sum {0}_{{i,\,{1}_i}}",
    prec=NEG,
    form=entropy("{0}"),
    samples=_class_samples,
    vjp=(
        lambda g, y, logp, target, weight, reduction, ignore_index: nll_place(
            g, target, weight, logp.shape, reduction, ignore_index
        ),
        None,
        None,
    ),
    bad=[_OUT_OF_BOUNDS],
)

nll_place: Op = structured(
    "nll_place",
    _nll_place,
    nargs=3,
    tex=r"-{0} \, \operatorname{{onehot}}({1})",
    prec=NEG,
    form=lambda g, target, weight, shape, reduction, *_: entropy_pull(g, target, reduction, (_ONE_HOT, NEG)),
    grad_name="NllLossBackwardBackward0",
    shape=lambda g, target, weight, shape, reduction, ignore_index: shape,
    vjp=(
        lambda u, y, g, target, weight, shape, reduction, ignore_index: nll_loss(
            u, target, weight, reduction, ignore_index
        ),
        None,
        None,
    ),
    samples=lambda rng: [(rng.normal(size=()), np.array([0, 2]), None, (2, 3), "mean", -100)],
)


def _cross_entropy(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """Σ w·(ln Σ eˣ − x at the target), shifted by the largest x of each row."""
    shifted = x - peak(x, 1)
    log_total = np.log(np.add.reduce(np.exp(shifted), axis=1))
    classes = x.shape[1]
    if _all_valid(target, classes, ignore_index) and weight is None and reduction == "mean":
        log_total -= shifted.reshape(-1)[_at(target, classes)]
        return np.add.reduce(log_total, axis=None) / x.dtype.type(target.size or np.nan)
    picked = shifted.reshape(-1)[_at(np.where(target == ignore_index, 0, target), classes)]
    return _loss(log_total - picked, target, weight, reduction, ignore_index)


def _cross_entropy_pull(g: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    p = softmax.forward(x, 1)
    if weight is None and reduction == "mean" and _all_valid(target, x.shape[1], ignore_index):
        p.reshape(-1)[_at(target, x.shape[1])] -= 1
        p *= g / p.dtype.type(target.size)
        return p
    w = _shares(g, target, weight, reduction, ignore_index, x.dtype)
    p.reshape(-1)[_at(np.where(target == ignore_index, 0, target), x.shape[1])] -= 1
    p *= np.expand_dims(w, 1)
    return p


cross_entropy: Op = structured(
    "cross_entropy",
    _cross_entropy,
    nargs=3,
    shape=_nll_shape,
    samples=_class_samples,
    grad_name="NllLossBackward0",
    tex=r"-\frac{{1}}{{n}} \sum \ln \operatorname{{softmax}}({0})_{{i,\,{1}_i}}",
    prec=NEG,
    form=entropy(r"\ln \operatorname{{softmax}}({0})"),
    vjp=(
        lambda g, y, x, target, weight, reduction, ignore_index: cross_entropy_pull(
            g, x, target, weight, reduction, ignore_index
        ),
        None,
        None,
    ),
    bad=[_OUT_OF_BOUNDS],
)


def _pull_x(
    u: Any, y: Any, g: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int
) -> Any:
    """The softmax Jacobian, weighted as the terms of the loss are."""
    w = term_weights(target, weight, reduction, ignore_index, x.dtype)
    return softmax_pull(
        u * mul(w, g) if reduction != "none" else u * w * reshape(g, w.shape), softmax(x, 1), 1
    )


def _pull_g(
    u: Any, y: Any, g: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int
) -> Any:
    p = softmax(x, 1)
    w = term_weights(target, weight, reduction, ignore_index, x.dtype)
    along = sum(u * p * w, (1,), False)
    if reduction != "none":
        along = sum(along, tuple(range(along.ndim)), False)
    return along + nll_loss(u, target, weight, reduction, ignore_index)


cross_entropy_pull: Op = structured(
    "cross_entropy_pull",
    _cross_entropy_pull,
    nargs=4,
    grad_name="NllLossBackwardBackward0",
    shape=lambda g, x, *_: x.shape,
    tex=r"{0} \, (\operatorname{{softmax}}({1}) - \operatorname{{onehot}}({2}))",
    prec=MUL,
    form=lambda g, x, target, weight, reduction, *_: entropy_pull(
        g, target, reduction, (_SOFTMAX_ERROR, ADD)
    ),
    vjp=(_pull_g, _pull_x, None, None),
    samples=lambda rng: [
        (rng.normal(size=() if s[3] != "none" else s[1].shape), *s) for s in _class_samples(rng)
    ],
)


def _numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype of arrays' and of tensors' dtypes."""
    return np.dtype(getattr(dtype, "np", dtype))


term_weights: Op = structured(
    "term_weights",
    lambda target, weight, reduction, ignore_index, dtype: np.expand_dims(
        _shares(_numpy_dtype(dtype).type(1), target, weight, reduction, ignore_index, _numpy_dtype(dtype)), 1
    ),
    nargs=2,
    tex="w_{{{0}}}",
    shape=lambda target, weight, *_: (target.shape[0], 1, *target.shape[1:]),
    dtype=lambda target, weight, reduction, ignore_index, dtype: FROM_NUMPY[_numpy_dtype(dtype)],
    samples=lambda rng: [(np.array([0, 2]), None, "mean", -100, float64)],
    nondiff="it depends on class indices only",
)
