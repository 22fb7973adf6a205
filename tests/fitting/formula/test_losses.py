"""Losses: weight and curvature are derivatives, tensors agree, robust fits are what SciPy finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

import chainrule as cr
from chainrule.fitting.formula.losses import loss
from chainrule.fitting.problem import InputError

R = np.array([-3.0, -0.9, -0.2, 0.001, 0.4, 0.95, 2.2])
NAMES = ["mse", "half-sum", "sum", "huber", "huber:0.3", "mae", "log-cosh"]


@pytest.mark.parametrize("name", NAMES)
def test_weight_and_curvature_are_derivatives(name: str) -> None:
    of, h = loss(name), 1e-5
    for r in R:
        one, up, down = (of.sum(np.array([x])) for x in (r, r + h, r - h))
        np.testing.assert_allclose(of.weight(np.array([r]))[0], (up - down) / (2 * h) / (2 * r), rtol=1e-5)
        np.testing.assert_allclose(of.second(np.array([r]))[0], (up - 2 * one + down) / h**2 / 2, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_of_tensors_is_the_loss_that_is_shown(name: str) -> None:
    of = loss(name)
    f, y = np.linspace(0, 1, len(R)), np.linspace(0, 1, len(R)) - R
    found = of.tensors(cr.from_numpy(f), cr.from_numpy(y)).item()
    assert found == pytest.approx(of.shown(of.sum(R), len(R)), rel=1e-12)


def data(rows: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    x = np.linspace(0, 4, rows)
    y = 3 * np.exp(-0.7 * x) + 0.05 * rng.normal(size=rows)
    y[::9] += 2.0
    return {"x": x, "y": y}


def test_half_sum_mse_and_sum_have_one_minimum():
    fits = [cr.fit("y = a*exp(-k*x)", data(), loss=name) for name in ("mse", "half-sum", "sum")]
    for other in fits[1:]:
        assert other.params == pytest.approx(fits[0].params, rel=1e-12)
        assert other.errors == pytest.approx(fits[0].errors, rel=1e-12)
    assert fits[0].loss == pytest.approx(fits[0].rss / 60, rel=1e-14)
    assert fits[1].loss == pytest.approx(fits[0].rss / 2, rel=1e-14)


def test_huber_is_what_scipy_finds():
    d = data()
    fit = cr.fit("y = a*exp(-k*x)", d, loss="huber:0.1")
    right = least_squares(
        lambda p: p[0] * np.exp(-p[1] * d["x"]) - d["y"], [1, 1], loss="huber", f_scale=0.1, xtol=1e-14,
        ftol=1e-14, gtol=1e-14,
    )  # fmt: skip
    np.testing.assert_allclose(list(fit.params.values()), right.x, rtol=1e-6)
    assert fit.params["a"] == pytest.approx(3, abs=0.1)
    assert fit.statistics.method == "from the exact Hessian (sandwich)"


def test_mae_and_log_cosh_are_minimised():
    d = data()
    for name in ("mae", "log-cosh"):
        fit = cr.fit("y = a*exp(-k*x)", d, loss=name)
        of = loss(name)
        right = minimize(
            lambda p, of=of: of.sum(p[0] * np.exp(-p[1] * d["x"]) - d["y"]), list(fit.params.values()),
            method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12},
        )  # fmt: skip
        assert of.sum(fit.residuals) <= right.fun * (1 + 1e-7)


def test_the_hessian_is_that_of_the_loss():
    d = data()
    fit = cr.fit("y = a*exp(-k*x)", d, loss="log-cosh")
    of, p, h = loss("log-cosh"), np.array(list(fit.params.values())), 1e-4

    def value(a: float, k: float) -> float:
        return of.shown(of.sum(a * np.exp(-k * d["x"]) - d["y"]), 60)

    a, k = p
    found = (value(a + h, k) - 2 * value(a, k) + value(a - h, k)) / h**2
    assert fit.hessian[0, 0] == pytest.approx(found, rel=1e-5)
    mixed = value(a + h, k + h) - value(a + h, k - h) - value(a - h, k + h) + value(a - h, k - h)
    assert fit.hessian[0, 1] == pytest.approx(mixed / (4 * h * h), rel=1e-5)


@pytest.mark.parametrize("name", ["l2", "huber:0", "huber:-1", "huber:x", "huber:inf", "mse:2", ""])
def test_another_loss_is_refused(name: str) -> None:
    with pytest.raises(InputError) as error:
        loss(name)
    assert str(error.value) == (
        "there is no such loss\n"
        f"  came:     {name!r}\n"
        "  expected: one of mse, half-sum, sum, huber, mae, log-cosh; huber:0.5 sets its δ"
    )
