"""scikit-learn estimators that train on chainrule's compiled steps.

>>> from chainrule.sklearn import MLPClassifier
>>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
>>> model = MLPClassifier((8,), activation="tanh", solver="lbfgs", random_state=0).fit(X, y)
>>> model.predict([[1.0, 0.0], [1.0, 1.0]])
array(['yes', 'no'], dtype='<U3')
"""

from __future__ import annotations

from ..errors import message

try:
    import sklearn as _scikit_learn  # noqa: F401
except ImportError as error:
    raise ImportError(
        message(
            "chainrule.sklearn needs scikit-learn, which is not installed",
            came=str(error),
            fix='install it: python -m pip install "scikit-learn>=1.6"',
        )
    ) from None

from .classifier import MLPClassifier as MLPClassifier
from .regressor import MLPRegressor as MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
