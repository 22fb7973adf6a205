"""Extremes: max, min and their positions."""

from __future__ import annotations

from typing import Any

from .. import return_types
from ..ops import extreme as ops
from ..ops.record import Op
from ..quick import direct
from ..tensor import Tensor
from ..types import BOOL, COMPLEX, FROM_NUMPY, scalar_type, wrap_dim
from .api import method, tensor_argument, write
from .reduce import dims_of, numpy_names


def real_only(kernel: str, x: Tensor, *, bools: bool = True) -> None:
    """Refuse complex (and, if asked, bool) tensors, which have no order, in PyTorch's words."""
    category = FROM_NUMPY[x._a.dtype].category
    if category == COMPLEX or (category == BOOL and not bools):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_type(x.dtype)}'")


def _require_elements(name: str, x: Tensor) -> None:
    if not x._a.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
            "dim with the 'dim' argument."
        )


def scalar_dim(name: str, x: Tensor, dim: int) -> int:
    """`dim` counted from the front, with these operations' own words for a 0-dim tensor."""
    if not x._a.ndim and dim not in (0, -1):
        raise IndexError(f"{name}(): Expected reduction dim -1 or 0 for scalar but got {dim}")
    return wrap_dim(dim, x._a.ndim)


def pair(cls: Any, results: list[Tensor], out: Any) -> Any:
    """(values, indices) as a named tuple, written into `out` if given."""
    if out is not None:
        results = [write(o, r) for o, r in zip(out, results)]
    return cls(results)


_FULL: dict[Op, Any] = {ops.max_all: direct(ops.max_all), ops.min_all: direct(ops.min_all)}


def _extreme(
    name: str,
    full: Op,
    along: Op,
    pairwise: str,
    input: Tensor,
    dim: Any,
    keepdim: bool,
    other: Any,
    out: Any,
) -> Any:
    if not isinstance(input, Tensor):
        tensor_argument(name, input)
    if isinstance(dim, Tensor):
        dim, other = None, dim
    if other is not None:
        result: Tensor = getattr(input, pairwise)(other)
        return result if out is None else write(out, result)
    if dim is None:
        real_only(f"{name}_all", input)
        _require_elements(name, input)
        result = _FULL[full](input, tuple(range(input._a.ndim)), False)
        return result if out is None else write(out, result)
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    if not isinstance(keepdim, bool):
        raise TypeError(
            f"{name}(): argument 'keepdim' (position 3) must be bool, not {type(keepdim).__name__}"
        )
    dim = wrap_dim(dim, input._a.ndim)
    if input.dtype.category == COMPLEX:
        raise RuntimeError(f"{name}(): does not support complex input")
    return pair(getattr(return_types, name), along(input, dim, keepdim), out)


@numpy_names
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """The largest element; with `dim`, (values, indices) along it; with a second tensor, the larger of two.

    Equal largest elements share the derivative of max(x); of max(x, dim) the first one gets it all.

    >>> import chainrule as cr
    >>> cr.max(cr.tensor([[1.0, 5.0], [3.0, 2.0]]), 1).indices
    tensor([1, 0])
    """
    return _extreme("max", ops.max_all, ops.max_dim, "maximum", input, dim, keepdim, other, out)


@numpy_names
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """The smallest element; with `dim`, (values, indices) along it; with a second tensor, the smaller of two.

    >>> import chainrule as cr
    >>> cr.min(cr.tensor([3.0, 1.0, 2.0]))
    tensor(1.)
    """
    return _extreme("min", ops.min_all, ops.min_dim, "minimum", input, dim, keepdim, other, out)


def _amax(
    name: str, op: Op, kernel: str, input: Tensor, dim: Any, keepdim: bool, out: Tensor | None
) -> Tensor:
    tensor_argument(name, input)
    dims = dims_of(dim, input._a.ndim)
    real_only(kernel, input)
    if dim is None or dim == ():
        _require_elements(name, input)
    result: Tensor = op(input, dims, bool(keepdim))
    return result if out is None else write(out, result)


@numpy_names
def amax(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The largest elements over `dim` (an int or several); equal ones share the derivative.

    >>> import chainrule as cr
    >>> cr.amax(cr.tensor([[1.0, 5.0], [3.0, 2.0]]), 0)
    tensor([3., 5.])
    """
    return _amax("amax", ops.amax, "max_values_cpu", input, dim, keepdim, out)


@numpy_names
def amin(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The smallest elements over `dim` (an int or several); equal ones share the derivative."""
    return _amax("amin", ops.amin, "min_values_cpu", input, dim, keepdim, out)


@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest elements along `dim` (of all by default), as (min, max)."""
    tensor_argument("aminmax", input)
    real_only("aminmax_cpu", input)
    if dim is None and not input._a.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return pair(return_types.aminmax, ops.aminmax(input, dims_of(dim, input._a.ndim), bool(keepdim)), out)


def _argument(name: str, op: Op, input: Tensor, dim: int | None, keepdim: bool, out: Tensor | None) -> Tensor:
    tensor_argument(name, input)
    category = input.dtype.category
    if category in (COMPLEX, BOOL):
        raise RuntimeError(f"{name}(): does not support {'bool' if category == BOOL else 'complex'} input")
    if dim is None and not input._a.size:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    result: Tensor = op(input, dims_of(dim, input._a.ndim), bool(keepdim))
    return result if out is None else write(out, result)


@numpy_names
def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Where the largest element is, along `dim` or in the flattened tensor; the first of equal ones.

    >>> import chainrule as cr
    >>> cr.argmax(cr.tensor([1.0, 7.0, 7.0]))
    tensor(1)
    """
    return _argument("argmax", ops.argmax, input, dim, keepdim, out)


@numpy_names
def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Where the smallest element is, along `dim` or in the flattened tensor; the first of equal ones."""
    return _argument("argmin", ops.argmin, input, dim, keepdim, out)


for _function in (max, min, amax, amin, aminmax, argmax, argmin):
    method(_function)

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]
