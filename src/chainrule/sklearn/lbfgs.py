"""L-BFGS over the whole data set: SciPy's optimizer on a compiled loss and gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .. import enable_grad, from_numpy
from ..autograd import grad
from ..compiler.step import compile
from ..tensor import Tensor
from .network import Array, Network, forward, losses
from .steps import rounded, running

_CHUNK = 512  # rows that one call of the compiled function takes


@lru_cache(maxsize=16)
def _objective(network: Network) -> Any:
    """Loss and gradient of some rows as functions of all parameters in one vector, coefficients first."""
    shapes = [*zip(network.units, network.units[1:]), *((n,) for n in network.units[1:])]
    ends = np.cumsum([int(np.prod(s)) for s in shapes]).tolist()

    def objective(vector: Tensor, x: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        parts = [vector[e - int(np.prod(s)) : e].reshape(s) for s, e in zip(shapes, ends)]
        layers = len(network.units) - 1
        z = forward(network, x, parts[:layers], parts[layers:])
        loss = (losses(network, z, y) * w).sum()
        (gradient,) = grad(loss, [vector])
        return loss.detach(), gradient

    return compile(objective)


class Objective:
    """The weighted mean loss plus half of alpha times the squared coefficients over the sum of weights.

    In float64 whatever the data are in: a line search compares losses that differ in their last digits.
    """

    def __init__(self, network: Network, rows: list[Array], alpha: float) -> None:
        """`rows` are x, y and w, each with a last row that pads: see steps.NOTE [Padding]."""
        n = len(rows[0]) - 1
        size = min(rounded(n), _CHUNK)
        index = np.full(-(-n // size) * size, n)
        index[:n] = np.arange(n)
        self._function = _objective(network._replace(dtype="float64"))
        self._rows = [
            tuple(from_numpy(_float64(a.take(index[i : i + size], 0))) for a in rows)
            for i in range(0, len(index), size)
        ]
        self.total = float(rows[2].sum(dtype=np.float64))
        self.alpha, self.coefficients = alpha, sum(a * b for a, b in zip(network.units, network.units[1:]))
        parameters = self.coefficients + sum(network.units[1:])
        self._reported = network.reported
        first = (from_numpy(np.zeros(parameters)).requires_grad_(), *self._rows[0])
        with running, enable_grad():
            if self._function.known(first) is None:
                self._function(
                    *first
                )  # the call that is traced, and run by NumPy, is none of those that count

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """The objective and its gradient."""
        loss, gradient = 0.0, np.zeros_like(vector)
        with running, enable_grad():
            point = from_numpy(np.array(vector)).requires_grad_()
            for rows in self._rows:
                part, slope = self._function(point, *rows)
                loss += float(part._array())
                gradient += slope._array()
        coefs = vector[: self.coefficients]
        gradient[: self.coefficients] += self.alpha * coefs
        return (loss + self.alpha / 2 * float(coefs @ coefs)) / self.total, gradient / self.total

    def reported(self, value: float, vector: Array) -> float:
        """The value as scikit-learn counts it: see Network.reported."""
        coefs = vector[: self.coefficients]
        penalty = self.alpha / 2 * float(coefs @ coefs) / self.total
        return (value - penalty) * self._reported + penalty


def _float64(a: Array) -> Array:
    return a.astype(np.float64) if a.dtype.kind == "f" else a


def minimise(
    objective: Objective, start: Array, *, tol: float, max_iter: int, max_fun: int,
    report: Callable[[float], Any],
) -> tuple[Array, float, int, str]:  # fmt: skip
    """The vector, its loss, the iterations, and "" or why it stopped early.

    Source: Byrd, Lu, Nocedal and Zhu, A limited memory algorithm for bound constrained optimization, 1995.
    """
    from scipy.optimize import minimize

    def after(intermediate_result: Any) -> None:
        report(objective.reported(float(intermediate_result.fun), intermediate_result.x))

    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    done = minimize(objective, start, jac=True, method="L-BFGS-B", callback=after, options=options)
    early = str(done.message) if done.status else ""
    return done.x, objective.reported(float(done.fun), done.x), min(int(done.nit), max_iter), early
