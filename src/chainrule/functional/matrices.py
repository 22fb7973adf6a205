"""Functions of matrices: powers, exponential, chains of products, covariance, tensor equations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..dispatch import bind, cast
from ..inplace import plain
from ..ops import product, spectral
from ..ops.movement import permute, reshape
from ..tensor import Tensor
from ..types import COMPLEX, FLOAT, FROM_NUMPY, dtype_of, float32, wrap_dim
from .api import method, tensor_argument, write
from .join import cat
from .product import matmul
from .systems import inv, require_matrix, solve


def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """Aⁿ by repeated squaring; the inverse's power for a negative n.

    >>> import chainrule as cr
    >>> cr.matrix_power(cr.tensor([[2.0, 0.0], [0.0, 3.0]]), 2)
    tensor([[4., 0.],
            [0., 9.]])
    """
    tensor_argument("matrix_power", input)
    a = input._a
    if a.ndim < 2:
        raise RuntimeError("linalg.matrix_power: The input tensor A must have at least 2 dimensions.")
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {a.shape[-2]} by "
            f"{a.shape[-1]} matrices"
        )
    result = _power(input, n)
    return result if out is None else write(out, result)


def _power(x: Tensor, n: int) -> Tensor:
    if n < 0:
        return _power(inv(x), -n)
    if n == 0:
        return Tensor._wrap(np.broadcast_to(np.eye(x._a.shape[-1], dtype=x._a.dtype), x._a.shape).copy())
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result  # type: ignore[return-value]


def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential Σ Aⁿ/n!."""
    require_matrix("linalg.matrix_exp", A, square=True)
    return bind(spectral.matrix_exp, (A,))


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of a chain of matrices (the ends may be vectors), in the cheapest order."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    chain = list(tensors)
    for i, x in enumerate(chain):
        tensor_argument("multi_dot", x, i + 1, "tensors")
        dims = (1, 2) if i in (0, len(chain) - 1) else (2,)
        if x._a.ndim not in dims:
            words = "must be 1D or 2D" if len(dims) == 2 else "must be 2D"
            raise RuntimeError(f"multi_dot(): tensor {i} {words} but got {x._a.ndim}D")
        if x._a.dtype != chain[0]._a.dtype:
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{dtype_of(chain[0]._a)} and tensor {i} {dtype_of(x._a)}"
            )
    shape: tuple[int, ...] = ()
    if chain[0]._a.ndim == 1:
        chain[0] = reshape(chain[0], (1, chain[0]._a.size))
    else:
        shape = (chain[0]._a.shape[0],)
    if chain[-1]._a.ndim == 1:
        chain[-1] = reshape(chain[-1], (chain[-1]._a.size, 1))
    else:
        shape = (*shape, chain[-1]._a.shape[1])
    for i, (x, y) in enumerate(zip(chain, chain[1:])):
        if x._a.shape[1] != y._a.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(x._a.shape)} and "
                f"{list(y._a.shape)} cannot be multiplied"
            )
    result = reshape(_in_order(chain), shape)
    return result if out is None else write(out, result)


