"""Sine and cosine, and the functions that libm computes lane by lane: exact, and rarely in a training step.

x = n·π/2 + r with three parts of π/2, subtracted with one rounding each (fma), so that r is right to its last
bit for |x| <= 2^15 (float) and 2^20 (double). Larger arguments, and all where there is no fma, go to libm.
The polynomials are fitted as in exponential.py, for |r| <= 0.79; relative errors: sin 2^-27.8, 2^-57.8;
cos 2^-32.9, 2^-63.8.
"""

from __future__ import annotations

from typing import NamedTuple

from ..builder import Function, Value, number
from .basics import (
    absolute,
    bits,
    fma,
    format_of,
    from_bits,
    horner,
    integer,
    libm,
    mul,
    sub,
    unless_rare,
)


class _Constants(NamedTuple):
    """π/2 in three parts; (sin r/r - 1)/r²; (cos r - 1 + r²/2)/r⁴, both in r²; up to which |x| it holds."""

    half_pi: tuple[float, float, float]
    sin: tuple[float, ...]
    cos: tuple[float, ...]
    bound: float


_CONSTANTS = {
    "float": _Constants(
        (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        (-0.000195094166, 0.00833211374, -0.166666538),
        (2.44311996e-05, -0.00138873036, 0.0416666456),
        2.0**15,
    ),
    "double": _Constants(
        (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        (1.5894032209864686e-10, -2.5050709963149323e-08, 2.7557313379669828e-06, -0.0001984126982888632,
         0.008333333333321218, -0.16666666666666627),
        (-1.1357269880075117e-11, 2.08756769428451e-09, -2.755731400806347e-07, 2.4801587288276823e-05,
         -0.0013888888888872169, 0.04166666666666659),
        2.0**20,
    ),
}  # fmt: skip

_TWO_PER_PI = 0.63661977236758134308


def _circular(f: Function, x: Value, name: str, turn: int) -> Value:
    """sin(x + turn·π/2)."""
    if not f.target.fma:
        return libm(f, name, x)
    form = format_of(x)
    c = _CONSTANTS[form.element]
    t = fma(f, x, _TWO_PER_PI, form.magic + turn)
    n, r = sub(f, t, form.magic + turn), x
    for part in c.half_pi:
        r = fma(f, n, -part, r)
    z = mul(f, r, r)
    sine = fma(f, mul(f, horner(f, z, c.sin), z), r, r)
    cosine = horner(f, z, (*c.cos, -0.5, 1.0))
    quadrant = bits(f, t)
    odd = f.compare("ne", integer(f, "and", quadrant, 1), number(0, quadrant.type))
    sign = integer(f, "shl", integer(f, "and", quadrant, 2), form.width - 2)
    y = from_bits(f, f.binary("xor", bits(f, f.select(odd, cosine, sine)), sign), x.type)
    beyond = f.compare("ugt", absolute(f, x), number(c.bound, x.type))
    return unless_rare(f, beyond, y, name, x)


def sin(f: Function, x: Value) -> Value:
    """sin x."""
    y = _circular(f, x, "sin", 0)
    return f.select(f.compare("oeq", x, number(0, x.type)), x, y)  # -0 stays


def cos(f: Function, x: Value) -> Value:
    """cos x."""
    return _circular(f, x, "cos", 1)
