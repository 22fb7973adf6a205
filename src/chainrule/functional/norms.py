"""Norms and distances: vector and matrix norms, cond, dist, cdist, pdist, renorm."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ..dispatch import bind, cast
from ..ops import distance as ops
from ..ops import index as index_ops
from ..ops import spectral
from ..ops.index import INDEX
from ..ops.movement import permute, reshape
from ..tensor import Tensor
from ..types import COMPLEX, FROM_NUMPY, DType, broadcast_shapes, wrap_dim, wrap_dims
from .api import method, tensor_argument, write
from .systems import inv, require_float


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """‖x‖ₚ = (Σ |xᵢ|ᵖ)^(1/p) over `dim` (default: all); inf: the largest |xᵢ|, 0: how many are not 0.

    >>> import chainrule as cr
    >>> cr.linalg.vector_norm(cr.tensor([3.0, 4.0]))
    tensor(5.)
    """
    tensor_argument("linalg_vector_norm", x)
    if dtype is None:
        require_float("linalg.vector_norm", x)
    else:
        x = cast(x, dtype)
    dims = wrap_dims(dim, x._a.ndim)
    p = float(ord)
    if (p == inf or p < 0) and x._a.size == 0:
        _refuse_empty(x, dims, p, dim)
    if FROM_NUMPY[x._a.dtype].category == COMPLEX:
        x = x.abs()
    result = bind(ops.vector_norm, (x if x._a.ndim else reshape(x, ()), dims, keepdim, p))
    return result if out is None else write(out, result)


def _refuse_empty(x: Tensor, dims: tuple[int, ...], p: float, dim: Any) -> None:
    if dim is None or any(x._a.shape[d] == 0 for d in dims):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the operation "
            f"does not have an identity"
        )


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A matrix's norm: 'fro' √Σ|aᵢⱼ|², 'nuc' Σσ, 2 the largest σ, 1 and inf the largest column, row sum."""
    tensor_argument("linalg_matrix_norm", A)
    if dtype is None:
        require_float("linalg.matrix_norm", A)
    else:
        A = cast(A, dtype)
    if A._a.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple of ints. Got " + str(dim))
    rows, columns = (wrap_dim(d, A._a.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    result = _matrix_norm(A, ord, rows, columns, keepdim)
    return result if out is None else write(out, result)


def _matrix_norm(a: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    if ord == "fro":
        return vector_norm(a, 2, (rows, columns), keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        rest = [d for d in range(a._a.ndim) if d not in (rows, columns)]
        s = bind(spectral.svdvals, (permute(a, (*rest, rows, columns)),))
        if ord != "nuc" and s._a.shape[-1] == 0:
            _no_identity(ord)
        value = s.sum(-1) if ord == "nuc" else s.amax(-1) if ord > 0 else s.amin(-1)
        return reshape(value, _kept(a, rows, columns)) if keepdim else value
    if isinstance(ord, str) or abs(ord) not in (1, inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    if a._a.shape[other] == 0:
        _no_identity(ord)
    sums = vector_norm(a, 1, summed, True)
    value = sums.amax(other, keepdim=True) if ord > 0 else sums.amin(other, keepdim=True)
    return value if keepdim else reshape(value, _kept(a, rows, columns, ()))


def _no_identity(ord: Any) -> None:
    raise IndexError(
        f"linalg.matrix_norm: the {ord} norm of an empty matrix has no value: it needs at least one row and "
        f"column"
    )


def _kept(a: Tensor, rows: int, columns: int, one: tuple[int, ...] = (1,)) -> tuple[int, ...]:
    return tuple(m for d, n in enumerate(a._a.shape) for m in (one if d in (rows, columns) else (n,)))


def linalg_norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The vector norm over one dimension, the matrix norm over two; without `ord` the 2-norm of it all."""
    tensor_argument("linalg_norm", A)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype, out=out)
    if dim is None:
        if A._a.ndim not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{A._a.ndim}D."
            )
        if A._a.ndim == 1 and not isinstance(ord, str):
            return vector_norm(A, ord, None, keepdim, dtype=dtype, out=out)
        return matrix_norm(A, ord, (0, 1), keepdim, dtype=dtype, out=out)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, dims, keepdim, dtype=dtype, out=out)
    if len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    return matrix_norm(A, ord, dims, keepdim, dtype=dtype, out=out)


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Tensor | None = None,
    dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """The p-norm of all elements, or over `dim`; 'fro' is the 2-norm, 'nuc' the singular values' sum."""
    tensor_argument("norm", input)
    if p == "nuc":
        dims = (0, 1) if dim is None else dim
        if dim is None and input._a.ndim != 2:
            raise RuntimeError("norm: p='nuc' without dim needs a matrix")
        return matrix_norm(input, "nuc", dims, keepdim, dtype=dtype, out=out)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    return vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype, out=out)


def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number ‖A‖ₚ ‖A⁻¹‖ₚ; σ_max/σ_min for p None or 2."""
    tensor_argument("linalg_cond", A)
    if A._a.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor A must have at least 2 dimensions.")
    if p is None or p in (2, -2):
        s = bind(spectral.svdvals, (A,))
        first, last = s.select(-1, 0), s.select(-1, -1)
        result = last / first if p == -2 else first / last
    else:
        if A._a.shape[-1] != A._a.shape[-2]:
            raise RuntimeError(
                f"linalg.cond: A must be batches of square matrices, but they are {A._a.shape[-2]} by "
                f"{A._a.shape[-1]} matrices"
            )
        if 0 in A._a.shape:
            result = Tensor._wrap(np.zeros(A._a.shape[:-2], A.dtype.to_real().np))
        else:
            result = matrix_norm(A, p) * matrix_norm(inv(A), p)
    return result if out is None else write(out, result)


# ----- distances


def dist(input: Tensor, other: Tensor, p: Any = 2) -> Tensor:
    """The p-norm of the difference, ‖x - y‖ₚ."""
    return vector_norm(input - other, p)


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The p-norm distance between every row of x1 (…, P, M) and every row of x2 (…, R, M): (…, P, R)."""
    for name, x in (("x1", x1), ("x2", x2)):
        tensor_argument("cdist", x, 1, name)
        if x._a.ndim < 2:
            which = "X1" if name == "x1" else "X2"
            raise RuntimeError(f"cdist only supports at least 2D tensors, {which} got: {x._a.ndim}D")
    if x1._a.shape[-1] != x2._a.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1._a.shape[-1]} X2: {x2._a.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    require_float("cdist", x1)
    a, b = x1._a.shape, x2._a.shape
    broadcast_shapes(a[:-2], b[:-2])
    left = reshape(x1, (*a[:-1], 1, a[-1]))
    right = reshape(x2, (*b[:-2], 1, *b[-2:]))
    return _norm_last(left - right, p)


def _norm_last(difference: Tensor, p: float) -> Tensor:
    if not difference._a.shape[-1]:
        return Tensor._wrap(np.zeros(difference._a.shape[:-1], difference._a.dtype))
    return vector_norm(difference, p, -1)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances between all pairs of rows i < j, in row order."""
    tensor_argument("pdist", input)
    if input._a.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._a.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    i, j = (Tensor._wrap(ix) for ix in np.triu_indices(input._a.shape[0], 1))
    rows = [bind(index_ops.index_select, (input, ix, (INDEX,))) for ix in (i, j)]
    return _norm_last(rows[0] - rows[1], p)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """`input` with each slice along `dim` scaled down to a p-norm of at most `maxnorm`."""
    tensor_argument("renorm", input)
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input._a.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input._a.ndim} dimensions")
    d = wrap_dim(dim, input._a.ndim)
    lengths = vector_norm(input, p, tuple(i for i in range(input._a.ndim) if i != d), True)
    over = lengths > maxnorm
    scale = (maxnorm / (lengths + 1e-7)).masked_fill(over.logical_not(), 1.0)
    result = input * scale
    return result if out is None else write(out, result)


__all__ = ["cdist", "dist", "norm", "pdist", "renorm"]
for _f in (dist, norm):
    method(_f)
method(renorm, inplace_=True)
