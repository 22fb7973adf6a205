"""Max, average and Lp pooling over fixed windows, and unpooling."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import pool as ops
from ...ops import resample
from ...tensor import Tensor
from ...types import INT, scalar_type
from ._arguments import tuple_of

Sizes = int | tuple[int, ...]


def check_rank(name: str, x: Tensor, d: int) -> None:
    """Refuse inputs other than (C, …) or (N, C, …) with d spatial dimensions, or empty beyond the batch."""
    tensor_argument(name, x)
    size = x._a.shape
    if len(size) not in (d + 1, d + 2) or 0 in size[-d - (len(size) == d + 2) :]:
        raise RuntimeError(
            f"{name}: Expected {d + 1}D or {d + 2}D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(size)}"
        )


def _windows(name: str, kernel: Any, stride: Any, padding: Any, dilation: Any, d: int) -> Any:
    k = tuple_of(kernel, d, "kernel_size")
    s = k if stride is None or stride == () or stride == [] else tuple_of(stride, d, "stride")
    p, q = tuple_of(padding, d, "padding"), tuple_of(dilation, d, "dilation")
    if any(v <= 0 for v in k):
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {list(k)}")
    if any(v <= 0 for v in s):
        raise RuntimeError(f"{name}: stride should not be zero or negative, but got {list(s)}")
    if any(v <= 0 for v in q):
        raise RuntimeError(f"{name}: dilation should be greater than zero, but got dilation {list(q)}")
    for v, n, w in zip(p, k, q):
        if v < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {v}")
        if v > ((n - 1) * w + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={v}, kernel_size={n} and "
                f"dilation={w}"
            )
    return k, s, p, q


def _sizes(name: str, x: Tensor, d: int, windows: Any, ceil_mode: bool) -> tuple[int, ...]:
    size = x._a.shape[-d:]
    kernel, stride, padding, dilation = windows
    out = ops.pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    if any(n < 1 for n in out):
        channels = x._a.shape[-d - 1]
        raise RuntimeError(
            f"Given input size: ({channels}x{'x'.join(map(str, size))}). Calculated output size: "
            f"({channels}x{'x'.join(map(str, out))}). Output size is too small"
        )
    return out


def _max_pool(d: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"max_pool{d}d"

    def with_indices(
        input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        check_rank(name, input, d)
        if input.dtype.name == "bool" or input.dtype.is_complex:
            raise RuntimeError(f"\"{name}\" not implemented for '{scalar_type(input.dtype)}'")
        windows = _windows(name, kernel_size, stride, padding, dilation, d)
        _sizes(name, input, d, windows, ceil_mode)
        values, indices = bind(ops.max_pool, (input, *windows, ceil_mode))
        return values, indices

    def function(
        input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        values, indices = with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
        return (values, indices) if return_indices else values

    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    with_indices.__doc__ = f"{name} and, per window, the flat index of the value taken."
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest value of each window over the last {d} dimensions; stride defaults to
    the window.

    Padding counts as -inf. The gradient goes to the first of equal values. With return_indices also the flat
    indices.
    Raises RuntimeError for padding over half the window, or windows that do not fit.

    >>> import chainrule as cr
    >>> cr.nn.functional.{name}(cr.ones(1, 1, {", ".join("4" * d)}), 2).shape
    torch.Size([1, 1, {", ".join("2" * d)}])
    """
    return function, with_indices


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)


