"""Hooks of modules: forward, backward, registration; of one module and of all."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def test_forward_hooks_run_in_order_and_may_change_values():
    net, seen = nn.Identity(), []
    net.register_forward_pre_hook(lambda m, args: seen.append("pre") or (args[0] + 1,))
    net.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    net.register_forward_hook(lambda m, args, out: seen.append("post") or out * 10)
    assert net(cr.tensor(1.0)).item() == 20.0
    assert seen == ["first", "pre", "post"]


def test_hooks_with_kwargs():
    class Add(nn.Module):
        def forward(self, x, y=0):
            return x + y

    net = Add()
    handle = net.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"y": kwargs["y"] + 1}), with_kwargs=True
    )
    net.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["y"], with_kwargs=True)
    assert net(cr.tensor(1.0), y=2).item() == 7.0
    handle.remove()
    assert net(cr.tensor(1.0), y=2).item() == 5.0


def test_always_called_hooks_run_although_forward_raises():
    class Fails(nn.Module):
        def forward(self, x):
            raise KeyError("no")

    net, seen = Fails(), []
    net.register_forward_hook(lambda m, args, out: seen.append("usual"))
    net.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)
    with pytest.raises(KeyError):
        net(1)
    assert seen == [("always", None)]


def test_global_hooks_run_before_the_modules_own():
    seen = []
    net = nn.Identity()
    net.register_forward_hook(lambda m, args, out: seen.append("own"))
    handles = [
        nn.register_module_forward_pre_hook(lambda m, args: seen.append("pre")),
        nn.register_module_forward_hook(lambda m, args, out: seen.append("global")),
    ]
    net(1)
    for handle in handles:
        handle.remove()
    net(1)
    assert seen == ["pre", "global", "own", "own"]


def test_registration_hooks_see_and_replace_members():
    seen = []
    handle = nn.register_module_module_registration_hook(
        lambda m, name, child: seen.append(name) or nn.Identity()
    )
    try:
        net = nn.Sequential(nn.ReLU())
    finally:
        handle.remove()
    assert seen == ["0"] and isinstance(net[0], nn.Identity)


def test_full_backward_hooks_see_and_change_gradients():
    seen = []
    net = nn.Linear(2, 1)

    def scaled(m, grad_input, grad_output):
        seen.append([g if g is None else g.tolist() for g in (*grad_input, *grad_output)])
        return (grad_input[0] * 10,)

    net.register_full_backward_hook(scaled)
    net.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2,))
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    net(x).sum().backward()
    weight = net.weight.detach().numpy()
    assert seen == [[(weight * 2).tolist(), [[2.0]]]]
    np.testing.assert_allclose(x.grad.numpy(), weight * 20, rtol=1e-6)
    np.testing.assert_allclose(net.weight.grad.numpy(), [[2.0, 4.0]])


def test_the_two_kinds_of_backward_hooks_do_not_mix():
    net = nn.Linear(1, 1)
    net.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        net.register_backward_hook(lambda *args: None)
