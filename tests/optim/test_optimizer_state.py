"""Optimizers' saved states, resumed training, hooks."""

import copy
import pickle

import pytest
from tests.optim.helpers import KINDS, leaf, leaves, make, stepped

import chainrule as cr
from chainrule import optim
from chainrule.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

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
    with pytest.raises(
        RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3"
    ):
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
