"""Views that come several at a time, in a trace: what is written into one is seen by all others."""

from __future__ import annotations

import random

import numpy as np
import pytest

import chainrule as cr
from chainrule.program import interpret, verify
from chainrule.program.trace import trace

CASES = {
    "unbind": lambda x: x.unbind(0)[1].mul_(2),
    "split": lambda x: x.split(2, 1)[1].zero_(),
    "sections": lambda x: x.split([1, 3], 1)[1].fill_(7),
    "chunk": lambda x: x.chunk(2, 1)[0].add_(1),
    "tensor_split": lambda x: cr.tensor_split(x, 2, 1)[0].add_(1),
    "hsplit": lambda x: x.hsplit(2)[0].add_(1),
    "iteration": lambda x: [row.add_(1) for row in x],
    "assignment": lambda x: x.unbind(0)[1].__setitem__(0, 5.0),
    "a view of one": lambda x: x.unbind(0)[1].view(2, 2).unbind(0)[0].add_(1),
    "of a view": lambda x: x.t().unbind(0)[1].mul_(2),
    "one from another": lambda x: (lambda p: p[0].copy_(p[1]))(x.unbind(0)),
    "out=": lambda x: (lambda p: cr.add(p[0], p[1], out=p[0]))(x.unbind(0)),
    "read again": lambda x: (lambda p: (x.add_(1), p[0].mul_(p[1])))(x.unbind(0)),
    "nothing": lambda x: x[:, :0].unbind(0)[0].add_(1),
}


def numbers(scale):
    return cr.arange(12.0).reshape(3, 4) * scale


def same_as_eager(step, make):
    """Trace with some numbers, interpret the program with others; results and changed arguments."""
    traced = trace(step, (make(1.0),))
    x, given = make(0.5), make(0.5)
    want = step(x)
    got = interpret(verify(traced.program), [given.detach().numpy()])
    assert len(got) == len(want) + len(traced.written)
    for g, w in zip(got, [*want, *([x] * len(traced.written))]):
        np.testing.assert_allclose(g, w.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_write_is_seen_by_the_base(name):
    def own(x):
        y = x * 1.0
        CASES[name](y)
        return y, y * 2

    def argument(x):
        CASES[name](x)
        return (x * 2,)

    same_as_eager(own, numbers)
    same_as_eager(argument, numbers)


def test_gradients_pass_through_what_was_written():
    def step(x):
        y = x * 1.0
        a, b, c = y.unbind(0)
        b.mul_(2)
        p, q = y.split(2, 1)
        q.add_(p * 3)
        (g,) = cr.autograd.grad((y.sin() * (a + c)).sum(), x)
        return g, y.detach()

    same_as_eager(step, lambda scale: numbers(scale).requires_grad_())


def test_until_then_they_are_one_operation():
    traced = trace(lambda x: sum(x.unbind(0)), (numbers(1.0),))
    assert [e.op.name for e in traced.program.equations].count("unbind") == 1
    assert not any(e.op.name == "pick" for e in traced.program.equations)


def drawn(source):
    """A program of random views and writes."""
    moves = [tuple(source.random() for _ in range(4)) for _ in range(source.randint(3, 12))]

    def step(x):
        made = [x * 1.0]
        for kind, a, b, c in moves:
            t, other = made[int(a * len(made))], made[int(c * len(made))]
            dim = int(b * t.ndim)
            parts = bool(t.ndim and t.shape[dim])
            if kind < 0.15 and t.ndim:
                made += t.unbind(dim)[:3]
            elif kind < 0.3 and parts:
                made += t.split(1 + int(c * 3), dim)[:3]
            elif kind < 0.4 and parts:
                made += t.chunk(2, dim)
            elif kind < 0.5 and t.ndim:
                made.append(t.transpose(0, dim) if c < 0.5 else t[1:])
            elif kind < 0.6:
                t.mul_(2.0 if c < 0.5 else -1.0)
            elif kind < 0.7:
                t.add_(other.sum())
            elif kind < 0.8:
                t.copy_(other.sin().sum())
            else:
                made.append(t.sin())
        return [t.clone() for t in made]

    return step


@pytest.mark.parametrize("seed", range(40))
def test_random_views_and_writes(seed):
    shape = [(3, 4), (4,), (2, 3, 2)][seed % 3]
    values = np.random.default_rng(seed).normal(size=shape)
    same_as_eager(drawn(random.Random(seed)), lambda scale: cr.from_numpy(values * scale))
