"""How long a recorded graph lives: retained, freed, deep, differentiated again, forgotten."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import grad, recent

DEEP = 100_000


def leaf(*values, dtype=cr.float64):
    return cr.tensor(values if len(values) > 1 else values[0], dtype=dtype, requires_grad=True)


def same(t, values):
    np.testing.assert_allclose(t.detach().numpy(), values, rtol=1e-12)


def test_a_freed_graph_refuses_a_second_backward():
    x = leaf(2.0)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_operations_that_save_nothing_may_run_twice():
    x = leaf(1.0, 2.0)
    y = x.sum()
    y.backward()
    y.backward()
    same(x.grad, [2, 2])


def test_retain_graph():
    x = leaf(2.0)
    y = x**3
    y.backward(retain_graph=True)
    y.backward()
    same(x.grad, 24)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_create_graph_retains_unless_told_otherwise():
    x = leaf(2.0)
    y = x**3
    grad(y, x, create_graph=True)
    grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="second time"):
        grad(y, x)


def test_third_order():
    x = leaf(0.7)
    y = x.sin() * x
    g1 = grad(y, x, create_graph=True)[0]
    g2 = grad(g1, x, create_graph=True)[0]
    g3 = grad(g2, x)[0]
    same(g1, np.cos(0.7) * 0.7 + np.sin(0.7))
    same(g2, 2 * np.cos(0.7) - 0.7 * np.sin(0.7))
    same(g3, -3 * np.sin(0.7) - 0.7 * np.cos(0.7))
    assert not g3.requires_grad


def test_backward_with_create_graph_leaves_a_differentiable_grad():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    g, x.grad = x.grad, None
    g.backward()
    same(x.grad, 12)


def test_a_gradient_penalty():
    w, x = leaf(2.0, -1.0), leaf(0.5, 3.0)
    (g,) = grad((w * x).tanh().sum(), x, create_graph=True)
    (g**2).sum().backward()
    t = np.tanh(np.array([1.0, -3.0]))
    s, a, b = 1 - t**2, np.array([2.0, -1.0]), np.array([0.5, 3.0])
    same(w.grad, 2 * a * s * s - 4 * a**2 * b * t * s * s)


def test_a_chain_of_any_length_is_walked_and_freed_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(DEEP):
        y = y.abs()
    y.backward()
    same(x.grad, 1)
    alive = weakref.ref(y.grad_fn)
    del y
    assert alive() is None


def test_a_deep_chain_is_dropped_unused():
    x = leaf(1.0)
    y = x
    for _ in range(DEEP):
        y = y * 1.0
    alive = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert alive() is None


def test_a_deep_chain_is_captured_by_grad():
    x = leaf(1.0)
    y = x
    for _ in range(DEEP // 4):
        y = y + y.detach() * 0
    same(grad(y, x)[0], 1)


@pytest.mark.parametrize("size", [2, recent.ROOM])
def test_intermediate_arrays_die_with_the_backward_pass_if_they_are_large(size):
    x = cr.ones(size, requires_grad=True)
    h = x.exp()
    loss = (h * h.sin()).sum()
    array = weakref.ref(h._a)
    del h
    assert array() is not None
    loss.backward()
    assert (array() is None) is (size > 2)
    (x * 2).sum().backward()  # the next pass
    assert array() is None


def test_values_that_no_rule_reads_are_not_kept():
    x = leaf(1.0, 2.0)
    h = x * 2
    loss = (h + 1).sum()
    array = weakref.ref(h._a)
    del h
    assert array() is None
    loss.backward()
    same(x.grad, [2, 2])


def test_nothing_waits_for_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        dead = []
        for _ in range(3):
            x = leaf(1.0, 2.0)
            y = (x.sin() * x).split(1)[0].sum()
            y.backward()
            dead += [weakref.ref(x), weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(x.grad)]
        del x, y
        assert all(r() is None for r in dead)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "walk",
    [
        lambda z, x: z.backward(retain_graph=True),
        lambda z, x: z.backward(cr.ones((), dtype=cr.float64), retain_graph=True),
        lambda z, x: grad(z, x, retain_graph=True),
    ],
)
def test_a_failed_backward_leaves_nothing_behind(walk):
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y.exp() + y.sin() + x.cos()).sum()

    def fail(g):
        raise KeyError("stop")

    handle = y.register_hook(fail)
    with pytest.raises(KeyError):
        walk(z, x)
    handle.remove()
    assert x.grad is None
    z.backward()
    inside = np.array([2.0, 4.0])
    same(x.grad, 2 * (np.exp(inside) + np.cos(inside)) - np.sin(inside / 2))
