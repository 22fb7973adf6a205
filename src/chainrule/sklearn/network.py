"""The network of an estimator as functions of tensors: the same for training and for prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import nn, rand, sigmoid, tanh
from ..errors import message
from ..tensor import Tensor

F = nn.functional
Function = Callable[..., Any]
Array = np.ndarray[Any, Any]


def _identity(z: Tensor) -> Tensor:
    return z


# scikit-learn's four, and those of chainrule.nn.functional that need no further argument.
ACTIVATIONS: dict[str, Function] = {
    "identity": _identity,
    "logistic": sigmoid,
    "tanh": tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "hardtanh": F.hardtanh,
    "relu6": F.relu6,
}


def _cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y, reduction="none")


def _logistic(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def _squared_error(z: Tensor, y: Tensor) -> Tensor:
    return 0.5 * (z - y) ** 2


def _poisson(z: Tensor, y: Tensor) -> Tensor:
    """Half the Poisson deviance of the mean exp(z)."""
    return z.exp() - y * z + (y.xlogy(y) - y)


def _absolute_error(z: Tensor, y: Tensor) -> Tensor:
    return (z - y).abs()


def _huber(z: Tensor, y: Tensor) -> Tensor:
    return F.huber_loss(z, y, reduction="none")


LOSSES: dict[str, Function] = {
    "softmax": _cross_entropy,
    "logistic": _logistic,
    "squared_error": _squared_error,
    "poisson": _poisson,
    "absolute_error": _absolute_error,
    "huber": _huber,
}
AVERAGED = ("squared_error", "absolute_error", "huber")  # what is reported is a mean over the outputs


class Network(NamedTuple):
    """What a network is made of: two that are equal share one compiled step."""

    units: tuple[int, ...]  # features, hidden sizes, outputs
    activations: tuple[str | Function, ...]  # of each hidden layer
    dropout: tuple[float, ...]  # of each hidden layer
    loss: str | Function  # a key of LOSSES, or a function of output and target
    dtype: str

    @property
    def dropping(self) -> bool:
        """Whether a step draws random numbers."""
        return any(self.dropout)

    @property
    def reported(self) -> float:
        """What the loss is multiplied by in loss_curve_: scikit-learn's is a mean over the outputs of a
        regression, though its gradient is that of the sum.
        """
        return 1 / self.units[-1] if self.loss in AVERAGED else 1.0


def forward(
    network: Network, x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], generator: Any = None
) -> Tensor:
    """The output layer before its activation: z = h W + b; with a generator, hidden values are dropped."""
    last = len(weights) - 1
    for i, (w, b) in enumerate(zip(weights, biases)):
        x = x @ w + b
        if i < last:
            chosen = network.activations[i]
            x = ACTIVATIONS[chosen](x) if isinstance(chosen, str) else _activated(chosen, x)
            p = network.dropout[i]
            if generator is not None and p:
                x = x * (rand(x.shape, generator=generator, dtype=x.dtype) >= p) / (1 - p)
    return x


def _activated(activation: Function, z: Tensor) -> Tensor:
    """The user's own activation of a layer."""
    h = activation(z)
    if isinstance(h, Tensor) and h.shape == z.shape:
        return h
    raise ValueError(
        message(
            "the activation does not give a value for each hidden value",
            came=f"a {type(h).__name__}" + (f" of shape {tuple(h.shape)}" if isinstance(h, Tensor) else ""),
            expected=f"a tensor of shape {tuple(z.shape)}: (samples, hidden values)",
        )
    )


def losses(network: Network, z: Tensor, y: Tensor) -> Tensor:
    """The loss of each sample, summed over the outputs: shape (samples,)."""
    rows = LOSSES[network.loss](z, y) if isinstance(network.loss, str) else network.loss(z, y)
    if not isinstance(rows, Tensor) or rows.ndim == 0 or rows.shape[0] != z.shape[0]:
        _refuse(rows, z)
    return rows if rows.ndim == 1 else rows.flatten(1).sum(1)


def _refuse(rows: Any, z: Tensor) -> None:
    shape = f" of shape {tuple(rows.shape)}" if isinstance(rows, Tensor) else ""
    raise ValueError(
        message(
            "the loss does not tell the samples apart, so they cannot be weighted",
            came=f"a {type(rows).__name__}{shape} for {z.shape[0]} samples",
            expected=f"a tensor of shape ({z.shape[0]},) or ({z.shape[0]}, outputs): a loss for each sample",
            fix='use reduction="none", or leave out .mean() and .sum()',
        )
    )


def initial(network: Network, random: Any) -> tuple[list[Array], list[Array]]:
    """Weights and intercepts, uniform in ±sqrt(6 / (fan in + fan out)), 2 in place of 6 before a logistic.

    Drawn in scikit-learn's order, so that one random_state starts both libraries from the same network.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward networks, 2010.
    """
    coefs, intercepts = [], []
    kinds = [*network.activations, *network.activations[-1:]]
    for i, (fan_in, fan_out) in enumerate(zip(network.units, network.units[1:])):
        factor = 2.0 if kinds and kinds[i] == "logistic" else 6.0
        bound = np.sqrt(factor / (fan_in + fan_out))
        coefs.append(random.uniform(-bound, bound, (fan_in, fan_out)).astype(network.dtype, copy=False))
        intercepts.append(random.uniform(-bound, bound, fan_out).astype(network.dtype, copy=False))
    return coefs, intercepts
