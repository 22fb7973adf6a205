"""The n of a mean: a letter in both notations, never for a number of the user's that is as large."""

from __future__ import annotations

from typing import Any

import pytest
from tests.explainer.test_honest import check_formulas

import chainrule as cr
import chainrule.nn.functional as F
from chainrule import nn


def lines(e: Any) -> list[str]:
    return [" ".join(x.split("   =")[0].split()) for x in str(e).splitlines()]


def data() -> tuple[Any, Any, Any]:
    return (
        cr.tensor([1.0, 2.0, 3.0, 4.0, 5.0]),
        cr.tensor([3.0, 5.0, 7.0, 8.0, 9.0]),
        cr.tensor(1.5, requires_grad=True),
    )


@pytest.mark.parametrize(
    "mean", [lambda a, b: ((a - b) ** 2).mean(), F.mse_loss], ids=["written", "mse_loss"]
)
def test_a_mean_has_an_n_in_both_notations(mean):
    x, y, w = data()
    y_pred = w * x
    loss = mean(y_pred, y)
    e, over_elements = cr.explain(loss), cr.explain(loss, notation="sum")
    assert "∂L/∂ŷ = 2/n · (ŷ - y)" in lines(e)
    assert "∂L/∂ŷᵢ = 2/n · (ŷᵢ - yᵢ)" in lines(over_elements)
    assert "n = 5" in str(e) and "n = 5" in str(over_elements)
    assert r"\frac{2}{n}" in e.latex()
    check_formulas(e)


def test_a_number_as_large_as_the_batch_is_no_n():
    x, y, w = data()
    loss = ((w * x - y) ** 2).sum() / 5
    assert "n" not in cr.explain(loss).counts.values()
    loss = ((w * x - y) ** 2).mean() * 0.4 / 5
    e = cr.explain(loss, notation="sum")
    assert [x for x in lines(e) if x.startswith(("u₁ =", "L ="))] == ["L = 0.08/n Σᵢ₌₁ⁿ (w · xᵢ - yᵢ)²"]


def test_hubers_delta_is_no_share_of_a_mean():
    x, y, w = data()
    loss = F.huber_loss(w * x, y, delta=0.4)
    assert not any("2/n" in line for line in lines(cr.explain(loss)))


def test_a_mean_of_more_than_the_batch_has_a_letter_of_its_own():
    X, Y, W = cr.ones(5, 3), cr.zeros(5, 2), cr.ones(3, 2).requires_grad_()
    loss = ((X @ W - Y) ** 2).mean()
    assert "n = 10." in str(cr.explain(loss))
    over_elements = cr.explain(loss, notation="sum")
    assert "n = 5, N = 10." in str(over_elements)
    assert "L = 1/N Σᵢ₌₁ⁿ Σⱼ₌₁² (U₁,ᵢⱼ - Yᵢⱼ)²" in lines(over_elements)


def test_letters_that_the_user_has_taken_are_left_to_the_user():
    n, y = cr.tensor([1.0, 2.0, 3.0]), cr.tensor([1.0, 2.0, 4.0])
    w = cr.tensor(1.5, requires_grad=True)
    loss = F.mse_loss(w * n, y)
    assert cr.explain(loss).counts == {3: "N"}


def test_another_dimension_of_the_batchs_size_is_not_called_n():
    X, y, w = cr.ones(3, 3), cr.zeros(3), cr.ones(3).requires_grad_()
    loss = F.mse_loss(X @ w, y)
    text = str(cr.explain(loss, notation="sum"))
    assert "Σⱼ₌₁³ Xᵢⱼ · wⱼ" in text or "Σₖ₌₁³" in text
    assert "Σⱼ₌₁ⁿ" not in text and "Σₖ₌₁ⁿ" not in text
    assert "2/n" in text and "n = 3" in text


def test_a_network_without_data_sums_over_its_batch():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    found = lines(cr.derive(model, loss=nn.MSELoss(), notation="sum"))
    assert "L = (Σᵢ₌₁ᴺ Σⱼ₌₁² (ŷᵢⱼ - yᵢⱼ)²)/n" in found
    assert "δ⁽²⁾ᵢⱼ = 2/n · (ŷᵢⱼ - yᵢⱼ)" in found
    assert "∂L/∂W⁽¹⁾ᵢⱼ = Σₖ₌₁ᴺ δ⁽¹⁾ₖᵢ · xₖⱼ" in found


def test_a_number_that_is_typed_is_no_size():
    e = cr.derive("sum((X@w - y)**2)/6", wrt="w", notation="sum")
    assert str(e).count("n") and "1/6 Σᵢ₌₁ⁿ" in str(e) or "/6" in str(e)


def test_parameters_have_the_letters_of_the_field():
    model = nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    i, y = cr.tensor([1, 2, 3]), cr.tensor([0, 1, 2])
    loss = F.cross_entropy(model(i), y)
    legend = cr.explain(loss).derivation.legend
    wanted = {
        "E^{(1)}": "model.0.weight", r"\gamma^{(2)}": "model.1.weight", r"\beta^{(2)}": "model.1.bias",
        "W^{(3)}": "model.2.weight", "b^{(3)}": "model.2.bias", "L": "loss",
    }  # fmt: skip
    assert legend == wanted
    with cr.record():
        made = F.cross_entropy(model(i), y)
    assert wanted.items() >= {k: v for k, v in cr.explain(made).derivation.legend.items() if k != "L"}.items()
    names: dict[str, Any] = {}
    e = cr.explain(loss)
    exec(e.as_code(), names)
    assert set(names["gradients"](*[s.value for s in e.steps if s.kind == "input"])) == {
        "E1", "gamma2", "beta2", "W3", "b3",
    }  # fmt: skip


def test_the_graph_and_the_page_write_the_same_letter():
    x, y, w = data()
    y_pred = w * x
    loss = ((y_pred - y) ** 2).mean()
    e = cr.explain(loss)
    for text in (e.graph(), e.to_html()):
        assert "1/n Σᵢ (ŷ - y)²" in text and "1/5" not in text
        assert "2/n · (ŷ - y)" in text
