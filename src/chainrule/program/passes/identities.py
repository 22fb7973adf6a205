"""Algebraic identities of single numbers, by record.

SAFE ones hold for every value: they keep NaN, infinities and the sign of zero. FAST ones assume finite
numbers and let 0 and -0 pass for each other, or change the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import arithmetic, compare, exponential, movement, rounding, select
from ...ops.record import Op
from ...types import BOOL, FLOAT, INT, float16, float32, float64
from ..build import Symbol
from ..ir import Equation
from .rewrite import NO_MATCH, made_by

Identity = Callable[..., Any]
SAFE: dict[Op, list[Identity]] = {}
FAST: dict[Op, list[Identity]] = {}

_UNIFORM = 4096  # elements of a constant that are looked at


def safe(*ops: Op) -> Callable[[Identity], Identity]:
    """Register an identity that holds for every value."""
    return lambda rule: _register(SAFE, ops, rule)


def fast(*ops: Op) -> Callable[[Identity], Identity]:
    """Register an identity that holds for finite numbers."""
    return lambda rule: _register(FAST, ops, rule)


def _register(table: dict[Op, list[Identity]], ops: tuple[Op, ...], rule: Identity) -> Identity:
    for op in ops:
        table.setdefault(op, []).append(rule)
    return rule


# ----- what operands are


def number(x: Any) -> Any:
    """The Python number that x is in all its elements, if x is a number or a constant; else None."""
    if isinstance(x, (bool, int, float)):
        return x
    array = x.builder.constants.get(x.var) if isinstance(x, Symbol) else None
    if array is None or not 0 < array.size <= _UNIFORM or array.dtype.kind == "c":
        return None
    first = array.reshape(-1)[:1]
    if array.tobytes() != first.tobytes() * array.size:
        return None
    return first.tolist()[0] if array.dtype.kind != "V" else float(first[0])


def is_number(x: Any, value: float) -> bool:
    """Whether x is this number; 0.0 and -0.0 differ."""
    n = number(x)
    return n is not None and n == value and math.copysign(1, n) == math.copysign(1, value)


def operand(x: Any, op: Op) -> Any:
    """a, if x is op(a); else None."""
    made: Equation | None = made_by(x)
    return x.builder.symbol(made.args[0]) if made is not None and made.op is op else None


def same(a: Any, b: Any) -> bool:
    """Whether both are one variable."""
    return isinstance(a, Symbol) and isinstance(b, Symbol) and a.var is b.var


def whole(*xs: Any) -> bool:
    """Whether the operands are integers, whose arithmetic is exact."""
    return all(x.dtype.category <= INT for x in xs if isinstance(x, Symbol))


# ----- sums


@safe(arithmetic.add)
def _add(a: Any, b: Any) -> Any:
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Symbol) and (is_number(y, -0.0) or (whole(a, b) and is_number(y, 0))):
            return x
    if (minus := operand(b, arithmetic.neg)) is not None:
        return a - minus
    if (minus := operand(a, arithmetic.neg)) is not None:
        return b - minus
    return NO_MATCH


@safe(arithmetic.sub)
def _sub(a: Any, b: Any) -> Any:
    if is_number(b, 0):
        return a
    if is_number(a, -0.0) or (whole(a, b) and is_number(a, 0)):
        return arithmetic.neg(b)
    if (minus := operand(b, arithmetic.neg)) is not None:
        return a + minus
    return _zeros(a) if same(a, b) and whole(a) else NO_MATCH


@safe(arithmetic.rsub)
def _rsub(a: Any, b: Any) -> Any:
    return arithmetic.sub(b, a)


@fast(arithmetic.add)
def _add_zero(a: Any, b: Any) -> Any:
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Symbol) and number(y) == 0:
            return x
    return NO_MATCH


@fast(arithmetic.sub)
def _sub_zero(a: Any, b: Any) -> Any:
    if number(b) == 0:
        return a
    if number(a) == 0:
        return arithmetic.neg(b)
    return _zeros(a) if same(a, b) else NO_MATCH


def _zeros(a: Any) -> Any:
    return _filled(a, 0)


def _filled(a: Any, value: float) -> Any:
    """The number in the shape and dtype of a."""
    return movement.expand(a.builder.constant(np.array(value, a.dtype.np)), a.shape)


# ----- products


@safe(arithmetic.mul)
def _mul(a: Any, b: Any) -> Any:
    for x, y in ((a, b), (b, a)):
        if not isinstance(x, Symbol):
            continue
        if is_number(y, 1):
            return x
        if is_number(y, -1) and x.dtype.category != BOOL:
            return arithmetic.neg(x)
        if whole(a, b) and is_number(y, 0):
            return _zeros(x)
    left, right = operand(a, arithmetic.neg), operand(b, arithmetic.neg)
    return left * right if left is not None and right is not None else NO_MATCH


@safe(arithmetic.div)
def _div(a: Any, b: Any) -> Any:
    """A division by ±2ᵏ is a product, which is looked at in its turn."""
    n = number(b)
    return a * (1 / n) if n is not None and isinstance(a, Symbol) and _power_of_2(n, a.dtype) else NO_MATCH


def _power_of_2(n: float, dtype: Any) -> bool:
    """Whether dividing by n and multiplying by 1/n round the same: n is ±2ᵏ and 1/n a normal number."""
    reach = {float64: 1000, float32: 120, float16: 13}.get(dtype, 1)
    mantissa, exponent = math.frexp(abs(n))
    return mantissa == 0.5 and abs(exponent) <= reach


@fast(arithmetic.mul)
def _mul_zero(a: Any, b: Any) -> Any:
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Symbol) and number(y) == 0:
            return _zeros(x)
        divided = made_by(x)
        if divided is not None and divided.op is arithmetic.div and same(_arg(x, divided, 1), y):
            return _arg(x, divided, 0)
    return NO_MATCH


@fast(arithmetic.mul)
def _mul_mask(a: Any, b: Any) -> Any:
    """x times a truth value is a choice between x and 0."""
    for x, y in ((a, b), (b, a)):
        mask = operand(y, movement.to)
        if mask is not None and mask.dtype.category == BOOL and isinstance(x, Symbol):
            return select.where(mask, x, 0.0 if x.dtype.category == FLOAT else 0)
    return NO_MATCH


@fast(arithmetic.div)
def _div_same(a: Any, b: Any) -> Any:
    if same(a, b):
        return _filled(a, 1)
    n = number(b)
    if n and math.isfinite(1 / n) and isinstance(a, Symbol):
        return a * (1 / n)
    product = made_by(a)
    if product is not None and product.op is arithmetic.mul:
        for i in (0, 1):
            if same(_arg(a, product, i), b):
                return _arg(a, product, 1 - i)
    return NO_MATCH


def _arg(x: Any, equation: Equation, i: int) -> Any:
    """An operand of the equation that made x."""
    arg = equation.args[i]
    return arg if isinstance(arg, (bool, int, float)) else x.builder.symbol(arg)


# ----- signs


@safe(arithmetic.neg)
def _neg(a: Any) -> Any:
    inner = operand(a, arithmetic.neg)
    return inner if inner is not None else NO_MATCH


@safe(rounding.abs)
def _abs(a: Any) -> Any:
    inner = operand(a, arithmetic.neg)
    if inner is not None and inner.dtype.category == FLOAT:
        return rounding.abs(inner)
    return a if operand(a, rounding.abs) is not None and a.dtype.category == FLOAT else NO_MATCH


# ----- powers


@safe(arithmetic.pow)
def _pow(a: Any, n: Any) -> Any:
    if not isinstance(a, Symbol) or a.dtype.category != FLOAT:
        return NO_MATCH
    if is_number(n, 1):
        return a
    return arithmetic.mul(a, a) if is_number(n, 2) else NO_MATCH


@fast(arithmetic.pow)
def _pow_fast(a: Any, n: Any) -> Any:
    if not isinstance(a, Symbol) or a.dtype.category != FLOAT:
        return NO_MATCH
    written: Any = {
        0.0: lambda: _filled(a, 1),
        0.5: lambda: arithmetic.sqrt(a),
        -0.5: lambda: arithmetic.rsqrt(a),
        -1.0: lambda: arithmetic.reciprocal(a),
        3.0: lambda: arithmetic.mul(arithmetic.mul(a, a), a),
        4.0: lambda: arithmetic.square(arithmetic.square(a)),
    }.get(number(n))
    return written() if written is not None else NO_MATCH


@fast(exponential.log)
def _log_exp(a: Any) -> Any:
    inner = operand(a, exponential.exp)
    return inner if inner is not None and inner.dtype.category == FLOAT else NO_MATCH


# ----- choices


@safe(select.where)
def _where(c: Any, a: Any, b: Any) -> Any:
    if same(a, b):
        return a
    chosen = number(c)
    if chosen is None:
        return NO_MATCH
    return a if chosen else b


@safe(compare.logical_not)
def _not(a: Any) -> Any:
    inner = operand(a, compare.logical_not)
    return inner if inner is not None else NO_MATCH
