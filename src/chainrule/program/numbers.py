"""Python numbers that a compiled step is given anew at each call, as inputs of its program.

NOTE [Pinned] A number that takes part in arithmetic becomes an input. One whose value is asked for — by
`if`, by `math.log`, as a size — is a constant of the trace, which then holds for that value alone: it is
pinned.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..ops import arithmetic, movement
from ..tensor import Tensor
from ..types import FLOAT, DType, default


class Number:
    """A float of the caller's while a step is traced: its value, its variable, where it came from."""

    __slots__ = ("origins", "tracer", "traced", "value")
    __array_ufunc__ = None

    def __init__(self, tracer: Any, traced: Any, value: float, origins: frozenset[Any]) -> None:
        self.tracer, self.traced, self.value, self.origins = tracer, traced, value, origins

    def tensor(self, dtype: DType) -> Tensor:
        """The number as a 0-dim tensor, in the dtype that a Python number takes beside one of `dtype`."""
        kind = dtype if dtype.category >= FLOAT else default.dtype
        return Tensor._wrap(movement.to(self.traced, kind))

    def pin(self) -> float:
        """The value itself: the trace now depends on it."""
        self.tracer.pinned |= self.origins
        return self.value

    def __float__(self) -> float:
        return self.pin()

    def __int__(self) -> int:
        return int(self.pin())

    def __bool__(self) -> bool:
        return bool(self.pin())

    def __index__(self) -> int:
        return operator.index(self.pin())  # type: ignore[arg-type]  # a float is none, and says so

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.pin(), digits)

    def __repr__(self) -> str:
        return repr(self.pin())

    def __format__(self, spec: str) -> str:
        return format(self.pin(), spec)

    def __hash__(self) -> int:
        return hash(self.pin())

    def __neg__(self) -> Number:
        return self._made(arithmetic.neg, (self,), -self.value)

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> float:
        return abs(self.pin())

    def _made(self, op: Any, operands: tuple[Any, ...], value: float) -> Number:
        """Arithmetic on numbers alone, in double precision as Python does it."""
        origins = frozenset[Any]().union(*(x.origins for x in operands if isinstance(x, Number)))
        plain = tuple(x.traced if isinstance(x, Number) else float(x) for x in operands)
        return Number(self.tracer, self.tracer.apply(op, plain), value, origins)


def _arithmetic(symbol: str, op: Any, compute: Callable[[Any, Any], Any]) -> None:
    def forward(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return compute(self.tensor(other.dtype), other)
        if not isinstance(other, (Number, int, float)):
            return NotImplemented
        return self._made(op, (self, other), compute(self.value, _value(other)))

    def reflected(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return compute(other, self.tensor(other.dtype))
        if not isinstance(other, (int, float)):
            return NotImplemented
        return self._made(op, (other, self), compute(other, self.value))

    setattr(Number, f"__{symbol}__", forward)
    setattr(Number, f"__r{symbol}__", reflected)


def _comparison(symbol: str, compare: Callable[[Any, Any], Any]) -> None:
    def method(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return compare(self.tensor(other.dtype), other)
        return compare(self.pin(), float(other) if isinstance(other, Number) else other)

    setattr(Number, f"__{symbol}__", method)


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Number) else x


for _symbol, _op, _compute in (
    ("add", arithmetic.add, operator.add), ("sub", arithmetic.sub, operator.sub),
    ("mul", arithmetic.mul, operator.mul), ("truediv", arithmetic.div, operator.truediv),
    ("pow", arithmetic.pow, operator.pow),
):  # fmt: skip
    _arithmetic(_symbol, _op, _compute)
for _symbol in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_symbol, getattr(operator, _symbol))


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], float]]:
    """The floats in nested tuples, lists and dicts, with the way to each."""
    if type(value) is float:
        return [(path, value)]
    if isinstance(value, (list, tuple)):
        return [found for i, v in enumerate(value) for found in numbers_in(v, (*path, i))]
    if isinstance(value, dict):
        return [found for k, v in value.items() for found in numbers_in(v, (*path, k))]
    return []


def replaced(value: Any, at: dict[tuple[Any, ...], Any], path: tuple[Any, ...] = ()) -> Any:
    """The value with other things at the ends of some ways."""
    if path in at:
        return at[path]
    if type(value) in (list, tuple):
        return type(value)(replaced(v, at, (*path, i)) for i, v in enumerate(value))
    if type(value) is dict:
        return {k: replaced(v, at, (*path, k)) for k, v in value.items()}
    return value
