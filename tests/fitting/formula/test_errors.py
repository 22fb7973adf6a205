"""Every mistake in a formula, its data or an option has its message, word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.formula.options import assignments
from chainrule.fitting.problem import InputError

DATA: dict[str, Any] = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0, 8.0], "temp": [3.0, 1.0, 4.0, 1.0]}


def said(text: str, data: Any = None, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        cr.fit(text, DATA if data is None else data, **options)
    return str(error.value)


FORMULAS = {
    "w*x + b": (
        "the formula does not say what it is for\n"
        "  came:     w*x + b\n"
        "  expected: an equation with a column on its left side, such as y = w*x + b\n"
        "  fix:      temp = w*x + b"
    ),
    "y == w*x": (
        "the formula does not say what it is for\n"
        "  came:     y == w*x\n"
        "  expected: an equation with a column on its left side, such as y = w*x + b\n"
        "  fix:      write = for =="
    ),
    " ": (
        "the formula is empty\n"
        "  came:      \n"
        "  expected: an equation with a column on its left side, such as y = w*x + b"
    ),
    "Temp = w*x": (
        "there is no column 'Temp'\n"
        "  came:     Temp = w*x\n"
        "            ^ column 1\n"
        "  expected: perhaps temp\n"
        "  fix:      the left side is what is fitted: a column, or an expression of columns such as log(y)"
    ),
    "price = w*x": (
        "there is no column 'price'\n"
        "  came:     price = w*x\n"
        "            ^ column 1\n"
        "  expected: one of x, y, temp\n"
        "  fix:      the left side is what is fitted: a column, or an expression of columns such as log(y)"
    ),
    "3 = w*x": (
        "the left side has no column\n"
        "  came:     3 = w*x\n"
        "            ^ column 1\n"
        "  expected: a column, such as y in y = w*x + b"
    ),
    "y = 2*x + pi": (
        "the formula has nothing to fit: its names are columns and constants\n"
        "  came:     y = 2*x + pi\n"
        "               ^ column 4\n"
        "  expected: names that are neither: they are the parameters"
    ),
    "y = w*x + ": (
        "this is not a formula: it breaks off\n"
        "  came:     y = w*x + \n"
        "                     ^ column 10\n"
        "  expected: numbers, names, + - * / ** @, parentheses and functions\n"
        "  fix:      write products with *, powers with ** or ^, matrix products with @"
    ),
    "y = 2x + b": (
        "a number and a name side by side\n"
        "  came:     y = 2x + b\n"
        "                ^ column 5\n"
        "  expected: an operator between them\n"
        "  fix:      write 2*x"
    ),
    "y = w*tahn(x)": (
        "there is no function 'tahn' in formulas\n"
        "  came:     y = w*tahn(x)\n"
        "                  ^ column 7\n"
        "  expected: functions such as exp, log, tanh, sum, norm, trace\n"
        "  fix:      did you mean tan?"
    ),
    "y = __import__('os').getcwd()": (
        "\"__import__('os').getcwd()\" is not part of formulas\n"
        "  came:     y = __import__('os').getcwd()\n"
        "                ^ column 5\n"
        "  expected: numbers, names, + - * / ** @, .T, parentheses and functions of the library"
    ),
    "y = w.__class__*x": (
        ".__class__ is not part of formulas\n"
        "  came:     y = w.__class__*x\n"
        "                ^ column 5\n"
        "  expected: .T, the transposed matrix"
    ),
    "y = w*x**9**9**9": (
        "a number that is too large for float64\n"
        "  came:     y = w*x**9**9**9\n"
        "                     ^ column 10\n"
        "  expected: numbers below 1.8e308"
    ),
    "y = w@x": (
        "matrices are not part of formulas for rows\n"
        "  came:     y = w@x\n"
        "                ^ column 5\n"
        "  expected: numbers: columns and parameters"
    ),
    "y = w*softmax(x)": (
        "softmax() is not computed row by row\n"
        "  came:     y = w*softmax(x)\n"
        "                  ^ column 7\n"
        "  expected: functions of numbers"
    ),
    "y = mean(w*x)": (
        "mean(w * x) makes one number of all rows, and has the parameter w inside\n"
        "  came:     y = mean(w*x)\n"
        "                ^ column 5\n"
        "  expected: only columns inside of such functions\n"
        "  fix:      take the parameter out of it, or add a column with the values of each row"
    ),
    "y = w*sum(3)*x": (
        "sum(3) has no column inside\n"
        "  came:     y = w*sum(3)*x\n"
        "                  ^ column 7\n"
        "  fix:      write the number itself"
    ),
    "y = a/x": (
        "data, row 0: the formula has no value at the start point (1 for every parameter): "
        "a / x is a division by zero\n"
        "  came:     y = a/x\n"
        "                ^ column 5\n"
        "            with a = 1, x = 0\n"
        "  expected: a finite number\n"
        "  fix:      give a start where every row has one (--init name=value), or bounds that keep to one"
    ),
    "log(x) = a*y": (
        "data, row 0: the left side has no value: log(x) is the logarithm of 0\n"
        "  came:     log(x) = a*y\n"
        "            ^ column 1\n"
        "            with x = 0\n"
        "  expected: a finite number"
    ),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_that_cannot_be_fitted(text: str) -> None:
    assert said(text) == FORMULAS[text]


STARTS = [
    ("y = a*log(x - b)", {"b": 2}, "log(x - b) is the logarithm of -2", 7, "x = 0, b = 2"),
    ("y = sqrt(x - b)*a", {"b": 1, "a": 1}, "sqrt(x - b) is the root of -1", 5, "x = 0, b = 1"),
    ("y = (x - b)**c", {"b": 1, "c": 0.5}, "(x - b) ** c is the negative number -1 to the power 0.5", 5, ""),
    ("y = a*x**c", {"a": 1, "c": -1}, "x ** c is a division by zero: 0 to the power -1", 7, "x = 0, c = -1"),
    ("y = exp(k*y)", {"k": 1000}, "exp(1000) is inf", 5, "k = 1000, y = 1"),
    ("y = asin(y*k)", {"k": 7}, "asin(7) is nan", 5, "y = 1, k = 7"),
]


@pytest.mark.parametrize(("text", "init", "words", "column", "numbers"), STARTS)
def test_a_start_point_without_a_value(text, init, words, column, numbers) -> None:
    lines = said(text, init=init).splitlines()
    start = "1 for every other" if text == "y = a*log(x - b)" else "as given"
    assert lines[0].startswith(f"data, row 0: the formula has no value at the start point ({start}")
    assert lines[0].endswith(f": {words}")
    assert lines[2] == " " * (11 + column) + f"^ column {column}"
    assert not numbers or lines[3] == f"            with {numbers}"


def test_a_derivative_that_is_not_finite():
    text = said("y = sqrt(a)*x", init={"a": 0.0})
    assert text.startswith(
        "data, row 0: the formula's derivative has no value at the start point (as given): it is not finite\n"
    )


def test_gaps_and_texts_in_a_column(tmp_path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("x,y\n1,2\n2,nan\n3,inf\n4,5\n")
    assert said("y = w*x", path) == (
        f"{path}, line 3, column 'y': no value\n"
        "  came:     2 rows have none\n"
        "  expected: a finite number in every row of a column that the formula uses\n"
        "  fix:      remove these rows, or fill them"
    )
    with pytest.raises(InputError) as error:
        cr.fit("x = w*y", path)
    assert (error.value.file, error.value.row, error.value.column) == (str(path), 3, "y")
    assert cr.fit("x = w", path).params["w"] == pytest.approx(2.5)  # y is not in it


OPTIONS = [
    (
        {"init": {"q": 1}},
        "init names q, which is not a parameter of the formula\n  came:     the parameters are w, b",
    ),
    (
        {"fix": {"ww": 1}},
        "fix names ww, which is not a parameter of the formula\n"
        "  came:     the parameters are w, b\n"
        "  fix:      did you mean w?",
    ),
    ({"init": {"w": "a"}}, "init w is not a number\n  came:     'a'\n  expected: a finite number"),
    ({"init": {"w": np.inf}}, "init w is not a number\n  came:     inf\n  expected: a finite number"),
    (
        {"init": {"w": 1}, "fix": {"w": 1}},
        "w is given a start value and held\n  fix:      leave out init or fix of w",
    ),
    (
        {"fix": {"w": 1, "b": 2}},
        "all parameters are held: nothing is left to fit\n  fix:      leave out one of fix",
    ),
    (
        {"fix": {"w": 1}, "bounds": {"w": "0:"}},
        "w is held and has bounds\n  fix:      leave out fix or bounds of w",
    ),
    (
        {"bounds": {"w": 3}},
        "bounds w cannot be read\n"
        "  came:     3\n"
        "  expected: low:high, one of them may be left out, as in 0: or :1",
    ),
    (
        {"bounds": {"w": "3:1"}},
        "bounds w: the lower bound is not below the upper one\n  came:     3 and 1",
    ),
    (
        {"bounds": {"w": (2, 2)}},
        "bounds w: the lower bound is not below the upper one\n"
        "  came:     2 and 2\n"
        "  fix:      to hold the parameter: --fix w=2",
    ),
    (
        {"bounds": {"w": "0:1"}, "init": {"w": 5}},
        "the start value of w lies outside its bounds\n  came:     5\n  expected: from 0 to 1",
    ),
    (
        {"optimizer": "newton"},
        "there is no such optimizer\n"
        "  came:     'newton'\n"
        "  expected: lm, lbfgs, sgd, momentum, rmsprop, adam",
    ),
    ({"confidence": 95}, "confidence must lie between 0 and 1\n  came:     95\n  expected: such as 0.95"),
    ({"optimizer": "sgd", "lr": -1.0}, "lr must be positive\n  came:     -1.0"),
    ({"epochs": 0}, "epochs must be positive\n  came:     0"),
    ({"epochs": 2.5}, "epochs must be a whole number\n  came:     2.5"),
    (
        {"lr": 0.1},
        "lr is not for lm, which takes all rows at once and finds its own steps\n"
        "  fix:      leave lr out, or choose sgd, momentum, rmsprop or adam",
    ),
]


@pytest.mark.parametrize(("options", "text"), OPTIONS)
def test_an_option_that_cannot_be(options: dict[str, Any], text: str) -> None:
    assert said("y = w*x + b", **options) == text


def test_squares_that_are_too_large():
    x = 1e200 * np.arange(3.0)
    assert said("y = a*x", {"x": x, "y": [0.0, 1.0, 2.0]}) == (
        "the squares of the residuals are too large for float64 at the start point (1 for every parameter)\n"
        "  came:     a value of 2e+200 and a derivative of 2e+200\n"
        "  expected: numbers below 1e150\n"
        "  fix:      give another start (--init name=value), or columns in other units"
    )


def test_too_few_rows():
    assert said("y = a + b*x + c*x**2", {"x": [1.0, 2.0], "y": [1.0, 2.0]}) == (
        "data: 2 rows are too few for 3 parameters (a, b, c)\n"
        "  expected: 3 rows at least, and more to know how sure the parameters are\n"
        "  fix:      hold some parameters (fix), or add rows"
    )


def test_assignments():
    assert assignments(["w=1", "b=2,c=-3e2"], "--init") == {"w": "1", "b": "2", "c": "-3e2"}
    for text in ("w", "w=", "=3", ""):
        with pytest.raises(InputError) as error:
            assignments([text], "--init")
        assert str(error.value) == (
            f"--init cannot be read\n  came:     {text!r}\n  expected: --init name=value"
        )
    with pytest.raises(InputError, match="--fix names w twice"):
        assignments(["w=1", "w=2"], "--fix")


def test_a_parameter_that_is_a_column_in_other_letters_is_remarked_on():
    fit = cr.fit("y = w*X + b*x", {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.5, 4.0]}, fix={"X": 1})
    assert fit.remarks == []
    fit = cr.fit("y = w*x + Temp", DATA)
    assert fit.remarks[0] == "Temp is a parameter here; the column temp is written with other letters."
