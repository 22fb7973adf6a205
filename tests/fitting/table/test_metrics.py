"""Metrics, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.fitting.table.metrics import classification, confusion, regression, roc_auc

metrics = pytest.importorskip("sklearn.metrics")


def test_regression_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=(2, 200))
    found = regression(truth, predicted)
    assert found["r2"] == pytest.approx(metrics.r2_score(truth, predicted))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, predicted))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted))


@pytest.mark.parametrize("classes", [2, 4])
def test_classification_figures_are_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, 300)
    proba = rng.random((300, classes)).round(1) + 0.05  # with ties
    proba /= proba.sum(1, keepdims=True)
    found, predicted = classification(truth, proba), proba.argmax(1)
    score = proba[:, 1] if classes == 2 else proba
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, proba))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, score, multi_class="ovr"))
    np.testing.assert_array_equal(
        confusion(truth, predicted, classes), metrics.confusion_matrix(truth, predicted)
    )


def test_without_both_classes_there_is_no_area() -> None:
    assert np.isnan(roc_auc(np.array([True, True]), np.array([0.1, 0.2])))
    assert np.isnan(regression(np.ones(3), np.zeros(3))["r2"])
