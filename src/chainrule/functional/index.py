"""Named indexing: slices along a dimension and elements by flat position, read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import bind
from ..inplace import require_own_memory, require_writable
from ..ops import index as ops
from ..ops.index import INDEX
from ..ops.movement import reshape
from ..ops.record import Op
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, scalar_type, wrap_dim
from .api import method, tensor_argument, write
from .getitem import ALL, Key, as_value, joined, plan, write_at, write_into


def same_dtype(name: str, x: Tensor, source: Tensor) -> None:
    """Refuse a source of another dtype."""
    if x._a.dtype != source._a.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_type(x.dtype)} and (source) {scalar_type(source.dtype)}"
        )


def vector_index(name: str, index: Tensor) -> Tensor:
    """The index of an index_* function: a 1-D tensor of int32 or int64 (0-dim counts as one element)."""
    tensor_argument(name, index, 3, "index")
    if index._a.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {index._a.ndim}")
    if index._a.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"{name}(): Expected dtype int32 or int64 for index, but got {scalar_type(index.dtype)}"
        )
    return index if index._a.ndim else reshape(index, (1,))


def _along(dim: int) -> Key:
    return (*(ALL,) * dim, INDEX)


def at_least_1d(x: Tensor) -> Tensor:
    return x if x._a.ndim else reshape(x, (1,))


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of `input` at `index` (1-D) along `dim`, as a copy.

    >>> import chainrule as cr
    >>> cr.index_select(cr.tensor([[1, 2], [3, 4]]), 1, cr.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    tensor_argument("index_select", input)
    dim = wrap_dim(dim, input._a.ndim)
    ix = vector_index("index_select", index)
    result = bind(ops.index_select, (at_least_1d(input), ix, _along(dim)))
    if not input._a.ndim:
        if ix._a.size != 1:
            raise IndexError(
                f"index_select(): Index to scalar can have only 1 value, got {ix._a.size} value(s)"
            )
        result = reshape(result, ())
    return result if out is None else write(out, result)


def source_slices(name: str, x: Tensor, dim: int, ix: Tensor, source: Tensor) -> Tensor:
    """The source of index_add and its kin, checked: x's shape, but as long as the index along dim."""
    tensor_argument(name, source, 4, "source")
    same_dtype(name, x, source)
    source = at_least_1d(source)
    shape = x._a.shape or (1,)
    expected = (*shape[:dim], ix._a.size, *shape[dim + 1 :])
    if source._a.shape != expected:
        if source._a.ndim == len(expected) and source._a.shape[dim] != ix._a.size:
            raise IndexError(
                f"{name}(): Number of indices ({ix._a.size}) should be equal to source.size(dim) "
                f"({source._a.shape[dim]})"
            )
        raise RuntimeError(
            f"{name}(): source shape {list(source._a.shape)} does not match what self of shape "
            f"{list(x._a.shape)} and {ix._a.size} indices along dim {dim} need: {list(expected)}"
        )
    return source


def _put_along(
    name: str, x: Tensor, dim: int, index: Tensor, source: Tensor, accumulate: bool, in_place: bool = False
) -> Tensor:
    tensor_argument(name, x)
    dim = wrap_dim(dim, x._a.ndim)
    ix = vector_index(name, index)
    values = source_slices(name, x, dim, ix, source)
    if in_place:
        return _write_along(ops.index_put_slices, ops.put_slices, x, dim, ix, values, accumulate)
    result: Tensor = bind(ops.index_put_slices, (at_least_1d(x), ix, values, _along(dim), accumulate))
    return result if x._a.ndim else reshape(result, ())


def _write_along(
    op: Op, put: Callable[..., None], x: Tensor, dim: int, ix: Tensor, values: Tensor, accumulate: bool
) -> Tensor:
    require_writable(x)
    require_own_memory(x._array())
    write_into(op, put, at_least_1d(x), ix, values, _along(dim), accumulate)
    return x


