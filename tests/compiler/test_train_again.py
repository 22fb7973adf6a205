"""Run.again: the loop of train() over batches in another order, without laying it out anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.train import Run

ROWS = [
    np.random.RandomState(0).rand(60, 3).astype(np.float32),
    np.arange(60, dtype=np.float32).reshape(60, 1),
]
ORDERS = [np.random.RandomState(i).permutation(60).reshape(6, 10) for i in range(4)]


def made() -> tuple[Any, Any, Any]:
    w = cr.tensor([[0.1], [0.2], [0.3]], requires_grad=True)
    optimizer = cr.optim.SGD([w], lr=0.01, momentum=0.5)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, w, optimizer


@pytest.mark.parametrize("first", [ORDERS[3], np.arange(60).reshape(6, 10)], ids=["shuffled", "in order"])
def test_the_same_as_a_run_of_its_own(first: Any) -> None:
    step, w, optimizer = made()
    other, v, rates = made()
    run = Run(step, ROWS, first, False)
    assert (np.concatenate(run.losses()) == np.concatenate(Run(other, ROWS, first, False).losses())).all()
    for i, order in enumerate(ORDERS):
        for group in (optimizer.param_groups[0], rates.param_groups[0]):
            group["lr"] = 0.01 / (i + 1)
        mine = np.concatenate(run.again(order))
        assert (mine == np.concatenate(Run(other, ROWS, order, False).losses())).all()
        assert (w.detach().numpy() == v.detach().numpy()).all()


def test_losses_stay_what_they_were() -> None:
    step, _, _ = made()
    run = Run(step, ROWS, ORDERS[0], False)
    run.losses()
    before = run.again(ORDERS[1])[0]
    kept = before.copy()
    run.again(ORDERS[2])
    assert (before == kept).all()


def test_parameters_that_lie_elsewhere_by_now_are_found() -> None:
    step, w, _ = made()
    other, v, _ = made()
    run = Run(step, ROWS, ORDERS[0], False)
    run.losses(), Run(other, ROWS, ORDERS[0], False).losses()
    w.data = cr.tensor([[1.0], [2.0], [3.0]])
    v.data = cr.tensor([[1.0], [2.0], [3.0]])
    losses = np.concatenate(run.again(ORDERS[1]))
    assert (losses == np.concatenate(Run(other, ROWS, ORDERS[1], False).losses())).all()
    assert (w.detach().numpy() == v.detach().numpy()).all() and w.detach().numpy().max() > 0.5


def test_another_run_of_the_step_in_between_does_no_harm() -> None:
    step, w, _ = made()
    other, v, _ = made()
    run = Run(step, ROWS, ORDERS[0], False)
    run.losses(), Run(other, ROWS, ORDERS[0], False).losses()
    for s in (step, other):
        s(*(cr.from_numpy(a[:10]) for a in ROWS))
        Run(s, [a[::-1].copy() for a in ROWS], ORDERS[2], False).losses()
    assert (
        np.concatenate(run.again(ORDERS[1])) == np.concatenate(Run(other, ROWS, ORDERS[1], False).losses())
    ).all()
    assert (w.detach().numpy() == v.detach().numpy()).all()
