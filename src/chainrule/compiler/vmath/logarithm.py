"""The logarithms.

All write x = 2ᵏ·m with m in [2/3, 4/3), so that k = 0 around 1 and nothing cancels there, and f = m - 1.
float: ln(1 + f) = f + f²·q(f). double: with s = f/(2 + f), ln(1 + f) = f - (f²/2 - s(f²/2 + R(s²))), the form
of fdlibm's e_log.c, which needs a third of the terms for one division.

The coefficients are fitted as in exponential.py. Relative errors of the function: 2^-27.5 for float,
2^-55.9 for double.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..builder import Function, Value, element, like, number
from .basics import DOUBLE, Format, add, bits, fma, format_of, from_bits, horner, integer, libm, mul, sub


class _Base(NamedTuple):
    """float's logarithm of a base: q, then 1/ln base and log 2 of that base, each in two parts."""

    q: tuple[float, ...]
    unit: tuple[float, float]
    two: tuple[float, float]


_E = _Base(
    (-0.128326297, 0.140025869, -0.121985584, 0.140016541, -0.166793868, 0.200107127, -0.249998242,
     0.333332092, -0.5),
    (1.0, 0.0), (0.693359375, -2.12194440054690583e-4),
)  # fmt: skip
_2 = _Base(
    (-0.184252083, 0.202079311, -0.176228032, 0.201986343, -0.240610182, 0.28869462, -0.360672057,
     0.480896533, -0.721347511),
    (1.44269502162933349609375, 1.925962991126602e-8), (1.0, 0.0),
)  # fmt: skip
_10 = _Base(
    (-0.0562041998, 0.0608094931, -0.052849561, 0.0608091205, -0.0724496245, 0.0869053677, -0.108572416,
     0.144764289, -0.217147246),
    (0.4342944920063018798828125, -1.010305212e-8), (0.301025390625, 4.60503898119521374e-6),
)  # fmt: skip
_DOUBLE = (
    0.15370464565585557, 0.15249895445730266, 0.18186370776590008, 0.22222138140464928,
    0.2857142939974776, 0.399999999961365, 0.6666666666667276,
)  # fmt: skip
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)  # n·first is exact

_TWO_THIRDS = {"i32": 0x3F2AAAAB, "i64": 0x3FE5555555555555}


def _exponent(f: Function, above: Value, form: Format) -> Value:
    """k as a number, from bits of x - bits of 2/3."""
    if form.integer == "i32":
        return f.cast("sitofp", integer(f, "ashr", above, form.mantissa), like(above.type, "float"))
    # x86 before AVX-512 converts no 64-bit integers: k + 2^11 in the mantissa of 2^52 instead
    lifted = integer(f, "add", above, -(1 << 63))
    low = integer(
        f, "or", integer(f, "lshr", lifted, form.mantissa), (form.bias + form.mantissa) << form.mantissa
    )
    return sub(f, from_bits(f, low, like(above.type, "double")), 2.0**form.mantissa + 2048)


def _reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """(k, m - 1); a denormal x is scaled into the normal range first."""
    form = format_of(x)
    tiny = f.compare("olt", x, number(form.smallest, x.type))
    whole = bits(f, f.select(tiny, mul(f, x, 2.0**form.mantissa), x))
    start = _TWO_THIRDS[form.integer]
    lower = number(start + (form.mantissa << form.mantissa), whole.type)
    above = f.binary("sub", whole, f.select(tiny, lower, number(start, whole.type)))
    m = integer(f, "add", integer(f, "and", above, form.fraction), start)
    return _exponent(f, above, form), sub(f, from_bits(f, m, x.type), 1.0)


def _edges(f: Function, x: Value, y: Value, pole: float) -> Value:
    """y, but -inf at the pole, NaN below, and x itself for inf and NaN."""
    y = f.select(f.compare("olt", x, number(math.inf, x.type)), y, x)
    at = number(pole, x.type)
    y = f.select(f.compare("oeq", x, at), number(-math.inf, x.type), y)
    return f.select(f.compare("olt", x, at), number(math.nan, x.type), y)


def _sum(f: Function, k: Value, r: Value, base: _Base) -> Value:
    """k·log 2 + log(1 + r), smallest parts first."""
    if format_of(r) is DOUBLE:
        return _double_sum(f, k, r)
    y = mul(f, mul(f, r, r), horner(f, r, base.q))
    for factor, part in ((k, base.two[1]), (r, base.unit[1])):
        y = fma(f, factor, part, y) if part else y
    y = add(f, r, y) if base.unit[0] == 1 else fma(f, r, base.unit[0], y)
    return add(f, k, y) if base.two[0] == 1 else fma(f, k, base.two[0], y)


def _double_sum(f: Function, k: Value, r: Value) -> Value:
    s = f.binary("fdiv", r, add(f, r, 2.0))
    z = mul(f, s, s)
    half = mul(f, mul(f, r, r), 0.5)
    inner = fma(f, k, _LN2[1], mul(f, s, add(f, half, mul(f, z, horner(f, z, _DOUBLE)))))
    return fma(f, k, _LN2[0], sub(f, r, sub(f, half, inner)))


def _log(f: Function, x: Value, base: _Base) -> Value:
    k, r = _reduced(f, x)
    return _edges(f, x, _sum(f, k, r, base), 0.0)


def log(f: Function, x: Value) -> Value:
    """ln x."""
    return _log(f, x, _E)


def log2(f: Function, x: Value) -> Value:
    """log₂ x, exact for powers of two."""
    return libm(f, "log2", x) if element(x.type) == "double" else _log(f, x, _2)


def log10(f: Function, x: Value) -> Value:
    """log₁₀ x."""
    return libm(f, "log10", x) if element(x.type) == "double" else _log(f, x, _10)


def log1p(f: Function, x: Value) -> Value:
    """ln(1 + x): k is that of the rounded 1 + x, but f = 2⁻ᵏx + (2⁻ᵏ - 1), which loses nothing."""
    form = format_of(x)
    above = integer(f, "sub", bits(f, add(f, x, 1.0)), _TWO_THIRDS[form.integer])
    k, place = _exponent(f, above, form), integer(f, "and", above, ~form.fraction)
    scaled = from_bits(f, f.binary("sub", bits(f, x), place), x.type)
    four = number((form.bias + 2) << form.mantissa, place.type)  # 4·2⁻ᵏ is normal even for the largest k
    power = from_bits(f, f.binary("sub", four, place), x.type)
    y = _sum(f, k, add(f, scaled, fma(f, power, 0.25, -1.0)), _E)
    y = f.select(f.compare("oeq", x, number(0, x.type)), x, y)  # -0 stays
    return _edges(f, x, y, -1.0)
