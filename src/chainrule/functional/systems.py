"""Linear systems: inverse, solve, triangular and Cholesky solves, least squares, determinants, LU."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import return_types
from ..autograd.tape import clock
from ..dispatch import bind, cast
from ..ops import factor
from ..ops import solve as ops
from ..ops.movement import expand, reshape
from ..ops.product import adjoint
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, broadcast_shapes, int32, scalar_type
from .api import method, tensor_argument, write


def require_matrix(name: str, x: Tensor, argument: str = "A", *, square: bool = False) -> None:
    """Refuse what is not a (batch of) floating-point matrices."""
    tensor_argument(name.replace("linalg.", "linalg_"), x, 1, argument)
    a = x._a
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {a.shape[-2]} by "
            f"{a.shape[-1]} matrices"
        )
    require_float(name, x)
    if a.dtype.itemsize == 2:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {scalar_type(x.dtype)}")


def require_float(name: str, x: Tensor) -> None:
    """Refuse integers and bools."""
    if FROM_NUMPY[x._a.dtype].category < FLOAT:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {scalar_type(x.dtype)}"
        )


def require_same_dtype(name: str, a: Tensor, b: Tensor, argument: str = "A") -> None:
    """Refuse operands of different dtypes."""
    if a._a.dtype != b._a.dtype:
        raise RuntimeError(
            f"{name}: Expected {argument} and B to have the same dtype, but found {argument} of type "
            f"{scalar_type(a.dtype)} and B of type {scalar_type(b.dtype)} instead"
        )


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of each square matrix.

    >>> import chainrule as cr
    >>> cr.linalg.inv(cr.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    require_matrix("linalg.inv", A, square=True)
    result = bind(ops.inv, (A,))
    return result if out is None else write(out, result)


def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """linalg.inv() under its older name."""
    return inv(input, out=out)


def _info(a: Any) -> Tensor:
    return Tensor._wrap(np.zeros(a.shape[:-2], np.int32))


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse and an int32 `info` per matrix: 0, or which diagonal element was 0."""
    require_matrix("linalg.inv", A, square=True)
    try:
        return return_types.linalg_inv_ex((inv(A), _info(A._a)))
    except ops.LinAlgError:
        if check_errors or clock.tracer is not None:  # a trace knows no values: its program raises, too
            raise
        bad = Tensor._wrap(np.full(A._a.shape, np.inf, A._a.dtype))
        return return_types.linalg_inv_ex((bad, Tensor._wrap(_info(A._a)._a + A._a.shape[-1])))


def _is_vector(A: Tensor, B: Tensor) -> bool:
    a, b = A._a.shape, B._a.shape
    return len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B (or X A = B for left=False); B may be a vector.

    >>> import chainrule as cr
    >>> cr.linalg.solve(cr.tensor([[2.0, 0.0], [0.0, 4.0]]), cr.tensor([2.0, 4.0]))
    tensor([1., 1.])
    """
    require_matrix("linalg.solve", A, square=True)
    tensor_argument("linalg_solve", B, 2, "B")
    require_same_dtype("linalg.solve", A, B)
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In "
            "this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    b = reshape(B, (*B._a.shape, 1)) if vector else B
    if left:
        _solvable(A._a.shape, b._a.shape)
        x = bind(ops.solve, (A, b))
        x = reshape(x, x._a.shape[:-1]) if vector else x
    else:
        _solvable(A._a.shape, b._a.shape[:-2] + b._a.shape[:-3:-1])
        x = adjoint(bind(ops.solve, (adjoint(A), adjoint(b))))
    return x if out is None else write(out, x)


def _solvable(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a[-1] != b[-2]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({a[-2]}x{a[-1]} and "
            f"{b[-2]}x{b[-1]})"
        )
    broadcast_shapes(a[:-2], b[:-2])


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """solve() and an int32 `info` per matrix: 0, or not 0 where A is singular."""
    try:
        return return_types.linalg_solve_ex((solve(A, B, left=left), _info(A._a)))
    except ops.LinAlgError:
        if check_errors or clock.tracer is not None:  # a trace knows no values: its program raises, too
            raise
        bad = Tensor._wrap(np.full(B._a.shape, np.nan, B._a.dtype))
        return return_types.linalg_solve_ex((bad, Tensor._wrap(_info(A._a)._a + A._a.shape[-1])))


def solve_triangular(
    A: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X with A X = B (or X A = B) for triangular A; the other triangle is not read."""
    require_matrix("linalg.solve_triangular", A, square=True)
    tensor_argument("linalg_solve_triangular", B, 2, "B")
    if B._a.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    require_same_dtype("linalg.solve_triangular", A, B)
    inner = B._a.shape[-2 if left else -1]
    if A._a.shape[-1] != inner:
        n = A._a.shape[-1]
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {equation} ({n}x{n} "
            f"and {B._a.shape[-2]}x{B._a.shape[-1]})"
        )
    if left:
        result = bind(ops.solve_triangular, (A, B, bool(upper), bool(unitriangular)))
    else:
        result = _mt(bind(ops.solve_triangular, (_mt(A), _mt(B), not upper, bool(unitriangular))))
    return result if out is None else write(out, result)


