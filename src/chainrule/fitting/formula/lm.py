"""Levenberg–Marquardt with exact Jacobians, in the trust-region form of Moré, with bounds.

NOTE [The step] With J = QR the step solves min ‖Rδ + Qᵀr‖ within the ellipsoid ‖Dδ‖ ≤ Δ, D being the column
norms of J, those of earlier steps with less and less weight (MINPACK keeps the largest for ever, and then
crawls if the start point was steep). δ(μ) = -(RᵀR + μD²)⁻¹RᵀQᵀr is computed from the singular values of RD⁻¹,
so no product JᵀJ is formed and its squared condition number does not appear. Parameters at a bound to which
the gradient points stay there; a step that meets a bound is cut there, and the others go on.

J. J. Moré, "The Levenberg–Marquardt algorithm: implementation and theory", Numerical Analysis, 1978.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray[Any, Any]
EPS = float(np.finfo(float).eps)
_MEMORY = 0.9  # of the scale, from step to step


class Linear(NamedTuple):
    """Residuals near a point: r + Jδ, up to a rotation.

    loss    what is minimised, here: ‖r‖² for least squares
    square  ‖r‖², of residuals that are scaled so that 2Jᵀr is the gradient of the loss
    R, q    J = QR, and Qᵀr
    """

    loss: float
    square: float
    R: Array
    q: Array

    @property
    def gradient(self) -> Array:
        return self.R.T @ self.q

    @property
    def finite(self) -> bool:
        """Whether all of it is finite."""
        return bool(np.isfinite(self.loss) and np.isfinite(self.R).all() and np.isfinite(self.q).all())

    @property
    def norms(self) -> Array:
        """The norms of the Jacobian's columns."""
        return np.linalg.norm(self.R, axis=0)


class Problem(Protocol):
    """What is minimised."""

    def loss(self, p: Array) -> float:
        """The loss; not finite where the formula has no value."""

    def linear(self, p: Array) -> Linear:
        """Residuals and Jacobian at a point."""

    def curvature(self, p: Array) -> Array:
        """Σ rᵢ ∂²rᵢ: half the loss's Hessian is JᵀJ and this."""


class Found(NamedTuple):
    """Where the search ended: the point, what it saw there, why it stopped, and after how many steps."""

    p: Array
    linear: Linear
    reason: str
    steps: int


@dataclass
class Tolerances:
    """When a search is over: relative change of the loss and of the point, angle of residuals and columns."""

    loss: float = 1e-15
    point: float = 1e-15
    angle: float = 1e-15
    steps: int = 2000


class State(NamedTuple):
    """All that the search goes on from."""

    steps: int
    p: Array
    scale: Array
    radius: float


def minimise(
    problem: Problem, start: Array | State, lower: Array, upper: Array, tolerances: Tolerances | None = None,
    each: Callable[[State, Linear], None] | None = None,
) -> Found:  # fmt: skip
    """Minimise from a point at which the loss is finite; `each` is called after every step with the state.

    >>> class Root2:
    ...     def loss(self, p): return float(p[0] ** 2 - 2) ** 2
    ...     def linear(self, p): return Linear(self.loss(p), self.loss(p), 2 * p[:, None], p**2 - 2)
    ...     def curvature(self, p): return 2 * (p**2 - 2)[:, None]
    >>> float(minimise(Root2(), np.array([1.0]), np.array([-9.0]), np.array([9.0])).p[0])
    1.4142135623730951
    """
    return _Search(problem, lower, upper, tolerances or Tolerances()).run(start, each)


class _Search:
    def __init__(self, problem: Problem, lower: Array, upper: Array, tolerances: Tolerances) -> None:
        self.problem, self.lower, self.upper, self.limits = problem, lower, upper, tolerances

    def run(self, start: Array | State, each: Callable[[State, Linear], None] | None) -> Found:
        first = 0
        if isinstance(start, State):
            first, p, scale, radius = start
            here = self.problem.linear(p)
        else:
            p = np.clip(start, self.lower, self.upper)
            here = self.problem.linear(p)
            scale = np.where(here.norms > 0, here.norms, 1.0)
            radius = float(np.linalg.norm(scale * p)) or 1.0  # MINPACK's is 100 times this: far for BoxBOD
        if not here.finite:
            return Found(p, here, "", first)
        for steps in range(first, self.limits.steps):
            scale = np.maximum(_MEMORY * scale, here.norms)
            free = free_at(p, here.gradient, self.lower, self.upper)
            if not free.any() or self._flat(here, free):
                return Found(p, here, "the gradient is zero", steps)
            there, radius, reason = self._step(p, here, scale, radius, free, steps)
            if there is not None:
                p, here = there
                if each is not None:
                    each(State(steps + 1, p, scale, radius), here)
            if reason:
                return Found(p, here, reason, steps + 1)
        return Found(p, here, "", self.limits.steps)

    def _flat(self, here: Linear, free: Array) -> bool:
        """Whether the residuals are orthogonal to all columns, up to rounding."""
        norm = np.sqrt(here.square)
        with np.errstate(all="ignore"):
            cosines = np.abs(here.gradient) / (here.norms * norm)
        return not norm > 0 or bool(np.nan_to_num(cosines[free]).max() <= self.limits.angle)

    def _step(
        self, p: Array, here: Linear, scale: Array, radius: float, free: Array, steps: int
    ) -> tuple[tuple[Array, Linear] | None, float, str]:
        """A point with a smaller loss, the next radius, and why the search is over, if it is."""
        for _ in range(200):
            step = bounded(here, scale, radius, p, self.lower, self.upper, free)
            long = float(np.linalg.norm(scale * step))
            if not steps:
                radius = min(radius, long) if long > 0 else radius
            moved = here.R @ step
            predicted = -float(2 * (here.q @ moved) + moved @ moved)
            new = np.clip(p + step, self.lower, self.upper)
            loss = self.problem.loss(new)
            drop = here.loss - loss if np.isfinite(loss) else -np.inf
            ratio = drop / predicted if predicted > 0 else -1.0
            small = predicted <= self.limits.loss * here.loss and abs(drop) <= self.limits.loss * here.loss
            still = long <= self.limits.point * float(np.linalg.norm(scale * p))
            if ratio <= 0.25:
                radius = (0.25 if np.isfinite(loss) else 0.1) * min(radius, 10 * long)
            elif ratio >= 0.75 or long < 0.9 * radius:
                radius = max(radius, 2 * long) if ratio >= 0.75 else radius
            reason = "the loss no longer changes" if small else "the parameters no longer change" * still
            if ratio > 1e-4 and drop > 0:
                there = self.problem.linear(new)
                if there.finite:
                    return (new, there), radius, reason
                radius = 0.1 * long  # a value without a derivative, as of √x at 0
            if reason or radius <= EPS**2 * max(float(np.linalg.norm(scale * p)), EPS):
                return None, radius, reason or "no smaller loss is near"
        return None, radius, "no smaller loss is near"


