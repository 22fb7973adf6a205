"""Activation functions of networks."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..types import DTYPES
from .exponential import exp, sigmoid
from .record import ADD, MUL, POW, elementwise
from .select import either, where
from .special import erf
from .trigonometric import tanh

_KINK: dict[str, Any] = {"singular": "at the kinks the derivative is that of the flat side"}

# NumPy converts a Python number anew at each call
_ZERO = {d.np: np.zeros((), d.np) for d in DTYPES.values()}


def _relu(a: Any) -> Any:
    return np.maximum(a, _ZERO[a.dtype])


relu = elementwise(
    "relu",
    _relu,
    lambda y, a: y != 0,
    refuses="bc",
    tex=r"\operatorname{{relu}}({0})",
    lower="maximum(a, 0)",
    singular="a = 0: 0",
)
leaky_relu = elementwise(
    "leaky_relu",
    lambda a, slope: np.where(a > 0, a, slope * a),
    lambda y, a, slope: either(a > 0, a, 1.0, slope),
    attrs={"negative_slope": 0.1},
    refuses="bic",
    tex=r"\operatorname{{leaky}}({0})",
    lower="select(a > 0, a, negative_slope * a)",
    **_KINK,
)
prelu = elementwise(
    "prelu",
    lambda a, w: np.where(a > 0, a, w * a),
    (lambda y, a, w: where(a > 0, 1.0, w), lambda y, a, w: where(a > 0, 0.0, a)),
    refuses="bic",
    tex=r"\operatorname{{prelu}}({0}, {1})",
    lower="select(a > 0, a, b * a)",
    grad_name="PreluKernelBackward0",
    **_KINK,
)


def _hardtanh(a: Any, low: float, high: float) -> Any:
    kind = a.dtype.type
    return np.minimum(np.maximum(a, kind(low)), kind(high))


hardtanh = elementwise(
    "hardtanh",
    _hardtanh,
    lambda y, a, low, high: ~((a <= low) | (a >= high)),
    attrs={"min_val": -1.0, "max_val": 1.0},
    refuses="bc",
    tex=r"\operatorname{{hardtanh}}({0})",
    lower="minimum(maximum(a, min_val), max_val)",
    **_KINK,
)
threshold = elementwise(
    "threshold",
    lambda a, limit, value: np.where(a <= limit, a.dtype.type(value), a),
    lambda y, a, limit, value: ~(a <= limit),
    attrs={"threshold": 0.1, "value": -1.0},
    refuses="bc",
    tex=r"\operatorname{{threshold}}({0})",
    lower="select(a <= threshold, value, a)",
    **_KINK,
)

# ----- exponential units


def _elu(a: Any, alpha: float, scale: float, inner: float) -> Any:
    return np.where(a > 0, scale * a, (scale * alpha) * np.expm1(np.minimum(a, 0) * inner))


def _elu_rule(y: Any, a: Any, alpha: float, scale: float, inner: float) -> Any:
    """s·α·k·e^(k·a) below 0 and s above; e^ of the negative part only, so that it cannot overflow."""
    below = where(a <= 0, a, 0.0)
    return where(a <= 0, (scale * alpha * inner) * exp(below * inner), scale)


elu = elementwise(
    "elu",
    _elu,
    _elu_rule,
    attrs={"alpha": 1.5, "scale": 1.1, "input_scale": 0.7},
    refuses="bic",
    tex=r"\operatorname{{elu}}({0})",
    lower="select(a > 0, scale * a, scale * alpha * expm1(minimum(a, 0) * input_scale))",
    singular="a = 0: the exponential side",
)
celu = elementwise(
    "celu",
    lambda a, alpha: _elu(a, alpha, 1.0, 1 / alpha),
    lambda y, a, alpha: _elu_rule(y, a, alpha, 1.0, 1 / alpha),
    attrs={"alpha": 1.5},
    refuses="bic",
    tex=r"\operatorname{{celu}}({0})",
    lower="select(a > 0, a, alpha * expm1(minimum(a, 0) * (1 / alpha)))",
    singular="a = 0: the exponential side",
)


def _softplus(a: Any, beta: float, limit: float) -> Any:
    z = a * beta
    return np.where(z > limit, a, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)


softplus = elementwise(
    "softplus",
    _softplus,
    lambda y, a, beta, limit: where(a * beta > limit, 1.0, sigmoid(a * beta)),
    attrs={"beta": 1.5, "threshold": 20.0},
    refuses="bic",
    tex=r"\ln(1 + e^{{{0}}})",
    lower="select(a * beta > threshold, a, (maximum(a * beta, 0) + log1p(exp(-abs(a * beta)))) / beta)",
    singular="above the threshold it is linear: the derivative jumps to 1",
)

# ----- gates

silu = elementwise(
    "silu",
    lambda a: a / (1 + np.exp(-a)),
    lambda y, a: _silu_rule(a),
    refuses="bi",
    tex=r"{0}\,\sigma({0})",
    prec=MUL,
    lower="a / (1 + exp(-a))",
)


def _silu_rule(a: Any) -> Any:
    s = sigmoid(a)
    return s * (1 + a * (1 - s))


def _mish(a: Any) -> Any:
    return a * np.tanh(_softplus(a, 1.0, 20.0))


def _mish_rule(y: Any, a: Any) -> Any:
    t = tanh(softplus(a, 1.0, 20.0))
    return t + a * sigmoid(a) * (1 - t * t)


mish = elementwise(
    "mish",
    _mish,
    _mish_rule,
    refuses="bic",
    tex=r"{0} \, \tanh(\ln(1 + e^{{{0}}}))",
    prec=MUL,
    lower="a * tanh(select(a > 20, a, maximum(a, 0) + log1p(exp(-abs(a)))))",
)


def _gelu(a: Any) -> Any:
    from .special import erf_values

    return 0.5 * a * (1 + erf_values(a * math.sqrt(0.5)))


def _gelu_rule(y: Any, a: Any) -> Any:
    """Φ(a) + a·φ(a), of the standard normal distribution."""
    return 0.5 * (1 + erf(a * math.sqrt(0.5))) + a * exp(-0.5 * a * a) * (1 / math.sqrt(2 * math.pi))


gelu = elementwise(
    "gelu",
    _gelu,
    _gelu_rule,
    refuses="bic",
    tex=r"{0}\,\Phi({0})",
    prec=MUL,
    lower="0.5 * a * (1 + erf(a * 0.7071067811865476))",
)

_K, _C = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh_rule(y: Any, a: Any) -> Any:
    t = tanh(_K * (a + _C * a * a * a))
    return 0.5 * (1 + t) + 0.5 * a * (1 - t * t) * _K * (1 + 3 * _C * a * a)


gelu_tanh = elementwise(
    "gelu_tanh",
    lambda a: 0.5 * a * (1 + np.tanh(_K * (a + _C * a * a * a))),
    _gelu_tanh_rule,
    grad_name="GeluBackward0",
    refuses="bic",
    tex=r"\frac{{{0}}}{{2}} \, (1 + \tanh(\sqrt{{2/\pi}} \, ({0} + 0.044715\,{0}^3)))",
    prec=MUL,
    lower="0.5 * a * (1 + tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)))",
)

# ----- piecewise linear gates and shrinkage

hardsigmoid = elementwise(
    "hardsigmoid",
    lambda a: np.minimum(np.maximum(a + 3, 0), 6) / 6,
    lambda y, a: either((a > -3) & (a < 3), a, 1 / 6, 0.0),
    refuses="bic",
    tex=r"\operatorname{{hardsigmoid}}({0})",
    lower="minimum(maximum(a + 3, 0), 6) / 6",
    **_KINK,
)
hardswish = elementwise(
    "hardswish",
    lambda a: a * np.minimum(np.maximum(a + 3, 0), 6) / 6,
    lambda y, a: where(a <= -3, 0.0, where(a < 3, a / 3 + 0.5, 1.0)),
    refuses="bic",
    tex=r"\operatorname{{hardswish}}({0})",
    prec=MUL,
    lower="a * minimum(maximum(a + 3, 0), 6) / 6",
    **_KINK,
)
hardshrink = elementwise(
    "hardshrink",
    lambda a, limit: np.where((a >= -limit) & (a <= limit), 0, a).astype(a.dtype),
    lambda y, a, limit: ~((a >= -limit) & (a <= limit)),
    attrs={"lambd": 0.5},
    refuses="bic",
    tex=r"\operatorname{{hardshrink}}({0})",
    lower="select((a >= -lambd) & (a <= lambd), 0, a)",
    **_KINK,
)
softshrink = elementwise(
    "softshrink",
    lambda a, limit: np.where(a > limit, a - limit, np.where(a < -limit, a + limit, a * 0)),
    lambda y, a, limit: ~((a >= -limit) & (a <= limit)),
    attrs={"lambd": 0.5},
    refuses="bic",
    tex=r"\operatorname{{softshrink}}({0})",
    lower="select(a > lambd, a - lambd, select(a < -lambd, a + lambd, a * 0))",
    **_KINK,
)
softsign = elementwise(
    "softsign",
    lambda a: a / (1 + np.abs(a)),
    lambda y, a: 1 / ((1 + abs(a)) * (1 + abs(a))),
    tex=r"\frac{{{0}}}{{1 + |{0}|}}",
    prec=POW,
    lower="a / (1 + abs(a))",
    grad_name="DivBackward0",
    floats=True,
)
tanhshrink = elementwise(
    "tanhshrink",
    lambda a: a - np.tanh(a),
    lambda y, a: tanh(a) * tanh(a),
    tex=r"{0} - \tanh({0})",
    prec=ADD,
    lower="a - tanh(a)",
    grad_name="SubBackward0",
    floats=True,
)
rrelu = elementwise(
    "rrelu",
    operator.mul,
    (lambda y, a, noise: noise, None),
    refuses="bic",
    tex=r"{0} \, {1}",
    prec=MUL,
    lower="a * b",
    grad_name="RreluWithNoiseBackward0",
    singular="a = 0: the random slope",
)
