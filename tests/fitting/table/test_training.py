"""One training run: learning rates, optimizers, activations, going on from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fitting.table.data import houses

from chainrule.fitting.problem import InputError
from chainrule.fitting.table import network
from chainrule.fitting.table.fit import fit_table


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rates_are_tried_from_the_same_start(monkeypatch: pytest.MonkeyPatch) -> None:
    data = houses(200)
    found = fit_table(data, "price", hidden=(8,), epochs=3)
    assert [rate for rate, _ in found.rates] == [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
    given = fit_table(data, "price", hidden=(8,), epochs=3, lr=found.lr)
    assert given.rates == [] and given.history["loss"] == pytest.approx(found.history["loss"], rel=1e-5)
    monkeypatch.setattr(network, "RATES", (1e-2,))
    alone = fit_table(data, "price", hidden=(8,), epochs=3)
    assert alone.rates == [(1e-2, pytest.approx(dict(found.rates)[1e-2], rel=1e-4))]


@pytest.mark.parametrize(
    "activation", ["leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus"]
)
def test_activations(activation: str) -> None:
    found = fit_table(houses(60), "price", hidden=(4,), epochs=2, lr=0.01, activation=activation)
    assert np.isfinite(found.history["loss"]).all()


@pytest.mark.parametrize("optimizer", ["adamw", "nadam", "rmsprop", "sgd", "momentum", "adagrad"])
def test_optimizers(optimizer: str) -> None:
    found = fit_table(
        houses(60),
        "price",
        hidden=(4,),
        epochs=2,
        lr=0.01,
        optimizer=optimizer,
        dropout=0.2,
        weight_decay=0.01,
    )
    assert np.isfinite(found.history["loss"]).all()


def test_without_rows_for_validation_or_test() -> None:
    found = fit_table(houses(60), "price", hidden=(4,), epochs=2, lr=0.01, test_size=0.0, validation_size=0.0)
    assert found.rows == {"train": 60, "validation": 0, "test": 0} and found.held_out == "train"
    assert "rows for training" in str(found)


def test_a_rate_that_diverges_names_one_that_works() -> None:
    with pytest.raises(
        InputError, match=r"the loss diverges[\s\S]*learning rate 1e\+06[\s\S]*set the learning rate"
    ):
        fit_table(houses(60), "price", lr=1e6, optimizer="sgd", hidden=(8,))


def test_a_resumed_run_ends_as_the_run_never_stopped() -> None:
    options: dict[str, Any] = {"hidden": (8,), "lr": 0.01, "dropout": 0.1}
    whole = fit_table(houses(100), "price", epochs=8, checkpoint="a.ckpt", **options)
    part = fit_table(houses(100), "price", epochs=3, checkpoint="b.ckpt", **options)
    resumed = fit_table(houses(100), "price", epochs=8, checkpoint="b.ckpt", resume=True, **options)
    assert len(resumed.history) == 8
    assert resumed.history["time"][:3].tolist() == part.history["time"].tolist(), "it began anew"
    for a, b in zip(whole.model.parameters(), resumed.model.parameters()):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