def free_at(p: Array, gradient: Array, lower: Array, upper: Array) -> Array:
    """The parameters that may move: not those at a bound to which descent would push them."""
    return ~(((p <= lower) & (gradient >= 0)) | ((p >= upper) & (gradient <= 0)))


def bounded(
    here: Linear, scale: Array, radius: float, p: Array, lower: Array, upper: Array, free: Array
) -> Array:
    """The step within the radius and the bounds; a parameter that meets its bound stops there."""
    step, q, free = np.zeros_like(p), here.q.copy(), free.copy()
    while free.any():
        step[free] = within(here.R[:, free], q, scale[free], radius)
        new = p + step
        outside = free & ((new < lower) | (new > upper))
        if not outside.any():
            break
        step[outside] = np.clip(new, lower, upper)[outside] - p[outside]
        q += here.R[:, outside] @ step[outside]
        free &= ~outside
    return step


def within(R: Array, q: Array, scale: Array, radius: float) -> Array:
    """The minimiser of ‖Rδ + q‖ with ‖scale·δ‖ ≤ radius; the shortest one if there are several."""
    u, s, vt = np.linalg.svd(R / scale, full_matrices=False)
    s = np.where(s > EPS * len(s) * s[0], s, 0.0)
    c = -(u.T @ q)
    gauss = np.divide(c, s, out=np.zeros_like(c), where=s > 0)
    if np.linalg.norm(gauss) <= 1.1 * radius:
        return (vt.T @ gauss) / scale
    mu = _damping(s, s * c, radius)
    return (vt.T @ (s * c / (s * s + mu))) / scale


def _damping(s: Array, b: Array, radius: float) -> float:
    """μ with ‖b/(s² + μ)‖ = radius up to a tenth: Newton's method on its reciprocal, nearly a line."""
    low, high = 0.0, float(np.linalg.norm(b)) / radius
    mu = max(1e-3 * high, float(np.finfo(float).tiny))
    for _ in range(50):
        d = b / (s * s + mu)
        norm = float(np.linalg.norm(d))
        if abs(norm - radius) <= 0.1 * radius:
            break
        low, high = (mu, high) if norm > radius else (low, mu)
        slope = -float(np.sum(d * d / (s * s + mu))) / norm
        mu -= (norm / radius) * (norm - radius) / slope
        if not low < mu < high:
            mu = max(np.sqrt(low * high), 1e-3 * high)
    return mu


def polished(problem: Problem, found: Found, lower: Array, upper: Array) -> Found:
    """Newton steps, with the exact Hessian, for as long as they get shorter.

    Near a minimum the loss is flat: its rounding hides the last half of the digits of the parameters, the
    steps do not. A step is taken if it is less than half as long as the last one was.
    """
    p, here = found.p, found.linear
    last = np.inf
    for _ in range(20):
        free = free_at(p, here.gradient, lower, upper)
        step = newton(here, problem.curvature(p), free)
        long = float(np.linalg.norm(here.norms * step))
        if not 0 < long < min(0.5 * last, 1e-3 * float(np.linalg.norm(here.norms * p))):
            break
        new = p + step
        there = problem.linear(new) if np.all((lower <= new) & (new <= upper)) else here
        if there is here or not there.loss <= here.loss * (1 + 1e-10):
            break
        p, here, last = new, there, long
    return Found(p, here, found.reason, found.steps)


def newton(here: Linear, curvature: Array, free: Array) -> Array:
    """-(RᵀR + S)⁻¹Rᵀq as R⁻¹(I + R⁻ᵀSR⁻¹)⁻¹q, which is as exact as R allows; zeros where that fails."""
    step = np.zeros(len(free))
    q, R = np.linalg.qr(here.R[:, free])
    scale = np.linalg.norm(R, axis=0)
    if not free.any() or not np.all(scale > 0) or np.linalg.cond(R / scale) > 0.01 / EPS:
        return step
    inverse = np.linalg.inv(R / scale) / scale[:, None]
    inner = np.eye(len(scale)) + inverse.T @ curvature[np.ix_(free, free)] @ inverse
    if np.linalg.eigvalsh(inner).min() > 0:  # a minimum is near
        step[free] = -inverse @ np.linalg.solve(inner, q.T @ here.q)
    return step
