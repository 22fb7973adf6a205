"""What the functions share of arguments: one int or one per dimension, unbatched inputs, reductions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ...dispatch import bind
from ...ops.movement import reshape
from ...tensor import Tensor


def tuple_of(value: Any, count: int, name: str) -> tuple[int, ...]:
    """`count` ints from one int or a sequence of one or `count` of them."""
    if isinstance(value, int):
        return (value,) * count
    try:
        out = tuple(v.__index__() for v in ((value,) if hasattr(value, "__index__") else value))
    except (AttributeError, TypeError):
        raise TypeError(f"argument '{name}' must be an int or a tuple of ints, not {value!r}") from None
    if len(out) == 1:
        return out * count
    if len(out) != count:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {count} values, but got "
            f"{name}={list(out)}"
        )
    return out


def batched(function: Callable[[Tensor], Any], x: Tensor, dims: int) -> Any:
    """`function` of x (N, C, …dims); an unbatched (C, …dims) is given a batch of one and loses it again."""
    if x._a.ndim == dims + 2:
        return function(x)
    out = function(bind(reshape, (x, (1, *x._a.shape))))
    if isinstance(out, (tuple, list)):
        return tuple(_without_batch(o) for o in out)
    return _without_batch(out)


def _without_batch(x: Tensor) -> Tensor:
    return bind(reshape, (x, x._a.shape[1:]))


def reduction_of(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction's name, also from the two legacy flags."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            UserWarning, stacklevel=4,
        )  # fmt: skip
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction
