"""The classifier: softmax over classes, a logistic output for two or for labels that go together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..errors import message
from .estimator import Base, by_batches
from .network import Array, Network
from .steps import output


class MLPClassifier(ClassifierMixin, Base):  # type: ignore[misc]
    r"""A multilayer perceptron that classifies, trained on a compiled step.

    Minimises, over mini-batches of rows i with weights :math:`w_i`,

    .. math:: \frac{\sum_i w_i \ell(z_i, y_i) + \frac{\alpha}{2} \sum_l \lVert W_l \rVert^2}{\sum_i w_i}

    where :math:`\ell` is the cross-entropy of the classes. Parameters, defaults, attributes and random
    numbers are scikit-learn's: the same ``random_state`` gives the same network up to rounding. New:

    solver        also "adamw" (``alpha`` shrinks the weights by lr · alpha a step, and is not in the loss),
                  and "rmsprop" (``beta_2`` and ``epsilon``)
    activation    also "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign",
                  "hardtanh", "relu6", a function of a tensor, or a list: one for each hidden layer
    dropout       the share of hidden values left out in training, or a list: one for each hidden layer
    class_weight  None, "balanced", or a dict of class to weight; multiplies sample_weight
    loss          "log_loss", or a function of the output before its activation (samples, outputs) and the
                  target (class numbers, or 0 and 1 for two classes and for labels): a loss per sample

    A float32 X is trained on in float32. Sparse rows are made dense. L-BFGS works in float64.

    Raises ValueError in fit for a parameter or data that cannot be used.

    Example:
        >>> import numpy as np
        >>> from chainrule.sklearn import MLPClassifier
        >>> X = np.random.default_rng(0).normal(size=(300, 2))
        >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same sign", "unlike")
        >>> model = MLPClassifier((16, 16), activation=["leaky_relu", "tanh"], learning_rate_init=0.02,
        ...     random_state=0).fit(X, y)
        >>> model.predict([[1.0, 1.0], [-1.0, 1.0]])
        array(['same sign', 'unlike'], dtype='<U9')
        >>> model.score(X, y) > 0.95
        True

    Source: scikit-learn, sklearn.neural_network.MLPClassifier.
    """

    _losses = ("log_loss",)

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *, solver: str = "adam",
        alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: float = 10, max_fun: int = 15000, loss: Any = "log_loss", dropout: Any = 0.0,
        class_weight: Any = None,
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.dropout = dropout
        self.class_weight = class_weight

    # ----- targets

    @property
    def _kind(self) -> str:
        """binary, multiclass or multilabel-indicator."""
        kind: str = self._label_binarizer.y_type_
        return kind

    def _targets(self, y: Any, known: bool) -> Array:
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not known or not hasattr(self, "classes_"):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._compare(unique_labels(y))
        if self._kind == "multiclass":
            return np.searchsorted(self.classes_, y).astype(np.int64)
        targets: Array = self._label_binarizer.transform(y).astype(np.float64)
        return targets

    def _compare(self, classes: Array) -> None:
        """Going on knows the classes that there were, and no others."""
        strange = np.setdiff1d(classes, self.classes_)
        if len(strange) or (self.warm_start and len(classes) != len(self.classes_)):
            raise ValueError(
                message(
                    "`y` has classes not in `self.classes_`" if len(strange) else "`y` lacks classes",
                    came=f"{classes}",
                    expected=f"{self.classes_}, as in the first call",
                    fix="fit with warm_start=False"
                    if self.warm_start
                    else "name all classes in the first partial_fit",
                )
            )

    def _outputs(self, y: Array) -> int:
        return len(self.classes_) if y.ndim == 1 else y.shape[1]

    def _activation_and_loss(self) -> tuple[str, Any]:
        out = "softmax" if self._kind == "multiclass" else "logistic"
        return out, self.loss if callable(self.loss) else out

    def _weights_of(self, y: Any, weights: Array | None, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return weights
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                message(
                    'class_weight="balanced" needs all of y, and partial_fit sees a part',
                    fix="class_weight=dict(zip(classes, sklearn.utils.class_weight.compute_class_weight("
                    '"balanced", classes=classes, y=y)))',
                )
            )
        given: Array = compute_sample_weight(self.class_weight, y)
        return given if weights is None else given * weights

    @available_if(by_batches)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One more epoch over these rows, with the optimizer where it was.

        The first call needs `classes`, all that will come: an array such as np.unique(y_all).
        """
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            named = unique_labels(classes)
            if first:
                labels = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(y if labels else named)
                self.classes_ = self._label_binarizer.classes_
            elif not np.array_equal(self.classes_, named):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
        return self._fit(X, y, sample_weight, incremental=True)

    def _score(self, held: Any, network: Network, arrays: Any) -> float:
        x, y, weights = held
        z = output(network, x, *arrays)
        if not np.isfinite(z).all():
            return float("nan")
        right = z.argmax(1) == y if y.ndim == 1 else ((z > 0) == (y > 0.5)).all(1)
        return float(np.average(right, weights=weights))

    # ----- predictions

    def predict(self, X: Any) -> Array:
        """The class of each row; for labels that go together 0 and 1 for each."""
        z = self._raw(X)
        if self._kind == "multilabel-indicator":
            return (z > 0).astype(int)
        chosen = (
            z.argmax(1) if self._kind == "multiclass" else np.minimum(z[:, 0] > 0, len(self.classes_) - 1)
        )
        found: Array = self.classes_[chosen.astype(int)]
        return found

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class: (samples, classes), in the order of `classes_`."""
        return self._probabilities(self._raw(X), softmax, expit)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, also of those too small for predict_proba."""
        return self._probabilities(self._raw(X), log_softmax, log_expit)

    def _probabilities(self, z: Array, of_classes: Any, of_label: Any) -> Array:
        if self._kind == "multiclass":
            found: Array = of_classes(z, axis=1)
        elif self._kind == "multilabel-indicator":
            found = of_label(z)
        elif len(self.classes_) == 1:
            found = of_label(np.full_like(z, np.inf))
        else:
            found = np.hstack([of_label(-z), of_label(z)])
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
