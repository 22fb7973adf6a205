"""The same random_state gives scikit-learn's network: parameters, losses, iterations, up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_digits

import chainrule.sklearn as ours

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Got `batch_size`", "ignore:batch_size="
    ),
    pytest.mark.skipif(
        "loss" not in theirs.MLPRegressor().get_params(),
        reason="scikit-learn's networks take weights and another loss since 1.7",
    ),
]
X, Y = load_digits(return_X_y=True)
X = X[:430] / 16
Y = Y[:430]
TARGETS = np.c_[X[:, 20] + X[:, 21], 2 * X[:, 36], np.sin(3 * X[:, 43])]
LABELS = np.c_[Y > 4, Y % 2 == 0].astype(int)
WEIGHTS = np.random.RandomState(0).rand(len(Y))


def both(name: str, **parameters: Any) -> tuple[Any, Any]:
    settings = {"max_iter": 6, "random_state": 3, "hidden_layer_sizes": (20,), **parameters}
    return getattr(ours, name)(**settings), getattr(theirs, name)(**settings)


def same(a: Any, b: Any, tolerance: float = 1e-10) -> None:
    """Everything that a fit leaves behind."""
    for p, q in zip([*a.coefs_, *a.intercepts_], [*b.coefs_, *b.intercepts_], strict=True):
        assert p.shape == q.shape
        np.testing.assert_allclose(p, q, rtol=0, atol=tolerance)
    assert (a.n_iter_, a.t_, a.n_layers_, a.n_outputs_) == (b.n_iter_, b.t_, b.n_layers_, b.n_outputs_)
    assert a.out_activation_ == b.out_activation_
    np.testing.assert_allclose(a.loss_, b.loss_, rtol=tolerance)
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        theirs_ = getattr(b, name, None)
        if theirs_ is not None:
            np.testing.assert_allclose(getattr(a, name), theirs_, rtol=tolerance, err_msg=name)
        elif hasattr(b, name):
            assert getattr(a, name) is None


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"activation": "tanh", "hidden_layer_sizes": (12, 7)},
        {"activation": "logistic", "alpha": 0.5},
        {"activation": "identity", "hidden_layer_sizes": 5},
        {"shuffle": False, "batch_size": 64},
        {"batch_size": 430},
        {"batch_size": 1000},
        {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "learning_rate_init": 0.01},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2, "learning_rate_init": 0.5},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 1.0,
         "n_iter_no_change": 1, "max_iter": 20},
        {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 40, "tol": 0.02},
        {"tol": 0.3, "n_iter_no_change": 2, "max_iter": 40},
        {"solver": "lbfgs", "alpha": 1.0},
    ],
    ids=str,
)  # fmt: skip
def test_classifier(parameters: dict[str, Any]) -> None:
    a, b = both("MLPClassifier", **parameters)
    same(a.fit(X, Y), b.fit(X, Y))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-9)
    assert (a.predict(X) == b.predict(X)).all()
    assert a.score(X, Y) == b.score(X, Y)


@pytest.mark.parametrize("name", ["adam", "sgd", "lbfgs"])
def test_two_classes_with_weights(name: str) -> None:
    y = np.where(Y > 4, "high", "low")
    a, b = both("MLPClassifier", solver=name)
    same(a.fit(X, y, WEIGHTS), b.fit(X, y, WEIGHTS))
    np.testing.assert_allclose(a.predict_log_proba(X), b.predict_log_proba(X), rtol=1e-7)
    assert (a.predict(X) == b.predict(X)).all()
    assert a.score(X, y, WEIGHTS) == pytest.approx(b.score(X, y, WEIGHTS))


@pytest.mark.parametrize("early", [False, True])
def test_labels_that_go_together(early: bool) -> None:
    a, b = both("MLPClassifier", early_stopping=early)
    same(a.fit(X, LABELS), b.fit(X, LABELS))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-9)
    assert (a.predict(X) == b.predict(X)).all()


def test_early_stopping_of_two_classes_with_weights() -> None:
    a, b = both("MLPClassifier", early_stopping=True)
    same(a.fit(X, Y > 4, WEIGHTS), b.fit(X, Y > 4, WEIGHTS))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("target", [TARGETS[:, 0], TARGETS], ids=["one", "three"])
@pytest.mark.parametrize("extra", [{}, {"early_stopping": True}, {"solver": "sgd", "momentum": 0.5}], ids=str)
def test_regressor(loss: str, target: Any, extra: dict[str, Any]) -> None:
    a, b = both("MLPRegressor", loss=loss, **extra)
    same(a.fit(X, abs(target)), b.fit(X, abs(target)))
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-9)
    assert a.score(X, abs(target)) == pytest.approx(b.score(X, abs(target)), rel=1e-9)


def test_lbfgs_regressor() -> None:
    a, b = both("MLPRegressor", solver="lbfgs")
    same(a.fit(X, TARGETS[:, 0], WEIGHTS), b.fit(X, TARGETS[:, 0], WEIGHTS))


def test_lbfgs_goes_further_on_several_outputs() -> None:
    """scikit-learn's loss is a mean over the outputs, its gradient that of the sum: its line search errs."""
    a, b = both("MLPRegressor", solver="lbfgs", max_iter=30)
    assert a.fit(X, TARGETS).loss_ < b.fit(X, TARGETS).loss_


def test_float32_stays_float32() -> None:
    a, b = both("MLPClassifier")
    same(a.fit(X.astype(np.float32), Y), b.fit(X.astype(np.float32), Y), 2e-5)
    assert {c.dtype for c in [*a.coefs_, *a.intercepts_]} == {np.dtype(np.float32)}
    assert a.predict_proba(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit(solver: str) -> None:
    a, b = both("MLPClassifier", solver=solver)
    for part in np.array_split(np.arange(len(Y)), 5):
        a.partial_fit(X[part], Y[part], classes=np.arange(10))
        b.partial_fit(X[part], Y[part], classes=np.arange(10))
        same(a, b)
    a, b = both("MLPRegressor", solver=solver)
    for _ in range(4):
        same(a.partial_fit(X, TARGETS, WEIGHTS), b.partial_fit(X, TARGETS, WEIGHTS))


def test_partial_fit_after_fit_goes_on_with_the_optimizer() -> None:
    a, b = both("MLPRegressor")
    same(a.fit(X, TARGETS), b.fit(X, TARGETS))
    same(a.partial_fit(X, TARGETS), b.partial_fit(X, TARGETS))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start(solver: str) -> None:
    a, b = both("MLPClassifier", solver=solver, warm_start=True)
    for _ in range(3):
        a, b = a.fit(X, Y), b.fit(X, Y)
        same(a, b)


def test_verbose_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {
        "solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1, "max_iter": 12,
        "early_stopping": True, "verbose": True,
    }  # fmt: skip
    a, b = both("MLPClassifier", **settings)
    a.fit(X, Y)
    mine = [line for line in capsys.readouterr().out.splitlines() if ":" in line or "=" in line][:6]
    b.fit(X, Y)
    yours = [line for line in capsys.readouterr().out.splitlines() if ":" in line or "=" in line][:6]
    assert mine == yours
