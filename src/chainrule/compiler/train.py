"""train(): epochs of a compiled step over a data set, batches and all, as one native loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import message
from ..tensor import Tensor
from ..types import FLOAT
from .assemble import FIRST
from .runner import NativeRunner
from .specialisation import Specialisation
from .step import Compiled
from .train_loop import (
    BATCH,
    COUNT,
    DONE,
    FORK,
    HEAD,
    INDICES,
    LOSS_BYTES,
    LOSS_SLOT,
    LOSSES,
    PART,
    PARTS,
    PERIOD,
    POOL,
    ROW_BYTES,
    ROWS,
    SLOT,
    STAGE,
    START,
    STEP,
    TABLE,
    THREADS,
    loop,
)  # fmt: skip

_SLICE = 0.05  # seconds of native work between two looks at the keyboard

_TOGETHER = 1 << 18  # samples of the epochs that run as one

Array = np.ndarray[Any, Any]


def train(
    step: Callable[..., Any], data: Any, *, epochs: int = 1, batch_size: int | None = None,
    shuffle: bool = False, generator: Any = None, drop_last: bool = False,
    after_epoch: Callable[[int, Tensor], Any] | None = None,
) -> Tensor:  # fmt: skip
    """Call step(*batch) for every batch of every epoch; the losses it returned, in order.

    The same as a loop over a DataLoader, with the same numbers from the same seed, but for a step of
    `compile` the loop runs natively: Python is needed only between epochs. `data` is a DataLoader, or a
    tensor or a tuple of tensors, whose first dimension counts the samples; without batch_size the step gets
    one sample at a time. `after_epoch(epoch, losses)` is called with each epoch's losses: to report, or to
    step a scheduler.

    A keyboard interrupt ends it between two steps: parameters and state are those of the last whole one.

    Raises TypeError for a step that does not return one number (a tensor of one element) and is to be
    recorded.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.0, 1.0, 2.0, 3.0])
    >>> w = cr.tensor(0.0, requires_grad=True)
    >>> optimizer = cr.optim.SGD([w], lr=0.05)
    >>> @cr.compile
    ... def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = (w * x - y) ** 2
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> losses = cr.train(step, (x, 2 * x), epochs=20)
    >>> round(w.item(), 4)
    2.0
    """
    loader = _loader(data, batch_size, shuffle, generator, drop_last)
    parts: list[Array] = []
    epoch = 0
    while epoch < epochs:
        together = _alike(step, loader, epochs - epoch) if after_epoch is None else 1
        losses = _epoch(step, loader, together)
        parts.append(losses)
        if after_epoch is not None:
            after_epoch(epoch, Tensor._wrap(losses))
        epoch += together
    return Tensor._wrap(np.concatenate(parts) if parts else np.zeros(0, np.float32))


def _loader(data: Any, batch_size: int | None, shuffle: bool, generator: Any, drop_last: bool) -> Any:
    from ..utils.data import DataLoader, TensorDataset

    if not isinstance(data, (Tensor, tuple, list)):
        return data
    tensors = (data,) if isinstance(data, Tensor) else tuple(data)
    kinds = sorted({type(t).__name__ for t in tensors})
    if not tensors or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError(
            message(
                "train() does not know this data",
                came=f"a {type(data).__name__} of {', '.join(kinds) or 'nothing'}",
                expected="a DataLoader, or tensors whose first dimension counts the samples",
                fix="wrap arrays with torch.from_numpy, or pass a DataLoader",
            )
        )
    return DataLoader(TensorDataset(*tensors), batch_size, shuffle, generator=generator, drop_last=drop_last)


def _alike(step: Callable[..., Any], loader: Any, most: int) -> int:
    """How many epochs may run as one: in one order, of equal batches, with no draws between them."""
    from ..utils.data import DataLoader
    from ..utils.data.sampler import BatchSampler, SequentialSampler

    known = isinstance(step, Compiled) and step.draws is False
    if not known or not isinstance(loader, DataLoader):
        return 1
    batches: Any = loader.batch_sampler
    plain = type(loader.sampler) is SequentialSampler and (batches is None or type(batches) is BatchSampler)
    n = len(loader.dataset) if plain else 0
    if not n or (batches is not None and not batches.drop_last and n % batches.batch_size):
        return 1
    return max(min(_TOGETHER // n, most), 1)


def _epoch(step: Callable[..., Any], loader: Any, epochs: int = 1) -> Array:
    """Passes over the loader: natively where batches are rows of tensors and the step is compiled."""
    batches = iter(loader)
    source = _rows(loader, batches) if isinstance(step, Compiled) else None
    if source is None:
        return _joined([loss_of(step(*_arguments(batch))) for batch in batches])
    compiled: Any = step
    tensors, segments, single = source
    if epochs > 1:
        _skip_seeds(loader, epochs - 1)
    return _joined([part for s in segments for part in Run(compiled, tensors, s, single, epochs).losses()])


def _skip_seeds(loader: Any, epochs: int) -> None:
    """Draw what the iterators of so many epochs would have drawn: the workers' base seeds."""
    from ..random import default_generator

    (default_generator if loader.generator is None else loader.generator).raw(2 * epochs)


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _arguments(batch: Any) -> Any:
    return batch if isinstance(batch, (list, tuple)) else (batch,)


