"""Which values the estimators' parameters take, said in words before a fit begins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import message
from .network import ACTIVATIONS

SOLVERS = ("lbfgs", "sgd", "adam", "adamw", "rmsprop")
_CHOICES = {"solver": SOLVERS, "learning_rate": ("constant", "invscaling", "adaptive")}
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")
# the smallest value, whether it is one of them, the largest, whether it is one
_NUMBERS: dict[str, tuple[float, bool, float, bool]] = {
    "alpha": (0, True, math.inf, False),
    "learning_rate_init": (0, False, math.inf, False),
    "power_t": (0, True, math.inf, False),
    "tol": (0, True, math.inf, False),
    "momentum": (0, True, 1, True),
    "validation_fraction": (0, True, 1, False),
    "beta_1": (0, True, 1, False),
    "beta_2": (0, True, 1, False),
    "epsilon": (0, False, math.inf, False),
}
_NUMBER = (int, float, np.integer, np.floating)
_COUNTS = ("max_iter", "n_iter_no_change", "max_fun")


def check(estimator: Any, losses: Iterable[str]) -> None:
    """Raise ValueError for the first parameter with a value that it does not take."""
    values = {**vars(estimator)}
    for name, known in _CHOICES.items():
        if values[name] not in known:
            raise wrong(name, values[name], f"one of {', '.join(map(repr, known))}")
    if not callable(values["loss"]) and values["loss"] not in losses:
        raise wrong("loss", values["loss"], f"one of {', '.join(map(repr, losses))}, or a function")
    for name in _FLAGS:
        if not isinstance(values[name], (bool, np.bool_)):
            raise wrong(name, values[name], "True or False")
    for name, (low, from_low, high, to_high) in _NUMBERS.items():
        value = values[name]
        fits = isinstance(value, _NUMBER) and (low <= value if from_low else low < value)
        if not fits or not (value <= high if to_high else value < high):
            ends = f"{'[' if from_low else '('}{low}, {high}{']' if to_high else ')'}"
            raise wrong(name, value, f"a number in {ends}")
    for name in _COUNTS:
        endless = name == "n_iter_no_change" and values[name] == math.inf
        if not endless and not _counts(values[name]):
            raise wrong(name, values[name], "a whole number from 1 on")
    if values["batch_size"] != "auto" and not _counts(values["batch_size"]):
        raise wrong("batch_size", values["batch_size"], "'auto' or a whole number from 1 on")
    if values["solver"] == "lbfgs" and any(np.atleast_1d(values["dropout"])):
        raise wrong("dropout", values["dropout"], "0 with solver='lbfgs', whose line search needs one loss")


def _counts(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 1)


def wrong(name: str, came: Any, expected: str) -> ValueError:
    """The error for a parameter's value."""
    return ValueError(message(f"{name} does not take this value", came=f"{name}={came!r}", expected=expected))


def hidden_sizes(value: Any) -> tuple[int, ...]:
    """The sizes of the hidden layers; one number is one layer."""
    sizes = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    if not all(_counts(size) for size in sizes):
        raise wrong("hidden_layer_sizes", value, "sizes > 0, a whole number for each hidden layer")
    return tuple(map(int, sizes))


def per_layer(name: str, value: Any, layers: int) -> tuple[Any, ...]:
    """A value for each hidden layer: the one given, or those of a list."""
    if isinstance(value, str) or callable(value) or not isinstance(value, Iterable):
        return (value,) * layers
    values = tuple(value)
    if len(values) != layers:
        raise wrong(name, value, f"one value, or a list of {layers}: one for each hidden layer")
    return values


def activations(value: Any, layers: int) -> tuple[Any, ...]:
    """The activation of each hidden layer."""
    chosen = per_layer("activation", value, layers)
    single = isinstance(value, str) or callable(value) or not isinstance(value, Iterable)
    for one in (value,) if single else chosen:
        if not callable(one) and not (isinstance(one, str) and one in ACTIVATIONS):
            names = ", ".join(map(repr, ACTIVATIONS))
            raise wrong("activation", value, f"one of {names}, a function of a tensor, or a list of these")
        if hasattr(one, "parameters") and list(one.parameters()):
            raise wrong("activation", value, "a function without parameters of its own: nobody trains them")
    return chosen


def rates(value: Any, layers: int) -> tuple[float, ...]:
    """The dropout of each hidden layer."""
    chosen = per_layer("dropout", value, layers)
    for one in chosen:
        if not isinstance(one, _NUMBER) or isinstance(one, bool) or not 0 <= one < 1:
            raise wrong("dropout", value, "a number in [0, 1), or a list of one for each hidden layer")
    return tuple(map(float, chosen))
