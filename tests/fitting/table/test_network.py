"""The network of a table: its outputs, losses and probabilities, and which learning rate is taken."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.table.network import (
    build,
    criterion_of,
    good_rate,
    loss_of,
    outputs_of,
    proba_of,
)
from chainrule.fitting.table.schema import Task

RNG = np.random.default_rng(0)


def test_outputs_know_no_dropout_even_while_training() -> None:
    model = build(3, 2, [8, 8], "tanh", 0.5).train()
    x = RNG.normal(size=(50, 3)).astype(np.float32)
    found = outputs_of(model, x)
    np.testing.assert_array_equal(found, outputs_of(model, x))
    np.testing.assert_allclose(found, model.eval()(cr.tensor(x)).detach().numpy(), rtol=1e-5)
    assert outputs_of(model, x[:0]).shape == (0, 2)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_loss_is_the_criterions(task: Task) -> None:
    outputs = (5 * RNG.normal(size=(40, 3 if task == "multiclass" else 1))).astype(np.float32)
    truth = RNG.integers(0, 3 if task == "multiclass" else 2, 40)
    y = truth if task == "multiclass" else truth.astype(np.float32)[:, None]
    expected = criterion_of(task)(cr.tensor(outputs), cr.tensor(y)).item()
    assert loss_of(outputs, y, task) == pytest.approx(expected, rel=1e-5)
    if task != "regression":
        chosen = proba_of(outputs, task)[np.arange(40), truth]
        assert -np.log(chosen).mean() == pytest.approx(expected, rel=1e-5)


def test_probabilities_of_huge_outputs_are_finite() -> None:
    assert proba_of(np.array([[1e30], [-1e30]], np.float32), "binary").tolist() == [[0, 1], [1, 0]]


def test_the_smallest_rate_that_does_nearly_as_well_is_taken() -> None:
    tried = [(1e-4, 0.9), (1e-3, 0.3), (1e-2, 0.1), (1e-1, math.inf)]
    assert good_rate(1.0, tried) == 1e-2  # 0.3 is a fall of 78 % of the best one's
    assert good_rate(2.0, tried) == 1e-3  # … and here of 89 %
    assert good_rate(0.05, tried) == 1e-2  # none falls