def loss_of(value: Any) -> Array:
    """What a step returned, as an array of one number; of none if it returned nothing."""
    if value is None:
        return np.zeros(0, np.float32)
    first = value[0] if isinstance(value, (tuple, list)) and value else value
    if not isinstance(first, Tensor) or first._a.size != 1:
        raise TypeError(
            message(
                "a training loop cannot keep what the step returned",
                came=f"a {type(first).__name__}"
                + (f" of shape {tuple(first.shape)}" if isinstance(first, Tensor) else ""),
                expected="the loss: a tensor of one element, alone or first in a tuple; or None",
                fix="return loss from the step",
            )
        )
    return np.array(first.detach()._array()).reshape(1)


def _rows(loader: Any, batches: Any) -> tuple[list[Array], list[Array], bool] | None:
    """Arrays whose rows are the samples, the rows of batches, and whether a batch is one bare sample.

    The rows come in matrices of batches of one size, a batch in each row of the matrix.
    """
    from ..utils.data.fetch import TensorFetcher, rows_behind
    from ..utils.data.sampler import BatchSampler, index_arrays

    fetcher = getattr(batches._fetch, "__self__", None) if hasattr(batches, "_fetch") else None
    if fetcher is None or loader.num_workers:
        return None
    if isinstance(fetcher, TensorFetcher):
        found: Any = (fetcher.source, fetcher.indices)
    else:
        found = None if fetcher.auto_collation else rows_behind(loader)
    if found is None:
        return None
    source, chosen = found
    tensors = source.tensors
    if not all(type(t) is Tensor and t._node is None and t._array().flags.c_contiguous for t in tensors):
        return None
    single = not loader._auto_collation
    arrays = [t._array() for t in tensors]
    indices: Any = batches._sampler_iter
    if single:  # the same draws, all at once
        indices = index_arrays(BatchSampler(loader.sampler, max(len(source), 1), False)) or indices
    segments = _segments(list(indices), single)
    if chosen is not None:
        segments = [chosen[s] for s in segments]
    for s in segments:
        if s.size and (s.min() < 0 or s.max() >= min(map(len, arrays))):
            return None  # the ordinary way words it
    return arrays, segments, single


def _segments(indices: list[Any], single: bool) -> list[Array]:
    """The indices of all batches, as one matrix for each run of batches of one size."""
    if single:
        return [np.concatenate([*map(_as_rows, indices)]).reshape(-1, 1)] if indices else []
    rows = [_as_rows(i) for i in indices]
    out, start = [], 0
    for stop in range(1, len(rows) + 1):
        if stop == len(rows) or len(rows[stop]) != len(rows[start]):
            out.append(np.concatenate(rows[start:stop]).reshape(stop - start, -1))
            start = stop
    return out


def _as_rows(index: Any) -> Array:
    if type(index) is slice:
        return np.arange(index.start, index.stop)
    return np.asarray([index] if type(index) is int else index, np.int64)


