"""Optimizers without PyTorch: steps by hand, state, groups, hooks, texts, small parameters laid end to end."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim import buckets
from chainrule.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)
from chainrule.optim.rules.rule import branch

STATE = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adamax": {}, "NAdam": {}, "RAdam": {},
    "RMSprop": {"momentum": 0.9, "centered": True}, "Rprop": {}, "Adagrad": {}, "Adadelta": {}, "ASGD": {},
}  # fmt: skip
KINDS = [*STATE, "Adafactor"]


def leaf(values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def leaves(seed=0, shapes=((3, 2), (4,), ())):
    rng = np.random.default_rng(seed)
    return [cr.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]


def give_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = cr.tensor(rng.normal(size=tuple(p.shape)))


def stepped(optimizer, params, seeds):
    for seed in seeds:
        give_gradients(params, seed)
        optimizer.step()
    return [p.tolist() for p in params]


def make(name, params, **kwargs):
    return getattr(optim, name)(params, **STATE.get(name, {}), **kwargs)


# The parameter is 1, the gradient 2, then 4 (the loss is 2p at first, then 4p).
BY_HAND = {
    "sgd": (lambda p: optim.SGD([p], 0.1), [0.8, 0.4]),
    "sgd-maximize": (lambda p: optim.SGD([p], 0.1, maximize=True), [1.2, 1.6]),
    "sgd-decay": (lambda p: optim.SGD([p], 0.1, weight_decay=0.5), [0.75, 0.75 - 0.1 * 4.375]),
    "sgd-momentum": (lambda p: optim.SGD([p], 0.1, momentum=0.5), [0.8, 0.3]),
    "sgd-dampening": (lambda p: optim.SGD([p], 0.1, momentum=0.5, dampening=0.25), [0.8, 0.4]),
    "sgd-nesterov": (lambda p: optim.SGD([p], 0.1, momentum=0.5, nesterov=True), [0.7, 0.05]),
    "adam": (lambda p: optim.Adam([p], 0.1, eps=0.0), [0.9, 0.9 - 0.1 * (0.58 / 0.19) / (19.996 / 1.999) ** 0.5]),
    "adamw": (lambda p: optim.AdamW([p], 0.1, eps=0.0, weight_decay=0.5), [0.95 - 0.1]),
    "adamax": (lambda p: optim.Adamax([p], 0.1, eps=0.0), [0.9, 0.9 - 0.1 * 0.58 / 0.19 / 4]),
    "radam": (lambda p: optim.RAdam([p], 0.1), [0.8, 0.8 - 0.1 * 0.58 / 0.19]),
    "rmsprop": (lambda p: optim.RMSprop([p], 0.1, alpha=0.75, eps=0.0), [0.8, 0.8 - 0.4 / 4.75**0.5]),
    "rprop": (lambda p: optim.Rprop([p], 0.1), [0.9, 0.78]),
    "adagrad": (lambda p: optim.Adagrad([p], 0.1, eps=0.0, lr_decay=1.0), [0.9, 0.9 - 0.05 * 4 / 20**0.5]),
    "adadelta": (lambda p: optim.Adadelta([p], 1.0, rho=0.5, eps=0.5), [1 - 2 * (0.5 / 2.5) ** 0.5]),
    "asgd": (lambda p: optim.ASGD([p], 0.1, lambd=0.0), [0.8, 0.4]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_steps_by_hand(name):
    build, wanted = BY_HAND[name]
    p = leaf([1.0])
    optimizer = build(p)
    for gradient, value in zip([2.0, 4.0], wanted):
        p.grad = cr.tensor([gradient], dtype=cr.float64)
        optimizer.step()
        # ASGD keeps its rate in single precision, as PyTorch does
        assert p.item() == pytest.approx(value, rel=1e-7 if name == "asgd" else 1e-13)


def test_rprop_turns_back():
    p = leaf([1.0])
    optimizer = optim.Rprop([p], 0.1)
    path = []
    for gradient in (2.0, -1.0, -1.0):
        p.grad = cr.tensor([gradient], dtype=cr.float64)
        optimizer.step()
        path.append(p.item())
    assert path == pytest.approx([0.9, 0.9, 0.95])


# ----- laid end to end, block by block, one by one


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("small", "block"), [(0, 1 << 20), (0, 3), (1 << 20, 3)], ids=["alone", "blocks", "both"])
def test_the_layout_does_not_change_a_bit(name, small, block, monkeypatch):
    params = leaves()
    wanted = stepped(make(name, params), params, range(5))
    monkeypatch.setattr(buckets, "SMALL", small)
    monkeypatch.setattr(buckets, "BLOCK", block)
    params = leaves()
    assert stepped(make(name, params), params, range(5)) == wanted


def test_small_parameters_share_one_buffer_and_the_state_shows_it():
    params = leaves()
    optimizer = make("Adam", params)
    stepped(optimizer, params, range(3))
    flat = {id(optimizer.state[p]["exp_avg"].numpy().base) for p in params}
    assert len(flat) == 1
    assert [optimizer.state[p]["step"].item() for p in params] == [3.0] * 3
    assert all(optimizer.state[p]["exp_avg"].shape == p.shape for p in params)


def test_the_parameters_keep_their_memory():
    p = cr.zeros(3, requires_grad=True)
    q = cr.zeros(2, 2, requires_grad=True)
    seen = p.detach().numpy(), q.detach().numpy()
    optimizer = optim.SGD([p, q], 1.0)
    p.grad, q.grad = cr.ones(3), cr.ones(2, 2)
    optimizer.step()
    assert [a.tolist() for a in seen] == [[-1.0] * 3, [[-1.0] * 2] * 2]


def test_parameters_that_are_not_contiguous():
    w = cr.tensor(np.arange(6.0).reshape(2, 3).T, requires_grad=True)
    v = cr.from_numpy(np.arange(6.0).reshape(2, 3).T).requires_grad_()
    for p in (w, v):
        p.grad = cr.tensor(np.arange(6.0).reshape(3, 2))
        optim.SGD([p], 0.5).step()
    assert w.tolist() == v.tolist() == [[0.0, 2.5], [0.0, 2.5], [0.0, 2.5]]


def test_a_step_is_an_in_place_change():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    w.grad = cr.tensor([1.0, 1.0], dtype=cr.float64)
    optim.SGD([w], 0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("change", ["replaced entry", "cleared state", "new data", "written in place", "one step count"])
def test_state_changed_between_steps_is_respected(change, monkeypatch):
    def run():
        params = leaves()
        optimizer = make("Adam", params)
        stepped(optimizer, params, range(2))
        p = params[0]
        if change == "replaced entry":
            optimizer.state[p]["exp_avg"] = cr.ones(3, 2, dtype=cr.float64)
        elif change == "cleared state":
            optimizer.state.clear()
        elif change == "new data":
            p.data = cr.full((3, 2), 0.5, dtype=cr.float64)
        elif change == "written in place":
            optimizer.state[p]["exp_avg"].fill_(7.0)
        else:
            optimizer.state[p]["step"].fill_(40.0)
        return stepped(optimizer, params, range(2, 5))

    together = run()
    monkeypatch.setattr(buckets, "SMALL", 0)
    assert run() == together


def test_parameters_without_a_gradient_are_left_alone():
    params = leaves()
    optimizer = make("Adam", params)
    stepped(optimizer, params, range(2))
    before = params[1].tolist()
    give_gradients(params, 2)
    params[1].grad = None
    optimizer.step()
    assert params[1].tolist() == before
    stepped(optimizer, params, [3])
    assert [optimizer.state[p]["step"].item() for p in params] == [4.0, 3.0, 4.0]


# ----- groups and settings


def test_groups_have_their_own_settings():
    a, b, c = leaf([1.0]), leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": c, "lr": 0.25, "momentum": 0.9})
    for p in (a, b, c):
        p.grad = cr.ones(1, dtype=cr.float64)
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == pytest.approx([0.8, -0.5, 1 - 0.25 - 0.25 * 1.9])


def test_a_learning_rate_in_a_tensor_may_be_changed_in_place():
    p, lr = leaf([1.0]), cr.tensor(0.5)
    optimizer = optim.SGD([p], lr=lr)
    p.grad = cr.ones(1, dtype=cr.float64)
    optimizer.step()
    lr.fill_(0.25)
    optimizer.step()
    assert p.item() == 0.25


def test_names_are_kept():
    optimizer = optim.SGD([("w", leaf([1.0])), ("b", leaf([2.0]))], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    other = optim.SGD([leaf([1.0]), leaf([2.0])], lr=0.3)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["param_names"] == ["w", "b"]
    assert other.param_groups[0]["lr"] == 0.1


def test_repr():
    assert repr(optim.SGD([leaf([1.0])], lr=0.5)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.5\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


def test_zero_grad():
    p, q = leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([p, q])
    (p * 3).backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0.0
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_runs_with_gradients_and_its_loss_comes_back():
    p = leaf([3.0])
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with cr.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 0.0


# ----- saved states


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("how", ["state_dict", "pickle", "deepcopy"])
def test_training_resumes_where_it_stopped(name, how):
    params = leaves()
    wanted = stepped(make(name, params), params, range(6))
    params = leaves()
    optimizer = make(name, params)
    stepped(optimizer, params, range(3))
    if how == "state_dict":
        resumed = make(name, params, lr=77.0)
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    else:
        resumed = copy.deepcopy(optimizer) if how == "deepcopy" else pickle.loads(pickle.dumps(optimizer))
        params = resumed.param_groups[0]["params"]
    assert stepped(resumed, params, range(3, 6)) == wanted


def test_a_state_dict_holds_numbers_for_parameters():
    params = leaves()
    optimizer = optim.SGD([{"params": params[:1]}, {"params": params[1:]}], lr=0.1, momentum=0.5)
    stepped(optimizer, params, [0])
    saved = optimizer.state_dict()
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1, 2]]
    assert list(saved["state"]) == [0, 1, 2]
    assert saved["state"][1]["momentum_buffer"].shape == (4,)


def test_loaded_state_is_a_copy_in_the_dtype_of_its_parameter():
    params = leaves()
    optimizer = make("Adam", params)
    stepped(optimizer, params, [0])
    saved = optimizer.state_dict()
    single = [p.detach().float().requires_grad_() for p in params]
    other = make("Adam", single)
    other.load_state_dict(saved)
    assert other.state[single[0]]["exp_avg"].dtype == cr.float32
    other.state[single[0]]["exp_avg"].fill_(9.0)
    assert optimizer.state[params[0]]["exp_avg"].tolist() != other.state[single[0]]["exp_avg"].tolist()


def test_groups_saved_by_older_releases_get_the_settings_they_lack():
    p = leaf([1.0])
    optimizer = optim.Adam([p], amsgrad=True)
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["amsgrad"], saved["param_groups"][0]["maximize"]
    saved["state"] = {0: {"step": 3, "exp_avg": cr.zeros(1), "exp_avg_sq": cr.ones(1)}}
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["amsgrad"] is optimizer.param_groups[0]["maximize"] is False
    assert optimizer.state[p]["step"].dtype == cr.float32


def test_state_of_another_shape_is_refused():
    p = leaf([1.0, 2.0])
    optimizer = make("Adam", [p])
    optimizer.state[p]["exp_avg"] = cr.zeros(3)
    p.grad = cr.ones(2, dtype=cr.float64)
    with pytest.raises(RuntimeError, match=r"state 'exp_avg' has shape \[3\], but its parameter needs \[2\]"):
        optimizer.step()


# ----- hooks


def test_hooks_around_a_step():
    p = leaf([1.0])
    p.grad = cr.ones(1, dtype=cr.float64)
    optimizer, calls = optim.SGD([p], lr=0.5), []
    handles = [
        register_optimizer_step_pre_hook(lambda o, a, k: calls.append("before any")),
        register_optimizer_step_post_hook(lambda o, a, k: calls.append("after any")),
        optimizer.register_step_pre_hook(lambda o, a, k: calls.append("before")),
        optimizer.register_step_post_hook(lambda o, a, k: calls.append(("after", o is optimizer))),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert calls == ["before any", "before", ("after", True), "after any"]
    assert p.item() == 0.0


def test_a_hook_may_replace_the_arguments():
    optimizer = optim.SGD([leaf([1.0])])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 5,), {}))
    assert optimizer.step() == 5
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3"):
        optimizer.step()


def test_hooks_around_saving():
    optimizer, calls = optim.SGD([leaf([1.0])], lr=0.5), []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, d: {k: v for k, v in d.items() if k != "note"})
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("loaded"))
    saved = optimizer.state_dict()
    assert saved["note"] == 1
    optimizer.load_state_dict(saved)
    assert calls == ["first", "second", "loaded"]


def test_an_own_optimizer_is_hooked_once():
    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p, calls = leaf([1.0]), []
    p.grad = cr.ones(1, dtype=cr.float64)
    optimizer = Twice([p], lr=0.25)
    optimizer.register_step_post_hook(lambda o, a, k: calls.append(p.item()))
    optimizer.step()
    assert calls == [0.5]


# ----- texts

P = leaf([1.0])
REFUSED = [
    (lambda: optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
    (lambda: optim.SGD(cr.zeros(1)), TypeError, "params argument given to the optimizer should be an iterable of Tensors "
     "or dicts, but got torch.FloatTensor"),
    (lambda: optim.SGD([P, 3]), TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    (lambda: optim.SGD([P * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda: optim.SGD([{"params": {P}}]), TypeError, "optimizer parameters need to be organized in ordered collections, "
     "but the ordering of tensors in sets will change between runs. Please use a list instead."),
    (lambda: optim.SGD([{"params": P}, {"params": P}]), ValueError, "some parameters appear in more than one parameter group"),
    (lambda: optim.SGD([("a", P), leaf([1.0])]), ValueError,
     "all optimizer params should be with/without names. Some param names are missing"),
    (lambda: optim.SGD([("a", P)]).add_param_group({"params": leaf([1.0])}), ValueError, "all optimizer param groups should "
     "be with/without names. cannot add param group without names to the optimizer"),
    (lambda: optim.SGD([P]).add_param_group(3), TypeError, "param_group must be a dict, but got <class 'int'>"),
    (lambda: optim.Optimizer([P], {"lr": required}), ValueError,
     "parameter group didn't specify a value of required optimization parameter lr"),
    (lambda: optim.Optimizer([P], {}).step(), NotImplementedError, "Optimizer does not define step()"),
    (lambda: optim.SGD([P], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: optim.SGD([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.SGD([P], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda: optim.SGD([P], nesterov=True), ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    (lambda: optim.SGD([P], fused=True, differentiable=True), RuntimeError, "`fused` does not support `differentiable`"),
    (lambda: optim.SGD([P], fused=True, foreach=True), RuntimeError, "`fused` and `foreach` cannot be `True` together."),
    (lambda: optim.Adam([P], betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1: 1.0"),
    (lambda: optim.Adam([P], betas=(0.9, cr.tensor(0.9))), ValueError, "betas must be either both floats or both Tensors"),
    (lambda: optim.Adam([P], lr=cr.tensor(0.1), foreach=True), ValueError,
     "lr as a Tensor is not supported for capturable=False and foreach=True"),
    (lambda: optim.Adam([P], betas=(cr.zeros(2), cr.zeros(2))), RuntimeError, "Boolean value of Tensor with more than one "
     "value is ambiguous"),
    (lambda: optim.Rprop([P], etas=(1.5, 1.2)), ValueError, "Invalid eta values: 1.5, 1.2"),
    (lambda: optim.Adadelta([P], rho=2.0), ValueError, "Invalid rho value: 2.0"),
    (lambda: optim.Adafactor([P], lr=-1), ValueError, "Learning rate should be >= 0 but is: -1"),
    (lambda: optim.Adafactor([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.Adafactor([P], beta2_decay=1), ValueError, "beta2_decay should be <= 0 but is: 1"),
    (lambda: optim.Adafactor([P], eps=(-1, 0)), ValueError, "epsilon1 should be >= 0 but is: -1"),
    (lambda: optim.Adafactor([P], d=0.5), ValueError, "Clipping threshold d should be >= 1 but is: 0.5"),
    (lambda: optim.Adafactor([P], weight_decay=-1), ValueError, "weight_decay should be >= 0 but is: -1"),
    (lambda: optim.Muon([P]), ValueError,
     "Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([1])"),
    (lambda: optim.Muon([P], lr=-1), ValueError, "Learning rate should be >= 0 but is: -1"),
    (lambda: optim.Muon([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.Muon([P], momentum=-1), ValueError, "momentum should be >= 0 but is: -1"),
    (lambda: optim.Muon([P], weight_decay=-1), ValueError, "weight decay should be >= 0 but is: -1"),
    (lambda: optim.Muon([P], adjust_lr_fn="x"), ValueError, "Adjust learning rate function x is not supported"),
    (lambda: optim.LBFGS([{"params": P}, {"params": leaf([1.0])}]), ValueError,
     "LBFGS doesn't support per-parameter options (parameter groups)"),
    (lambda: searched("backtracking"), RuntimeError, "only 'strong_wolfe' is supported"),
    (lambda: optim.SGD([P]).load_state_dict({"state": {}, "param_groups": []}), ValueError,
     "loaded state dict has a different number of parameter groups"),
    (lambda: optim.SGD([P]).load_state_dict(optim.SGD([P, leaf([1.0])]).state_dict()), ValueError,
     "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"),
    (lambda: orthogonal(ns_steps=100), ValueError, "Number of steps must be less than 100 for computational efficiency"),
    (lambda: orthogonal(ns_coefficients=(1, 2)), ValueError, "Coefficients must be a tuple of exactly 3 values"),
    (lambda: imaginary(optim.Muon), RuntimeError, "Muon does not support complex parameters"),
    (lambda: imaginary(optim.Adafactor), RuntimeError, "Adafactor does not support complex parameters"),
]  # fmt: skip


def searched(kind):
    p = leaf([1.0])

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    optim.LBFGS([p], line_search_fn=kind).step(closure)


def orthogonal(**kwargs):
    p = leaf([[1.0, 2.0]])
    p.grad = cr.ones(1, 2, dtype=cr.float64)
    optim.Muon([p], **kwargs).step()


def imaginary(kind):
    p = cr.ones(1, 2, dtype=cr.complex64, requires_grad=True)
    p.grad = cr.ones(1, 2, dtype=cr.complex64)
    kind([p]).step()


@pytest.mark.parametrize(("call", "error", "text"), REFUSED, ids=range(len(REFUSED)))
def test_errors_word_for_word(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_a_parameter_twice_in_a_group_warns_and_is_updated_twice():
    p = leaf([1.0])
    with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters"):
        optimizer = optim.SGD([p, p], lr=0.25)
    p.grad = cr.ones(1, dtype=cr.float64)
    optimizer.step()
    assert p.item() == 0.5


# ----- rules are written once


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "ASGD"])
def test_a_recorded_step_computes_the_same(name):
    params = leaves()
    wanted = stepped(make(name, params), params, range(4))
    recorded = [p.clone() for p in leaves()]
    got = stepped(make(name, recorded, differentiable=True), recorded, range(4))
    for a, b in zip(got, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert all(p.grad_fn is not None for p in recorded)


def test_the_gradient_by_the_learning_rate():
    w, lr = leaf([3.0]), cr.tensor(0.1, dtype=cr.float64, requires_grad=True)
    p = w.clone()
    p.grad = (2 * w).detach()
    optim.SGD([p], lr=lr, differentiable=True).step()
    p.sum().backward()
    assert lr.grad.item() == -6.0


def test_a_branch_on_a_tensor_is_a_choice_of_values():
    known = branch(cr.tensor(True), lambda: cr.tensor(1.0), lambda: cr.tensor(2.0))
    assert known.item() == branch(True, lambda: 1.0, lambda: 2.0) == 1.0
