"""Random numbers of NumPy and Python in a traced step: a program would repeat them, so they are refused."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.program.trace import TraceError, trace

shared = np.random.default_rng(1)
pythons = random.Random(1)


def drawn():
    return float(shared.normal())


class Augmentation:
    def __init__(self, generator):
        self.generator = generator
        self.normal = generator.normal

    def __call__(self, x):
        return x * self.scale()

    def scale(self):
        return float(self.generator.normal())

    def with_method(self, x):
        return x * float(self.normal())


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.source = np.random.default_rng(1)

    def forward(self, x):
        return x + float(self.source.normal())


def closure():
    generator = np.random.default_rng(2)
    return lambda x: x * float(generator.normal())


def method():
    draw = np.random.default_rng(2).normal
    return lambda x: x * float(draw())


KINDS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]
FUNCTIONS = {
    "a global": lambda x: x * float(shared.normal()),
    "another function's global": lambda x: x * drawn(),
    "a closure": closure(),
    "a method taken along": method(),
    "a default": lambda x, g=shared: x * float(g.normal()),
    "a partial function": functools.partial(lambda g, x: x * float(g.normal()), np.random.default_rng(2)),
    "a method's own": Augmentation(np.random.default_rng(2)).__call__,
    "what is called": Augmentation(np.random.default_rng(2)),
    "a method kept as an attribute": Augmentation(np.random.default_rng(2)).with_method,
    "a module": Noisy(),
    **{
        kind: Augmentation(np.random.Generator(getattr(np.random, kind)(3))) for kind in KINDS
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_generator_that_draws_is_refused_with_the_line(name):
    with pytest.raises(TraceError) as caught:
        trace(FUNCTIONS[name], (cr.ones(2),))
    assert "a compiled step cannot draw numbers from a `numpy.random.Generator`" in str(caught.value)
    assert "draw with chainrule's rand" in str(caught.value)
    assert "test_draws.py" in str(caught.value)


@pytest.mark.parametrize(
    ("generator", "draw", "words"),
    [
        (np.random.RandomState(1), lambda g: g.normal(), "`numpy.random.RandomState`"),
        (np.random.RandomState(np.random.PCG64(1)), lambda g: g.normal(), "RandomState`"),
        (np.random.PCG64(1), lambda g: g.random_raw(), "`numpy.random.PCG64`"),
        (random.Random(1), lambda g: g.random(), "`random.Random`"),
        (random.Random(1), lambda g: g.gauss(0, 1), "`random.Random`"),
        (pythons, lambda g: g.choice([1, 2]), "`random.Random`"),
    ],
)
def test_generators_of_other_kinds(generator, draw, words):
    with pytest.raises(TraceError) as caught:
        trace(lambda x: x * float(draw(generator)), (cr.ones(2),))
    assert words in str(caught.value)


def test_arguments_are_looked_at():
    generator = np.random.default_rng(1)
    for args, kwargs in [((generator,), {}), ((), {"g": [generator]}), (({"g": (generator,)},), {})]:

        def step(x, g):
            while isinstance(g, (list, tuple, dict)):
                g = g["g"] if isinstance(g, dict) else g[0]
            return x * float(g.normal())

        with pytest.raises(TraceError, match="draw numbers from a `numpy.random.Generator`"):
            trace(step, (cr.ones(2), *args), kwargs)


def test_a_generator_that_does_not_draw_is_no_reason():
    """It is at hand, but not used; or it draws before the step, which is the way out."""
    step = cr.compile(lambda x, scale: x * scale if scale else x * float(shared.normal()))
    for _ in range(3):
        scale = float(shared.normal())
        assert step(cr.ones(1), scale).item() == pytest.approx(scale, rel=1e-6)


def test_one_that_is_seeded_inside_draws_the_same_at_each_call():
    step = cr.compile(lambda x: x * float(np.random.default_rng(7).normal()))
    want = float(np.random.default_rng(7).normal())
    assert [step(cr.ones(1)).item() for _ in range(3)] == pytest.approx([want] * 3, rel=1e-6)


def test_a_source_without_a_state_is_passed_over():
    system = random.SystemRandom()
    trace(lambda x: x * (2 if system.seed() is None else 3), (cr.ones(2),))
