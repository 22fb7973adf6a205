"""Variance and standard deviation: over everything or over dimensions, with a correction of the divisor."""

from __future__ import annotations

import warnings
from typing import Any

from ..ops import moments as ops
from ..ops.record import Op
from ..ops.reduce import count
from ..tensor import Tensor
from ..types import INT
from .api import method, tensor_argument, write
from .reduce import dims_of, numpy_names


def _moment(
    name: str, op: Op, input: Tensor, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None
) -> Any:
    """Sort out the two call forms: f(x, unbiased) and f(x, dim, unbiased / correction, keepdim)."""
    tensor_argument(name, input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: unbiased={unbiased} and "
            f"correction={correction}; give one of them (unbiased=True is correction=1)"
        )
    if input.dtype.category <= INT:
        what = f"{name} only support" if name.endswith("mean") else "std and var only support"
        raise RuntimeError(f"{what} floating point and complex dtypes")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    dims = dims_of(dim, input._a.ndim)
    if count(input._a.shape, dims) - correction <= 0 and _has_results(input._a.shape, dims):
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return op(input, dims, float(correction), bool(keepdim))


def _has_results(shape: tuple[int, ...], dims: tuple[int, ...]) -> bool:
    return all(n for i, n in enumerate(shape) if i not in dims)


@numpy_names
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Variance over `dim`: Σ|x - mean|² / max(0, n - correction); correction 1 unless given.

    >>> import chainrule as cr
    >>> cr.var(cr.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    result: Tensor = _moment("var", ops.var, input, dim, unbiased, keepdim, correction)
    return result if out is None else write(out, result)


@numpy_names
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Standard deviation over `dim`: the square root of the variance.

    >>> import chainrule as cr
    >>> cr.std(cr.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    result: Tensor = _moment("std", ops.std, input, dim, unbiased, keepdim, correction)
    return result if out is None else write(out, result)


@numpy_names
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean over `dim`, as a pair."""
    return tuple(_moment("var_mean", ops.var_mean, input, dim, unbiased, keepdim, correction))


@numpy_names
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over `dim`, as a pair."""
    return tuple(_moment("std_mean", ops.std_mean, input, dim, unbiased, keepdim, correction))


method(var)
method(std)

__all__ = ["std", "std_mean", "var", "var_mean"]