def _avg_pool(d: int) -> Callable[..., Tensor]:
    name = f"avg_pool{d}d"

    def pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        include: bool,
        divisor: int | None,
    ) -> Tensor:
        check_rank(name, input, d)
        if input.dtype.category <= INT and input.dtype.name != "int64":
            raise RuntimeError(f"\"{name}\" not implemented for '{scalar_type(input.dtype)}'")
        if divisor == 0:
            raise RuntimeError("divisor must be not zero")
        windows = _windows(name, kernel_size, stride, padding, 1, d)
        out = _sizes(name, input, d, windows, ceil_mode)
        size = input._a.shape[-d:]
        taps = tuple(
            resample.pooling_taps(
                n, k, s, p, m, include, divisor if i == 0 else None if divisor is None else 1
            )
            for i, (n, k, s, p, m) in enumerate(zip(size, *windows[:3], out))
        )
        return bind(resample.avg_pool, (input, taps))

    if d == 1:

        def function(
            input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
            ceil_mode: bool = False,
            count_include_pad: bool = True,
        ) -> Tensor:  # fmt: skip
            return pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    else:

        def function(  # type: ignore[misc]
            input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
            ceil_mode: bool = False,
            count_include_pad: bool = True, divisor_override: int | None = None,
        ) -> Tensor:  # fmt: skip
            return pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The mean of each window over the last {d} dimensions; stride defaults to the
    window.

    Without count_include_pad the padding does not count; divisor_override (2-D, 3-D) replaces the count.
    Raises RuntimeError for padding over half the window, or windows that do not fit.

    >>> import chainrule as cr
    >>> cr.nn.functional.{name}(cr.ones(1, 1, {", ".join("4" * d)}), 2).shape
    torch.Size([1, 1, {", ".join("2" * d)}])
    """
    return function


avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))

# ----- unpooling


def _max_unpool(d: int) -> Callable[..., Tensor]:
    name = f"max_unpool{d}d"

    def function(
        input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        tensor_argument(name, input)
        kernel = tuple_of(kernel_size, d, "kernel_size")
        steps = kernel if stride is None else tuple_of(stride, d, "stride")
        pads = tuple_of(padding, d, "padding")
        size = unpooled_size(input._a.shape[-d:], kernel, steps, pads, output_size)
        check_rank(name, input, d)
        if str(indices._a.dtype) != "int64":
            raise RuntimeError(
                f"elements in indices should be type int64 but got: {scalar_type(indices.dtype)}"
            )
        if indices._a.shape != input._a.shape:
            raise RuntimeError(
                f"Expected shape of indices to be same as that of the input tensor ({list(input._a.shape)}) "
                f"but got indices tensor with shape: {list(indices._a.shape)}"
            )
        return bind(ops.max_unpool, (input, indices, size))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The inverse of max_pool{d}d where it can be: each value back at its index, zeros
    elsewhere.

    Raises RuntimeError for indices outside the result, ValueError for an impossible output_size.
    """
    return function


def unpooled_size(size: Any, kernel: Any, stride: Any, padding: Any, wanted: Any) -> tuple[int, ...]:
    """The spatial size before pooling, or the `wanted` one if it pools to the same."""
    usual = tuple((n - 1) * s + k - 2 * p for n, k, s, p in zip(size, kernel, stride, padding))
    if wanted is None:
        return usual
    wanted = tuple(wanted)
    d = len(usual)
    if len(wanted) == d + 2:
        wanted = wanted[2:]
    if len(wanted) != d:
        raise ValueError(
            f"output_size should be a sequence containing {d} or {d + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    for i, (n, m, s) in enumerate(zip(wanted, usual, stride)):
        if not m - s < n < m + s:
            raise ValueError(f'invalid output_size "{wanted}" (dim {i} must be between {m - s} and {m + s})')
    return wanted


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))

# ----- Lp


def _lp_pool(d: int) -> Callable[..., Tensor]:
    average = (avg_pool1d, avg_pool2d, avg_pool3d)[d - 1]

    def function(
        input: Tensor,
        norm_type: int | float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        kernel = tuple_of(kernel_size, d, "kernel_size")
        mean = average(input**norm_type, kernel, stride, 0, ceil_mode)
        total = mean.sign() * mean.abs().relu() * prod(kernel)
        return total ** (1.0 / norm_type)

    function.__name__ = function.__qualname__ = f"lp_pool{d}d"
    function.__doc__ = f"(Σ xᵖ)^(1/p) over each window of the last {d} dimensions, with p = norm_type."
    return function


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip
