"""What a custom Function must not do, and how it is told."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.autograd import Function, grad
from chainrule.autograd.function import once_differentiable


def leaf(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def function(forward, backward, **more):
    return type(
        "Custom", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward), **more}
    )


def test_a_wrong_number_of_gradients():
    for result, got in [((), 0), ((1, 1, 1), 3)]:
        f = function(lambda ctx, a, b: a * b, lambda ctx, g, n=result: tuple(g for _ in n))
        with pytest.raises(RuntimeError, match=rf"incorrect number of gradients \(expected 2, got {got}\)"):
            f.apply(leaf(1.0), leaf(2.0)).backward()


def test_a_gradient_of_the_wrong_kind():
    f = function(lambda ctx, a: a * 1, lambda ctx, g: 3.0)
    with pytest.raises(RuntimeError, match=r"expected Variable or None \(got float\)"):
        f.apply(leaf(1.0)).backward()


@pytest.mark.parametrize("shape", [(5,), (), (2, 3)])
def test_a_gradient_of_the_wrong_shape(shape):
    f = function(lambda ctx, a: a * 1, lambda ctx, g: cr.ones(shape))
    with pytest.raises(
        RuntimeError, match="returned an invalid gradient at index 0 - got .* but expected shape"
    ):
        f.apply(leaf(1.0, 2.0)).sum().backward()


def test_functions_are_not_instantiated():
    named = type("Cube", (Function,), {})
    with pytest.raises(RuntimeError, match=r"should not be instantiated.*Cube\.apply"):
        named()


def test_missing_methods():
    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        type("Empty", (Function,), {}).apply(leaf(1.0))
    half = type("Half", (Function,), {"forward": staticmethod(lambda ctx, x: x * 1)})
    with pytest.raises(NotImplementedError, match="either the backward or vjp method"):
        half.apply(leaf(1.0)).backward()


def test_vjp_is_another_name_of_backward():
    f = type(
        "F",
        (Function,),
        {"forward": staticmethod(lambda ctx, x: x * 4), "vjp": staticmethod(lambda ctx, g: g * 4)},
    )
    x = leaf(1.0)
    f.apply(x).backward()
    assert x.grad.item() == 4


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0].detach()

    x = leaf(3.0)
    assert grad(Once.apply(x), x)[0].item() == 6
    v = leaf(1.0)
    (g,) = grad(Once.apply(x), x, v, create_graph=True)
    assert g.item() == 6
    with pytest.raises(
        RuntimeError, match="differentiate twice a function that was marked with @once_differentiable"
    ):
        g.backward()


def test_an_error_in_backward_reaches_the_user():
    def fail(ctx, g):
        raise KeyError("mine")

    f = function(lambda ctx, x: x * 1, fail)
    with pytest.raises(KeyError, match="mine"):
        f.apply(leaf(1.0)).backward()
