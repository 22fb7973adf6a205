"""Fetchers: from a batch of indices to a batch of data, in the main process and in workers alike.

NOTE [One gather] A TensorDataset (or a Subset of one) with the default collate gives each batch as one gather
per tensor, which equals taking the rows one by one and stacking them. Whatever may differ from that
(overridden methods, tensors that need gradients, indices that are not plain ints, an index out of range) is
left to the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.tape import mode
from ...tensor import Tensor, new_tensor
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map, default_convert
from .dataset import Subset, TensorDataset

__all__ = ["DatasetKind", "IterableFetcher", "MapFetcher", "TensorFetcher", "make_fetcher"]


class DatasetKind:
    """Whether samples come by index (Map) or from a stream (Iterable)."""

    Map = 0
    Iterable = 1


class MapFetcher:
    """Takes samples by index, then collates them."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any]) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index: Any) -> Any:
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[index])
        whole = getattr(dataset, "__getitems__", None)
        return self.collate_fn(whole(index) if whole else [dataset[i] for i in index])


class IterableFetcher:
    """Takes the next samples of a stream, then collates them; StopIteration at its end."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.stream = iter(dataset)
        self.ended = False

    def fetch(self, index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.stream))
        samples = []
        for _ in index:
            try:
                samples.append(next(self.stream))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)


class TensorFetcher(MapFetcher):
    """MapFetcher for a TensorDataset or a Subset of one (see NOTE [One gather])."""

    def __init__(self, dataset: Any, source: TensorDataset, indices: np.ndarray[Any, Any] | None) -> None:
        super().__init__(dataset, True, default_collate)
        self.source = source
        self.indices = indices

    def fetch(self, index: Any) -> Any:
        if type(index) is not list:
            return self.gather(index)
        rows = _int_array(index)
        return super().fetch(index) if rows is None else self.gather(rows)

    def gather(self, index: Any) -> Any:
        """The batch at a slice or an int array."""
        indices = self.indices
        batch = []
        try:
            if indices is not None:
                rows: Any = indices[index]
            else:
                rows = index
            for t in self.source.tensors:
                if type(t) is not Tensor or (t._node is not None and mode.grad):
                    break
                result = new_tensor(Tensor)
                result._a = t._a[rows].copy() if type(rows) is slice else t._a.take(rows, 0)
                result._node = None
                batch.append(result)
            else:
                return batch
        except IndexError:
            pass  # the long way says it in the tensor's own words
        if type(index) is slice:
            index = range(index.start, index.stop)
        return super().fetch([int(i) for i in index])


def make_fetcher(
    kind: int, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool
) -> MapFetcher | IterableFetcher:
    """The fetcher for a dataset."""
    if kind == DatasetKind.Iterable:
        return IterableFetcher(dataset, auto_collation, collate_fn, drop_last)
    plain = default_collate_fn_map.get(Tensor) is collate_tensor_fn
    if auto_collation and collate_fn is default_collate and plain:
        found = _tensors_behind(dataset)
        if found is not None:
            return TensorFetcher(dataset, *found)
    return MapFetcher(dataset, auto_collation, collate_fn)


def _tensors_behind(dataset: Any) -> tuple[TensorDataset, np.ndarray[Any, Any] | None] | None:
    """The plain TensorDataset that `dataset` is or selects from, with the rows (None: all in order)."""
    cls: Any = type(dataset)
    if isinstance(dataset, TensorDataset):
        plain = cls.__getitem__ is TensorDataset.__getitem__ and not hasattr(dataset, "__getitems__")
        return (dataset, None) if plain and dataset.tensors else None
    if not isinstance(dataset, Subset):
        return None
    if cls.__getitem__ is not Subset.__getitem__ or cls.__getitems__ is not Subset.__getitems__:
        return None
    found = _tensors_behind(dataset.dataset)
    rows = _int_array(dataset.indices)
    if found is None or rows is None:
        return None
    source, outer = found
    try:
        return source, rows if outer is None else outer[rows]
    except IndexError:
        return None


def rows_behind(loader: Any) -> tuple[TensorDataset, np.ndarray[Any, Any] | None] | None:
    """The TensorDataset whose rows a loader without batches hands out one by one, and which of them."""
    plain = default_collate_fn_map.get(Tensor) is collate_tensor_fn and loader.collate_fn is default_convert
    return _tensors_behind(loader.dataset) if plain else None


def _int_array(indices: Any) -> np.ndarray[Any, Any] | None:
    """The indices as an array if they are all plain ints."""
    if not isinstance(indices, (list, tuple, range)) or set(map(type, indices)) != {int}:
        return None
    try:
        return np.array(indices, np.int64)
    except OverflowError:
        return None
