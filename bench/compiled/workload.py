"""What a workload is, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Arrays = tuple[np.ndarray, ...]
Weights = dict[str, np.ndarray]
LOSSES = 20  # how many first losses are compared


class Aim(NamedTuple):
    """`ours` is to be `factor` times as fast as `theirs`, or reach that share of the FMA "peak".

    A name stands for the fastest of all that begin with it: `jax` is the better of `jax/step` and `jax/loop`.
    Several are separated by "|".
    """

    threads: int
    theirs: str
    factor: float
    ours: str = "chainrule"


class Workload(NamedTuple):
    """One training problem.

    data       arrays whose first axis is the sample; the steps go through them batch by batch
    build      (module with PyTorch's API, **choices) → step(*batch) → loss
    in_jax     () → (initial state, step(state, batch) → (state, loss))
    peers      which ways are measured; what follows the slash is explained in `ways.py`
    choices    peer → keyword arguments of `build` or `in_jax`
    steps      peer → steps of one timed call, if not one pass over the data: several passes, or a part of one
    flops      floating-point operations of one step, 2 for a multiply-add; matrix products only
    rtol       how far the first losses may differ
    scalars    a batch is one sample of Python numbers: the seed script's way
    """

    claim: str
    data: Callable[[], Arrays]
    batch: int
    build: Callable[..., Callable[..., Any]]
    in_jax: Callable[..., tuple[Any, Callable[..., Any]]]
    peers: tuple[str, ...]
    aims: tuple[Aim, ...]
    choices: dict[str, dict[str, Any]] = {}
    steps: dict[str, int] = {}
    flops: float | None = None
    rtol: float = 1e-4
    scalars: bool = False


PEERS = ("chainrule/loop", "chainrule/step", "torch eager", "torch.compile", "jax/loop", "jax/step")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """PyTorch's default scale: ±1/√fan_in."""
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def linear(rng: np.random.Generator, weights: Weights, name: str, inputs: int, outputs: int) -> None:
    """Add a layer's weight and bias under PyTorch's names."""
    weights[f"{name}.weight"] = uniform(rng, (outputs, inputs), inputs)
    weights[f"{name}.bias"] = uniform(rng, (outputs,), inputs)


def chain(sizes: tuple[int, ...]) -> Weights:
    """The weights of Sequential(Linear, activation, Linear …) with layers of these sizes."""
    rng = generator(1)
    made: Weights = {}
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        linear(rng, made, str(2 * i), a, b)
    return made


def supervised(model: Callable[..., Any], criterion: Any, optimizer: Any) -> Callable[..., Any]:
    """The step that every tutorial shows."""

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def load(torch: Any, model: Any, weights: Weights) -> Any:
    """Copy the weights into a model; all names must fit."""
    model.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()})
    return model
