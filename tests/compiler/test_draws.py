"""Draws inside compiled steps: the numbers of the eager ones, and the same state behind them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.guarded import guarded
from tests.three_way.helpers import compiled

from chainrule.compiler import engine, target
from chainrule.compiler.assemble import assemble
from chainrule.compiler.pipeline import optimised
from chainrule.ops import random
from chainrule.program import Builder, verify
from chainrule.random import Generator
from chainrule.types import bool_, float32, float64, int64, uint8

DRAWS = [
    (random.dropout_mask, float32, (0.3,)),
    (random.dropout_mask, float64, (0.75,)),
    (random.bernoulli, float32, (0.25,)),
    (random.bernoulli, float64, (1,)),
    (random.bernoulli, int64, (0.5,)),
    (random.bernoulli, bool_, (0.5,)),
    (random.bernoulli, uint8, (0.0,)),
    (random.uniform, float32, (0.0, 1.0)),
    (random.uniform, float32, (-0.1, 0.7)),
    (random.uniform, float32, (1.0, 1.0 + 2**-22)),
    (random.uniform, float64, (0.0, 1.0)),
    (random.uniform, float64, (-1.0, 2.0)),
]
SIZES = [(1,), (3, 5), (311,), (312,), (2, 512), (1250,)]


def drawing(generator, draws, **options):
    builder = Builder()
    out = [builder.add(op, (generator, shape, dtype, *rest)) for op, dtype, rest, shape in draws]
    runner = compiled(verify(optimised(builder.program(out))), [], **options)
    assert not runner.assembled.calls
    return runner


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["host", "x86-64"])
@pytest.mark.parametrize("case", DRAWS, ids=lambda c: f"{c[0].name}-{c[1].name}-{c[2]}")
def test_the_numbers_are_the_eager_ones(case, name, threads):
    op, dtype, rest = case
    mine, eager = Generator().manual_seed(7), Generator().manual_seed(7)
    draws = [(op, dtype, rest, shape) for shape in SIZES]
    runner = drawing(mine, draws, threads=threads, target=target.named(name))
    mine.raw(1), eager.raw(1)  # pairs of words straddle the state's end
    for _ in range(3):
        for got, shape in zip(runner([]), SIZES):
            want = op.forward(eager, shape, dtype, *rest)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(mine.get_state(), eager.get_state())
    np.testing.assert_array_equal(mine.raw(700), eager.raw(700))


def test_a_new_seed_is_seen_by_compiled_draws():
    generator = Generator().manual_seed(1)
    runner = drawing(generator, [(random.uniform, float32, (0.0, 1.0), (4,))])
    first = runner([])[0]
    generator.manual_seed(1)
    np.testing.assert_array_equal(runner([])[0], first)
    other = generator.clone_state()
    generator.set_state(other.get_state())
    np.testing.assert_array_equal(runner([])[0], random.uniform.forward(other, (4,), float32, 0.0, 1.0))


def test_a_block_used_up_by_a_compiled_draw_is_not_taken_for_a_fresh_seed():
    mine, eager = Generator().manual_seed(2), Generator().manual_seed(2)
    runner = drawing(mine, [(random.uniform, float32, (0.0, 1.0), (624,))])
    np.testing.assert_array_equal(mine.get_state(), eager.get_state())
    runner([])
    eager.raw(624)
    np.testing.assert_array_equal(mine.get_state(), eager.get_state())


def test_nothing_outside_the_result_or_the_state_is_touched():
    mine, eager = Generator().manual_seed(3), Generator().manual_seed(3)
    state = guarded(np.zeros(625, np.uint32), "end")
    state[...] = mine.memory()
    for shape in [(5,), (700,)]:
        runner = drawing(mine, [(random.dropout_mask, float32, (0.5,), shape)])
        out = guarded(np.zeros(shape, np.float32), "end")
        held = runner.assembled.slots - 1
        runner.table[held] = state.ctypes.data
        runner.table[held - 1] = out.ctypes.data
        assert runner._step() == 0
        np.testing.assert_array_equal(out, random.dropout_mask.forward(eager, shape, float32, 0.5))


def test_draws_that_are_refused_or_trivial_are_left_to_numpy():
    generator = Generator()
    for op, rest in ((random.dropout_mask, (0.0,)), (random.uniform, (2.0, 1.0)), (random.bernoulli, (1.5,))):
        builder = Builder()
        out = builder.add(op, (generator, (3,), float32, *rest))
        assert compiled(builder.program([out]), []).assembled.calls


@pytest.mark.parametrize("name", ["avx512", "aarch64"])
def test_other_processors(name):
    for op, dtype, rest in DRAWS:
        builder = Builder()
        out = builder.add(op, (Generator(), (700,), dtype, *rest))
        text = assemble(builder.program([out]), [], [("result", 0)], target.named(name)).text
        assert engine.object_code(text, target.named(name), verify=True)
