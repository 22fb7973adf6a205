"""The network of a table: its layers, its compiled step, and the choice of a learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..batches import Batches
from ..state import RunState
from .columns import Array
from .options import ACTIVATIONS, OPTIMIZERS, Options
from .schema import Task

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
_TRIAL_STEPS = 100
_ENOUGH = 0.85  # of the largest fall
_PIECE = 1 << 16  # rows of one forward pass


def build(inputs: int, outputs: int, hidden: Sequence[int], activation: str, dropout: float) -> Any:
    """A Sequential of Linear layers with an activation (and dropout) between them."""
    from ... import nn

    layers: list[Any] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), getattr(nn, ACTIVATIONS[activation])()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def optimizer_of(model: Any, options: Options, lr: float) -> Any:
    """The optimizer by its name; "momentum" is SGD with momentum 0.9."""
    from ... import optim

    more = {"momentum": 0.9} if options.optimizer == "momentum" else {}
    kind = getattr(optim, OPTIMIZERS[options.optimizer])
    return kind(model.parameters(), lr=lr, weight_decay=options.weight_decay, **more)


def criterion_of(task: Task) -> Any:
    """The loss: squares of the standardised target, or −log p of the class."""
    from ... import nn

    return {"regression": nn.MSELoss, "binary": nn.BCEWithLogitsLoss, "multiclass": nn.CrossEntropyLoss}[
        task
    ]()


def step_of(model: Any, criterion: Any, optimizer: Any) -> Any:
    """The compiled training step."""
    from ...compiler.step import compile

    @compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def outputs_of(model: Any, x: Array) -> Array:
    """The network's outputs without dropout, (rows, outputs)."""
    from ... import nn
    from ...autograd.mode import no_grad

    layers = [layer for layer in model if not isinstance(layer, nn.Dropout)]
    parts = []
    with no_grad():
        for start in range(0, len(x), _PIECE):
            h = Tensor._wrap(x[start : start + _PIECE])
            for layer in layers:
                h = layer(h)
            parts.append(h._array())
    return np.concatenate(parts) if parts else np.empty((0, model[-1].out_features), np.float32)


def proba_of(outputs: Array, task: Task) -> Array:
    """Probabilities of the classes from the outputs: logistic function or softmax, (rows, classes)."""
    o = outputs.astype(np.float64)
    if task == "binary":
        o = np.concatenate([np.zeros_like(o), o], 1)
    e = np.exp(o - o.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def loss_of(outputs: Array, y: Array, task: Task) -> float:
    """The mean loss, as the criterion defines it, in float64."""
    if task == "regression":
        return float(np.square(outputs.astype(np.float64) - y).mean())
    o = outputs.astype(np.float64)
    if task == "binary":
        return float((np.logaddexp(0, o) - o * y).mean())
    top = o.max(1, keepdims=True)
    log_sum = np.log(np.exp(o - top).sum(1)) + top[:, 0]
    return float((log_sum - o[np.arange(len(y)), y]).mean())


def choose_rate(
    step: Any, tensors: Sequence[Tensor], batch_size: int, state: RunState, measure: Callable[[], float]
) -> tuple[float, list[tuple[float, float]]]:
    """The smallest learning rate that brings nearly what the best one does, and all that were tried.

    `measure()` is the loss; a rate is good enough with 85 % of the largest fall. The rate of the largest fall
    itself is too high for the rest of a run (L. N. Smith, Cyclical Learning Rates for Training Neural
    Networks, 2017, section 3.3, stays below it too). Every trial begins from the same values; so does the run
    afterwards. A trial that diverges counts as infinite.
    """
    batches = Batches(step, tensors, batch_size, True, False, state.generator)
    start, before = state.copy(), measure()
    tried: list[tuple[float, float]] = []
    for rate in RATES:
        state.start_over(start)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        done = 0
        with np.errstate(all="ignore"):
            while done < _TRIAL_STEPS:
                batches.draw()
                stop = min(batches.count, _TRIAL_STEPS - done)
                batches.run(0, stop, state)
                done += stop
            reached = measure()
        tried.append((rate, reached if np.isfinite(reached) else np.inf))
    state.start_over(start)
    return good_rate(before, tried), tried


def good_rate(before: float, tried: Sequence[tuple[float, float]]) -> float:
    """The first of the rates with 85 % of the largest fall from the loss before; the best one if none falls.

    >>> good_rate(1.0, [(0.001, 0.7), (0.01, 0.2), (0.1, 0.1), (1.0, 9.0)])
    0.01
    """
    best = min(reached for _, reached in tried)
    enough = before - _ENOUGH * (before - best) if best < before else best
    return next(rate for rate, reached in tried if reached <= enough)
