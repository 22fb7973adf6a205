"""derive(): analytic gradients of formulas, as one formula each."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.explainer import algebra, derive
from chainrule.explainer.expr import Expr, Symbol, value_of
from chainrule.explainer.formula import FormulaError
from chainrule.ops import arithmetic
from chainrule.ops.record import Spec
from chainrule.types import float64

REGRESSION = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
NLL = "-(y*log(sigmoid(w*x+b)) + (1-y)*log(1-sigmoid(w*x+b)))"

# formula, shapes, and the gradients as a person would write them
WRITTEN = [
    (
        "(w1*x**2 + w2*x + b - y)**2",
        None,
        {
            "w1": "∂L/∂w₁ = 2 · (w₁ · x² + w₂ · x + b - y) · x²",
            "w2": "∂L/∂w₂ = 2 · (w₁ · x² + w₂ · x + b - y) · x",
            "b": "∂L/∂b = 2 · (w₁ · x² + w₂ · x + b - y)",
        },
    ),
    ("sum((X@w - y)**2)/n", REGRESSION, {"w": "∂L/∂w = 2/n · Xᵀ (X w - y)"}),
    ("mean((X@w - y)**2)", None, {"w": "∂L/∂w = 2/n · Xᵀ (X w - y)"}),
    ("norm(A@x - b)**2", None, {"x": "∂L/∂x = 2 · Aᵀ (A x - b)", "b": "∂L/∂b = 2 · (b - A x)"}),
    ("(y - w*x)**2", None, {"w": "∂L/∂w = 2 · (w · x - y) · x"}),
    ("x.T@A@x", None, {"x": "∂L/∂x = Aᵀ x + A x", "A": "∂L/∂A = x xᵀ"}),
    ("trace(A@X@B)", None, {"X": "∂L/∂X = Aᵀ Bᵀ"}),
    ("trace(A@X)", None, {"X": "∂L/∂X = Aᵀ"}),
    ("trace(X.T@A@X)", None, {"X": "∂L/∂X = Aᵀ X + A X"}),
    ("a.T@X@b", None, {"X": "∂L/∂X = a bᵀ"}),
    (NLL, None, {"w": "∂L/∂w = x · (σ(w · x + b) - y)", "b": "∂L/∂b = σ(w · x + b) - y"}),
    ("sqrt(x**2 + y**2)", None, {"x": "∂L/∂x = x/√(x² + y²)"}),
    ("x*x*x", None, {"x": "∂L/∂x = 3 · x²"}),
    ("relu(w*x + b)", None, {"w": "∂L/∂w = [w · x + b > 0] · x", "b": "∂L/∂b = [w · x + b > 0]"}),
    ("x/y", None, {"x": "∂L/∂x = 1/y", "y": "∂L/∂y = -x/y²"}),
    ("x - x + 3", None, {"x": "∂L/∂x = 0"}),
]


@pytest.mark.parametrize(
    ("text", "shapes", "gradients"), WRITTEN, ids=lambda x: x if isinstance(x, str) else ""
)
def test_a_gradient_is_what_a_person_would_write(text, shapes, gradients):
    found = cr.derive(text, wrt=list(gradients), shapes=shapes).backward
    assert [str(step) for step in found] == list(gradients.values())


CHECKED = [
    "log(1 + exp(-y*(w*x + b)))", "tanh(tanh(w*x))", "x**n", "softplus(w*x)", "max(0, 1 - y*(w*x + b))",
    "log(sum(exp(x)))", "sum(softmax(z)*a)", "-sum(Y*log_softmax(X@W))/n", "logdet(A)", "trace(inv(A))",
    "det(A)", "a.T@inv(A)@b", "norm(A@x - b)", "norm(X@W - Y)**2",
    "sum(log(1 + exp(-y*(X@w))))/n + lambda*norm(w)^2",
    "sum(tanh(W@x + b))", "mean(relu(X@W + b))", "exp(x)/(1 + exp(x))", "x@y.T@z@z", "log(x - 5)",
    "norm1(x - y)",
    "prod(x)", "max(x)", "(x + y)**2/(x - y)**2", "sum(X*X)*sum(x)", "e**(-x^2/2)/sqrt(2*pi)", "abs(x*y)",
]  # fmt: skip


@pytest.mark.parametrize("text", CHECKED)
def test_every_gradient_agrees_with_central_differences(text):
    found = cr.derive(text)  # raises if one does not
    assert len(found.backward) == len(found.derivation.gradients) > 0
    assert all(s.value is None for s in found.steps)
    assert found.latex().count("{") == found.latex().count("}")


def test_the_pages_in_both_languages():
    text = str(cr.derive("E = (y - w*x)**2", wrt="w"))
    assert "  E = (y - w · x)²\n" in text
    assert "  ∂E/∂w = 2 · (w · x - y) · x\n" in text
    assert "前向传播" in str(cr.derive("w*x", lang="zh"))
    assert "X is n×d" in str(cr.derive("sum((X@w - y)**2)", shapes=REGRESSION))


def test_a_wrong_gradient_is_not_shown(monkeypatch):
    monkeypatch.setattr(derive, "collected", lambda x: Expr(arithmetic.mul, (1.001, x), x.spec))
    with pytest.raises(RuntimeError, match="does not agree with central differences") as caught:
        cr.derive("x**2*y", wrt="x")
    assert "  came:     [" in str(caught.value)
    assert " at x = " in str(caught.value)


def test_a_formula_without_a_value_anywhere():
    with pytest.raises(RuntimeError, match="has no finite value at any point tried"):
        cr.derive("log(-1 - x*x)")


def test_errors_of_the_call():
    with pytest.raises(FormulaError, match="only the gradient of one number can be derived") as caught:
        cr.derive("X@w - y")
    assert "X@w - y, which has the shape n" in str(caught.value)
    assert "sum(X@w - y) or norm(X@w - y)**2" in str(caught.value)
    with pytest.raises(FormulaError, match="a name of wrt= is not in the formula"):
        cr.derive("w*x", wrt="z")
    with pytest.raises(ValueError, match="notation must be one of matrix, sum, not 'tensor'"):
        cr.derive("w*x", notation="tensor")


# ----- networks


class Branches(nn.Module):
    """Two inputs of one layer, shared weights, names of its own."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x):
        hidden = cr.tanh(self.fc1(x))
        again = cr.tanh(self.fc2(hidden))
        return self.fc2(again) + hidden


