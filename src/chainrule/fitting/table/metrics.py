"""How good predictions are, in the field's usual figures, and how much better than a trivial guess."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def regression(truth: Array, predicted: Array) -> dict[str, float]:
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², root mean squared error and mean absolute error in the target's unit.

    R² is nan where the truth is constant.

    >>> regression(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))["r2"]
    0.5
    """
    error = truth - predicted
    total = float(np.square(truth - truth.mean()).sum())
    squares = float(np.square(error).sum())
    return {
        "r2": 1 - squares / total if total > 0 else np.nan,
        "rmse": float(np.sqrt(squares / len(truth))),
        "mae": float(np.abs(error).mean()),
    }


def classification(truth: Array, proba: Array) -> dict[str, float]:
    """Accuracy, mean −log p of the true class, area under the ROC curve, and the mean recall of the classes.

    truth  (n,) codes of the classes
    proba  (n, classes), rows that sum to 1

    For more than two classes the area is the mean of one class against the others (scikit-learn's
    roc_auc_score with multi_class="ovr"), over the classes that the truth has.

    >>> figures = classification(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> figures["accuracy"], figures["roc_auc"]
    (1.0, 1.0)
    """
    predicted = proba.argmax(1)
    present = np.unique(truth)
    recalls = [float((predicted[truth == c] == c).mean()) for c in present]
    tiny = np.finfo(np.float64).eps
    chosen = proba[np.arange(len(truth)), truth]
    columns = [1] if proba.shape[1] == 2 else [int(c) for c in present]
    areas = [roc_auc(truth == c, proba[:, c]) for c in columns]
    return {
        "accuracy": float((predicted == truth).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": float(-np.log(np.clip(chosen, tiny, 1)).mean()),
        "roc_auc": float(np.mean(areas)),
    }


def roc_auc(positive: Array, score: Array) -> float:
    """The chance that a positive row scores above a negative one, ties counting half; nan without both.

    >>> roc_auc(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    from scipy.stats import rankdata

    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def confusion(truth: Array, predicted: Array, classes: int) -> Array:
    """How many rows of class i (row) were taken for class j (column).

    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)