def _mt(x: Tensor) -> Tensor:
    return x.mT


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with A X = input, from the Cholesky factor of A."""
    require_matrix("cholesky_solve", L, "u")
    if input._a.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {input._a.ndim} dimensions instead")
    _same_systems(input, L)
    result = bind(ops.cholesky_solve, (input, L, bool(upper)))
    return result if out is None else write(out, result)


def _same_systems(b: Tensor, a: Tensor) -> None:
    if a._a.shape[-1] != a._a.shape[-2]:
        raise RuntimeError(
            f"cholesky_solve: A must be batches of square matrices, but they are {a._a.shape[-2]} by "
            f"{a._a.shape[-1]} matrices"
        )
    if b._a.shape[-2] != a._a.shape[-1]:
        raise RuntimeError(
            "cholesky_solve: Incompatible matrix sizes for cholesky_solve: each A matrix is "
            f"{a._a.shape[-1]} by {a._a.shape[-1]} but each b matrix is {b._a.shape[-2]} by {b._a.shape[-1]}"
        )


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """A⁻¹ from the Cholesky factor of A."""
    require_matrix("cholesky_inverse", L, square=True)
    result = bind(ops.cholesky_inverse, (L, bool(upper)))
    return result if out is None else write(out, result)


def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """The solution of a triangular system, and A: the older form of linalg.solve_triangular."""
    a, up = (adjoint(A), not upper) if transpose else (A, upper)
    batch = broadcast_shapes(a._a.shape[:-2], b._a.shape[:-2])
    solution = solve_triangular(a, b, upper=up, unitriangular=unitriangular)
    return return_types.triangular_solve((solution, expand(A, batch + A._a.shape[-2:]).clone()))


# ----- determinants


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of each square matrix."""
    require_matrix("linalg.det", A, square=True)
    result = bind(ops.det, (A,))
    return result if out is None else write(out, result)


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """The sign of the determinant and ln|det A|; nothing overflows."""
    require_matrix("linalg.slogdet", A, square=True)
    sign, logabsdet = bind(ops.slogdet, (A,))
    return return_types.linalg_slogdet((sign, logabsdet))


def logdet(input: Tensor) -> Tensor:
    """ln det A; nan where the determinant is negative."""
    require_matrix("logdet", input, square=True)
    sign, log = bind(ops.slogdet, (input,))
    return (
        (sign + log * 0).log() + log
        if FROM_NUMPY[sign._a.dtype].category > FLOAT
        else log.masked_fill(sign < 0, float("nan"))
    )


