"""Arithmetic: the operations behind + - * / // % **, and their fused forms."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..types import Shape, bool_
from .exponential import log
from .forms import product, quotient
from .record import ADD, COMPLEX_DTYPES, MUL, NEG, POW, Bad, Carrier, Spec, broadcast_shape, elementwise
from .rounding import trunc
from .rules import scalar_or_tensor
from .select import where

# ----- sums and products


def _sub_shape(a: Any, b: Any) -> Shape:
    bools = [isinstance(x, bool) or (isinstance(x, Spec) and x.dtype is bool_) for x in (a, b)]
    if all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` "
            "operator instead."
        )
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
            "invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return broadcast_shape(a, b)


def _neg_shape(a: Any) -> Shape:
    if a.dtype is bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
            "a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return broadcast_shape(a)


_BOOLS = [
    Bad(lambda: (np.array([True]), np.array([True])), RuntimeError, "with two bool tensors is not supported")
]

add = elementwise("add", operator.add, (1, 1), tex="{0} + {1}", prec=ADD, lower="a + b")
sub = elementwise(
    "sub",
    operator.sub,
    (1, -1),
    shape=_sub_shape,
    refuses="B",
    tex="{0} - {1}",
    prec=ADD,
    lower="a - b",
    bad=_BOOLS,
)
rsub = elementwise(
    "rsub",
    lambda a, b: b - a,
    (-1, 1),
    shape=_sub_shape,
    refuses="B",
    tex="{1} - {0}",
    prec=ADD,
    lower="b - a",
    grad_name="RsubBackward1",
    bad=_BOOLS,
)
mul = elementwise(
    "mul",
    operator.mul,
    (lambda y, a, b: b, lambda y, a, b: a),
    tex=r"{0} \, {1}",
    prec=MUL,
    form=product,
    lower="a * b",
)


def _inverse(b: Any) -> Any:
    """1/b; of a Python number that is 0 it is ±inf, as of an array."""
    return math.copysign(math.inf, b) if type(b) in (int, float) and not b else 1 / b


div = elementwise(
    "div",
    operator.truediv,
    (lambda y, a, b: _inverse(b), lambda y, a, b: -a / (b * b)),
    tex=r"\frac{{{0}}}{{{1}}}",
    prec=POW,
    form=quotient,
    lower="a / b",
    domain=((-3.0, 3.0), (0.5, 3.0)),
    floats=True,
    singular="b = 0: ±inf or nan, as IEEE division",
    # PyTorch computes 2 / x as a product with the reciprocal
    grad_name=lambda args: "MulBackward0" if args and not isinstance(args[0], Carrier) else "DivBackward0",
)
neg = elementwise(
    "neg",
    operator.neg,
    -1,
    shape=_neg_shape,
    tex="-{0}",
    prec=NEG,
    lower="-a",
    bad=[Bad(lambda: (np.array([True]),), RuntimeError, "on a bool tensor is not supported")],
)

addcmul = elementwise(
    "addcmul",
    lambda a, b, c, value: a + a.dtype.type(value) * (b * c),
    (1, lambda y, a, b, c, value: value * c, lambda y, a, b, c, value: value * b),
    attrs={"value": 0.5},
    tex=r"{0} + {3} \, {1} \odot {2}",
    prec=ADD,
    lower="a + value * (b * c)",
)
addcdiv = elementwise(
    "addcdiv",
    lambda a, b, c, value: a + value * (b / c),
    (1, lambda y, a, b, c, value: value / c, lambda y, a, b, c, value: -value * b / (c * c)),
    attrs={"value": 0.5},
    tex=r"{0} + {3} \, \frac{{{1}}}{{{2}}}",
    prec=ADD,
    lower="a + value * (b / c)",
    domain=((-3.0, 3.0), (-3.0, 3.0), (0.5, 3.0)),
    singular="c = 0: as division",
)


def _lerp(a: Any, b: Any, w: Any) -> Any:
    """From the nearer end, so that w = 0 and w = 1 give a and b exactly."""
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))


lerp = elementwise(
    "lerp",
    _lerp,
    (lambda y, a, b, w: 1 - w, lambda y, a, b, w: w, lambda y, a, b, w: b - a),
    refuses="bi",
    tex=r"{0} + {2} \, ({1} - {0})",
    prec=ADD,
    lower="select(abs(c) < 0.5, a + c * (b - a), b - (b - a) * (1 - c))",
    grad_name=lambda args: (
        "LerpBackward1" if len(args) > 2 and isinstance(args[2], Carrier) else "LerpBackward0"
    ),
)

# ----- division with a whole quotient


def _whole(divide: Any) -> Any:
    """`divide` that refuses a zero integer divisor, which NumPy would turn into 0."""

    def forward(a: Any, b: Any) -> Any:
        if b.dtype.kind in "iu" and not np.all(b):
            raise RuntimeError(
                "ZeroDivisionError: integer division by zero; divide floating-point tensors to get inf or nan"
            )
        return divide(a, b)

    return forward


def _trunc_divide(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":  # exact where a float quotient would round
        quotient, rest = np.divmod(a, b)
        return quotient + ((rest != 0) & ((a < 0) != (b < 0)))
    return np.trunc(a / b)


_INT_BY_ZERO = [Bad(lambda: (np.array([1]), np.array([0])), RuntimeError, "ZeroDivisionError")]
_STEPS = "the quotient is constant between jumps"
_DIVIDE: dict[str, Any] = {"domain": ((-3.0, 3.0), (0.5, 3.0)), "bad": _INT_BY_ZERO}

floor_divide = elementwise(
    "floor_divide",
    _whole(np.floor_divide),
    (0, 0),
    refuses="bc",
    tex=r"\lfloor {0} / {1} \rfloor",
    lower="floor_divide(a, b)",
    grad_name="DivBackward2",
    singular=_STEPS,
    **_DIVIDE,
)
trunc_divide = elementwise(
    "trunc_divide",
    _whole(_trunc_divide),
    (0, 0),
    refuses="bc",
    tex=r"\operatorname{{trunc}}({0} / {1})",
    lower="trunc(a / b)",
    grad_name="DivBackward2",
    singular=_STEPS,
    **_DIVIDE,
)
remainder = elementwise(
    "remainder",
    _whole(np.remainder),
    (1, lambda y, a, b: -floor_divide(a, b)),
    refuses="bc",
    tex=r"{0} \bmod {1}",
    prec=MUL,
    lower="remainder(a, b)",
    grad_name=scalar_or_tensor("RemainderBackward"),
    singular=_STEPS,
    **_DIVIDE,
)
fmod = elementwise(
    "fmod",
    _whole(np.fmod),
    (1, lambda y, a, b: -trunc(a / b)),
    refuses="bc",
    tex=r"\operatorname{{fmod}}({0}, {1})",
    lower="fmod(a, b)",
    grad_name=scalar_or_tensor("FmodBackward"),
    singular=_STEPS,
    **_DIVIDE,
)

# ----- powers and roots


def _pow_base(y: Any, a: Any, n: Any) -> Any:
    """n·aⁿ⁻¹, and 0 where n = 0 (also at a = 0)."""
    if isinstance(n, (int, float, complex)):
        return n * a ** (n - 1) if n else 0.0
    return where(n == 0, 0.0, n * a ** (n - 1))


def _pow_exponent(y: Any, a: Any, n: Any) -> Any:
    """aⁿ·ln a, and 0 where a = 0 and n >= 0 (the limit)."""
    if isinstance(a, (int, float)):
        if a == 0:
            return where(n >= 0, 0.0, y * -math.inf)
        return y * (math.log(a) if a > 0 else math.nan)
    zero = (
        (a == 0)
        if isinstance(n, complex) or getattr(y, "dtype", None) in COMPLEX_DTYPES
        else (a == 0) & (n >= 0)
    )
    return where(zero, 0.0, y * log(a))


def _pow_name(args: Any) -> str:
    numbers = [not isinstance(a, Carrier) for a in args] or [False, True]
    if numbers[1]:
        return "PowBackward0"
    return "PowBackward2" if numbers[0] else "PowBackward1"


pow = elementwise(
    "pow",
    operator.pow,
    (_pow_base, _pow_exponent),
    refuses="b",
    tex="{0}^{{{1}}}",
    prec=POW,
    lower="a ** b",
    weak=True,
    domain=((0.2, 3.0), (-2.0, 3.0)),
    singular="a = 0: the derivative by n is 0 for n >= 0, inf or nan below",
    grad_name=_pow_name,
)
square = elementwise(
    "square",
    lambda a: np.square(a) if a.dtype.kind != "b" else a.astype(np.int64),
    lambda y, a: 2 * a,
    tex="{0}^2",
    prec=POW,
    lower="a * a",
    grad_name="PowBackward0",
)
sqrt = elementwise(
    "sqrt",
    np.sqrt,
    lambda y, a: 0.5 / y,
    tex=r"\sqrt{{{0}}}",
    lower="sqrt(a)",
    domain=(0.2, 3.0),
    floats=True,
    singular="a = 0: inf",
)
rsqrt = elementwise(
    "rsqrt",
    lambda a: 1 / np.sqrt(a),
    lambda y, a: -0.5 * y * y * y,
    tex=r"\frac{{1}}{{\sqrt{{{0}}}}}",
    prec=POW,
    lower="rsqrt(a)",
    domain=(0.2, 3.0),
    floats=True,
    singular="a = 0: -inf",
)
reciprocal = elementwise(
    "reciprocal",
    lambda a: 1 / a,
    lambda y, a: -y * y,
    tex=r"\frac{{1}}{{{0}}}",
    prec=POW,
    lower="1 / a",
    domain=(0.5, 3.0),
    floats=True,
    singular="a = 0: -inf",
)


def _per_length(y: Any, a: Any) -> Any:
    """a/√(a² + b²), and 0 at the origin."""
    return where(y == 0, 0.0, a / y)


hypot = elementwise(
    "hypot",
    np.hypot,
    (lambda y, a, b: _per_length(y, a), lambda y, a, b: _per_length(y, b)),
    refuses="bic",
    tex=r"\sqrt{{{0}^2 + {1}^2}}",
    lower="hypot(a, b)",
    singular="a = b = 0: 0",
)


# ----- whole numbers

gcd = elementwise(
    "gcd",
    np.gcd,
    nargs=2,
    refuses="bfc",
    tex=r"\gcd({0}, {1})",
    lower="by NumPy: integers only",
    nondiff="defined on integers",
)
lcm = elementwise(
    "lcm",
    np.lcm,
    nargs=2,
    refuses="bfc",
    tex=r"\operatorname{{lcm}}({0}, {1})",
    lower="by NumPy: integers only",
    nondiff="defined on integers",
)
