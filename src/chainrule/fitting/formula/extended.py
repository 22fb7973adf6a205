"""Formulas in twice the precision of float64: numbers are unevaluated sums of two floats.

NOTE [Twice the precision] Residuals of a fit that is nearly exact are differences of close numbers: of NIST's
Lanczos1 only three of their digits are left in float64. Here they are computed with some 31 digits, by
error-free sums and products of float64, on every platform alike.

T. J. Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik, 1971;
Y. Hida, X. S. Li, D. H. Bailey, "Algorithms for quad-double precision floating point arithmetic", 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import factorial
from typing import Any, NamedTuple

import numpy as np

from ...ops import arithmetic, exponential, trigonometric
from ...ops.record import REGISTRY, Op
from ...program.ir import Program, Var

Array = np.ndarray[Any, Any]
_SPLIT = 134217729.0  # 2**27 + 1


class Twofold(NamedTuple):
    """high + low, where |low| is at most half a unit in the last place of high."""

    high: Any
    low: Any

    def __neg__(self) -> Twofold:
        return Twofold(-self.high, -self.low)

    def plus(self, other: Twofold) -> Twofold:
        """The sum."""
        s, e = _sum(self.high, other.high)
        t, f = _sum(self.low, other.low)
        s, e = _quick_sum(s, e + t)
        return Twofold(*_quick_sum(s, e + f))

    def times(self, other: Twofold) -> Twofold:
        """The product."""
        p, e = _product(self.high, other.high)
        return Twofold(*_quick_sum(p, e + (self.high * other.low + self.low * other.high)))

    def over(self, other: Twofold) -> Twofold:
        """The quotient, digit by digit: each time what is left is divided again."""
        total, rest = number(0.0), self
        for _ in range(3):
            digit = Twofold(rest.high / other.high, np.zeros_like(rest.high / other.high))
            total, rest = total.plus(digit), rest.plus(-digit.times(other))
        return total


def number(x: float) -> Twofold:
    """A float64 as it is."""
    return Twofold(np.float64(x), np.float64(0.0))


def decimal(a: Any) -> Twofold:
    """The decimal numbers that were meant: of those that read as these float64, the shortest.

    >>> decimal(np.array([0.1])).low
    array([-5.55111512e-18])
    """
    a = np.asarray(a, float)
    low = [float(Decimal(repr(x)) - Decimal(x)) if np.isfinite(x) else 0.0 for x in a.ravel().tolist()]
    return Twofold(a, np.reshape(low, a.shape))


def _quick_sum(a: Any, b: Any) -> tuple[Any, Any]:
    s = a + b
    return s, b - (s - a)


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


def _product(a: Any, b: Any) -> tuple[Any, Any]:
    p = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def _halves(a: Any) -> tuple[Any, Any]:
    t = _SPLIT * a
    high = t - (t - a)
    return high, a - high


# ----- functions

_LN2 = Twofold(np.float64(0.6931471805599453), np.float64(2.3190468138462996e-17))
_HALF_PI = Twofold(np.float64(1.5707963267948966), np.float64(6.123233995736766e-17))
_INVERSE = [number(1.0).over(number(float(factorial(k)))) for k in range(28)]  # 1/k!


def _series(x: Twofold, terms: Sequence[int], signs: int = 1) -> Twofold:
    """Σ ±xᵏ/k! over the k of `terms`, which go up by equal steps; by Horner's rule."""
    gap = terms[1] - terms[0]
    power = x if gap == 1 else x.times(x)
    power = -power if signs < 0 else power
    total = _INVERSE[terms[-1]]
    for k in reversed(terms[:-1]):
        total = total.times(power).plus(_INVERSE[k])
    return total if terms[0] == 0 else total.times(x)


def exp(a: Twofold) -> Twofold:
    """e^a: a = k ln 2 + 512 r, and the series of r, nine times squared."""
    k = np.rint(a.high / _LN2.high)
    rest = a.plus(-_LN2.times(Twofold(k, np.zeros_like(k))))
    small = Twofold(rest.high / 512, rest.low / 512)
    e = _series(small, range(1, 12))  # e^r - 1 keeps the digits that 1 would push out
    for _ in range(9):
        e = Twofold(2 * e.high, 2 * e.low).plus(e.times(e))
    e = e.plus(number(1.0))
    return Twofold(np.ldexp(e.high, k.astype(int)), np.ldexp(e.low, k.astype(int)))


