"""The operators of Tensor: + - * / ** @ and comparisons, straight from the records."""

from __future__ import annotations

from typing import Any

from ..dispatch import binary, reverse, unary
from ..inplace import inplace
from ..ops import arithmetic
from ..ops.record import Op
from ..tensor import Tensor


def _operator(symbol: str, op: Op, *, in_place: bool = True) -> None:
    setattr(Tensor, f"__{symbol}__", binary(op))
    setattr(Tensor, f"__r{symbol}__", reverse(op))
    if in_place:
        setattr(Tensor, f"__i{symbol}__", inplace(op))


for _symbol, _op in {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div, "pow": arithmetic.pow,
}.items():  # fmt: skip
    _operator(_symbol, _op)
# the order of operands does not matter for these two, and `2 * x` takes the short path
Tensor.__radd__ = Tensor.__add__  # type: ignore[attr-defined]
Tensor.__rmul__ = Tensor.__mul__  # type: ignore[attr-defined]
Tensor.__neg__ = unary(arithmetic.neg)  # type: ignore[attr-defined]
Tensor.__pos__ = lambda self: self  # type: ignore[attr-defined]


def _array_ufunc(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.exp(t) and friends are the records' own operations, recorded like any other."""
    from .ufunc import apply

    return apply(ufunc, how, inputs, kwargs)


Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
