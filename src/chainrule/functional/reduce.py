"""Reductions: dim None, an int or a tuple; keepdim; dtype."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ..dispatch import bind, cast
from ..ops import arithmetic
from ..ops import reduce as ops
from ..ops.record import Op
from ..quick import direct
from ..tensor import Tensor
from ..types import COMPLEX, FLOAT, FROM_NUMPY, INT, DType, as_dtype, default, scalar_type, wrap_dims
from .api import method, tensor_argument, write

F = TypeVar("F", bound=Callable[..., Any])
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input"}


def numpy_names(function: F) -> F:
    """Let `axis`, `keepdims` and `x` stand for dim, keepdim and input, as PyTorch does."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for old, new in _NUMPY_NAMES.items():
                if old in kwargs and new not in kwargs:
                    kwargs[new] = kwargs.pop(old)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """`dim` as a tuple of non-negative dimensions; a 0-dim tensor has none."""
    if dim is None and ndim < len(ops.EVERY_DIM):
        return ops.EVERY_DIM[ndim]
    return wrap_dims(tuple(dim) if isinstance(dim, (list, tuple)) else dim, ndim)


_sum, _mean = direct(ops.sum), direct(ops.mean)


@numpy_names
def sum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum over `dim` (all dimensions by default); integers and bools sum to int64.

    >>> import chainrule as cr
    >>> cr.sum(cr.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    if not isinstance(input, Tensor):
        tensor_argument("sum", input)
    if dtype is not None:
        input = cast(input, as_dtype(dtype))
    elif out is not None and out.dtype.category >= FLOAT > input.dtype.category:
        input = cast(input, out.dtype)
    n = input._a.ndim
    result = _sum(input, ops.EVERY_DIM[n] if dim is None and n < 8 else dims_of(dim, n), bool(keepdim))
    if dtype is not None and result.dtype is not dtype:
        result = cast(result, as_dtype(dtype))
    return result if out is None else write(out, result)


@numpy_names
def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Mean over `dim` (all dimensions by default): (1/n) Σ x, of floating or complex numbers.

    >>> import chainrule as cr
    >>> cr.mean(cr.tensor([[1.0, 2.0], [3.0, 5.0]]), dim=1)
    tensor([1.5000, 4.0000])
    """
    if not isinstance(input, Tensor):
        tensor_argument("mean", input)
    if dtype is not None or FROM_NUMPY[input._a.dtype].category <= INT:
        input = _as_floating(input, dtype)
    n = input._a.ndim
    result = _mean(input, ops.EVERY_DIM[n] if dim is None and n < 8 else dims_of(dim, n), bool(keepdim))
    return result if out is None else write(out, result)


def _as_floating(x: Tensor, dtype: DType | None) -> Tensor:
    wanted = as_dtype(dtype) if dtype is not None else x.dtype
    if wanted.category <= INT:
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be "
            f"either a floating point or complex dtype. Got: {scalar_type(wanted)}"
        )
    return cast(x, wanted)


@numpy_names
def nansum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum over `dim` of the elements that are not NaN.

    >>> import chainrule as cr
    >>> cr.nansum(cr.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    tensor_argument("nansum", input)
    dims = dims_of(dim, input._a.ndim)
    if input.dtype.category == COMPLEX:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if dtype is not None:
        input = cast(input, as_dtype(dtype))
    record = ops.sum if input.dtype.category <= INT else ops.nansum
    result: Tensor = record(input, dims, bool(keepdim))
    if dtype is not None:
        result = cast(result, as_dtype(dtype))
    return result if out is None else write(out, result)


@numpy_names
def nanmean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Mean over `dim` of the elements that are not NaN.

    >>> import chainrule as cr
    >>> cr.nanmean(cr.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    tensor_argument("nanmean", input)
    if input.dtype.category <= INT:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{scalar_type(input.dtype)}"
        )
    counted = sum(ops.not_nan(input.detach()), dim, keepdim, dtype=dtype)
    result: Tensor = bind(arithmetic.div, (nansum(input, dim, keepdim, dtype=dtype), counted))
    return result if out is None else write(out, result)


@numpy_names
def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Product over `dim` (all elements by default); the derivative is right at zeros too.

    >>> import chainrule as cr
    >>> cr.prod(cr.tensor([[1, 2], [3, 4]]), 1)
    tensor([ 2, 12])
    """
    tensor_argument("prod", input)
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}")
    if dtype is not None:
        input = cast(input, as_dtype(dtype))
    result: Tensor = ops.prod(input, dims_of(dim, input._a.ndim), bool(keepdim))
    if dtype is not None:
        result = cast(result, as_dtype(dtype))
    return result if out is None else write(out, result)


@numpy_names
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """ln Σ eˣ over `dim`, without overflow.

    >>> import chainrule as cr
    >>> cr.logsumexp(cr.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    tensor_argument("logsumexp", input)
    if input.dtype.category <= INT:
        input = cast(input, default.dtype)
    result: Tensor = ops.logsumexp(input, dims_of(dim, input._a.ndim), bool(keepdim))
    return result if out is None else write(out, result)


# ----- truth and counts


def _truth(name: str, op: Op, input: Tensor, dim: Any, keepdim: bool, out: Tensor | None) -> Tensor:
    tensor_argument(name, input)
    if out is not None and out.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(f"{name} only supports bool tensor for result, got: {scalar_type(out.dtype)}")
    n = input._a.ndim
    dims = () if isinstance(dim, (tuple, list)) and not dim and n else dims_of(dim, n)
    result: Tensor = op(input, dims, bool(keepdim))
    return result if out is None else write(out, result)


@numpy_names
def all(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether all elements along `dim` are non-zero.

    >>> import chainrule as cr
    >>> cr.all(cr.tensor([True, False]))
    tensor(False)
    """
    return _truth("all", ops.all, input, dim, keepdim, out)


@numpy_names
def any(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether any element along `dim` is non-zero.

    >>> import chainrule as cr
    >>> cr.any(cr.tensor([True, False]))
    tensor(True)
    """
    return _truth("any", ops.any, input, dim, keepdim, out)


@numpy_names
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements along `dim` are not zero.

    >>> import chainrule as cr
    >>> cr.count_nonzero(cr.tensor([0, 1, 2]))
    tensor(2)
    """
    tensor_argument("count_nonzero", input)
    return ops.count_nonzero(input, dims_of(dim, input._a.ndim), False)


for _function in (sum, mean, nansum, nanmean, prod, logsumexp, all, any, count_nonzero):
    method(_function)

__all__ = ["all", "any", "count_nonzero", "logsumexp", "mean", "nanmean", "nansum", "prod", "sum"]
