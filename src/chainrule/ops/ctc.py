"""Connectionist temporal classification (Graves et al., 2006): a label sequence's probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from .record import Op, structured
from .reduce import sum

_LOWER = "by its NumPy forward: a recursion over time and labels"


def _extended(targets: Any, blank: int) -> Any:
    """The labels with blanks between, before and after: (N, 2S + 1)."""
    out = np.full((len(targets), 2 * targets.shape[1] + 1), blank)
    out[:, 1::2] = targets
    return out


def _alphas(x: Any, labels: Any, skip: Any) -> Any:
    """Log-probabilities of the prefixes: alpha[t, n, s], all alignments that end at s at time t."""
    picked = np.take_along_axis(x, np.broadcast_to(labels, (len(x), *labels.shape)), 2)
    alpha = np.full(picked.shape, -np.inf)
    alpha[0, :, :2] = picked[0, :, :2]
    for t in range(1, len(x)):
        stay = alpha[t - 1]
        total = stay.copy()
        total[:, 1:] = np.logaddexp(stay[:, 1:], stay[:, :-1])
        total[:, 2:] = np.logaddexp(total[:, 2:], np.where(skip[:, 2:], stay[:, :-2], -np.inf))
        alpha[t] = total + picked[t]
    return alpha


def _skips(labels: Any, blank: int) -> Any:
    """Where the blank before a label may be left out: the label before that differs."""
    skip = np.zeros(labels.shape, bool)
    skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return skip


def _ends(alpha: Any, lengths: Any, sizes: Any) -> Any:
    """ln p: alignments that end, at the last time, on the last label or the blank behind it."""
    n = np.arange(len(lengths))
    last = alpha[np.maximum(lengths, 1) - 1, n]
    end = np.where(sizes > 0, last[n, np.maximum(2 * sizes - 1, 0)], -np.inf)
    both = np.logaddexp(last[n, 2 * sizes], end)
    return np.where(lengths > 0, both, np.where(sizes == 0, 0.0, -np.inf))


def _ctc(x: Any, targets: Any, lengths: Any, sizes: Any, blank: int, zero_infinity: bool) -> Any:
    labels = _extended(targets, blank)
    with np.errstate(invalid="ignore"):
        nll = -_ends(_alphas(x.astype(np.float64), labels, _skips(labels, blank)), lengths, sizes)
    if zero_infinity:
        nll = np.where(np.isinf(nll), 0, nll)
    return nll.astype(x.dtype)


def _ctc_pull(g: Any, x: Any, targets: Any, lengths: Any, sizes: Any, blank: int, zero_infinity: bool) -> Any:
    """exp(x) minus the posterior of each class at each time, times g."""
    labels, y = _extended(targets, blank), x.astype(np.float64)
    steps, batch, width = len(x), len(targets), labels.shape[1]
    with np.errstate(invalid="ignore"):
        alpha = _alphas(y, labels, _skips(labels, blank))
        log_p = _ends(alpha, lengths, sizes)
        beta = _betas(y, labels, blank, lengths, sizes)
        joint = np.exp(alpha + beta - log_p[:, None] - _picked(y, labels))
    joint = np.nan_to_num(joint, posinf=0.0) if zero_infinity else joint
    posterior = np.zeros(y.shape)
    t, n, s = np.indices((steps, batch, width), sparse=True)
    np.add.at(posterior, (t, n, labels[n, s]), joint)
    grad = np.exp(y) - posterior
    grad[np.arange(steps)[:, None] >= lengths] = 0
    if zero_infinity:
        grad[:, np.isinf(log_p)] = 0
    return (grad * g[:, None]).astype(x.dtype)


def _picked(x: Any, labels: Any) -> Any:
    return np.take_along_axis(x, np.broadcast_to(labels, (len(x), *labels.shape)), 2)


def _betas(x: Any, labels: Any, blank: int, lengths: Any, sizes: Any) -> Any:
    """Log-probabilities of the suffixes, each from its own end."""
    picked, skip = _picked(x, labels), _skips(labels, blank)
    beta = np.full(picked.shape, -np.inf)
    n = np.arange(len(lengths))
    final = np.full(picked.shape[1:], -np.inf)
    final[n, 2 * sizes] = 0
    final[n[sizes > 0], 2 * sizes[sizes > 0] - 1] = 0
    following = np.full(picked.shape[1:], -np.inf)
    for t in range(len(x) - 1, -1, -1):
        total = following.copy()
        total[:, :-1] = np.logaddexp(total[:, :-1], following[:, 1:])
        total[:, :-2] = np.logaddexp(total[:, :-2], np.where(skip[:, 2:], following[:, 2:], -np.inf))
        at_end = (lengths - 1 == t)[:, None]
        following = np.where(at_end, final, total) + picked[t]
        beta[t] = following
    return beta


def _pull_g(
    u: Any, y: Any, g: Any, x: Any, targets: Any, lengths: Any, sizes: Any, blank: int, zero_infinity: bool
) -> Any:
    """The map is linear in g: each sample's own gradient, weighted by u."""
    return sum(u * ctc_pull(g * 0 + 1, x, targets, lengths, sizes, blank, zero_infinity), (0, 2), False)


def _pull_x(
    u: Any, y: Any, g: Any, x: Any, targets: Any, lengths: Any, sizes: Any, blank: int, zero_infinity: bool
) -> Any:
    raise NotImplementedError(
        "derivative for aten::_ctc_loss_backward is not implemented: PyTorch has no second derivative of "
        "ctc_loss either; take the first one without create_graph=True"
    )


def _samples(rng: Any) -> list[Any]:
    x = rng.normal(size=(5, 2, 4))
    x -= np.log(np.exp(x).sum(2, keepdims=True))
    return [(x, np.array([[1, 1], [2, 3]]), np.array([5, 4]), np.array([2, 1]), 0, False)]


ctc: Op = structured(
    "ctc_loss",
    _ctc,
    nargs=4,
    shape=lambda x, *_: (x.shape[1],),
    lower=_LOWER,
    tex=r"-\ln p({1} \mid {0})",
    samples=_samples,
    vjp=(
        lambda g, y, x, targets, lengths, sizes, blank, zero_infinity: ctc_pull(
            g, x, targets, lengths, sizes, blank, zero_infinity
        ),
        None,
        None,
        None,
    ),
    singular="the derivative is that of ctc(log_softmax(x)): the inputs are taken to be normalised",
)

ctc_pull: Op = structured(
    "ctc_pull",
    _ctc_pull,
    nargs=5,
    shape=lambda g, x, *_: x.shape,
    lower=_LOWER,
    tex=r"{0} \, (e^{{{1}}} - \gamma)",
    vjp=(_pull_g, _pull_x, None, None, None),
    samples=lambda rng: [(rng.normal(size=2), *s) for s in _samples(rng)],
)
