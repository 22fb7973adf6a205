"""Sorting, order statistics, quantiles, the most frequent value."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import return_types
from ..dispatch import cast
from ..inplace import plain
from ..ops import sort as ops
from ..ops.record import Op
from ..ops.scatter import gather
from ..tensor import Tensor
from ..types import BOOL, COMPLEX, float32, float64, int64, wrap_dim
from .api import method, tensor_argument, write
from .extreme import pair, real_only, scalar_dim
from .reduce import numpy_names


@numpy_names
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = False, *, out: Any = None
) -> Any:
    """The elements in order along `dim`, and where each was, as (values, indices); NaN comes last.

    Equal elements keep their order, whether `stable` is asked for or not.

    >>> import chainrule as cr
    >>> cr.sort(cr.tensor([3, 1, 2])).values
    tensor([1, 2, 3])
    """
    tensor_argument("sort", input)
    if input.dtype.category == COMPLEX:
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    return pair(return_types.sort, ops.sort(input, wrap_dim(dim, input._a.ndim), bool(descending)), out)


@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The indices that sort `input` along `dim`.

    >>> import chainrule as cr
    >>> cr.argsort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return sort(input, dim, descending, stable).indices


def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements in order along the first dimension."""
    result: Tensor = sort(input, 0).values
    return result if out is None else write(out, result)


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None
) -> Any:
    """The k largest (or smallest) elements along `dim`, in order, as (values, indices).

    >>> import chainrule as cr
    >>> cr.topk(cr.tensor([1.0, 4.0, 2.0]), 2).indices
    tensor([1, 2])
    """
    tensor_argument("topk", input)
    dim = wrap_dim(dim, input._a.ndim)
    if not 0 <= k <= (input._a.shape[dim] if input._a.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input.dtype.category in (BOOL, COMPLEX):
        what = (
            "topk does not support bool" if input.dtype.category == BOOL else " topk does not support complex"
        )
        raise RuntimeError(f"{what} dtypes on CPU")
    return pair(return_types.topk, ops.topk(input, int(k), dim, bool(largest)), out)


def nonempty_dim(name: str, x: Tensor, dim: int) -> int:
    """`dim` counted from the front; refused if it is empty: none of its elements can be picked."""
    dim = wrap_dim(dim, x._a.ndim)
    if x._a.ndim and not x._a.shape[dim]:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return dim


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The k-th smallest element along `dim` (k from 1) and where it is, as (values, indices)."""
    tensor_argument("kthvalue", input)
    dim = nonempty_dim("kthvalue", input, scalar_dim("kthvalue", input, dim))
    if not 1 <= k <= (input._a.shape[dim] if input._a.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    real_only("kthvalue_cpu", input, bools=False)
    return pair(return_types.kthvalue, ops.kthvalue(input, dim, bool(keepdim), int(k)), out)


def _median(name: str, op: Op, input: Tensor, dim: int | None, keepdim: bool, out: Any) -> Any:
    tensor_argument(name, input)
    if dim is None:
        real_only("median_cpu", input, bools=False)
        return ops.median(input, name == "nanmedian")
    dim = nonempty_dim("median", input, dim)
    real_only("median_out", input, bools=False)
    return pair(getattr(return_types, name), op(input, dim, bool(keepdim)), out)


@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The median (of an even number, the lower of the middle two); with `dim`, (values, indices) along it.

    >>> import chainrule as cr
    >>> cr.median(cr.tensor([1.0, 3.0, 2.0, 4.0]))
    tensor(2.)
    """
    return _median("median", ops.median_dim, input, dim, keepdim, out)


@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The median of the elements that are not NaN."""
    return _median("nanmedian", ops.nanmedian_dim, input, dim, keepdim, out)


@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """(values, indices): the most frequent element along `dim` (the smallest of several), its last index."""
    tensor_argument("mode", input)
    dim = nonempty_dim("mode", input, dim)
    real_only("mode_cpu", input)
    return pair(return_types.mode, ops.mode(input, dim, bool(keepdim)), out)


# ----- quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _probabilities(x: Tensor, q: Any, interpolation: str) -> Tensor:
    """`q` as a tensor of the input's dtype; all three arguments checked."""
    if not isinstance(q, Tensor) and not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if not x._a.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if isinstance(q, Tensor) and q._a.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if x.dtype not in (float32, float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        return Tensor._wrap(np.array(q, x._a.dtype))
    if q.dtype is not x.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if q._a.size and plain(q._a) and not (q._a.min() >= 0 and q._a.max() <= 1):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    return q


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, out: Tensor | None
) -> Tensor:
    """Sort, find the (fractional) rank of each quantile, and interpolate between its two neighbours."""
    tensor_argument(name, input)
    qs = _probabilities(input, q, interpolation)
    ndim = input._a.ndim
    along = None if dim is None or not ndim else wrap_dim(dim, ndim)
    rows = input.reshape((-1,)) if along is None else input.movedim(along, -1)
    a = rows._a
    top = float(a.shape[-1] - 1)
    nan = (rows != rows).sum(-1, keepdim=True)
    if name == "nanquantile":
        ranks = qs.reshape((-1,)) * cast((top - nan).clamp_min(0), rows.dtype)
    else:  # a NaN, sorted last, is every quantile
        ranks = (qs.reshape((-1,)) * top).masked_fill(nan > 0, top)
    result = _interpolated(ops.sort(rows, a.ndim - 1, False)[0], ranks, interpolation)
    result = result.movedim(-1, 0) if qs._a.ndim else result.squeeze(-1)
    reduced = (
        [1 if i == along or along is None else n for i, n in enumerate(input._a.shape)]
        if keepdim
        else a.shape[:-1]
    )
    result = result.reshape((*qs._a.shape, *reduced))
    return result if out is None else write(out, result)


def _interpolated(ordered: Tensor, ranks: Tensor, how: str) -> Tensor:
    places = ranks.detach()
    at = {"higher": places.ceil, "nearest": places.round}.get(how, places.floor)()
    dim = ordered._a.ndim - 1
    below: Tensor = gather(ordered, cast(at, int64), dim)
    if how not in ("linear", "midpoint"):
        return below
    above = gather(ordered, cast(places.ceil(), int64), dim)
    weight = 0.5 if how == "midpoint" else ranks - at
    return below + (above - below) * weight


@numpy_names
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The q-quantiles along `dim` (of all elements by default), interpolated between neighbours.

    >>> import chainrule as cr
    >>> cr.quantile(cr.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, out)


@numpy_names
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The q-quantiles along `dim` of the elements that are not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, out)


for _function in (sort, argsort, msort, topk, kthvalue, median, nanmedian, mode, quantile, nanquantile):
    method(_function)

__all__ = [
    "argsort", "kthvalue", "median", "mode", "msort", "nanmedian", "nanquantile", "quantile", "sort", "topk",
]  # fmt: skip
