"""Comparisons, tests and logic; the results are bool tensors and carry no gradient."""

from __future__ import annotations

import numpy as np

from ..dispatch import bind
from ..ops import bitwise, compare
from ..tensor import Tensor
from ..types import scalar_type
from .api import binary_function, method, tensor_argument, unary_function

eq = binary_function(compare.eq, numbers="second")
ne = not_equal = binary_function(compare.ne, "not_equal", numbers="second")
lt = less = binary_function(compare.lt, "less", numbers="second")
le = less_equal = binary_function(compare.le, "less_equal", numbers="second")
gt = greater = binary_function(compare.gt, "greater", numbers="second")
ge = greater_equal = binary_function(compare.ge, "greater_equal", numbers="second")

isnan = unary_function(compare.isnan, in_place=False)
isinf = unary_function(compare.isinf, in_place=False)
isfinite = unary_function(compare.isfinite, in_place=False)
isposinf = unary_function(compare.isposinf, in_place=False)
isneginf = unary_function(compare.isneginf, in_place=False)
isreal = unary_function(compare.isreal, in_place=False)

logical_not = unary_function(compare.logical_not)
logical_and = binary_function(compare.logical_and, numbers="none")
logical_or = binary_function(compare.logical_or, numbers="none")
logical_xor = binary_function(compare.logical_xor, numbers="none")

bitwise_not = unary_function(bitwise.bitwise_not)
bitwise_and = binary_function(bitwise.bitwise_and)
bitwise_or = binary_function(bitwise.bitwise_or)
bitwise_xor = binary_function(bitwise.bitwise_xor)
bitwise_left_shift = binary_function(bitwise.bitwise_left_shift)
bitwise_right_shift = binary_function(bitwise.bitwise_right_shift)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol·|other|; equal infinities are close, nan only with `equal_nan`.

    >>> import chainrule as cr
    >>> cr.isclose(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    tensor_argument("isclose", input)
    tensor_argument("isclose", other, 2, "other")
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{scalar_type(input.dtype)} did not match {scalar_type(other.dtype)}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol}")
    return bind(compare.isclose, (input, other, rtol, atol, equal_nan))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as isclose() says.

    >>> import chainrule as cr
    >>> cr.allclose(cr.tensor([1.0]), cr.tensor([1.0 + 1e-9]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._a.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shape and all elements are equal; nan equals nothing.

    >>> import chainrule as cr
    >>> cr.equal(cr.tensor([1, 2]), cr.tensor([1, 2]))
    True
    """
    tensor_argument("equal", input)
    tensor_argument("equal", other, 2, "other")
    return input._a.shape == other._a.shape and bool(np.all(input._a == other._a))


for _function in (isclose, allclose, equal):
    method(_function)

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
]
