"""Compiled training steps and how fits share them.

NOTE [Sharing] A step is compiled for a network and a solver, not for an estimator: its numbers (learning
rate, alpha, …) are tensors that it reads, and a fit borrows it, puts its parameters in and takes them out
again. So the fits of a grid search compile once in each process.
NOTE [Padding] The last batch of an epoch is filled up with a row of weight 0, so that it does not need code
of its own; as a weight of 0 takes a row out of the loss, the gradient and their divisor, nothing changes.
NOTE [Same bits] The call that is traced is run by NumPy, whose last digits are others. It is none of those
that count, so that a fit is the same bit for bit whether it finds the code or makes it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import Generator, enable_grad, from_numpy, no_grad
from ..autograd import grad
from ..compiler.step import compile
from ..compiler.train import Run
from ..tensor import Tensor
from .network import Array, Network, forward, losses
from .solvers import RULES, apply

_IDLE = 16  # steps that wait for the next fit
_WASTE = 0.15  # of an epoch's rows: so much padding is better than other code for the last batch
_ROWS = 8192  # of a prediction at a time: what is between the layers stays small
# One thread at a time traces or runs: another thread's tensors would be taken for part of a trace.
running = threading.RLock()


class Plan:
    """The batches of an epoch over so many rows: matrices of batches of one size, one or two."""

    def __init__(self, rows: int, batch: int) -> None:
        self.rows, self.batch = rows, batch
        full, rest = divmod(rows, batch)
        if full == 1 and not rest:
            full, rest = 0, rows
        size = batch if full and batch - rest <= _WASTE * rows else rounded(rest)
        self.whole = full * batch
        self.last = np.full((1, size), rows)  # row number `rows` pads: NOTE [Padding]
        self.together = bool(full and rest and size == batch)
        self.counts = np.array([batch] * full + [rest] * (rest > 0), np.float64)
        self.runs: list[Run] = []

    def batches(self, order: Array) -> list[Array]:
        """The rows in this order, as matrices with a batch in each of their rows."""
        whole, rest = order[: self.whole].reshape(-1, self.batch), order[self.whole :]
        self.last[0, : len(rest)] = rest
        if self.together:
            return [np.concatenate([whole, self.last])]
        return [part for part in (whole, self.last[: len(rest)]) if len(part)]


class Step:
    """The parameters of a network, what its solver keeps, and one compiled step over a mini-batch."""

    def __init__(self, network: Network, solver: str) -> None:
        self.network, self.rule = network, RULES[solver]
        shapes = list(zip(network.units, network.units[1:]))
        self.coefs = [np.zeros(s, network.dtype) for s in shapes]
        self.intercepts = [np.zeros(s[1], network.dtype) for s in shapes]
        self.arrays = [*self.coefs, *self.intercepts]
        self.kept = [[np.zeros_like(a) for _ in self.rule.slots] for a in self.arrays]
        names = ("learning_rate", "alpha", *self.rule.numbers, *self.rule.products)
        self.numbers = {name: np.ones(()) for name in names}
        self.generator = Generator()
        self._parameters = [from_numpy(a).requires_grad_() for a in self.arrays]
        self._slots = [[from_numpy(a) for a in kept] for kept in self.kept]
        self._numbers = {name: from_numpy(a) for name, a in self.numbers.items()}
        self._step = compile(self._one)

    def _one(self, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        """Forward, backward and update on rows x, y of weights w; the loss before the update."""
        parameters, layers = self._parameters, len(self.coefs)
        weights, biases = parameters[:layers], parameters[layers:]
        with no_grad():  # at first: after the update the old weights would have to be kept for it
            squares = sum((p * p).sum() for p in weights)
        total = w.sum()
        share = (total > 0).to(w.dtype) / (total + (total == 0).to(w.dtype))  # 1 / total; 0 without weights
        drops = self.generator if self.network.dropping else None
        loss = (losses(self.network, forward(self.network, x, weights, biases, drops), y) * w).sum() * share
        gradients: list[Tensor] = list(grad(loss, parameters))
        with no_grad():
            alpha = self._numbers["alpha"]
            reported = loss.detach() * self.network.reported
            if self.rule.decoupled:
                for p in weights:
                    p.mul_(1 - self._numbers["learning_rate"] * alpha)
            else:
                reported = reported + 0.5 * alpha * share * squares
                gradients[:layers] = [g + (alpha * share) * p for g, p in zip(gradients, weights)]
            apply(self.rule, parameters, gradients, self._slots, self._numbers)
        return reported

    def load(
        self, arrays: Sequence[Array], numbers: dict[str, float], kept: Sequence[Sequence[Array]]
    ) -> None:
        """Begin with these parameters; `kept` is what keep() gave, or empty."""
        for own, given in zip(self.arrays, arrays):
            own[...] = given
        for name, number in self.numbers.items():
            number[...] = numbers.get(name, 1.0)
        for i, own_slots in enumerate(self.kept):
            for j, own in enumerate(own_slots):
                own[...] = kept[i][j] if kept else 0

    def keep(self) -> tuple[dict[str, float], list[list[Array]]]:
        """The numbers and slots, to go on later."""
        return {k: float(v) for k, v in self.numbers.items()}, [[a.copy() for a in s] for s in self.kept]

    def plan(self, rows: list[Array], batch: int) -> Plan:
        """How epochs over these rows go, the last of which pads; with code for it: NOTE [Same bits]."""
        n = len(rows[0]) - 1
        plan = Plan(n, batch)
        for matrix in plan.batches(np.arange(n)):
            with running, enable_grad(), np.errstate(all="ignore"):
                first = [from_numpy(a.take(matrix[0], 0)) for a in rows]
                if self._step.known(first) is None:
                    self._step(*first)
            plan.runs.append(Run(self._step, rows, matrix, False))
        return plan

    def epoch(self, plan: Plan, order: Array) -> float:
        """A step for every batch of the rows in this order; the mean loss."""
        parts: list[Array] = []
        for run, matrix in zip(plan.runs, plan.batches(order)):
            with running, enable_grad():
                parts += run.again(matrix)
        return float(np.dot(np.concatenate(parts).astype(np.float64), plan.counts) / plan.rows)


def rounded(n: int) -> int:
    """The next of four sizes to the octave: 33 → 40, 150 → 160."""
    unit = max(1 << (n.bit_length() - 3), 1) if n >= 8 else 1
    return -(-n // unit) * unit


_idle: OrderedDict[int, tuple[Any, Step]] = OrderedDict()  # those put back last come last


@contextmanager
def borrowed(network: Network, solver: str) -> Iterator[Step]:
    """A step for this network and solver, for one fit; what failed is not used again."""
    with running:
        found = next((n for n, (key, _) in reversed(_idle.items()) if key == (network, solver)), None)
        step = Step(network, solver) if found is None else _idle.pop(found)[1]
    yield step
    with running:
        _idle[id(step)] = ((network, solver), step)
        while len(_idle) > _IDLE:
            _idle.popitem(last=False)


def output(network: Network, x: Array, coefs: Sequence[Array], intercepts: Sequence[Array]) -> Array:
    """The output layer before its activation, for each row of x (an array or a sparse matrix)."""
    parameters = [[from_numpy(np.ascontiguousarray(a)) for a in arrays] for arrays in (coefs, intercepts)]
    parts = []
    for start in range(0, max(x.shape[0], 1), _ROWS):
        part: Any = x[start : start + _ROWS]
        part = part.toarray() if hasattr(part, "toarray") else part
        part = np.require(part, coefs[0].dtype, ["C", "W"])
        with running, no_grad():
            parts.append(forward(network, from_numpy(part), *parameters)._array())
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
