"""The exponential and logarithm families: no difference of close numbers, no overflow on the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .record import ADD, BIG, MUL, POW, Carrier, elementwise
from .select import where

LN2, LN10 = math.log(2), math.log(10)

exp = elementwise("exp", np.exp, lambda y, a: y, tex="e^{{{0}}}", prec=POW, lower="exp(a)", floats=True)
exp2 = elementwise(
    "exp2", np.exp2, lambda y, a: y * LN2, tex="2^{{{0}}}", prec=POW, lower="exp2(a)", floats=True
)
expm1 = elementwise(
    "expm1", np.expm1, lambda y, a: exp(a), tex="e^{{{0}}} - 1", prec=ADD, lower="expm1(a)", floats=True
)

_POSITIVE: dict[str, Any] = {"domain": (0.2, 3.0), "floats": True, "singular": "a = 0: -inf, derivative inf"}
log = elementwise("log", np.log, lambda y, a: 1 / a, tex=r"\ln({0})", lower="log(a)", **_POSITIVE)
log2 = elementwise(
    "log2", np.log2, lambda y, a: 1 / (a * LN2), tex=r"\log_2({0})", lower="log2(a)", **_POSITIVE
)
log10 = elementwise(
    "log10", np.log10, lambda y, a: 1 / (a * LN10), tex=r"\log_{{10}}({0})", lower="log10(a)", **_POSITIVE
)
log1p = elementwise(
    "log1p",
    np.log1p,
    lambda y, a: 1 / (1 + a),
    tex=r"\ln(1 + {0})",
    lower="log1p(a)",
    domain=(-0.5, 3.0),
    floats=True,
    singular="a = -1: -inf, derivative inf",
    grad_name="Log1PBackward0",
)

# ----- the logistic function


def _sigmoid(a: Any) -> Any:
    e = np.exp(-a)
    e += 1
    return np.reciprocal(e)


sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    lambda y, a: y * (1 - y),
    tex=r"\sigma({0})",
    lower="sigmoid(a)",
    floats=True,
)


def _logit(a: Any, eps: float | None) -> Any:
    if eps is not None:
        a = np.minimum(np.maximum(a, eps), 1 - eps)
    return np.log(a / (1 - a))


def _logit_rule(y: Any, a: Any, eps: float | None) -> Any:
    """1/(a(1 - a)); outside the clamp 0, outside [0, 1] without a clamp nan."""
    low, beyond = (0.0, math.nan) if eps is None else (eps, 0.0)
    return where((a < low) | (a > 1 - low), beyond, 1 / (a * (1 - a)))


logit = elementwise(
    "logit",
    _logit,
    _logit_rule,
    attrs={"eps": 0.01},
    refuses="c",
    tex=r"\ln\frac{{{0}}}{{1 - {0}}}",
    prec=BIG,
    lower="log(select(given(eps), minimum(maximum(a, eps), 1 - eps), a)"
    " / (1 - select(given(eps), minimum(maximum(a, eps), 1 - eps), a)))",
    domain=(0.1, 0.9),
    floats=True,
    singular="outside the clamp [eps, 1 - eps]: 0",
)
log_sigmoid = elementwise(
    "log_sigmoid",
    lambda a: np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a))),
    lambda y, a: sigmoid(-a),
    refuses="bic",
    tex=r"\ln \sigma({0})",
    prec=BIG,
    lower="minimum(a, 0) - log1p(exp(-abs(a)))",
)

# ----- of two


def _logaddexp(a: Any, b: Any) -> Any:
    if a.dtype.kind != "c":
        return np.logaddexp(a, b)
    high, low = np.where(a.real >= b.real, a, b), np.where(a.real >= b.real, b, a)
    return np.where(a == b, a + LN2, high + np.log1p(np.exp(low - high))).astype(a.dtype)


logaddexp = elementwise(
    "logaddexp",
    _logaddexp,
    (lambda y, a, b: sigmoid(a - b), lambda y, a, b: sigmoid(b - a)),
    refuses="bi",
    tex=r"\ln(e^{{{0}}} + e^{{{1}}})",
    lower="select(a == b, a + 0.6931471805599453, maximum(a, b) + log1p(exp(-abs(a - b))))",
)
logaddexp2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    (lambda y, a, b: 1 / (1 + exp2(b - a)), lambda y, a, b: 1 / (1 + exp2(a - b))),
    refuses="bic",
    tex=r"\log_2(2^{{{0}}} + 2^{{{1}}})",
    lower="select(a == b, a + 1, maximum(a, b) + 1.4426950408889634 * log1p(exp2(-abs(a - b))))",
)


def _x_log(a: Any, b: Any, log_of: Any) -> Any:
    out = np.where(a == 0, 0, a * log_of(b))
    return np.where(np.isnan(b), np.nan, out).astype(out.dtype)


def _scalar_side(base: str) -> Any:
    def name(args: Any) -> str:
        numbers = [not isinstance(a, Carrier) for a in args] or [False, False]
        return base + ("1" if numbers[0] else "2" if numbers[1] else "0")

    return name


xlogy = elementwise(
    "xlogy",
    lambda a, b: _x_log(a, b, np.log),
    (lambda y, a, b: where((a == 0) & (b <= 0), 0.0, log(b)), lambda y, a, b: a / b),
    refuses="c",
    tex=r"{0} \, \ln({1})",
    prec=MUL,
    lower="select(isnan(b), nan, select(a == 0, 0, a * log(b)))",
    domain=((-3.0, 3.0), (0.2, 3.0)),
    floats=True,
    singular="a = 0: 0 whatever b >= 0 is",
    grad_name=_scalar_side("XlogyBackward"),
)
xlog1py = elementwise(
    "xlog1py",
    lambda a, b: _x_log(a, b, np.log1p),
    (lambda y, a, b: where((a == 0) & (b <= -1), 0.0, log1p(b)), lambda y, a, b: a / (1 + b)),
    refuses="c",
    tex=r"{0} \, \ln(1 + {1})",
    prec=MUL,
    lower="select(isnan(b), nan, select(a == 0, 0, a * log1p(b)))",
    domain=((-3.0, 3.0), (-0.5, 3.0)),
    floats=True,
    singular="a = 0: 0 whatever b >= -1 is",
    grad_name=_scalar_side("SpecialXlog1PyBackward"),
)
