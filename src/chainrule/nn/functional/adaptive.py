"""Adaptive pooling: to a given output size, whatever the input's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dispatch import bind
from ...ops import pool as ops
from ...ops import resample
from ...tensor import Tensor
from .pooling import check_rank


def _target(output_size: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    d = len(size)
    wanted = (output_size,) * d if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(wanted) != d:
        raise ValueError(
            f"output_size must have {d} elements for an input with {d} spatial dimensions, got {wanted}"
        )
    out = tuple(n if m is None else int(m) for n, m in zip(size, wanted))
    if any(n < 0 for n in out):
        raise RuntimeError(
            f"elements of output_size must be greater than or equal to 0 but received {list(out)}"
        )
    return out


def _adaptive_avg(d: int) -> Callable[..., Tensor]:
    name = f"adaptive_avg_pool{d}d"

    def function(input: Tensor, output_size: Any) -> Tensor:
        check_rank(name, input, d)
        size = input._a.shape[-d:]
        taps = tuple(resample.adaptive_taps(n, m) for n, m in zip(size, _target(output_size, size)))
        return bind(resample.adaptive_avg_pool, (input, taps))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The means of output_size stretches that cover each of the last {d} dimensions
    evenly.

    None keeps a dimension's size. Raises RuntimeError for an input of the wrong number of dimensions.

    >>> import chainrule as cr
    >>> cr.nn.functional.{name}(cr.ones(1, 3, {", ".join("5" * d)}), 1).shape
    torch.Size([1, 3, {", ".join("1" * d)}])
    """
    return function


def _adaptive_max(d: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"adaptive_max_pool{d}d"

    def with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> tuple[Tensor, Tensor]:
        check_rank(name, input, d)
        values, indices = bind(ops.adaptive_max_pool, (input, _target(output_size, input._a.shape[-d:])))
        return values, indices

    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        values, indices = with_indices(input, output_size)
        return (values, indices) if return_indices else values

    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    with_indices.__doc__ = f"{name} and the flat index of each value taken."
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest values of output_size stretches that cover each of the last {d}
    dimensions evenly.

    None keeps a dimension's size. With return_indices also the flat indices.

    >>> import chainrule as cr
    >>> cr.nn.functional.{name}(cr.ones(1, 3, {", ".join("5" * d)}), 2).shape
    torch.Size([1, 3, {", ".join("2" * d)}])
    """
    return function, with_indices


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_adaptive_avg, (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max(3)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
]  # fmt: skip
