"""Choosing values: where, the larger and smaller of two, bounds, replacing what is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..dispatch import bind, constant
from ..inplace import inplace
from ..ops import select as ops
from ..quick import direct
from ..tensor import Tensor
from ..types import COMPLEX, FLOAT, bool_, uint8
from .api import EVERYDAY, binary_function, method, tensor_argument, write

maximum = binary_function(ops.maximum, in_place=False, numbers="none")
minimum = binary_function(ops.minimum, in_place=False, numbers="none")
fmax = binary_function(ops.fmax, in_place=False, numbers="none")
fmin = binary_function(ops.fmin, in_place=False, numbers="none")
_NUMBERS = {int, float}
_clamp = direct(ops.clamp)
_at_least = binary_function(ops.clamp_min)
_at_most = binary_function(ops.clamp_max)


def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """`input` where the condition holds, else `other`; with the condition alone, where it is not zero.

    >>> import chainrule as cr
    >>> cr.where(cr.tensor([True, False]), cr.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    tensor_argument("where", condition, 1, "condition")
    if input is None and other is None:
        from .search import nonzero

        return nonzero(condition, as_tuple=True)
    if condition.dtype not in (bool_, uint8):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype}: compare first, as in torch.where(x > 0, a, b)"
        )
    result: Tensor = bind(ops.where, (condition, input, other))
    return result if out is None else write(out, result)


def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor where the condition holds, else `other`."""
    return where(condition, self, other)


def _require_order(name: str, input: Any) -> None:
    tensor_argument(name, input)
    if input.dtype.category == COMPLEX:
        raise RuntimeError(
            f"{name} is not supported for complex types: complex numbers have no order; clamp .real and .imag"
        )


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Each element raised to at least `min` and lowered to at most `max`: numbers, tensors, one may be None.

    >>> import chainrule as cr
    >>> cr.clamp(cr.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if type(min) in _NUMBERS and type(max) in _NUMBERS and isinstance(input, Tensor):
        kind = input._a.dtype
        if kind in EVERYDAY and out is None:
            return _clamp(input, constant(min, kind), constant(max, kind))
    _require_order("clamp", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is None:
        min = _unbounded(input, -1)
    if max is None:
        max = _unbounded(input, 1)
    result: Tensor = bind(ops.clamp, (input, min, max))
    return result if out is None else write(out, result)


def _unbounded(input: Tensor, sign: int) -> Any:
    """The bound that bounds nothing: an infinity, for integers the end of their range."""
    kind = input._a.dtype
    if kind.kind in "iu":
        return int(np.iinfo(kind).max if sign > 0 else np.iinfo(kind).min)
    return sign > 0 if kind.kind == "b" else sign * np.inf


clip = clamp


def clamp_min(input: Tensor, min: Any, *, out: Tensor | None = None) -> Tensor:
    """Each element raised to at least `min`."""
    _require_order("clamp", input)
    return _at_least(input, min, out=out)


def clamp_max(input: Tensor, max: Any, *, out: Tensor | None = None) -> Tensor:
    """Each element lowered to at most `max`."""
    _require_order("clamp", input)
    return _at_most(input, max, out=out)


def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None, *,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """nan replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest finite numbers).

    >>> import chainrule as cr
    >>> cr.nan_to_num(cr.tensor([float("nan"), 1.0]))
    tensor([0., 1.])
    """
    tensor_argument("nan_to_num", input)
    high = low = 0.0
    if input.dtype.category >= FLOAT:
        top = _largest(input.dtype.to_real().np)
        high, low = (top if posinf is None else posinf), (-top if neginf is None else neginf)
    result: Tensor = bind(ops.nan_to_num, (input, nan or 0.0, high, low))
    return result if out is None else write(out, result)


def _largest(dtype: np.dtype[Any]) -> float:
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


Tensor.where = _where  # type: ignore[attr-defined]
for _function in (clamp_min, clamp_max, nan_to_num):
    method(_function)
method(clamp, "clamp", "clip")
for _name, _function, _op in (
    ("clamp", clamp, ops.clamp), ("clip", clamp, ops.clamp), ("clamp_min", clamp_min, ops.clamp_min),
    ("clamp_max", clamp_max, ops.clamp_max), ("nan_to_num", nan_to_num, ops.nan_to_num),
):  # fmt: skip
    setattr(Tensor, _name + "_", inplace(_op, _function))

_CHANGING = ("clamp", "clamp_max", "clamp_min", "clip", "nan_to_num")
for _name in _CHANGING:
    globals()[_name + "_"] = getattr(Tensor, _name + "_")

__all__ = [
    "clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "nan_to_num", "where",
]  # fmt: skip
__all__ += [name + "_" for name in _CHANGING]

if TYPE_CHECKING:  # the names that the loop above makes

    def __getattr__(name: str) -> Any: ...
