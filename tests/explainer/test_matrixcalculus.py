"""docs/matrixcalculus.md: each row is derived anew, compared with the page, and evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.explainer.expr import value_of
from chainrule.explainer.formula import formula
from chainrule.program.interpret import interpret

PAGE = Path(__file__).parents[2] / "docs" / "matrixcalculus.md"


def rows():
    """Example, what is typed, the symbol, what is derived, the usual form."""
    for line in PAGE.read_text(encoding="utf8").splitlines():
        cells = [c.strip() for c in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if len(cells) == 6 and cells[0] not in ("example", "---"):
            name, _, here, by, derived, usual = cells
            yield pytest.param(here.strip("`"), by.strip("`"), derived, usual.strip("` |"), id=name)


def test_the_page_has_its_rows():
    assert len(list(rows())) == 20


@pytest.mark.parametrize(("text", "by", "derived", "usual"), list(rows()))
def test_a_row_of_the_page(text, by, derived, usual):
    e = cr.derive(text, wrt=by)
    (step,) = e.backward
    assert str(step) == derived.replace("&#124;", "|")

    d, rng = e.derivation, np.random.default_rng(3)
    values = {v.name: rng.uniform(0.5, 2, v.shape) for v in d.program.inputs}
    sizes = {n: s for v in d.program.inputs for n, s in zip(formula(text).letters.get(v.name, ()), v.shape)}
    shapes = {name: a.shape for name, a in values.items() if name in usual_names(usual)}
    if "ones" in usual:
        columns = d.program.inputs[0].shape[-1] if "Y" in values else sizes[formula(text).letters["A"][0]]
        shapes["ones"], values["ones"] = (columns,), np.ones(columns)
    found = value_of(step.formula, lambda s: values[s.var.name])
    other = formula(usual, shapes)
    expected = interpret(other.program, [values[other.names[v]] for v in other.program.inputs])[0]
    np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, rtol=1e-9)


def usual_names(usual):
    return {n.name for n in formula(usual).program.inputs}
