"""From a list of samples to one batch (default_collate), from arrays to tensors (default_convert)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...autograd.tape import mode
from ...functional.create import tensor
from ...functional.join import stack
from ...tensor import Tensor
from ...types import float64

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

CollateMap = dict[Any, Callable[..., Any]]
_TEXT = "SaUO"
_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _as_tensor(value: Any) -> Tensor:
    """The array as a tensor on the same memory; a NumPy scalar as one of its own."""
    if isinstance(value, np.ndarray):
        native = value.dtype.newbyteorder("=")
        return Tensor._wrap(value if value.dtype == native else value.astype(native))
    return tensor(value)


def _like(original: Any, convert: Callable[[Any], Any], keys: Any) -> Any:
    """A container of the type of `original` that holds convert(key) at each key or position.

    Mutable containers are cloned and filled, as they may carry more than their items; a type that allows
    neither becomes a plain dict or list.
    """
    if isinstance(original, Mapping):
        items = {key: convert(key) for key in keys}
        try:
            if not isinstance(original, MutableMapping):
                return type(original)(items)  # type: ignore[call-arg]
            clone: Any = copy.copy(original)
            clone.update(items)
            return clone
        except TypeError:
            return items
    values = [convert(key) for key in keys]
    try:
        if not isinstance(original, MutableSequence):
            return type(original)(values)
        clone = copy.copy(original)
        for i, value in enumerate(values):
            clone[i] = value
        return clone
    except TypeError:
        return values


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers as tensors, also inside sequences and mappings; everything else unchanged.

    >>> import numpy as np
    >>> default_convert([np.array([0, 1]), "a"])
    [tensor([0, 1]), 'a']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray) and data.dtype.str[1] in _TEXT:
        return data
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (np.str_, np.bytes_)):
        return _as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, lambda key: default_convert(data[key]), data)
    if isinstance(data, tuple):
        values = [default_convert(value) for value in data]
        return type(data)(*values) if hasattr(data, "_fields") else values
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, default_convert, data)
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Combine samples by the functions of `collate_fn_map` for their types, containers item by item.

    Each function takes (batch, *, collate_fn_map). Raises TypeError for a type without one, RuntimeError for
    sequences of different lengths.
    """
    first = batch[0]
    if collate_fn_map is not None:
        function = _function_for(first, collate_fn_map)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _like(
            first,
            lambda key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map),
            first,
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*[collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)])
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = list(zip(*batch))
        if isinstance(first, tuple):
            return [collate(column, collate_fn_map=collate_fn_map) for column in columns]
        return _like(first, lambda column: collate(column, collate_fn_map=collate_fn_map), columns)
    raise TypeError(_UNKNOWN.format(type(first)))


def _function_for(first: Any, collate_fn_map: CollateMap) -> Callable[..., Any] | None:
    function = collate_fn_map.get(type(first))
    if function is None:
        for kind, candidate in collate_fn_map.items():
            if isinstance(first, kind):
                return candidate
    return function


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """Tensors of one shape stacked along a new first dimension."""
    arrays = []
    dtype, shape = batch[0]._a.dtype, batch[0]._a.shape
    for t in batch:
        if type(t) is not Tensor or (t._node is not None and mode.grad):
            return stack(batch, 0)
        a = t._a
        if a.dtype is not dtype or a.shape != shape:
            return stack(batch, 0)
        arrays.append(a)
    out = np.empty((len(arrays), *shape), dtype)
    for i, a in enumerate(arrays):
        out[i] = a
    return Tensor._wrap(out)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Arrays as tensors, stacked; TypeError for arrays of text or objects."""
    if batch[0].dtype.str[1] in _TEXT:
        raise TypeError(_UNKNOWN.format(batch[0].dtype))
    return collate([_as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """NumPy scalars as one tensor of their dtype."""
    return Tensor._wrap(np.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """Python floats as a float64 tensor."""
    return tensor(batch, dtype=float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """Python ints as an int64 tensor, bools as a bool tensor."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Text stays a list."""
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """Samples as one batch: tensors, arrays and numbers get a new first dimension, containers item by item.

    Tuples become lists, namedtuples and mappings keep their type, str and bytes stay lists. Raises TypeError
    for anything else, RuntimeError for sequences or tensors of different sizes.

    >>> default_collate([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
    {'x': tensor([1, 2]), 'y': ['a', 'b']}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
