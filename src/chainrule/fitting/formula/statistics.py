"""What the data say of fitted parameters: errors, intervals, correlations, and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lm import EPS, Linear, free_at
from .squares import Squares

Array = np.ndarray[Any, Any]
CLOSE = 0.995  # correlations beyond are remarked on
_SINGULAR = 1e-11  # of the largest singular value of the Jacobian with columns of length 1


@dataclass
class Statistics:
    """Of a fit with n rows and k estimated parameters.

    rss, tss     Σ(f - y)², Σ(y - mean y)²
    dof          n - k
    sd           residual standard deviation √(rss/dof)
    covariance   of the free parameters; nan for those at a bound and those that cannot be told apart
    confused     groups of parameters that the data cannot tell apart; one alone has no influence at all
    at_bound     parameters that their bound holds
    method       how the errors were found, in words
    """

    names: list[str]
    rss: float
    tss: float
    rows: int
    dof: int
    sd: float
    covariance: Array
    confused: list[list[str]]
    at_bound: list[str]
    method: str

    @property
    def r2(self) -> float:
        """1 - rss/tss; nan if the target is constant."""
        return 1 - self.rss / self.tss if self.tss > 0 else np.nan

    @property
    def errors(self) -> Array:
        """Standard errors: the square roots of the covariance's diagonal."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(np.diag(self.covariance))

    def half_width(self, confidence: float) -> Array:
        """Half of each confidence interval, by Student's t with dof degrees of freedom."""
        from scipy.special import stdtrit

        if self.dof < 1:
            return np.full(len(self.names), np.nan)
        return float(stdtrit(self.dof, 0.5 + confidence / 2)) * self.errors

    def p_values(self, t: Array) -> Array:
        """How often a parameter that is 0 would give so large a t, or a larger one."""
        from scipy.special import stdtr

        if self.dof < 1:
            return np.full(len(t), np.nan)
        return 2 * stdtr(self.dof, -np.abs(t))

    @property
    def correlation(self) -> Array:
        """Of the estimates; nan where there is no covariance."""
        e = self.errors
        with np.errstate(all="ignore"):
            found = self.covariance / np.outer(e, e)
        return np.clip(found, -1, 1)

    def close(self) -> list[tuple[str, str, float]]:
        """Pairs of parameters whose estimates hang together, with their correlation."""
        c = self.correlation
        return [
            (a, b, float(c[i, j]))
            for i, a in enumerate(self.names)
            for j, b in enumerate(self.names)
            if i < j and abs(c[i, j]) > CLOSE
        ]


def statistics(
    problem: Squares, p: Array, linear: Linear, lower: Array, upper: Array, residuals: Array | None = None
) -> Statistics:
    """The statistics at a minimum; `residuals` are better ones than float64 gives, if there are.

    For least squares the covariance is sd² (JᵀJ)⁻¹, as NIST certifies it; for other losses the sandwich
    H⁻¹ (Σ ψ² ∇f ∇fᵀ) H⁻¹ n/(n - k), with the exact Hessian H (Huber and Ronchetti 2009, section 7.6).
    """
    y = problem.target
    n = len(y)
    r = problem.residuals(p) if residuals is None else residuals
    free = free_at(p, linear.gradient, lower, upper) | ~((p <= lower) | (p >= upper))
    at_bound = [name for name, f in zip(problem.names, free) if not f]
    rss, dof = float(r @ r), n - int(free.sum())
    sd = float(np.sqrt(rss / dof)) if dof > 0 else np.nan
    covariance = np.full((len(p), len(p)), np.nan)
    confused, told = _told_apart(linear, free, problem.names)
    if problem.of.squares:
        method = "from the Jacobian: s²(JᵀJ)⁻¹"
        if dof > 0 and told.any():
            covariance[np.ix_(told, told)] = sd**2 * _inverse_square(linear.R[:, told])
    else:
        method = "from the exact Hessian (sandwich)"
        if dof > 0 and told.any():
            covariance[np.ix_(told, told)] = _sandwich(problem, p, told) * (n / dof)
    tss = float(np.sum((y - y.mean()) ** 2))
    return Statistics(list(problem.names), rss, tss, n, dof, sd, covariance, confused, at_bound, method)


def _told_apart(linear: Linear, free: Array, names: Sequence[str]) -> tuple[list[list[str]], Array]:
    """Groups of parameters between which the Jacobian's columns do not decide, and which are outside."""
    groups: list[list[str]] = []
    told = free.copy()
    norms = linear.norms
    for i in np.flatnonzero(free & ~(norms > 0)).tolist():
        groups.append([names[i]])
        told[i] = False
    at = np.flatnonzero(told)
    if len(at):
        _, s, vt = np.linalg.svd(linear.R[:, at] / norms[at])
        for v in vt[s < max(_SINGULAR, len(at) * EPS) * s[0]]:
            among = at[np.abs(v) > 0.05 * np.abs(v).max()]
            group = [names[i] for i in among]
            if group not in groups:  # several directions among the same ones
                groups.append(group)
            told[among] = False
    return groups, told


def _inverse_square(R: Array) -> Array:
    """(RᵀR)⁻¹ from the inverse of R, its columns scaled to length 1."""
    R = np.asarray(np.linalg.qr(R, mode="r"))
    norms = np.linalg.norm(R, axis=0)
    inverse = np.linalg.inv(R / norms) / norms[:, None]
    return inverse @ inverse.T


def _sandwich(problem: Squares, p: Array, told: Array) -> Array:
    h = problem.hessian(p)[np.ix_(told, told)]
    middle = np.zeros_like(h)
    with np.errstate(all="ignore"):
        for r, jacobian in problem.pieces(p):
            part = (problem.of.weight(r) * r)[:, None] * jacobian[:, told]
            middle += part.T @ part
        scale = np.sqrt(np.abs(np.diag(h)))
        if not np.all(scale > 0) or np.linalg.cond(h / np.outer(scale, scale)) > 1 / (100 * EPS):
            return np.full_like(h, np.nan)  # mae: its curvature is zero
        return np.linalg.solve(h, np.linalg.solve(h, middle).T)
