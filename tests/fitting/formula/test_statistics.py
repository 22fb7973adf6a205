"""Errors, intervals and correlations against SciPy, and what the data leave open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit

import chainrule as cr


def decay(rows: int = 40, noise: float = 0.05) -> dict[str, np.ndarray]:
    t = np.linspace(0, 5, rows)
    return {"t": t, "y": 3 * np.exp(-0.8 * t) + 1 + noise * np.random.default_rng(0).normal(size=rows)}


def test_errors_and_covariance_are_those_of_curve_fit():
    d = decay()
    fit = cr.fit("y = a*exp(-k*t) + c", d)
    right, covariance = curve_fit(
        lambda t, a, k, c: a * np.exp(-k * t) + c, d["t"], d["y"], [1, 1, 1], xtol=1e-14, ftol=1e-14
    )
    np.testing.assert_allclose(list(fit.params.values()), right, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-5)
    np.testing.assert_allclose(list(fit.errors.values()), np.sqrt(np.diag(covariance)), rtol=1e-5)
    assert fit.dof == 37


def test_a_line_has_the_figures_of_linregress():
    d = {"x": np.arange(9.0), "y": np.array([1.0, 3.2, 4.9, 7.1, 8.8, 11.2, 13.1, 14.8, 17.2])}
    fit = cr.fit("y = w*x + b", d)
    right = stats.linregress(d["x"], d["y"])
    assert fit.params["w"] == pytest.approx(right.slope, rel=1e-12)
    assert fit.errors["w"] == pytest.approx(right.stderr, rel=1e-10)
    assert fit.errors["b"] == pytest.approx(right.intercept_stderr, rel=1e-10)
    assert fit.r2 == pytest.approx(right.rvalue**2, rel=1e-12)
    t = fit.params["w"] / fit.errors["w"]
    assert fit.statistics.p_values(np.array([t]))[0] == pytest.approx(right.pvalue, rel=1e-6)
    half = stats.t.ppf(0.975, 7) * right.stderr
    assert fit.intervals["w"] == pytest.approx((right.slope - half, right.slope + half), rel=1e-9)
    wide = cr.fit("y = w*x + b", d, confidence=0.99).intervals["w"]
    assert wide[1] - wide[0] == pytest.approx(2 * stats.t.ppf(0.995, 7) * right.stderr, rel=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = np.linspace(0, 1, 8)
        fit = cr.fit("y = a*x + b", {"x": x, "y": 2 * x + 1 + 0.3 * rng.normal(size=8)}, confidence=0.8)
        low, high = fit.intervals["a"]
        held += low <= 2 <= high
    assert 140 <= held <= 180  # 160 ± 3.5 standard deviations


def test_a_product_of_parameters_cannot_be_told_apart():
    fit = cr.fit("y = a*b*exp(-k*t)", decay())
    assert fit.statistics.confused == [["a", "b"]]
    assert np.isnan(fit.errors["a"])
    assert np.isnan(fit.errors["b"])
    assert fit.errors["k"] > 0
    assert fit.remarks[0] == (
        "a and b cannot be told apart by these data: other values of them fit as well. "
        "Hold one of them (--fix), or write the formula with one less."
    )


def test_a_parameter_without_influence_is_named():
    fit = cr.fit("y = a*t + b + 0*c", decay())
    assert fit.statistics.confused == [["c"]]
    assert "c has no influence on the fit: its value is arbitrary." in fit.remarks


def test_correlated_parameters_are_named():
    t = np.linspace(100, 101, 30)
    y = 2 * t + 1 + 0.01 * np.random.default_rng(0).normal(size=30)
    fit = cr.fit("y = a*t + b", {"t": t, "y": y})
    assert fit.statistics.close() == [("a", "b", pytest.approx(-1, abs=1e-4))]
    assert fit.remarks[0].startswith("a and b hang together (correlation -0.9999")


def test_a_parameter_at_its_bound_has_no_error_and_the_others_take_it_as_given():
    d = decay()
    fit = cr.fit("y = a*exp(-k*t) + c", d, bounds={"c": (None, 0.5)})
    held = cr.fit("y = a*exp(-k*t) + c", d, fix={"c": 0.5})
    assert fit.params == pytest.approx(held.params, rel=1e-6)
    assert fit.statistics.at_bound == ["c"]
    assert np.isnan(fit.errors["c"])
    assert fit.errors["a"] == pytest.approx(held.errors["a"], rel=1e-5)
    assert held.errors["c"] == 0


def test_a_bound_that_does_not_matter_changes_nothing():
    free = cr.fit("y = a*exp(-k*t) + c", decay())
    fit = cr.fit("y = a*exp(-k*t) + c", decay(), bounds={"k": (0, 10), "c": (0, None)})
    assert fit.params == pytest.approx(free.params, rel=1e-9)
    assert fit.errors == pytest.approx(free.errors, rel=1e-7)


def test_as_many_rows_as_parameters_leave_no_errors():
    fit = cr.fit("y = w*x + b", {"x": [0.0, 1.0], "y": [1.0, 3.0]})
    assert fit.params == pytest.approx({"w": 2, "b": 1})
    assert np.isnan(list(fit.errors.values())).all()
    assert "There are as many rows as parameters: how sure they are cannot be said." in fit.remarks


def test_data_without_noise_have_errors_near_zero():
    x = np.round(np.linspace(0, 2, 9), 3)
    fit = cr.fit("y = w*x + b", {"x": x, "y": [float(f"{0.1 * v + 0.7:.6g}") for v in x]})
    assert fit.params == pytest.approx({"w": 0.1, "b": 0.7}, rel=1e-15)
    assert fit.rss < 1e-50
    assert fit.errors["w"] < 1e-25


def test_a_constant_target_has_no_r2():
    fit = cr.fit("y = w*x + b", {"x": [0.0, 1.0, 2.0], "y": [1.0, 1.0, 1.0]})
    assert np.isnan(fit.r2)
    assert "R²                           –" in str(fit)


def test_columns_that_differ_by_rounding_are_not_told_apart():
    x = np.linspace(1, 2, 20)
    z = x * (1 + 1e-13 * np.cos(40 * x))
    y = x + 0.1 * np.random.default_rng(0).normal(size=20)
    fit = cr.fit("y = a*x + b*z + c", {"x": x, "z": z, "y": y})
    assert fit.statistics.confused == [["a", "b"]]
    assert fit.errors["c"] > 0


def test_a_formula_without_a_column_is_said_to_be_a_constant_once():
    y = np.array([1.0, 2.0, 4.0, 3.0, 2.5])
    fit = cr.fit("y = a*b**2 + c", {"y": y, "x": y})
    assert fit.remarks[0] == "No column occurs in it but y: it fits a constant. Other columns: x."
    assert len(fit.remarks) == len(set(fit.remarks)) == 2
