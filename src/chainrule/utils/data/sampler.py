"""Samplers: in which order the samples of a dataset are taken, and in which batches.

NOTE [Shuffles] The random samplers consume the generators exactly as PyTorch's do, lazily, so that a seeded
script sees the same batches and draws the same numbers after them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ...random import Generator, default_generator, multinomial, randint, randperm
from ...tensor import Tensor

T_co = TypeVar("T_co", covariant=True)

__all__ = [
    "BatchSampler", "RandomSampler", "Sampler", "SequentialSampler", "SubsetRandomSampler",
    "WeightedRandomSampler", "draw_seed",
]  # fmt: skip


def draw_seed(generator: Generator | None) -> int:
    """A 63-bit seed out of `generator` (None: the default one), as `random_` draws an int64."""
    high: int
    low: int
    high, low = (default_generator if generator is None else generator).raw(2).tolist()
    return (high << 32 | low) & 0x7FFF_FFFF_FFFF_FFFF


def _require_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _require_bool(name: str, value: Any, error: type[Exception] = ValueError) -> None:
    if not isinstance(value, bool):
        raise error(f"{name} should be a boolean value, but got {name}={value}")


class Sampler(Generic[T_co]):
    """Yields indices (or lists of them) of a dataset; subclasses have `__iter__` and perhaps `__len__`."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, …, len(data_source) − 1.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices shuffled, or `num_samples` of them drawn with replacement.

    Without a generator each pass seeds its own from the default one. Raises TypeError for a `replacement`
    that is not a bool, ValueError for a `num_samples` that is not positive.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    _spare: Generator | None = None

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _require_bool("replacement", replacement, TypeError)
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _blocks(self) -> Iterator[np.ndarray[Any, Any]]:
        """The indices in the blocks in which they are drawn."""
        if self.generator is not None:
            yield from self._draw(self.generator, len(self.data_source), True)
            return
        generator, self._spare = self._spare or Generator(), None  # making one takes longer than seeding it
        generator.manual_seed(draw_seed(None))
        try:
            yield from self._draw(generator, len(self.data_source), False)
        finally:
            self._spare = generator

    def _draw(self, generator: Generator, n: int, to_the_end: bool) -> Iterator[np.ndarray[Any, Any]]:
        """The last block is drawn even if nothing of it is used, where the user's generator would show it."""
        whole, rest = divmod(self.num_samples, 32 if self.replacement else n)
        for _ in range(whole):
            yield randint(generator, 0, n, (32,)) if self.replacement else randperm(generator, n)
        if rest or to_the_end:
            yield randint(generator, 0, n, (rest,)) if self.replacement else randperm(generator, n)[:rest]

    def __iter__(self) -> Iterator[int]:
        for block in self._blocks():
            yield from block.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, shuffled.

    >>> sorted(SubsetRandomSampler([4, 7]))
    [4, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = default_generator if self.generator is None else self.generator
        for i in randperm(generator, len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, each drawn with probability proportional to its weight.

    Raises ValueError for weights that are not one row, a `num_samples` that is not positive, or a
    `replacement` that is not a bool.

    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _require_positive("num_samples", num_samples)
        _require_bool("replacement", replacement)
        values = np.asarray(weights.detach() if isinstance(weights, Tensor) else weights, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(values.shape)}"
            )
        self.weights = Tensor._wrap(values)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = default_generator if self.generator is None else self.generator
        yield from multinomial(generator, self.weights._array(), self.num_samples, self.replacement).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler; `drop_last` leaves out a shorter last one.

    Raises ValueError for a `batch_size` that is not positive or a `drop_last` that is not a bool.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _require_positive("batch_size", batch_size)
        _require_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        size, drop_last = self.batch_size, self.drop_last
        while batch := list(itertools.islice(indices, size)):
            if len(batch) < size and drop_last:
                return
            yield batch

    def __len__(self) -> int:
        total = len(self.sampler)  # type: ignore[arg-type]
        return total // self.batch_size if self.drop_last else -(-total // self.batch_size)


def index_arrays(sampler: Any) -> Iterator[slice | np.ndarray[Any, Any]] | None:
    """A plain BatchSampler's batches as slices or index arrays; None if it has parts of the user's."""
    if type(sampler) is not BatchSampler:
        return None
    source = sampler.sampler
    if type(source) is SequentialSampler:
        return _slices(sampler, source)
    if type(source) is RandomSampler and not source.replacement:
        return _shuffled(sampler, source)
    return None


def _slices(sampler: BatchSampler, source: SequentialSampler) -> Iterator[slice]:
    n, size = len(source.data_source), sampler.batch_size
    for start in range(0, n - size + 1 if sampler.drop_last else n, size):
        yield slice(start, min(start + size, n))


def _shuffled(sampler: BatchSampler, source: RandomSampler) -> Iterator[np.ndarray[Any, Any]]:
    """As BatchSampler's lists: a batch may span blocks; a block is drawn when its first index is due."""
    size = sampler.batch_size
    rest = np.empty(0, np.int64)
    for block in source._blocks():
        indices = np.concatenate((rest, block)) if rest.size else block
        whole = len(indices) - len(indices) % size
        for start in range(0, whole, size):
            yield indices[start : start + size]
        rest = indices[whole:]
    if rest.size and not sampler.drop_last:
        yield rest
