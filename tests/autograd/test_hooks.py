"""Hooks: on tensors, on leaves after accumulation, on the tape's nodes; and retain_grad."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.autograd import grad


def leaf(*values):
    return cr.tensor(values, requires_grad=True)


# ----- tensor hooks


def test_hooks_run_in_order_and_each_sees_what_the_last_returned():
    x = leaf(1.0, 2.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward()
    assert seen == [[1, 1], [10, 10]]
    assert x.grad.tolist() == [20, 20]


def test_a_hook_sees_the_sum_of_everything_that_arrives():
    x = leaf(1.0)
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3 + y * 4).sum().backward()
    assert seen == [7]


def test_a_hook_on_a_leaf_changes_what_is_accumulated():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 2)
    (x * 3 + x).sum().backward()
    assert x.grad.item() == 8
    x.sum().backward()
    assert x.grad.item() == 10


def test_a_removed_hook_is_gone():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: g * 2):
        (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert x.grad.item() == 3


def test_a_hook_may_remove_itself():
    x = leaf(1.0)
    calls = []
    handle = x.register_hook(lambda g: (calls.append(1), handle.remove())[1])
    x.register_hook(lambda g: calls.append(2))
    for _ in range(2):
        (x * 1).sum().backward()
    assert calls == [1, 2, 2]


def test_hooks_on_one_output_of_several():
    x = leaf(1.0, 2.0, 3.0)
    parts = x.split([1, 2])
    parts[1].register_hook(lambda g: g * 10)
    (parts[0].sum() + parts[1].sum()).backward()
    assert x.grad.tolist() == [1, 10, 10]


def test_hooks_on_outputs_of_a_sort():
    x = leaf(2.0, 1.0)
    values, _ = x.sort()
    values.register_hook(lambda g: g * cr.tensor([1.0, 5.0]))
    values.sum().backward()
    assert x.grad.tolist() == [5, 1]


def test_a_hook_runs_for_a_captured_gradient():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    gy, gx = grad(y.sum(), [y, x])
    assert gy.item() == 2
    assert gx.item() == 40


def test_a_hook_registered_before_an_in_place_change_belongs_to_the_old_value():
    x = leaf(1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(g.item()))
    y.sum().backward()
    assert seen == [1, 5]


def test_what_a_hook_may_return():
    for bad, error, words in [
        (3.0, TypeError, "but hook returned 'float'"),
        (cr.ones(3), RuntimeError, "has changed the size of value"),
        (cr.ones(1, dtype=cr.float64), RuntimeError, "has changed the type of value"),
    ]:
        x = leaf(1.0)
        x.register_hook(lambda g, bad=bad: bad)
        with pytest.raises(error, match=words):
            (x * 2).sum().backward()


def test_hooks_need_a_gradient():
    with pytest.raises(
        RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"
    ):
        cr.ones(1).register_hook(lambda g: None)
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        cr.ones(1).retain_grad()


def test_hooks_are_recorded_only_under_create_graph():
    x = leaf(3.0)
    modes = []
    y = x * x
    y.register_hook(lambda g: modes.append(cr.is_grad_enabled()))
    y.grad_fn.register_hook(lambda ins, outs: modes.append(cr.is_grad_enabled()))
    y.grad_fn.register_prehook(lambda outs: modes.append(cr.is_grad_enabled()))
    y.sum().backward(retain_graph=True)
    y.sum().backward(create_graph=True)
    assert modes == [False] * 3 + [True] * 3


def test_a_replacing_hook_is_differentiated_under_create_graph():
    x = leaf(3.0)
    y = x * 1
    y.register_hook(lambda g: g * x)
    (g,) = grad((y * y).sum(), x, create_graph=True)  # 2x · x
    assert g.item() == 18
    assert grad(g.sum(), x)[0].item() != 0


# ----- retain_grad


def test_retain_grad_keeps_the_gradient_of_a_non_leaf():
    x = leaf(1.0, 2.0)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [6, 12]
    assert not x.retains_grad


def test_retain_grad_on_a_leaf_changes_nothing():
    x = leaf(1.0)
    x.retain_grad()
    (x * 2).sum().backward()
    assert x.grad.item() == 2
    assert not x.retains_grad


def test_a_retained_gradient_accumulates_and_is_its_own_memory():
    x = leaf(1.0)
    y = x + 0
    y.retain_grad()
    z = y.sum()
    z.backward(retain_graph=True)
    z.backward()
    y.grad.zero_()
    assert x.grad.item() == 2


def test_what_is_retained_is_what_all_hooks_have_left():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 3)
    y.sum().backward()
    assert y.grad.item() == 3


def test_retain_grad_on_views():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[1:]
    v.retain_grad()
    (v * cr.tensor([5.0, 6.0])).sum().backward()
    assert v.grad.tolist() == [5, 6]


def test_retain_grad_follows_the_tensor_through_an_in_place_change():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(5)
    (y * 7).sum().backward()
    assert y.grad.item() == 7
    assert x.grad.item() == 70


def test_a_retaining_view_follows_a_change_of_its_root():
    x = leaf(1.0, 2.0)
    y = x * 2
    v = y[0]
    v.retain_grad()
    y.mul_(5)
    (v * 7).backward()
    assert v.grad.item() == 7
    assert x.grad.tolist() == [70, 0]


def test_retain_grad_on_one_output_of_several():
    x = leaf(3.0, 1.0)
    values, _ = x.sort()
    values.retain_grad()
    (values * values).sum().backward()
    assert values.grad.tolist() == [2, 6]


# ----- after accumulation


def test_post_accumulate_hooks_see_the_finished_grad():
    x = leaf(1.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(
        lambda p: seen.append((p is x, p.grad.item(), cr.is_grad_enabled()))
    )
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    handle.remove()
    (x * 3).sum().backward()
    assert seen == [(True, 2, False), (True, 5, False)]


def test_post_accumulate_hooks_can_be_an_optimizer():
    w = leaf(1.0)

    def step(p):
        p.add_(p.grad, alpha=-0.5)
        p.grad = None

    w.register_post_accumulate_grad_hook(step)
    (w * 3).sum().backward()
    assert w.item() == -0.5
    assert w.grad is None


def test_post_accumulate_hooks_run_for_chosen_inputs_but_not_for_grad():
    x = leaf(1.0)
    calls = []
    x.register_post_accumulate_grad_hook(lambda p: calls.append(p.grad.item()))
    grad((x * 2).sum(), x)
    assert calls == []
    (x * 2).sum().backward(inputs=[x])
    assert calls == [2]


def test_post_accumulate_hooks_are_for_leaves():
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(lambda p: None)


# ----- the tape's nodes


def test_a_node_hook_sees_and_replaces_the_inputs_gradients():
    a, b = leaf(2.0), leaf(5.0)
    y = a * b
    seen = []

    def hook(ins, outs):
        seen.append(([i.item() for i in ins], [o.item() for o in outs]))
        return ins[0] * 10, ins[1]

    y.grad_fn.register_hook(hook)
    (y * 3).sum().backward()
    assert seen == [([15, 6], [3])]
    assert (a.grad.item(), b.grad.item()) == (150, 6)


def test_a_node_hook_gets_none_for_inputs_without_gradient():
    a, seen = leaf(2.0), []
    y = a * cr.ones(1)
    y.grad_fn.register_hook(lambda ins, outs: seen.append(ins[1]))
    y.sum().backward()
    assert seen == [None]


def test_a_node_prehook_replaces_what_arrives():
    x = leaf(2.0)
    y = x * 3
    handle = y.grad_fn.register_prehook(lambda outs: (outs[0] * 10,))
    y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    assert x.grad.item() == 33


def test_node_hooks_of_an_operation_with_several_outputs():
    x = leaf(3.0, 1.0)
    values, _ = x.sort()
    seen = []
    values.grad_fn.register_prehook(lambda outs: seen.append(len(outs)))
    values.grad_fn.register_prehook(lambda outs: (outs[0] * 2, None))
    values.grad_fn.register_hook(lambda ins, outs: seen.append((ins[0].tolist(), outs[0].tolist(), outs[1])))
    values.sum().backward()
    assert seen == [2, ([2, 2], [2, 2], None)]
    assert x.grad.tolist() == [2, 2]


def test_tensor_hooks_come_before_node_prehooks():
    x, order = leaf(1.0), []
    y = x * 2
    y.grad_fn.register_prehook(lambda outs: order.append("node"))
    y.register_hook(lambda g: order.append("tensor"))
    y.sum().backward()
    assert order == ["tensor", "node"]


def test_hooks_of_the_accumulating_node():
    x = leaf(1.0)
    node = (x * 1).grad_fn.next_functions[0][0]
    assert node.variable is x
    seen = []
    node.register_prehook(lambda outs: (outs[0] * 2,))
    node.register_hook(lambda ins, outs: seen.append((ins, outs[0].item(), x.grad.item())))
    (x * 3).sum().backward()
    assert seen == [((), 6, 6)]


def test_node_hooks_must_return_as_many_as_they_got():
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_hook(lambda ins, outs: (ins[0],) * 5)
    with pytest.raises(RuntimeError, match="incorrect number of values"):
        y.sum().backward()
    y = x * 2
    y.grad_fn.register_prehook(lambda outs: (outs[0], outs[0]))
    with pytest.raises(RuntimeError, match="incorrect number of values"):
        y.sum().backward()


def test_metadata_stays_with_the_node():
    y = leaf(1.0) * 2
    y.grad_fn.metadata["line"] = 7
    assert y.grad_fn.metadata == {"line": 7}
