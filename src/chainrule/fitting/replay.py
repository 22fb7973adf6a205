"""The last second of a run again, to see the gradient with which it went wrong."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from .batches import Array, Batches
from .state import RunState, State

__all__ = ["Replay"]

_AGE = 1.0  # seconds between two copies of the state


class Replay:
    """Copies of the state now and then, and which batches were run since, with which settings."""

    def __init__(self, batches: Batches, state: RunState) -> None:
        self.batches, self.state = batches, state
        self._copy: State | None = None
        self._taken = 0.0
        self._draws: bool | None = None
        self._since: list[tuple[Array | None, list[dict[str, Any]], int, int]] = []

    def note(self, start: int, stop: int) -> None:
        """Batches start … stop-1 of the epoch are about to be run."""
        now = time.monotonic()
        # draws can be repeated within an epoch only: between two there may be others, as of evaluate()
        again = start == 0 and self._draws_numbers()
        if self._copy is None or again or now - self._taken > _AGE:
            self._copy, self._taken, self._since = self.state.copy(), now, []
        groups = self.state.optimizer.param_groups
        settings = [{key: value for key, value in g.items() if key != "params"} for g in groups]
        self._since.append((self.batches.order, settings, start, stop))

    def _draws_numbers(self) -> bool:
        """Whether a step draws random numbers, as far as its code is known; asked until it is."""
        if self._draws is None:
            self._draws = getattr(self.batches.step, "draws", True)
        return self._draws is not False

    def gradient_norm(self, bad: int) -> float:
        """The norm of all gradients in the step before the bad one, which is of the last batches noted.

        NaN if that step is not among them. The state is left changed.
        """
        steps = [(order, settings, i) for order, settings, a, b in self._since for i in range(a, b)]
        count = len(steps) - (self._since[-1][3] - bad)
        if self._copy is None or count < 1:
            return math.nan
        self.state.restore(self._copy)
        for order, settings, i in steps[: count - 1]:
            self._like_then(order, settings)
            self.batches.run(i, i + 1, self.state)
        order, settings, i = steps[count - 1]
        self._like_then(order, settings)
        return _norm(self.batches, i, self.state)

    def _like_then(self, order: Array | None, settings: list[dict[str, Any]]) -> None:
        self.batches.order = order
        for group, values in zip(self.state.optimizer.param_groups, settings):
            group.update(values)


def _norm(batches: Batches, i: int, state: RunState) -> float:
    """The norm of all gradients that the step leaves on this batch, called as plain Python; NaN if none."""
    state.optimizer.zero_grad()
    plain: Any = getattr(batches.step, "function", batches.step)
    try:
        plain(*batches.arguments(i))
    except (ArithmeticError, ValueError, RuntimeError):
        return math.nan
    grads = [p.grad._array() for p in state.parameters.values() if p.grad is not None]
    state.optimizer.zero_grad()
    if not grads:
        return math.nan
    # measured by the largest, so that squares do not overflow
    top = max(float(np.abs(g).max(initial=0.0)) for g in grads)
    if not 0 < top < math.inf:
        return top
    return top * math.sqrt(sum(float(np.square(g.astype(np.float64) / top).sum()) for g in grads))
