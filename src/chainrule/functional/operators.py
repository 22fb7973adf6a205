"""The operators of Tensor: + - * / ** @ and comparisons and bits, straight from the records."""

from __future__ import annotations

from typing import Any

from ..dispatch import binary, reverse, unary
from ..inplace import inplace
from ..ops import arithmetic, bitwise, compare
from ..ops.record import Op
from ..tensor import Tensor


def _operator(symbol: str, op: Op, *, in_place: bool = True) -> None:
    setattr(Tensor, f"__{symbol}__", binary(op))
    setattr(Tensor, f"__r{symbol}__", reverse(op))
    if in_place:
        setattr(Tensor, f"__i{symbol}__", inplace(op))


for _symbol, _op in {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div, "pow": arithmetic.pow,
    "floordiv": arithmetic.floor_divide, "mod": arithmetic.remainder, "and": bitwise.bitwise_and,
    "or": bitwise.bitwise_or, "xor": bitwise.bitwise_xor, "lshift": bitwise.bitwise_left_shift,
    "rshift": bitwise.bitwise_right_shift,
}.items():  # fmt: skip
    _operator(_symbol, _op)
for _symbol, _op in {
    "eq": compare.eq, "ne": compare.ne, "lt": compare.lt, "le": compare.le, "gt": compare.gt, "ge": compare.ge,
}.items():  # fmt: skip
    setattr(Tensor, f"__{_symbol}__", binary(_op))
# the order of operands does not matter for these, and `2 * x` takes the short path
Tensor.__radd__ = Tensor.__add__  # type: ignore[attr-defined]
Tensor.__rmul__ = Tensor.__mul__  # type: ignore[attr-defined]
Tensor.__rsub__ = binary(arithmetic.rsub)  # type: ignore[attr-defined]
Tensor.__div__, Tensor.__rdiv__ = Tensor.__truediv__, Tensor.__rtruediv__  # type: ignore[attr-defined]
Tensor.__idiv__ = Tensor.__itruediv__  # type: ignore[attr-defined]
Tensor.__neg__ = unary(arithmetic.neg)  # type: ignore[attr-defined]
Tensor.__pos__ = lambda self: self.positive()  # type: ignore[attr-defined]
Tensor.__invert__ = unary(bitwise.bitwise_not)  # type: ignore[attr-defined]
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def _array_ufunc(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.exp(t) and friends are the records' own operations, recorded like any other."""
    from .ufunc import apply

    return apply(ufunc, how, inputs, kwargs)


Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
