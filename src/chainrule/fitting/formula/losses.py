"""Losses of residuals: what is minimised, as a number, as weights for least squares, and on tensors.

NOTE [Weights] A loss Σ ρ(r) other than the sum of squares is minimised as a sequence of weighted least
squares: with w(r) = ρ'(r)/2r the parabola w·r² + const touches ρ at r and lies above it, for every ρ that is
concave in r². So a step that makes the weighted squares smaller makes the loss smaller (P. J. Huber,
E. M. Ronchetti, "Robust Statistics", 2009, section 7.8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..problem import problem

Array = np.ndarray[Any, Any]


class Loss(NamedTuple):
    """A loss of residuals r.

    name     as it was asked for
    sum      Σ ρ(r)
    weight   ρ'(r)/2r
    second   ρ''(r)/2
    mean     whether the loss that is shown is a mean over rows, not a sum
    factor   by which ρ is multiplied in the loss that is shown
    tensors  the loss that is shown, of two tensors
    """

    name: str
    sum: Callable[[Array], float]
    weight: Callable[[Array], Array]
    second: Callable[[Array], Array]
    mean: bool
    factor: float
    tensors: Callable[[Any, Any], Any]

    @property
    def squares(self) -> bool:
        """Whether it is the sum of squares, up to a factor."""
        return self.name in ("mse", "half-sum", "sum")

    def shown(self, total: float, rows: int) -> float:
        """The loss as it is reported, from Σ ρ."""
        return total * self.factor / (rows if self.mean else 1)


NAMES = ("mse", "half-sum", "sum", "huber", "mae", "log-cosh")
_TINY = 1e-10  # residuals below count as this for mae, whose weight is 1/2|r|


def loss(name: str) -> Loss:
    """The loss of a name: mse, half-sum (½Σr²), sum (Σr²), huber or huber:δ, mae, log-cosh.

    Raises InputError for another name, or a δ that is not positive.

    >>> loss("huber:2").sum(np.array([1.0, 4.0]))
    6.5
    """
    kind, _, number = name.partition(":")
    delta = 1.0
    if number and kind == "huber":
        try:
            delta = float(number)
        except ValueError:
            delta = np.nan
    if kind not in NAMES or (number and kind != "huber") or not 0 < delta < np.inf:
        raise problem(
            "there is no such loss",
            came=repr(name),
            expected="one of " + ", ".join(NAMES) + "; huber:0.5 sets its δ",
        )
    return _made(kind, name, delta)


def _made(kind: str, name: str, delta: float) -> Loss:
    if kind == "huber":
        return _huber(name, delta)
    if kind == "mae":
        return Loss(
            kind,
            lambda r: float(np.abs(r).sum()),
            lambda r: 0.5 / np.maximum(np.abs(r), _TINY),
            np.zeros_like,
            True,
            1.0,
            lambda f, y: (f - y).abs().mean(),
        )
    if kind == "log-cosh":
        return Loss(
            kind,
            lambda r: float((np.logaddexp(r, -r) - np.log(2)).sum()),
            lambda r: np.where(np.abs(r) < 1e-6, 0.5, np.tanh(r) / (2 * np.where(r == 0, 1, r))),
            lambda r: 0.5 * (1 - np.tanh(r) ** 2),
            True,
            1.0,
            _log_cosh,
        )
    ones = np.ones_like
    mean, factor = kind == "mse", 0.5 if kind == "half-sum" else 1.0
    return Loss(
        kind,
        lambda r: float(r @ r),
        ones,
        ones,
        mean,
        factor,
        lambda f, y: ((f - y) ** 2).mean() if mean else factor * ((f - y) ** 2).sum(),
    )


def _huber(name: str, delta: float) -> Loss:
    def total(r: Array) -> float:
        a = np.abs(r)
        return float(np.where(a <= delta, 0.5 * a * a, delta * (a - 0.5 * delta)).sum())

    def tensors(f: Any, y: Any) -> Any:
        from ...nn.functional import huber_loss

        return huber_loss(f, y, delta=delta)

    return Loss(
        name,
        total,
        lambda r: 0.5 * np.minimum(1.0, delta / np.maximum(np.abs(r), delta)),
        lambda r: 0.5 * (np.abs(r) <= delta),
        True,
        1.0,
        tensors,
    )


def _log_cosh(f: Any, y: Any) -> Any:
    from ...nn.functional import softplus

    r = f - y
    return (r + softplus(-2 * r) - float(np.log(2))).mean()
