"""Data that is computed where it is used is called what the source calls it."""

from __future__ import annotations

from typing import Any

import latex2mathml.converter
import pytest
from tests.explainer.test_honest import check_formulas

import chainrule as cr


def data() -> tuple[Any, Any, Any, Any]:
    cr.manual_seed(0)
    return (
        cr.randn(5, 3, dtype=cr.float64),
        cr.randn(5, dtype=cr.float64),
        cr.randn(3, dtype=cr.float64).requires_grad_(),
        cr.randn(5, dtype=cr.float64).requires_grad_(),
    )


def inputs(e: Any) -> list[str]:
    return [s.symbol.text for s in e.steps if s.kind == "input"]


def test_expressions_of_data_are_written_as_in_the_source():
    x, y, w, a = data()
    first = ((x * x) @ w - y).sum() + (x[:, 0] * a).sum() + (x.T @ a).sum() + (x[1:3] @ w).sum()
    second = ((x - x.mean(0)) @ w).sum() + (a * (2 * y)).sum() + (cr.exp(x) @ w).sum() + (x[:, -1] @ a)
    loss = first + second
    e = cr.explain(loss)
    assert inputs(e) == [
        "x²", "y", "x[:,0]", "xᵀ", "x[1:3]", "x - mean(x, 0)", "2 · y", "exp(x)", "x[:,-1]", "w", "a",
    ]  # fmt: skip
    text = str(e)
    assert "(x - mean(x, 0))ᵀ" in text and "(xᵀ)ᵀ" in text and "(x²)ᵀ" in text
    check_formulas(e)
    for s in e.steps:
        latex2mathml.converter.convert(s.tex)
    names: dict[str, Any] = {}
    exec(e.as_code(), names)
    found = names["gradients"](*[s.value for s in e.steps if s.kind == "input"])
    loss.backward()
    assert found["w"] == pytest.approx(w.grad.numpy()) and found["a"] == pytest.approx(a.grad.numpy())


def test_over_elements_columns_count_from_one_and_other_parts_are_in_parentheses():
    x, _, w, a = data()
    loss = (x[:, 0] * a).sum() + (x[1:3] @ w).sum() + ((x + 1) @ w).sum() + (w.detach() * w)[0:2].sum()
    text = str(cr.explain(loss, notation="sum"))
    assert "xᵢ₁ · aᵢ" in text
    assert "(x[1:3])ᵢⱼ · wⱼ" in text
    assert "(x + 1)ᵢⱼ · wⱼ" in text


def test_what_has_no_short_form_gets_a_letter():
    _, _, w, _ = data()
    loss = (cr.tensor([1.0, 2.0, 3.0], dtype=cr.float64) * w).sum()
    assert inputs(cr.explain(loss)) == ["U₁", "w"]


def test_two_values_of_one_expression_are_told_apart():
    x, _, w, _ = data()
    loss: Any = 0
    for k in range(2):
        row = x[k]
        loss = loss + ((row * row) @ w)
    assert inputs(cr.explain(loss)) == ["row²", "U₁", "w"]


def test_a_power_of_data_binds_as_a_power():
    x, y, w, _ = data()
    loss = ((w * (x**2)) * (y * 3)[0]).sum()
    e = cr.explain(loss)
    assert "x²" in inputs(e)
    check_formulas(e)
