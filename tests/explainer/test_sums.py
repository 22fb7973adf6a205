"""Formulas over elements: every line is evaluated element by element; 004's derivation, word for word."""

from __future__ import annotations

import numpy as np
import pytest
from tests.explainer.nets import NETS, five_layers, gru_layer, heads, lstm_layer
from tests.explainer.test_notation import well_formed

import chainrule as cr
from chainrule.explainer.sums import Line

SLOW = {five_layers, heads, gru_layer, lstm_layer}  # large arrays, nothing new


@pytest.mark.parametrize("net", [n for n in NETS if n not in SLOW], ids=lambda net: net.__name__)
def test_every_line_gives_its_array_element_by_element(net):
    cr.manual_seed(0)
    loss, parameters = net()
    e = cr.explain(loss, wrt=parameters, notation="sum")
    values = {s.symbol: s.value for s in e.steps}
    for step in e.steps:
        if step.formula is None or np.size(step.value) > 120:
            continue
        line = Line(step.symbol, step.formula)
        well_formed(line.left_tex + " = " + line.right_tex)
        found = line.value(values.__getitem__)
        np.testing.assert_allclose(found, step.value, rtol=1e-8, atol=1e-10, err_msg=str(line))


def two_factors():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0], [2.0, 1.0]])
    y = cr.tensor([1.0, 2.0, 3.0, 4.0])
    x1, x2 = x[:, 0], x[:, 1]
    a1, a2, b = (cr.tensor(v, requires_grad=True) for v in (0.5, 0.25, 0.1))
    loss = ((a1 * x1 + a2 * x2 + b - y) ** 2).mean()
    return cr.explain(loss, notation="sum", values=False)


def test_two_factors_and_their_samples():
    lines = str(two_factors()).splitlines()
    inner = "(a₁ · x₁,ᵢ + a₂ · x₂,ᵢ + b - yᵢ)"
    assert f"  L = 1/n Σᵢ₌₁ⁿ {inner}²" in "\n".join(lines)
    found = [line.strip() for line in lines if "∂L/∂" in line]
    assert found[:3] == [
        f"∂L/∂b = 2/n Σᵢ₌₁ⁿ {inner}",
        f"∂L/∂a₂ = 2/n Σᵢ₌₁ⁿ {inner} · x₂,ᵢ",
        f"∂L/∂a₁ = 2/n Σᵢ₌₁ⁿ {inner} · x₁,ᵢ",
    ]
    assert "n = 4" in lines[-2]


def test_the_latex_of_a_sum():
    text = two_factors().latex()
    assert (
        r"\frac{\partial L}{\partial a_{1}} &= \frac{2}{n} \sum_{i=1}^{n} \left(a_{1} \, x_{1,i} + a_{2} \, "
        r"x_{2,i} + b - y_{i}\right) \, x_{1,i}"
    ) in text


def test_matrix_products_transposes_and_broadcasts():
    w = cr.ones(2, 3, requires_grad=True)
    b = cr.ones(2, requires_grad=True)
    x = cr.ones(4, 3)
    z = cr.nn.functional.linear(x, w, b)
    loss = z.sum()
    page = str(cr.explain(loss, notation="sum", values=False))
    assert "zᵢⱼ = Σₖ₌₁³ xᵢₖ · wⱼₖ + bⱼ" in page
    assert "∂L/∂wᵢⱼ = Σₖ₌₁ⁿ ∂L/∂zₖᵢ · xₖⱼ" in page
    assert "∂L/∂bᵢ = Σⱼ₌₁ⁿ ∂L/∂zⱼᵢ" in page


def test_what_has_no_form_over_elements_keeps_its_matrix():
    a = cr.eye(3, requires_grad=True)
    loss = cr.linalg.inv(a).sum()
    assert "(a⁻¹)ᵢⱼ" in str(cr.explain(loss, notation="sum"))


def test_sizes_that_nobody_has_chosen_are_letters():
    page = str(cr.derive("norm(X@w - y)**2", wrt=["w"], notation="sum"))
    assert "∂L/∂wᵢ = 2 Σⱼ₌₁ⁿ Xⱼᵢ · (Σₖ₌₁ᵐ Xⱼₖ · wₖ - yⱼ)" in page and "X is n×m" in page
