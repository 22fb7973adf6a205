"""Scans along one dimension, differences and integrals of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import return_types
from ..dispatch import bind, cast
from ..ops import arithmetic, index
from ..ops import scan as ops
from ..ops.compare import ne
from ..ops.record import Op
from ..tensor import Tensor
from ..types import BOOL, FLOAT, DType, as_dtype, scalar_type, wrap_dim
from .api import method, tensor_argument, write
from .extreme import pair, real_only, scalar_dim
from .join import cat
from .reduce import numpy_names, sum


def _running(name: str, op: Op, input: Tensor, dim: int, dtype: DType | None, out: Tensor | None) -> Tensor:
    tensor_argument(name, input)
    dim = wrap_dim(dim, input._a.ndim)
    if dtype is not None:
        input = cast(input, as_dtype(dtype))
    result: Tensor = op(input, dim, False)
    if dtype is not None:
        result = cast(result, as_dtype(dtype))
    return result if out is None else write(out, result)


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None, out: Tensor | None = None) -> Tensor:
    """Running sum along `dim`: y_k = x_1 + … + x_k.

    >>> import chainrule as cr
    >>> cr.cumsum(cr.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _running("cumsum", ops.cumsum, input, dim, dtype, out)


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None, out: Tensor | None = None) -> Tensor:
    """Running product along `dim`; the derivative is right at zeros too.

    >>> import chainrule as cr
    >>> cr.cumprod(cr.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return _running("cumprod", ops.cumprod, input, dim, dtype, out)


@numpy_names
def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """ln of the running sum of eˣ along `dim`, without overflow."""
    tensor_argument("logcumsumexp", input)
    if input.dtype.category < FLOAT:
        raise NotImplementedError(
            f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_type(input.dtype)}'"
        )
    result: Tensor = ops.logcumsumexp(input, wrap_dim(dim, input._a.ndim))
    return result if out is None else write(out, result)


@numpy_names
def cummax(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """Running maximum along `dim` and where it was last attained, as (values, indices).

    >>> import chainrule as cr
    >>> cr.cummax(cr.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    tensor_argument("cummax", input)
    real_only("cummax_cpu", input)
    return pair(return_types.cummax, ops.cummax(input, scalar_dim("cummax", input, dim)), out)


@numpy_names
def cummin(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """Running minimum along `dim` and where it was last attained, as (values, indices)."""
    tensor_argument("cummin", input)
    real_only("cummin_cpu", input)
    return pair(return_types.cummin, ops.cummin(input, scalar_dim("cummin", input, dim)), out)


# ----- differences


def cut(x: Tensor, dim: int, start: int | None, stop: int | None) -> Tensor:
    """x[start:stop] along `dim`."""
    return index.part(x, (*(slice(None),) * dim, slice(start, stop)))


def _joined(x: Tensor, dim: int, prepend: Tensor | None, append: Tensor | None) -> Tensor:
    parts = [p for p in (prepend, x, append) if p is not None]
    if len(parts) == 1:
        return x
    have = x._a.shape
    for p in (prepend, append):
        if p is None:
            continue
        if p._a.ndim != len(have):
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for i, (n, m) in enumerate(zip(have, p._a.shape)):
            if i != dim and n != m:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except "
                    f"along the differencing dimension; input.size({i}) = {n}, but got tensor.size({i}) = {m}"
                )
    return cat(parts, dim)


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None, *,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The n-th differences along `dim`: x_{k+1} - x_k, n times.

    >>> import chainrule as cr
    >>> cr.diff(cr.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    tensor_argument("diff", input)
    if not input._a.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, input._a.ndim)
    result = _joined(input, dim, prepend, append)
    minus = ne if result.dtype.category == BOOL else arithmetic.sub
    size = result._a.shape[dim]
    if n == 0:
        result = result.clone()
    elif n > size:
        result = cut(result, dim, 0, 0)
    else:
        for _ in range(n):
            result = bind(minus, (cut(result, dim, 1, None), cut(result, dim, None, -1)))
    return result if out is None else write(out, result)


# ----- integrals by the trapezoid rule


def _steps(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Any:
    """The widths of the trapezoids: a number, or differences of x shaped to multiply with y."""
    if x is None:
        return dx
    if not x._a.ndim:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    if x._a.ndim == 1:
        if x._a.shape[0] != y._a.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        return diff(x).reshape((-1,) + (1,) * (y._a.ndim - 1 - dim))
    x_dim = dim - y._a.ndim + x._a.ndim
    if x._a.shape[x_dim] != y._a.shape[dim]:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    return diff(x, dim=x_dim)


def _areas(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    tensor_argument(name, y, argument="y")
    if not y._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if y.dtype.category == BOOL or (isinstance(x, Tensor) and x.dtype.category == BOOL):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")
    dim = wrap_dim(dim, y._a.ndim)
    widths = _steps(name, y, x, dx, dim) if y._a.shape[dim] else 0
    both = cut(y, dim, 1, None) + cut(y, dim, None, -1)
    return both * widths, dim


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """∫ y dx along `dim` by the trapezoid rule: Σ (x_{k+1} - x_k)(y_k + y_{k+1})/2.

    >>> import chainrule as cr
    >>> cr.trapezoid(cr.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    areas, dim = _areas("trapezoid", y, x, dx, dim)
    return sum(areas, dim) / 2.0


def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The same as trapezoid()."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral along `dim` by the trapezoid rule; one element shorter than y.

    >>> import chainrule as cr
    >>> cr.cumulative_trapezoid(cr.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    areas, dim = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, dim) / 2.0


# ----- derivative of samples


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative of samples along each of `dim`, by second-order central differences.

    `spacing` is a number, a number per dimension, or the coordinates per dimension.

    >>> import chainrule as cr
    >>> cr.gradient(cr.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    tensor_argument("gradient", input)
    n = input._a.ndim
    dims = (
        list(range(n))
        if dim is None
        else [wrap_dim(d, n) for d in (dim if isinstance(dim, (list, tuple)) else [dim])]
    )
    if len(set(dims)) != len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacing = 1 if spacing is None else spacing
    many = isinstance(spacing, (list, tuple))
    if many and len(spacing) != len(dims):
        asked = "was not given" if dim is None else f"argument has {len(dims)} dimensions"
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
            f"'self.dim() = {n}', since dim argument {asked}, but got a list of length {len(spacing)}"
        )
    steps: Sequence[Any] = spacing if many else [spacing] * len(dims)
    if not n and dim is not None:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    for d in dims:
        if input._a.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_derivative(input, d, h, edge_order) for d, h in zip(dims, steps))


def _derivative(f: Tensor, dim: int, h: Any, edge_order: int) -> Tensor:
    """Differences of the samples, weighted so that uneven steps keep second order inside."""
    if f.dtype.category < FLOAT:
        f = f * 1.0
    slope = diff(f, dim=dim)
    first_ratio: Any = 0.5
    last_ratio: Any = 0.5
    if isinstance(h, Tensor) and h._a.ndim:
        if h._a.shape[0] != f._a.shape[dim]:
            raise RuntimeError(
                "torch.gradient expected each tensor to have the same length as the dimension of the "
                f"input, but got {h._a.shape[0]} coordinates for {f._a.shape[dim]} samples"
            )
        widths = diff(h).reshape((-1,) + (1,) * (f._a.ndim - 1 - dim))
        slope = slope / widths
        left, right = cut(widths, 0, None, -1), cut(widths, 0, 1, None)
        inner = (cut(slope, dim, None, -1) * right + cut(slope, dim, 1, None) * left) / (left + right)
        if edge_order == 2:
            first_ratio = cut(widths, 0, 0, 1) / (cut(widths, 0, 0, 1) + cut(widths, 0, 1, 2))
            last_ratio = cut(widths, 0, -1, None) / (cut(widths, 0, -1, None) + cut(widths, 0, -2, -1))
    else:
        slope = slope / h
        inner = (cut(slope, dim, None, -1) + cut(slope, dim, 1, None)) / 2
    first, last = cut(slope, dim, 0, 1), cut(slope, dim, -1, None)
    if edge_order == 2:
        first = first + (first - cut(slope, dim, 1, 2)) * first_ratio
        last = last + (last - cut(slope, dim, -2, -1)) * last_ratio
    return cat([first, inner, last], dim)


for _function in (cumsum, cumprod):
    method(_function, inplace_=True)
for _plain in (logcumsumexp, cummax, cummin, diff):
    method(_plain)

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "logcumsumexp",
    "trapezoid",
    "trapz",
]  # fmt: skip
