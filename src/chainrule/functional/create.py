"""Making tensors from data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import require_cpu
from ..tensor import Tensor
from ..types import FROM_NUMPY, DType, as_dtype, default, float64


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new leaf that holds a copy of `data`: numbers, nested sequences, arrays, tensors.

    Python floats become the default dtype (float32), ints int64, bools bool; arrays keep theirs.

    >>> import chainrule as cr
    >>> cr.tensor([1.0, 2.0], requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """
    require_cpu(device)
    array = to_array(data, dtype)
    t = Tensor._wrap(array)
    if requires_grad:
        t.requires_grad = True
    return t


def to_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """A fresh array of `data` with PyTorch's choice of dtype."""
    if isinstance(data, Tensor):
        return np.array(data._a, None if dtype is None else dtype.np)
    given = isinstance(data, (np.ndarray, np.generic))
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"expected sequence of equal length: {error}") from None
    if dtype is not None:
        return array.astype(as_dtype(dtype).np)
    if not given and array.dtype == np.float64:
        return array.astype(default.dtype.np)
    if array.dtype not in FROM_NUMPY:
        raise TypeError(f"can't convert np.ndarray of type numpy.{array.dtype}")
    return array


__all__ = ["float64", "tensor", "to_array"]
