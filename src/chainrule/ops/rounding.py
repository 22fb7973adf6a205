"""Rounding, signs and absolute value."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..types import int32
from .complex import conj
from .movement import to
from .record import elementwise, structured

_LOWER = "by its NumPy forward: it takes the bits of numbers apart"

_STEPS: dict[str, Any] = {"singular": "constant between its jumps, where the derivative is taken as 0"}


def _whole(function: Any) -> Any:
    """Integers are whole already: NumPy would turn them into floats."""
    return lambda a: function(a) if a.dtype.kind not in "iub" else a.copy()


floor = elementwise(
    "floor", _whole(np.floor), 0, refuses="bc", tex=r"\lfloor {0} \rfloor", lower="floor(a)", **_STEPS
)
ceil = elementwise(
    "ceil", _whole(np.ceil), 0, refuses="bc", tex=r"\lceil {0} \rceil", lower="ceil(a)", **_STEPS
)
trunc = elementwise(
    "trunc", _whole(np.trunc), 0, refuses="bc", tex=r"\operatorname{{trunc}}({0})", lower="trunc(a)", **_STEPS
)
frac = elementwise(
    "frac",
    lambda a: a - np.trunc(a),
    1,
    refuses="bic",
    tex=r"\operatorname{{frac}}({0})",
    lower="a - trunc(a)",
    singular="the whole numbers: 1",
)


def _round(a: Any, decimals: int) -> Any:
    """Half to even; with decimals, scaled as PyTorch scales."""
    if not decimals:
        return np.rint(a) if a.dtype.kind not in "iub" else a.copy()
    scale = a.dtype.type(10.0 ** abs(decimals))
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


round = elementwise(
    "round",
    _round,
    0,
    grad_name=lambda args: "RoundBackward1" if any(args[1:]) else "RoundBackward0",
    attrs={"decimals": 0},
    refuses="bc",
    tex=r"\operatorname{{round}}({0})",
    lower="select(decimals == 0, rint(a), select(decimals > 0,"
    " rint(a * 10 ** decimals) / 10 ** decimals, rint(a / 10 ** -decimals) * 10 ** -decimals))",
    **_STEPS,
)

# ----- signs


def _sgn(a: Any) -> Any:
    """The sign, 0 for 0 and nan; a/|a| for complex numbers; bools are their own."""
    if a.dtype.kind in "cb":
        return np.sign(a) if a.dtype.kind == "c" else a.copy()
    return np.subtract(a > 0, a < 0, dtype=a.dtype)


sign = elementwise("sign", _sgn, 0, refuses="c", tex=r"\operatorname{{sgn}}({0})", lower="sign(a)", **_STEPS)
sgn = elementwise("sgn", _sgn, 0, tex=r"\operatorname{{sgn}}({0})", lower="sign(a)", **_STEPS)
abs = elementwise(
    "abs",
    operator.abs,
    lambda y, a: conj(sgn(a)),
    refuses="b",
    tex=r"\left|{0}\right|",
    lower="abs(a)",
    singular="a = 0: 0",
    dtype=lambda a: a.dtype.to_real(),
)


copysign = elementwise(
    "copysign",
    np.copysign,
    (lambda y, a, b: sgn(a) * sgn(y), 0),
    refuses="c",
    tex=r"\left|{0}\right| \operatorname{{sgn}}({1})",
    lower="copysign(a, b)",
    floats=True,
    singular="a = 0: 0",
)
signbit = elementwise(
    "signbit",
    lambda a: np.signbit(a) if a.dtype.kind == "f" or a.dtype.kind == "V" else a < 0,
    refuses="c",
    tex=r"[{0} < 0]",
    lower="signbit(a)",
    dtype="bool",
    nondiff="it answers true or false",
)
heaviside = elementwise(
    "heaviside",
    lambda a, b: np.where(a == 0, b, np.where(np.isnan(a), a, a > 0)).astype(a.dtype),
    nargs=2,
    refuses="c",
    tex=r"H({0})",
    lower="select(a == 0, b, select(isnan(a), a, a > 0))",
    nondiff="PyTorch defines no derivative of the step",
)
nextafter = elementwise(
    "nextafter",
    np.nextafter,
    (lambda y, a, b: a != b, 0),
    refuses="bic",
    tex=r"\operatorname{{nextafter}}({0}, {1})",
    lower="by NumPy: bits, not values",
    singular="the step of one unit in the last place is taken as constant",
)


def _frexp_rule(g: Any, y: Any, a: Any) -> Any:
    """g/2ᵉ: within a binade the mantissa is the number, scaled."""
    return g[0] * to(2.0 ** -y[1], a.dtype)


frexp = structured(
    "frexp",
    np.frexp,
    outputs=2,
    vjp=(_frexp_rule,),
    shape=lambda a: [a.shape, a.shape],
    dtype=lambda a: [a.dtype, int32],
    lower=_LOWER,
    tex=r"\operatorname{{frexp}}({0})",
    samples=lambda rng: [(rng.uniform(0.6, 0.9, (2, 3)),)],
    singular="the powers of 2: constant exponent assumed",
)
