"""Long passes: Python's recursion limit is no limit of explanations, and pages do not grow without bound."""

from __future__ import annotations

from typing import Any

import pytest
from tests.explainer.test_honest import check_formulas

import chainrule as cr
from chainrule.explainer.formula_text import FormulaError


def used_often(uses: int) -> tuple[Any, Any]:
    w = cr.tensor(0.5, requires_grad=True, dtype=cr.float64)
    loss: Any = 0
    for k in range(uses):
        loss = loss + w * w * (0.5 + k)
    return w, loss


def deep(steps: int) -> tuple[Any, Any]:
    w = cr.tensor(0.5, requires_grad=True, dtype=cr.float64)
    h = w
    for _ in range(steps):
        h = cr.sin(h)
    return w, h


def stacked(rows: int) -> tuple[Any, Any]:
    w = cr.tensor(0.5, requires_grad=True, dtype=cr.float64)
    return w, cr.stack([w * float(k) for k in range(rows)]).sum()


def repeated(steps: int) -> tuple[Any, Any]:
    w = (0.5 * cr.eye(2, dtype=cr.float64)).requires_grad_()
    h = cr.ones(3, 2, dtype=cr.float64)
    for _ in range(steps):
        h = cr.tanh(h @ w)
    return w, h.sum()


@pytest.mark.parametrize(
    ("net", "size"),
    [(used_often, 300), (deep, 500), (stacked, 300), (repeated, 60)],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_long_passes_are_explained_in_every_form(net, size):
    w, loss = net(size)
    e = cr.explain(loss)
    check_formulas(e)
    loss.backward()
    assert e.backward[-1].value == pytest.approx(w.grad.numpy(), rel=1e-9)
    for text in (str(e), e.latex(), e.markdown(), e.graph(), e.to_html()):
        assert len(text) < 4_000_000
    names: dict[str, Any] = {}
    exec(e.as_code(), names)
    inputs = [s.value for s in e.steps if s.kind == "input"]
    assert names["gradients"](*inputs)["w"] == pytest.approx(w.grad.numpy(), rel=1e-9)
    assert str(cr.explain(loss, notation="sum"))


def test_a_long_sum_is_cut_short_on_the_page_and_whole_in_the_step():
    w = cr.tensor(0.5, requires_grad=True)
    loss: Any = 0
    for k in range(1, 41):
        loss = loss + cr.sin(w * float(k))
    e = cr.explain(loss)
    line = next(x for x in str(e).splitlines() if "∂L/∂w" in x and "·" in x)
    assert line.split("   =")[0].strip() == (
        "∂L/∂w = 40 · cos(40 · w) + 39 · cos(39 · w) + 38 · cos(38 · w) + … + cos(w)"
    )
    assert "      … and 36 more" in str(e).splitlines()
    assert "  - ……另有 36 项" in cr.explain(loss, lang="zh").markdown().splitlines()
    assert str(e.backward[-1]).count("cos") == 40


def test_data_that_a_thousand_recorded_operations_have_prepared():
    w = cr.tensor(2.0, requires_grad=True)
    with cr.record():
        x = cr.ones(2)
        for _ in range(700):
            x = x + 1.0
        loss = (w * x).sum()
    e = cr.explain(loss)
    assert e.backward[-1].value == pytest.approx(1402.0)
    assert str(e)


def test_a_formula_of_a_thousand_terms_is_derived_or_refused():
    try:
        e = cr.derive(" + ".join(["sin(w*x)"] * 1000), wrt="w")
    except FormulaError as refused:
        assert "long" in str(refused) or "deep" in str(refused)
    else:
        assert str(e.backward[0]) == "∂L/∂w = 1000 · x · cos(w · x)"
