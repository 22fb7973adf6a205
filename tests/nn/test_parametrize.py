"""Parametrizations: registered, chained, cached, written through, copied and removed."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.utils import parametrize


class Double(nn.Module):
    def forward(self, x):
        return x * 2

    def right_inverse(self, x):
        return x / 2


class Split(nn.Module):
    def forward(self, a, b):
        return a + b

    def right_inverse(self, x):
        return x * 0.25, x * 0.75


class Transposed(nn.Module):
    def forward(self, x):
        return x.transpose(0, 1)


def test_value_stays_and_gradients_reach_the_original():
    net = nn.Linear(2, 3)
    before = net.weight.detach().numpy().copy()
    assert parametrize.register_parametrization(net, "weight", Double()) is net
    np.testing.assert_allclose(net.weight.detach().numpy(), before)
    assert list(net.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert type(net).__name__ == "ParametrizedLinear" and isinstance(net, nn.Linear)
    assert parametrize.type_before_parametrizations(net) is nn.Linear
    net(cr.tensor([[1.0, 2.0]])).sum().backward()
    np.testing.assert_allclose(net.parametrizations.weight.original.grad.numpy(), [[2.0, 4.0]] * 3)


def test_several_originals_chaining_assignment_and_removal():
    net = nn.Linear(2, 3)
    before = net.weight.detach().numpy().copy()
    parametrize.register_parametrization(net, "weight", Split())
    np.testing.assert_allclose(net.weight.detach().numpy(), before, rtol=1e-6)
    parametrize.register_parametrization(net, "weight", Double())
    np.testing.assert_allclose(net.weight.detach().numpy(), before * 2, rtol=1e-6)
    net.weight = cr.tensor(before)
    np.testing.assert_allclose(net.weight.detach().numpy(), before, rtol=1e-6)
    twin = copy.deepcopy(net)
    np.testing.assert_allclose(twin.weight.detach().numpy(), before, rtol=1e-6)
    parametrize.remove_parametrizations(net, "weight")
    assert (
        type(net) is nn.Linear
        and isinstance(net.weight, nn.Parameter)
        and not parametrize.is_parametrized(net)
    )
    np.testing.assert_allclose(net.weight.detach().numpy(), before, rtol=1e-6)
    assert parametrize.is_parametrized(twin, "weight")


def test_original_can_be_left():
    net = nn.Linear(2, 3)
    before = net.weight.detach().numpy().copy()
    parametrize.register_parametrization(net, "weight", Double())
    parametrize.remove_parametrizations(net, "weight", leave_parametrized=False)
    np.testing.assert_allclose(net.weight.detach().numpy(), before / 2)


def test_cached_computes_once():
    net = nn.Linear(2, 3)
    parametrize.register_parametrization(net, "weight", Double())
    assert net.weight is not net.weight
    with parametrize.cached():
        assert net.weight is net.weight


def test_refusals():
    net = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element"):
        parametrize.register_parametrization(net, "x", Double())
    with pytest.raises(ValueError, match="may not change the shape of the tensor"):
        parametrize.register_parametrization(net, "weight", Transposed())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(net, "weight")
    with pytest.raises(ValueError, match="requires one or more modules"):
        parametrize.ParametrizationList([], net.weight)
    parametrize.register_parametrization(net, "weight", Transposed(), unsafe=True)
    assert net.weight.shape == (2, 3)
    with pytest.raises(RuntimeError, match="Transposed does not implement right_inverse"):
        net.weight = cr.tensor(np.zeros((2, 3), np.float32))
