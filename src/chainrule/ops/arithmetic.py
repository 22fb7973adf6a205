"""Arithmetic and powers: the operations behind + - * / **."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .record import ADD, ATOM, MUL, NEG, POW, elementwise
from .select import where
from .exponential import log

add = elementwise("add", operator.add, (1, 1), tex="{0} + {1}", prec=ADD, lower="fadd")
sub = elementwise("sub", operator.sub, (1, -1), tex="{0} - {1}", prec=ADD, lower="fsub")
mul = elementwise("mul", operator.mul, (lambda y, a, b: b, lambda y, a, b: a), tex=r"{0} \, {1}", prec=MUL, lower="fmul")
div = elementwise(
    "div", operator.truediv, (lambda y, a, b: 1 / b, lambda y, a, b: -a / (b * b)),
    tex=r"\frac{{{0}}}{{{1}}}", prec=ATOM, lower="fdiv", domain=((-3.0, 3.0), (0.5, 3.0)), floats=True,
    singular="b = 0: ±inf or nan, as IEEE division",
)  # fmt: skip
neg = elementwise("neg", operator.neg, -1, tex="-{0}", prec=NEG, lower="fneg")


def _pow_base(y: Any, a: Any, n: Any) -> Any:
    """n·aⁿ⁻¹, and 0 where n = 0 (also at a = 0)."""
    if isinstance(n, (int, float)):
        return n * a ** (n - 1) if n else 0.0
    return where(n == 0, 0.0, n * a ** (n - 1))


def _pow_exponent(y: Any, a: Any, n: Any) -> Any:
    """aⁿ·ln a, and 0 where a = 0 and n >= 0 (the limit)."""
    return where((a == 0) & (n >= 0), 0.0, y * log(a))


pow = elementwise(
    "pow", operator.pow, (_pow_base, _pow_exponent), tex="{0}^{{{1}}}", prec=POW, lower="pow", weak=True,
    domain=((0.2, 3.0), (-2.0, 3.0)), singular="a = 0: the derivative by n is 0 for n >= 0, inf or nan below",
)  # fmt: skip
