"""Linear layers with no activation between them are pointed out, with the single layer that they are."""

from __future__ import annotations

import numpy as np
import pytest
from tests.explainer.test_notes import leaf, notes

import chainrule as cr
from chainrule import nn


@pytest.fixture(autouse=True)
def _seeded():
    cr.manual_seed(0)


def test_two_linear_layers_collapse_to_one():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    x = cr.randn(4, 2)
    (note,) = notes(model(x).sum(), "collapse")
    w, b = note.evidence["W"], note.evidence["b"]
    np.testing.assert_allclose(x.numpy() @ w.T + b, model(x).detach().numpy(), rtol=1e-5)
    assert note.evidence["formula_W"] == "W⁽²⁾ W⁽¹⁾"
    assert note.evidence["formula_b"] == "b⁽¹⁾ W⁽²⁾ᵀ + b⁽²⁾"
    assert note.text_en.startswith(
        "The 2 linear layers with W⁽¹⁾ and W⁽²⁾ have no activation between them: together they are one "
        "linear layer, W = W⁽²⁾ W⁽¹⁾ = [["
    )
    assert note.text_zh.startswith(
        "W⁽¹⁾、W⁽²⁾ 这 2 个线性层之间没有激活函数：合起来只是一个线性层，W = W⁽²⁾ W⁽¹⁾ = [["
    )
    assert [s.symbol.text for s in note.steps] == ["z⁽¹⁾", "z⁽²⁾"]


def test_three_layers_collapse_at_once():
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Linear(3, 4, bias=False), nn.Dropout(0.5), nn.Linear(4, 1)
    ).eval()
    (note,) = notes(model(cr.randn(5, 2)).sum(), "collapse")
    assert note.evidence["formula_W"] == "W⁽³⁾ W⁽²⁾ W⁽¹⁾"
    assert note.evidence["formula_b"] == "b⁽¹⁾ W⁽²⁾ᵀ W⁽³⁾ᵀ + b⁽³⁾"
    assert note.evidence["W"].shape == (1, 2)


@pytest.mark.parametrize(
    ("network", "formula_w", "formula_b"),
    [
        (lambda x, w, v, b, c: (x @ w + b) @ v + c, "w v", "b v + c"),
        (lambda x, w, v, b, c: (v.T @ (w.T @ x.T)).T, "vᵀ wᵀ", ""),
        (lambda x, w, v, b, c: x @ w @ v, "w v", ""),
    ],
)
def test_products_of_matrices_collapse(network, formula_w, formula_b):
    w, v = (cr.randn(*s).requires_grad_() for s in ((2, 3), (3, 2)))
    b, c = (cr.randn(n).requires_grad_() for n in (3, 2))
    x = cr.randn(4, 2)
    (note,) = notes(network(x, w, v, b, c).sum(), "collapse")
    assert (note.evidence["formula_W"], note.evidence["formula_b"]) == (formula_w, formula_b)


def test_numbers_collapse_as_well():
    a1, b1, a2, b2 = leaf(20.0), leaf(1.0), leaf(3.0), leaf(2.0)
    x = cr.tensor([1.0, 2.0])
    (note,) = notes((a2 * (a1 * x + b1) + b2).sum(), "collapse")
    assert "W = a₂ · a₁ = 60, b = a₂ · b₁ + b₂ = 5." in note.text_en


@pytest.mark.parametrize(
    "network",
    [
        lambda x, w, v: cr.relu(x @ w) @ v,
        lambda x, w, v: x @ w * (x @ w) @ v,
        lambda x, w, v: cr.cat([x @ w, x @ w], 0) @ v,
        lambda x, w, v: (x @ w) @ (x @ w).T,  # attention: the other factor is data, too
        lambda x, w, v: nn.functional.dropout(x @ w, 0.5) @ v,
        lambda x, w, v: x @ w,
    ],
)
def test_nothing_collapses_if_there_is_something_between(network):
    w, v = cr.randn(2, 3).requires_grad_(), cr.randn(3, 2).requires_grad_()
    assert not notes(network(cr.randn(4, 2), w, v).sum(), "collapse")


def test_a_layer_whose_result_is_used_elsewhere_does_not_collapse():
    w, v = cr.randn(2, 2).requires_grad_(), cr.randn(2, 2).requires_grad_()
    h = cr.randn(4, 2) @ w
    assert not notes((h @ v + h).sum(), "collapse")


def test_columns_and_three_layers_with_biases_collapse():
    """W and b of the note, applied to the input, are what the pass gave."""
    cases = [
        ((2, 5), lambda x, u, v, w, b, c, d: w @ (v @ (u @ x + b) + c) + d, "w v u", "w (v b + c) + d", True),
        (
            (5, 2),
            lambda x, u, v, w, b, c, d: ((x @ u + b) @ v + c) @ w + d,
            "u v w",
            "(b v + c) w + d",
            False,
        ),
    ]
    for shape, network, formula_w, formula_b, columns in cases:
        sizes = ((3, 2), (4, 3), (2, 4)) if columns else ((2, 3), (3, 4), (4, 2))
        u, v, w = (cr.randn(*s).requires_grad_() for s in sizes)
        b, c, d = (
            (cr.randn(s[0], 1) if columns else cr.randn(s[1])).requires_grad_() for s in sizes
        )  # fmt: skip
        x = cr.randn(*shape)
        y = network(x, u, v, w, b, c, d)
        (note,) = notes(y.sum(), "collapse")
        assert (note.evidence["formula_W"], note.evidence["formula_b"]) == (formula_w, formula_b)
        W, shift, data = note.evidence["W"], note.evidence["b"], x.numpy()
        again = W @ data + shift if columns else data @ W + shift
        np.testing.assert_allclose(again, y.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_layer_without_bias_has_none_in_its_note():
    w, v = cr.randn(2, 3).requires_grad_(), cr.randn(3, 2).requires_grad_()
    (note,) = notes((cr.randn(4, 2) @ w @ v).sum(), "collapse")
    assert ", b = " not in note.text_en


def test_columns_of_transposed_weights_keep_the_order_of_their_product():
    w, v = cr.randn(2, 3).requires_grad_(), cr.randn(3, 4).requires_grad_()
    x = cr.randn(2, 5)
    y = v.T @ (w.T @ x)
    (note,) = notes(y.sum(), "collapse")
    np.testing.assert_allclose(note.evidence["W"] @ x.numpy(), y.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_layers_that_are_one_only_on_paper_do_not_collapse():
    """float32 overflows between them: the single layer would give another result."""
    a, b = leaf(1e20), leaf(1e-20)
    x = cr.tensor([1e20, 1.0])
    assert not notes((b * (a * x)).sum(), "collapse")
    assert notes((b * (a * (x / 1e20))).sum(), "collapse")
