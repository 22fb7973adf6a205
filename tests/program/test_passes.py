"""Passes keep what a program computes, to the bit and for NaN and infinities too; `fast` up to rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.program.programs import SPECIAL, inputs_of, names, same_bits, written

from chainrule.ops import (
    arithmetic,
    compare,
    exponential,
    extreme,
    index,
    join,
    movement,
    random,
    rearrange,
    reduce,
    rounding,
    select,
    view,
)
from chainrule.ops.bounds import in_bounds
from chainrule.program import Builder, interpret, verify
from chainrule.program.passes import cse, dce, fold, simplify
from chainrule.program.passes.cse import frozen
from chainrule.random import Generator
from chainrule.types import bfloat16, bool_, float32, float64, int32, int64

F = ((2, 3), float32)

# ----- random programs

# Each takes operands and a number, and returns a symbol, or None if they do not go together.
UNARY = [
    lambda a, n: a if a.dtype is bool_ else -a,
    lambda a, n: a if a.dtype is bool_ else rounding.abs(a),
    lambda a, n: arithmetic.sqrt(a),
    lambda a, n: view.transpose(a, a.ndim - 1, 0) if a.ndim else None,
    lambda a, n: view.t(a),
    lambda a, n: movement.permute(a, tuple(range(a.ndim))[::-1]),
    lambda a, n: movement.reshape(a, (-1,)),
    lambda a, n: movement.reshape(a, (a.size // 3, 3)) if a.size % 3 == 0 else None,
    lambda a, n: view.unsqueeze(a, 0) if a.ndim < 3 else None,
    lambda a, n: view.squeeze(a, tuple(i for i, k in enumerate(a.shape) if k == 1)),
    lambda a, n: movement.expand(a, (2, *a.shape)) if a.ndim < 3 else None,
    lambda a, n: movement.expand(a, a.shape),
    lambda a, n: rearrange.clone(a),
    lambda a, n: rearrange.contiguous(a),
    lambda a, n: movement.to(a, float64) if a.dtype in (float32, float64, bool_, int32) else None,
    lambda a, n: movement.to(a, float32) if a.dtype in (float32, float64, bool_) else None,
    lambda a, n: movement.to(a, bfloat16) if a.dtype in (float32, float64, bool_) else None,
    lambda a, n: movement.to(a, int64) if a.dtype in (int32, bool_) else None,
    lambda a, n: reduce.sum(a, (), False),
    lambda a, n: reduce.sum(a, (0,), True) if a.ndim else None,
    lambda a, n: extreme.amax(a, (0,), False) if a.ndim else None,
    lambda a, n: index.part(a, (slice(None),) * a.ndim),
    lambda a, n: index.part(a, (slice(None, None, -1),)) if a.ndim else None,
    lambda a, n: join.cat((a,), 0, (a.shape[0],)) if a.ndim else None,
    lambda a, n: movement.stack((a,), 0) if a.ndim < 3 else None,
    lambda a, n: arithmetic.pow(a, 1 if n == 1 else 2) if a.dtype in (float32, float64) else None,
    lambda a, n: compare.logical_not(a),
]
WITH_NUMBER = [
    lambda a, n: a + n,
    lambda a, n: n + a,
    lambda a, n: a * n,
    lambda a, n: n * a,
    lambda a, n: a / n,
    lambda a, n: a - n if a.dtype is not bool_ else None,
    lambda a, n: n - a if a.dtype is not bool_ else None,
    lambda a, n: arithmetic.rsub(a, n) if a.dtype is not bool_ else None,
    lambda a, n: a * a.builder.constant(np.full(a.shape[-1:], n, np.float32)),
    lambda a, n: a + a.builder.constant(np.full((), n, np.float64)),
    lambda a, n: a * int(n) if np.isfinite(n) and abs(n) < 9 else None,
    lambda a, n: a - int(n) if np.isfinite(n) and abs(n) < 9 and a.dtype is not bool_ else None,
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: select.where(a == b, a, b),
    lambda a, b: a - b if bool_ not in (a.dtype, b.dtype) else None,
    lambda a, b: arithmetic.rsub(a, b) if bool_ not in (a.dtype, b.dtype) else None,
    lambda a, b: a < b,
    lambda a, b: select.where(a, b, b),
]
INPUTS = [
    ((2, 3), float32),
    ((3,), float32),
    ((2, 3), float64),
    ((), float32),
    ((2, 3), int32),
    ((2, 1), bool_),
]
STEP = st.tuples(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999), st.sampled_from(SPECIAL))


def broadcasts(a, b):
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def random_program(steps):
    builder = Builder()
    pool = [builder.input(shape, dtype) for shape, dtype in INPUTS]
    for kind, i, j, n in steps:
        a, b = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
        which = kind % (len(UNARY) + len(WITH_NUMBER) + len(BINARY))
        if which < len(UNARY):
            made = UNARY[which](a, n)
        elif which < len(UNARY) + len(WITH_NUMBER):
            made = WITH_NUMBER[which - len(UNARY)](a, n)
        else:
            made = BINARY[which - len(UNARY) - len(WITH_NUMBER)](a, b) if broadcasts(a, b) else None
        if made is not None:
            pool.append(made)
    return verify(builder.program(pool[len(INPUTS) :][-3:]))


PASSES = {
    "fold": fold,
    "simplify": simplify,
    "cse": cse,
    "dce": dce,
    "all": lambda p: dce(cse(fold(simplify(fold(p))))),
}


@pytest.mark.parametrize("name", PASSES)
@given(steps=st.lists(STEP, max_size=14), seed=st.integers(0, 99))
@settings(max_examples=120, deadline=None)
def test_a_pass_keeps_every_bit(name, steps, seed):
    program = random_program(steps)
    inputs = inputs_of(program, seed)
    after = verify(PASSES[name](program))
    assert after.inputs == program.inputs
    assert len(after.equations) <= len(program.equations)
    same_bits(interpret(after, inputs), interpret(program, inputs))


POSITIVE = [
    lambda a, b, n: a + b,
    lambda a, b, n: a * b,
    lambda a, b, n: a / b,
    lambda a, b, n: a * n,
    lambda a, b, n: a / n,
    lambda a, b, n: a + 0,
    lambda a, b, n: a**n if n in (0.5, -0.5, -1.0, 3.0, 4.0, 0.0) else None,
    lambda a, b, n: (a * b) / b,
    lambda a, b, n: (a / b) * b,
    lambda a, b, n: exponential.log(exponential.exp(a)),
    lambda a, b, n: a + (b - b),
    lambda a, b, n: a + b * 0,
    lambda a, b, n: a / a,
]


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from([0.5, -0.5, -1.0, 3.0, 4.0, 7.0]),
        ),
        max_size=5,
    )
)
@settings(max_examples=150, deadline=None)
def test_fast_identities_hold_for_moderate_numbers(steps):
    builder = Builder()
    pool = [builder.input((2, 3), float64), builder.input((3,), float64)]
    for kind, i, j, n in steps:
        made = POSITIVE[kind](
            pool[-1 - i % len(pool)], pool[-1 - j % len(pool)], abs(n) if kind in (3, 4) else n
        )
        if made is not None:
            pool.append(made)
    program = builder.program(pool[2:])
    inputs = [np.random.default_rng(1).uniform(0.9, 1.1, size=v.shape) for v in program.inputs]
    want = interpret(program, inputs)
    if not all(np.isfinite(w).all() and (np.abs(w) < 300).all() for w in want):
        return
    for g, w in zip(interpret(verify(simplify(program, fast=True)), inputs), want):
        np.testing.assert_allclose(g, w, rtol=1e-9)


# ----- folding


def test_constants_are_folded_and_large_or_repeated_ones_are_not():
    def f(x):
        c = x.builder.constant(np.arange(3, dtype=np.float32))
        big = x.builder.constant(np.zeros((1 << 18) + 1, np.float32))
        return [x + (c * 2 + 1), movement.expand(c, (2, 3)), big + 1]

    after = verify(dce(fold(written(f, F))))
    assert names(after) == ["add", "expand", "add"]
    np.testing.assert_array_equal(interpret(after, [np.zeros((2, 3), np.float32)])[0][0], [1, 3, 5])


def test_a_constant_that_raises_raises_when_the_program_runs():
    program = written(lambda x: x + in_bounds(x.builder.constant(np.array([5])), 0, 2, None, "target"), F)
    after = fold(program)
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        interpret(after, [np.zeros((2, 3), np.float32)])


# ----- draws


def draw(builder, generator, p=0.5):
    return builder.add(random.dropout_mask, (generator, (2, 3), float32, p))


def test_draws_are_neither_merged_nor_dropped_nor_folded():
    generator = Generator().manual_seed(0)

    def f(x):
        a, b = draw(x.builder, generator), draw(x.builder, generator)
        draw(x.builder, generator)
        weights = x.builder.constant(np.ones(3))
        picked = x.builder.add(random.multinomial, (weights, generator, 2, True))
        return [x * a, x * b, picked]

    program = written(f, F)
    after = verify(dce(cse(fold(simplify(program)))))
    assert names(after).count("dropout_mask") == 3
    assert names(after).count("multinomial") == 1
    state = Generator().manual_seed(3).get_state()
    inputs = [np.ones((2, 3), np.float32)]
    generator.set_state(state)
    want = interpret(program, inputs)
    generator.set_state(state)
    same_bits(interpret(after, inputs), want)


# ----- common subexpressions


def test_equal_equations_are_merged():
    def f(x, y):
        one, other = x.builder.constant(np.ones(3, np.float32)), x.builder.constant(np.ones(3, np.float32))
        part = (slice(0, 1),)
        return [
            x * y + one,
            y * x + other,
            index.part(x, part),
            index.part(x, part),
            x - y,
            y - x,
            x + 0.0,
            x + -0.0,
            x + 0,
        ]

    after = verify(dce(cse(written(f, F, F))))
    assert names(after) == ["mul", "add", "part", "sub", "sub", "add", "add", "add"]
    assert len(after.constants) == 1
    assert after.outputs[0] is after.outputs[1]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ((1,), [1]),
        (slice(1), slice(None, 1, 1)),
        (float32, float64),
        ("a", None),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(2), np.zeros((1, 2))),
    ],
)
def test_arguments_that_differ_are_not_taken_for_equal(a, b):
    assert frozen(a) != frozen(b)
    assert frozen(a) == frozen(a)
    assert frozen(10**9) == frozen(int("1" + "0" * 9))
    hash(frozen(a))


def test_nan_is_a_number_like_others_here():
    assert names(dce(cse(written(lambda x: [x + float("nan"), x + np.nan], F)))) == ["add"]


# ----- dead code


def test_what_nothing_reads_is_dropped():
    def f(x, y):
        x.builder.constant(np.ones(3))
        low, high = extreme.aminmax(x, (0,), False)
        exponential.exp(low)
        return high

    program = written(f, F, F)
    after = verify(dce(program))
    assert names(after) == ["aminmax"]
    assert after.inputs == program.inputs and not after.constants


# ----- provenance


def test_a_simplified_equation_keeps_the_line_the_origin_and_the_name():
    builder = Builder()
    x = builder.input((2, 3), float32, "x")
    builder.where, builder.origin = ("code", 3), "the equation it is the derivative of"
    y = x * -1
    y.var.name = "minus"
    after = simplify(builder.program([y]))
    (e,) = after.equations
    assert (e.where, e.origin) == (("code", 3), "the equation it is the derivative of")
    assert after.outputs[0].name == "minus"


def test_an_input_keeps_its_name():
    after = simplify(written(lambda x: rearrange.clone(x * 1), F))
    assert after.outputs == after.inputs
    assert after.inputs[0].name == "x0"


def test_the_old_program_is_left_as_it_was():
    builder = Builder()
    y = rearrange.clone(builder.input((2, 3), float32, "x") + 1.0)
    y.var.name = "y"
    program = builder.program([y])
    text = str(program)
    for f in PASSES.values():
        f(program)
    assert str(program) == text
