"""The optimizers reach the same minimum; history, checkpoints, Ctrl-C, divergence, starts."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.formula import search
from chainrule.fitting.formula.reading import read
from chainrule.fitting.formula.result import FormulaModel
from chainrule.fitting.formula.squares import Squares
from chainrule.fitting.loop import Diverged
from chainrule.fitting.problem import InputError

RNG = np.random.default_rng(0)
X = np.sort(RNG.uniform(-2, 3, 64))
POINTS = {"x": X, "y": 2 * X**2 - X + 0.5 + 0.1 * RNG.normal(size=64)}
PARABOLA = "y = w1*x**2 + w2*x + b"
BEST = np.polyfit(X, POINTS["y"], 2)


def test_lm_and_lbfgs_reach_the_least_squares():
    for name in ("lm", "lbfgs"):
        fit = cr.fit(PARABOLA, POINTS, optimizer=name)
        np.testing.assert_allclose(list(fit.params.values()), BEST, rtol=1e-6)
        assert fit.remarks == []


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam"])
def test_steps_on_batches_come_near(name: str) -> None:
    lr = {"sgd": 0.02, "momentum": 0.005}.get(name, 0.01)
    fit = cr.fit(PARABOLA, POINTS, optimizer=name, lr=lr, epochs=400)
    np.testing.assert_allclose(list(fit.params.values()), BEST, atol=0.05)
    assert len(fit.history) == 400
    assert fit.history["loss"][-1] < 0.1 * fit.history["loss"][0]


def test_plain_gradient_descent_is_the_update_by_hand():
    fit = cr.fit("y = w*x", POINTS, init={"w": 0.0}, optimizer="sgd", lr=0.01, batch_size=64, epochs=3)
    w = 0.0
    for _ in range(3):
        w -= 0.01 * np.mean(2 * (w * X - POINTS["y"]) * X)
    assert fit.params["w"] == pytest.approx(w, rel=1e-12)


def test_the_seed_decides_the_order_of_the_batches():
    one, two, other = (
        cr.fit(PARABOLA, POINTS, optimizer="sgd", epochs=5, batch_size=8, seed=s) for s in (1, 1, 2)
    )
    assert one.params == two.params
    assert one.params != other.params


def test_bounds_and_held_values_are_kept_on_batches():
    fit = cr.fit(PARABOLA, POINTS, optimizer="adam", epochs=200, bounds={"w1": (None, 1.5)}, fix={"b": 0.5})
    assert fit.params["w1"] == 1.5
    assert fit.params["b"] == 0.5


def test_a_minimum_that_is_not_reached_is_remarked_on():
    fit = cr.fit(PARABOLA, POINTS, optimizer="sgd", epochs=3)
    assert "The minimum is not reached: it lies about" in fit.remarks[0]


def test_a_rate_that_diverges_is_named_with_one_that_does_not():
    with pytest.raises(Diverged) as error:
        cr.fit(PARABOLA, POINTS, optimizer="sgd", lr=0.9)
    assert error.value.lr == 0.9
    assert error.value.works is not None
    works = cr.fit(PARABOLA, POINTS, optimizer="sgd", lr=error.value.works, epochs=20)
    assert works.history["loss"][-1] < works.history["loss"][0]


def test_history_has_loss_gradient_and_time_of_each_step():
    fit = cr.fit("y = a*exp(-k*x) + c", POINTS)
    assert fit.history.names == ["epoch", "loss", "grad_norm", "time"]
    assert len(fit.history) == fit.steps + 1
    assert (np.diff(fit.history["loss"]) <= 0).all()
    assert fit.history["grad_norm"][-1] < 1e-6 * fit.history["grad_norm"][0]


@pytest.mark.parametrize("name", ["lm", "lbfgs"])
def test_a_stopped_fit_goes_on_bit_for_bit(name: str, tmp_path) -> None:
    text, init, path = "y = b1*exp(-b2*x) + b3", {"b1": 5.0, "b2": 3.0, "b3": 1.0}, tmp_path / "run.ckpt"
    whole = cr.fit(text, POINTS, init=init, optimizer=name, epochs=12)
    cr.fit(text, POINTS, init=init, optimizer=name, epochs=5, checkpoint=path, every=0.0)
    again = cr.fit(text, POINTS, init=init, optimizer=name, epochs=12, checkpoint=path, resume=True)
    assert again.start == "from the checkpoint"
    if name == "lm":
        assert again.params == whole.params
        assert [r["loss"] for r in again.history.rows] == [r["loss"] for r in whole.history.rows]
    else:  # SciPy's memory of earlier steps begins anew
        assert again.history["epoch"][-1] <= 12
        assert again.loss <= whole.history["loss"][5]


def test_a_checkpoint_of_another_fit_is_refused(tmp_path) -> None:
    path = tmp_path / "run.ckpt"
    cr.fit(PARABOLA, POINTS, checkpoint=path, every=0.0)
    with pytest.raises(InputError) as error:
        cr.fit("y = w1*x**2 + b", POINTS, checkpoint=path, resume=True)
    assert str(error.value) == (
        f"{path} belongs to another fit: its formula differs\n"
        f"  came:     {PARABOLA}\n"
        "  expected: y = w1*x**2 + b\n"
        "  fix:      give the same formula, data and options, or leave out --resume"
    )


def test_ctrl_c_leaves_the_parameters_so_far(monkeypatch) -> None:
    calls, real = [0], Squares.linear

    def interrupted(self, p):
        calls[0] += 1
        if calls[0] == 12:
            raise KeyboardInterrupt
        return real(self, p)

    monkeypatch.setattr(Squares, "linear", interrupted)
    fit = cr.fit("y = a*exp(-k*x) + c", POINTS, init={"a": 9.0, "k": 2.0, "c": 3.0})
    assert fit.stopped == "interrupted"
    assert 0 < fit.steps < 12
    assert fit.loss == pytest.approx(fit.history["loss"][-1], rel=1e-12)
    assert fit.remarks[0] == "The fit was interrupted: these are the parameters so far."


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("y = a*exp(-k*x) + c", (4.0, 0.3, 1.0)),
        ("y = a*exp(-k*x)", (2.0, 30.0)),
        ("y = a*exp(-(x - m)**2/(2*s**2))", (3.0, 40.0, 6.0)),
        ("y = top/(1 + exp(-(x - mid)/w))", (10.0, 55.0, 7.0)),
        ("y = a*x**b", (2.0, 1.7)),
        ("y = vmax*x/(km + x)", (5.0, 20.0)),
    ],
)
def test_ordinary_formulas_need_no_start_values(text: str, truth: tuple[float, ...]) -> None:
    x = np.linspace(0.01, 0.3, 50) if 30.0 in truth else np.linspace(1, 100, 50)
    names = read(text, ["x", "y"]).parameters
    y = FormulaModel(text, ["x", "y"], dict(zip(names, truth))).predict({"x": x})
    y = y * (1 + 1e-3 * np.random.default_rng(0).normal(size=50))
    fit = cr.fit(text, {"x": x, "y": y})
    np.testing.assert_allclose(np.abs(list(fit.params.values())), truth, rtol=0.03)


def test_all_optimizers_have_a_name():
    assert set(search.NAMES) == set(search.OPTIMIZERS)
