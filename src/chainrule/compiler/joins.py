"""How reductions combine elements: two values, the lanes of one, and the value to start from."""

from __future__ import annotations

from collections.abc import Callable

from ..types import FLOAT, DType
from .builder import Function, Value, lanes

Join = Callable[[Function, Value, Value, DType], Value]


def _arithmetic(of_floats: str, of_integers: str) -> Join:
    return lambda f, a, b, dtype: f.binary(of_floats if dtype.category == FLOAT else of_integers, a, b)


def _extreme(predicate: str, signed: str, unsigned: str) -> Join:
    """The larger or smaller; a NaN stays: `a > b ? a : b` is b where either is NaN, so only a NaN in a is
    lost.
    """

    def join(f: Function, a: Value, b: Value, dtype: DType) -> Value:
        if dtype.category == FLOAT:
            found = f.select(f.compare(predicate, a, b), a, b)
            return f.select(f.compare("uno", a, a), a, found)
        return f.select(f.compare(signed if dtype.is_signed else unsigned, a, b), a, b)

    return join


JOINS: dict[str, Join] = {
    "add": _arithmetic("fadd", "add"),
    "mul": _arithmetic("fmul", "mul"),
    "max": _extreme("ogt", "sgt", "ugt"),
    "min": _extreme("olt", "slt", "ult"),
    "and": lambda f, a, b, dtype: f.binary("and", a, b),
    "or": lambda f, a, b, dtype: f.binary("or", a, b),
}


def across(f: Function, join: Join, value: Value, dtype: DType) -> Value:
    """All lanes of a vector combined, halves first."""
    count = lanes(value.type)
    while count > 2:
        count //= 2  # a power of two
        low, high = range(count), range(count, 2 * count)
        value = join(f, f.shuffle(value, value, low), f.shuffle(value, value, high), dtype)
    return value if count == 1 else join(f, f.extract(value, 0), f.extract(value, 1), dtype)
