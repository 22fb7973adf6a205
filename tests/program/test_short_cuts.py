"""Short cuts of eager calls stand aside while a trace is running; other threads go on as always."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.program import interpret, trace, verify


def _elsewhere(work):
    """What another thread returns, or raises, while the traced function waits for it."""
    found = []

    def run():
        try:
            found.append(work())
        except Exception as error:  # handed over to the test
            found.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def _changed(w):
    w.mul_(2)
    w[0] = 7.0
    w.view(2, 2)[1] -= w[:2]
    return w


def _clipped():
    p = nn.Parameter(cr.ones(4))
    (p * 3).sum().backward()
    norm = nn.utils.clip_grad_norm_([p], 1.0)
    cr.optim.SGD([p], lr=1.0).step()
    return cr.cat([norm.view(1), p.detach()])


def _cleared():
    p = nn.Parameter(cr.ones(2))
    p.grad = cr.ones(2)
    cr.optim.SGD([p], lr=1.0).zero_grad()
    return p


OTHERS = {
    "a product": lambda: cr.ones(2, 3) @ cr.ones(3, 2),
    "a copy": lambda: cr.tensor(cr.ones(2)).detach().t(),
    "changes in place": lambda: _changed(cr.tensor([1.0, 2.0, 3.0, 4.0])),
    "a training step": _clipped,
    "zero_grad": _cleared,
    "a value": lambda: cr.tensor((cr.ones(3) * 2).sum().item()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_thread_computes_as_always_and_leaves_nothing_in_the_trace(name):
    want, got = OTHERS[name](), []

    def function(x):
        got.append(_elsewhere(OTHERS[name]))
        return x * 2

    traced = trace(function, (cr.ones(2),))
    assert [e.op.name for e in traced.program.equations] == ["mul"]
    assert not (traced.captured or traced.written or traced.gradients or traced.cleared)
    assert isinstance(got[0], cr.Tensor), got
    np.testing.assert_array_equal(got[0].detach().numpy(), want.detach().numpy())


def test_another_thread_is_told_of_bad_values_during_a_trace():
    def bad():
        return nn.functional.gaussian_nll_loss(cr.ones(2), cr.ones(2), -cr.ones(2))

    got = []
    trace(lambda x: got.append(_elsewhere(bad)) or x * 2, (cr.ones(2),))
    assert str(got[0]) == "var has negative entry/entries"


SHORT_CUTS = {
    "a product": lambda w: w @ w,
    "a view": lambda w: w.t() + 1,
    "a detached tensor": lambda w: w.detach() * 2,
    "a copy": lambda w: cr.tensor(w),  # noqa: PLW0108
    "a conversion": lambda w: cr.tensor(w, dtype=cr.float64),
    "a change in place": lambda w: cr.zeros(2, 2).add_(w),
    "an assignment": lambda w: cr.zeros(2, 2).copy_(w),
    "a part": lambda w: w[0],
    "a part that is changed": lambda w: cr.zeros(2).copy_(w[1]),
}


@pytest.mark.parametrize("name", SHORT_CUTS)
def test_the_short_cuts_of_eager_calls_see_a_tensor_from_outside(name):
    """The first operation on a tensor that the function has not met yet is the one that makes it an input."""
    w = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
    traced = trace(lambda: SHORT_CUTS[name](w), ())
    assert [t is w for t in traced.captured] == [True]
    other = np.float32([[5, 6], [7, 8]])
    want = SHORT_CUTS[name](cr.tensor(other.tolist()))
    np.testing.assert_array_equal(interpret(verify(traced.program), [other])[0], want.numpy())
