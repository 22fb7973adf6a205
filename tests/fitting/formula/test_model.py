"""Formulas over rows: values, the exact Jacobian and Hessian, pieces of rows, what is linear."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.fitting.formula.model import ROWS, Model
from chainrule.fitting.formula.reading import frozen, read
from chainrule.fitting.problem import InputError

FORMULAS = [
    "y = w1*x**2 + w2*x + b",
    "y = a*exp(-k*x) + c",
    "y = a*sin(w*x + p)/(1 + exp(-k*x))",
    "y = (b1 + b2*x)/(1 + b3*x)**b4",
    "y = atan(a*x)*log(b + x**2) + sqrt(c)*tanh(x)",
    "y = max(a*x, b) + abs(c*x)",
    "y = lambda*x + a*b",
]
X = np.linspace(0.3, 2.7, 11)


def point(model: Model) -> np.ndarray:
    return np.linspace(0.6, 1.4, len(model.parameters))


@pytest.mark.parametrize("text", FORMULAS)
def test_jacobian_is_that_of_central_differences(text: str) -> None:
    model = Model(read(text, ["x", "y"]))
    data, p = {"x": X}, point(model)
    value, jacobian = model.jacobian(p, data)
    np.testing.assert_array_equal(value, model.values(p, data))
    for j in range(len(p)):
        h = 1e-6 * np.eye(len(p))[j]
        difference = (model.values(p + h, data) - model.values(p - h, data)) / 2e-6
        np.testing.assert_allclose(jacobian[:, j], difference, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("text", FORMULAS)
def test_curvature_is_the_derivative_of_the_weighted_jacobian(text: str) -> None:
    model = Model(read(text, ["x", "y"]))
    data, p, weights = {"x": X}, point(model), np.cos(X)
    found = model.curvature(p, data, weights)
    for j in range(len(p)):
        h = 1e-6 * np.eye(len(p))[j]
        high, low = (weights @ model.jacobian(q, data)[1] for q in (p + h, p - h))
        np.testing.assert_allclose(found[j], (high - low) / 2e-6, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found, found.T)


def test_rows_in_pieces_are_the_rows_at_once():
    model = Model(read("y = a*exp(-k*x)", ["x", "y"]))
    x = np.linspace(0, 3, 2 * ROWS + 7)
    value, jacobian = model.jacobian(np.array([2.0, 0.5]), {"x": x})
    np.testing.assert_allclose(value, 2 * np.exp(-0.5 * x), rtol=1e-15)
    np.testing.assert_allclose(jacobian[:, 1], -2 * x * np.exp(-0.5 * x), rtol=1e-14, atol=1e-300)
    curvature = model.curvature(np.array([2.0, 0.5]), {"x": x}, np.ones_like(x))
    np.testing.assert_allclose(curvature[1, 1], np.sum(2 * x**2 * np.exp(-0.5 * x)), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("y = w1*x**2 + w2*x + b", [True, True, True]),
        ("y = a*exp(-k*x) + c", [True, False, True]),
        ("y = a*b*x", [True, False]),
        ("y = (a + x)**2", [False]),
    ],
)
def test_linear_parameters_are_found(text: str, linear: list[bool]) -> None:
    assert Model(read(text, ["x", "y"])).linear() == linear


def test_a_formula_without_a_column_has_a_value_for_each_row():
    model = Model(read("y = b", ["x", "y"]))
    np.testing.assert_array_equal(model.values(np.array([2.0]), {"": np.zeros(3)}), [2.0, 2.0, 2.0])


def test_what_stands_for_all_rows_is_a_number_of_these_data():
    x = np.array([1.0, 2.0, 6.0])
    parts = frozen(read("y = a*(x - mean(x))/max(x) + norm(x)**2*b", ["x", "y"]), {"x": x, "y": x})
    model = Model(parts)
    expected = 2 * (x - 3) / 6 + 41 * 0.5
    np.testing.assert_allclose(model.values(np.array([2.0, 0.5]), {"x": x}), expected, rtol=1e-15)
    np.testing.assert_allclose(model.values(np.array([2.0, 0.5]), {"x": x[:1]}), expected[:1], rtol=1e-15)


@pytest.mark.parametrize(
    "text", ["y = sum(a*x)", "y = a*softmax(x)", "y = a@x", "y = x.T*a", "y = trace(x)*a"]
)
def test_what_is_not_computed_row_by_row_is_refused(text: str) -> None:
    columns = {"x": np.ones(3), "y": np.ones(3)}
    with pytest.raises(InputError, match="row"):
        frozen(read(text, ["x", "y"]), columns)


def test_a_power_has_its_derivative_at_zero():
    model = Model(read("y = a*x**b", ["x", "y"]))
    _, jacobian = model.jacobian(np.array([2.0, 1.5]), {"x": np.array([0.0, 1.0])})
    np.testing.assert_array_equal(jacobian, [[0.0, 0.0], [1.0, 0.0]])
