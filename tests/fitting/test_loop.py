"""The training loop: the same numbers as train(), early stopping, bad rates, and words for mistakes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.history import History
from chainrule.fitting.loop import Diverged, Loop
from chainrule.fitting.problem import InputError


class Line:
    """y = w·x + b, learnt from 100 points, and a Loop over its compiled step."""

    def __init__(
        self, lr: float = 0.05, optimizer: str = "SGD", compiled: bool = True, **options: Any
    ) -> None:
        cr.manual_seed(0)
        self.x = cr.linspace(-1, 1, 100)
        self.y = 3 * self.x - 1
        self.w = cr.tensor(0.0, requires_grad=True)
        self.b = cr.tensor(0.0, requires_grad=True)
        self.parameters = {"w": self.w, "b": self.b}
        self.optimizer = getattr(cr.optim, optimizer)([self.w, self.b], lr=lr)
        make: Any = options.pop("scheduler", None)
        given = {"epochs": 5, "batch_size": 16, **options}

        def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
            self.optimizer.zero_grad()
            loss = ((self.w * x + self.b - y) ** 2).mean()
            loss.backward()
            self.optimizer.step()
            return loss

        self.step = cr.compile(step) if compiled else step
        scheduler = make(self.optimizer) if make else None
        self.loop = Loop(
            self.step, (self.x, self.y), parameters=self.parameters, optimizer=self.optimizer,
            scheduler=scheduler, **given,
        )  # fmt: skip

    def values(self) -> list[float]:
        return [self.w.item(), self.b.item()]


# ----- the numbers


@pytest.mark.parametrize("own", [True, False], ids=["its own generator", "the default generator"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("drop_last", [True, False], ids=["whole batches", "all batches"])
def test_it_computes_what_train_does(own: bool, shuffle: bool, drop_last: bool) -> None:
    def generator() -> Any:
        return cr.Generator().manual_seed(3) if own else None

    one = Line(shuffle=shuffle, drop_last=drop_last, generator=generator(), optimizer="Adam")
    one.loop.run()
    after = cr.rand(1).item()
    two = Line(optimizer="Adam")
    losses = cr.train(
        two.step, (two.x, two.y), epochs=5, batch_size=16, shuffle=shuffle, drop_last=drop_last,
        generator=generator(),
    )  # fmt: skip
    np.testing.assert_allclose(one.values(), two.values(), rtol=1e-5)
    if drop_last:
        np.testing.assert_allclose(one.loop.history["loss"], losses.numpy().reshape(5, -1).mean(1), rtol=1e-5)
    assert after == cr.rand(1).item() or own  # the default generator is where train() leaves it
    assert one.loop.stopped == "epochs"
    assert one.loop.epoch == 5


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples() -> None:
    line = Line(lr=1e-9, epochs=1)  # batches of 16, the last of 4
    line.loop.run()
    mean = float(((3 * line.x - 1) ** 2).mean())
    assert line.loop.history["loss"][0] == pytest.approx(mean, rel=1e-5)


def test_a_plain_function_does_the_same_slowly() -> None:
    one = Line()
    one.loop.run()
    two = Line(compiled=False)
    two.loop.run()
    np.testing.assert_allclose(one.values(), two.values(), rtol=1e-5)


def test_memory_mapped_tensors_are_not_copied(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, 100, dtype=np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    line = Line()
    loop = Loop(line.step, (cr.from_numpy(mapped), line.y), epochs=2, batch_size=16,
                parameters=line.parameters, optimizer=line.optimizer)  # fmt: skip
    assert np.shares_memory(loop.batches.arrays[0], mapped)
    loop.run()
    assert len(loop.history) == 2


def test_history_has_loss_rate_time_and_what_is_measured() -> None:
    line = Line(evaluate=lambda: {"val_loss": 2.0, "accuracy": 0.5}, grad_norm=lambda: 7.0)
    history = line.loop.run()
    assert history.names == ["epoch", "loss", "lr", "grad_norm", "val_loss", "accuracy", "time"]
    assert list(history["epoch"]) == [1, 2, 3, 4, 5]
    assert (np.diff(history["time"]) > 0).all()
    assert set(history["grad_norm"]) == {7.0}
    mine = History()
    assert Line(history=mine).loop.run() is mine


def test_schedulers_step_after_each_epoch() -> None:
    halving = Line(scheduler=lambda o: cr.optim.lr_scheduler.ExponentialLR(o, 0.5))
    np.testing.assert_allclose(halving.loop.run()["lr"], 0.05 * 0.5 ** np.arange(5))
    values = iter([1.0, 2.0, 2.0, 2.0, 2.0])
    plateau = Line(
        scheduler=lambda o: cr.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=1),
        evaluate=lambda: {"val_loss": next(values)},
    )
    np.testing.assert_allclose(plateau.loop.run()["lr"], [0.05, 0.05, 0.05, 0.005, 0.005])


# ----- early stopping


def test_the_best_epoch_is_kept_and_patience_ends_the_run() -> None:
    values = iter([5.0, 3.0, 2.0, 2.5, 1.99, 2.2, 2.1, 2.0])
    seen: list[list[float]] = []

    def evaluate() -> dict[str, float]:
        seen.append(line.values())
        return {"val_loss": next(values)}

    line = Line(epochs=50, evaluate=evaluate, monitor="val_loss", patience=3, min_delta=0.1)
    history = line.loop.run()
    assert len(history) == 6  # 1.99 is not better than 2.0 by more than 0.1
    assert (line.loop.stopped, line.loop.best_epoch, line.loop.epoch) == ("patience", 3, 6)
    assert line.values() == seen[2]


def test_values_that_are_not_finite_are_never_the_best() -> None:
    values = iter([math.nan, math.inf, 3.0, math.nan, -math.inf])
    line = Line(evaluate=lambda: {"val_loss": next(values)}, monitor="val_loss")
    line.loop.run()
    assert line.loop.best_epoch in (3, 5)
    assert line.loop.best_epoch == 5 or line.loop.history.best()["val_loss"] == 3.0


def test_buffers_belong_to_the_best_epoch() -> None:
    count = cr.tensor(0.0)

    def evaluate() -> dict[str, float]:
        count.add_(1)
        return {"val_loss": abs(count.item() - 2)}

    line = Line(evaluate=evaluate, monitor="val_loss", buffers={"count": count})
    line.loop.run()
    assert line.loop.best_epoch == 2
    assert count.item() == 2.0


def test_a_monitor_that_nothing_measures() -> None:
    with pytest.raises(InputError) as error:
        Line(monitor="val_los").loop.run()
    assert str(error.value) == (
        "nothing measures the figure that is to be monitored\n  came:     'val_los'\n"
        "  expected: loss, lr, time"
    )


# ----- divergence


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_a_rate_that_is_too_high(compiled: bool) -> None:
    line = Line(lr=50.0, compiled=compiled, epochs=40)
    with pytest.raises(Diverged) as caught:
        line.loop.run()
    error = caught.value
    assert error.step == 4
    assert (error.epoch, error.lr) == (1, 50.0)
    assert error.grad_norm > 1e3
    assert error.works is not None
    assert str(error) == (
        f"the loss diverges: it is {error.loss:.4g} at step 4 (epoch 1)\n"
        f"  came:     learning rate 50, gradient norm {error.grad_norm:.4g} in the step before\n"
        f"  fix:      set the learning rate to {error.works:g}: tried from the start point, "
        "the loss falls with it"
    )
    assert line.values() == [0.0, 0.0]  # as it was before
    again = Line(lr=error.works, compiled=compiled, epochs=40)
    history = again.loop.run()
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("size", [1, 5, 10])
def test_the_step_and_the_gradient_of_the_divergence_are_right(size: int) -> None:
    """Ones alone: w doubles its error with each step, so that everything is known by hand."""
    w = cr.tensor(1.0, requires_grad=True, dtype=cr.float64)
    optimizer = cr.optim.SGD([w], lr=1.5)

    @cr.compile
    def step(x: cr.Tensor) -> cr.Tensor:
        optimizer.zero_grad()
        loss = (w * x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    ones = cr.ones(10, 1, dtype=cr.float64)
    loop = Loop(step, (ones,), epochs=90, batch_size=size, parameters={"w": w}, optimizer=optimizer)
    with pytest.raises(Diverged) as caught:
        loop.run()
    # w_k = (-2)^(k-1) and the loss is 4^(k-1): over 10^8 at step 15, the gradient is 2·w at step 14
    assert (caught.value.step, caught.value.epoch) == (15, -(-15 * size // 10))
    assert caught.value.loss == 4.0**14
    assert caught.value.grad_norm == 2.0 * 2**13
    assert w.item() == 1.0


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop", "NAdam", "Adagrad"])
@pytest.mark.parametrize("lr", [1e6, 1e30])
def test_the_rate_that_is_named_works(optimizer: str, lr: float) -> None:
    with pytest.raises(Diverged) as caught:
        Line(lr=lr, optimizer=optimizer, epochs=40).loop.run()
    assert caught.value.works is not None
    history = Line(lr=caught.value.works, optimizer=optimizer, epochs=40).loop.run()
    assert history["loss"][-1] < history["loss"][0]


def test_a_loss_that_is_not_finite_at_the_start() -> None:
    line = Line()
    line.w.data.fill_(math.inf)
    with pytest.raises(Diverged) as caught:
        line.loop.run()
    assert str(caught.value) == (
        "the loss is not finite at the start, before any update\n  expected: a finite loss\n"
        "  fix:      give other start values, or look for extreme values in the data"
    )
    assert (caught.value.step, caught.value.works) == (1, None)


def test_no_rate_helps_where_the_data_are_the_trouble() -> None:
    line = Line()
    line.y[37] = math.inf
    with pytest.raises(Diverged) as caught:
        line.loop.run()
    assert caught.value.works is None
    assert str(caught.value).endswith(
        "fix:      scale the data, or give other start values: no learning rate that was tried helps"
    ) or str(caught.value).startswith("the loss is not finite at the start")


# ----- mistakes


def test_tensors_of_other_lengths_and_bad_batch_sizes() -> None:
    line = Line()
    common: Any = {"epochs": 1, "parameters": line.parameters, "optimizer": line.optimizer}
    with pytest.raises(InputError) as error:
        Loop(line.step, (line.x, line.y[:50]), batch_size=4, **common)
    assert str(error.value) == (
        "the tensors do not have the same samples\n  came:     (100,), (50,)\n"
        "  expected: one or more samples in the first dimension, equally many in each"
    )
    with pytest.raises(InputError, match="no tensor"):
        Loop(line.step, (), batch_size=4, **common)
    with pytest.raises(InputError, match="came:     \\(0,\\)"):
        Loop(line.step, (line.x[:0],), batch_size=4, **common)
    for size in (0, -1, 2.0, True, None):
        with pytest.raises(InputError) as error:
            Loop(line.step, (line.x,), batch_size=size, **common)  # type: ignore[arg-type]
        assert str(error.value) == (
            f"not a batch size\n  came:     {size!r}\n  expected: a whole number from 1 on"
        )


def test_a_step_without_a_loss() -> None:
    line = Line()
    common = {"epochs": 1, "batch_size": 4, "parameters": line.parameters, "optimizer": line.optimizer}
    with pytest.raises(InputError) as error:
        Loop(lambda x: None, (line.x,), **common).run()
    assert str(error.value) == (
        "the step did not return its loss\n  came:     None\n  expected: a tensor of one element"
    )
    with pytest.raises(TypeError, match="cannot keep what the step returned\n  came:     a Tensor of shape"):
        Loop(lambda x: cr.ones(3), (line.x,), **common).run()


def test_an_error_in_the_step_leaves_the_parameters_alone() -> None:
    line = Line()

    @cr.compile
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        line.w.data.add_(1)
        raise ZeroDivisionError("in the user's code")

    loop = Loop(step, (line.x, line.y), epochs=1, batch_size=4, parameters=line.parameters,
                optimizer=line.optimizer)  # fmt: skip
    with pytest.raises(ZeroDivisionError, match="in the user's code"):
        loop.run()
    assert line.values() == [0.0, 0.0]
