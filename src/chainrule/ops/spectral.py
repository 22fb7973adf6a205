"""Eigenvalues and singular values, and what is computed from them: the pseudo-inverse, the matrix
exponential.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .complex import real
from .factor import hermitian_samples
from .index import part
from .join import cat
from .movement import reshape
from .product import adjoint, matmul
from .record import POW, Spec, structured
from .rules import is_complex, same_shape
from .solve import LinAlgError, solve
from .view import diagonal

_LOWER = "by its NumPy forward: LAPACK decomposes it"


def _row(a: Any) -> Any:
    return reshape(a, (*a.shape[:-1], 1, a.shape[-1]))


def _column(a: Any) -> Any:
    return reshape(a, (*a.shape, 1))


eye_like = structured(
    "eye_like",
    lambda a: np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape),
    shape=same_shape,
    tex="I",
    samples=lambda rng: [(rng.normal(size=(3, 3)),)],
    nondiff="a constant",
)


def _differences(squares: Any, a: Any) -> Any:
    """sⱼ - sᵢ off the diagonal, 1 on it."""
    return _row(squares) - _column(squares) + eye_like(a)


# ----- Hermitian eigenvalues


def _eigh(a: Any, upper: bool) -> list[Any]:
    try:
        values, vectors = np.linalg.eigh(a, "U" if upper else "L")
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or "
            "has too many "
            "repeated eigenvalues"
        ) from None
    return [values, vectors]


def _eigh_rule(g: Any, y: Any, a: Any, upper: bool) -> Any:
    """Ā = V (diag(λ̄) + VᴴV̄ / (λⱼ - λᵢ) off the diagonal) Vᴴ."""
    values, v = y
    vg = matmul(adjoint(v), g[1])
    eye = eye_like(vg)
    inner = vg * (1 - eye) / _differences(values, vg) + eye * _row(g[0])
    return matmul(v, matmul(inner, adjoint(v)))


eigh = structured(
    "eigh",
    _eigh,
    outputs=2,
    vjp=(_eigh_rule,),
    shape=lambda a, upper: [a.shape[:-1], a.shape],
    dtype=lambda a, upper: [a.dtype.to_real(), a.dtype],
    lower=_LOWER,
    tex=r"\operatorname{{eigh}}({0})",
    grad_name="LinalgEighBackward0",
    samples=lambda rng: [(a, False) for (a,) in hermitian_samples(rng)],
    singular="repeated eigenvalues: their vectors have no derivative (inf or nan)",
)
eigvalsh = structured(
    "eigvalsh",
    lambda a, upper: np.linalg.eigvalsh(a, "U" if upper else "L"),
    shape=lambda a, upper: a.shape[:-1],
    vjp=(lambda g, y, a, upper: _eigvalsh_pull(g, a, upper),),
    dtype=lambda a, upper: a.dtype.to_real(),
    lower=_LOWER,
    tex=r"\lambda({0})",
    samples=lambda rng: [(a, False) for (a,) in hermitian_samples(rng)],
    grad_name="LinalgEighBackward0",
)


def _eigvalsh_pull(g: Any, a: Any, upper: bool) -> Any:
    v = eigh(a, upper)[1]
    return matmul(v * _row(g), adjoint(v))


# ----- general eigenvalues


def _complex(a: Any) -> Any:
    return a.astype(np.result_type(a.dtype, np.complex64), copy=False)


def _eig(a: Any) -> list[Any]:
    values, vectors = np.linalg.eig(a)
    return [_complex(values), _complex(vectors)]


def _eig_rule(g: Any, y: Any, a: Any) -> Any:
    """Ā = V⁻ᴴ (diag(λ̄) + (VᴴV̄ - VᴴV diag(Re VᴴV̄)) / conj(λⱼ - λᵢ)) Vᴴ, real if A is."""
    values, v = y
    vh = adjoint(v)
    vg = matmul(vh, g[1])
    own = real(diagonal(vg, 0, len(vg.shape) - 2, len(vg.shape) - 1))
    inner = vg - matmul(vh, v) * _row(own)
    eye = eye_like(inner)
    gap = _row(values).conj() - _column(values).conj() + eye
    out = solve(vh, matmul((inner / gap) * (1 - eye) + eye * _row(g[0]), vh))
    return out if is_complex(a) else real(out)


eig = structured(
    "eig",
    _eig,
    outputs=2,
    vjp=(_eig_rule,),
    shape=lambda a: [a.shape[:-1], a.shape],
    dtype=lambda a: [a.dtype.to_complex()] * 2,
    lower=_LOWER,
    tex=r"\operatorname{{eig}}({0})",
    samples=hermitian_samples,
    grad_name="LinalgEigBackward0",
    singular="repeated eigenvalues: their vectors have no derivative (inf or nan)",
)


# ----- singular values


def _svd(a: Any, full: bool) -> list[Any]:
    if 0 in a.shape:
        return _empty_svd(a, full)
    try:
        return list(np.linalg.svd(a, full))
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite "
            "values."
        ) from None


def _empty_svd(a: Any, full: bool) -> list[Any]:
    *batch, m, n = a.shape
    k = min(m, n)
    eye_m, eye_n = np.eye(m, m if full else k, dtype=a.dtype), np.eye(n if full else k, n, dtype=a.dtype)
    real = np.zeros(0, a.dtype).real.dtype
    return [
        np.broadcast_to(eye_m, (*batch, *eye_m.shape)).copy(),
        np.zeros((*batch, k), real),
        np.broadcast_to(eye_n, (*batch, *eye_n.shape)).copy(),
    ]


def _svd_shape(a: Spec, full: bool) -> list[Shape]:
    *batch, m, n = a.shape
    k = min(m, n)
    return [(*batch, m, m if full else k), (*batch, k), (*batch, n if full else k, n)]


def _svd_rule(g: Any, y: Any, a: Any, full: bool) -> Any:
    """Ā = U [(skew(UᴴŪ)/E) S + S (skew(VᴴV̄)/E) + diag(S̄)] Vᴴ, and the rest outside; Eᵢⱼ = sⱼ² - sᵢ²."""
    u, s, vh = y
    gu, gs, gvh = g
    m, n = a.shape[-2:]
    k = s.shape[-1]
    if full and m != n:
        columns, rows = (..., slice(0, k)), (..., slice(0, k), slice(None))
        u, gu, vh, gvh = part(u, columns), part(gu, columns), part(vh, rows), part(gvh, rows)
    v, gv = adjoint(vh), adjoint(gvh)
    ug, vg = matmul(adjoint(u), gu), matmul(vh, gv)
    skew_u, skew_v = ug - adjoint(ug), vg - adjoint(vg)
    squares = s * s
    e = _row(squares) - _column(squares) + eye_like(ug)
    inner = (skew_u * _row(s) + _column(s) * skew_v) / e
    if is_complex(u):  # the imaginary diagonal fixes the phase of each pair of vectors
        eye = eye_like(ug)
        inner = inner * (1 - eye) + eye * skew_u / _row(2 * s)
    inner = inner + eye_like(ug) * _row(gs)
    out = matmul(u, matmul(inner, vh))
    if m > k:
        out = out + matmul((gu - matmul(u, ug)) / _row(s), vh)
    if n > k:
        out = out + matmul(u, adjoint((gv - matmul(v, vg)) / _row(s)))
    return out


svd = structured(
    "svd",
    _svd,
    outputs=3,
    vjp=(_svd_rule,),
    shape=_svd_shape,
    lower=_LOWER,
    tex=r"\operatorname{{svd}}({0})",
    dtype=lambda a, full: [a.dtype, a.dtype.to_real(), a.dtype],
    grad_name="LinalgSvdBackward0",
    samples=lambda rng: [(rng.normal(size=(4, 3)), False), (rng.normal(size=(2, 3)), False)],
    singular="repeated or zero singular values: their vectors have no derivative (inf or nan)",
)


def _svdvals(a: Any) -> Any:
    return _svd(a, False)[1] if 0 in a.shape else np.linalg.svd(a, compute_uv=False)


def _svdvals_rule(g: Any, y: Any, a: Any) -> Any:
    u, _, vh = svd(a, False)
    return matmul(u * _row(g), vh)


svdvals = structured(
    "svdvals",
    _svdvals,
    vjp=(_svdvals_rule,),
    shape=lambda a: (*a.shape[:-2], min(a.shape[-2:])),
    dtype=lambda a: a.dtype.to_real(),
    lower=_LOWER,
    tex=r"\sigma({0})",
    grad_name="LinalgSvdBackward0",
    samples=lambda rng: [(rng.normal(size=(4, 3)),), (rng.normal(size=(2, 2, 3)),)],
)


# ----- pseudo-inverse, exponential


def _pinv(a: Any, atol: Any, rtol: Any) -> Any:
    if not a.size:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    kept = s > np.maximum(atol, rtol * s[..., :1])
    scale = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(s.dtype)
    out = (vh.swapaxes(-1, -2).conj() * scale[..., None, :]) @ u.swapaxes(-1, -2).conj()
    return out.astype(a.dtype, copy=False)


def _pinv_rule(g: Any, y: Any, a: Any, atol: Any, rtol: Any) -> Any:
    """Golub and Pereyra (1973): -PᴴḠPᴴ + (I - AP)ḠᴴPPᴴ + PᴴPḠᴴ(I - PA)."""
    p, ph, gh = y, adjoint(y), adjoint(g)
    k = matmul(gh, p)
    left = matmul(k, ph)
    pgh = matmul(p, gh)
    right = matmul(ph, pgh)
    return left - matmul(a, matmul(p, left)) + right - matmul(matmul(right, p), a) - matmul(ph, matmul(g, ph))


pinv = structured(
    "pinv",
    _pinv,
    vjp=(_pinv_rule,),
    shape=lambda a, *_: (*a.shape[:-2], a.shape[-1], a.shape[-2]),
    lower=_LOWER,
    tex="{0}^+",
    prec=POW,
    samples=lambda rng: [(rng.normal(size=(3, 2)), 0.0, 1e-7), (rng.normal(size=(2, 3)), 0.0, 1e-7)],
    grad_name="LinalgPinvBackward0",
)


def _matrix_exp(a: Any) -> Any:
    """Scaling and squaring with the (13, 13) Padé approximant (Higham 2005)."""
    if not a.size:
        return a.copy()
    from scipy.linalg import expm

    kind = a.dtype
    return expm(a.astype(np.result_type(kind, np.float64)) if kind.itemsize <= 4 else a).astype(kind)


def _matrix_exp_rule(g: Any, y: Any, a: Any) -> Any:
    """The upper right block of exp([[Aᴴ, Ḡ], [0, Aᴴ]]) (Al-Mohy and Higham 2009)."""
    n = a.shape[-1]
    ah = adjoint(a)
    rows, columns = len(a.shape) - 2, len(a.shape) - 1
    whole = cat([cat([ah, g], columns, (n, n)), cat([ah * 0, ah], columns, (n, n))], rows, (n, n))
    return part(matrix_exp(whole), (..., slice(0, n), slice(n, 2 * n)))


matrix_exp = structured(
    "matrix_exp",
    _matrix_exp,
    vjp=(_matrix_exp_rule,),
    shape=same_shape,
    lower=_LOWER,
    tex="e^{{{0}}}",
    prec=POW,
    grad_name="LinalgMatrixExpBackward0",
    samples=lambda rng: [(rng.normal(size=(3, 3)),), (rng.normal(size=(2, 2, 2)),)],
)
