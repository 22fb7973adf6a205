"""A learning rate that a schedule takes through zero is a constant for that step, and for no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

RATES = [0.1, 0.1, 0.1, 0.0, 0.0, 0.1, 0.1, 0.05, 0.0, 0.1, 0.1]


def losses(run: str, optimizer: str, settings: dict[str, Any], key: str, values: list[Any]) -> list[float]:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    made = getattr(cr.optim, optimizer)([w], **{"lr": 0.1, **settings})

    def step(x: cr.Tensor) -> cr.Tensor:
        made.zero_grad()
        loss = ((w * x - 1) ** 2).sum()
        loss.backward()
        made.step()
        return loss

    function = step if run == "eager" else cr.compile(step)
    x = cr.tensor([[0.7, 1.3]])
    found = []
    for value in values:
        made.param_groups[0][key] = value
        loss = cr.train(function, x, batch_size=1)[0] if run == "trained" else function(x[0])
        found.append(loss.item())
    return found


OPTIMIZERS = [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {}), ("Adagrad", {})]


@pytest.mark.parametrize("run", ["compiled", "trained"])
@pytest.mark.parametrize(("optimizer", "settings"), OPTIMIZERS)
def test_a_rate_of_zero_holds_for_its_steps_alone(run: str, optimizer: str, settings: dict[str, Any]) -> None:
    expected = losses("eager", optimizer, settings, "lr", RATES)
    assert expected[4] != expected[6]
    np.testing.assert_allclose(losses(run, optimizer, settings, "lr", RATES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("run", ["compiled", "trained"])
@pytest.mark.parametrize("key", ["momentum", "weight_decay", "nesterov", "maximize"])
def test_a_setting_that_changes_is_seen(run: str, key: str) -> None:
    settings = {"momentum": 0.9, "weight_decay": 0.1}
    on: Any = True if key in ("nesterov", "maximize") else 0.5
    off: Any = False if key in ("nesterov", "maximize") else 0.0
    values = [on, on, on, off, off, on, on, off, on]
    expected = losses("eager", "SGD", settings, key, values)
    np.testing.assert_allclose(losses(run, "SGD", settings, key, values), expected, rtol=1e-5, atol=1e-5)
