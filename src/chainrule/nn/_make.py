"""Small makers that the layers share: uninitialised tensors, optional parameters, sizes per dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..device import require_cpu
from ..tensor import Tensor
from ..types import as_dtype, default
from .parameter import Parameter


def _dtype(dtype: Any) -> Any:
    return default.dtype.np if dtype is None else as_dtype(dtype).np


def empty(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor to be filled by an initialisation."""
    require_cpu(device)
    return Tensor._wrap(np.empty(shape, _dtype(dtype)))


def full(shape: Any, value: float, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of one value."""
    require_cpu(device)
    return Tensor._wrap(np.full(shape, value, _dtype(dtype)))


def optional_parameter(module: Any, name: str, shape: Any, device: Any = None, dtype: Any = None) -> None:
    """Register an uninitialised parameter of `shape`, or None in its place if shape is None."""
    module.register_parameter(name, None if shape is None else Parameter(empty(shape, device, dtype)))


def ntuple(n: int) -> Callable[[Any], Any]:
    """A function that repeats a number n times and passes sequences on as tuples."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) and not isinstance(x, str) else (x,) * n

    return parse


single, pair, triple, quadruple = ntuple(1), ntuple(2), ntuple(3), ntuple(4)


def repeated(values: Iterable[int], times: int) -> tuple[int, ...]:
    """Each value `times` times, last dimension first: how F.pad wants a convolution's padding."""
    return tuple(v for v in reversed(tuple(values)) for _ in range(times))