# ----- LU


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """(LU, pivots): both triangles of A = P L U in one matrix, and the row swaps, counted from 1."""
    require_matrix("linalg.lu_factor", A)
    _require_pivot(pivot)
    LU, pivots = bind(factor.lu_factor, (A,))
    return return_types.linalg_lu_factor((LU, pivots))


def _require_pivot(pivot: bool) -> None:
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """lu_factor() and an int32 `info` per matrix: 0, or which diagonal element of U is 0."""
    LU, pivots = lu_factor(A, pivot=pivot)
    if not min(LU._a.shape[-2:]):
        return return_types.linalg_lu_factor_ex((LU, pivots, _info(LU._a)))
    zero = cast(LU.detach().diagonal(0, -2, -1) == 0, int32)
    info = cast((zero.argmax(-1) + 1) * zero.amax(-1), int32)
    return return_types.linalg_lu_factor_ex((LU, pivots, info))


def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L and U with A = P L U."""
    require_matrix("linalg.lu", A)
    if not pivot:
        raise RuntimeError("linalg.lu: LU without pivoting is not implemented on the CPU")
    P, L, U = lu_unpack(*bind(factor.lu_factor, (A,)))
    return return_types.linalg_lu((P, L, U))


def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: Any = None,
) -> Any:
    """P, L and U from the compact form; empty tensors for what was not asked for."""
    tensor_argument("lu_unpack", LU_data, 1, "LU_data")
    if unpack_pivots and LU_pivots._a.dtype != int32.np:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    a = LU_data._a
    m, n = a.shape[-2:]
    k = min(m, n)
    empty = Tensor._wrap(np.zeros(0, a.dtype))
    P = L = U = empty
    if unpack_pivots:
        eye = np.broadcast_to(np.eye(m, dtype=a.dtype), (*a.shape[:-2], m, m))
        P = bind(factor.swap_rows, (Tensor._wrap(np.ascontiguousarray(eye)), LU_pivots, True))
    if unpack_data:
        one = Tensor._wrap(np.eye(m, k, dtype=a.dtype))
        L = LU_data[..., :, :k].tril(-1) + one
        U = LU_data[..., :k, :].triu()
    return return_types.lu_unpack((P, L, U))


def linalg_lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X with A X = B (X A = B, or Aᴴ for `adjoint`), from linalg.lu_factor(A)."""
    require_matrix("linalg.lu_solve", LU, "LU", square=True)
    require_same_dtype("linalg.lu_solve", LU, B, "LU")
    if pivots._a.dtype != int32.np:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if LU._a.shape[-1] != B._a.shape[-2 if left else -1]:
        raise RuntimeError(
            "linalg.lu_solve: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({LU._a.shape[-2]}x{LU._a.shape[-1]} and "
            f"{B._a.shape[-2]}x{B._a.shape[-1]})"
        )
    if not left:
        flipped = linalg_lu_solve(LU, pivots, B.mH, left=True, adjoint=not adjoint)
        result: Tensor = flipped.mH
    else:
        result = _lu_solve(LU, pivots, B, adjoint)
    return result if out is None else write(out, result)


def _lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, adjoint_: bool) -> Tensor:
    triangular = ops.solve_triangular
    if adjoint_:  # Aᴴ = Uᴴ Lᴴ Pᵀ
        x = bind(triangular, (adjoint(LU), B, False, False))
        x = bind(triangular, (adjoint(LU), x, True, True))
        return bind(factor.swap_rows, (x, pivots, True))
    x = bind(factor.swap_rows, (B, pivots, False))
    return bind(triangular, (LU, bind(triangular, (LU, x, False, True)), True, False))


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """X with A X = b, from the LU factorisation of A."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)


__all__ = [
    "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "lu_solve", "lu_unpack", "slogdet",
    "triangular_solve",
]  # fmt: skip
for _f in (cholesky_inverse, cholesky_solve, det, inverse, logdet, lu_solve, slogdet, triangular_solve):
    method(_f)
