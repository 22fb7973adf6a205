"""gather, scatter and their reducing kin: one element per entry of an index tensor, along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import bind, cast
from ..inplace import plain, require_own_memory, require_writable
from ..ops import scatter as ops
from ..ops.index import part as part_op
from ..ops.index import require_in_range
from ..ops.movement import expand, reshape
from ..ops.rearrange import clone
from ..ops.record import Op, Spec
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, broadcast_shapes, dtype_of, int64, scalar_type, wrap_dim
from .api import in_place_of, method, tensor_argument, write
from .getitem import as_value, view_at, write_into
from .index import at_least_1d, source_slices, vector_index

_REDUCE = {"sum", "prod", "mean", "amax", "amin"}


def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Tensor:
    """The elements that `index` names along `dim`: y[i][j] = x[index[i][j]][j] for dim 0.

    >>> import chainrule as cr
    >>> cr.gather(cr.tensor([[1, 2], [3, 4]]), 1, cr.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    tensor_argument("gather", input)
    dim = wrap_dim(dim, input._a.ndim)
    _require_index("gather", index)
    result = _gather(input, dim, index)
    return result if out is None else write(out, result)


def _gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    x, ix = at_least_1d(input), at_least_1d(index)
    if not ix._a.size:
        if x._a.ndim != ix._a.ndim:
            nothing = view_at(reshape(x, (x._a.size,)), (slice(0, 0),), part_op)
            return reshape(nothing, index._a.shape)
        ix = cast(ix, int64)
    ops.gather.shape(Spec(x._a.shape, dtype_of(x._a)), Spec(ix._a.shape, int64), dim)
    result: Tensor = bind(ops.gather, (x, ix, dim))
    return result if index._a.ndim else reshape(result, ())


def _require_index(name: str, index: Any) -> None:
    tensor_argument(name, index, 3, "index")
    if index._a.size and index._a.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """gather() with broadcasting of `input` against `indices`; flat when `dim` is None."""
    tensor_argument("take_along_dim", input)
    if indices._a.dtype != np.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {scalar_type(indices.dtype)}"
        )
    if dim is None:
        result = _gather(reshape(input, (input._a.size,)), 0, reshape(indices, (indices._a.size,)))
        return result if out is None else write(out, result)
    if input._a.ndim != indices._a.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._a.ndim} dimensions for input, and {indices._a.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input._a.ndim)
    shape, at = list(input._a.shape), list(indices._a.shape)
    size, count = shape[dim], at[dim]
    shape[dim] = at[dim] = 1
    both = list(broadcast_shapes(shape, at))
    both[dim] = size
    x = expand(input, tuple(both))
    both[dim] = count
    result = _gather(x, dim, expand(indices, tuple(both)))
    return result if out is None else write(out, result)


# ----- scatter


def _operands(name: str, x: Tensor, dim: int, index: Tensor, src: Any) -> tuple[Tensor, int, Tensor, Tensor]:
    """Everything checked, at least one-dimensional, and the source cut to the index's shape."""
    tensor_argument(name, x)
    dim = wrap_dim(dim, x._a.ndim)
    _require_index(name, index)
    a, ix, given = at_least_1d(x), at_least_1d(index), isinstance(src, Tensor)
    if given and src._a.dtype != x._a.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    s = at_least_1d(src) if given else as_value(x, src)
    if not ix._a.size:
        return a, dim, ix, s
    if a._a.ndim != ix._a.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if given and s._a.ndim != ix._a.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    room = s._a.shape if given else ix._a.shape
    for d, (i, n, m) in enumerate(zip(ix._a.shape, a._a.shape, room)):
        if (d != dim and i > n) or i > m:
            beside = f" and to be no larger size than src {list(room)}" if given else ""
            raise RuntimeError(
                f"Expected index {list(ix._a.shape)} to be no larger than self {list(a._a.shape)} apart from "
                f"dimension {dim}{beside}"
            )
    if given and room != ix._a.shape:
        s = view_at(s, tuple(slice(0, n) for n in ix._a.shape), part_op)
    return a, dim, ix, s


