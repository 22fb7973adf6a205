"""Factorisations: Cholesky, QR, LU, and the products of Householder reflections."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..types import Shape, broadcast_shapes, int32
from .index import part
from .join import cat
from .product import adjoint, matmul
from .rearrange import tril, triu
from .record import Op, Spec, structured
from .rules import same_shape
from .solve import LinAlgError, solve_triangular

_LOWER = "by its NumPy forward: LAPACK factors it"


def hermitian_samples(rng: Any) -> list[Any]:
    """Symmetric positive definite matrices."""
    made = []
    for shape in ((3, 3), (2, 2, 2)):
        a = rng.normal(size=shape)
        made.append((a @ a.swapaxes(-1, -2) + np.eye(shape[-1]),))
    return made


def _phi(a: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    return (tril(a, 0) + tril(a, -1)) / 2


def _cholesky(a: Any) -> Any:
    if not a.size:
        return np.zeros_like(a)
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        orders = [failing_minor(m) for m in a.reshape(-1, *a.shape[-2:])]
        i = next((i for i, k in enumerate(orders) if k), 0)
        batch = f"(Batch element {i}): " if a.ndim > 2 else ""
        raise LinAlgError(
            f"linalg.cholesky: {batch}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {orders[i]} is not positive-definite)."
        ) from None


def failing_minor(a: Any) -> int:
    """The order of the first leading minor of a matrix that is not positive definite; 0 if all are."""
    for k in range(1, a.shape[-1] + 1):
        if not np.linalg.eigvalsh(a[:k, :k]).min() > 0:
            return k
    return 0


def _cholesky_rule(g: Any, y: Any, a: Any) -> Any:
    """Ā = ½ L⁻ᴴ (Φ(LᴴḠ) + its adjoint) L⁻¹."""
    p = _phi(matmul(adjoint(y), g))
    s = (p + adjoint(p)) / 2
    left = solve_triangular(adjoint(y), s, True, False)
    return adjoint(solve_triangular(adjoint(y), adjoint(left), True, False))


cholesky = structured(
    "cholesky",
    _cholesky,
    vjp=(_cholesky_rule,),
    shape=same_shape,
    lower=_LOWER,
    tex=r"\operatorname{{chol}}({0})",
    samples=hermitian_samples,
    grad_name="LinalgCholeskyExBackward0",
)


def _qr(a: Any, mode: Literal["reduced", "complete", "r"]) -> list[Any]:
    if mode == "r":
        return [np.zeros(0, a.dtype), np.linalg.qr(a, "r")]
    return list(np.linalg.qr(a, mode))


def _qr_shape(a: Spec, mode: str) -> list[Shape]:
    m, n = a.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return [(0,) if mode == "r" else (*a.shape[:-2], m, k), (*a.shape[:-2], k, n)]


def _qr_rule(g: Any, y: Any, a: Any, mode: str) -> Any:
    """M = R Ḡᴿᴴ - Ḡꟴᴴ Q; Ā = (Ḡꟴ + Q copyltu(M)) R⁻ᴴ, for m >= n; wide ones by their left square."""
    gq, gr = g
    q, r = y
    n, k = a.shape[-1], q.shape[-1]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients"
        )
    if mode == "complete" and a.shape[-2] > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
        )
    if k < n:
        return _wide_qr(gq, gr, q, r, k)
    m = matmul(r, adjoint(gr)) - matmul(adjoint(gq), q)
    low = tril(m, -1)
    mirrored = low + adjoint(low) + (_diagonal_part(m) + adjoint(_diagonal_part(m))) / 2
    b = gq + matmul(q, mirrored)
    return adjoint(solve_triangular(r, adjoint(b), True, False))


def _diagonal_part(m: Any) -> Any:
    return tril(m, 0) - tril(m, -1)


def _wide_qr(gq: Any, gr: Any, q: Any, r: Any, k: int) -> Any:
    n = r.shape[-1]
    square, rest = (..., slice(0, k)), (..., slice(k, n))
    left, right, g_left, g_right = part(r, square), part(r, rest), part(gr, square), part(gr, rest)
    gq = gq + matmul(matmul(q, right), adjoint(g_right))
    m = matmul(left, adjoint(g_left)) - matmul(adjoint(gq), q)
    low = tril(m, -1)
    b = gq + matmul(q, low + adjoint(low) + (_diagonal_part(m) + adjoint(_diagonal_part(m))) / 2)
    first = adjoint(solve_triangular(left, adjoint(b), True, False))
    return cat([first, matmul(q, g_right)], len(gr.shape) - 1, (k, n - k))


qr = structured(
    "qr",
    _qr,
    outputs=2,
    vjp=(_qr_rule,),
    shape=_qr_shape,
    lower=_LOWER,
    tex=r"\operatorname{{QR}}({0})",
    grad_name="LinalgQrBackward0",
    samples=lambda rng: [(rng.normal(size=(4, 3)), "reduced"), (rng.normal(size=(2, 3)), "reduced")],
)


# ----- LU


def _lu(a: Any) -> list[Any]:
    """LU with partial pivoting, compact: both triangles in one matrix, and the row swaps counted from 1."""
    from scipy.linalg import get_lapack_funcs

    m, n = a.shape[-2:]
    out, pivots = np.empty(a.shape, a.dtype), np.zeros((*a.shape[:-2], min(m, n)), np.int32)
    if a.size:
        getrf = get_lapack_funcs("getrf", (a,))
        for at in np.ndindex(*a.shape[:-2]):
            out[at], swaps, _ = getrf(a[at])
            pivots[at] = swaps + 1
    return [out, pivots]


def swaps_to_rows(pivots: Any, m: int) -> Any:
    """The row order that the swaps of an LU factorisation lead to: (…, m) from (…, k), counted from 0."""
    rows = np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m)).copy()
    for at in np.ndindex(*pivots.shape[:-1]):
        order = rows[at]
        for i, p in enumerate(pivots[at] - 1):
            order[[i, p]] = order[[p, i]]
    return rows


def _geqrf(a: Any) -> list[Any]:
    k = min(a.shape[-2:])
    packed, tau = np.empty_like(a), np.zeros((*a.shape[:-2], k), a.dtype)
    for at in np.ndindex(*a.shape[:-2]):
        if a[at].size:
            h, tau[at] = np.linalg.qr(a[at], "raw")
            packed[at] = h.T
    return [packed, tau]


geqrf = structured(
    "geqrf",
    _geqrf,
    outputs=2,
    shape=lambda a: [a.shape, (*a.shape[:-2], min(a.shape[-2:]))],
    lower=_LOWER,
    tex=r"\operatorname{{QR}}({0})",
    samples=lambda rng: [(rng.normal(size=(4, 3)),), (rng.normal(size=(2, 2, 3)),)],
    nondiff="the compact form is LAPACK's; take linalg.qr for a derivative",
)


def _swap_rows(a: Any, pivots: Any, back: bool) -> Any:
    """Pᵀa, the row order of the factors, or with `back` Pa, that of the original."""
    rows = swaps_to_rows(pivots, a.shape[-2])
    if back:
        rows = np.argsort(rows, -1)
    batch = np.broadcast_shapes(a.shape[:-2], rows.shape[:-1])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    return np.take_along_axis(a, np.broadcast_to(rows, batch + rows.shape[-1:])[..., None], -2)


swap_rows: Op = structured(
    "swap_rows",
    _swap_rows,
    nargs=2,
    vjp=(lambda g, y, a, pivots, back: swap_rows(g, pivots, not back), None),
    shape=lambda a, pivots, back: (*broadcast_shapes(a.shape[:-2], pivots.shape[:-1]), *a.shape[-2:]),
    lower=_LOWER,
    tex="P {0}",
    dtype=lambda a, *_: a.dtype,
    samples=lambda rng: [(rng.normal(size=(3, 2)), np.array([2, 3, 3], np.int32), True)],
)


def _lu_rule(g: Any, y: Any, a: Any) -> Any:
    """Ā = P L⁻ᴴ (tril(Lᴴ L̄, -1) + triu(Ū Uᴴ)) U⁻ᴴ; tall and wide matrices through their square part."""
    m, n = a.shape[-2:]
    return swap_rows(_lu_square(g[0], y[0], m, n, min(m, n)), y[1], True)


def _lu_square(g: Any, lu: Any, m: int, n: int, k: int) -> Any:
    top, left = (..., slice(0, k), slice(0, k)), slice(0, k)
    core = part(lu, top)
    low = tril(core, -1)
    gl, gu = tril(part(g, top), -1), triu(part(g, top), 0)
    inner = tril(matmul(adjoint(low), gl), -1) + gl + triu(matmul(gu, adjoint(triu(core, 0))), 0)
    if m > n:
        below = (..., slice(k, m), left)
        l2, g2 = part(lu, below), part(g, below)
        inner = inner - triu(matmul(adjoint(l2), g2), 0)
    if n > m:
        beside = (..., left, slice(k, n))
        u2, h2 = part(lu, beside), part(g, beside)
        inner = inner - tril(matmul(h2, adjoint(u2)), -1)
    mid = solve_triangular(adjoint(core), inner, True, True)
    first = adjoint(solve_triangular(core, adjoint(mid), True, False))
    if m > n:
        rest = adjoint(solve_triangular(core, adjoint(g2), True, False))
        return cat([first, rest], len(g.shape) - 2, (k, m - k))
    if n > m:
        rest = solve_triangular(adjoint(core), h2, True, True)
        return cat([first, rest], len(g.shape) - 1, (k, n - k))
    return first


def _lu_shape(a: Spec) -> list[Shape]:
    return [a.shape, (*a.shape[:-2], min(a.shape[-2:]))]


lu_factor = structured(
    "lu_factor",
    _lu,
    outputs=2,
    vjp=(_lu_rule,),
    shape=_lu_shape,
    lower=_LOWER,
    tex=r"\operatorname{{LU}}({0})",
    dtype=lambda a: [a.dtype, int32],
    grad_name="LinalgLuFactorExBackward0",
    samples=lambda rng: [(rng.normal(size=(3, 3)),), (rng.normal(size=(4, 3)),), (rng.normal(size=(2, 4)),)],
)
