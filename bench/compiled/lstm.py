"""An LSTM of 128 units, 50 steps of 32 inputs, batch 32, linear head on the last state, squared error, Adam.

Claim: ≥ 3× as fast as PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .in_jax import adam, dense, squared_error, trainer
from .workload import PEERS, Aim, Arrays, Weights, Workload, generator, linear, load, supervised, uniform

INPUTS, UNITS, STEPS, BATCH, BATCHES, LR = 32, 128, 50, 32, 20, 1e-3


def data() -> Arrays:
    x = generator().standard_normal((BATCH * BATCHES, STEPS, INPUTS), np.float32)
    return x, np.tanh(x[:, -5:, :4].sum((1, 2)))[:, None]


def weights() -> Weights:
    rng = generator(1)
    made: Weights = {}
    for name, shape in (("weight_ih", (INPUTS,)), ("weight_hh", (UNITS,)), ("bias_ih", ()), ("bias_hh", ())):
        made[f"0.{name}_l0"] = uniform(rng, (4 * UNITS, *shape), UNITS)
    linear(rng, made, "1", UNITS, 1)
    return made


def build(torch: Any) -> Callable[..., Any]:
    nn = torch.nn
    model = nn.ModuleList([nn.LSTM(INPUTS, UNITS, batch_first=True), nn.Linear(UNITS, 1)])
    cells, head = load(torch, model, weights())
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=LR)
    return supervised(lambda x: head(cells(x)[1][0][-1]), criterion, optimizer)


def in_jax() -> tuple[Any, Callable[..., Any]]:
    import jax

    jnp = jax.numpy

    def loss(p: Any, x: Any, y: Any) -> Any:
        gates_of = x @ p["0.weight_ih_l0"].T + p["0.bias_ih_l0"] + p["0.bias_hh_l0"]
        recurrent = p["0.weight_hh_l0"].T

        def cell(state: Any, from_input: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(from_input + h @ recurrent, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((BATCH, UNITS), jnp.float32)
        (h, _), _ = jax.lax.scan(cell, (zeros, zeros), jnp.moveaxis(gates_of, 1, 0))
        return squared_error(dense(p, "1", h), y)

    return trainer(weights(), loss, adam(LR))


WORKLOAD = Workload(
    claim="LSTM 128, 50 steps, batch 32, Adam",
    data=data,
    batch=BATCH,
    build=build,
    in_jax=in_jax,
    peers=PEERS,
    aims=(Aim(1, "torch eager|torch.compile", 3), Aim(2, "torch eager|torch.compile", 3)),
)
