"""Matrix factorisations: Cholesky, QR, SVD, eigenvalues, and what is built on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import return_types
from ..autograd.tape import clock
from ..dispatch import bind
from ..inplace import plain
from ..ops import factor, solve, spectral
from ..ops.movement import reshape
from ..ops.product import adjoint
from ..tensor import Tensor
from ..types import dtype_of
from .api import method, shaping, tensor_argument, write
from .systems import require_matrix


def linalg_cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """L with A = L Lᴴ, lower triangular, of a Hermitian positive definite matrix (or U with A = Uᴴ U).

    >>> import chainrule as cr
    >>> cr.linalg.cholesky(cr.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    require_matrix("linalg.cholesky", A, square=True)
    L = bind(factor.cholesky, (adjoint(A) if upper else A,))
    result = adjoint(L) if upper else L
    return result if out is None else write(out, result)


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """linalg.cholesky() under its older name."""
    return linalg_cholesky(input, upper=upper, out=out)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """(L, info): the Cholesky factor; 0, or the order of the minor that is not positive definite."""
    require_matrix("linalg.cholesky_ex", A, square=True)
    try:
        L, info = linalg_cholesky(A, upper=upper), np.zeros(A._a.shape[:-2], np.int32)
    except solve.LinAlgError:
        if check_errors or clock.tracer is not None:
            raise
        L = Tensor._wrap(np.full(A._a.shape, np.nan, A._a.dtype))
        info = np.zeros(A._a.shape[:-2], np.int32)
        for at in np.ndindex(*info.shape):
            info[at] = factor.failing_minor(A._a[at])
    return return_types.linalg_cholesky_ex((L, Tensor._wrap(info)))


def linalg_qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """Q R = A with orthonormal columns in Q and an upper triangular R; mode reduced, complete or r."""
    require_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            f"'complete'"
        )
    return return_types.linalg_qr(bind(factor.qr, (A, mode)))


def qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """linalg.qr() under its older name: reduced, or complete for some=False."""
    return return_types.qr(linalg_qr(input, "reduced" if some else "complete"))


def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """U, S and Vh with A = U diag(S) Vh, S descending."""
    require_matrix("linalg.svd", A)
    return return_types.linalg_svd(bind(spectral.svd, (A, bool(full_matrices))))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """The older form of linalg.svd: U, S and V (not Vh); zeros for U and V without compute_uv."""
    require_matrix("linalg.svd", input)
    if compute_uv:
        u, s, vh = bind(spectral.svd, (input, not some))
        return return_types.svd((u, s, adjoint(vh)))
    *batch, m, n = input._a.shape
    u, v = (Tensor._wrap(np.zeros((*batch, k, k), input._a.dtype)) for k in (m, n))
    return return_types.svd((u, svdvals(input), v))


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, descending."""
    require_matrix("linalg.svdvals", A)
    result = bind(spectral.svdvals, (A,))
    return result if out is None else write(out, result)


def _upper(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO in "Uu"


def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """(eigenvalues, ascending; orthonormal eigenvectors) of a Hermitian matrix, read from one triangle."""
    require_matrix("linalg.eigh", A, square=True)
    return return_types.linalg_eigh(bind(spectral.eigh, (A, _upper("eigh", UPLO))))


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of a Hermitian matrix, ascending."""
    require_matrix("linalg.eigvalsh", A, square=True)
    result = bind(spectral.eigvalsh, (A, _upper("eigvalsh", UPLO)))
    return result if out is None else write(out, result)


def _require_finite(name: str, A: Tensor) -> None:
    require_matrix(name, A, square=True)
    if plain(A._a) and not np.isfinite(A._a).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


def eig(A: Tensor, *, out: Any = None) -> Any:
    """The eigenvalues and eigenvectors (columns) of a square matrix, complex."""
    _require_finite("linalg.eig", A)
    return return_types.linalg_eig(bind(spectral.eig, (A,)))


