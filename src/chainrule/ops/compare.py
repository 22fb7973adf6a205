"""Comparisons, tests of numbers, and logic: results are true or false, so there is no derivative."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .record import ADD, ATOM, BIG, Op, Rule, elementwise

_WHY = "it answers true or false"


def _compare(name: str, forward: Rule, sign: str, lower: str) -> Op:
    ordered = "" if name in ("eq", "ne") else "c"
    return elementwise(
        name,
        forward,
        nargs=2,
        dtype="bool",
        tex=f"[{{0}} {sign} {{1}}]",
        lower=lower,
        refuses=ordered,
        nondiff=_WHY,
    )


eq = _compare("eq", operator.eq, "=", "a == b")
ne = _compare("ne", operator.ne, r"\ne", "a != b")
lt = _compare("lt", operator.lt, "<", "a < b")
le = _compare("le", operator.le, r"\le", "a <= b")
gt = _compare("gt", operator.gt, ">", "a > b")
ge = _compare("ge", operator.ge, r"\ge", "a >= b")


def _test(name: str, forward: Rule, lower: str) -> Op:
    tex = rf"[{{0}} \text{{{{ is {name.removeprefix('is')}}}}}]"
    return elementwise(name, forward, dtype="bool", prec=ATOM, tex=tex, lower=lower, nondiff=_WHY)


def _infinite(sign: int) -> Rule:
    return lambda a: (a == sign * np.inf) if a.dtype.kind not in "iub" else np.zeros(a.shape, bool)


isnan = _test("isnan", lambda a: a != a, "isnan(a)")
isfinite = _test("isfinite", np.isfinite, "isfinite(a)")
isinf = _test("isinf", np.isinf, "isinf(a)")
isposinf = _test("isposinf", _infinite(1), "isinf(a) & (a > 0)")
isneginf = _test("isneginf", _infinite(-1), "isinf(a) & (a < 0)")
isreal = _test("isreal", lambda a: a.imag == 0 if a.dtype.kind == "c" else np.ones(a.shape, bool), "True")


def _close(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    with np.errstate(all="ignore"):
        near = (a == b) | (np.isfinite(a - b) & (np.abs(a - b) <= atol + np.abs(rtol * b)))
    return near | ((a != a) & (b != b)) if equal_nan else near


isclose = elementwise(
    "isclose",
    _close,
    nargs=2,
    attrs={"rtol": 1e-5, "atol": 1e-8, "equal_nan": False},
    dtype="bool",
    tex=r"[{0} \approx {1}]",
    lower="(a == b) | (isfinite(a - b) & (fabs(a - b) <= atol + fabs(rtol * b)))"
    " | select(equal_nan, isnan(a) & isnan(b), False)",
    nondiff=_WHY,
)

# the arguments keep their own dtypes: only whether they are zero counts
logical_not = elementwise(
    "logical_not",
    np.logical_not,
    dtype="bool",
    promote=(),
    tex=r"\lnot {0}",
    prec=BIG,
    lower="~truth(a)",
    nondiff=_WHY,
)
_LOGIC: dict[str, Any] = {"nargs": 2, "prec": ADD, "dtype": "bool", "nondiff": _WHY}
logical_and = elementwise(
    "logical_and", np.logical_and, tex=r"{0} \land {1}", lower="truth(a) & truth(b)", **_LOGIC
)
logical_or = elementwise(
    "logical_or", np.logical_or, tex=r"{0} \lor {1}", lower="truth(a) | truth(b)", **_LOGIC
)
logical_xor = elementwise(
    "logical_xor", np.logical_xor, tex=r"{0} \oplus {1}", lower="truth(a) ^ truth(b)", **_LOGIC
)
