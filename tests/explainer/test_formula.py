"""Formulas as text: what they mean, and errors that point at the column."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from chainrule.explainer.formula import FormulaError, formula
from chainrule.ops.record import REGISTRY
from chainrule.program.interpret import interpret


def value(text, shapes=None, **values):
    f = formula(text, shapes)
    arrays = [np.asarray(values.get(f.names[v], f.sizes.get(v)), float) for v in f.program.inputs]
    return interpret(f.program, arrays)[0]


X, w, y = np.arange(12.0).reshape(3, 4) / 7, np.array([0.5, -1, 2, 0.3]), np.array([1.0, -2, 0.5])


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (
            "(w1*x**2 + w2*x + b - y)**2",
            {"w1": 2, "x": 3, "w2": 1, "b": 0.5, "y": 4},
            (18 + 3 + 0.5 - 4) ** 2,
        ),
        ("2^3*x", {"x": 1.5}, 12),
        ("-x^2", {"x": 3}, -9),
        ("log(1 + exp(-y*(w*x+b)))", {"y": 1, "w": 2, "x": 0.5, "b": -1}, np.log(2)),
        ("sum((X@w - y)**2)/n", {"X": X, "w": w, "y": y, "n": 3}, np.mean((X @ w - y) ** 2)),
        ("mean((X@w - y)**2)", {"X": X, "w": w, "y": y}, np.mean((X @ w - y) ** 2)),
        ("norm(X@w - y)", {"X": X, "w": w, "y": y}, np.linalg.norm(X @ w - y)),
        ("trace(A@B)", {"A": X, "B": X.T}, np.trace(X @ X.T)),
        ("y.T@A@w", {"A": X, "y": y, "w": w}, y @ X @ w),
        ("sum(y@w.T)", {"y": y, "w": w}, np.outer(y, w).sum()),
        ("dot(x, y)", {"x": y, "y": y}, y @ y),
        ("logdet(A@A.T + B)", {"A": X, "B": np.eye(3)}, np.linalg.slogdet(X @ X.T + np.eye(3))[1]),
        ("-sum(Y*log_softmax(Z))", {"Y": np.eye(3, 4), "Z": np.zeros((3, 4))}, 3 * np.log(4)),
        ("max(0, 1 - y*s)", {"y": 1, "s": 3}, 0),
        ("max(x)", {"x": y}, 1),
        ("log(sum(exp(x)))", {"x": np.zeros(3)}, np.log(3)),
        ("ln(e**x) + pi - π", {"x": 2, "π": np.pi}, 2),
        ("lambda*norm(w)^2", {"lambda": 0.5, "w": [3, 4, 0]}, 12.5),
        ("E = m*c^2", {"m": 2, "c": 3}, 18),
        ("leaky_relu(x) + softplus(0*x)", {"x": -1}, -0.01 + np.log(2)),
        ("sum(x)", {"x": [1, 2, 0]}, 3),
    ],
)
def test_the_value_of_a_formula(text, values, expected):
    np.testing.assert_allclose(value(text, **values), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("w*x + b", {}),
        ("norm(A@x - b)", {"A": ("n", "m"), "x": ("m",), "b": ("n",)}),
        ("x.T@A@x", {"x": ("n",), "A": ("n", "n")}),
        ("trace(A@X)", {"A": ("n", "m"), "X": ("m", "n")}),
        ("alpha*norm(w)", {"w": ("n",)}),
        ("sum(log(1 + exp(-y*(X@w))))/N", {"y": ("n",), "X": ("n", "m"), "w": ("m",)}),
        ("sum(relu(X@W + b))", {"X": ("n", "m"), "W": ("m", "d"), "b": ("d",)}),
    ],
)
def test_shapes_are_inferred(text, letters):
    assert formula(text).letters == letters


def test_given_shapes_leave_the_rest_numbers():
    f = formula("sum((w*x + b - y)**2)", {"x": "n", "y": ("n",)})
    assert f.letters == {"x": ("n",), "y": ("n",)}
    assert formula("sum(x*x)", {"x": (7,)}).program.inputs[0].shape == (7,)
    assert formula("A@x", {"A": (2, 3), "x": (3,)}).program.outputs[0].shape == (2,)
    with_sizes = formula("sum((X@w - y)**2)/n", {"X": ("n", "d"), "w": "d", "y": "n"})
    assert [with_sizes.names[v] for v in with_sizes.sizes] == ["n"]


def test_every_elementwise_record_is_a_function():
    smooth = [op for op in REGISTRY.values() if op.promote and op.differentiable and not op.attrs]
    assert len(smooth) > 60
    for op in smooth:
        f = formula(f"{op.name}({', '.join('xyz'[: op.nargs])})")
        assert f.program.outputs[0].shape == ()


# what is wrong, the message, the column of the caret (from 1)
WRONG = [
    ("w*x + sigmiod(b)", "there is no function 'sigmiod' in formulas", 7),
    ("2x + 1", "a number and a name side by side", 1),
    ("(w*x + b", "this is not a formula: '(' was never closed", 1),
    ("w*x + ", "this is not a formula: it breaks off", 6),
    ("w**", "this is not a formula: it breaks off", 4),
    ("x.shape", ".shape is not part of formulas", 1),
    ("__import__('os')", "there is no function '__import__' in formulas", 1),
    ("a^2 + x[0]", "'x[0]' is not part of formulas", 7),
    ("x if y else z", "'x if y else z' is not part of formulas", 1),
    ("x + (lambda: 1)", "this is not a formula: invalid syntax", 12),
    ("exp(x, y)", "exp() got 2 arguments", 1),
    ("x@2", "a matrix product with a number", 3),
    ("'x'", "'x' is not a number", 1),
    ("1j*x", "1j is not a number", 1),
    ("x/0", "a division by zero", 3),
    ("3 + 4", "the formula has no symbol", 1),
    ("", "the formula is empty", 1),
    ("x\u0302 + ?", "this is not a formula: invalid syntax", 6),
    ("trace(x + A@y)", "trace() of what is not a matrix", 7),
    ("+".join("x" * 5000), "this is not a formula: it is nested too deeply", 1),
]


@pytest.mark.parametrize(("text", "words", "column"), WRONG, ids=lambda x: str(x)[:12])
def test_an_error_points_at_the_column(text, words, column):
    with pytest.raises(FormulaError) as caught:
        formula(text)
    lines = str(caught.value).splitlines()
    assert lines[0] == words
    assert lines[1] == f"  came:     {text}"
    assert lines[2] == f"            {' ' * (column - 1)}^ column {column}"


def test_a_misspelled_function_is_named():
    with pytest.raises(FormulaError, match="fix:      did you mean sigmoid?"):
        formula("sigmiod(b)")


def test_sizes_that_differ():
    with pytest.raises(FormulaError, match=r"sizes differ in A @ X: d and n"):
        formula("X@A.T + A@X", {"X": ("n", "d")})
    with pytest.raises(FormulaError, match=r"shapes= names 'z', which is not in the formula"):
        formula("x*y", {"z": "n"})
    with pytest.raises(FormulaError, match=r"a size of shapes= is 1.5"):
        formula("x*y", {"x": (1.5,)})


def test_a_name_is_suggested_whatever_has_been_loaded_before():
    command = [sys.executable, "-c", "import chainrule as cr; cr.derive('log(1 + ex(x))')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "did you mean exp?" in done.stderr
