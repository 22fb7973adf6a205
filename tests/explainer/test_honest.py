"""Every printed formula is evaluated and compared with the numbers that the tape computes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.explainer.nets import NETS, shared_weights, three_layers
from tests.registry.helpers import (
    RECORDS,
    as_tensors,
    is_floating,
    results,
    rng,
    samples,
    tensors_of,
    weighted_sum,
)

import chainrule as cr
from chainrule.explainer.expr import value_of
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
            total = sum(
                np.broadcast_to(value_of(t.formula, values.__getitem__), step.shape) for t in step.terms
            )
            close(total, step.value, f"the terms of {step}")


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


DIFFERENTIABLE = [name for name in RECORDS if REGISTRY[name].differentiable]


def has_a_gradient(op: Any, args: Any, i: int) -> bool:
    """Whether the record has a rule for the argument, and the argument is floating."""
    if not is_floating(tensors_of(op, args)[i]):
        return False
    return op.joint or op.nargs < 0 or op.pulls[i] is not None


def explained(op: Any, args: Any) -> tuple[Any, list[Any]] | None:
    """The explanation of a weighted sum of a record's results, and the tensors it was differentiated by;
    where backward() refuses, the explanation does in the same words."""
    tensors = tensors_of(op, args)
    wanted = [i for i in range(len(tensors)) if has_a_gradient(op, args, i)]
    moved, leaves = as_tensors(op, args, wanted)
    draw = rng()
    weights = [draw.uniform(0.5, 1.5, np.shape(y)) for y in results(op, args)]
    if not leaves:
        return None
    loss = weighted_sum(op, moved, weights)
    try:
        e = cr.explain(loss, wrt=leaves)
    except NotImplementedError as refused:
        with pytest.raises(NotImplementedError, match=re.escape(str(refused))):
            loss.backward()
        return None
    loss.backward()
    return e, leaves


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_record_is_explained_by_formulas_that_hold(name):
    op = REGISTRY[name]
    for args in samples(op):
        found = explained(op, args)
        if found is None:
            continue
        e, leaves = found
        check_formulas(e)
        gradients = {s.symbol.var: s.value for s in e.backward}
        for leaf, v in zip(leaves, list(e.derivation.gradients)[-len(leaves) :]):
            close(
                gradients[v],
                np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy(),
                f"{name}: ∂L/∂{v}",
            )


def test_the_formula_of_a_custom_function_is_its_authors():
    class Twice(cr.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g

    x = cr.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="is not explained: only its author knows its formula"):
        cr.explain(Twice.apply(x).sum())


def test_wrt_picks_parameters():
    cr.manual_seed(0)
    loss, parameters = shared_weights()
    e = cr.explain(loss, wrt=parameters[0])
    assert e.backward[-1].symbol.text.startswith("∂L/∂")
    check_formulas(e)
    loss, parameters = three_layers()
    few = cr.explain(loss, wrt=parameters[-2:])
    check_formulas(few)
    assert len(few.backward) < len(cr.explain(loss).backward)