def _scaled(source: Tensor, alpha: Any) -> Tensor:
    tensor_argument("index_add", source, 4, "source")
    return source if alpha == 1 else alpha * source


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """`input` with alpha·source added to its slices at `index` along `dim`; repeated indices add up.

    >>> import chainrule as cr
    >>> cr.index_add(cr.zeros(3), 0, cr.tensor([0, 2, 0]), cr.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    result = _put_along("index_add", input, dim, index, _scaled(source, alpha), True)
    return result if out is None else write(out, result)


def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """index_add(), written into this tensor."""
    return _put_along("index_add", self, dim, index, _scaled(source, alpha), True, in_place=True)


def index_copy(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """`input` with its slices at `index` along `dim` replaced by those of `source`.

    >>> import chainrule as cr
    >>> cr.index_copy(cr.zeros(3), 0, cr.tensor([2, 0]), cr.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    result = _put_along("index_copy", input, dim, index, source, False)
    return result if out is None else write(out, result)


def index_copy_(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """index_copy(), written into this tensor."""
    return _put_along("index_copy", self, dim, index, source, False, in_place=True)


def _fill_operands(input: Tensor, dim: int, index: Tensor, value: Any) -> tuple[int, Tensor, Tensor]:
    tensor_argument("index_fill", input)
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} "
            "dimension(s)."
        )
    dim = wrap_dim(dim, input._a.ndim)
    ix = vector_index("index_fill", index)
    return dim, ix, as_value(input, value)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with its slices at `index` along `dim` filled with one number (or 0-dim tensor).

    >>> import chainrule as cr
    >>> cr.index_fill(cr.zeros(3), 0, cr.tensor([0, 2]), 7.0)
    tensor([7., 0., 7.])
    """
    dim, ix, v = _fill_operands(input, dim, index, value)
    result: Tensor = bind(ops.index_fill, (at_least_1d(input), ix, v, _along(dim), False))
    return result if input._a.ndim else reshape(result, ())


def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """index_fill(), written into this tensor."""
    operands = _fill_operands(self, dim, index, value)
    return _write_along(ops.index_fill, ops.fill_slices, self, *operands, accumulate=False)


def _positions(input: Tensor, indices: Any) -> tuple[Key, Tensor]:
    """The key and index argument of a list of index tensors (None selects a whole dimension)."""
    key = tuple(ALL if i is None else i for i in indices)
    for i in key:
        if isinstance(i, Tensor) and FROM_NUMPY[i._a.dtype].category >= FLOAT:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    key = tuple(
        reshape(i, (1,)) if isinstance(i, Tensor) and not i._a.ndim and i._a.dtype != np.bool_ else i
        for i in key
    )
    if len(key) > input._a.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input._a.ndim} (got {len(key)})")
    return joined(input, plan(input, key)[1])


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` written (or added) at the tuple of index tensors."""
    tensor_argument("index_put", input)
    _same_put_dtype(input, values)
    key, ix = _positions(input, indices)
    return bind(ops.index_put, (input, ix, values, key, bool(accumulate)))


def index_put_(self: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """index_put(), written into this tensor."""
    _same_put_dtype(self, values)
    key, ix = _positions(self, indices)
    return write_at(self, ix, values, key, bool(accumulate))


def _same_put_dtype(x: Tensor, values: Tensor) -> None:
    tensor_argument("index_put", values, 3, "values")
    if x._a.dtype != values._a.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {scalar_type(x.dtype)} for the "
            f"destination and {scalar_type(values.dtype)} for the source."
        )


# ----- flat positions


def _flat_index(name: str, input: Tensor, index: Tensor) -> Any:
    tensor_argument(name, input)
    tensor_argument(name, index, 2, "index")
    if index._a.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {scalar_type(index.dtype)}")
    return reshape(input, (input._a.size,))


def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at flat positions, in the shape of `index`: y = x.reshape(-1)[index]."""
    flat = _flat_index("take", input, index)
    if not index._a.ndim:
        result = reshape(bind(ops.take, (flat, reshape(index, (1,)))), ())
    else:
        result = bind(ops.take, (flat, index))
    return result if out is None else write(out, result)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with the elements at flat positions replaced by (or added to) those of `source`."""
    tensor_argument("put", source, 3, "source")
    flat = _flat_index("put_", input, index)
    if source._a.dtype != input._a.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_type(input.dtype)} and source.dtype = {scalar_type(source.dtype)}"
        )
    if source._a.size != index._a.size:
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._a.size}, index.numel() = {index._a.size}"
        )
    at = reshape(index, (index._a.size,))
    values = reshape(source, (source._a.size,))
    return reshape(bind(ops.index_put_flat, (flat, at, values, (INDEX,), bool(accumulate))), input._a.shape)


__all__ = ["index_add", "index_copy", "index_fill", "index_put", "index_select", "put", "take"]
method(put, inplace_=True)
for _f in (
    index_add, index_add_, index_copy, index_copy_, index_fill, index_fill_, index_put, index_put_,
    index_select, take,
):  # fmt: skip
    method(_f)
