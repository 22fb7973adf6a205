"""4-32-16-4 with tanh, 10,000 samples in one batch, mean squared error, Adam.

Claim: ≥ 2× as fast as JAX and ≥ 10× as PyTorch eager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .in_jax import adam, dense, squared_error, trainer
from .workload import PEERS, Aim, Arrays, Workload, chain, generator, load, supervised

SIZES, SAMPLES, LR = (4, 32, 16, 4), 10_000, 1e-3


def data() -> Arrays:
    x = generator().uniform(-1, 1, (SAMPLES, 4)).astype(np.float32)
    return x, np.sin(3 * x) * x[:, ::-1]


def build(torch: Any) -> Callable[..., Any]:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4))
    load(torch, model, chain(SIZES))
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=LR)
    return supervised(model, criterion, optimizer)


def in_jax() -> tuple[Any, Callable[..., Any]]:
    import jax

    def loss(p: Any, x: Any, y: Any) -> Any:
        x = jax.numpy.tanh(dense(p, "0", x))
        return squared_error(dense(p, "4", jax.numpy.tanh(dense(p, "2", x))), y)

    return trainer(chain(SIZES), loss, adam(LR))


WORKLOAD = Workload(
    claim="4-32-16-4 tanh, 10,000 samples, full batch, Adam",
    data=data,
    batch=SAMPLES,
    build=build,
    in_jax=in_jax,
    peers=PEERS,
    aims=(Aim(1, "jax", 2), Aim(1, "torch eager", 10), Aim(2, "jax", 2), Aim(2, "torch eager", 10)),
    steps=dict.fromkeys(PEERS, 100),
)
