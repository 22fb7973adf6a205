"""When training has gone on long enough without getting better: scikit-learn's rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Stopping:
    """The best loss, or with early stopping the best score and its parameters, and the epochs since."""

    def __init__(self, by_score: bool) -> None:
        self.by_score = by_score
        self.scores: list[float] = []
        self.best_loss, self.best_score = math.inf, -math.inf
        self.best: list[Array] = []
        self.waited = 0

    def lost(self, loss: float, tol: float) -> None:
        """Note the training loss of an epoch."""
        self.waited = self.waited + 1 if not loss <= self.best_loss - tol else 0
        if loss < self.best_loss:
            self.best_loss = loss

    def scored(self, score: float, tol: float, arrays: Sequence[Array]) -> None:
        """Note the validation score after an epoch."""
        self.scores.append(score)
        self.waited = self.waited + 1 if not score >= self.best_score + tol else 0
        if score > self.best_score:
            self.best_score, self.best = score, [a.copy() for a in arrays]

    def publish(self, estimator: Any) -> None:
        """Write scikit-learn's attributes."""
        estimator.best_loss_ = None if self.by_score else self.best_loss
        estimator.validation_scores_ = self.scores if self.by_score else None
        estimator.best_validation_score_ = self.best_score if self.by_score else None
