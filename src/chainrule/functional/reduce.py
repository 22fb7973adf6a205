"""Reductions: dim None, an int or a tuple; keepdim; dtype."""

from __future__ import annotations

from typing import Any

from ..dispatch import cast
from ..ops import reduce as ops
from ..tensor import Tensor
from ..types import INT, DType, int64, wrap_dims
from .api import method, tensor_argument, write


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None, out: Tensor | None = None
) -> Tensor:
    """Sum over `dim` (all dimensions by default); integers and bools sum to int64.

    >>> import chainrule as cr
    >>> cr.sum(cr.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    tensor_argument("sum", input)
    if dtype is None and input.dtype.category <= INT:
        dtype = int64
    if dtype is not None:
        input = cast(input, dtype)
    result: Tensor = ops.sum(input, wrap_dims(dim, input._a.ndim), keepdim)
    return result if out is None else write(out, result)


method(sum)