def _bound(op: Op, name: str, x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    a, dim, ix, s = _operands(name, x, dim, index, src)
    if not ix._a.size:
        return bind(clone, (x,))
    result: Tensor = bind(op, (a, ix, s, dim))
    return result if x._a.ndim else reshape(result, ())


def _written(op: Op, write: Callable[..., None], x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """The scatter written into x's own memory: its rules read none of the old values."""
    a, dim, ix, s = _operands("scatter", x, dim, index, src)
    require_writable(x)
    require_own_memory(x._array())
    if ix._a.size:
        write_into(op, write, a, ix, s, dim)
    return x


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`input` with `src` (or one number) written where `index` says: y[index[i][j]][j] = src[i][j] for dim 0.

    `reduce="add"` or "multiply" combines instead of replacing.

    >>> import chainrule as cr
    >>> cr.scatter(cr.zeros(2, 2), 0, cr.tensor([[1, 0]]), cr.tensor([[5.0, 6.0]]))
    tensor([[0., 6.],
            [5., 0.]])
    """
    src = value if src is None else src
    if reduce is None:
        result = _bound(ops.scatter, "scatter", input, dim, index, src)
    elif reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    else:
        a, d, ix, s = _operands("scatter", input, dim, index, src)
        s = s if s._a.shape == ix._a.shape else expand(s, ix._a.shape)
        op = ops.scatter_add if reduce == "add" else ops.scatter_prod
        result = _bound(op, "scatter", a, d, ix, s)
        result = result if input._a.ndim else reshape(result, ())
    return result if out is None else write(out, result)


def scatter_(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """scatter(), written into this tensor."""
    if reduce is not None:
        return _combined_(self, dim, index, src, value=value, reduce=reduce)
    return _written(ops.scatter, ops.put_along, self, dim, index, value if src is None else src)


_combined_ = in_place_of(scatter)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with the elements of `src` added where `index` says; repeated positions add up, in order.

    >>> import chainrule as cr
    >>> cr.scatter_add(cr.zeros(2), 0, cr.tensor([1, 1, 0]), cr.tensor([1.0, 2.0, 3.0]))
    tensor([3., 3.])
    """
    tensor_argument("scatter_add", src, 4, "src")
    result = _bound(ops.scatter_add, "scatter", input, dim, index, src)
    return result if out is None else write(out, result)


def scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """scatter_add(), written into this tensor."""
    tensor_argument("scatter_add", src, 4, "src")
    return _written(ops.scatter_add, ops.add_along, self, dim, index, src)


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`input` combined with the elements of `src` that `index` sends to each position.

    `reduce` is sum, prod, mean, amax or amin; without `include_self` the positions hit start empty.
    """
    tensor_argument("scatter_reduce", src, 4, "src")
    if reduce not in _REDUCE:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    a, dim, ix, s = _operands("scatter_reduce", input, dim, index, src)
    if not ix._a.size:
        return bind(clone, (input,))
    result = _reduced(a, dim, ix, s, reduce, include_self)
    result = result if input._a.ndim else reshape(result, ())
    return result if out is None else write(out, result)


def _start(a: Any, reduce: str) -> Any:
    """The neutral element of a reduction."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if a.dtype.kind in "iub":
        limits = (0, 1) if a.dtype.kind == "b" else (np.iinfo(a.dtype).min, np.iinfo(a.dtype).max)
        return limits[reduce == "amin"]
    return float("inf") if reduce == "amin" else float("-inf")


def _reduced(a: Tensor, dim: int, ix: Tensor, s: Tensor, reduce: str, include_self: bool) -> Tensor:
    if not include_self:
        a = bind(ops.scatter, (a, ix, _start(a._a, reduce), dim))
    if reduce != "mean":
        op = {
            "sum": ops.scatter_add,
            "prod": ops.scatter_prod,
            "amax": ops.scatter_amax,
            "amin": ops.scatter_amin,
        }[reduce]
        return bind(op, (a, ix, s, dim))
    total = bind(ops.scatter_add, (a, ix, s, dim))
    kind = a._a.dtype
    count = Tensor._wrap(np.ones(a._a.shape, kind))
    if not include_self:
        count = bind(ops.scatter, (count, ix, 0, dim))
    count = bind(ops.scatter_add, (count, ix, np.ones((), kind), dim)).clamp_min(1)
    return total // count if FROM_NUMPY[kind].category < FLOAT else total / count


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`input` with its slices at `index` along `dim` combined with `source` by prod, mean, amax or amin."""
    tensor_argument("index_reduce", input)
    if reduce not in _REDUCE - {"sum"}:
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    dim = wrap_dim(dim, input._a.ndim)
    ix = vector_index("index_reduce", index)
    s = source_slices("index_reduce", input, dim, ix, source)
    if plain(ix._a):
        require_in_range(ix._a, (input._a.shape or (1,))[dim])
    spread = expand(reshape(ix, (-1,) + (1,) * (s._a.ndim - 1 - dim)), s._a.shape)
    if not spread._a.size:
        result = bind(clone, (input,))
    else:
        result = _reduced(at_least_1d(input), dim, spread, s, reduce, include_self)
        result = result if input._a.ndim else reshape(result, ())
    return result if out is None else write(out, result)


__all__ = ["gather", "index_reduce", "scatter", "scatter_add", "scatter_reduce", "take_along_dim"]
for _changing in (scatter_reduce, index_reduce):
    method(_changing, inplace_=True)
for _plain in (gather, scatter, scatter_, scatter_add, scatter_add_, take_along_dim):
    method(_plain)
