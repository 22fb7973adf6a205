"""train(): the numbers of the loop that it replaces, natively."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiler import threads
from chainrule.compiler import train as module
from chainrule.utils.data import DataLoader, Subset, TensorDataset


def _mlp(compiled):
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return (cr.compile(step) if compiled else step), optimizer


def _data(n=50):
    rng = np.random.default_rng(0)
    return tuple(cr.from_numpy(rng.normal(size=(n, k)).astype(np.float32)) for k in (5, 2))


def _loop(step, loader, epochs):
    return [step(*batch).item() for _ in range(epochs) for batch in loader]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_it_equals_a_loop_over_a_loader(shuffle, drop_last):
    data = _data()
    eager, _ = _mlp(False)
    cr.manual_seed(7)
    want = _loop(eager, DataLoader(TensorDataset(*data), 8, shuffle, drop_last=drop_last), 3)
    after = cr.rand(3)
    step, _ = _mlp(True)
    cr.manual_seed(7)
    found = cr.train(step, data, epochs=3, batch_size=8, shuffle=shuffle, drop_last=drop_last)
    np.testing.assert_allclose(found.numpy(), want, rtol=2e-5)
    np.testing.assert_array_equal(cr.rand(3).numpy(), after.numpy())


def test_a_subset_and_a_generator():
    loader = DataLoader(
        Subset(TensorDataset(*_data()), range(10, 34)), 4, True, generator=cr.Generator().manual_seed(3)
    )
    eager, _ = _mlp(False)
    want = _loop(eager, loader, 2)
    loader.generator.manual_seed(3)
    step, _ = _mlp(True)
    np.testing.assert_allclose(cr.train(step, loader, epochs=2).numpy(), want, rtol=2e-5)


def _points(compiled):
    w, b = cr.tensor(0.5, requires_grad=True), cr.tensor(0.0, requires_grad=True)
    optimizer = cr.optim.SGD([w, b], lr=0.02)

    def step(x, y):
        optimizer.zero_grad()
        loss = (w * x + b - y) ** 2
        loss.backward()
        optimizer.step()
        return loss

    return (cr.compile(step) if compiled else step), (w, b)


@pytest.mark.parametrize("shuffle", [False, True])
def test_single_samples_stay_in_registers_and_give_the_same_numbers(shuffle):
    x = cr.linspace(-1, 1, 20)
    results = []
    for compiled in (False, True):
        step, parameters = _points(compiled)
        cr.manual_seed(1)
        losses = cr.train(step, (x, 3 * x + 1), epochs=9, shuffle=shuffle)
        results.append([*losses.tolist(), *(p.item() for p in parameters)])
        if compiled:
            known = step.known([x[0], x[0]])
            assert known.looping is not None
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-7)


def test_a_scheduler_steps_between_epochs():
    results = []
    for compiled in (False, True):
        step, optimizer = _mlp(compiled)
        schedule = cr.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        seen = []

        def after(epoch, losses, seen=seen, schedule=schedule):
            seen.append((epoch, losses.shape))
            schedule.step()

        results.append(cr.train(step, _data(), epochs=4, batch_size=10, after_epoch=after).tolist())
        assert seen == [(i, (5,)) for i in range(4)]
    np.testing.assert_allclose(results[1], results[0], rtol=2e-5)


def test_an_interrupt_leaves_the_parameters_of_a_whole_step(monkeypatch):
    step, (w, b) = _points(True)
    x = cr.linspace(-1, 1, 64)
    step(x[0], x[0]), step(x[1], x[1])
    calls = []
    move = module.Run._move

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return move(self, *args)

    monkeypatch.setattr(module.Run, "_move", interrupted)
    before = w.item(), b.item()
    with pytest.raises(KeyboardInterrupt):
        cr.train(step, (x, 3 * x + 1), epochs=50)
    done = calls[2][3]  # steps that were made
    assert done > 0
    eager, (v, c) = _points(False)
    v.data.fill_(before[0]), c.data.fill_(before[1])
    cr.train(eager, (x[:done], (3 * x + 1)[:done]))
    np.testing.assert_allclose([w.item(), b.item()], [v.item(), c.item()], rtol=1e-5)


def test_an_error_inside_stops_at_the_step_that_made_it():
    cr.manual_seed(0)
    model = nn.Linear(3, 4)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)

    @cr.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = cr.randn(12, 3), cr.zeros(12, dtype=cr.int64)
    y[9] = 4
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        cr.train(step, (x, y), epochs=1, batch_size=2)


def test_data_and_results_that_do_not_fit_are_named():
    step, _ = _mlp(True)
    with pytest.raises(TypeError, match="train\\(\\) does not know this data"):
        cr.train(step, (np.zeros(3),))
    with pytest.raises(TypeError, match="cannot keep what the step returned"):
        cr.train(lambda x: x, cr.ones(3, 2))
    assert cr.train(lambda x: None, cr.ones(3, 2)).shape == (0,)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_divided_step_runs_on_the_threads_that_there_are(limit):
    losses = []
    for threads_of in (1, 2):
        step, _ = _mlp(True)
        step.options.threads = threads_of
        pool = threads.pool()
        pool.limit(limit)
        try:
            losses.append(cr.train(step, _data(), epochs=20, batch_size=10))
        finally:
            pool.limit(threads.allowed())
    assert cr.allclose(*losses, rtol=1e-5)
