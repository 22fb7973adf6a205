"""Module: registration, walks, state dicts, hooks, copies and errors."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2, bias=False)
        self.scale = nn.Parameter(cr.tensor([2.0]))
        self.register_buffer("steps", cr.tensor([0.0]))
        self.register_buffer("scratch", cr.tensor([1.0]), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


KEYS = ["scale", "steps", "first.weight", "first.bias", "second.weight"]


# ----- registration


def test_assigned_members_are_registered_and_found():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", *KEYS[2:]]
    assert [name for name, _ in net.named_buffers()] == ["steps", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "second"]
    assert net.first.weight is net._modules["first"]._parameters["weight"]
    assert net.second.bias is None


def test_reassigning_moves_a_name_between_registries():
    net = Net()
    net.first = nn.Identity()
    assert "first" in net._modules
    del net.first
    net.first = nn.Parameter(cr.tensor([1.0]))
    assert "first" in net._parameters and "first" not in net._modules
    net.steps = cr.tensor([5.0])
    assert net._buffers["steps"] is net.steps
    net.scale = None
    assert net.scale is None and "scale" in net._parameters


def test_changing_a_registry_directly_changes_the_attribute():
    net = Net()
    new = nn.Parameter(cr.tensor([7.0]))
    net._parameters["scale"] = new
    assert net.scale is new
    del net._modules["second"]
    assert not hasattr(net, "second")
    net._buffers.clear()
    assert not hasattr(net, "steps")
    net._modules = {"first": nn.Identity(), "third": nn.ReLU()}
    assert isinstance(net.third, nn.ReLU) and isinstance(net.first, nn.Identity)


def test_a_module_is_freed_without_the_garbage_collector():
    net = Net()
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_buffer_object_says_whether_it_is_persistent():
    net = nn.Module()
    net.kept = nn.Buffer(cr.tensor([1.0]))
    net.lost = nn.Buffer(cr.tensor([1.0]), persistent=False)
    assert list(net.state_dict()) == ["kept"]
    assert isinstance(net.kept, nn.Buffer) and not isinstance(cr.tensor(1.0), nn.Buffer)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda net: setattr(net, "first", 3), TypeError,
         r"cannot assign 'int' as child module 'first' \(torch.nn.Module or None expected\)"),
        (lambda net: setattr(net, "scale", cr.tensor([1.0])), TypeError,
         r"cannot assign 'torch.FloatTensor' as parameter 'scale' \(torch.nn.Parameter or None expected\)"),
        (lambda net: setattr(net, "steps", "x"), TypeError,
         r"cannot assign 'str' as buffer 'steps' \(torch.nn.Buffer, torch.Tensor or None expected\)"),
        (lambda net: net.register_parameter("a.b", None), KeyError, "parameter name can.*contain"),
        (lambda net: net.register_parameter("", None), KeyError, "parameter name can.*be empty string"),
        (lambda net: net.register_parameter("forward", None), KeyError, "attribute 'forward' already exists"),
        (lambda net: net.register_parameter("w", cr.tensor([1.0])), TypeError,
         r"cannot assign 'torch.FloatTensor' object to parameter 'w' \(torch.nn.Parameter or None req"),
        (lambda net: net.register_buffer("b", 3), TypeError,
         r"cannot assign 'int' object to buffer 'b' \(torch Tensor or None required\)"),
        (lambda net: net.register_buffer(3, None), TypeError, "buffer name should be a string. Got int"),
        (lambda net: net.add_module("m", 3), TypeError, "int is not a Module subclass"),
        (lambda net: net.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda net: net.get_submodule("first.x"), AttributeError, "Linear has no attribute `x`"),
        (lambda net: net.get_submodule("first.weight"), AttributeError, "`weight` is not an nn.Module"),
        (lambda net: net.get_parameter("steps"), AttributeError, "`steps` is not an nn.Parameter"),
        (lambda net: net.get_buffer("scale"), AttributeError, "`scale` is not a buffer"),
        (lambda net: net.set_submodule("", nn.Identity()), ValueError, "without a target name"),
        (lambda net: net.set_submodule("first", 3), ValueError, "`module` is not an nn.Module"),
        (lambda net: net.set_submodule("third", nn.Identity(), strict=True), AttributeError,
        "no attribute `third`"),
        (lambda net: net.train("yes"), ValueError, "training mode is expected to be boolean"),
        (lambda net: net.to(cr.tensor([1]).dtype), TypeError,
        "only accepts floating point or complex dtypes"),
        (lambda net: nn.Module()(1), NotImplementedError,
        r'Module \[Module\] is missing the required "forward"'),
        (lambda net: nn.Module(3), TypeError,
        r"Module.__init__\(\) takes 1 positional argument but 2 were given"),
        (lambda net: nn.Module(a=3), TypeError,
        r"Module.__init__\(\) got an unexpected keyword argument 'a'"),
    ],
)  # fmt: skip
def test_refusals(change, error, words):
    with pytest.raises(error, match=words):
        change(Net())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: nn.Linear(1, 1), "cannot assign module before Module.__init__\\(\\) call"),
        (lambda: nn.Parameter(cr.tensor(1.0)), "cannot assign parameters before Module.__init__\\(\\) call"),
    ],
)
def test_forgotten_super_init(value, words):
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.x = value()

    with pytest.raises(AttributeError, match=words):
        Forgetful()


def test_non_leaf_is_no_parameter():
    made = nn.Parameter(cr.tensor([1.0])) * 2
    made._is_param = True
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'w'"):
        nn.Module().register_parameter("w", made)


# ----- state dict


def test_state_dict_has_keys_order_versions_and_shared_memory():
    net = Net()
    state = net.state_dict()
    assert list(state) == KEYS
    assert dict(state._metadata) == {name: {"version": 1} for name in ("", "first", "second")}
    assert not state["scale"].requires_grad
    assert np.shares_memory(state["scale"].numpy(), net.scale.detach().numpy())
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(net.state_dict(prefix="a.")) == ["a." + key for key in KEYS]


def test_load_state_dict_copies_values_and_keeps_objects():
    one, other = Net(), Net()
    weight = other.first.weight
    keys = other.load_state_dict(one.state_dict())
    assert repr(keys) == "<All keys matched successfully>"
    assert other.first.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(), one.first.weight.detach().numpy())
    assert not np.shares_memory(weight.detach().numpy(), one.first.weight.detach().numpy())


def test_load_state_dict_with_assign_takes_the_tensors():
    net = Net()
    net.scale.requires_grad_(False)
    given = Net().state_dict()
    net.load_state_dict(given, assign=True)
    assert (
        isinstance(net.scale, nn.Parameter) and not net.scale.requires_grad and net.first.weight.requires_grad
    )
    assert np.shares_memory(net.first.weight.detach().numpy(), given["first.weight"].numpy())


def test_load_state_dict_reports_everything_that_does_not_fit():
    state = Net().state_dict()
    del state["scale"]
    state["other.weight"] = cr.tensor([1.0])
    state["first.bias"] = cr.tensor([1.0])
    with pytest.raises(RuntimeError) as caught:
        Net().load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "scale". \n'
        '\tUnexpected key(s) in state_dict: "other.weight". \n'
        "\tsize mismatch for first.bias: copying a param with shape torch.Size([1]) from checkpoint, the "
        "shape in "
        "current model is torch.Size([4])."
    )
    del state["first.bias"]
    keys = Net().load_state_dict(state, strict=False)
    assert keys.missing_keys == ["scale", "first.bias"] and keys.unexpected_keys == ["other.weight"]
    assert repr(keys).startswith("_IncompatibleKeys(missing_keys=['scale', 'first.bias']")


def test_load_state_dict_refuses_what_is_no_mapping_or_tensor():
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        Net().load_state_dict([1])
    state = Net().state_dict()
    state["scale"] = 3
    with pytest.raises(RuntimeError, match='parameter named "scale", expected torch.Tensor'):
        Net().load_state_dict(state)


def test_state_dict_hooks_run_in_order():
    net, seen = Net(), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state.__delitem__("steps"))
    net.register_load_state_dict_pre_hook(lambda m, state, *rest: seen.append(("load", m is net)))
    handle = net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state = net.state_dict()
    assert "steps" not in state
    net.load_state_dict(state)
    handle.remove()
    with pytest.raises(RuntimeError, match='Missing key.*"steps"'):
        net.load_state_dict(state)
    assert seen == [("pre", "", False), ("load", True), ("load", True)]


def test_post_hook_must_not_return():
    net = Net()
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: {})
    with pytest.raises(RuntimeError, match="state_dict post-hook must return None"):
        net.state_dict()


def test_extra_state_is_saved_and_loaded():
    class Counting(nn.Module):
        count = 3

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one, other = Counting(), Counting()
    one.count = 9
    other.load_state_dict(one.state_dict())
    assert other.count == 9
    with pytest.raises(RuntimeError, match="_extra_state"):
        other.load_state_dict({})


# ----- modes, conversion, copies


def test_train_eval_apply_and_zero_grad():
    net = Net()
    assert net.eval() is net and not net.first.training
    assert net.train().second.training
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Net"]
    net(cr.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.tolist() == [0.0]
    net.zero_grad()
    assert net.scale.grad is None


def test_requires_grad_freezes_all():
    net = Net().requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_conversion_keeps_the_parameter_objects_and_converts_gradients():
    net = Net()
    scale = net.scale
    net(cr.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    assert net.double() is net and net.scale is scale
    assert str(scale.dtype) == str(scale.grad.dtype) == str(net.steps.dtype) == "torch.float64"
    net.zero_grad()
    net(cr.tensor(np.ones((1, 3)))).sum().backward()
    assert str(scale.grad.dtype) == "torch.float64"


def test_deepcopy_and_pickle_are_independent_and_complete():
    net = Net()
    net.note = net.first  # the same child under two names
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert list(twin.state_dict()) == list(net.state_dict())
        assert twin.first is twin._modules["first"] is twin.note and twin.first is not net.first
        assert twin.first.weight is twin.first._parameters["weight"]
        assert isinstance(twin.scale, nn.Parameter)
        np.testing.assert_array_equal(twin.scale.detach().numpy(), net.scale.detach().numpy())
        twin._parameters["scale"] = None
        assert twin.scale is None and net.scale is not None


def test_parameter_shares_memory_and_prints_as_one():
    data = cr.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    assert np.shares_memory(p.detach().numpy(), data.numpy())
    assert repr(p) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    assert isinstance(p, cr.Tensor) and not isinstance(data, nn.Parameter)
    assert type(p * 2) is cr.Tensor
    assert repr(copy.deepcopy(p)) == repr(pickle.loads(pickle.dumps(p))) == repr(p)


def test_lazy_linear_becomes_linear():
    net = nn.LazyLinear(2)
    assert repr(net.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        net.weight.shape
    assert net(cr.tensor([[1.0, 2.0, 3.0]])).shape == (1, 2)
    assert type(net) is nn.Linear and repr(net) == "Linear(in_features=3, out_features=2, bias=True)"
    assert type(net.weight) is nn.Parameter


def test_dir_names_members_but_no_numbers():
    names = dir(Net())
    assert {"first", "scale", "steps", "forward"} <= set(names) and len(names) == len(set(names))
    assert "0" not in dir(nn.Sequential(nn.Identity()))
