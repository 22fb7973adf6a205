"""Twice the precision of float64: sums, products and functions against decimals of fifty digits."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from chainrule.explainer.formula import formula
from chainrule.fitting.formula import extended
from chainrule.fitting.formula.extended import Twofold, decimal, number

POINTS = np.array([0.013, 0.7, 1.0, 3.1415, 17.25])


def exact(x: Twofold) -> list[Decimal]:
    return [Decimal(float(h)) + Decimal(float(low)) for h, low in zip(np.ravel(x.high), np.ravel(x.low))]


def pi_and_sine(x: Decimal) -> Decimal:
    """sin x by its series, with fifty digits."""
    term, total, k = x, x, 1
    while abs(term) > Decimal(10) ** -48:
        term *= -x * x / ((k + 1) * (k + 2))
        total, k = total + term, k + 2
    return total


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("exp(x)", lambda x: x.exp(), 30),
        ("exp(-9*x)", lambda x: (-9 * x).exp(), 28),
        ("log(x)", lambda x: x.ln(), 29),
        ("sqrt(x)", lambda x: x.sqrt(), 30),
        ("x**3/(1 + x)", lambda x: x**3 / (1 + x), 30),
        ("x**-2", lambda x: x**-2, 30),
        ("x**0.1", lambda x: x ** Decimal("0.1"), 29),
        ("x**x", lambda x: (x * x.ln()).exp(), 28),
        ("sin(x)", pi_and_sine, 28),
        ("sin(x)**2 + cos(x)**2", lambda x: Decimal(1), 30),
        ("tan(atan(x))", lambda x: x, 29),
        ("sigmoid(x)", lambda x: 1 / (1 + (-x).exp()), 29),
        ("0.1*x - 0.3", lambda x: Decimal("0.1") * x - Decimal("0.3"), 29),
    ],
)  # fmt: skip
def test_functions_have_so_many_digits(text, value, digits: int) -> None:
    program, names, *_ = formula(text, {"x": len(POINTS)})
    assert extended.known(program)
    found = extended.evaluate(program, {program.inputs[0]: decimal(POINTS)})
    with localcontext() as context:
        context.prec = 60
        for x, y in zip(POINTS, exact(found)):
            right = value(Decimal(repr(float(x))))
            assert abs(y - right) <= Decimal(10) ** -digits * max(abs(right), Decimal("0.001"))


def test_pi_is_pi_and_not_its_float64():
    program, *_ = formula("sin(pi*x)", {"x": 1})
    found = extended.evaluate(program, {program.inputs[0]: decimal(np.array([1.0]))})
    assert abs(found.high[0]) < 1e-31


def test_a_decimal_is_what_was_written():
    with localcontext() as context:
        context.prec = 60
        for x, text in zip(exact(decimal([0.1, -2.5134, 3.0])), ["0.1", "-2.5134", "3"]):
            assert abs(x - Decimal(text)) < Decimal(10) ** -32


def test_what_is_small_beside_the_sum_is_kept():
    found = number(1.0).plus(number(1e-25)).plus(number(-1.0))
    assert float(found.high) == 1e-25


def test_operations_that_are_not_known_are_said_so():
    assert not extended.known(formula("gelu(x)", {"x": 3}).program)
