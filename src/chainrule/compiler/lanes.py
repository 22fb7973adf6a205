"""Arithmetic on register values of any dtype: the functions of the lowering language, in one table.

A value is an IR value of the record's computing dtype, a truth value (`i1`), or a Python number, which is
folded as long as it meets only numbers. Truth values become 0 and 1 where a number is wanted, as in NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..types import DType
from .builder import BITS, Function, Value, element, like, number
from .vmath import ARITY, FUNCTIONS

Scalar = float | int | bool
Item = Value | Scalar | None


class Lanes:
    """Where values are written: a function body, the computing dtype, and the register type of its values."""

    def __init__(self, f: Function, dtype: DType, type: str) -> None:
        self.f, self.dtype, self.type = f, dtype, type
        self.kind = "bif"[dtype.category]

    def value(self, x: Item) -> Value:
        """In a register, as the computing dtype."""
        if not isinstance(x, Value):
            if x is None:
                raise TypeError("an attribute that is None was used as a number")
            if self.kind == "i" and not self.holds(x):
                raise OverflowError(f"Python integer {x} out of bounds for {self.dtype.name}")
            return number(bool(x) if self.kind == "b" else x, self.type)
        if element(x.type) != "i1" or self.kind == "b":
            return x
        return self.f.cast("uitofp" if self.kind == "f" else "zext", x, self.type)

    def holds(self, x: Scalar) -> bool:
        """Whether the whole part of x is a number of the computing dtype, which is an integer one."""
        i = np.iinfo(self.dtype.np)
        return bool(i.min <= math.trunc(x) <= i.max)

    def truth(self, x: Item) -> Value | bool:
        """Whether it differs from 0."""
        if not isinstance(x, Value):
            return bool(x)
        if element(x.type) == "i1":
            return x
        return self.f.compare("une" if element(x.type) in ("float", "double") else "ne", x, number(0, x.type))

    def truths(self, x: Value | bool) -> Value:
        return x if isinstance(x, Value) else number(x, like(self.type, "i1"))

    def by_kind(self, float_: str, signed: str, unsigned: str = "") -> str:
        """The opcode for the computing dtype."""
        if self.kind == "f":
            return float_
        return signed if self.dtype.is_signed or not unsigned else unsigned


Rule = Callable[..., Item]


class Known(NamedTuple):
    """A function of the language: how it is written, how many arguments, for which of bool, int, float."""

    rule: Rule
    arity: int
    kinds: str = "bif"
    chooses: bool = False  # the first argument, if it is a Python number, says which of the others is wanted


def _folded(op: Callable[..., Any], rule: Rule) -> Rule:
    """Numbers are computed here and now."""

    def apply(at: Lanes, *items: Item) -> Item:
        if any(isinstance(x, Value) for x in items):
            return rule(at, *items)
        return op(*items)

    return apply


# ----- arithmetic


def _arithmetic(float_: str, integer: str, bool_: str) -> Rule:
    def apply(at: Lanes, x: Item, y: Item) -> Item:
        opcode = bool_ if at.kind == "b" else at.by_kind(float_, integer)
        return at.f.binary(opcode, at.value(x), at.value(y))

    return apply


_times = _arithmetic("fmul", "mul", "and")


def _mul(at: Lanes, x: Item, y: Item) -> Item:
    """A factor of 1 is no instruction."""
    for one, other in ((x, y), (y, x)):
        if not isinstance(one, Value) and one == 1:
            return at.value(other)
    return _times(at, x, y)


def _div(at: Lanes, x: Item, y: Item) -> Item:
    """By a power of two: the product with its reciprocal, which is the same number."""
    if not isinstance(y, Value) and y and math.isfinite(y):
        fraction, power = math.frexp(y)
        if abs(fraction) == 0.5 and abs(power) < 100:
            return _mul(at, x, 1 / y)
    return at.f.binary("fdiv", at.value(x), at.value(y))


def _quotient(x: Any, y: Any) -> Any:
    return x / y if y else math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1, y)


def _neg(at: Lanes, x: Item) -> Item:
    v = at.value(x)
    return at.f.fneg(v) if at.kind == "f" else at.f.binary("sub", number(0, v.type), v)


def _pow(at: Lanes, x: Item, y: Item) -> Item:
    if not isinstance(x, Value) and x == 2:
        return FUNCTIONS["exp2"](at.f, at.value(y))
    return FUNCTIONS["pow"](at.f, at.value(x), at.value(y) if isinstance(y, Value) else y)


def _abs(at: Lanes, x: Item) -> Item:
    v = at.value(x)
    if at.kind == "f":
        return at.f.intrinsic("fabs", v)
    return at.f.intrinsic("abs", v, Value("false", "i1")) if at.dtype.is_signed else v


def _sign(at: Lanes, x: Item) -> Item:
    """0 for NaN; bools are their own."""
    if at.kind == "b":
        return x
    above, below = (at.value(_compare(p)(at, x, 0)) for p in ("gt", "lt"))
    return at.f.binary(at.by_kind("fsub", "sub"), above, below)


# ----- comparisons and logic

_PREDICATES = {
    "lt": ("olt", "slt", "ult"),
    "le": ("ole", "sle", "ule"),
    "gt": ("ogt", "sgt", "ugt"),
    "ge": ("oge", "sge", "uge"),
    "eq": ("oeq", "eq", "eq"),
    "ne": ("une", "ne", "ne"),
}
_MIRROR = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def _compare(name: str) -> Rule:
    def apply(at: Lanes, x: Item, y: Item) -> Item:
        if not isinstance(x, Value):
            return _compare(_MIRROR[name])(at, y, x)
        if at.kind == "i" and not isinstance(y, Value) and y is not None:
            if math.isfinite(y) and y != math.trunc(y):
                if name in ("eq", "ne"):
                    return name == "ne"
                y = math.floor(y) if name in ("le", "gt") else math.ceil(y)  # the integer that decides alike
            if not math.isfinite(y) or not at.holds(y):
                return bool(getattr(operator, name)(0, y))  # the same for all integers of the dtype
        return at.f.compare(at.by_kind(*_PREDICATES[name]), at.value(x), at.value(y))

    return apply


def _logic(opcode: str) -> Rule:
    def apply(at: Lanes, x: Item, y: Item) -> Item:
        if at.kind == "i" and all(isinstance(v, Value) and element(v.type) != "i1" for v in (x, y)):
            return at.f.binary(opcode, at.value(x), at.value(y))
        return at.f.binary(opcode, at.truths(at.truth(x)), at.truths(at.truth(y)))

    return apply


def _not(at: Lanes, x: Item) -> Item:
    v = x if isinstance(x, Value) and at.kind == "i" and element(x.type) != "i1" else at.truths(at.truth(x))
    return at.f.binary("xor", v, number(1 if element(v.type) == "i1" else -1, v.type))


def _select(at: Lanes, c: Item, x: Item, y: Item) -> Item:
    condition = at.truths(at.truth(c))
    if all(not isinstance(v, Value) and isinstance(v, bool) for v in (x, y)):
        return at.f.select(condition, at.truths(bool(x)), at.truths(bool(y)))
    return at.f.select(condition, at.value(x), at.value(y))


# ----- the larger and the smaller


def _larger(upward: bool, ordered: bool) -> Rule:
    """np.maximum (NaN wins) or np.fmax (NaN loses), and their mirror images; at ±0 the second one wins."""
    predicate, opposite = ("ogt", "ugt") if upward else ("olt", "ult")
    word = "max" if upward else "min"

    def apply(at: Lanes, x: Item, y: Item) -> Item:
        f, a, b = at.f, at.value(x), at.value(y)
        if at.kind == "b":
            return f.binary("or" if upward else "and", a, b)
        if at.kind == "i":
            return f.intrinsic(("s" if at.dtype.is_signed else "u") + word, a, b)
        if not isinstance(y, Value) and y == y:  # only a can be NaN
            return f.select(f.compare(predicate if ordered else opposite, a, b), a, b)
        chosen = f.select(f.compare(predicate, a, b), a, b)
        if ordered:
            return f.select(f.compare("uno", b, b), a, chosen)
        return f.select(f.compare("uno", a, a), a, chosen)

    return apply


# ----- tests of numbers


def _isnan(at: Lanes, x: Item) -> Item:
    v = at.value(x)
    return at.f.compare("uno", v, v) if at.kind == "f" else False


def _isinf(at: Lanes, x: Item) -> Item:
    return at.f.compare("oeq", at.value(_abs(at, x)), number(math.inf, at.type)) if at.kind == "f" else False


def _isfinite(at: Lanes, x: Item) -> Item:
    return at.f.compare("olt", at.value(_abs(at, x)), number(math.inf, at.type)) if at.kind == "f" else True


def _signbit(at: Lanes, x: Item) -> Item:
    v = at.value(x)
    if at.kind == "f":
        whole = at.f.cast("bitcast", v, like(v.type, f"i{BITS[element(v.type)]}"))
        return at.f.compare("slt", whole, number(0, whole.type))
    return at.f.compare("slt", v, number(0, v.type)) if at.dtype.is_signed and at.kind == "i" else False


# ----- integers


def _whole(name: str) -> Rule:
    """floor, ceil …: integers are whole already."""
    return lambda at, x: FUNCTIONS[name](at.f, at.value(x)) if at.kind == "f" else at.value(x)


def _shift(left: bool) -> Rule:
    """Shifts by the width or more, or by a negative number, leave 0, or the sign."""

    def apply(at: Lanes, x: Item, y: Item) -> Item:
        f, a, b = at.f, at.value(x), at.value(y)
        width = BITS[element(a.type)]
        arithmetic = not left and at.dtype.is_signed
        opcode = "shl" if left else "ashr" if arithmetic else "lshr"
        rest = f.binary("ashr", a, number(width - 1, a.type)) if arithmetic else number(0, a.type)
        return f.select(f.compare("ult", b, number(width, b.type)), f.binary(opcode, a, b), rest)

    return apply


def _plain(name: str) -> Rule:
    return lambda at, *xs: FUNCTIONS[name](at.f, *[at.value(x) for x in xs])


TABLE: dict[str, Known] = {
    "add": Known(_folded(operator.add, _arithmetic("fadd", "add", "or")), 2),
    "sub": Known(_folded(operator.sub, _arithmetic("fsub", "sub", "xor")), 2),
    "mul": Known(_folded(operator.mul, _mul), 2),
    "div": Known(_folded(_quotient, _div), 2, "f"),
    "neg": Known(_folded(operator.neg, _neg), 1, "if"),
    "pow": Known(_folded(operator.pow, _pow), 2, "f"),
    "abs": Known(_folded(abs, _abs), 1, "if"),
    "sign": Known(_sign, 1),
    **{name: Known(_folded(getattr(operator, name), _compare(name)), 2) for name in _PREDICATES},
    "and": Known(_folded(operator.and_, _logic("and")), 2, "bif"),
    "or": Known(_folded(operator.or_, _logic("or")), 2, "bif"),
    "xor": Known(_folded(operator.xor, _logic("xor")), 2, "bif"),
    "not": Known(_folded(lambda x: not x if isinstance(x, bool) else ~x, _not), 1),
    "select": Known(_select, 3, chooses=True),
    "maximum": Known(_larger(True, False), 2),
    "minimum": Known(_larger(False, False), 2),
    "maxnum": Known(_larger(True, True), 2),
    "minnum": Known(_larger(False, True), 2),
    "isnan": Known(_isnan, 1),
    "isinf": Known(_isinf, 1),
    "isfinite": Known(_isfinite, 1),
    "signbit": Known(_signbit, 1),
    "shift_left": Known(_shift(True), 2, "i"),
    "shift_right": Known(_shift(False), 2, "i"),
    "truth": Known(lambda at, x: at.truth(x), 1),
    "given": Known(lambda at, x: x is not None, 1),
    **{name: Known(_whole(name), 1) for name in ("floor", "ceil", "trunc", "rint")},
}
TABLE |= {name: Known(_plain(name), n, "f") for name, n in ARITY.items() if name not in TABLE}
ARGUMENTS = {name: known.arity for name, known in TABLE.items()}
