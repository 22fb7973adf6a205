"""differentiate(): the gradients of a program are those of the tape, of first and second order."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.decomposed import is_array
from tests.program.derivatives import check_first, check_second, traced
from tests.program.functions import FUNCTIONS, V, X
from tests.program.programs import names
from tests.registry.helpers import RECORDS, REGISTRY, is_floating, samples, tensors_of, with_tensors

import chainrule as cr
from chainrule.program import Var, differentiate, interpret, parse, verify
from chainrule.random import Generator
from chainrule.types import float32


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_the_tape(name):
    check_first(FUNCTIONS[name][0], FUNCTIONS[name][1:])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_are_those_of_create_graph(name):
    check_second(FUNCTIONS[name][0], FUNCTIONS[name][1:])


# ----- every record


# What nobody has written down, PyTorch neither: the orders that there are, and the words for the next.
UNWRITTEN = {
    "ctc_loss": (1, "derivative for aten::_ctc_loss_backward is not implemented"),
    "ctc_pull": (0, "derivative for aten::_ctc_loss_backward is not implemented"),
    "igamma": (0, "the derivative of igamma and igammac by their first argument is not implemented"),
    "igammac": (0, "the derivative of igamma and igammac by their first argument is not implemented"),
    "zeta": (0, "the derivative of zeta by its first argument is not implemented"),
}


def functions_of(name):
    """The record as a function of its arrays, at its samples."""
    op = REGISTRY[name]
    for args in samples(op)[:3]:
        listed = tensors_of(op, args)
        arrays = [np.asarray(t) for t in listed if is_array(t)]
        if any(isinstance(a, Generator) for a in args) or not any(map(is_floating, arrays)):
            continue

        def function(*tensors, args=args, listed=listed):
            it = iter(tensors)
            return op(*with_tensors(op, args, [next(it) if is_array(t) else t for t in listed]))

        yield function, arrays


@pytest.mark.parametrize("name", [n for n in RECORDS if REGISTRY[n].differentiable])
def test_the_derivatives_of_a_record_are_those_of_the_tape(name):
    orders, words = UNWRITTEN.get(name, (2, ""))
    for function, arrays in functions_of(name):
        for check in (check_first, check_second)[:orders]:
            check(function, arrays)
        if words:
            with pytest.raises(NotImplementedError, match=re.escape(words)):
                (check_first, check_second)[orders](function, arrays)


# ----- random functions

STEPS = [
    lambda a, b: a.tanh(),
    lambda a, b: (-a.abs()).exp(),
    lambda a, b: a.t() if a.ndim == 2 else a[None],
    lambda a, b: a.reshape(-1)[::2],
    lambda a, b: a.sum(0, keepdim=True) if a.ndim else a * 0.5,
    lambda a, b: a.expand(2, *a.shape) if a.ndim < 2 else a[1:],
    lambda a, b: a.amax(-1) if a.ndim else a.detach() + 1,
    lambda a, b: a.clone().mul_(0.5).add_(a),
    lambda a, b: a + b if fits(a, b) else None,
    lambda a, b: a * b if fits(a, b) else None,
    lambda a, b: cr.where(a > b, a, b * 2) if fits(a, b) else None,
    lambda a, b: a @ b if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0] else None,
    lambda a, b: cr.cat([a, b]) if a.ndim and a.ndim == b.ndim and a.shape[1:] == b.shape[1:] else None,
    lambda a, b: (
        a.clone().copy_(b) if fits(a, b) and cr.broadcast_shapes(a.shape, b.shape) == a.shape else None
    ),
]


def fits(a, b):
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(a.shape), reversed(b.shape)))


def grown(steps):
    """The function that makes these steps, each on results of those before it; returns the last ones."""

    def function(*inputs):
        pool = list(inputs)
        for kind, i, j in steps:
            made = STEPS[kind % len(STEPS)](pool[-1 - i % len(pool)], pool[-1 - j % len(pool)])
            if made is not None and 0 < made.numel() < 200:
                pool.append(made)
        return tuple(pool[3:][-3:])

    return function


@given(st.lists(st.tuples(*[st.integers(0, 999)] * 3), min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_random_functions(steps):
    for check in (check_first, check_second):
        check(grown(steps), (X, V, np.array(0.7)))


# ----- what is asked for, and by which variables


def test_cotangents_are_inputs_for_floating_outputs_only():
    program = parse("""program(x: f32[3], n: i64[3]):
        y: f32[3] = exp(x)
        p: i64[] = argmax(y, None, False)
        return p, y""")
    gradient = differentiate(program)
    assert [v.name for v in gradient.inputs] == ["x", "n", "dy"]
    assert [v.type for v in gradient.outputs] == ["f32[3]"]
    assert names(gradient) == ["exp", "argmax", "mul"]


def test_positions_among_several_results_get_no_zeros():
    gradient = differentiate(traced(lambda x: x.sort(1)[0], (X,))[0])
    assert names(gradient) == ["sort", "ungather"]
    assert not gradient.constants


def test_gradients_by_a_value_in_the_middle_and_by_some_inputs():
    program, _ = traced(lambda x, v: (x * v).exp() * v, (X, V))
    product, (x, v) = program.equations[0].output, program.inputs
    dy = np.ones_like(X)
    by_product, by_x = interpret(verify(differentiate(program, [product, x])), [X, V, dy])
    np.testing.assert_allclose(by_product, np.exp(X * V) * V)
    np.testing.assert_allclose(by_x, by_product * V)
    assert len(differentiate(program, [x]).equations) < len(differentiate(program, [x, v]).equations)


@pytest.mark.parametrize(
    ("variable", "came"),
    [
        (lambda program: program.inputs[1], "n: i64[3], which holds whole numbers"),
        (lambda program: Var((3,), float32, "z"), "z: f32[3], of another program"),
    ],
)
def test_a_variable_without_gradient_is_refused(variable, came):
    program = parse("program(x: f32[3], n: i64[3]):\n    y: f32[3] = exp(x)\n    return y")
    with pytest.raises(ValueError) as caught:
        differentiate(program, [variable(program)])
    assert str(caught.value) == (
        f"a variable to differentiate by has no gradient\n  came:     {came}\n"
        "  expected: floating variables of the program"
    )


def test_an_equation_of_a_derivative_knows_its_origin_and_its_line():
    program, _ = traced(lambda x: x.exp().sum(), (X,))
    gradient = differentiate(program)
    forward, backward = gradient.equations[:2], gradient.equations[2:]
    assert forward == program.equations
    assert [e.origin for e in backward] == [program.equations[1], program.equations[0]]
    assert [e.where for e in backward] == [e.origin.where for e in backward]


def test_the_program_itself_is_left_as_it_was():
    program, _ = traced(FUNCTIONS["layer_norm"][0], (X, V))
    text = str(program)
    differentiate(program)
    assert str(program) == text
