"""The batches of an epoch: their order, and steps over a range of them as native loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..compiler.step import Compiled
from ..compiler.train import Run, loss_of
from ..random import Generator
from ..tensor import Tensor
from ..utils.data.sampler import BatchSampler, RandomSampler, draw_seed, index_arrays
from .problem import problem
from .state import RunState

__all__ = ["Batches"]

Array = np.ndarray[Any, Any]


class Batches:
    """Batches of tensors whose first dimension counts the samples.

    NOTE [Same bits] The first call of a compiled step is computed by NumPy, later ones by machine code, which
    may round differently. A run that was stopped and resumed would have another first call, so a step without
    code is called once on a copy of the state, and only then for good, natively: every step of every run is
    computed by the same code. Only a step that creates the optimizer's state counts as it is; it is the first
    in every run.
    """

    def __init__(
        self, step: Callable[..., Any], tensors: Sequence[Tensor], batch_size: int, shuffle: bool,
        drop_last: bool, generator: Generator | None,
    ) -> None:  # fmt: skip
        self.step, self.shuffle, self.generator = step, shuffle, generator
        self.arrays = [np.ascontiguousarray(t.detach()._array()) for t in tensors]
        sizes = {len(a) if a.ndim else 0 for a in self.arrays}
        self.samples = next(iter(sizes), 0)
        if len(sizes) != 1 or not self.samples:
            raise problem(
                "the tensors do not have the same samples",
                came=", ".join(str(a.shape) for a in self.arrays) or "no tensor",
                expected="one or more samples in the first dimension, equally many in each",
            )
        if type(batch_size) is not int or batch_size < 1:
            raise problem("not a batch size", came=repr(batch_size), expected="a whole number from 1 on")
        self.size = min(batch_size, self.samples)
        whole, rest = divmod(self.samples, self.size)
        self.count = whole + bool(rest and not drop_last)
        self._sampler = RandomSampler(range(self.samples), generator=generator)
        self.order: Array | None = None

    def draw(self) -> None:
        """Draw the order of the next epoch; the generators are left as a DataLoader leaves them."""
        draw_seed(self.generator)  # a DataLoader's, for its workers
        if not self.shuffle:
            return
        found: Any = index_arrays(BatchSampler(self._sampler, self.samples, False))
        self.order = np.concatenate(list(found)).astype(np.int64, copy=False)

    def sizes(self, start: int, stop: int) -> Array:
        """How many samples each of these batches has."""
        sizes = np.full(stop - start, self.size)
        if stop * self.size > self.samples:
            sizes[-1] = self.samples - (stop - 1) * self.size
        return sizes

    def arguments(self, i: int) -> list[Tensor]:
        """The i-th batch of the epoch, laid out in memory as train() lays batches out."""
        part = slice(i * self.size, (i + 1) * self.size)
        index = (
            np.arange(part.start, min(part.stop, self.samples)) if self.order is None else self.order[part]
        )
        return [Tensor._wrap(a.take(index, 0)) for a in self.arrays]

    def run(self, start: int, stop: int, state: RunState) -> Array:
        """Step over batches start … stop-1 of the epoch; their losses."""
        whole = min(stop, self.samples // self.size)
        parts = [self._run(start, whole, state)] if start < whole else []
        if stop > whole:
            parts.append(self._run(max(start, whole), stop, state))  # the shorter last one
        return np.concatenate(parts)

    def _run(self, start: int, stop: int, state: RunState) -> Array:
        """Batches of one size."""
        parts: list[Array] = []
        while start < stop and (loss := self._prepared(start, state)) is not None:
            parts.append(loss)
            start += 1
        if start < stop:
            parts += self._losses(start, stop)
        return np.concatenate(parts)

    def _losses(self, start: int, stop: int) -> list[Array]:
        if not isinstance(self.step, Compiled):
            return [_loss(self.step(*self.arguments(i))) for i in range(start, stop)]
        size = self.size if stop * self.size <= self.samples else self.samples - start * self.size
        first = start * self.size
        if self.order is None:
            rows = [a[first : first + size * (stop - start)] for a in self.arrays]
            index = np.arange(size * (stop - start))
        else:
            rows, index = self.arrays, self.order[first : first + size * (stop - start)]
        return Run(self.step, rows, index.reshape(-1, size), False).losses()

    def _prepared(self, i: int, state: RunState) -> Array | None:
        """Let there be code for this batch: NOTE [Same bits]. The loss of a step that counts, or None."""
        step = self.step
        if not isinstance(step, Compiled):
            return None
        for _ in range(3):
            if step.known(self.arguments(i)) is not None:
                return None
            before, structure = state.copy(), state.structure()
            try:
                loss = _loss(step(*self.arguments(i)))
            except BaseException:
                state.restore(before)
                raise
            if state.structure() != structure:
                return loss
            state.restore(before)
        return None


def _loss(value: Any) -> Array:
    """The loss that a step returned; here it must be there."""
    loss = loss_of(value)
    if not loss.size:
        raise problem("the step did not return its loss", came="None", expected="a tensor of one element")
    return loss
