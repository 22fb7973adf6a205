"""Masks: fill, select and scatter where a bool tensor is True."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import clock
from ..dispatch import bind, cast
from ..ops import index as ops
from ..ops.index import INDEX
from ..ops.masked import masked_scatter as masked_scatter_op
from ..ops.movement import expand
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, broadcast_shapes, dtype_of, scalar_type
from .api import method, tensor_argument, write
from .getitem import at_places


def _require_mask(name: str, mask: Tensor) -> None:
    tensor_argument(name, mask, 2, "mask")
    if mask._a.dtype != np.bool_:
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {dtype_of(mask._a)}")


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value` where `mask` is True; the two broadcast.

    >>> import chainrule as cr
    >>> cr.masked_fill(cr.tensor([1.0, 2.0]), cr.tensor([True, False]), 0.0)
    tensor([0., 2.])
    """
    tensor_argument("masked_fill", input)
    _require_mask("masked_fill_", mask)
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._a.ndim} dimension(s)."
            )
        if FROM_NUMPY[value._a.dtype].category > FROM_NUMPY[input._a.dtype].category:
            raise RuntimeError(
                f"value cannot be converted to type {dtype_of(input._a).name} without overflow"
            )
        value = cast(value, dtype_of(input._a))
    else:
        _convertible(input, value)
    return bind(ops.masked_fill, (input, mask, value))


def _convertible(x: Tensor, value: Any) -> None:
    category = FROM_NUMPY[x._a.dtype].category
    if (
        isinstance(value, complex)
        and category <= FLOAT
        or (isinstance(value, float) and category < FLOAT and value != int(value))
    ):
        raise RuntimeError(f"value cannot be converted to type {dtype_of(x._a).name} without overflow")


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where `mask` is True, as one dimension; the two broadcast."""
    tensor_argument("masked_select", input)
    tensor_argument("masked_select", mask, 2, "mask")
    if mask._a.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = broadcast_shapes(input._a.shape, mask._a.shape) or (1,)
    mask = expand(mask, shape) if mask._a.shape != shape else mask
    key: Any = (INDEX,)
    if clock.tracer is not None:
        key, mask = at_places(key, mask)
    result = bind(ops.index, (expand(input, shape), mask, key))
    return result if out is None else write(out, result)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements where `mask` is True replaced by the first ones of `source`, in order."""
    tensor_argument("masked_scatter", input)
    _require_mask("masked_scatter_", mask)
    tensor_argument("masked_scatter", source, 3, "source")
    if input._a.dtype != source._a.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{scalar_type(input.dtype)} and {scalar_type(source.dtype)}"
        )
    shape = broadcast_shapes(input._a.shape, mask._a.shape)
    x, chosen = expand(input, shape), expand(mask, shape)
    return bind(masked_scatter_op, (x, chosen, source))


__all__ = ["masked_fill", "masked_scatter", "masked_select"]
for _f in (masked_fill, masked_scatter):
    method(_f, inplace_=True)
method(masked_select)
