"""softmax and log_softmax along a dimension."""

from __future__ import annotations

from ..dispatch import bind, cast
from ..ops import nn
from ..ops.record import Op
from ..tensor import Tensor
from ..types import FLOAT, DType, wrap_dim
from .api import method, tensor_argument, write


def along(op: Op, x: Tensor, dim: int, dtype: DType | None) -> Tensor:
    """The record `op` along `dim` of x, converted to `dtype` first."""
    tensor_argument(op.name, x)
    if dtype is not None:
        x = cast(x, dtype)
    if x.dtype.category < FLOAT:
        raise RuntimeError(
            f"\"{op.name}_lastdim_kernel_impl\" not implemented for '{x.dtype}': convert the input with "
            ".float(), or pass dtype=torch.float32"
        )
    return bind(op, (x, wrap_dim(dim, x._a.ndim)))


def softmax(input: Tensor, dim: int, dtype: DType | None = None, *, out: Tensor | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`; the results are positive and sum to 1.

    >>> import chainrule as cr
    >>> cr.softmax(cr.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    result = along(nn.softmax, input, dim, dtype)
    return result if out is None else write(out, result)


def log_softmax(input: Tensor, dim: int, dtype: DType | None = None, *, out: Tensor | None = None) -> Tensor:
    """x - ln Σ exp(x) along `dim`: the logarithm of softmax, without overflow.

    >>> import chainrule as cr
    >>> cr.log_softmax(cr.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    """
    result = along(nn.log_softmax, input, dim, dtype)
    return result if out is None else write(out, result)


method(softmax)
method(log_softmax)

__all__ = ["log_softmax", "softmax"]
