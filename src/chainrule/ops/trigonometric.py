"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import rsqrt
from .record import MUL, Op, elementwise
from .rules import is_complex
from .select import where

sin: Op = elementwise("sin", np.sin, lambda y, a: cos(a), tex=r"\sin({0})", lower="sin(a)", floats=True)
cos: Op = elementwise("cos", np.cos, lambda y, a: -sin(a), tex=r"\cos({0})", lower="cos(a)", floats=True)
tan: Op = elementwise(
    "tan", np.tan, lambda y, a: 1 + y * y, tex=r"\tan({0})", lower="tan(a)", domain=(-1.2, 1.2), floats=True
)

_UNIT: dict[str, Any] = {"domain": (-0.9, 0.9), "floats": True, "singular": "|a| = 1: inf"}
asin: Op = elementwise(
    "asin", np.arcsin, lambda y, a: rsqrt((1 - a) * (1 + a)), tex=r"\arcsin({0})", lower="asin(a)", **_UNIT
)
acos: Op = elementwise(
    "acos", np.arccos, lambda y, a: -rsqrt((1 - a) * (1 + a)), tex=r"\arccos({0})", lower="acos(a)", **_UNIT
)
atan: Op = elementwise(
    "atan", np.arctan, lambda y, a: 1 / (1 + a * a), tex=r"\arctan({0})", lower="atan(a)", floats=True
)
atan2: Op = elementwise(
    "atan2",
    np.arctan2,
    (lambda y, a, b: b / (a * a + b * b), lambda y, a, b: -a / (a * a + b * b)),
    refuses="c",
    tex=r"\operatorname{{atan2}}({0}, {1})",
    lower="atan2(a, b)",
    floats=True,
    domain=((0.3, 3.0), (-3.0, 3.0)),
    singular="a = b = 0: nan",
)

sinh: Op = elementwise("sinh", np.sinh, lambda y, a: cosh(a), tex=r"\sinh({0})", lower="sinh(a)", floats=True)
cosh: Op = elementwise("cosh", np.cosh, lambda y, a: sinh(a), tex=r"\cosh({0})", lower="cosh(a)", floats=True)
tanh: Op = elementwise(
    "tanh", np.tanh, lambda y, a: 1 - y * y, tex=r"\tanh({0})", lower="tanh(a)", floats=True
)
asinh: Op = elementwise(
    "asinh",
    np.arcsinh,
    lambda y, a: rsqrt(1 + a * a),
    tex=r"\operatorname{{arsinh}}({0})",
    lower="asinh(a)",
    floats=True,
)
# two roots, not the root of the product: it would leave the branch for complex numbers
acosh: Op = elementwise(
    "acosh",
    np.arccosh,
    lambda y, a: rsqrt(a - 1) * rsqrt(a + 1),
    tex=r"\operatorname{{arcosh}}({0})",
    lower="acosh(a)",
    domain=(1.2, 4.0),
    floats=True,
    singular="a = 1: inf",
)
atanh: Op = elementwise(
    "atanh",
    np.arctanh,
    lambda y, a: 1 / ((1 - a) * (1 + a)),
    tex=r"\operatorname{{artanh}}({0})",
    lower="atanh(a)",
    **_UNIT,
)


def _sinc(a: Any) -> Any:
    t = np.pi * np.where(a == 0, 1, a)
    return np.where(a == 0, 1, np.sin(t) / t).astype(a.dtype)


def _sinc_rule(y: Any, a: Any) -> Any:
    """(cos t - sin t / t)/a with t = πa; near 0, where that cancels, its series."""
    t = math.pi * a
    near = (t < 0.5) & (t > -0.5) if not is_complex(a) else a == 0
    s = t * t
    series = -math.pi * t / 3 * (1 - s / 10 * (1 - s / 28 * (1 - s / 54 * (1 - s / 88 * (1 - s / 130)))))
    safe = where(near, 1.0, a)
    return where(near, series, (cos(t) - y) / safe)


sinc: Op = elementwise(
    "sinc",
    _sinc,
    _sinc_rule,
    tex=r"\operatorname{{sinc}}({0})",
    lower="select(a == 0, 1, sin(pi * a) / (pi * a))",
    floats=True,
)

deg2rad: Op = elementwise(
    "deg2rad",
    lambda a: a * a.dtype.type(math.pi / 180),
    math.pi / 180,
    refuses="c",
    tex=r"\frac{{\pi}}{{180}} {0}",
    prec=MUL,
    grad_name="Deg2RadBackward0",
    lower="a * (pi / 180)",
    floats=True,
)
rad2deg: Op = elementwise(
    "rad2deg",
    lambda a: a * a.dtype.type(180 / math.pi),
    180 / math.pi,
    refuses="c",
    tex=r"\frac{{180}}{{\pi}} {0}",
    prec=MUL,
    grad_name="Rad2DegBackward0",
    lower="a * (180 / pi)",
    floats=True,
)
