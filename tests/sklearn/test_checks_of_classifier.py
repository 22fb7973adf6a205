"""scikit-learn's own checks of an estimator, none of them expected to fail."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import MLPClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # the checks make data that no fit converges on
]


@parametrize_with_checks([MLPClassifier(max_iter=100)])
def test_what_scikit_learn_asks_of_a_classifier(estimator: Any, check: Any) -> None:
    check(estimator)
