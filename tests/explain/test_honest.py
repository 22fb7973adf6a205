"""Every printed formula is evaluated and compared with the numbers that the tape computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.explain.nets import NETS, shared_weights, three_layers
from tests.registry.helpers import RECORDS, as_tensors, is_floating, rng, samples, tensors_of, weighted_sum

import chainrule as cr
from chainrule.explain.expr import value_of
from chainrule.ops.record import REGISTRY


def close(found: Any, expected: Any, what: str) -> None:
    """Equal to rounding; NaN and infinity in the same places."""
    found, expected = np.asarray(found), np.asarray(expected)
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0) if expected.size else 1.0
    np.testing.assert_allclose(
        np.broadcast_to(found, expected.shape), expected, rtol=1e-8, atol=1e-10 * scale, err_msg=what
    )


def check_formulas(e: Any) -> None:
    """Each formula gives its step's value, and the terms of a backward step add up to it."""
    values = {s.symbol: s.value for s in e.steps}
    for step in e.steps:
        if step.formula is not None:
            close(value_of(step.formula, values.__getitem__), step.value, str(step))
        if step.terms:
            total = sum(np.broadcast_to(value_of(t.formula, values.__getitem__), step.shape) for t in step.terms)
            close(total, step.value, f"the terms of {step}")


def check_gradients(e: Any, expected: dict[int, Any]) -> None:
    """∂L/∂parameter is the tape's."""
    gradients = {s.symbol.var: s.value for s in e.backward}
    assert len(expected) <= len(gradients)
    inputs = [s.symbol.var for s in e.steps if s.kind == "input" and s.symbol.var in gradients]
    found = [gradients[v] for v in inputs]
    for parameter, grad in expected.items():
        matching = [g for g in found if np.shape(g) == np.shape(grad) and np.allclose(g, grad, 1e-8, 1e-9)]
        assert matching, f"no gradient of the explanation is that of {parameter}: {grad}"


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_every_formula_gives_its_value_and_every_gradient_is_the_tapes(net):
    cr.manual_seed(0)
    loss, parameters = net()
    before = cr.explain(loss, wrt=parameters)
    loss.backward(retain_graph=True)
    after = cr.explain(loss, wrt=parameters)
    for e in (before, after):
        check_formulas(e)
        gradients = {s.symbol.var: s.value for s in e.backward}
        order = list(e.derivation.gradients)[-len(parameters) :]
        for p, v in zip(parameters, order):
            close(gradients[v], p.grad.numpy(), f"∂L/∂{e.derivation.symbols[v].text}")
    assert str(before) == str(after)
