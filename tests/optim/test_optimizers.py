"""Optimizers without PyTorch: steps by hand, groups, small parameters laid end to end."""

import numpy as np
import pytest
from tests.optim.helpers import KINDS, STATE, give_gradients, leaf, leaves, make, stepped

import chainrule as cr
from chainrule import optim
from chainrule.optim import buckets
from chainrule.optim.rules.rule import branch

# The parameter is 1, the gradient 2, then 4 (the loss is 2p at first, then 4p).
BY_HAND = {
    "sgd": (lambda p: optim.SGD([p], 0.1), [0.8, 0.4]),
    "sgd-maximize": (lambda p: optim.SGD([p], 0.1, maximize=True), [1.2, 1.6]),
    "sgd-decay": (lambda p: optim.SGD([p], 0.1, weight_decay=0.5), [0.75, 0.75 - 0.1 * 4.375]),
    "sgd-momentum": (lambda p: optim.SGD([p], 0.1, momentum=0.5), [0.8, 0.3]),
    "sgd-dampening": (lambda p: optim.SGD([p], 0.1, momentum=0.5, dampening=0.25), [0.8, 0.4]),
    "sgd-nesterov": (lambda p: optim.SGD([p], 0.1, momentum=0.5, nesterov=True), [0.7, 0.05]),
    "adam": (lambda p: optim.Adam([p], 0.1, eps=0.0), [0.9, 0.9 - 0.058 / 0.19 / (19.996 / 1.999) ** 0.5]),
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
@pytest.mark.parametrize(
    ("small", "block"), [(0, 1 << 20), (0, 3), (1 << 20, 3)], ids=["alone", "blocks", "both"]
)
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


@pytest.mark.parametrize(
    "change", ["replaced entry", "cleared state", "new data", "written in place", "one step count"]
)
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


def test_a_setting_switched_on_between_steps():
    def run():
        params = leaves()
        optimizer = optim.SGD(params, lr=0.1)
        stepped(optimizer, params, [0])
        assert not optimizer.state
        optimizer.param_groups[0]["momentum"] = 0.5
        return stepped(optimizer, params, [1, 2])

    params, buffers = leaves(), [0.0, 0.0, 0.0]
    for seed, momentum in enumerate([0.0, 0.5, 0.5]):
        give_gradients(params, seed)
        for i, p in enumerate(params):
            buffers[i] = momentum * buffers[i] + p.grad.numpy()
            p.data = cr.tensor(p.detach().numpy() - 0.1 * buffers[i])
            if not momentum:
                buffers[i] = 0.0
    for got, p in zip(run(), params):
        np.testing.assert_allclose(got, p.tolist(), rtol=1e-14)


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
    settings = ["dampening: 0", "differentiable: False", "foreach: None", "fused: None", "lr: 0.5"]
    settings += ["maximize: False", "momentum: 0", "nesterov: False", "weight_decay: 0"]
    lines = ["SGD (", "Parameter Group 0", *[f"    {line}" for line in settings], ")"]
    assert repr(optim.SGD([leaf([1.0])], lr=0.5)) == "\n".join(lines)


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


def test_a_parameter_twice_in_a_group_warns_and_is_updated_twice():
    p = leaf([1.0])
    with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters"):
        optimizer = optim.SGD([p, p], lr=0.25)
    p.grad = cr.ones(1, dtype=cr.float64)
    optimizer.step()
    assert p.item() == 0.5


# ----- rules are written once


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "ASGD"]
)
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


@pytest.mark.parametrize("name", STATE)
def test_a_rule_takes_its_numbers_in_tensors(name):
    """As a compiler gives it the step count and the learning rate: as variables."""
    optimizer = make(name, [leaf([1.0, -2.0])])
    rule, group = optimizer.rule, optimizer.param_groups[0]
    hyper = {key: group[key] for key in rule.hyper}
    arrays = [np.array([1.0, -2.0]), np.array([0.5, 0.25])]
    for t in (3.0, 30.0):
        numbers = [t if entry.name == "step" else 0.75 for entry in rule.numbers]
        buffers = [np.array([0.25, 0.125 * (i + 1)]) for i, _ in enumerate(rule.buffers)]
        wanted = rule.update(*arrays, *numbers, *buffers, **hyper)
        lifted = [cr.tensor(value, dtype=cr.float64) for value in (*arrays, *numbers, *buffers)]
        if "lr" in hyper:
            hyper["lr"] = cr.tensor(group["lr"], dtype=cr.float64)
        found = rule.update(*lifted, **hyper)
        hyper = {key: group[key] for key in rule.hyper}
        for value, tensor in zip(wanted, found, strict=True):
            # NAdam's product of μ is kept in single precision
            np.testing.assert_allclose(tensor.numpy(), value, rtol=1e-6 if name == "NAdam" else 1e-12)


def test_a_branch_on_a_tensor_is_a_choice_of_values():
    known = branch(cr.tensor(True), lambda: cr.tensor(1.0), lambda: cr.tensor(2.0))
    assert known.item() == branch(True, lambda: 1.0, lambda: 2.0) == 1.0
