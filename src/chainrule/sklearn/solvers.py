"""How a mini-batch changes the parameters: scikit-learn's rules, and two more.

They differ from chainrule.optim's, which are PyTorch's: scikit-learn's Adam adds epsilon to the root of the
biased average, its momentum holds steps rather than gradients, and the numbers here are tensors, so that a
search over them compiles once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..tensor import Tensor

Numbers = Mapping[str, Tensor]


class Rule(NamedTuple):
    """An update rule: which numbers it reads, which it keeps, what it keeps for each parameter."""

    numbers: tuple[str, ...]  # parameters of the estimator
    products: tuple[str, ...]  # running products, 1.0 at the start
    slots: tuple[str, ...]  # an array for each parameter, 0 at the start
    begin: Callable[[Numbers], Tensor]  # once a step: the learning rate of this step
    update: Callable[..., None]  # update(parameter, gradient, rate, numbers, *slots), in place
    decoupled: bool = False  # alpha shrinks the weights and is no part of the loss


def _plain(n: Numbers) -> Tensor:
    return n["learning_rate"]


def _corrected(n: Numbers) -> Tensor:
    """Adam's learning rate, with both bias corrections in it."""
    n["power_1"].mul_(n["beta_1"])
    n["power_2"].mul_(n["beta_2"])
    return n["learning_rate"] * (1 - n["power_2"]).sqrt() / (1 - n["power_1"])


def _momentum(p: Tensor, g: Tensor, rate: Tensor, n: Numbers, v: Tensor) -> None:
    v.mul_(n["momentum"]).sub_(rate * g)
    p.add_(v)


def _nesterov(p: Tensor, g: Tensor, rate: Tensor, n: Numbers, v: Tensor) -> None:
    v.mul_(n["momentum"]).sub_(rate * g)
    p.add_(n["momentum"] * v - rate * g)


def _adam(p: Tensor, g: Tensor, rate: Tensor, n: Numbers, m: Tensor, v: Tensor) -> None:
    m.mul_(n["beta_1"]).add_((1 - n["beta_1"]) * g)
    v.mul_(n["beta_2"]).add_((1 - n["beta_2"]) * (g * g))
    p.sub_(rate * m / (v.sqrt() + n["epsilon"]))


def _rmsprop(p: Tensor, g: Tensor, rate: Tensor, n: Numbers, v: Tensor) -> None:
    v.mul_(n["beta_2"]).add_((1 - n["beta_2"]) * (g * g))
    p.sub_(rate * g / (v.sqrt() + n["epsilon"]))


_ADAM = Rule(("beta_1", "beta_2", "epsilon"), ("power_1", "power_2"), ("m", "v"), _corrected, _adam)
RULES: dict[str, Rule] = {
    "sgd": Rule(("momentum",), (), ("velocity",), _plain, _momentum),
    "nesterov": Rule(("momentum",), (), ("velocity",), _plain, _nesterov),
    "adam": _ADAM,
    "adamw": _ADAM._replace(decoupled=True),
    "rmsprop": Rule(("beta_2", "epsilon"), (), ("v",), _plain, _rmsprop),
}


def apply(
    rule: Rule,
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    slots: Sequence[Sequence[Tensor]],
    numbers: Numbers,
) -> None:
    """One step of every parameter."""
    rate = rule.begin(numbers)
    for p, g, kept in zip(parameters, gradients, slots):
        rule.update(p, g, rate, numbers, *kept)
