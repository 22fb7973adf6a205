"""Roots, powers, and the functions of numbers that processors or libm have."""

from __future__ import annotations

from ..builder import Function, Value, number
from .basics import add, libm, mul
from .exponential import reciprocal

_LONGEST = 4  # x⁴ is within 2 ulp, x⁻³ within 3.5; beyond, libm's pow is more exact


def sqrt(f: Function, x: Value) -> Value:
    """√x, correctly rounded."""
    return f.intrinsic("sqrt", x)


def rsqrt(f: Function, x: Value) -> Value:
    """1/√x in two roundings: the processors' approximations differ from one another."""
    return reciprocal(f, sqrt(f, x))


def pow(f: Function, x: Value, exponent: Value | float) -> Value:
    """xⁿ; products, roots and a division for small constant exponents, as NumPy has it for 2, 1/2 and -1."""
    if isinstance(exponent, Value):
        return libm(f, "pow", x, exponent)
    if exponent == 0.5:
        return sqrt(f, x)
    if exponent == -0.5:
        inverse = rsqrt(f, add(f, x, 0.0))  # pow(-0, -0.5) is +inf
        low = f.compare("oeq", x, number(float("-inf"), x.type))
        return f.select(low, number(0, x.type), inverse)
    n = int(exponent) if float(exponent).is_integer() else _LONGEST + 1
    if abs(n) > _LONGEST or n == -_LONGEST:
        return libm(f, "pow", x, number(exponent, x.type))
    if not n:
        return number(1, x.type)
    return whole_power(f, x if n > 0 else reciprocal(f, x), abs(n))


def whole_power(f: Function, x: Value, n: int) -> Value:
    """xⁿ for n >= 1 by squaring."""
    result: Value | None = None
    while True:
        if n & 1:
            result = x if result is None else mul(f, result, x)
        n >>= 1
        if not n:
            return x if result is None else result
        x = mul(f, x, x)


def remainder(f: Function, x: Value, y: Value) -> Value:
    """x - ⌊x/y⌋·y, exact, with the sign of y: fmod's result moved by y where the signs differ."""
    zero = number(0, x.type)
    rest = libm(f, "fmod", x, y)
    differ = f.binary("xor", f.compare("olt", y, zero), f.compare("olt", rest, zero))
    moved = f.select(differ, add(f, rest, y), rest)
    return f.select(f.compare("oeq", rest, zero), f.intrinsic("copysign", zero, y), moved)


def floor_divide(f: Function, x: Value, y: Value) -> Value:
    """⌊x/y⌋ as (x - remainder)/y rounded, so that it agrees with the remainder (as NumPy's)."""
    zero, one = number(0, x.type), number(1, x.type)
    quotient = f.binary("fdiv", x, y)
    rest = libm(f, "fmod", x, y)
    exact = f.binary("fdiv", f.binary("fsub", x, rest), y)
    differ = f.binary("xor", f.compare("olt", y, zero), f.compare("olt", rest, zero))
    differ = f.binary("and", differ, f.compare("one", rest, zero))
    exact = f.select(differ, f.binary("fsub", exact, one), exact)
    low = f.intrinsic("floor", exact)
    off = f.compare("ogt", f.binary("fsub", exact, low), number(0.5, x.type))
    low = f.select(off, add(f, low, one), low)
    low = f.select(f.compare("oeq", exact, zero), f.intrinsic("copysign", zero, quotient), low)
    return f.select(f.compare("oeq", y, zero), quotient, low)