def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of a square matrix, complex."""
    _require_finite("linalg.eig", A)
    result: Tensor = bind(spectral.eig, (A,))[0]
    return result if out is None else write(out, result)


# ----- pseudo-inverse, rank, least squares


def _tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """PyTorch's defaults: rtol = max(m, n)·ε unless an atol is given; tensors broadcast over the batch."""
    a = atol._values()[..., None] if isinstance(atol, Tensor) else atol
    r = rtol._values()[..., None] if isinstance(rtol, Tensor) else rtol
    if r is None:
        eps = float(np.finfo(A._a.real.dtype).eps) * max(A._a.shape[-2:], default=0)
        r = np.where(np.asarray(a) > 0, 0.0, eps) if a is not None else eps
    return (0.0 if a is None else a), r


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Moore-Penrose pseudo-inverse A⁺; singular values up to max(atol, rtol·σ_max) count as 0."""
    require_matrix("linalg.pinv", A, square=hermitian)
    a, r = _tolerances(A, atol, rtol if rcond is None else rcond)
    result = bind(spectral.pinv, (A, a, r))
    return result if out is None else write(out, result)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """linalg.pinv() under its older name, with rcond 1e-15."""
    return pinv(input, rcond)


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """How many singular values exceed max(atol, rtol·σ_max)."""
    require_matrix("linalg.matrix_rank", A, square=hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    a, r = _tolerances(A, atol, rtol)
    x = A.detach()
    if not min(x._a.shape[-2:]):
        s = Tensor._wrap(np.zeros((*x._a.shape[:-2], 1), x.dtype.to_real().np))
    else:
        s = bind(spectral.eigvalsh, (x, False)).abs() if hermitian else bind(spectral.svdvals, (x,))
    limits = (t if isinstance(t, (int, float)) else Tensor._wrap(np.asarray(t)) for t in (a, r))
    least, share = limits
    bound = s.amax(-1, keepdim=True) * share
    bound = bound.maximum(least) if isinstance(least, Tensor) else bound.clamp_min(least)
    result: Tensor = (s > bound).sum(-1)
    return result if out is None else write(out, result)


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(X, residuals, rank, singular values): the X of least ‖A X - B‖, of least norm if there are several."""
    require_matrix("linalg.lstsq", A)
    tensor_argument("linalg_lstsq", B, 2, "B")
    if B._a.ndim < 1:
        raise RuntimeError("torch.linalg.lstsq: input.dim() must be greater or equal to 2 and "
                           "(input.dim() - other.dim()) "
                           "must be 0 or 1")  # fmt: skip
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got "
            + str(driver)
        )
    if A._a.dtype != B._a.dtype:
        raise RuntimeError(
            "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{dtype_of(A._a)} and other's dtype {dtype_of(B._a)}"
        )
    if not 0 <= A._a.ndim - B._a.ndim <= 1:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            "other.dim()) <= 1"
        )
    vector = B._a.ndim == A._a.ndim - 1
    b = reshape(B, (*B._a.shape, 1)) if vector else B
    m, n = A._a.shape[-2:]
    if b._a.shape[-2] != m:
        raise RuntimeError(
            "torch.linalg.lstsq: input.size(-2) should match other.size(-" + ("1)" if vector else "2)")
        )
    x = pinv(A, None if driver == "gels" else rcond) @ b
    nothing = reshape(x, (x._a.size,))[:0]
    rank = values = Tensor._wrap(np.zeros(0, np.int64))
    full = driver == "gels"
    if not full:
        rank = matrix_rank(A, rtol=rcond)
        values = svdvals(A).detach() if driver in ("gelsd", "gelss") else nothing
    else:
        values = nothing
    residuals = nothing
    if m > n and driver in ("gels", "gelsd", "gelss") and (full or _all_full(rank, n, driver)):
        difference = A @ x - b
        residuals = (difference * difference.conj()).abs().sum(-2)
    return return_types.linalg_lstsq((x.squeeze(-1) if vector else x, residuals, rank, values))


def _all_full(rank: Tensor, n: int, driver: str) -> bool:
    """Whether all matrices have full rank: then there are residuals."""
    return bool((shaping(f"find the residuals of linalg.lstsq(driver={driver!r})", rank) == n).all())


# ----- reflections


def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of H₁ H₂ … Hₖ, Hᵢ = I - τᵢ vᵢ vᵢᴴ; vᵢ is column i of A below a diagonal of 1."""
    require_matrix("torch.linalg.householder_product", A, "input")
    m, n = A._a.shape[-2:]
    if m < n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if tau._a.shape[-1] > n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if A._a.dtype != tau._a.dtype:
        raise RuntimeError(
            f"torch.linalg.householder_product: tau dtype {tau.dtype.name} does not match input dtype "
            f"{A.dtype.name}"
        )
    eye = Tensor._wrap(np.broadcast_to(np.eye(m, n, dtype=A._a.dtype), A._a.shape).copy())
    if not tau._a.shape[-1]:
        eye = A * 0 + eye
    result = _reflect(A, tau, eye, range(tau._a.shape[-1] - 1, -1, -1))
    return result if out is None else write(out, result)


orgqr = householder_product


def _reflect(A: Tensor, tau: Tensor, x: Tensor, order: Any, conjugate: bool = False) -> Tensor:
    """Hᵢ x for each i in turn."""
    m = A._a.shape[-2]
    for i in order:
        column = A[..., :, i]
        below = Tensor._wrap((np.arange(m) > i).astype(A._a.dtype))
        one = Tensor._wrap((np.arange(m) == i).astype(A._a.dtype))
        v = (column * below + one)[..., :, None]
        t = tau[..., i, None, None]
        x = x - (t.conj() if conjugate else t) * v * (adjoint(v) @ x)
    return x


def ormqr(
    input: Tensor,
    tau: Tensor,
    other: Tensor,
    left: bool = True,
    transpose: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Q C, Qᴴ C, C Q or C Qᴴ with the Q of Householder reflections, which is not formed."""
    if not left:
        result: Tensor = adjoint(ormqr(input, tau, adjoint(other), True, not transpose))
    else:
        k = tau._a.shape[-1]
        order = range(k) if transpose else range(k - 1, -1, -1)
        result = _reflect(input, tau, other, order, conjugate=transpose)
    return result if out is None else write(out, result)


def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """QR in LAPACK's compact form: R and the reflections' vectors in one matrix, and their factors tau."""
    require_matrix("geqrf", input)
    return return_types.geqrf(bind(factor.geqrf, (input.detach(),)))


__all__ = ["cholesky", "geqrf", "orgqr", "ormqr", "pinverse", "qr", "svd"]
for _f in (cholesky, geqrf, ormqr, pinverse, qr, svd):
    method(_f)
method(householder_product, "orgqr")
