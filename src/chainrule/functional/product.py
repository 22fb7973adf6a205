"""Matrix products: matmul and @, mm, bmm, mv, dot, outer and the add… family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.tape import Node, clock, mode
from ..dispatch import bind, cast, worded
from ..dispatch import where as spot
from ..ops import product as ops
from ..ops.movement import expand, reshape
from ..ops.record import Op
from ..tensor import Tensor, new_tensor
from ..types import BOOL, FLOAT, FROM_NUMPY, dtype_of, scalar_type
from .api import method, tensor_argument, write

_matmul = np.matmul
_DIRECT = {np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex64), np.dtype(np.complex128)}


_C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "int32": "int", "int64": "long", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def _c_name(x: Tensor) -> str:
    """What some of PyTorch's messages call the dtype: its name in C++."""
    name = x.dtype.name
    return _C_NAMES.get(name, name)


def same_matrix_dtype(x: Tensor, y: Tensor) -> None:
    """Products do not promote: both operands must have one dtype."""
    a, b = x._a, y._a
    if a.dtype == b.dtype:
        return
    if a.ndim == 1 and b.ndim == 1:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {scalar_type(x.dtype)} and "
            f"{scalar_type(y.dtype)}"
        )
    if a.ndim > 2 and b.ndim > 2:
        raise RuntimeError(f"expected scalar type {scalar_type(x.dtype)} but found {scalar_type(y.dtype)}")
    raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_c_name(x)} != {_c_name(y)}")


def _product(op: Op, x: Tensor, y: Tensor) -> Tensor:
    """x @ y for tensors of one dtype; the everyday float case without the general path."""
    a, b = x._a, y._a
    if a.dtype is not b.dtype or a.dtype not in _DIRECT or clock.tracer is not None:
        same_matrix_dtype(x, y)
        return bind(op, (x, y))
    try:
        out = _matmul(a, b)
    except ValueError as error:
        raise worded(op, (x, y), error) from None
    r: Tensor = new_tensor(Tensor)
    r._a = out
    n, m = x._node, y._node
    if (n is not None or m is not None) and mode.grad:
        r._node = Node(op, (x, y), (a, b), None, (n, m), out.shape, spot())
    else:
        r._node = None
    return r


def _by_dims(x: Tensor, y: Tensor) -> Op:
    dims = (x._a.ndim, y._a.ndim)
    return {(1, 1): ops.dot, (2, 2): ops.mm, (2, 1): ops.mv}.get(dims, ops.matmul)


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product; a vector is a row on the left, a column on the right; leading dimensions broadcast.

    >>> import chainrule as cr
    >>> cr.matmul(cr.tensor([[1.0, 2.0]]), cr.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if not isinstance(input, Tensor):
        tensor_argument("matmul", input)
    if not isinstance(other, Tensor):
        tensor_argument("matmul", other, 2, "other")
    result = _product(_by_dims(input, other), input, other)
    return result if out is None else write(out, result)


def _matmul_operator(self: Tensor, other: Any) -> Any:
    if not isinstance(other, Tensor):
        if not isinstance(other, np.ndarray):
            return NotImplemented
        other = Tensor._wrap(other)
    a, b = self._a, other._a
    op = ops.mm if a.ndim == 2 == b.ndim else _by_dims(self, other)
    return _product(op, self, other)


def _rmatmul_operator(self: Tensor, other: Any) -> Any:
    if isinstance(other, np.ndarray):
        other = Tensor._wrap(other)
    return matmul(other, self) if isinstance(other, Tensor) else NotImplemented


def _require_dims(
    name: str, tensors: Sequence[Any], dims: Sequence[int], arguments: Sequence[str], text: str
) -> None:
    for i, (x, n, argument) in enumerate(zip(tensors, dims, arguments), 1):
        tensor_argument(name, x, i, argument)
        if x._a.ndim != n:
            raise RuntimeError(text.format(*(t._a.ndim for t in tensors)))


def _sizes(x: Tensor) -> str:
    return "x".join(map(str, x._a.shape))


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, without broadcasting."""
    tensor_argument("mm", input)
    tensor_argument("mm", mat2, 2, "mat2")
    if input._a.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2._a.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    result = _product(ops.mm, input, mat2)
    return result if out is None else write(out, result)


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products of two batches of matrices, (b, n, m) and (b, m, p)."""
    tensor_argument("bmm", input)
    tensor_argument("bmm", mat2, 2, "mat2")
    if input._a.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if mat2._a.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    _batch_sizes(input, mat2)
    result = _product(ops.bmm, input, mat2)
    return result if out is None else write(out, result)


def _batch_sizes(x: Tensor, y: Tensor) -> None:
    a, b = x._a.shape, y._a.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: "
            f"[{b[0]}, {b[1]}]."
        )


