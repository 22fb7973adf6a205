"""Decompositions: every structured record has one home, and its numbers stay."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.decomposed import cast, check, is_array, left_over, same_numbers
from tests.registry.helpers import RECORDS, results, samples, tensors_of, with_tensors

from chainrule.compiler.decompose import decompose, is_core
from chainrule.compiler.decompose.registry import RULES
from chainrule.ops.record import REGISTRY
from chainrule.program import Builder, interpret, verify
from chainrule.program.text import program_text
from chainrule.types import dtype_of

BY_NUMPY = "by its NumPy forward: "
STRUCTURED = [n for n in RECORDS if REGISTRY[n].domain is None]
DECOMPOSED = [n for n in STRUCTURED if REGISTRY[n] in RULES]


def test_every_structured_record_has_exactly_one_home():
    homeless = []
    for name in STRUCTURED:
        op = REGISTRY[name]
        by_numpy = op.lower.startswith(BY_NUMPY) and len(op.lower) > len(BY_NUMPY)
        if is_core(op) + by_numpy + (op in RULES and not is_core(op)) != 1:
            homeless.append(name)
    assert not homeless


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", DECOMPOSED)
def test_a_decomposition_computes_what_the_record_does(name, dtype):
    op = REGISTRY[name]
    rtol = 1e-13 if dtype is np.float64 else 2e-6
    for args in samples(op):
        args = cast(op, args, dtype)
        small = check(op, args, rtol, rtol)
        if not any(np.iscomplexobj(t) for t in tensors_of(op, args)):
            assert not {o for o in left_over(small) if o in RULES}
            assert program_text(decompose(small)) == program_text(small)


def vjp_program(op, args):
    """The program of the vjp of one operation at these arguments, its inputs and its outputs by NumPy."""
    builder = Builder()
    arrays = [t for t in tensors_of(op, args) if is_array(t)]
    with np.errstate(all="ignore"):
        ys = results(op, args)
    source = np.random.default_rng(3)
    gs = [source.normal(size=y.shape).astype(y.dtype) for y in ys]
    symbols = [builder.input(a.shape, dtype_of(a)) for a in (*gs, *ys, *arrays)]
    g, y, rest = symbols[: len(ys)], symbols[len(ys) : 2 * len(ys)], iter(symbols[2 * len(ys) :])
    bound = [next(rest) if is_array(t) else t for t in tensors_of(op, args)]
    if op.outputs == 1:
        g, y = g[0], y[0]
    filled = with_tensors(op, args, bound)
    op._infer()
    if op.joint:
        needs = {"needs": [t is not None for t in tensors_of(op, args)]} if op.needs else {}
        found = op.pulls[0](g, y, *filled, **needs)
    else:
        found = [_pulled(pull, g, y, filled) for pull, t in zip(op.pulls, bound) if t is not None]
    found = [f for f in (found if isinstance(found, (list, tuple)) else [found]) if f is not None]
    return verify(builder.program(found)), [*gs, *ys, *arrays]


def _pulled(pull, g, y, args):
    try:
        return None if pull is None else pull(g, y, *args)
    except NotImplementedError:  # a derivative that PyTorch has not either
        return None


DIFFERENTIABLE = [n for n in STRUCTURED if REGISTRY[n].vjp is not None]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_decomposed_vjp_computes_what_the_vjp_does(name, dtype):
    op = REGISTRY[name]
    rtol = 1e-12 if dtype is np.float64 else 2e-5
    for args in samples(op):
        args = cast(op, args, dtype)
        if any(np.iscomplexobj(x) for x in [*tensors_of(op, args), *results(op, args)]):
            continue
        program, inputs = vjp_program(op, args)
        small = verify(decompose(program))
        same_numbers(interpret(small, inputs), interpret(program, inputs), rtol, rtol)
        assert not {o for o in left_over(small) if o in RULES}
