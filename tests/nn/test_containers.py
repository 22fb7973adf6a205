"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest

import chainrule as cr
from chainrule import nn


def three() -> list[nn.Module]:
    return [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]


def test_sequential_runs_indexes_and_slices():
    layers = three()
    net = nn.Sequential(*layers)
    assert net(cr.tensor([[1.0, 2.0]])).shape == (1, 1)
    assert net[0] is layers[0] and net[-1] is layers[2] and len(net) == 3
    assert list(net[1:]) == layers[1:] and type(net[1:]) is nn.Sequential
    assert list(net[1:]._modules) == ["1", "2"]
    with pytest.raises(IndexError, match="index 3 is out of range"):
        net[3]


def test_sequential_changes():
    a, b, c = three()
    net = nn.Sequential(a, b)
    assert list(net.append(c)) == [a, b, c]
    net[1] = c
    assert list(net) == [a, c, c]
    del net[1]
    assert list(net) == [a, c] and list(net._modules) == ["0", "1"] and net[1] is c
    assert not hasattr(net, "2")
    net.insert(0, b)
    net.insert(-1, b)
    assert list(net) == [b, a, b, c]
    assert net.pop(0) is b and len(net) == 3
    net.extend([a])
    assert list(net) == [a, b, c, a]


def test_sequential_arithmetic():
    a, b, c = three()
    one, other = nn.Sequential(a), nn.Sequential(b, c)
    assert list(one + other) == [a, b, c]
    assert list(other * 2) == list(2 * other) == [b, c, b, c]
    one += other
    assert list(one) == [a, b, c]
    one *= 2
    assert list(one) == [a, b, c, a, b, c]
    with pytest.raises(ValueError, match="add operator supports only objects of Sequential class"):
        one + [a]
    with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
        one * 0
    with pytest.raises(TypeError, match="unsupported operand"):
        one * 1.5
    with pytest.raises(IndexError, match="Index out of range: 9"):
        one.insert(9, a)
    with pytest.raises(AssertionError, match="module should be of type"):
        one.insert(0, 3)


def test_sequential_of_names():
    net = nn.Sequential(OrderedDict(enter=nn.Linear(2, 3), leave=nn.ReLU()))
    assert isinstance(net.enter, nn.Linear) and net[1] is net.leave
    assert list(net.state_dict()) == ["enter.weight", "enter.bias"]


def test_module_list():
    a, b, c = three()
    modules = nn.ModuleList([a, b])
    modules.append(c)
    modules += [b]
    assert list(modules) == [a, b, c, b] and modules[-1] is b and list(modules[:2]) == [a, b]
    assert type(modules[:2]) is nn.ModuleList
    modules.insert(1, c)
    assert list(modules) == [a, c, b, c, b]
    del modules[1:3]
    assert list(modules) == [a, c, b] and list(modules._modules) == ["0", "1", "2"]
    assert modules.pop(0) is a
    modules[0] = a
    assert list(modules) == [a, b]
    assert list(modules + [c]) == [a, b, c]
    with pytest.raises(TypeError, match="ModuleList.extend should be called with an iterable, but got int"):
        modules.extend(3)
    with pytest.raises(IndexError, match="index 5 is out of range"):
        modules[5]


def test_module_list_prints_equal_neighbours_once():
    net = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()])
    assert repr(net) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n  (2): ReLU()\n)"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict():
    a, b, c = three()
    modules = nn.ModuleDict({"a": a, "b": b})
    assert (
        modules["a"] is modules.a is a
        and list(modules) == ["a", "b"]
        and "b" in modules
        and len(modules) == 2
    )
    modules.update([("c", c)])
    assert list(modules.values()) == [a, b, c] and list(modules.keys()) == ["a", "b", "c"]
    assert modules.pop("b") is b and "b" not in modules and not hasattr(modules, "b")
    del modules["a"]
    assert list(modules.items()) == [("c", c)]
    modules.clear()
    assert len(modules) == 0
    with pytest.raises(KeyError):
        modules["a"]
    with pytest.raises(
        TypeError, match="ModuleDict.update should be called with an iterable of key/value pairs"
    ):
        modules.update(3)
    with pytest.raises(ValueError, match="ModuleDict update sequence element #0 has length 1; 2 is required"):
        modules.update([("a",)])
    with pytest.raises(TypeError, match="ModuleDict update sequence element #0 should be Iterable"):
        modules.update([3])


def test_parameter_list():
    params = nn.ParameterList([cr.tensor([1.0]), nn.Parameter(cr.tensor([2.0]))])
    params.append("note")
    assert len(params) == 3 and params[-1] == "note" and isinstance(params[0], nn.Parameter)
    assert [name for name, _ in params.named_parameters()] == ["0", "1"]
    assert [p.item() for p in params[:2]] == [1.0, 2.0]
    params[0] = cr.tensor([5.0])
    params += [cr.tensor([6.0])]
    assert params[0].item() == 5.0 and params[3].item() == 6.0
    assert repr(nn.ParameterList([cr.tensor([[1.0]]), 3])) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 1x1]\n    (1): Object of "
        "type: int\n)"
    )
    with pytest.raises(RuntimeError, match="ParameterList should not be called"):
        params(1)
    with pytest.raises(
        TypeError, match="ParameterList.extend should be called with an iterable, but got Tensor"
    ):
        params.extend(cr.tensor([1.0]))


def test_parameter_dict():
    params = nn.ParameterDict({"b": cr.tensor([2.0]), "a": cr.tensor([1.0])})
    assert list(params) == ["a", "b"] and params["a"].item() == params.a.item() == 1.0
    assert params.get("x") is None and params.setdefault("c", cr.tensor([3.0])).item() == 3.0
    assert list(params | nn.ParameterDict({"d": cr.tensor([4.0])})) == ["a", "b", "c", "d"]
    assert params.pop("a").item() == 1.0 and params.popitem()[0] == "c"
    assert [(k, v.item()) for k, v in params.items()] == [("b", 2.0)]
    assert list(reversed(params)) == ["b"] and list(params.copy()) == ["b"]
    assert "torch.FloatTensor of size 1" in repr(params)
    del params["b"]
    assert len(params) == 0 and not hasattr(params, "b")
    with pytest.raises(TypeError, match="not a string \\(type is 'int'\\)"):
        params[3] = cr.tensor([1.0])
    with pytest.raises(RuntimeError, match="ParameterDict should not be called"):
        params(1)


def test_containers_survive_deepcopy():
    for net in (
        nn.Sequential(*three()), nn.ModuleList(three()), nn.ModuleDict({"a": nn.ReLU()}),
        nn.ParameterList([cr.tensor([1.0])]), nn.ParameterDict({"a": cr.tensor([1.0])}),
    ):  # fmt: skip
        assert repr(copy.deepcopy(net)) == repr(net)