def log(a: Twofold) -> Twofold:
    """ln a, by Newton's method on exp: one step doubles the digits of float64's."""
    y = Twofold(np.log(a.high), np.zeros_like(a.high))
    return y.plus(a.times(exp(-y)).plus(number(-1.0)))


def sqrt(a: Twofold) -> Twofold:
    """√a, by Newton's method."""
    y = Twofold(np.sqrt(a.high), np.zeros_like(a.high))
    rest = a.plus(-y.times(y))
    with np.errstate(all="ignore"):
        step = np.where(y.high > 0, rest.high / (2 * y.high), 0.0)
    return y.plus(Twofold(step, np.zeros_like(step)))


def _turn(a: Twofold, quarters: int) -> Twofold:
    """sin(a + quarters π/2)."""
    k = np.rint(a.high / _HALF_PI.high)
    r = a.plus(-_HALF_PI.times(Twofold(k, np.zeros_like(k))))
    sine, cosine = _series(r, range(1, 28, 2), -1), _series(r, range(0, 28, 2), -1)
    turn = (k.astype(int) + quarters) % 4
    choices = [sine, cosine, -sine, -cosine]
    return Twofold(np.choose(turn, [c.high for c in choices]), np.choose(turn, [c.low for c in choices]))


def atan(a: Twofold) -> Twofold:
    """arctan a, by Newton's method on the tangent: y + (a cos y - sin y)/(cos y + a sin y)."""
    y = Twofold(np.arctan(a.high), np.zeros_like(a.high))
    s, c = _turn(y, 0), _turn(y, 1)
    return y.plus(a.times(c).plus(-s).over(c.plus(a.times(s))))


def tanh(a: Twofold) -> Twofold:
    """(e^2a - 1)/(e^2a + 1); its difference loses digits for small a, as many as float64 would have."""
    e = exp(Twofold(2 * a.high, 2 * a.low))
    return e.plus(number(-1.0)).over(e.plus(number(1.0)))


def power(a: Twofold, b: Any) -> Twofold:
    """a^b: products for whole b, e^(b ln a) for others."""
    if isinstance(b, Twofold):
        return exp(log(a).times(b))
    if float(b).is_integer() and abs(b) <= 64:
        total, base, n = number(1.0), a, abs(int(b))
        while n:
            total = total.times(base) if n % 2 else total
            base, n = base.times(base), n // 2
        return number(1.0).over(total) if b < 0 else total
    return exp(log(a).times(decimal(float(b))))


_RULES: dict[Op, Callable[..., Twofold]] = {
    arithmetic.add: Twofold.plus,
    arithmetic.sub: lambda a, b: a.plus(-b),
    arithmetic.mul: Twofold.times,
    arithmetic.div: Twofold.over,
    arithmetic.neg: Twofold.__neg__,
    arithmetic.pow: power,
    exponential.exp: exp,
    exponential.log: log,
    exponential.sigmoid: lambda a: number(1.0).over(exp(-a).plus(number(1.0))),
    trigonometric.sin: lambda a: _turn(a, 0),
    trigonometric.cos: lambda a: _turn(a, 1),
    trigonometric.tan: lambda a: _turn(a, 0).over(_turn(a, 1)),
    trigonometric.atan: atan,
    REGISTRY["tanh"]: tanh,
    REGISTRY["sqrt"]: sqrt,
    REGISTRY["square"]: lambda a: a.times(a),
}


_NAMED = {  # constants that are no short decimals
    np.pi: Twofold(np.float64(np.pi), np.float64(1.2246467991473532e-16)),
    np.e: Twofold(np.float64(np.e), np.float64(1.4456468917292502e-16)),
}


def _constant(a: Array) -> Twofold:
    return _NAMED.get(float(a), decimal(a)) if a.size == 1 else decimal(a)


def known(program: Program) -> bool:
    """Whether every operation of a program is known here."""
    return all(e.op in _RULES for e in program.equations)


def evaluate(program: Program, inputs: Mapping[Var, Twofold]) -> Twofold:
    """The result of a program of which all operations are known."""
    values: dict[Any, Twofold] = {v: _constant(a) for v, a in program.constants.items()}
    values |= inputs
    with np.errstate(all="ignore"):
        for e in program.equations:
            rule = _RULES[e.op]
            plain = e.op is arithmetic.pow and not isinstance(e.args[1], Var)
            operands = [values[a] if isinstance(a, Var) else decimal(float(a)) for a in e.operands]
            values[e.output] = rule(operands[0], e.args[1]) if plain else rule(*operands)
    return values[program.outputs[0]]
