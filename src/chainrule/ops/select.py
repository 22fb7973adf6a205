"""Choosing between values: where, minimum, maximum, clamp."""

from __future__ import annotations

from typing import Any

import numpy as np

from .forms import choice, constant_choice
from .record import ADD, Carrier, elementwise
from .rules import scalar_or_tensor

where = elementwise(
    "where",
    np.where,
    (None, lambda y, c, a, b: c != 0, lambda y, c, a, b: c == 0),
    nargs=3,
    promote=(1, 2),
    tex=r"{0} \odot {1} + (1 - {0}) \odot {2}",
    prec=ADD,
    form=choice,
    lower="select(a, b, c)",
    domain=((-1.0, 1.0), (-3.0, 3.0), (-3.0, 3.0)),
)

# two constants alone would not know their dtype: it is that of `like`
either = elementwise(
    "either",
    lambda c, like, yes, no: np.where(c, like.dtype.type(yes), like.dtype.type(no)),
    nargs=2,
    promote=(1,),
    attrs={"yes": 1.0, "no": 0.0},
    tex=r"{0} \, {2} + (1 - {0}) \, {3}",
    prec=ADD,
    form=constant_choice,
    lower="select(a, yes, no)",
    nondiff="it is a derivative: constant between its jumps",
)


def _tie_share(a: Any, b: Any) -> Any:
    above = (a >= b) | (a != a) | (b != b)
    return above.astype(a.dtype) - (a == b) * a.dtype.type(0.5)


tie_share = elementwise(
    "tie_share",
    _tie_share,
    nargs=2,
    tex=r"[{0} \ge {1}]",
    lower="1 - select(a == b, 0.5, a < b)",
    nondiff="it is a derivative: constant between its jumps",
)

_TIE = "at a tie each gets half"
maximum = elementwise(
    "maximum",
    np.maximum,
    (lambda y, a, b: tie_share(a, b), lambda y, a, b: tie_share(b, a)),
    refuses="c",
    tex=r"\max({0}, {1})",
    lower="maximum(a, b)",
    singular=_TIE,
)
minimum = elementwise(
    "minimum",
    np.minimum,
    (lambda y, a, b: tie_share(b, a), lambda y, a, b: tie_share(a, b)),
    refuses="c",
    tex=r"\min({0}, {1})",
    lower="minimum(a, b)",
    singular=_TIE,
)

_FIRST = "at a tie the first gets all"
fmax = elementwise(
    "fmax",
    np.fmax,
    (lambda y, a, b: (a >= b) | (b != b), lambda y, a, b: ~((a >= b) | (b != b))),
    refuses="c",
    tex=r"\max({0}, {1})",
    lower="maxnum(a, b)",
    singular=_FIRST,
)
fmin = elementwise(
    "fmin",
    np.fmin,
    (lambda y, a, b: (a <= b) | (b != b), lambda y, a, b: ~((a <= b) | (b != b))),
    refuses="c",
    tex=r"\min({0}, {1})",
    lower="minnum(a, b)",
    singular=_FIRST,
)


_EDGE = "on the bound the derivative is 1"
clamp_min = elementwise(
    "clamp_min",
    np.maximum,
    (lambda y, a, b: a >= b, lambda y, a, b: a < b),
    refuses="c",
    tex=r"\max({0}, {1})",
    lower="maximum(a, b)",
    singular=_EDGE,
    grad_name=scalar_or_tensor("ClampMinBackward"),
)
clamp_max = elementwise(
    "clamp_max",
    np.minimum,
    (lambda y, a, b: a <= b, lambda y, a, b: a > b),
    refuses="c",
    tex=r"\min({0}, {1})",
    lower="minimum(a, b)",
    singular=_EDGE,
    grad_name=scalar_or_tensor("ClampMaxBackward"),
)
clamp = elementwise(
    "clamp",
    lambda a, low, high: np.minimum(np.maximum(a, low), high),
    (
        lambda y, a, low, high: (a >= low) & (a <= high),
        lambda y, a, low, high: (low < high) & (a < low),
        lambda y, a, low, high: (a > high) | (high < low),
    ),
    refuses="c",
    tex=r"\operatorname{{clamp}}({0}, {1}, {2})",
    lower="minimum(maximum(a, b), c)",
    domain=((-3.0, 3.0), (-2.0, -0.5), (0.5, 2.0)),
    singular=_EDGE,
    grad_name=lambda args: (
        "ClampBackward0" if any(isinstance(a, Carrier) for a in args[1:]) else "ClampBackward1"
    ),
)


def _replaced(a: Any, nan: float, high: float, low: float) -> Any:
    if a.dtype.kind not in "fcV":
        return a.copy()
    if a.dtype.kind == "c":
        out = np.empty_like(a)
        out.real, out.imag = _replaced(a.real, nan, high, low), _replaced(a.imag, nan, high, low)
        return out
    kind = a.dtype.type
    out = np.where(a == np.inf, kind(high), np.where(a == -np.inf, kind(low), a))
    return np.where(a != a, kind(nan), out)


nan_to_num = elementwise(
    "nan_to_num",
    _replaced,
    lambda y, a, nan, high, low: (a == a) & (abs(a) != float("inf")),
    attrs={"nan": 0.0, "posinf": 3e38, "neginf": -3e38},
    tex=r"\operatorname{{finite}}({0})",
    lower="select(isnan(a), nan, select(isinf(a), select(a > 0, posinf, neginf), a))",
)
