"""The exponential family and what is made of it: sigmoid and tanh.

All split x = n·ln 2 + r with |r| <= ln 2 / 2, where eʳ is a polynomial, and put n into the exponent's bits.
Adding `magic` rounds to n and leaves n in the low bits of the sum; with magic + bias - 1 they hold the
exponent field of 2ⁿ⁻¹, and one shift makes it a number. Scaling by products, not by adding to the bits of eʳ,
keeps every NaN a NaN.

The coefficients are weighted least-squares fits at Chebyshev nodes, reweighted (Lawson) to the minimax fit,
in 60 digits, then rounded one by one from the lowest, the rest being fitted again after each. Their relative
errors, of the whole function: exp 2^-28.2 (float), 2^-57.9 (double); expm1 2^-26.1, 2^-55.5; exp2 2^-27.9,
2^-57.3; tanh below 0.55 2^-29.7, 2^-55.5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..builder import Function, Value, number
from .basics import (
    absolute,
    add,
    at_least,
    at_most,
    bits,
    fma,
    format_of,
    from_bits,
    horner,
    integer,
    mul,
    sub,
)

LOG2E = 1 / math.log(2)
_MEET = 0.55  # tanh 0.5493 is 1/2


class _Constants(NamedTuple):
    """Of one format.

    ln2     ln 2 in two parts; n·high is exact
    exp     (eʳ - 1 - r)/r²
    expm1   the same, the error weighted for eʳ - 1
    tanh    (tanh x/x - 1)/x², in x²
    exp2    (2ʳ - 1)/r for |r| <= 1/2
    over    e^over is inf;  under: e^under is 0;  flat: expm1(-flat) is -1, tanh(flat) is 1
    """

    ln2: tuple[float, float]
    exp: tuple[float, ...]
    expm1: tuple[float, ...]
    tanh: tuple[float, ...]
    exp2: tuple[float, ...]
    over: float
    under: float
    flat: float


_CONSTANTS = {
    "float": _Constants(
        (0.693145751953125, 1.42860682030941723212e-6),
        (0.00138234883, 0.0083688153, 0.0416682363, 0.166665196, 0.49999994),
        (0.00138642231, 0.00836654194, 0.0416675061, 0.166665435, 0.49999997),
        (-0.00626168447, 0.0210619122, -0.0538496338, 0.133325562, -0.333333164),
        (0.000151993881, 0.00133914954, 0.00961899664, 0.0555035844, 0.240226433, 0.693147182),
        89.0, -105.0, 20.0,
    ),
    "double": _Constants(
        (6.93147180369123816490e-01, 1.90821492927058770002e-10),
        (2.5006544428842e-08, 2.763049217413517e-07, 2.755756585084867e-06, 2.4801492368891845e-05,
         0.000198412695296996, 0.0013888888944399557, 0.008333333333483647, 0.041666666666526846,
         0.1666666666666643, 0.5000000000000011),
        (2.5061036961282078e-08, 2.7626316883395636e-07, 2.7557385275106675e-06, 2.4801504480901493e-05,
         0.00019841269743019758, 0.0013888888932343457, 0.008333333333378995, 0.041666666666573725,
         0.16666666666666605, 0.5000000000000006),
        (5.1010187276634434e-05, -0.0002102862823316844, 0.0005791272816376257, -0.0014532135195721933,
         0.003591719051415701, -0.008863194425016988, 0.02186948596898913, -0.05396825387583913,
         0.13333333333168226, -0.3333333333333231),
        (4.450921474984895e-10, 7.073852095604368e-09, 1.0178080438551864e-07, 1.3215434873118414e-06,
         1.5252733820331925e-05, 0.00015403530457962445, 0.0013333558146366197, 0.009618129107593404,
         0.05550410866482231, 0.24022650695910133, 0.6931471805599453),
        710.0, -746.0, 40.0,
    ),
}  # fmt: skip


def _constants(x: Value) -> _Constants:
    return _CONSTANTS[format_of(x).element]


def _rounded(f: Function, x: Value, per: float, lift: int) -> tuple[Value, Value]:
    """n = x·per rounded to a whole number, and 2^(n + lift - bias) made of its bits."""
    form = format_of(x)
    magic = form.magic + lift
    t = fma(f, x, per, magic) if per != 1 else add(f, x, magic)
    power = integer(f, "shl", bits(f, t), form.mantissa)
    return sub(f, t, magic), power


def _scaled(f: Function, p: Value, power: Value) -> Value:
    """p·2ⁿ for any n, from the bits of 2ⁿ⁻¹: two factors, so that only the last product can be denormal."""
    form = format_of(p)
    high = f.intrinsic("smax", power, number(2 << form.mantissa, power.type))
    two = (form.bias + 1) << form.mantissa
    low = integer(f, "add", f.binary("sub", power, high), two)
    return mul(f, mul(f, p, from_bits(f, high, p.type)), from_bits(f, low, p.type))


def exponential_parts(f: Function, x: Value) -> tuple[Value, Value]:
    """eʳ and 2ⁿ, whose product is eˣ, for x that neither overflows nor underflows."""
    c = _constants(x)
    n, power = _rounded(f, x, LOG2E, format_of(x).bias)
    r = fma(f, n, -c.ln2[1], fma(f, n, -c.ln2[0], x))
    return horner(f, r, (*c.exp, 1.0, 1.0)), from_bits(f, power, x.type)


def exp(f: Function, x: Value) -> Value:
    """eˣ."""
    c = _constants(x)
    x = at_least(f, at_most(f, x, c.over), c.under)
    n, power = _rounded(f, x, LOG2E, format_of(x).bias - 1)
    r = fma(f, n, -c.ln2[1], fma(f, n, -c.ln2[0], x))
    return _scaled(f, horner(f, r, (*c.exp, 1.0, 1.0)), power)


def exp2(f: Function, x: Value) -> Value:
    """2ˣ, exact for whole x."""
    c, form = _constants(x), format_of(x)
    x = at_least(f, at_most(f, x, float(form.bias + 1)), float(-form.bias - form.mantissa - 2))
    n, power = _rounded(f, x, 1, form.bias - 1)
    return _scaled(f, horner(f, sub(f, x, n), (*c.exp2, 1.0)), power)


def expm1(f: Function, x: Value) -> Value:
    """eˣ - 1 = 2ⁿ(eʳ - 1) + (2ⁿ - 1), computed as half of it, since 2ⁿ alone would overflow first."""
    c, form = _constants(x), format_of(x)
    inside = at_least(f, at_most(f, x, c.over), -c.flat)
    n, power = _rounded(f, inside, LOG2E, form.bias - 1)
    r = fma(f, n, -c.ln2[1], fma(f, n, -c.ln2[0], inside))
    q = fma(f, mul(f, horner(f, r, c.expm1), r), r, r)
    scale = from_bits(f, power, x.type)
    half = fma(f, scale, q, sub(f, scale, 0.5))
    tiny = f.compare("olt", absolute(f, x), number(2.0 ** (-form.mantissa - 3), x.type))
    return f.select(tiny, x, add(f, half, half))  # eˣ - 1 = x to the last bit, and -0 stays


def sigmoid(f: Function, x: Value) -> Value:
    """1/(1 + e⁻ˣ) as c/(c + c·e⁻ˣ), c a small power of two: so the denormal results come out right too.

    Three roundings: within 2.4 ulp, as 1/(1 + exp(-x)) is with a correctly rounded exp.
    """
    c, form = _constants(x), format_of(x)
    shift = form.mantissa + 2
    x = at_least(f, at_most(f, x, (form.bias - 2 - shift) / LOG2E), -(form.bias + shift - 1) / LOG2E)
    n, power = _rounded(f, x, -LOG2E, form.bias - shift)
    minus_r = fma(f, n, c.ln2[1], fma(f, n, c.ln2[0], x))
    size = len(c.exp) + 2
    alternating = [k if (size - i) % 2 else -k for i, k in enumerate((*c.exp, 1.0, 1.0))]
    unit = 2.0**-shift
    denominator = fma(f, horner(f, minus_r, alternating), from_bits(f, power, x.type), unit)
    return f.binary("fdiv", number(unit, x.type), denominator)


def tanh(f: Function, x: Value) -> Value:
    """-h/(h + 1) for h = (e⁻²ᵃ - 1)/2, a = |x|: from q = eʳ - 1 and σ = 2ⁿ⁻¹, h = σq + (σ - ½).

    h + 1 lies in [½, 1]; what its rounding has lost is made good to first order. One part of ln 2 is enough:
    what the other would add to r matters less the larger |n| is.
    """
    c, form = _constants(x), format_of(x)
    below = at_least(f, f.fneg(absolute(f, x)), -c.flat)
    n, power = _rounded(f, below, 2 * LOG2E, form.bias - 1)
    r = fma(f, n, -1 / LOG2E, add(f, below, below))
    q = fma(f, mul(f, horner(f, r, c.expm1), r), r, r)
    sigma = from_bits(f, power, x.type)
    h, d = fma(f, sigma, q, sub(f, sigma, 0.5)), fma(f, sigma, q, add(f, sigma, 0.5))
    lost = f.binary("fsub", h, sub(f, d, 1.0))
    y = f.binary("fdiv", h, d)
    return f.intrinsic("copysign", f.fma(f.fneg(lost), y, y), x)


def reciprocal(f: Function, x: Value) -> Value:
    """1/x."""
    return f.binary("fdiv", number(1, x.type), x)