def _in_order(chain: list[Tensor]) -> Tensor:
    """The cheapest parenthesisation, by dynamic programming over all sub-chains."""
    sizes = [x._a.shape[0] for x in chain] + [chain[-1]._a.shape[1]]
    n = len(chain)
    cost = {(i, i): 0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            ]
            cost[i, j], cut[i, j] = min(options)

    def product_of(i: int, j: int) -> Tensor:
        if i == j:
            return chain[i]
        return bind(product.mm, (product_of(i, cut[i, j]), product_of(cut[i, j] + 1, j)))

    return product_of(0, n - 1)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Σ conj(xᵢ) yᵢ over `dim`."""
    if FROM_NUMPY[x._a.dtype].category < FLOAT:
        raise RuntimeError("linalg.vecdot: Expected a floating point or complex tensor as input.")
    if x._a.dtype != y._a.dtype:
        raise RuntimeError("linalg.vecdot: Expected vectors x and y to have the same dtype.")
    result = (x.conj() * y).sum(dim)
    return result if out is None else write(out, result)


def linalg_vander(x: Tensor, N: int | None = None, *, increasing: bool = True) -> Tensor:
    """The Vandermonde matrix: powers 0 … N-1 of each element in a new last dimension."""
    if not x._a.ndim:
        raise RuntimeError("Expected dim() of x to be at least 1.")
    n = x._a.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError(f"N must be greater than 1. Got {N}.")
    column = reshape(x, (*x._a.shape, 1))
    one = Tensor._wrap(np.ones(column._a.shape, x._a.dtype))
    powers = [one]
    for _ in range(n - 1):
        powers.append(powers[-1] * column)
    return cat(powers if increasing else powers[::-1], -1)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix of a vector, powers descending unless `increasing`."""
    if x._a.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._a.size if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    if n < 2:
        return Tensor._wrap(np.ones((x._a.size, n), x._a.dtype))
    return linalg_vander(x, n, increasing=increasing)


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A as a map from its last dimensions to its first `ind`, for tensordot."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    shape = A._a.shape
    rows, columns = shape[:ind], shape[ind:]
    if prod(rows) != prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but "
            f"got {prod(columns)} != {prod(rows)}"
        )
    result = reshape(inv(reshape(A, (prod(rows), prod(columns)))), columns + rows)
    return result if out is None else write(out, result)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        moved = [wrap_dim(d, A._a.ndim) for d in dims]
        A = permute(A, tuple(d for d in range(A._a.ndim) if d not in moved) + tuple(moved))
    shape = A._a.shape[B._a.ndim :]
    if prod(shape) != prod(A._a.shape[: B._a.ndim]):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {prod(A._a.shape[: B._a.ndim])}"
        )
    flat = reshape(A, (B._a.size, prod(shape)))
    result = reshape(solve(flat, reshape(B, (B._a.size,))), shape)
    return result if out is None else write(out, result)


# ----- statistics of pairs


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of the rows; columns are observations, repeated fweights or weighted aweights."""
    tensor_argument("cov", input)
    if input._a.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input._a.ndim} "
            f"dimensions"
        )
    if input._a.dtype == np.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input._a.ndim == 2 else reshape(input, (1, input._a.size))
    if FROM_NUMPY[x._a.dtype].category < FLOAT:
        x = cast(x, float32)
    weights = _weights(x, fweights, aweights)
    n = x._a.shape[1]
    total = Tensor._wrap(np.asarray(n, x._a.dtype)) if weights is None else weights.sum()
    mean = (x if weights is None else x * weights).sum(1, keepdim=True) / total
    if aweights is None or correction == 0:
        norm = total - correction
    else:
        norm = total - correction * (weights * aweights).sum() / total
    centred = x - mean
    other = (centred if weights is None else centred * weights).conj()
    result = matmul(centred, other.mT) / norm.clamp(min=0)
    return result if x._a.shape[0] != 1 else reshape(result, ())


def _weights(x: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Any:
    n = x._a.shape[1]
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w._a.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w._a.ndim} "
                f"dimensions"
            )
        integral = FROM_NUMPY[w._a.dtype].category < FLOAT
        if integral != (name == "fweights"):
            want = "integral" if name == "fweights" else "floating point"
            raise RuntimeError(
                f"cov(): expected {name} to have {want} dtype but got {name} with {dtype_of(w._a).name} dtype"
            )
        if w._a.size != n:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but "
                f"got {w._a.size} != {n}"
            )
        if w._a.size and plain(w._a) and w._a.min() < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def corrcoef(input: Tensor) -> Tensor:
    """The Pearson correlation of the rows: cov / (σᵢ σⱼ), between -1 and 1."""
    tensor_argument("corrcoef", input)
    if input._a.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._a.ndim} dimensions"
        )
    c = cov(input)
    if not c._a.ndim:
        return c / c
    d = c.diagonal()
    sd = (d.real if FROM_NUMPY[d._a.dtype].category == COMPLEX else d).sqrt()
    n = sd._a.size
    c = c / reshape(sd, (n, 1)) / reshape(sd, (1, n))
    return c if FROM_NUMPY[c._a.dtype].category == COMPLEX else c.clamp(-1, 1)


__all__ = ["corrcoef", "cov", "matrix_exp", "matrix_power", "vander"]
for _f in (corrcoef, cov, matrix_exp, matrix_power):
    method(_f)