def test_the_network_of_many_layers_and_factors_in_full():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    before = [p.detach().numpy().copy() for p in net.parameters()]
    e = cr.derive(net, loss=nn.CrossEntropyLoss())
    assert [str(s) for s in e.steps if s.kind == "forward"] == [
        "z⁽¹⁾ = x W⁽¹⁾ᵀ + b⁽¹⁾",
        "a⁽¹⁾ = relu(z⁽¹⁾)",
        "z⁽²⁾ = a⁽¹⁾ W⁽²⁾ᵀ + b⁽²⁾",
        "a⁽²⁾ = tanh(z⁽²⁾)",
        "ŷ = a⁽²⁾ W⁽³⁾ᵀ + b⁽³⁾",
        "L = (-Σᵢ ln softmax(ŷ)[i,yᵢ])/N",
    ]
    assert [str(s) for s in e.backward] == [
        "δ⁽³⁾ = 1/N · (softmax(ŷ) - onehot(y))",
        "∂L/∂W⁽³⁾ = δ⁽³⁾ᵀ a⁽²⁾",
        "∂L/∂b⁽³⁾ = 1ᵀ δ⁽³⁾",
        "δ⁽²⁾ = (δ⁽³⁾ W⁽³⁾) ⊙ (1 - a⁽²⁾²)",
        "∂L/∂W⁽²⁾ = δ⁽²⁾ᵀ a⁽¹⁾",
        "∂L/∂b⁽²⁾ = 1ᵀ δ⁽²⁾",
        "δ⁽¹⁾ = (δ⁽²⁾ W⁽²⁾) ⊙ [z⁽¹⁾ > 0]",
        "∂L/∂W⁽¹⁾ = δ⁽¹⁾ᵀ x",
        "∂L/∂b⁽¹⁾ = 1ᵀ δ⁽¹⁾",
    ]
    text = str(e)
    for part in ("δ⁽³⁾ is ∂L/∂ŷ", "δ⁽¹⁾ is ∂L/∂z⁽¹⁾", "x is N×3", "ŷ is N×2", "W⁽²⁾ is model.2.weight"):
        assert part in text
    assert all(s.value is None for s in e.steps)
    assert all((p.detach().numpy() == old).all() for p, old in zip(net.parameters(), before))


