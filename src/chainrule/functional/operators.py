"""The operators of Tensor: + - * / ** @ and comparisons and bits, straight from the records."""

from __future__ import annotations

from typing import Any

from ..inplace import inplace
from ..ops import arithmetic, bitwise, compare
from ..ops.record import Op
from ..quick import binary, reverse, unary
from ..tensor import Tensor
from ..types import scalar_type


def _operator(symbol: str, op: Op, *, in_place: bool = True) -> None:
    setattr(Tensor, f"__{symbol}__", binary(op))
    setattr(Tensor, f"__r{symbol}__", reverse(op))
    if in_place:
        setattr(Tensor, f"__i{symbol}__", inplace(op))


_bitwise_not = unary(bitwise.bitwise_not)


def _invert(self: Tensor) -> Tensor:
    if self._a.dtype.kind not in "iub":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors, but got "
            f"{scalar_type(self.dtype)}: compare first, as in ~(x > 0)"
        )
    return _bitwise_not(self)


for _symbol, _op in {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div,
    "pow": arithmetic.pow, "floordiv": arithmetic.floor_divide, "mod": arithmetic.remainder,
    "and": bitwise.bitwise_and, "or": bitwise.bitwise_or, "xor": bitwise.bitwise_xor,
    "lshift": bitwise.bitwise_left_shift, "rshift": bitwise.bitwise_right_shift,
}.items():  # fmt: skip
    _operator(_symbol, _op)
for _symbol, _op in {
    "eq": compare.eq, "ne": compare.ne, "lt": compare.lt, "le": compare.le, "gt": compare.gt,
    "ge": compare.ge,
}.items():  # fmt: skip
    setattr(Tensor, f"__{_symbol}__", binary(_op))
for _name, _function in {
    "__rsub__": binary(arithmetic.rsub), "__neg__": unary(arithmetic.neg),
    "__pos__": lambda self: self.positive(),
    "__invert__": _invert, "__hash__": object.__hash__,  # setting __eq__ has dropped it
}.items():  # fmt: skip
    setattr(Tensor, _name, _function)
# for + and * the order of operands is free, and `2 * x` takes the short path; __div__ is an older spelling
for _name, _of in {
    "__radd__": "__add__", "__rmul__": "__mul__", "__div__": "__truediv__", "__rdiv__": "__rtruediv__",
    "__idiv__": "__itruediv__",
}.items():  # fmt: skip
    setattr(Tensor, _name, getattr(Tensor, _of))


def _array_ufunc(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.exp(t) and friends are the records' own operations, recorded like any other."""
    from .ufunc import apply

    return apply(ufunc, how, inputs, kwargs)


Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