class Run:
    """Steps over batches of one size, `times` over and over again."""

    def __init__(
        self, step: Compiled, rows: list[Array], batches: Array, single: bool, times: int = 1
    ) -> None:
        self.step, self.rows, self.single = step, rows, single
        self.size = batches.shape[1]
        order = batches.reshape(-1)
        self.ordered = bool((order == np.arange(len(order))).all())  # from the first row on
        self.batches = batches if self.ordered else np.tile(batches, (times, 1))
        self.total = len(batches) * times
        self._laid: tuple[Specialisation, Array, Array, list[Any], Array] | None = None

    def again(self, batches: Array) -> list[Array]:
        """All steps once more, over as many batches in another order: what is laid out is used again."""
        if self.ordered:
            self.ordered, self.batches, self._laid = False, np.array(batches), None
        self.batches[...] = batches
        if self._laid is None:
            return self.losses()
        known, job, kept, holding, table = self._laid
        captured = known.trace.captured
        if known.change() or not all(t._a is a for t, a in zip(captured, holding)):
            return self.losses()
        known.runner.table[FIRST:] = table
        known.numbered({})
        return [self._steps(known, job, kept, holding, 0)]

    def losses(self) -> list[Array]:
        """Run all steps: in Python until there is code for them, natively from then on."""
        out: list[Array] = []
        for i in range(self.total):
            args = self._arguments(i)
            known = self.step.known(args)
            if known is not None and known.bridge is None and isinstance(known.runner, NativeRunner):
                return [*out, self._native(known, i)]
            out.append(loss_of(self.step(*args)))
        return out

    def _native(self, known: Specialisation, start: int) -> Array:
        """The steps from `start` on as one loop, in slices short enough for the keyboard."""
        code: NativeRunner = known.runner
        total = self.total - start
        loss = code.results[0] if code.results else None
        if loss is not None and (loss.size != 1 or loss.dtype.category != FLOAT):
            return _joined([loss_of(self.step(*self._arguments(i))) for i in range(start, self.total)])
        kept = np.zeros(total if loss is not None else 0, np.float32 if loss is None else loss.dtype.np)
        holding = known.bind()
        others = [np.empty(v.shape, v.dtype.np) for v in code.results[1:]]
        first = code.first_result
        for i, a in enumerate(others, first + 1):
            code.table[i] = a.ctypes.data
        job = self._job(code, kept, first)
        if not start and not others:
            self._laid = known, job, kept, holding, code.table[FIRST:].copy()
        return self._steps(known, job, kept, holding, start)

    def _steps(self, known: Specialisation, job: Array, kept: Array, holding: list[Any], start: int) -> Array:
        code: NativeRunner = known.runner
        total = self.total - start
        run = known.looping or loop()[1]
        done, chunk = 0, known.pace
        try:
            while done < total:
                count = min(chunk, total - done)
                self._move(job, start, kept, done, count)
                began = time.perf_counter()
                fault = run(job.ctypes.data)
                done += int(job[DONE])
                if fault:
                    code.failed(fault, code.table[0])
                took = max(time.perf_counter() - began, 1e-9)
                known.pace = chunk = max(int(count * min(_SLICE / took, 8.0)), 1)
        finally:
            known.after(holding)
        return kept.copy()  # again() writes there

    def _arguments(self, i: int) -> list[Tensor]:
        index = self.batches[i % len(self.batches)]
        return [Tensor._wrap(a[index[0]] if self.single else a.take(index, 0)) for a in self.rows]

    def _job(self, code: NativeRunner, kept: Array, loss_slot: int) -> Array:
        """The table of NOTE [Job], and room for batches whose rows are gathered."""
        job = np.zeros(HEAD + PART * len(self.rows), np.int64)
        job[STEP], job[TABLE], job[PARTS] = code.entry, code.address, len(self.rows)
        job[LOSS_BYTES], job[LOSS_SLOT] = kept.itemsize if kept.size else 0, loss_slot
        job[THREADS] = code.threads
        if code.threads > 1:
            from . import threads

            threads.pool().start()
            job[FORK], job[POOL] = threads.fork_address(), threads.pool().address
        self.stages = [np.empty((self.size, *a.shape[1:]), a.dtype) for a in self.rows]
        for i, (a, stage) in enumerate(zip(self.rows, self.stages)):
            part = job[HEAD + PART * i : HEAD + PART * (i + 1)]
            size = a.itemsize * int(np.prod(a.shape[1:], dtype=np.int64))
            part[SLOT], part[ROWS], part[ROW_BYTES] = FIRST + i, a.ctypes.data, size
            part[BATCH], part[PERIOD] = self.size, self.batches.size
            part[STAGE] = stage.ctypes.data
        return job

    def _move(self, job: Array, start: int, kept: Array, done: int, count: int) -> None:
        """Let the job go on behind what is done."""
        job[COUNT], job[LOSSES] = count, kept.ctypes.data + done * kept.itemsize
        at = (start + done) * self.size
        for i in range(len(self.rows)):
            part = job[HEAD + PART * i : HEAD + PART * (i + 1)]
            part[START] = at % self.batches.size
            if not self.ordered:
                part[INDICES] = self.batches.ctypes.data + at * self.batches.itemsize