NETWORKS = [
    (nn.Sequential(nn.Linear(3, 1), nn.Linear(1, 1)), nn.MSELoss()),
    (nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Dropout(), nn.Linear(4, 2)), nn.MSELoss()),
    (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)),
        nn.CrossEntropyLoss(),
    ),
    (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.GELU(), nn.Linear(4, 2)), nn.CrossEntropyLoss()),
    (nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(16, 3)), nn.CrossEntropyLoss()),
    (nn.Linear(3, 1), nn.BCEWithLogitsLoss(reduction="sum")),
    (nn.TransformerEncoderLayer(8, 2, 16), nn.SmoothL1Loss()),
    (Branches(), nn.MSELoss()),
]


@pytest.mark.parametrize(("model", "loss"), NETWORKS, ids=lambda m: type(m).__name__)
def test_networks_of_many_kinds(model, loss):
    e = cr.derive(model, loss=loss)  # raises if a formula or a gradient is wrong
    shown = {s.symbol for s in e.backward}
    wanted = [g for v, g in e.derivation.gradients.items() if v in e.derivation.program.inputs]
    assert len(wanted) == len(list(model.parameters()))
    assert shown.issuperset(wanted)


def test_the_gradient_of_one_parameter():
    e = cr.derive(nn.Linear(3, 2), "weight", loss=nn.MSELoss())
    assert [str(s) for s in e.backward] == ["δ⁽¹⁾ = 2/n · (ŷ - y)", "∂L/∂W⁽¹⁾ = δ⁽¹⁾ᵀ x"]
    assert "n is N·2" in str(e)


def test_errors_of_networks():
    with pytest.raises(TypeError, match="derive\\(\\) got neither a formula nor a network with a loss"):
        cr.derive(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="a name of wrt= is no parameter of the model"):
        cr.derive(nn.Linear(3, 2), "w", loss=nn.MSELoss())
    with pytest.raises(RuntimeError, match="no input was found that the model takes"):
        cr.derive(nn.ReLU(), loss=nn.MSELoss())
    assert cr.derive(nn.Linear(3, 2), loss=nn.MSELoss(), shapes={"x": (2, 3)})


# ----- collecting


def symbol(name, *shape):
    return Symbol(name, name, name, Spec(shape, float64))


def test_a_wrong_identity_changes_nothing(monkeypatch):
    x = symbol("x")
    doubled = Expr(arithmetic.add, (x, x), x.spec)
    monkeypatch.setattr(algebra, "_tidy", lambda _: x)
    assert algebra.collected(doubled) is doubled


@pytest.mark.parametrize("seed", range(40))
def test_collecting_keeps_the_value_of_random_formulas(seed):
    """Without the proof: every single rule holds, for arrays and numbers."""
    rng = np.random.default_rng(seed)
    leaves = [symbol("x"), symbol("y"), symbol("v", 3), symbol("A", 2, 3), 2, 0.5, -1, 3]
    for _ in range(12):
        op = [arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div][rng.integers(4)]
        a, b = (leaves[i] for i in rng.integers(len(leaves), size=2))
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            continue
        shape = np.broadcast_shapes(*(getattr(o, "spec", Spec((), float64)).shape for o in (a, b)))
        leaves.append(Expr(op, (a, b), Spec(shape, float64)))
        if rng.integers(3) == 0:
            leaves.append(Expr(arithmetic.neg, leaves[-1:], leaves[-1].spec))
        if rng.integers(3) == 0:
            leaves.append(Expr(arithmetic.pow, (leaves[-1], int(rng.integers(1, 4))), leaves[-1].spec))
    points = {s: rng.uniform(0.5, 2, s.spec.shape) for s in leaves[:4]}
    for x in leaves[8:]:
        with np.errstate(all="ignore"):
            before = np.asarray(value_of(x, points.__getitem__))
        if np.isfinite(before).all() and np.abs(before).max() < 1e6:
            after = value_of(algebra._tidy(x), points.__getitem__)
            np.testing.assert_allclose(np.broadcast_to(after, before.shape), before, rtol=1e-5, atol=1e-5)


def test_the_sums_written_out():
    e = cr.derive("sum((w*x + b - y)**2)/2", ["b"], shapes={"x": "n", "y": "n"}, notation="sum")
    assert "∂L/∂b = Σᵢ₌₁" in str(e)


def test_a_symbol_that_stands_alone_has_the_derivative_1():
    assert [str(s) for s in cr.derive("w*x + b").backward] == ["∂L/∂w = x", "∂L/∂x = w", "∂L/∂b = 1"]
