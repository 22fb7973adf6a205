"""The error function of float by polynomials, of double by libm.

erf x = x + x·P(x²) below 0.9 and 1 - e^Q(|x|) above. P and Q = ln erfc are fitted as in exponential.py, on
[0, 0.9] and [0.9, 4]; relative errors of erf: 2^-26.1 and 2^-29.1.
"""

from __future__ import annotations

from ..builder import Function, Value, element, number
from .basics import absolute, at_most, fma, horner, libm, mul
from .exponential import exponential_parts

_SMALL = (-0.000608106784, 0.00500991615, -0.0267772805, 0.112820849, -0.376125157, 0.128379151)
_LARGE = (
    0.000198229041,
    -0.00306557049,
    0.0223154947,
    -0.10411419,
    -0.636975586,
    -1.12779748,
    -0.000166402373,
)
_MEET = 0.9
_ONE = 4.0  # from here on erf is 1


def erf(f: Function, x: Value) -> Value:
    """2/√π ∫₀ˣ e^(-t²) dt."""
    if element(x.type) == "double":
        return libm(f, "erf", x)
    near = fma(f, x, horner(f, mul(f, x, x), _SMALL), x)
    a = absolute(f, x)
    p, scale = exponential_parts(f, horner(f, at_most(f, a, _ONE), _LARGE))
    far = f.intrinsic("copysign", f.binary("fsub", number(1, x.type), mul(f, p, scale)), x)
    return f.select(f.compare("ogt", a, number(_MEET, x.type)), far, near)


def erfc(f: Function, x: Value) -> Value:
    """1 - erf x, without the cancellation."""
    return libm(f, "erfc", x)
