"""Custom operations: torch.autograd.Function in both of its styles."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Function, grad, gradcheck, gradgradcheck


def leaf(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def function(forward, backward, **more):
    return type(
        "Custom", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward), **more}
    )


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Scale(Function):
    """The style with setup_context."""

    @staticmethod
    def forward(x, factor):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.factor = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y / x, None


class SumAndProduct(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a + b, a * b

    @staticmethod
    def backward(ctx, g_sum, g_product):
        a, b = ctx.saved_tensors
        return g_sum + g_product * b, g_sum + g_product * a


identity = function(lambda ctx, x: x.clone(), lambda ctx, g: g)


# ----- numbers


def test_both_styles():
    x = leaf(1.0, 2.0)
    y = Scale.apply(Exp.apply(x), 3.0)
    assert y.grad_fn.name() == "ScaleBackward"
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.exp([1, 2]))


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (Exp.apply, (leaf(0.1, 0.7),)),
        (lambda x: Scale.apply(x, 2.5), (leaf(0.5, 0.7),)),
        (SumAndProduct.apply, (leaf(0.1, 0.7), leaf(2.0, 3.0))),
        (lambda a, b: SumAndProduct.apply(a, b)[1], (leaf(0.1), leaf(2.0))),
        (lambda x: Exp.apply(Exp.apply(x) * x), (leaf(0.3),)),
    ],
)
def test_first_and_second_order(f, inputs):
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs)


def test_a_saved_output_meets_the_output_itself():
    """∂/∂x of (∂y/∂x · y) with y = exp(x): both factors lead to the same place on the tape."""
    x = leaf(0.5)
    y = Exp.apply(x)
    (g,) = grad(y, x, create_graph=True)
    (second,) = grad(g * y, x)
    np.testing.assert_allclose(second.item(), 2 * np.exp(1.0))


def test_the_gradient_by_an_output_that_backward_read():
    x = leaf(0.5)
    y = Exp.apply(x)
    (g,) = grad(y, x, create_graph=True)
    assert grad(g, y)[0].item() == 1


def test_third_order():
    x = leaf(0.5)
    g = Exp.apply(x)
    for _ in range(3):
        (g,) = grad(g, x, create_graph=True)
    np.testing.assert_allclose(g.item(), np.exp(0.5))


def test_one_of_several_outputs_used():
    a, b = leaf(2.0), leaf(5.0)
    SumAndProduct.apply(a, b)[1].backward()
    assert (a.grad.item(), b.grad.item()) == (5, 2)


def test_the_gradient_is_cast_to_the_inputs_dtype():
    double = function(lambda ctx, x: x * 2, lambda ctx, g: g.double() * 2)
    x = cr.ones(2, requires_grad=True)
    h = x * 1
    h.retain_grad()
    double.apply(h).sum().backward()
    assert h.grad.dtype == x.grad.dtype == cr.float32


def test_a_gradient_that_was_broadcast_is_summed():
    f = function(lambda ctx, x: x + cr.zeros(3), lambda ctx, g: g * 2)
    x = cr.ones(1, requires_grad=True)
    f.apply(x).sum().backward()
    assert x.grad.tolist() == [6]


# ----- arguments


def test_arguments_that_are_no_tensors():
    seen = []

    def backward(ctx, g):
        seen.append(ctx.needs_input_grad)
        return None, g * 3, None, None

    f = function(lambda ctx, name, x, options, c: x * 3, backward)
    x = leaf(1.0)
    f.apply("name", x, {"a": 1}, cr.ones(1)).backward()
    assert seen == [(False, True, False, False)]
    assert x.grad.item() == 3


def test_none_gradients_stop_there():
    f = function(lambda ctx, a, b: a * b, lambda ctx, g: (None, g * 2))
    a, b = leaf(3.0), leaf(4.0)
    f.apply(a * 1, b).backward()
    assert a.grad is None
    assert b.grad.item() == 2


def test_trailing_nones_are_forgiven():
    f = function(lambda ctx, a: a * 2, lambda ctx, g: (g * 2, None, None))
    a = leaf(3.0)
    f.apply(a).backward()
    assert a.grad.item() == 2


def test_nothing_is_recorded_inside_forward_or_without_need():
    inside = []
    f = function(lambda ctx, x: (inside.append(cr.is_grad_enabled()), x * 2)[1], lambda ctx, g: g)
    assert f.apply(leaf(1.0)).grad_fn is not None
    assert f.apply(cr.ones(1)).grad_fn is None
    with cr.no_grad():
        assert not f.apply(leaf(1.0)).requires_grad
    assert inside == [False] * 3


def test_backward_runs_recorded_only_under_create_graph():
    inside = []
    f = function(lambda ctx, x: x * 2, lambda ctx, g: (inside.append(cr.is_grad_enabled()), g * 2)[1])
    x = leaf(1.0)
    f.apply(x).backward()
    f.apply(x).backward(create_graph=True)
    assert inside == [False, True]


# ----- outputs


def test_an_input_returned_as_it_is():
    f = function(lambda ctx, x: x, lambda ctx, g: g * 7)
    x = leaf(1.0)
    y = f.apply(x)
    assert y is not x
    assert x.is_leaf
    y.backward()
    assert x.grad.item() == 7


def test_outputs_that_are_no_tensors_pass_through():
    f = function(
        lambda ctx, x: (x * 2, "text", None), lambda ctx, g, *others: (others == (None, None)) * g * 2
    )
    x = leaf(1.0)
    y, text, nothing = f.apply(x)
    assert (text, nothing) == ("text", None)
    y.backward()
    assert x.grad.item() == 2


def test_mark_non_differentiable():
    def forward(ctx, x):
        order = x.sort()[1]
        values = x * 2
        ctx.mark_non_differentiable(order, values)
        return x * 3, order, values

    seen = []
    f = function(forward, lambda ctx, g, *others: (seen.extend(others), g * 3)[1])
    x = leaf(2.0, 1.0)
    y, order, values = f.apply(x)
    assert not order.requires_grad
    assert not values.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert all(o is None or not o.any() for o in seen)


def test_materialize_grads():
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(x.shape[0] == 1)
        return x * 2, x * 3

    def backward(ctx, a, b):
        seen.append(b if b is None else b.tolist())
        return a * 2

    f = function(forward, backward)
    f.apply(leaf(1.0))[0].sum().backward()
    f.apply(leaf(1.0, 2.0))[0].sum().backward()
    assert seen == [[0], None]


def test_mark_dirty():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.exp_()
        ctx.save_for_backward(x)
        return x

    f = function(forward, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(0.5, 1.0)
    h = x * 2
    part = h[0]
    y = f.apply(h)
    assert y is h
    assert part.item() == np.exp(1.0)
    (y.sum() + part).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([1, 2.0]) * [2, 1])


def test_a_dirty_input_spoils_what_others_saved():
    f = function(lambda ctx, x: (ctx.mark_dirty(x), x.add_(1))[1], lambda ctx, g: g)
    h = leaf(1.0) * 1
    early = h**2
    f.apply(h)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        early.backward()


def test_a_leaf_must_not_be_dirty():
    f = function(lambda ctx, x: (ctx.mark_dirty(x), x.add_(1))[1], lambda ctx, g: g)
    with pytest.raises(
        RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"
    ):
        f.apply(leaf(1.0))


# ----- saved tensors


@pytest.mark.parametrize(
    "change", [lambda t: t.mul_(2), lambda t: t.detach().mul_(2), lambda t: t[0].mul_(2)]
)
@pytest.mark.parametrize("which", ["input", "output", "view of output"])
def test_spoiled_saved_tensors(change, which):
    square = function(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], lambda ctx, g: 2 * g * ctx.saved_tensors[0]
    )
    h = leaf(1.0, 2.0) * 1
    y = square.apply(h) if which == "input" else Exp.apply(h)
    target = {"input": h, "output": y, "view of output": y[:]}[which]
    loss = y.sum()
    with cr.no_grad():
        change(target)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_output_that_was_not_saved_may_change():
    x = leaf(1.0)
    y = identity.apply(x)
    y.mul_(3)
    y.backward()
    assert x.grad.item() == 3


def test_saved_tensors_are_freed_and_refused_afterwards():
    x = leaf(1.0)
    y = Exp.apply(x * 1)
    array = weakref.ref(y.grad_fn.saved_tensors[0]._a)
    loss = y.sum()
    loss.backward()
    with pytest.raises(
        RuntimeError, match="directly access saved tensors after they have already been freed"
    ):
        y.grad_fn.saved_tensors
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()
    node = y.grad_fn
    del y
    assert array() is None
    assert node.name() == "ExpBackward"


def test_only_tensors_can_be_saved():
    f = function(lambda ctx, x: (ctx.save_for_backward(x, 3.0), x)[1], lambda ctx, g: g)
    with pytest.raises(
        TypeError, match="save_for_backward can only save variables, but argument 1 is of type float"
    ):
        f.apply(leaf(1.0))


def test_none_can_be_saved():
    f = function(
        lambda ctx, x: (ctx.save_for_backward(None, x), x * 1)[1], lambda ctx, g: g * len(ctx.saved_tensors)
    )
    x = leaf(1.0)
    f.apply(x).backward()
    assert x.grad.item() == 2


def test_attributes_on_ctx_are_on_grad_fn():
    f = function(lambda ctx, x: (setattr(ctx, "note", 42), x * 1)[1], lambda ctx, g: g)
    assert f.apply(leaf(1.0)).grad_fn.note == 42


@pytest.mark.parametrize(
    "f", [Exp.apply, lambda x: Scale.apply(x, 2.0), lambda x: SumAndProduct.apply(x, x)[0]]
)
def test_no_reference_cycle(f):
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = f(x * 1)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_backward_inside_backward():
    """What checkpointing does: run the forward pass again and go back through it."""

    def backward(ctx, g):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with cr.enable_grad():
            y = x.sin() * weight
        cr.autograd.backward(y, g)
        return x.grad

    weight = leaf(2.0)
    f = function(lambda ctx, x: (ctx.save_for_backward(x), x.sin() * weight)[1], backward)
    x = leaf(0.5)
    (f.apply(x) + weight * 10).backward()
    np.testing.assert_allclose(x.grad.item(), 2 * np.cos(0.5))
    np.testing.assert_allclose(weight.grad.item(), 10 + np.sin(0.5))
