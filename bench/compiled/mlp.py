"""Perceptrons with ReLU, cross-entropy, SGD with momentum: what the two sizes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .in_jax import cross_entropy, dense, sgd, trainer
from .workload import PEERS, Aim, Arrays, Workload, chain, generator, load, supervised

LR, MOMENTUM = 0.01, 0.9
BATCHES = 20


def perceptron(claim: str, sizes: tuple[int, ...], batch: int, aims: tuple[Aim, ...], steps: int) -> Workload:
    """The workload of these layers; `steps` of them are one call of a native loop."""

    def data() -> Arrays:
        rng, n = generator(), BATCHES * batch
        return rng.standard_normal((n, sizes[0]), np.float32), rng.integers(0, sizes[-1], n)

    def build(torch: Any) -> Callable[..., Any]:
        nn = torch.nn
        layers: list[Any] = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        model = load(torch, nn.Sequential(*layers[:-1]), chain(sizes))
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        return supervised(model, criterion, optimizer)

    def in_jax() -> tuple[Any, Callable[..., Any]]:
        import jax

        def loss(p: Any, x: Any, y: Any) -> Any:
            for i in range(len(sizes) - 2):
                x = jax.nn.relu(dense(p, str(2 * i), x))
            return cross_entropy(dense(p, str(2 * len(sizes) - 4), x), y)

        return trainer(chain(sizes), loss, sgd(LR, MOMENTUM))

    # Forward, and both products of backward; the first layer's input needs no gradient.
    products = 3 * sum(a * b for a, b in zip(sizes, sizes[1:])) - sizes[0] * sizes[1]
    native = ("chainrule/loop", "jax/loop")
    return Workload(
        claim, data, batch, build, in_jax, PEERS, aims,
        steps=dict.fromkeys(native, steps), flops=2.0 * batch * products,
    )  # fmt: skip
