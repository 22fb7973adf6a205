"""compile(): what people write just works, with the numbers of the eager run; what cannot says why."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiler.step import Compiled
from chainrule.program import TraceError

F = nn.functional
scale = 1.0  # a global that a step reads


def _network(seed=0):
    cr.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 12, bias=False),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(12, 3),
        nn.LayerNorm(3),
    )


def _training(compiled, make=lambda p: cr.optim.Adam(p, lr=0.01)):
    model = _network()
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y) * scale
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return (cr.compile(step) if compiled else step), model, optimizer


def _batches(n, size=16):
    rng = np.random.default_rng(1)
    return [
        (
            cr.from_numpy(rng.normal(size=(size, 6)).astype(np.float32)),
            cr.from_numpy(rng.integers(0, 3, size)),
        )
        for _ in range(n)
    ]


def _same(a, b, rtol=2e-4):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=5e-6)


OPTIMIZERS = {
    "sgd": lambda p: cr.optim.SGD(p, lr=0.1),
    "momentum": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adamw": lambda p: cr.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: cr.optim.RMSprop(p, lr=0.01, centered=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_equals_the_eager_run(name):
    losses = []
    for compiled in (False, True):
        step, model, _ = _training(compiled, OPTIMIZERS[name])
        cr.manual_seed(3)
        found = [step(*batch).item() for batch in _batches(6)]
        losses.append([*found, model[1].running_mean.sum().item(), model[1].num_batches_tracked.item()])
    _same(losses[1], losses[0])


def test_a_learning_rate_that_changes_needs_no_new_trace():
    losses = []
    for compiled in (False, True):
        step, _, optimizer = _training(compiled)
        schedule = cr.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=20)
        cr.manual_seed(3)
        found = []
        for batch in _batches(10):
            found.append(step(*batch).item())
            schedule.step()
        losses.append(found)
        if compiled:
            assert sum(map(len, step._kinds.values())) == 1
    _same(losses[1], losses[0])


def test_a_ragged_last_batch_is_its_own_specialisation():
    step, _, _ = _training(True)
    for batch in [*_batches(2), *_batches(1, size=5), *_batches(2)]:
        step(*batch)
    assert [len(kinds) for kinds in step._kinds.values()] == [1, 1]


def test_training_and_evaluation_and_attributes_are_told_apart():
    model = _network()
    forward = cr.compile(lambda x: model(x))
    x = _batches(1)[0][0]
    for change in (model.eval, model.train, lambda: setattr(model[3], "p", 0.1), model.eval):
        change()
        cr.manual_seed(5)
        want = model(x).detach().numpy()
        cr.manual_seed(5)
        _same(forward(x).detach().numpy(), want)
        cr.manual_seed(5)
        _same(forward(x).detach().numpy(), want)


def test_globals_and_closures_that_change_are_seen():
    global scale
    factor = 2.0
    step = cr.compile(lambda x: x * scale * factor)
    x = cr.ones(2)
    assert [step(x).tolist() for _ in range(3)] == [[2.0, 2.0]] * 3
    factor = 3.0
    assert [step(x).tolist() for _ in range(2)] == [[3.0, 3.0]] * 2
    scale = 10.0
    try:
        assert [step(x).tolist() for _ in range(2)] == [[30.0, 30.0]] * 2
    finally:
        scale = 1.0
    assert step(x).tolist() == [3.0, 3.0]


def test_lists_and_objects_that_change_are_seen():
    class Settings:
        rate = 0

        def __init__(self):
            self.rate = 2.0

    settings, terms = Settings(), [cr.ones(2), cr.ones(2)]

    def total(x):
        out = x * settings.rate
        for t in terms:
            out = out + t
        return out

    step, x = cr.compile(total), cr.ones(2)
    assert [step(x).tolist() for _ in range(3)] == [[4.0, 4.0]] * 3
    terms.append(cr.ones(2))
    assert [step(x).tolist() for _ in range(2)] == [[5.0, 5.0]] * 2
    settings.rate = 7.0
    assert [step(x).tolist() for _ in range(2)] == [[10.0, 10.0]] * 2


def test_parameters_that_are_replaced_or_loaded_are_seen():
    model = nn.Linear(2, 2, bias=False)
    step, x = cr.compile(lambda x: model(x)), cr.ones(1, 2)
    step(x), step(x)
    model.load_state_dict({"weight": cr.full((2, 2), 3.0)})
    assert step(x).tolist() == [[6.0, 6.0]]
    model.weight = nn.Parameter(cr.full((2, 2), 5.0))
    assert [step(x).tolist() for _ in range(2)] == [[[10.0, 10.0]]] * 2
    model.weight.data = cr.full((2, 2), 7.0)
    assert [step(x).tolist() for _ in range(2)] == [[[14.0, 14.0]]] * 2


def test_an_optimizer_whose_state_is_loaded_goes_on_from_it():
    step, model, optimizer = _training(True)
    other, twin, same = _training(False)
    batches = _batches(4)
    cr.manual_seed(3)
    for batch in batches[:2]:
        step(*batch)
    twin.load_state_dict(model.state_dict())
    same.load_state_dict(optimizer.state_dict())
    optimizer.load_state_dict(optimizer.state_dict())
    for batch in batches[2:]:
        cr.manual_seed(4)
        a = step(*batch).item()
        cr.manual_seed(4)
        _same(a, other(*batch).item())


def test_numbers_as_arguments():
    step = cr.compile(lambda x, a, n: x * a + n)
    x = cr.ones(2)
    for a, n in [(0.5, 1), (0.25, 1), (0.125, 1), (0.5, 2), (0.75, 2)]:
        assert step(x, a, n).tolist() == [a + n] * 2
    branching = cr.compile(lambda x, s: x * s if s > 0.5 else -x * math.exp(s))
    for s in (0.1, 0.7, 0.8, 0.2, 0.1):
        np.testing.assert_allclose(branching(x, s).numpy(), [s if s > 0.5 else -math.exp(s)] * 2, rtol=1e-6)


def test_results_may_be_nested_and_inputs_come_back_as_they_are():
    step = cr.compile(lambda x: {"double": x * 2, "both": [x, (x + 1, 5)], "none": None})
    x = cr.ones(2)
    for _ in range(3):
        found = step(x)
        assert found["double"].tolist() == [2.0, 2.0]
        assert found["both"][0] is x
        assert found["both"][1][0].tolist() == [2.0, 2.0]
        assert found["both"][1][1] == 5
        assert found["none"] is None


def test_results_of_different_calls_are_different_tensors():
    step = cr.compile(lambda x: x + 1)
    found = [step(cr.full((2,), float(i))) for i in range(4)]
    assert [t.tolist() for t in found] == [[i + 1.0] * 2 for i in range(4)]


def test_second_derivatives_compile():
    losses = []
    for compiled in (False, True):
        cr.manual_seed(0)
        net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = cr.optim.Adam(net.parameters(), lr=0.01)

        def step(x, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            x = x.detach().requires_grad_(True)
            u = net(x)
            (ux,) = cr.autograd.grad(u.sum(), x, create_graph=True)
            (uxx,) = cr.autograd.grad(ux.sum(), x, create_graph=True)
            loss = ((uxx + u) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = cr.compile(step) if compiled else step
        x = cr.linspace(0, 1, 9).reshape(9, 1)
        losses.append([run(x).item() for _ in range(5)])
    _same(losses[1], losses[0])


def test_a_compiled_model_in_an_eager_loop():
    results = []
    for compiled in (False, True):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        run = cr.compile(model) if compiled else model
        optimizer = cr.optim.SGD(run.parameters(), lr=0.1)
        x, y = cr.randn(16, 4), cr.randn(16, 1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = ((run(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
        results.append([loss.item(), *(p.grad.sum().item() for p in model.parameters())])
    _same(results[1], results[0])


@pytest.mark.parametrize("cotangent", [
    lambda y: cr.tensor([3.0]).expand(y.shape), lambda y: cr.arange(12.0).reshape(4, 3).T,
    lambda y: cr.arange(24.0)[::2].reshape(3, 4), lambda y: cr.arange(12.0).reshape(3, 4),
])  # fmt: skip
def test_cotangents_that_do_not_lie_in_order(cotangent):
    def function(x):
        return x * x, x.exp()

    x, compiled = cr.linspace(-1, 1, 12).reshape(3, 4).requires_grad_(), cr.compile(function)
    for f in (compiled, compiled, function):
        y, z = f(x)
        (g,) = cr.autograd.grad((y, z), x, (cotangent(y), cotangent(z)))
        np.testing.assert_allclose(g.numpy(), (cotangent(y) * (2 * x + x.exp())).detach().numpy(), rtol=1e-6)
    compiled(x)[0].sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())


def test_a_compiled_model_refuses_a_second_derivative():
    model = nn.Linear(2, 1)
    run = cr.compile(model)
    x = cr.ones(1, 2, requires_grad=True)
    run(x)
    (g,) = cr.autograd.grad(run(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        g.sum().backward()


def test_a_method_compiles():
    class Trainer:
        def __init__(self):
            self.w = cr.zeros(2)

        @cr.compile
        def step(self, x):
            self.w.add_(x)
            return self.w.sum()

    trainer = Trainer()
    assert [trainer.step(cr.ones(2)).item() for _ in range(4)] == [2.0, 4.0, 6.0, 8.0]


def test_a_class_index_out_of_range_stops_the_step_before_it_changes_anything():
    step, model, _ = _training(True)
    x, y = _batches(1)[0]
    step(x, y), step(x, y)
    before = [p.detach().clone() for p in model.parameters()]
    bad = y.clone()
    bad[3] = 7
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        step(x, bad)
    for p, q in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.detach().numpy(), q.numpy())
    step(x, y)


def test_what_cannot_be_compiled_is_refused_at_the_first_call_with_the_line():
    step = cr.compile(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(TraceError) as caught:
        step(cr.ones(2))
    text = str(caught.value)
    assert text.startswith("a compiled step cannot decide by the value of a tensor")
    assert "test_step.py" in text
    assert "fix:" in text


def test_looking_inside():
    step, _, _ = _training(True)
    with pytest.raises(RuntimeError, match="has not been called yet"):
        step.program  # noqa: B018
    for batch in _batches(2):
        step(*batch)
    assert "cross_entropy(" in str(step.program)
    assert "matmul(" in str(step.optimized)
    assert "define i64 @step" in step.ir
    assert "matrix product 16×6 by 6×12" in step.report()
    assert isinstance(step, Compiled)
    assert step.__name__ == "step"


def test_gradients_are_not_kept_and_eager_ones_are_not_left_behind():
    step, model, _ = _training(True)
    for batch in _batches(3):
        step(*batch)
    with pytest.warns(UserWarning, match="used up inside a compiled step"):
        assert all(p.grad is None for p in model.parameters())
    model(_batches(1)[0][0]).sum().backward()
    step(*_batches(1)[0])
    with pytest.warns(UserWarning, match="used up inside a compiled step"):
        assert all(p.grad is None for p in model.parameters())


def test_without_llvm_the_numbers_are_the_same(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.warns(UserWarning, match="llvmlite is not installed"):
        step, _, _ = _training(True)
    cr.manual_seed(3)
    found = [step(*batch).item() for batch in _batches(4)]
    eager, _, _ = _training(False)
    cr.manual_seed(3)
    _same(found, [eager(*batch).item() for batch in _batches(4)])


def test_grad_modes_are_told_apart():
    model = nn.Linear(2, 2)
    step, x = cr.compile(lambda x: model(x)), cr.ones(1, 2)
    assert step(x).requires_grad
    with cr.no_grad():
        assert not step(x).requires_grad
        assert not step(x).requires_grad
    assert step(x).requires_grad


def test_numbers_are_read_anew_whichever_way_a_call_takes():
    """A call that is checked in Python, between native ones, must leave the native ones their numbers."""
    p = cr.zeros(2, requires_grad=True)
    optimizer = cr.optim.SGD([p], lr=1.0)

    @cr.compile
    def step(x, scale):
        optimizer.zero_grad()
        (p * x * scale).sum().backward()
        optimizer.step()
        return p.detach() * 1

    x, want = cr.tensor([1.0, 2.0]), np.zeros(2, np.float32)
    for i, scale in enumerate([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]):
        optimizer.param_groups[0]["lr"] = lr = 1.0 + i
        found = step(x, scale=scale) if i == 5 else step(x, scale)
        want = want - np.float32(lr * scale) * x.numpy()
        np.testing.assert_array_equal(found.numpy(), want)


def test_a_step_that_is_compiled_again_and_again_says_why():
    count = 0

    @cr.compile
    def step(x):
        return x * count

    x = cr.ones(3)
    for i in range(8):
        count = i
        step(x)
    with pytest.warns(UserWarning) as caught:
        for i in range(8, 12):
            count = i
            step(x)
    assert [str(w.message) for w in caught] == [
        "step is compiled again and again: 9 times by now\n"
        "  came:     what has changed: a variable of the function around it was 0 and is 8\n"
        "  expected: the same things outside the step at each call, or few values\n"
        "  fix:      pass what changes as an argument: a tensor, or a float"
    ]
    assert caught[0].filename == __file__
