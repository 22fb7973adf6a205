"""The least-squares problem of a formula and its data: answered piece by piece of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import extended
from .lm import Linear
from .losses import Loss
from .model import Model

Array = np.ndarray[Any, Any]


class Squares:
    """Residuals f(x) - y of a formula as a function of the parameters that are free.

    fixed  values of the parameters that are held, by name
    """

    def __init__(
        self, model: Model, data: Mapping[str, Array], target: Array, loss: Loss, fixed: Mapping[str, float]
    ) -> None:
        self.model, self.target, self.of, self.fixed = model, target, loss, dict(fixed)
        self.data = {**{n: data[n] for n in model.columns}, "": target}  # "": its length, without a column
        self.free = np.array([n not in fixed for n in model.parameters], bool)
        self.names = [n for n in model.parameters if n not in fixed]

    def whole(self, p: Array) -> Array:
        """All parameters, in the order of the formula."""
        value = {**self.fixed, **dict(zip(self.names, p))}
        return np.array([value[n] for n in self.model.parameters], float)

    def residuals(self, p: Array) -> Array:
        """f(x) - y of all rows."""
        return self.model.values(self.whole(p), self.data) - self.target

    def loss(self, p: Array) -> float:
        """Σ ρ(r)."""
        with np.errstate(all="ignore"):
            return float(
                sum(
                    self.of.sum(self.model.values(self.whole(p), self.data, rows) - self.target[rows])
                    for rows in self.model.pieces(self.data)
                )
            )

    def linear(self, p: Array) -> Linear:
        """Residuals and Jacobian, weighted, as one triangle: QR of piece after piece, never of all rows."""
        k = len(self.names)
        triangle, total = np.zeros((0, k + 1)), 0.0
        with np.errstate(all="ignore"):
            for r, jacobian in self.pieces(p):
                total += self.of.sum(r)
                w = np.sqrt(self.of.weight(r))[:, None]
                part = w * np.column_stack([jacobian, r])
                triangle = np.asarray(np.linalg.qr(np.vstack([triangle, part]), mode="r"))
        square = float(triangle[:, k] @ triangle[:, k])
        rows = min(k, len(triangle))
        R, q = np.zeros((k, k)), np.zeros(k)
        R[:rows], q[:rows] = triangle[:rows, :k], triangle[:rows, k]
        return Linear(total, square, R, q)

    def pieces(self, p: Array) -> Iterator[tuple[Array, Array]]:
        """Residuals and Jacobian of piece after piece."""
        whole = self.whole(p)
        for rows in self.model.pieces(self.data):
            value, jacobian = self.model.jacobian(whole, self.data, rows)
            yield value - self.target[rows], jacobian[:, self.free]

    def curvature(self, p: Array) -> Array:
        """Half of Σ ρ'(r) ∂²f, which the Hessian has beside the Jacobian's part."""
        whole = self.whole(p)
        with np.errstate(all="ignore"):
            r = self.model.values(whole, self.data) - self.target
            found = self.model.curvature(whole, self.data, self.of.weight(r) * r)
        return found[np.ix_(self.free, self.free)]

    def hessian(self, p: Array) -> Array:
        """Half the Hessian of Σ ρ(r), exactly: for least squares JᵀJ + Σ r ∂²f."""
        k = len(self.names)
        total = np.zeros((k, k))
        with np.errstate(all="ignore"):
            for r, jacobian in self.pieces(p):
                total += jacobian.T @ (self.of.second(r)[:, None] * jacobian)
        return total + self.curvature(p)


def refined(problem: Squares, p: Array) -> tuple[Array, Array] | None:
    """Parameters and residuals computed in twice the precision, from the decimals that the data were.

    None if the formula has operations that are not known in it.
    """
    program, inputs = problem.model.program(len(problem.target))
    if not extended.known(program):
        return None
    arrays = {n: extended.decimal(problem.data[n]) for n in problem.model.columns}
    target = extended.decimal(problem.target)
    with np.errstate(all="ignore"):
        jacobian = problem.model.jacobian(problem.whole(p), problem.data)[1][:, problem.free]
    at = extended.Twofold(p.copy(), np.zeros_like(p))
    last = np.inf
    for _ in range(12):
        r = _residuals(problem, program, inputs, arrays, at).plus(-target)
        step = -np.linalg.lstsq(jacobian, r.high, rcond=None)[0]
        long = float(np.linalg.norm(np.linalg.norm(jacobian, axis=0) * step))
        if not long < 0.5 * last:
            break
        last, at = long, at.plus(extended.Twofold(step, np.zeros_like(step)))
    r = _residuals(problem, program, inputs, arrays, at).plus(-target)
    return at.high, r.high


def _residuals(
    problem: Squares, program: Any, inputs: Mapping[str, Any], arrays: Mapping[str, extended.Twofold],
    at: extended.Twofold,
) -> extended.Twofold:  # fmt: skip
    n = len(problem.target)
    value = {name: extended.decimal(v) for name, v in problem.fixed.items()}
    value |= {name: extended.Twofold(at.high[i], at.low[i]) for i, name in enumerate(problem.names)}
    given = {
        v: arrays[name]
        if name in arrays
        else extended.Twofold(np.full(n, value[name].high), np.full(n, value[name].low))
        for name, v in inputs.items()
    }
    return extended.evaluate(program, given)
