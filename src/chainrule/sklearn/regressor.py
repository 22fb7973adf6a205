"""The regressor: one output for each target."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from ..errors import message
from .estimator import Base
from .network import Array, Network
from .steps import output


class MLPRegressor(RegressorMixin, Base):  # type: ignore[misc]
    r"""A multilayer perceptron for numbers, trained on a compiled step.

    Minimises, over mini-batches of rows i with weights :math:`w_i`,

    .. math:: \frac{\sum_i w_i \ell(z_i, y_i) + \frac{\alpha}{2} \sum_l \lVert W_l \rVert^2}{\sum_i w_i}

    with :math:`\ell = \frac12 (z - y)^2`, summed over the outputs. Parameters, defaults, attributes and
    random numbers are scikit-learn's: the same ``random_state`` gives the same network up to rounding. New:

    loss        "squared_error", "poisson" (half the deviance of the mean exp(z)), "absolute_error", "huber"
                (of width 1), or a function of the output (samples, outputs) and the target of the same shape
                that gives a loss per sample
    solver      also "adamw" (``alpha`` shrinks the weights by lr · alpha a step, and is not in the loss),
                and "rmsprop" (``beta_2`` and ``epsilon``)
    activation  also "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "hardtanh",
                "relu6", a function of a tensor, or a list: one for each hidden layer
    dropout     the share of hidden values left out in training, or a list: one for each hidden layer

    A float32 X is trained on in float32. Sparse rows are made dense. L-BFGS works in float64.

    Raises ValueError in fit for a parameter or data that cannot be used.

    Example:
        >>> import numpy as np
        >>> from chainrule.sklearn import MLPRegressor
        >>> x = np.linspace(-3, 3, 100).reshape(-1, 1)
        >>> model = MLPRegressor(activation="tanh", solver="lbfgs", random_state=0, hidden_layer_sizes=(10,))
        >>> model.fit(x, np.sin(x[:, 0])).score(x, np.sin(x[:, 0])) > 0.99
        True

    Source: scikit-learn, sklearn.neural_network.MLPRegressor.
    """

    _losses = ("squared_error", "poisson", "absolute_error", "huber")

    def __init__(
        self, loss: Any = "squared_error", hidden_layer_sizes: Any = (100,), activation: Any = "relu", *,
        solver: str = "adam", alpha: float = 0.0001, batch_size: Any = "auto",
        learning_rate: str = "constant", learning_rate_init: float = 0.001, power_t: float = 0.5,
        max_iter: int = 200, shuffle: bool = True, random_state: Any = None,
        tol: float = 1e-4, verbose: bool = False, warm_start: bool = False, momentum: float = 0.9,
        nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: float = 10, max_fun: int = 15000, dropout: Any = 0.0,
    ) -> None:  # fmt: skip
        self.loss = loss
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
        self.dropout = dropout

    def _targets(self, y: Any, known: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = np.asarray(y, np.float64).reshape(len(y), -1)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(
                message(
                    'loss="poisson" is for counts and rates',
                    came=f"y = {y.min()} at row {int(y.min(1).argmin())}",
                    expected="values from 0 on",
                )
            )
        return y

    def _outputs(self, y: Array) -> int:
        return y.shape[1]

    def _activation_and_loss(self) -> tuple[str, Any]:
        return "exp" if self.loss == "poisson" else "identity", self.loss

    def _mean(self, z: Array) -> Array:
        return np.exp(z) if self.out_activation_ == "exp" else z

    def _score(self, held: Any, network: Network, arrays: Any) -> float:
        x, y, weights = held
        z = self._mean(output(network, x, *arrays))
        return float(r2_score(y, z, sample_weight=weights)) if np.isfinite(z).all() else float("nan")

    def predict(self, X: Any) -> Array:
        """The value of each row, (samples,), or with several targets (samples, targets)."""
        z = self._mean(self._raw(X))
        return z[:, 0] if self.n_outputs_ == 1 else z
