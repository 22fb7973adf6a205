"""Linear systems: inverse, solve, triangular solve, determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape, broadcast_shapes
from .movement import reshape
from .product import adjoint, matmul
from .rearrange import tril, triu
from .record import DOT, POW, Spec, structured
from .rules import real_dtype, same_shape

_LOWER = "by its NumPy forward: LAPACK solves it"


class LinAlgError(RuntimeError):
    """A matrix that a factorisation cannot handle: singular, not positive definite, not converged."""


def _square_samples(rng: Any) -> list[Any]:
    return [(rng.normal(size=(3, 3)) + 3 * np.eye(3),), (rng.normal(size=(2, 2, 2)) + 2 * np.eye(2),)]


# ----- inverse, solve


def _inv(a: Any) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        batch, k = _first_singular(a)
        raise LinAlgError(
            f"linalg.inv: {batch}The diagonal element {k} is zero, the inversion could not be completed "
            f"because the input "
            "matrix is singular."
        ) from None


def _first_singular(a: Any) -> tuple[str, int]:
    """Which matrix of the batch has no inverse, and the number of the first zero pivot."""
    for i, m in enumerate(a.reshape(-1, *a.shape[-2:])):
        rank = int(np.linalg.matrix_rank(m))
        if rank < len(m):
            return (f"(Batch element {i}): " if a.ndim > 2 else ""), rank + 1
    return "", a.shape[-1]


inv = structured(
    "inv",
    _inv,
    vjp=(lambda g, y, a: -matmul(adjoint(y), matmul(g, adjoint(y))),),
    shape=same_shape,
    lower=_LOWER,
    tex="{0}^{{-1}}",
    prec=POW,
    samples=_square_samples,
    grad_name="LinalgInvExBackward0",
)


def _solve(a: Any, b: Any) -> Any:
    """A⁻¹B for matrices B (…, n, k)."""
    if 0 in a.shape or 0 in b.shape:
        return np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1]), b.dtype)
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        batch, _ = _first_singular(a)
        raise LinAlgError(
            f"torch.linalg.solve: {batch}The solver failed because the input matrix is singular."
        ) from None


def _solve_rule(g: Any, y: Any, a: Any, b: Any, *, needs: Any) -> Any:
    gb = solve(adjoint(a), g)
    return (-matmul(gb, adjoint(y)) if needs[0] else None, gb)


def _solve_shape(a: Spec, b: Spec) -> Shape:
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B: "
            f"({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]})"
        )
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1])


solve = structured(
    "solve",
    _solve,
    nargs=2,
    vjp=_solve_rule,
    shape=_solve_shape,
    lower=_LOWER,
    tex="{0}^{{-1}} {1}",
    prec=DOT,
    grad_name="LinalgSolveExBackward0",
    samples=lambda rng: [(rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2)))],
)


def _solve_triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """A⁻¹B for a triangular A; only its triangle is read."""
    from scipy.linalg import solve_triangular as solve_one

    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    out = np.empty(b.shape, b.dtype)
    for at in np.ndindex(*batch):
        if out[at].size:
            singular = not unit and not np.diagonal(a[at]).all()
            out[at] = (
                np.nan
                if singular
                else solve_one(a[at], b[at], lower=not upper, unit_diagonal=unit, check_finite=False)
            )
    return out


def _triangular_rule(g: Any, y: Any, a: Any, b: Any, upper: bool, unit: bool, *, needs: Any) -> Any:
    gb = solve_triangular(adjoint(a), g, not upper, unit)
    ga = None
    if needs[0]:
        full = -matmul(gb, adjoint(y))
        ga = triu(full, int(unit)) if upper else tril(full, -int(unit))
    return (ga, gb)


solve_triangular = structured(
    "solve_triangular",
    _solve_triangular,
    nargs=2,
    vjp=_triangular_rule,
    shape=lambda a, b, *_: _solve_shape(a, b),
    lower=_LOWER,
    tex="{0}^{{-1}} {1}",
    prec=DOT,
    grad_name="LinalgSolveTriangularBackward0",
    samples=lambda rng: [
        (np.triu(rng.normal(size=(3, 3))) + 3 * np.eye(3), rng.normal(size=(3, 2)), True, False),
        (np.tril(rng.normal(size=(3, 3))), rng.normal(size=(3, 2)), False, True),
    ],
)


def _cholesky_solve(b: Any, factor: Any, upper: bool) -> Any:
    low = factor.swapaxes(-1, -2).conj() if upper else factor
    half = _solve_triangular(low, b, False, False)
    return _solve_triangular(low.swapaxes(-1, -2).conj(), half, True, False)


def _cholesky_solve_rule(g: Any, y: Any, b: Any, factor: Any, upper: bool, *, needs: Any) -> Any:
    """b̄ = A⁻¹Ḡ and L̄ = -(b̄Yᴴ + Yb̄ᴴ) L."""
    gb = cholesky_solve(g, factor, upper)
    if not needs[1]:
        return gb, None
    both = matmul(gb, adjoint(y))
    both = both + adjoint(both)
    return gb, -matmul(factor, both) if upper else -matmul(both, factor)


def _factor_samples(rng: Any) -> Any:
    return np.linalg.cholesky(np.eye(3) + np.ones((3, 3)) * rng.uniform(0.1, 0.5))


cholesky_solve = structured(
    "cholesky_solve",
    _cholesky_solve,
    nargs=2,
    vjp=_cholesky_solve_rule,
    shape=lambda b, factor, upper: _solve_shape(factor, b),
    lower=_LOWER,
    tex=r"({1} {1}^\top)^{{-1}} {0}",
    prec=DOT,
    singular="the triangle of the factor that is not read is treated as if it were 0",
    samples=lambda rng: [(rng.normal(size=(3, 2)), _factor_samples(rng), False)],
)


def _cholesky_inverse(factor: Any, upper: bool) -> Any:
    return _cholesky_solve(np.eye(factor.shape[-1], dtype=factor.dtype), factor, upper)


def _cholesky_inverse_rule(g: Any, y: Any, factor: Any, upper: bool) -> Any:
    """L̄ = -Y (Ḡ + Ḡᴴ) Y L."""
    both = matmul(y, matmul(g + adjoint(g), y))
    return -matmul(factor, both) if upper else -matmul(both, factor)


cholesky_inverse = structured(
    "cholesky_inverse",
    _cholesky_inverse,
    vjp=(_cholesky_inverse_rule,),
    shape=same_shape,
    lower=_LOWER,
    tex=r"({0} {0}^\top)^{{-1}}",
    prec=POW,
    samples=lambda rng: [(_factor_samples(rng), False)],
)


# ----- determinants


def _det_rule(g: Any, y: Any, a: Any) -> Any:
    """∂det/∂A = det(A) A⁻ᵀ, by the adjugate so that singular matrices are right too."""
    return reshape(g, (*g.shape, 1, 1)) * adjoint(adjugate(a))


def _adjugate(a: Any) -> Any:
    """adj(A) = det(A) A⁻¹, from the singular values, which stays exact for singular A."""
    if 0 in a.shape:
        return np.zeros(a.shape, a.dtype)
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, i, -1), -1) for i in range(n)], -1)
    turn = np.linalg.det(u @ vh)
    v = vh.swapaxes(-1, -2).conj()
    out = (v * (others * turn[..., None])[..., None, :]) @ u.swapaxes(-1, -2).conj()
    return out.astype(a.dtype, copy=False)


def _adjugate_rule(g: Any, y: Any, a: Any) -> Any:
    """d adj(A) = (tr(A⁻¹dA) I - A⁻¹dA) adj(A), read backwards."""
    ia = adjoint(inv(a))
    inner = matmul(g, adjoint(y))
    t = _sum_last(g * y.conj())
    return reshape(t, (*t.shape, 1, 1)) * ia - matmul(ia, inner)


def _sum_last(a: Any) -> Any:
    from .reduce import sum

    return sum(a, (a.ndim - 2, a.ndim - 1), False)


adjugate = structured(
    "adjugate",
    _adjugate,
    vjp=(_adjugate_rule,),
    shape=same_shape,
    lower=_LOWER,
    tex=r"\operatorname{{adj}}({0})",
    samples=_square_samples,
    singular="the second derivative of a determinant is taken where the matrix is invertible",
)
det = structured(
    "det",
    np.linalg.det,
    vjp=(_det_rule,),
    shape=lambda a: a.shape[:-2],
    lower=_LOWER,
    tex=r"\det({0})",
    samples=_square_samples,
    grad_name="LinalgDetBackward0",
)


def _slogdet(a: Any) -> list[Any]:
    sign, log = np.linalg.slogdet(a)
    return [np.asarray(sign), np.asarray(log)]


def _slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    return adjoint(inv(a)) * reshape(g[1], (*g[1].shape, 1, 1))


slogdet = structured(
    "slogdet",
    _slogdet,
    outputs=2,
    vjp=(_slogdet_rule,),
    shape=lambda a: [a.shape[:-2]] * 2,
    lower=_LOWER,
    tex=r"\ln|\det({0})|",
    dtype=lambda a: [a.dtype, real_dtype(a)],
    samples=_square_samples,
    grad_name="LinalgSlogdetBackward0",
)
