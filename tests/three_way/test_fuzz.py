"""Random programs: eager, interpreted after all passes, and compiled agree, on any shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.three_way.helpers import compiled, three_ways

from chainrule.compiler.pipeline import optimised
from chainrule.ops import arithmetic, extreme, movement, reduce, select, trigonometric, view
from chainrule.ops.activation import relu, softplus
from chainrule.ops.exponential import exp, sigmoid
from chainrule.ops.join import cat
from chainrule.ops.nn import log_softmax, softmax
from chainrule.ops.product import matmul
from chainrule.program import Builder, interpret
from chainrule.types import float32, float64

SIZES = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 9, 16, 17, 33])
UNARY = [
    relu,
    trigonometric.tanh,
    sigmoid,
    lambda x: softplus(x, 1.0, 20.0),
    lambda x: exp(-abs(x)),
    arithmetic.neg,
    lambda x: x * 0.5 + 1,
]
BINARY = [arithmetic.add, arithmetic.sub, arithmetic.mul, select.maximum, select.minimum]
TOLERANCE = {float32: 2e-5, float64: 1e-12}


class Growing:
    """A program that grows by one drawn operation at a time."""

    def __init__(self, data, dtype):
        self.data, self.builder, self.dtype = data, Builder(), dtype
        self.values = []
        rank = data.draw(st.integers(0, 3))
        shape = [data.draw(SIZES) for _ in range(rank)]
        for _ in range(data.draw(st.integers(1, 3))):
            kept = [n if data.draw(st.booleans()) else 1 for n in shape]
            self.values.append(self.builder.input(kept, dtype))

    def pick(self, where=lambda v: True):
        fitting = [v for v in self.values if where(v)]
        return self.data.draw(st.sampled_from(fitting)) if fitting else None

    def grow(self):
        kind = self.data.draw(
            st.sampled_from(["unary", "binary", "reduce", "view", "product", "row", "join"])
        )
        made = getattr(self, kind)()
        if made is not None and made.size <= 20_000:
            self.values.append(made)

    def unary(self):
        return self.data.draw(st.sampled_from(UNARY))(self.pick())

    def binary(self):
        a = self.pick()
        b = self.pick(lambda v: _broadcast(a.shape, v.shape))
        return self.data.draw(st.sampled_from(BINARY))(a, b)

    def reduce(self):
        a = self.pick(lambda v: v.ndim)
        if a is None:
            return None
        dims = tuple(d for d in range(a.ndim) if self.data.draw(st.booleans())) or (0,)
        ops = (
            [reduce.sum, reduce.mean]
            if 0 in a.shape
            else [reduce.sum, reduce.mean, extreme.amax, extreme.amin]
        )
        return self.data.draw(st.sampled_from(ops))(a, dims, self.data.draw(st.booleans()))

    def view(self):
        a = self.pick(lambda v: v.ndim)
        if a is None:
            return None
        order = tuple(self.data.draw(st.permutations(range(a.ndim))))
        choices = [
            lambda: movement.permute(a, order),
            lambda: movement.reshape(a, (-1,)) if a.size else a,
            lambda: view.unsqueeze(a, self.data.draw(st.integers(0, a.ndim))),
            lambda: movement.expand(a, (2, *a.shape)),
        ]
        return self.data.draw(st.sampled_from(choices))()

    def product(self):
        a = self.pick(lambda v: v.ndim >= 2)
        if a is None:
            return None
        b = self.pick(lambda v: v.ndim == 2 and v.shape[0] == a.shape[-1])
        return matmul(a, a.mT) if b is None else matmul(a, b)

    def row(self):
        a = self.pick(lambda v: v.ndim and v.shape[-1] > 0)
        return None if a is None else self.data.draw(st.sampled_from([softmax, log_softmax]))(a, a.ndim - 1)

    def join(self):
        a = self.pick(lambda v: v.ndim)
        if a is None:
            return None
        d = self.data.draw(st.integers(0, a.ndim - 1))
        return cat((a, a), d, (a.shape[d],) * 2)


def _broadcast(a, b):
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(a), reversed(b)))


def _draw(data):
    dtype = data.draw(st.sampled_from([float32, float64]))
    growing = Growing(data, dtype)
    for _ in range(data.draw(st.integers(1, 10))):
        growing.grow()
    last = growing.values[-data.draw(st.integers(1, 3)) :]
    program = growing.builder.program(last)
    rng = np.random.default_rng(data.draw(st.integers(0, 5)))
    inputs = [rng.normal(size=v.shape).astype(v.dtype.np) for v in program.inputs]
    return program, inputs, TOLERANCE[dtype]


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(st.data())
def test_random_programs_three_ways(data):
    program, inputs, tolerance = _draw(data)
    three_ways(program, inputs, tolerance, tolerance)


@settings(SETTINGS, max_examples=25)
@given(st.data())
def test_random_programs_on_two_threads(data):
    program, inputs, tolerance = _draw(data)
    runner = compiled(optimised(program), inputs, threads=2)
    for got, want in zip(runner(inputs), interpret(program, inputs)):
        scale = max(float(np.abs(want).max(initial=0.0)), 1.0)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_special_values_pass_through_rows_and_sums(bad):
    b = Builder()
    x = b.input((3, 17), float32)
    program = b.program([softmax(x, 1), extreme.amax(x, (1,), False), reduce.sum(x, (0,), False), relu(x)])
    values = np.random.default_rng(0).normal(size=(3, 17)).astype(np.float32)
    values[1, 3] = bad
    three_ways(program, [values], 1e-5)
