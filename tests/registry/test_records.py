"""Every operation record: facets filled, the type rule true, derivatives as found without any rule."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tests.registry.analytic import NOT_ANALYTIC
from tests.registry.helpers import (
    RECORDS,
    as_tensors,
    complex_step,
    difference,
    direction,
    elementwise_samples,
    expected_derivative,
    expected_dtypes,
    is_floating,
    points,
    results,
    richardson,
    rng,
    samples,
    specs,
    tensors_of,
    weighted_sum,
    with_tensors,
)

import chainrule as cr
from chainrule.autograd.engine import grad
from chainrule.ops.record import REGISTRY

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DIFFERENTIABLE = [n for n in RECORDS if REGISTRY[n].differentiable]
ELEMENTWISE = [n for n in RECORDS if REGISTRY[n].domain is not None and REGISTRY[n].samples is None]
REFUSING = [(n, i) for n in RECORDS for i in range(len(REGISTRY[n].bad))]

# The complex step is exact to rounding, and extrapolated differences of these functions are good to 1e-11.
TOLERANCE = 1e-9


def draw_weights(op, args):
    source = np.random.default_rng(7)
    out = []
    for y in results(op, args):
        w = source.normal(size=y.shape)
        out.append(w + 1j * source.normal(size=y.shape) if y.dtype.kind == "c" else w)
    return out


def derivable(op, args):
    """Which tensor arguments have a derivative, by the record."""
    op._infer()
    rules = op.d if op.d is not None else op.vjp
    n = len(tensors_of(op, args))
    listed = [True] * n if op.joint else [r is not None for r in rules][:n]
    return [
        i
        for i, x in enumerate(tensors_of(op, args))
        if is_floating(x) and listed[i] and not _declines(op, args, i)
    ]


def _declines(op, args, i):
    """Whether the rule of argument i says that this derivative is not implemented."""
    bound, leaves = as_tensors(op, args, [i])
    try:
        grad(weighted_sum(op, bound, draw_weights(op, args)), leaves, allow_unused=True)
    except NotImplementedError as error:
        return bool(str(error))
    return False


@pytest.mark.parametrize("name", RECORDS)
def test_every_facet_is_filled_or_explained(name):
    op = REGISTRY[name]
    count = max(op.nargs, 1) + len(op.attrs)  # attributes may stand in the formula behind the tensors
    assert op.name == name
    assert op.tex and op.tex.format(*"abcdefgh"[:count])
    assert op.lower
    assert op.differentiable or op.nondiff
    assert not (op.differentiable and op.nondiff)
    assert op.domain is not None or op.samples is not None
    assert callable(op.grad_name) or op.grad_name
    assert len(samples(op)) > 0
    if op.d is not None:
        assert len(op.d) == op.nargs
    for bad in op.bad:
        assert bad.words


@pytest.mark.parametrize("name", RECORDS)
def test_the_type_rule_agrees_with_forward(name):
    op = REGISTRY[name]
    for args in samples(op):
        out = results(op, args)
        shape = op.shape(*specs(op, args))
        shapes = shape if isinstance(shape, list) else [shape]
        assert [tuple(s) for s in shapes] == [o.shape for o in out]
        assert expected_dtypes(op, args, len(out)) == [cr.types.dtype_of(o) for o in out]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_records_take_empty_and_0_dim_arguments(name):
    op = REGISTRY[name]
    assert results(op, points(op, *[(0, 3)] * op.nargs))[0].shape == (0, 3)
    assert results(op, points(op, *[()] * op.nargs))[0].shape == ()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_broadcasting_equals_expanding_first(name):
    op = REGISTRY[name]
    for args in elementwise_samples(op):
        wide = np.broadcast_arrays(*args)
        np.testing.assert_allclose(results(op, args)[0], results(op, tuple(np.array(w) for w in wide))[0])


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_derivatives(name):
    op = REGISTRY[name]
    tried = 0
    for args in samples(op):
        wanted = derivable(op, args)
        weights = draw_weights(op, args)
        bound, leaves = as_tensors(op, args, wanted)
        found = grad(weighted_sum(op, bound, weights), leaves, allow_unused=True, materialize_grads=True)
        for i, g in zip(wanted, found):
            v = direction(tensors_of(op, args)[i], rng())
            got = float(np.real(np.sum(g.detach().numpy() * v)))
            want = expected_derivative(op, args, i, v, weights)
            assert got == pytest.approx(want, rel=TOLERANCE, abs=TOLERANCE), f"argument {i} of {args}"
            tried += 1
    assert tried, "no sample has a floating argument"


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_what_is_listed_as_not_analytic_is_not(name):
    """A record that no longer needs its place in the list is held to the complex step again."""
    op = REGISTRY[name]
    differs = []
    for args in samples(op):
        weights = draw_weights(op, args)
        for i in derivable(op, args):
            v = direction(tensors_of(op, args)[i], rng())
            step, slope = complex_step(op, args, i, v, weights), difference(op, args, i, v, weights)
            differs.append(step is not None and abs(step - slope) > 1e-6 * abs(slope))
    assert any(differs)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivatives(name):
    """⟨v, ∇⟨u, ∇f⟩⟩ through create_graph against differences of the first derivatives."""
    op = REGISTRY[name]
    for args in samples(op)[:3]:
        wanted = derivable(op, args)
        weights = draw_weights(op, args)
        source = np.random.default_rng(11)
        tensors = tensors_of(op, args)
        us = [direction(tensors[i], source) for i in wanted]
        vs = [direction(tensors[i], source) for i in wanted]

        def inner(t, create, args=args, wanted=wanted, weights=weights, tensors=tensors, us=us, vs=vs):
            moved = [x + t * vs[wanted.index(i)] if i in wanted else x for i, x in enumerate(tensors)]
            bound, leaves = as_tensors(op, with_tensors(op, args, moved), wanted)
            first = grad(weighted_sum(op, bound, weights), leaves, create_graph=create, allow_unused=True,
                         materialize_grads=True)  # fmt: skip
            terms = [(g * cr.Tensor._wrap(np.array(u))).sum() for g, u in zip(first, us)]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            return (total.real if total.dtype.is_complex else total), leaves

        value, leaves = inner(0.0, True)
        want = richardson(lambda t, inner=inner: float(inner(t, False)[0].detach().numpy()))
        got = 0.0
        if value.requires_grad:
            try:
                second = grad(value, leaves, allow_unused=True, materialize_grads=True)
            except NotImplementedError as refused:  # said in words, instead of being silently wrong
                assert "not implemented" in str(refused)
                continue
            got = sum(float(np.real(np.sum(g.detach().numpy() * v))) for g, v in zip(second, vs))
        assert got == pytest.approx(want, rel=TOLERANCE, abs=TOLERANCE), f"at {args}"


@pytest.mark.parametrize(("name", "case"), REFUSING)
def test_bad_inputs_are_refused_in_words(name, case):
    op = REGISTRY[name]
    bad = op.bad[case]
    args = bad.args()
    wrapped, _ = as_tensors(op, args, [])
    with pytest.raises(bad.error) as caught:
        op(*wrapped)
    assert bad.words in str(caught.value)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_inputs_that_no_rule_reads_may_change_after_the_forward_pass(name):
    """What is saved is inferred; an argument that is not saved must not matter any more."""
    op = REGISTRY[name]
    args = samples(op)[0]
    wanted = derivable(op, args)
    weights = draw_weights(op, args)
    unread = [i for i in range(len(tensors_of(op, args))) if i not in op.reads] if op.nargs > 0 else []
    bound, leaves = as_tensors(op, args, wanted)
    expected = grad(weighted_sum(op, bound, weights), leaves, allow_unused=True, materialize_grads=True)
    bound, leaves = as_tensors(op, args, wanted)
    loss = weighted_sum(op, bound, weights)
    for i in unread:
        x = tensors_of(op, bound)[i]
        if (
            isinstance(x, cr.Tensor)
            and is_floating(x._a)
            and not op.view
            and not np.shares_memory(x._a, loss._a)
        ):
            x._array()[...] = 7.25
    after = grad(loss, leaves, allow_unused=True, materialize_grads=True)
    for a, b in zip(expected, after):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())


def test_all_kinds_of_records_are_here():
    """The walk finds the modules: an empty registry would let every test above pass."""
    assert {"add", "exp", "sum", "max_dim", "cumsum", "sort", "reshape"} <= set(RECORDS)
