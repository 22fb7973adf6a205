"""Quadratic fit: three numbers fitted to five points, one at a time, updated by hand.

Claim: the native loop is ≥ 1.5× as fast as JAX's lax.scan and ≥ 5000× as PyTorch eager; a Python loop around
the compiled step ≥ 500× PyTorch eager; the unchanged eager script ≥ 10× PyTorch eager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .workload import Aim, Arrays, Workload

LR = 0.0005


def data() -> Arrays:
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0], dtype=np.float32)
    return x, 3 * x * x + 2 * x + 3


def build(torch: Any) -> Callable[..., Any]:
    w_1 = torch.tensor([1.0], requires_grad=True)
    w_2 = torch.tensor([1.0], requires_grad=True)
    b = torch.tensor([1.0], requires_grad=True)

    def step(x: Any, y: Any) -> Any:
        nonlocal w_1, w_2, b
        loss = (x * x * w_1 + x * w_2 + b - y) ** 2
        loss.backward()
        with torch.no_grad():
            w_1 -= LR * w_1.grad
            w_2 -= LR * w_2.grad
            b -= LR * b.grad
        w_1.grad.zero_()
        w_2.grad.zero_()
        b.grad.zero_()
        return loss

    return step


def in_jax() -> tuple[Any, Callable[..., Any]]:
    import jax

    def error(parameters: Any, x: Any, y: Any) -> Any:
        w_1, w_2, b = parameters
        return (x * x * w_1 + x * w_2 + b - y) ** 2

    def step(parameters: Any, batch: Any) -> Any:
        loss, gradient = jax.value_and_grad(error)(parameters, *batch)
        return tuple(p - LR * g for p, g in zip(parameters, gradient)), loss

    return (jax.numpy.float32(1.0),) * 3, step


WORKLOAD = Workload(
    claim="y = w₁x² + w₂x + b, point by point",
    data=data,
    batch=1,
    build=build,
    in_jax=in_jax,
    peers=(
        *("chainrule/loop", "chainrule/step", "chainrule/step/tensors", "chainrule/eager"),
        *("torch eager", "torch.compile", "jax/loop", "jax/loop/unrolled", "jax/step"),
    ),
    aims=(
        Aim(1, "jax/loop", 1.5, "chainrule/loop"),
        Aim(1, "torch eager", 5000, "chainrule/loop"),
        Aim(1, "torch eager", 500, "chainrule/step"),
        Aim(1, "torch eager", 10, "chainrule/eager"),
    ),
    choices={"jax/loop/unrolled": {"unroll": 5}},
    steps={
        **dict.fromkeys(("chainrule/loop", "jax/loop", "jax/loop/unrolled"), 50_000),
        "chainrule/step": 5000,
        "chainrule/step/tensors": 5000,
        "chainrule/eager": 1000,
        "torch eager": 500,
        "torch.compile": 500,
        "jax/step": 1000,
    },
    scalars=True,
)