def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of a matrix and a vector."""
    text = "vector + matrix @ vector expected, got 1, {}, {}"
    _require_dims("mv", (input, vec), (2, 1), ("input", "vec"), text)
    if input._a.shape[1] != vec._a.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input._a.shape[0]}), mat ({_sizes(input)}), vec ({vec._a.shape[0]})"
        )
    result = _product(ops.mv, input, vec)
    return result if out is None else write(out, result)


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors: Σ xᵢ yᵢ."""
    text = "1D tensors expected, but got {}D and {}D tensors"
    _require_dims("dot", (input, tensor), (1, 1), ("input", "tensor"), text)
    result = _product(ops.dot, input, tensor)
    return result if out is None else write(out, result)


def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors, the first conjugated."""
    text = "1D tensors expected, but got {}D and {}D tensors"
    _require_dims("vdot", (input, other), (1, 1), ("input", "other"), text)
    result = _product(ops.dot, input.conj() if input.is_complex() else input, other)
    return result if out is None else write(out, result)


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products of all pairs: y[i, j] = xᵢ vⱼ."""
    for i, (x, name) in enumerate(((input, "self"), (vec2, "vec2")), 1):
        tensor_argument("outer", x, i, name)
        if x._a.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x._a.ndim}-D")
    result: Tensor = reshape(input, (input._a.size, 1)) * vec2
    return result if out is None else write(out, result)


def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """outer() under its BLAS name."""
    return outer(input, vec2, out=out)


# ----- β·input + α·product


def _combined(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    if FROM_NUMPY[product._a.dtype].category < FLOAT:  # PyTorch truncates the factors of integers
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    base = input if beta == 1 else input * beta
    try:
        fits = np.broadcast_shapes(input._a.shape, product._a.shape) == product._a.shape
    except ValueError:
        fits = False
    if not fits:
        expand(input, product._a.shape)
    return base + product


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """β·input + α·(mat1 @ mat2); `input` broadcasts."""
    tensor_argument("addmm", input)
    tensor_argument("addmm", mat1, 2, "mat1")
    tensor_argument("addmm", mat2, 3, "mat2")
    if mat1._a.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1._a.ndim}-D tensor")
    if mat2._a.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2._a.ndim}-D tensor")
    _same_self(input, mat1)
    result = _combined(input, _product(ops.mm, mat1, mat2), beta, alpha)
    return result if out is None else write(out, result)


def _same_self(x: Tensor, y: Tensor) -> None:
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_type(x.dtype)} and "
            f"{scalar_type(y.dtype)}"
        )


def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """β·input + α·(mat @ vec)."""
    if mat._a.ndim != 2 or vec._a.ndim != 1 or input._a.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input._a.ndim}, {mat._a.ndim}, {vec._a.ndim}"
        )
    if mat._a.shape[1] != vec._a.shape[0] or input._a.size not in (1, mat._a.shape[0]):
        raise RuntimeError(
            f"size mismatch, got input ({input._a.size}), mat ({_sizes(mat)}), vec ({vec._a.shape[0]})"
        )
    _same_self(input, mat)
    result = _combined(input, mv(mat, vec), beta, alpha)
    return result if out is None else write(out, result)


def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """β·input + α·(vec1 ⊗ vec2)."""
    for i, v in enumerate((vec1, vec2), 1):
        tensor_argument("addr", v, i + 1, f"vec{i}")
        if v._a.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument vec{i}, but got {v._a.ndim}-D")
    category = FROM_NUMPY[input._a.dtype].category
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if category < FLOAT and isinstance(factor, float):
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    result = _combined(input, outer(vec1, vec2), beta, alpha)
    if category == BOOL and FROM_NUMPY[vec1._a.dtype].category == BOOL:
        result = cast(result, dtype_of(input._a))
    return result if out is None else write(out, result)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """β·input + α·(batch1 @ batch2), matrix by matrix."""
    product = _batched(input, batch1, batch2)
    result = _combined(input, product, beta, alpha)
    return result if out is None else write(out, result)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """β·input + α·Σ over the batch of batch1 @ batch2."""
    result = _combined(input, _batched(input, batch1, batch2).sum(0), beta, alpha)
    return result if out is None else write(out, result)


def _batched(input: Tensor, batch1: Tensor, batch2: Tensor) -> Tensor:
    for i, b in enumerate((batch1, batch2), 1):
        tensor_argument("baddbmm", b, i + 1, f"batch{i}")
        if b._a.ndim != 3:
            raise RuntimeError(f"batch{i} must be a 3D tensor")
    _batch_sizes(batch1, batch2)
    if input._a.dtype != batch1._a.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {_c_name(input)}, batch1: {_c_name(batch1)}, "
            f"batch2: {_c_name(batch2)}"
        )
    return _product(ops.bmm, batch1, batch2)


__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "dot", "ger", "matmul", "mm", "mv", "outer", "vdot",
]  # fmt: skip
for _changing in (addbmm, addmm, addmv, addr, baddbmm):
    method(_changing, inplace_=True)
for _plain in (bmm, dot, ger, matmul, mm, mv, outer, vdot):
    method(_plain)
Tensor.__matmul__ = _matmul_operator  # type: ignore[assignment, method-assign]
Tensor.__rmatmul__ = _rmatmul_operator  # type: ignore[assignment, method-assign]
