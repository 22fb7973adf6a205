"""What can be chosen for training on a table, and what is no choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..problem import problem
from .columns import nearest

ACTIVATIONS = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU",
    "tanh": "Tanh", "sigmoid": "Sigmoid", "softplus": "Softplus",
}  # fmt: skip
OPTIMIZERS = {
    "adam": "Adam", "adamw": "AdamW", "nadam": "NAdam", "rmsprop": "RMSprop", "sgd": "SGD", "momentum": "SGD",
    "adagrad": "Adagrad",
}  # fmt: skip
TASKS = ("auto", "regression", "classification")
_WIDEST, _DEEPEST = 1 << 16, 100


@dataclass(frozen=True)
class Options:
    """The choices of one training run; None is chosen from the data."""

    task: str = "auto"
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str = "adam"
    lr: float | None = None
    epochs: int = 200
    batch_size: int | None = None
    weight_decay: float = 0.0
    dropout: float = 0.0
    patience: int | None = 20
    test_size: float = 0.2
    validation_size: float = 0.15
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """As JSON can hold them."""
        return {**asdict(self), "hidden": list(self.hidden)}


def checked(options: Options) -> Options:
    """The options, if all of them make sense; InputError for the first that does not.

    >>> checked(Options(hidden=(8,))).hidden
    (8,)
    """
    o = options
    _one_of("task", o.task, TASKS)
    _one_of("activation", o.activation, ACTIVATIONS)
    _one_of("optimizer", o.optimizer, OPTIMIZERS)
    if len(o.hidden) > _DEEPEST or not all(_whole(w, 1, _WIDEST) for w in o.hidden):
        raise problem(
            "hidden: no widths of layers",
            came=",".join(map(str, o.hidden))[:60],
            expected=f"whole numbers from 1 to {_WIDEST}, such as 64,64; none for a linear model",
        )
    for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
        value = getattr(o, name)
        if value is not None and not _whole(value, least, 2**63 - 1):
            raise problem(
                f"{name}: no such number", came=repr(value), expected=f"a whole number from {least} on"
            )
    if o.lr is not None and not 0 < o.lr < math.inf:
        raise problem(
            "lr: no learning rate", came=repr(o.lr), expected="a number above 0, or none to choose it"
        )
    if not 0 <= o.weight_decay < math.inf:
        raise problem("weight_decay: no such number", came=repr(o.weight_decay), expected="0 or more")
    if not 0 <= o.dropout < 1:
        raise problem("dropout: no probability", came=repr(o.dropout), expected="from 0 to below 1")
    for name in ("test_size", "validation_size"):
        if not 0 <= getattr(o, name) < 1:
            raise problem(
                f"{name}: no part of the rows", came=repr(getattr(o, name)), expected="from 0 to below 1"
            )
    if o.test_size + o.validation_size > 0.9:
        came = f"test_size {o.test_size:g}, validation_size {o.validation_size:g}"
        raise problem("too few rows are left to learn from", came=came, expected="together at most 0.9")
    return o


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _one_of(name: str, value: str, known: Any) -> None:
    if value not in known:
        names = list(known)
        alike: Sequence[str] = nearest(str(value), names)
        raise problem(
            f"{name}: there is no {value!r}",
            came=repr(value),
            expected=", ".join(names),
            fix=f"did you mean {alike[0]}?" if alike else "",
        )
